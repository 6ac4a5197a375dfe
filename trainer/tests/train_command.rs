//! `vq train` as a user calls it: runs, resumed ones, families, and what `vq export` and `vq eval` make of them.
#![cfg(feature = "train")]

mod small_run;

use std::ffi::OsStr;
use std::process::Command;

use small_run::{SMALL, recording, small};
use vq_trainer::config::Config;
use vq_trainer::run::MetricsLog;

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
