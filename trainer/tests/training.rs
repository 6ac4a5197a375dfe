//! Whole training runs on a small net: they learn, they resume to the bit, they refuse what cannot be trained.
#![cfg(feature = "train")]

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

use vq_trainer::config::Config;
use vq_trainer::data::{Channel, OpenOptions, Recording, open, save};
use vq_trainer::export::from_run::TrainedRun;
use vq_trainer::export::trained::TrainedQuantizer;
use vq_trainer::run::{MetricsLine, MetricsLog, RunFolder, TensorFile};
use vq_trainer::train::{Job, Outcome, Source, Watcher};

/// A net of a few hundred weights, in every phase for some of its 24 steps: warm-up to step 6, int8 from step 15.
const SMALL: &str = r#"
[data]
window_hops = 4
[network]
latents = 4
linear_kernel = 16
encoder = [{ kernel = 4, stride = 4, channels = 6 }, { kernel = 4, stride = 2, channels = 6, residual = 1, separable = true }]
decoder = [{ kernel = 3, stride = 1, channels = 6, residual = 1 }, { kernel = 5, stride = 2, channels = 6, separable = true }]
output = { kernel = 4, stride = 4 }
[vector]
stages = [8, 4]
kmeans_latents = 128
restart_every = 3
[scalar]
bits = 5
noise_until = 0.5
[training]
steps = 24
batch = 3
unquantized = 0.25
int8_from = 0.6
threads = 1
[prior]
kind = "small"
steps = 60
[residual]
kind = "small"
steps = 10
[run]
log_every = 1
validate_every = 4
"#;

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

fn small(changes: &str) -> Config {
    let mut table: toml::Table = toml::from_str(SMALL).unwrap();
    for (name, section) in toml::from_str::<toml::Table>(changes).unwrap() {
        let keys = section.as_table().unwrap().clone();
        let into = table.entry(name).or_insert_with(|| toml::Table::new().into());
        into.as_table_mut().unwrap().extend(keys);
    }
    table.try_into().unwrap()
}

