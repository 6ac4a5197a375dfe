//! Whole training runs on a small net: they learn, they resume to the bit, they refuse what cannot be trained.
#![cfg(feature = "train")]

mod small_run;

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use small_run::{recording, small};
use vq_trainer::config::Config;
use vq_trainer::data::{OpenOptions, open};
use vq_trainer::export::from_run::TrainedRun;
use vq_trainer::export::trained::TrainedQuantizer;
use vq_trainer::run::{MetricsLine, MetricsLog, RunFolder, TensorFile};
use vq_trainer::train::{Job, Outcome, Source, Watcher};

/// Stops the run once a step is reached.
struct StopAt<'a> {
    step: usize,
    stop: &'a AtomicBool,
}

impl Watcher for StopAt<'_> {
    fn line(&mut self, line: &MetricsLine) {
        if line.step == self.step {
            self.stop.store(true, Ordering::Relaxed);
        }
    }
}

fn start(path: &Path, config: &Config, folder: &Path) -> Job {
    let options = OpenOptions { rate_millihertz: Some(100_000), columns: vec!["ecg".into()], ..OpenOptions::default() };
    let recording = open(path, &options).unwrap();
    let sources = vec![Source { path: path.into(), options, recording: recording.into(), held_out: false }];
    Job::start(sources, config, folder, "cpu", vec!["test".into()]).unwrap()
}

fn train(job: &mut Job, until: usize) -> Outcome {
    let stop = AtomicBool::new(false);
    job.train(&mut StopAt { step: until, stop: &stop }, &stop).unwrap()
}

/// Everything that a run ends with, except times.
fn end(folder: &Path) -> (TensorFile, Vec<MetricsLine>) {
    let mut file = TensorFile::load(&folder.join("checkpoints/latest.safetensors")).unwrap();
    let mut state: serde_json::Value = serde_json::from_str(&file.state).unwrap();
    state["seconds"] = 0.into();
    file.state = state.to_string();
    let mut lines = MetricsLog::read(&folder.join("metrics.jsonl")).unwrap();
    for line in &mut lines {
        line.seconds = 0.0;
    }
    (file, lines)
}

fn assert_resumes(name: &str, changes: &str, interruptions: &[usize]) {
    let temporary = tempfile::tempdir().unwrap();
    let path = recording(temporary.path(), 3000);
    let config = small(changes);
    let whole = temporary.path().join("whole");
    assert_eq!(train(&mut start(&path, &config, &whole), usize::MAX), Outcome::Finished);
    let broken = temporary.path().join("broken");
    let mut job = start(&path, &config, &broken);
    for &step in interruptions {
        assert_eq!(train(&mut job, step), Outcome::Interrupted);
        job = Job::resume(&broken, "cpu").unwrap();
        assert_eq!(job.session().step(), step);
    }
    assert_eq!(train(&mut job, usize::MAX), Outcome::Finished);
    let ((whole, whole_lines), (broken, broken_lines)) = (end(&whole), end(&broken));
    assert_eq!(whole.state, broken.state, "{name}");
    assert_eq!(whole.tensors.len(), broken.tensors.len(), "{name}");
    for (tensor, values) in &whole.tensors {
        assert!(broken.tensors[tensor] == *values, "{name}: `{tensor}` differs");
    }
    assert_eq!(whole_lines, broken_lines, "{name}");
    assert!(whole.tensors["encoder.layer1.weight"].values.iter().all(|value| value.is_finite()));
}

#[test]
fn an_interrupted_and_resumed_run_ends_bit_identical_to_an_uninterrupted_one() {
    let averages = "[quantizer]\ndead_below = 0.8";
    let gradient = "[quantizer]\ndead_below = 0.8\n[vector]\ncodebook_update = \"gradient\"";
    let scalar = "[quantizer]\nkind = \"scalar\"";
    let product = "[quantizer]\nkind = \"product\"\n[vector]\nparts = 2\npart_stages = [4, 4]\nstage_dropout = 0.5\n\
                   gradient = \"rotation\"";
    let levels = "[quantizer]\nkind = \"fsq\"\n[fsq]\nlevels = [3, 4, 5, 8]";
    // In the warm-up, right where codes start, among restarts, and after the switch to int8.
    assert_resumes("moving averages", averages, &[2, 6, 13, 20]);
    assert_resumes("gradient", gradient, &[3, 7, 18]);
    assert_resumes("scalar", scalar, &[6, 11, 16]);
    assert_resumes("product", product, &[7, 14]);
    let bits = "[quantizer]\ndead_below = 0.8\n[vector]\nrate_weight = 0.05";
    assert_resumes("levels", levels, &[7, 14]);
    assert_resumes("bits", bits, &[5, 7, 14]);
    assert_resumes("bfloat16", "[training]\nbf16 = true", &[3, 7, 18]);
}

