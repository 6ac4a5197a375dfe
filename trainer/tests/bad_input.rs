//! What a user gets wrong, and what the program says to it: what was found, and what to do.
#![cfg(feature = "train")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A net of a few hundred weights that trains in a second.
const SMALL: &str = r#"
[data]
window_hops = 4
[network]
latents = 4
linear_kernel = 16
encoder = [{ kernel = 4, stride = 4, channels = 8 }, { kernel = 4, stride = 2, channels = 8, residual = 1 }]
decoder = [{ kernel = 3, stride = 1, channels = 8, residual = 1 }, { kernel = 4, stride = 2, channels = 8 }]
output = { kernel = 4, stride = 4 }
[vector]
stages = [8, 4]
kmeans_latents = 128
[training]
steps = 12
batch = 3
[residual]
kind = "adaptive"
"#;

/// A folder with files, and the program in it.
struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("small.toml"), SMALL).unwrap();
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A table of one column; `sample` gives every row.
    fn table(&self, name: &str, rows: usize, sample: impl Fn(usize) -> String) {
        let rows: String = (0..rows).map(|t| sample(t) + "\n").collect();
        fs::write(self.path(name), format!("ecg\n{rows}")).unwrap();
    }

    /// A wave whose phase is the recording's own.
    fn wave(&self, name: &str, rows: usize, phase: f64) {
        self.table(name, rows, |t| {
            format!("{}", ((t as f64 * 0.11 + phase).sin() * 500.0 + (t as f64 * 0.7).cos() * 60.0) as i32)
        });
    }

    fn vq(&self, arguments: &[&str]) -> (bool, String) {
        let done = Command::new(env!("CARGO_BIN_EXE_vq")).args(arguments).current_dir(&self.folder).output().unwrap();
        let text = [done.stdout, done.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat();
        (done.status.success(), text)
    }

    /// `vq train` with the small net.
    fn train(&self, arguments: &[&str]) -> (bool, String) {
        self.vq(&[&["train", "--rate", "100", "--config", "small.toml"], arguments].concat())
    }

    fn refused(&self, arguments: &[&str], words: &[&str]) {
        let (done, text) = self.train(arguments);
        assert!(!done && words.iter().all(|word| text.contains(word)), "{arguments:?}: {text}");
    }
}

/// Nothing that a command reads is written over by it.
#[test]
fn an_output_that_is_an_input_is_refused() {
    let place = Place::new();
    place.wave("wave.csv", 3000, 0.0);
    place.wave("other.csv", 720, 0.0);
    let ecg = ["--model", "ecg-small", "--rate", "360", "--unit", "mV"];
    let kept = |arguments: &[&str], file: &str| {
        let before = fs::read(place.path(file)).unwrap();
        let (done, text) = place.vq(arguments);
        assert!(!done && text.contains(file) && text.contains("give -o another name"), "{arguments:?}: {text}");
        assert_eq!(fs::read(place.path(file)).unwrap(), before);
    };
    kept(&[&["encode", "other.csv", "-o", "other.csv"], &ecg[..]].concat(), "other.csv");
    let (done, text) = place.vq(&[&["encode", "other.csv", "-o", "x.vqs"], &ecg[..]].concat());
    assert!(done, "{text}");
    kept(&["decode", "--model", "ecg-small", "x.vqs", "--format", "csv", "-o", "x.vqs"], "x.vqs");
    assert!(place.train(&["wave.csv", "-o", "run"]).0);
    kept(&["export", "run", "-o", "run/config.toml"], "run/config.toml");
    assert!(place.vq(&["export", "run", "-o", "run/model.vqm"]).0);
    let (done, text) =
        place.vq(&["encode", "wave.csv", "--model", "run/model.vqm", "--rate", "100", "-o", "absent/x.vqs"]);
    assert!(!done && text.contains("there is no folder absent: create it"), "{text}");
}

