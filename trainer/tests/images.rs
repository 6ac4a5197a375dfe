//! Runs on images, and VAEs, as a user would make them.
#![cfg(feature = "train")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

use image::{Rgb, RgbImage};
use vq_trainer::config::Config;
use vq_trainer::images::{WantedShape, open};
use vq_trainer::run::{MetricsLine, MetricsLog, TensorFile};
use vq_trainer::train::{ImageSources, Job, Outcome, Watcher};

/// A configuration so small that training takes seconds.
const SMALL: &str = r#"
[network]
latents = 4
linear_kernel = 16
encoder = [{ kernel = 8, stride = 8, channels = 6 }]
decoder = []
output = { kernel = 8, stride = 8 }
[image]
encoder = [{ kernel = 4, stride = 2, channels = 8, residual = 1 }]
latents = { kernel = 3, resample = 2 }
decoder = [{ kernel = 3, resample = 2, channels = 8 }]
output = { kernel = 4, stride = 2 }
[quantizer]
kind = "vq"
[vector]
codes = 16
kmeans_latents = 256
restart_every = 5
[training]
steps = 24
batch = 6
threads = 1
[run]
log_every = 4
validate_every = 8
"#;

/// A folder of photographs of slanted waves in different colours, of different sizes.
fn photographs(folder: &Path, count: usize) -> PathBuf {
    let folder = folder.join("photographs");
    std::fs::create_dir_all(&folder).unwrap();
    for index in 0..count {
        let level = |x: u32, y: u32, colour: f64| {
            let wave =
                (f64::from(x) * (0.15 + 0.02 * (index % 7) as f64) + f64::from(y) * 0.2 + colour + index as f64).sin();
            (128.0 + 110.0 * wave) as u8
        };
        let side = 16 + 4 * (index as u32 % 2);
        let picture = RgbImage::from_fn(side, side, |x, y| Rgb([0.0, 1.0, 2.0].map(|colour| level(x, y, colour))));
        picture.save(folder.join(format!("{index:03}.png"))).unwrap();
    }
    folder
}

fn config(changes: &str) -> Config {
    let mut table: toml::Table = toml::from_str(SMALL).unwrap();
    for (key, value) in toml::from_str::<toml::Table>(changes).unwrap() {
        match (table.get_mut(&key), value) {
            (Some(toml::Value::Table(section)), toml::Value::Table(values)) => section.extend(values),
            (_, value) => drop(table.insert(key, value)),
        }
    }
    table.try_into().unwrap()
}

struct StopAt<'a>(usize, &'a AtomicBool);

impl Watcher for StopAt<'_> {
    fn line(&mut self, line: &MetricsLine) {
        if line.step >= self.0 {
            self.1.store(true, Ordering::Relaxed);
        }
    }
}

fn start(images: &Path, config: &Config, folder: &Path) -> Job {
    let wanted = WantedShape { multiple: config.image_plan().factor(), ..WantedShape::default() };
    let paths = vec![images.to_path_buf()];
    let opened = open(&paths, wanted).unwrap();
    Job::start(ImageSources { paths, wanted, opened }, config, folder, "cpu", vec!["test".into()]).unwrap()
}

fn train(job: &mut Job, until: usize) -> Outcome {
    let stop = AtomicBool::new(false);
    job.train(&mut StopAt(until, &stop), &stop).unwrap()
}

/// Everything that a run ends with, except times.
fn end(folder: &Path) -> (TensorFile, Vec<MetricsLine>) {
    let mut file = TensorFile::load(&folder.join("checkpoints/latest.safetensors")).unwrap();
    let mut state: serde_json::Value = serde_json::from_str(&file.state).unwrap();
    state["seconds"] = 0.into();
    file.state = state.to_string();
    let mut lines = MetricsLog::read(&folder.join("metrics.jsonl")).unwrap();
    lines.iter_mut().for_each(|line| line.seconds = 0.0);
    (file, lines)
}