#[test]
fn a_run_learns_and_its_folder_tells_all() {
    let temporary = tempfile::tempdir().unwrap();
    let path = recording(temporary.path(), 6000);
    let config = small(
        "[training]\nsteps = 300\nbatch = 8\n[run]\nlog_every = 20\nvalidate_every = 50\n[vector]\nrestart_every = 20",
    );
    let folder = temporary.path().join("run");
    let mut job = start(&path, &config, &folder);
    train(&mut job, usize::MAX);
    let lines = MetricsLog::read(&folder.join("metrics.jsonl")).unwrap();
    let last = lines.last().unwrap();
    for line in &lines {
        let wanted = line.reconstruction + line.codebook + 0.05 * line.commitment;
        assert!((line.loss - wanted).abs() < 1e-5 * wanted, "{line:?}");
    }
    assert_eq!((last.step, last.perplexity.len(), last.dead_codes.len()), (300, 2, 2));
    let validation = last.validation.unwrap();
    assert!(validation.prdn_percent < 35.0, "{validation:?}");
    assert_eq!(validation.bits_per_sample, 5.0 / 8.0);
    assert_eq!(
        toml::from_str::<Config>(&std::fs::read_to_string(folder.join("config.toml")).unwrap()).unwrap(),
        config
    );
    let best = TensorFile::load(&folder.join("checkpoints/best.safetensors")).unwrap();
    assert_eq!(best.tensors["quantizer.0.codebook"].shape, [8, 4]);
    assert_eq!(best.tensors["quantizer.1.codebook"].shape, [4, 4]);
    assert_eq!(best.tensors["encoder.linear.weight"].shape, [4, 1, 16]);
    assert_eq!(best.tensors["decoder.linear.weight"].shape, [4, 1, 16]);
    // A separable layer that raises the rate: three rows of every channel, then a row of every phase.
    assert_eq!(best.tensors["decoder.layer2_depthwise.weight"].shape, [6, 1, 3]);
    assert_eq!(best.tensors["decoder.layer2.weight"].shape, [6, 6, 2]);
    assert!(!best.tensors.keys().any(|name| name.starts_with("optimizer")));
    let record = job.record().signal().unwrap();
    assert_eq!(std::fs::read_dir(folder.join("tensorboard")).unwrap().count(), 1);
    assert_eq!((record.recordings[0].train, record.recordings[0].validation), ([0, 4800], [4800, 6000]));
    assert!(record.made.training_seconds > 0.0);
}

#[test]
fn integer_latents_learn_too() {
    let temporary = tempfile::tempdir().unwrap();
    let path = recording(temporary.path(), 6000);
    let config = small(
        "[quantizer]\nkind = \"scalar\"\n[rate]\nenabled = false\n[training]\nsteps = 300\nbatch = 8\n[run]\nlog_every = 20\nvalidate_every = 50",
    );
    let folder = temporary.path().join("run");
    train(&mut start(&path, &config, &folder), usize::MAX);
    let lines = MetricsLog::read(&folder.join("metrics.jsonl")).unwrap();
    let validation = lines.last().unwrap().validation.unwrap();
    assert!(validation.prdn_percent < 25.0, "{validation:?}");
    assert_eq!(validation.bits_per_sample, 20.0 / 8.0);
    let best = TensorFile::load(&folder.join("checkpoints/best.safetensors")).unwrap();
    let steps = &best.tensors["quantizer.step"];
    assert!(steps.shape == [4] && steps.values.iter().all(|&step| step > 0.0), "{steps:?}");
}