/// A wave with a beat, written as a file, since a resumed run reads its recordings again.
fn recording(folder: &Path, frames: usize) -> PathBuf {
    let path = folder.join("wave.csv");
    let beat = |t: f64| 400.0 * (-((t % 90.0) - 40.0).powi(2) / 12.0).exp();
    let samples = (0..frames).map(|t| (beat(t as f64) + 60.0 * (t as f64 * 0.07).sin()) as i32).collect();
    let channel =
        Channel { name: "ecg".into(), unit: "LSB".into(), counts_per_unit: 1.0, offset: 0, source_bits: Some(10) };
    let recording = Recording {
        name: "wave".into(),
        rate_millihertz: 100_000,
        channels: vec![channel],
        samples,
        start_time: None,
        comments: Vec::new(),
        remarks: Vec::new(),
    };
    save(&path, &recording, None).unwrap();
    path
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
fn the_program_trains_and_resumes() {
    let temporary = tempfile::tempdir().unwrap();
    let path = recording(temporary.path(), 3000);
    let config = temporary.path().join("small.toml");
    std::fs::write(&config, SMALL).unwrap();
    let folder = temporary.path().join("run");
    let vq = |arguments: &[&OsStr]| {
        let done = Command::new(env!("CARGO_BIN_EXE_vq")).arg("train").args(arguments).output().unwrap();
        (done.status.success(), String::from_utf8(done.stdout).unwrap(), String::from_utf8(done.stderr).unwrap())
    };
    let (done, text, _) = vq(&["--print-config".as_ref()]);
    assert!(done && toml::from_str::<Config>(&text).unwrap() == Config::default(), "{text}");

    let (config, path, folder) = (config.as_os_str(), path.as_os_str(), folder.as_os_str());
    let flags = ["--rate", "--config", "--steps", "-o"].map(OsStr::new);
    let arguments = [path, flags[0], "100".as_ref(), flags[1], config, flags[2], "16".as_ref(), flags[3], folder];
    let (done, text, notes) = vq(&arguments);
    assert!(done && text.contains("16 steps") && text.contains("PRDN"), "{text}{notes}");
    assert!(notes.contains("held out") && notes.contains("step 16/16"), "{notes}");
    let (done, _, error) = vq(&arguments);
    assert!(!done && error.contains("--resume"), "{error}");
    let (done, text, error) = vq(&["--resume".as_ref(), folder]);
    assert!(done && text.contains("16 steps"), "{text}{error}");

    let wrong = temporary.path().join("wrong.toml");
    std::fs::write(&wrong, "[training]\nstesp = 3\n").unwrap();
    let (done, _, error) = vq(&[path, flags[0], "100".as_ref(), flags[1], wrong.as_os_str()]);
    assert!(!done && error.contains("stesp") && error.contains("wrong.toml"), "{error}");
    let (done, _, error) = vq(&[path, flags[0], "100".as_ref(), "--device".as_ref(), "gpu".as_ref()]);
    assert!(!done && error.contains("gpu"), "{error}");
}

/// What trains on every channel by itself also makes priors and predictors of all of them.
#[test]
fn another_predictor_of_single_channels_is_trained_on_all_of_them() {
    let temporary = tempfile::tempdir().unwrap();
    let path = |name: &str| temporary.path().join(name);
    let rows = (0..3000).map(|t| format!("{},{}\n", t * 37 % 211, 300 - t * 53 % 307));
    std::fs::write(path("leads.csv"), format!("one,two\n{}", rows.collect::<String>())).unwrap();
    std::fs::write(path("single.toml"), SMALL.replace("window_hops", "single_channels = true\nwindow_hops")).unwrap();
    let vq = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_vq"));
        let done = command.current_dir(temporary.path()).args(arguments).output().unwrap();
        assert!(done.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stderr).unwrap()
    };
    let train = ["train", "leads.csv", "--rate", "100", "--config", "single.toml", "-o"];
    vq(&[&train[..], &["run", "--steps", "8"]].concat());
    vq(&["export", "run", "-o", "model.vqm"]);
    let notes = vq(&[&train[..], &["other.vqm", "--residual-only", "model.vqm"]].concat());
    assert!(notes.contains("held out: leads, leads"), "{notes}");
    assert!(path("other.vqm").is_file());
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

/// Every quantizer with a name for the command line, and what its sizes are in the configuration.
const QUANTIZERS: [(&str, &str); 7] = [
    ("vq", "[vector]\ncodes = 32"),
    ("vq", "[vector]\ncodes = 32\ncosine = true"),
    ("rvq", "[vector]\nstages = [16, 8]\nstage_dropout = 0.3"),
    ("rvq", "[vector]\nstages = [16, 8]\nrate_weight = 0.02"),
    ("product", "[vector]\nparts = 2\npart_stages = [16]\ngradient = \"rotation\""),
    ("fsq", "[fsq]\nlevels = [8, 5, 5, 5]"),
    ("scalar", ""),
];

/// Trains, exports and measures with the program, as a user would.
#[test]
fn every_quantizer_is_trained_exported_and_runs_in_integers() {
    let temporary = tempfile::tempdir().unwrap();
    let path = recording(temporary.path(), 6000);
    let vq = |arguments: &[&str]| {
        let done = Command::new(env!("CARGO_BIN_EXE_vq")).args(arguments).current_dir(&temporary).output().unwrap();
        let [text, notes] = [done.stdout, done.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
        assert!(done.status.success(), "{arguments:?}: {text}{notes}");
        text
    };
    for (case, (kind, sizes)) in QUANTIZERS.iter().enumerate() {
        let folder = format!("run{case}");
        let config = temporary.path().join("small.toml");
        let steps = "[training]\nsteps = 250\nbatch = 8\n[run]\nlog_every = 50\nvalidate_every = 125";
        let settings = small(&format!("{sizes}\n{steps}"));
        std::fs::write(&config, toml::to_string(&settings).unwrap()).unwrap();
        let wave = path.to_str().unwrap();
        vq(&["train", wave, "--rate", "100", "--config", "small.toml", "--quantizer", kind, "-o", &folder]);
        let model = format!("{folder}.vqm");
        vq(&["export", &folder, "-o", &model]);
        assert!(vq(&["inspect", &model]).contains("passed"), "{kind} {sizes}");
        let json = vq(&["eval", "--model", &model, wave, "--rate", "100", "--json", "--on-training-data"]);
        let rows: serde_json::Value = serde_json::from_str(&json).unwrap();
        let prdn = rows["mean"]["prdn_percent"].as_f64().unwrap_or_else(|| panic!("{rows}"));
        assert!(prdn < 60.0, "{kind} {sizes}: PRDN {prdn} %");
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

#[test]
fn a_sweep_trains_a_family_goes_on_and_ends_with_a_table() {
    let temporary = tempfile::tempdir().unwrap();
    let path = recording(temporary.path(), 6000);
    let settings = small("[training]\nsteps = 200\nbatch = 8\n[run]\nlog_every = 50\nvalidate_every = 100");
    std::fs::write(temporary.path().join("small.toml"), toml::to_string(&settings).unwrap()).unwrap();
    let sweep = |folder: &str, quantizer: &str| {
        let wave = path.to_str().unwrap();
        let arguments = ["train", wave, "--rate", "100", "--config", "small.toml", "--sweep", "0.001,0.3"];
        let mut command = Command::new(env!("CARGO_BIN_EXE_vq"));
        let done = command
            .args(arguments)
            .args(["-o", folder, "--quantizer", quantizer])
            .current_dir(&temporary)
            .output()
            .unwrap();
        (done.status.success(), [done.stdout, done.stderr].map(|bytes| String::from_utf8(bytes).unwrap()))
    };
    let (done, [text, notes]) = sweep("family", "rvq");
    assert!(done, "{text}{notes}");
    let log = |lambda: &str| {
        let folder = temporary.path().join(format!("family/lambda-{lambda}"));
        MetricsLog::read(&folder.join("metrics.jsonl")).unwrap()
    };
    let bits = |lambda: &str| log(lambda).last().unwrap().entropy_bits.iter().sum::<f64>();
    assert!(bits("0.3") < 0.8 * bits("0.001"), "{} and {}", bits("0.3"), bits("0.001"));
    assert!(text.lines().any(|line| line.starts_with("0.3 ") && line.contains("lambda-0.3")), "{text}");
    // What is done is not done again, and the table is the same.
    let before = log("0.3");
    let (done, [again, notes]) = sweep("family", "rvq");
    assert!(done && log("0.3") == before, "{again}{notes}");
    assert_eq!(again.lines().last(), text.lines().last());
    // An end that was interrupted, after the last step, is come to.
    let predictor = temporary.path().join("family/lambda-0.3/prior.vqm");
    std::fs::remove_file(&predictor).unwrap();
    let (done, [_, notes]) = sweep("family", "rvq");
    assert!(done && predictor.exists(), "{notes}");
    let (done, [_, refused]) = sweep("other", "fsq");
    assert!(!done && refused.contains("no λ to sweep"), "{refused}");
}