/// What is no stream is no empty one; what no opponent is called is not left out in silence.
#[test]
fn junk_and_names_of_nothing_are_refused() {
    let place = Place::new();
    place.wave("other.csv", 720, 0.0);
    let junk: Vec<u8> = (0..40_000u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 19) as u8).collect();
    fs::write(place.path("junk.vqs"), junk).unwrap();
    let (done, text) = place.vq(&["inspect", "junk.vqs"]);
    assert!(!done && text.contains("is it a .vqs stream?"), "{text}");
    let (done, text) = place.vq(&["decode", "--model", "ecg-small", "junk.vqs", "-o", "junk.csv"]);
    assert!(!done && text.lines().count() < 30 && text.contains("more pieces"), "{text}");
    let bench = ["bench", "rd", "other.csv", "--rate", "360", "--only", "nosuch"];
    let (done, text) = place.vq(&bench);
    assert!(!done && text.contains("nosuch") && text.contains("CDF 9/7 wavelet"), "{text}");
    let encode = ["encode", "other.csv", "--model", "ecg-small", "--rate", "360", "-o", "x.vqs", "--bitrate", "-5"];
    let (done, text) = place.vq(&encode);
    assert!(!done && !text.contains("-- -5"), "{text}");
}

/// A folder is neither a run, nor a model, nor a recording, until it is.
#[test]
fn a_folder_of_something_else_is_told_from_what_is_needed() {
    let place = Place::new();
    place.wave("other.csv", 720, 0.0);
    fs::create_dir(place.path("empty")).unwrap();
    let refused = |arguments: &[&str], words: &str| {
        let (done, text) = place.vq(arguments);
        assert!(!done && text.contains(words), "{arguments:?}: {text}");
    };
    let no_run = "there is no run in empty: it has no run.json; name a folder that `vq train` made";
    refused(&["export", "empty", "-o", "x.vqm"], no_run);
    refused(&["train", "--resume", "empty"], no_run);
    refused(&["report", "empty"], no_run);
    refused(&["export", "other.csv", "-o", "x.vqm"], "there is no run in other.csv");
    refused(&["eval", "--run", "empty", "other.csv"], no_run);
    refused(&["encode", "other.csv", "--model", "empty", "-o", "x.vqs"], "vq export empty -o NAME.vqm");
    refused(&["inspect", "empty"], "empty is a folder: name the recordings in it");
    // A model that ships may be called like a folder.
    fs::create_dir(place.path("ecg")).unwrap();
    let (done, text) = place.vq(&["inspect", "ecg"]);
    assert!(done && text.contains("ecg-360hz"), "{text}");
    let (done, text) =
        place.vq(&["encode", "other.csv", "--rate", "360", "--unit", "mV", "--model", "ecg", "-o", "x.vqs"]);
    assert!(done, "{text}");
    for folder in ["empty", "ecg"] {
        fs::write(place.path(folder).join("run.json"), "{}").unwrap();
    }
    refused(&["inspect", "ecg"], "vq export ecg -o NAME.vqm");
    refused(
        &["encode", "other.csv", "--rate", "360", "--unit", "mV", "--model", "ecg", "-o", "x.vqs"],
        "vq export ecg",
    );
    refused(&["inspect", "empty"], "vq report empty shows the run, and vq export empty -o NAME.vqm");
    // A record may lie beside a folder of its name.
    for ending in ["hea", "dat"] {
        let record = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../data/mitdb-208.{ending}"));
        fs::copy(record, place.path(&format!("mitdb-208.{ending}"))).unwrap();
    }
    fs::create_dir(place.path("mitdb-208")).unwrap();
    fs::write(place.path("mitdb-208/run.json"), "{}").unwrap();
    let (done, text) = place.vq(&["inspect", "mitdb-208"]);
    assert!(done && text.contains("360"), "{text}");
}