#[test]
fn an_interrupted_run_on_images_ends_as_an_uninterrupted_one() {
    let temporary = tempfile::tempdir().unwrap();
    let images = photographs(temporary.path(), 30);
    let kinds = [
        "[image]\nmirror = true\n[quantizer]\ndead_below = 0.8",
        "model = \"vae\"",
        "[quantizer]\nkind = \"fsq\"",
        "[training]\nbf16 = true",
    ];
    for (case, changes) in kinds.iter().enumerate() {
        let config = config(changes);
        let [whole, broken] = ["whole", "broken"].map(|name| temporary.path().join(format!("{name}{case}")));
        assert_eq!(train(&mut start(&images, &config, &whole), usize::MAX), Outcome::Finished);
        let mut job = start(&images, &config, &broken);
        for step in [4, 12] {
            assert_eq!(train(&mut job, step), Outcome::Interrupted);
            job = Job::resume(&broken, "cpu").unwrap();
            assert_eq!(job.session().step(), step);
        }
        assert_eq!(train(&mut job, usize::MAX), Outcome::Finished);
        assert!(end(&whole) == end(&broken), "{changes}");
    }
    std::fs::remove_file(images.join("000.png")).unwrap();
    let changed = Job::resume(&temporary.path().join("whole0"), "cpu").unwrap_err().to_string();
    assert!(changed.contains("has changed"), "{changed}");
}