#[test]
fn rate_and_distortion_fall_together_at_all_qualities() {
    let temporary = tempfile::tempdir().unwrap();
    let path = recording(temporary.path(), 6000);
    let config = small(
        "[quantizer]\nkind = \"scalar\"\n[prior]\nkind = \"small\"\n[training]\nsteps = 240\nbatch = 9\n[run]\nlog_every = 20\nvalidate_every = 40",
    );
    let folder = temporary.path().join("run");
    train(&mut start(&path, &config, &folder), usize::MAX);
    let lines = MetricsLog::read(&folder.join("metrics.jsonl")).unwrap();
    let costs: Vec<f64> = lines.iter().filter_map(|line| line.validation?.cost).collect();
    assert_eq!(costs.len(), 6);
    assert!(costs[5] < 0.7 * costs[0], "{costs:?}");
    let validation = lines.last().unwrap().validation.unwrap();
    // Twelve bits of four latents for eight samples, if they were not foreseen.
    assert!(validation.bits_per_sample < 3.0, "{validation:?}");
    let best = TensorFile::load(&folder.join("checkpoints/best.safetensors")).unwrap();
    // The last of four latents tells the quality.
    assert_eq!(best.tensors["quantizer.wider"].shape, [9, 3]);
    let told = &best.tensors["quantizer.told"];
    assert!(told.shape == [9] && told.values.windows(2).all(|pair| pair[0] < pair[1]), "{told:?}");
    assert!(best.tensors["prior.state.weight"].values.iter().any(|weight| *weight != 0.0));
    // A later version may have another size of prior in mind.
    let written = Config::load(&RunFolder::new(&folder).config()).unwrap();
    assert_eq!(
        (config.prior.units, Some(written.prior.units)),
        (0, config.prior.sizes_in_training().map(|sizes| sizes.hidden))
    );
    // What export reads: the steps of all qualities, and the prior that was trained with them.
    let run = TrainedRun::load(&RunFolder::new(&folder)).unwrap();
    let TrainedQuantizer::Scalar { steps, bits, .. } = &run.trained.quantizer else { panic!("not integer latents") };
    assert_eq!((steps.len(), *bits), (3, 12));
    assert!(steps.iter().all(|steps| steps.windows(2).all(|pair| pair[0] > pair[1])), "{steps:?}");
    assert!(run.prior.contains_key("state.weight"));
}

#[test]
fn nets_in_bfloat16_learn_what_they_learn_in_float32() {
    let temporary = tempfile::tempdir().unwrap();
    let path = recording(temporary.path(), 6000);
    let [float, bf16] = [false, true].map(|bf16| {
        let config = small(&format!(
            "[quantizer]\nkind = \"scalar\"\n[training]\nsteps = 160\nbatch = 9\nbf16 = {bf16}\n[run]\nvalidate_every = 80"
        ));
        let folder = temporary.path().join(format!("{bf16}"));
        train(&mut start(&path, &config, &folder), usize::MAX);
        end(&folder)
    });
    let (first, last) = (|lines: &[MetricsLine]| lines[0].loss, |lines: &[MetricsLine]| lines[159].loss);
    assert!(last(&bf16.1) < 0.7 * first(&bf16.1), "{} to {}", first(&bf16.1), last(&bf16.1));
    // Near each other, and not the same numbers.
    let apart = (last(&bf16.1) / last(&float.1)).ln().abs();
    assert!(apart > 0.0 && apart < 0.2, "{} and {}", last(&bf16.1), last(&float.1));
    for (name, tensor) in &bf16.0.tensors {
        assert!(tensor.values.iter().all(|value| value.is_finite()), "{name}");
    }
}

#[test]
fn a_run_whose_codebook_collapses_says_so_and_its_advice_mends_it() {
    let temporary = tempfile::tempdir().unwrap();
    let path = recording(temporary.path(), 6000);
    let shared = "[training]\nsteps = 400\nbatch = 8\nunquantized = 0.0\nlearning_rate = 0.3\n\
                  [run]\nlog_every = 50\nvalidate_every = 400\n[quantizer]\nkind = \"vq\"\ndecay = 0.9\n";
    let warnings_at_end = |vector: &str, name: &str| {
        let config = small(&format!("{shared}[vector]\ncodes = 64\ncommitment = 0.0\n{vector}"));
        let folder = temporary.path().join(name);
        train(&mut start(&path, &config, &folder), usize::MAX);
        let lines = MetricsLog::read(&folder.join("metrics.jsonl")).unwrap();
        let last = lines.last().unwrap();
        (last.warnings.join(" "), last.perplexity[0])
    };
    let (warning, perplexity) = warnings_at_end("codebook_update = \"gradient\"\nrestart_until = 0.0", "collapses");
    assert!(warning.contains("collapsed codebooks") && warning.contains("of 64"), "{warning} {perplexity}");
    assert!(warning.contains("vector.restart_until") && warning.contains("moving-average"), "{warning}");
    // What it says that helps.
    let mended = "codebook_update = \"moving-average\"\nrestart_until = 1.0\nrestart_every = 10";
    let (warning, lively) = warnings_at_end(mended, "mended");
    assert!(warning.is_empty() && lively > 2.0 * perplexity, "{warning} {lively} against {perplexity}");
}