/// A file without nets changes what the signal suggests; one with them is a recipe of its own.
#[test]
fn a_configuration_of_a_few_keys_starts_from_what_the_signal_suggests() {
    let place = Place::new();
    place.wave("wave.csv", 3000, 0.0);
    fs::write(place.path("steps.toml"), "[training]\nsteps = 123\n").unwrap();
    let printed = |arguments: &[&str]| {
        let train = ["train", "wave.csv", "--rate", "100", "--print-config"];
        let (done, text) = place.vq(&[&train[..], arguments].concat());
        assert!(done, "{text}");
        text
    };
    let text = printed(&["--config", "steps.toml"]);
    assert!(text.contains("steps = 123") && text.contains("kind = \"scalar\""), "{text}");
    assert!(printed(&["--config", "small.toml"]).contains("kind = \"rvq\""));
}

fn json(path: &Path) -> serde_json::Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

#[test]
fn recordings_that_cannot_be_trained_on_are_refused_with_what_to_do() {
    let place = Place::new();
    fs::write(place.path("empty.csv"), "").unwrap();
    place.refused(&["empty.csv"], &["empty.csv", "no rows", "a row of numbers per frame"]);
    place.table("constant.csv", 3000, |_| "7".into());
    place.refused(&["constant.csv", "--lsb", "1"], &["`ecg` holds the value 7", "--columns"]);
    place.wave("short.csv", 60, 0.0);
    place.refused(&["short.csv"], &["only 6 latents", "train on more"]);
    place.wave("brief.csv", 110, 0.0);
    place.refused(&["brief.csv"], &["a training window has", "the longest recording has 88", "data.window_hops"]);
    place.refused(&["absent.csv"], &["absent.csv", "cannot read"]);
    place.wave("fine.csv", 3000, 0.0);
    place.refused(&["fine.csv", "--columns", "ppg"], &["no column `ppg`", "ecg"]);
    fs::write(place.path("two.csv"), "a,b\n1,2\n3,5\n").unwrap();
    place.refused(&["fine.csv", "two.csv"], &["two", "2 channel(s)", "1 are in `fine`"]);
    // The rate of a WAV file is its own.
    let spec =
        hound::WavSpec { channels: 1, sample_rate: 8000, bits_per_sample: 16, sample_format: hound::SampleFormat::Int };
    let mut writer = hound::WavWriter::create(place.path("fast.wav"), spec).unwrap();
    (0..4000i32).for_each(|t| writer.write_sample((t % 90) as i16).unwrap());
    writer.finalize().unwrap();
    let (done, text) = place.vq(&["train", "--config", "small.toml", "fast.wav", "fine.csv", "--rate", "100"]);
    assert!(!done && text.contains("8000 Hz") && text.contains("--rate"), "{text}");
}

#[test]
fn missing_samples_are_refused_or_held_as_the_user_says() {
    let place = Place::new();
    let sample = |t: usize| match t {
        500..503 => "nan".into(),
        900 => String::new(),
        _ => format!("{}", ((t as f64 * 0.11).sin() * 500.0) as i32),
    };
    // Two columns: a table of one has no empty fields.
    let rows: String = (0..3000).map(|t| format!("{},{}\n", sample(t), t % 7)).collect();
    fs::write(place.path("gaps.csv"), format!("ecg,other\n{rows}")).unwrap();
    place.refused(&["gaps.csv", "--columns", "ecg"], &["row 502, column `ecg`", "`nan` is no sample", "--fill-gaps"]);
    let (done, text) = place.train(&["gaps.csv", "--columns", "ecg", "--fill-gaps", "-o", "run"]);
    assert!(
        done && text.contains("`ecg`: 4 samples are missing, 3 in a row at most; the value before is held"),
        "{text}"
    );
    // A resumed run reads its recording in the same way.
    let (done, text) = place.vq(&["train", "--resume", "run"]);
    assert!(done, "{text}");
    place.table("most.csv", 3000, |t| if t < 1600 { "nan".into() } else { format!("{}", t % 50) });
    place.refused(&["most.csv", "--fill-gaps"], &["1600 of the 3000 samples", "--columns"]);
}