/// Runs the program in a folder: whether it succeeded, and what it said.
fn vq(folder: &Path, arguments: &[&str]) -> (bool, String, String) {
    let done = Command::new(env!("CARGO_BIN_EXE_vq")).args(arguments).current_dir(folder).output().unwrap();
    let [text, notes] = [done.stdout, done.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
    (done.status.success(), text, notes)
}

#[test]
fn the_program_trains_measures_and_reports_on_images_and_says_what_it_cannot_do() {
    let temporary = tempfile::tempdir().unwrap();
    let folder = temporary.path();
    photographs(folder, 40);
    std::fs::write(folder.join("small.toml"), SMALL).unwrap();
    let steps = ["--config", "small.toml", "--steps", "150"];
    let done = |arguments: &[&str]| {
        let (done, text, notes) = vq(folder, arguments);
        assert!(done, "{arguments:?}: {text}{notes}");
        (text, notes)
    };
    let (text, notes) = done(&[&["train", "photographs", "-o", "codes"][..], &steps].concat());
    assert!(text.contains("PSNR") && text.contains("codes in use"), "{text}");
    assert!(notes.contains("32 to train on, 8 held out") && notes.contains("20 of 40 images were scaled"), "{notes}");
    let vae = [SMALL, "model = \"vae\"\n"].into_iter().rev().collect::<String>();
    std::fs::write(folder.join("vae.toml"), vae).unwrap();
    let (text, _) = done(&["train", "photographs", "-o", "vae", "--config", "vae.toml", "--steps", "150"]);
    assert!(text.contains("bits per pixel, divergence"), "{text}");

    let measure = |run: &str| -> serde_json::Value {
        serde_json::from_str(&done(&["eval", "--run", run, "photographs", "--json"]).0).unwrap()
    };
    let (codes, vae) = (measure("codes"), measure("vae"));
    // Sixteen positions of four bits on 256 pixels.
    assert_eq!(codes["bits_per_pixel"].as_f64(), Some(0.25));
    assert!(codes["entropy_bits_per_pixel"].as_f64().unwrap() <= 0.25);
    assert!(vae["bits_per_pixel"].as_f64().unwrap() > 0.0 && vae["symbols"].as_array().unwrap().is_empty());
    for evaluation in [&codes, &vae] {
        assert!(evaluation["psnr_db"].as_f64().unwrap() > 12.0, "{evaluation}");
    }

    done(&["report", "codes", "vae", "-o", "both.html"]);
    let page = std::fs::read_to_string(folder.join("both.html")).unwrap();
    assert_eq!(page.matches("data:image/png;base64").count(), 2);
    for words in ["PSNR on validation", "Rate in the loss", "bits per pixel", "Code usage"] {
        assert!(page.contains(words), "{words}");
    }

    let refused = |arguments: &[&str]| {
        let (done, text, error) = vq(folder, arguments);
        assert!(!done, "{arguments:?}: {text}");
        error
    };
    let export = refused(&["export", "codes", "-o", "codes.vqm"]);
    assert!(export.contains("the run is on images") && export.contains("vq eval --run"), "{export}");
    assert!(refused(&["train", "photographs", "--rate", "100", "-o", "x"]).contains("leave them out"));
    for of_signals in [["--preset", "speech"], ["--budget", "flash=40K"], ["--held-out", "photographs"]] {
        let error = refused(&["train", "photographs", of_signals[0], of_signals[1], "-o", "x"]);
        assert!(error.contains(of_signals[0]) && error.contains("leave them out"), "{error}");
    }
    for (given, words) in [
        ("[image]\nheight = 18\n", "multiples of 4"),
        ("[augmentation]\ngain = 0.2\n", "image.mirror"),
        ("[budget]\nflash = 40000\n", "no [budget] limits them"),
        ("[quantizer]\nkind = \"scalar\"\n[rate]\nenabled = true\n", "rate.enabled = false"),
    ] {
        std::fs::write(folder.join("odd.toml"), given).unwrap();
        let error = refused(&["train", "photographs", "--config", "odd.toml", "-o", "x"]);
        assert!(error.contains(words), "{error}");
    }
    assert!(!folder.join("x").exists());
}

#[test]
fn a_vae_of_a_signal_is_trained_and_reported_and_not_exported() {
    let temporary = tempfile::tempdir().unwrap();
    let folder = temporary.path();
    let wave = |t: usize| ((t as f64 * 0.05).sin() * 300.0 + (t as f64 * 0.31).cos() * 40.0).round();
    let lines: String = (0..6000).map(|t| format!("{}\n", wave(t))).collect();
    std::fs::write(folder.join("wave.csv"), format!("wave\n{lines}")).unwrap();
    std::fs::write(folder.join("vae.toml"), format!("model = \"vae\"\n{SMALL}")).unwrap();
    let run = ["train", "wave.csv", "--rate", "100", "--config", "vae.toml", "--steps", "300", "-o", "vae"];
    let (done, text, notes) = vq(folder, &run);
    assert!(done && text.contains("bits per sample of divergence"), "{text}{notes}");
    let lines = MetricsLog::read(&folder.join("vae/metrics.jsonl")).unwrap();
    let (first, last) = (&lines[0], lines.last().unwrap());
    let (bits, validation) = (last.rate.unwrap(), last.validation.unwrap());
    assert!(bits > 0.05 && (validation.bits_per_sample / bits - 1.0).abs() < 0.5, "{bits} {validation:?}");
    assert!(validation.prdn_percent < 60.0 && last.reconstruction < first.reconstruction, "{validation:?}");
    // The loss is the evidence lower bound's, of nats per sample.
    let wanted = last.reconstruction + 0.02 * bits * std::f64::consts::LN_2;
    assert!((last.loss / wanted - 1.0).abs() < 1e-4, "{last:?}");

    let (done, _, error) = vq(folder, &["export", "vae", "-o", "vae.vqm"]);
    assert!(!done && error.contains("VAE") && error.contains("model = \"vq-vae\""), "{error}");
    let (done, text, error) = vq(folder, &["report", "vae"]);
    assert!(done, "{text}{error}");
    let page = std::fs::read_to_string(folder.join("vae/report.html")).unwrap();
    assert!(page.contains("A VAE, which has no codes") && page.contains("Rate in the loss"));
}