#[test]
fn a_run_that_diverges_stops_with_advice_and_keeps_its_last_checkpoint() {
    let temporary = tempfile::tempdir().unwrap();
    let path = recording(temporary.path(), 3000);
    let folder = temporary.path().join("run");
    // No line of metrics is due before the save at the end.
    let mut job = start(&path, &small("[run]\nlog_every = 1000\nvalidate_every = 10"), &folder);
    train(&mut job, 10);
    let checkpoint = folder.join("checkpoints/latest.safetensors");
    let before = std::fs::read(&checkpoint).unwrap();
    let mut weight = job.session().codec().variables.variables()["decoder.final.weight"].shallow_clone();
    let _ = tch::no_grad(|| weight.fill_(f64::NAN));
    let stop = AtomicBool::new(false);
    let error = job.train(&mut StopAt { step: 24, stop: &stop }, &stop).unwrap_err().to_string();
    assert!(error.contains("in step 11 the loss") && error.contains("learning_rate"), "{error}");
    assert!(error.contains("3 windows of") && error.contains("wave from frame "), "{error}");
    assert_eq!(std::fs::read(&checkpoint).unwrap(), before);
    assert_eq!(Job::resume(&folder, "cpu").unwrap().session().step(), 10);
}

#[test]
fn what_cannot_be_trained_or_resumed_is_refused_with_what_to_do() {
    let temporary = tempfile::tempdir().unwrap();
    let path = recording(temporary.path(), 3000);
    let try_start = |config: &Config, name: &str| {
        let options = OpenOptions { rate_millihertz: Some(100_000), ..OpenOptions::default() };
        let recording = open(&path, &options).unwrap();
        let sources = vec![Source { path: path.clone(), options, recording: recording.into(), held_out: false }];
        Job::start(sources, config, &temporary.path().join(name), "cpu", Vec::new())
    };
    let message = |config: &Config| try_start(config, "refused").unwrap_err().to_string();
    // 2400 training frames in hops of 8.
    let crowded = message(&small("[vector]\nstages = [8, 301]\nkmeans_latents = 1000"));
    assert!(crowded.contains("301") && crowded.contains("300 latents"), "{crowded}");
    assert!(message(&small("[data]\nwindow_hops = 300")).contains("lower data.window_hops"));
    assert!(!temporary.path().join("refused").exists(), "a refused run left a folder");

    let mut job = try_start(&small(""), "run").unwrap();
    train(&mut job, 3);
    let again = try_start(&small(""), "run").unwrap_err().to_string();
    assert!(again.contains("--resume"), "{again}");
    let absent = Job::resume(&temporary.path().join("absent"), "cpu").unwrap_err().to_string();
    assert!(absent.contains("absent"), "{absent}");
    recording(temporary.path(), 3001);
    let changed = Job::resume(&temporary.path().join("run"), "cpu").unwrap_err().to_string();
    assert!(changed.contains("has changed"), "{changed}");
}

#[test]
fn every_term_of_the_distortion_is_in_the_loss_the_log_and_the_choice_of_the_best_checkpoint() {
    let temporary = tempfile::tempdir().unwrap();
    let path = recording(temporary.path(), 6000);
    let plain = "[training]\nsteps = 200\nbatch = 8\n[run]\nvalidate_every = 50\n";
    let terms =
        format!("{plain}[distortion]\nactivity = 2.0\nderivative = 4.0\nspectral = 0.01\nspectral_windows = [8, 16]\n");
    let rated = format!("{terms}[quantizer]\nkind = \"scalar\"");
    let run = |name: &str, changes: &str| {
        let folder = temporary.path().join(name);
        train(&mut start(&path, &small(changes), &folder), usize::MAX);
        MetricsLog::read(&folder.join("metrics.jsonl")).unwrap()
    };
    let squares = run("plain", plain);
    assert!(squares.iter().all(|line| line.distortion.is_none()));
    let lines = run("terms", &terms);
    for line in &lines {
        let found = line.distortion.unwrap();
        let distortion = found.weighted.unwrap() + 4.0 * found.derivative.unwrap() + 0.01 * found.spectral.unwrap();
        let wanted = distortion + line.codebook + 0.05 * line.commitment;
        assert!((line.loss - wanted).abs() < 1e-4 * wanted, "{line:?}");
    }
    let costs: Vec<f64> = lines.iter().filter_map(|line| line.validation?.cost).collect();
    // The first is of latents before there are codes.
    assert!(costs.len() == 4 && costs[3] < costs[1], "{costs:?}");
    // The rate's loss has them too.
    let rated = run("rated", &rated);
    assert!(
        rated.iter().all(|line| line.distortion.is_some_and(|found| found.spectral.is_some()) && line.rate.is_some())
    );
    assert!(rated.last().unwrap().loss < rated[0].loss);
}