#[test]
fn clipped_recordings_are_trained_on_with_a_warning() {
    let place = Place::new();
    place.table("clipped.csv", 3000, |t| format!("{}", ((t as f64 * 0.11).sin() * 900.0).min(500.0) as i32));
    let (done, text) = place.train(&["clipped.csv", "-o", "run"]);
    assert!(done && text.contains("`ecg` rest at its largest value 500") && text.contains("clipped"), "{text}");
}

#[test]
fn codebooks_that_the_data_cannot_fill_and_checkpoints_of_other_nets_are_refused() {
    let place = Place::new();
    place.wave("wave.csv", 3000, 0.0);
    let crowded = SMALL.replace("stages = [8, 4]", "stages = [8, 4000]").replace("128", "8000");
    fs::write(place.path("crowded.toml"), crowded).unwrap();
    let (done, text) = place.vq(&["train", "--rate", "100", "--config", "crowded.toml", "wave.csv"]);
    assert!(!done && text.contains("4000") && text.contains("300 latents"), "{text}");

    assert!(place.train(&["wave.csv", "-o", "run"]).0);
    let other = SMALL.replace("channels = 8 }, {", "channels = 12 }, {");
    fs::write(place.path("other.toml"), other).unwrap();
    assert!(place.vq(&["train", "--rate", "100", "--config", "other.toml", "wave.csv", "-o", "other"]).0);
    fs::copy(place.path("other/checkpoints/latest.safetensors"), place.path("run/checkpoints/latest.safetensors"))
        .unwrap();
    fs::copy(place.path("other/checkpoints/best.safetensors"), place.path("run/checkpoints/best.safetensors")).unwrap();
    let (done, text) = place.vq(&["train", "--resume", "run"]);
    assert!(!done && text.contains("latest.safetensors") && text.contains("this run's is"), "{text}");
    let (done, text) = place.vq(&["export", "run", "-o", "m.vqm"]);
    assert!(!done && text.contains("another architecture"), "{text}");
}

#[test]
fn what_is_held_out_is_of_other_patients_and_a_leak_is_refused() {
    let place = Place::new();
    let names: Vec<String> = (0..5).map(|patient| format!("p{patient}.csv")).collect();
    names.iter().enumerate().for_each(|(patient, name)| place.wave(name, 1500, patient as f64));
    let all: Vec<&str> = names.iter().map(String::as_str).collect();
    let (done, text) = place.train(&[all.as_slice(), &["-o", "run"]].concat());
    assert!(done && text.contains("held out whole, 1 of 5 recordings: p"), "{text}");
    let record = json(&place.path("run/run.json"));
    let trained = |recording: &serde_json::Value| recording["train"][1] != recording["train"][0];
    let held_out = |recording: &serde_json::Value| recording["validation"][1] != recording["validation"][0];
    let recordings = record["recordings"].as_array().unwrap();
    assert!(recordings.iter().all(|recording| trained(recording) != held_out(recording)), "{record}");
    assert!(place.vq(&["export", "run", "-o", "m.vqm"]).0);

    // What the model was trained on says nothing of what it will do; what was held out does.
    let path = |recording: &serde_json::Value| recording["path"].as_str().unwrap().to_owned();
    let known = path(recordings.iter().find(|recording| trained(recording)).unwrap());
    let unknown = path(recordings.iter().find(|recording| held_out(recording)).unwrap());
    let eval = |record: &str| place.vq(&["eval", "--model", "m.vqm", "--rate", "100", record]);
    let (done, text) = eval(&known);
    assert!(!done && text.contains("trained on") && text.contains("--on-training-data"), "{text}");
    let (done, text) = eval(&unknown);
    assert!(done, "{text}");

    fs::copy(place.path("p1.csv"), place.path("copy.csv")).unwrap();
    place.refused(&["p0.csv", "p1.csv", "--held-out", "copy.csv"], &["`p1`", "`copy`", "same samples"]);
    let (done, text) = place.train(&["p0.csv", "p1.csv", "-o", "named", "--held-out", "p2.csv"]);
    assert!(done && text.contains("1 of 3 recordings: p2"), "{text}");
}

#[test]
fn a_budget_is_kept_or_refused_with_the_layer_that_breaks_it() {
    let place = Place::new();
    place.wave("wave.csv", 3000, 0.0);
    let tight = format!("{SMALL}\n[budget]\nflash = 3000\n");
    fs::write(place.path("tight.toml"), tight).unwrap();
    let (done, text) = place.vq(&["train", "--rate", "100", "--config", "tight.toml", "wave.csv", "-o", "run"]);
    assert!(!done && text.contains("budget.flash is 3000") && text.contains("layer `"), "{text}");
    assert!(!place.path("run").exists());

    // The ladder finds nets that fit, and what is exported fits too.
    let wide = SMALL.replace("channels = 8", "channels = 64");
    fs::write(place.path("wide.toml"), wide).unwrap();
    let budget = "flash=30K,ram=3K,core=m0,mips=1.5";
    let (done, text) =
        place.vq(&["train", "--rate", "100", "--config", "wide.toml", "wave.csv", "--budget", budget, "-o", "fits"]);
    assert!(done && text.contains("of the ladder"), "{text}");
    assert!(place.vq(&["export", "fits", "-o", "fits.vqm"]).0);
    let bytes = fs::metadata(place.path("fits.vqm")).unwrap().len();
    assert!((10_000..=30 * 1024).contains(&bytes), "{bytes}");
    let (done, text) = place.vq(&["train", "--rate", "100", "wave.csv", "--budget", "ram=100"]);
    assert!(!done && text.contains("no architecture of the ladder") && text.contains("budget.ram is 100"), "{text}");
    let (done, text) = place.vq(&["train", "--rate", "100", "wave.csv", "--budget", "speed=3"]);
    assert!(!done && text.contains("`speed=3`"), "{text}");
}

#[test]
fn what_a_retraining_would_lose_or_cannot_write_is_said_before_it() {
    let place = Place::new();
    place.wave("a.csv", 400, 0.0);
    fs::write(place.path("model.vqm"), "kept").unwrap();
    for only in ["--prior-only", "--residual-only"] {
        let told = |output: &str| {
            let (worked, text) = place.vq(&["train", "a.csv", "--rate", "100", only, "model.vqm", "-o", output]);
            assert!(!worked, "{text}");
            text
        };
        assert!(told("model.vqm").contains("model.vqm: this command reads that file too"));
        assert!(told("a.csv").contains("a.csv: this command reads that file too"));
        assert!(told("nowhere/b.vqm").contains("there is no folder nowhere: create it first"));
    }
    assert_eq!(fs::read_to_string(place.path("model.vqm")).unwrap(), "kept");
}

/// Of another prior or predictor nothing is learned from a sensor that was not connected, and little from a second.
#[test]
fn a_retraining_says_what_its_recordings_lack() {
    let place = Place::new();
    place.wave("wave.csv", 360, 0.0);
    fs::write(place.path("still.csv"), "MLII\n".to_owned() + &"7\n".repeat(3000)).unwrap();
    let model = concat!(env!("CARGO_MANIFEST_DIR"), "/../models/ecg-360hz-small.vqm");
    let retrain = |only: &str, record: &str| {
        let quick = ["--prior-steps", "1", "--residual-steps", "1"];
        place.vq(&[
            &["train", record, "--rate", "360", "--unit", "mV", "--lsb", "1", only, model, "-o", "new.vqm"],
            &quick[..],
        ]
        .concat())
    };
    for only in ["--prior-only", "--residual-only"] {
        let (worked, text) = retrain(only, "still.csv");
        assert!(!worked && text.contains("channel `MLII` has the same value in all training frames"), "{text}");
        assert!(!place.path("new.vqm").exists());
    }
    let (worked, text) = retrain("--residual-only", "wave.csv");
    assert!(worked && text.contains("no more than 20 hops to train on"), "{text}");
}

#[test]
fn what_no_model_can_have_in_common_is_told_before_training() {
    let place = Place::new();
    let table = |heading: &str, value: &dyn Fn(usize) -> String| {
        let rows: Vec<String> = (0..3000).map(value).collect();
        format!("{heading}\n{}\n", rows.join("\n"))
    };
    let wave = |t: usize| ((t * 7919) % 997).to_string();
    fs::write(place.path("one.csv"), table("a [mV]", &wave)).unwrap();
    fs::write(place.path("two.csv"), table("a [mV],b [mV]", &|t| format!("{},{}", wave(t), wave(t + 1)))).unwrap();
    fs::write(place.path("other.csv"), table("a [g]", &wave)).unwrap();
    fs::write(place.path("far.csv"), table("a", &|t| if t == 99 { "1e30".into() } else { wave(t) })).unwrap();
    let train = |rest: &[&str]| place.vq(&[&["train"], rest, &["--rate", "100", "--steps", "1", "-o", "run"]].concat());
    for (words, told) in [
        (vec!["one.csv", "two.csv"], "2 channel(s), and 1 are in `one`"),
        (vec!["one.csv", "other.csv"], "`a` is in g, and in mV in `one`"),
        (vec!["far.csv"], "`a`, sample 100: 1000000000000000000000000000000 is so far from all others"),
        (vec!["one.csv", "--quantizer", "rvq", "--config", "quality.toml"], "rate.quality is for integer latents"),
    ] {
        fs::write(place.path("quality.toml"), "[rate]\nquality = 3\n").unwrap();
        let (worked, text) = train(&words);
        assert!(!worked && text.contains(told) && !text.contains("the model"), "{words:?}: {text}");
        assert!(!place.path("run").exists());
    }
}

/// The error, the bits and the export of a model for one quality are those of that quality.
#[test]
fn a_model_of_one_quality_is_measured_at_it() {
    let place = Place::new();
    let rows: Vec<String> = (0..6000).map(|t| ((t * 7919) % 997).to_string()).collect();
    fs::write(place.path("one.csv"), format!("a\n{}\n", rows.join("\n"))).unwrap();
    fs::write(place.path("quality.toml"), "[rate]\nquality = 3\n").unwrap();
    let quick = ["--steps", "2", "--prior-steps", "1", "--residual", "adaptive", "-o", "run"];
    let (worked, text) =
        place.vq(&[&["train", "one.csv", "--rate", "100", "--config", "quality.toml"], &quick[..]].concat());
    assert!(worked, "{text}");
    let (worked, text) = place.vq(&["export", "run", "-o", "one.vqm"]);
    assert!(worked && text.contains("use the model with --quality 3") && text.contains("codes, quality 3"), "{text}");
    assert!(!text.contains("quality 9"), "{text}");
}

/// A hop of three fast channels may need more than a packet of the usual length: what trains can be exported and shown.
#[test]
fn hops_longer_than_usual_packets_are_trained_and_exported() {
    let place = Place::new();
    let row =
        |t: usize| (0..3).map(|axis| ((t * (7 + axis) * 7919) % 20_011).to_string()).collect::<Vec<_>>().join(",");
    let rows: Vec<String> = (0..8000).map(row).collect();
    fs::write(place.path("machine.csv"), format!("x,y,z\n{}\n", rows.join("\n"))).unwrap();
    let quick = ["--steps", "2", "--prior-steps", "1", "--residual-steps", "1", "-o", "run"];
    let (worked, text) = place.vq(&[&["train", "machine.csv", "--rate", "1000"], &quick[..]].concat());
    assert!(worked && text.contains("--preset vibration") && text.contains("95 integers"), "{text}");
    let (worked, text) = place.vq(&["export", "run", "-o", "machine.vqm"]);
    assert!(worked, "{text}");
    let (worked, text) =
        place.vq(&["encode", "--model", "machine.vqm", "machine.csv", "--rate", "1000", "-o", "machine.vqs"]);
    assert!(!worked && text.contains("allow at least"), "{text}");
}
