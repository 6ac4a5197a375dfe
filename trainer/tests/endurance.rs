//! Runs that are disturbed: by a full disk, by Ctrl-C, by a stop in the middle of augmented data. And the page that tells of them, in a browser.
#![cfg(all(feature = "train", unix))]

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

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
restart_every = 3
[training]
batch = 3
[residual]
kind = "adaptive"
[run]
tensorboard = false
"#;

fn vq() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vq"));
    command.env("OMP_NUM_THREADS", "1");
    command
}

fn prepare(folder: &Path, settings: &str) {
    fs::write(folder.join("small.toml"), format!("{SMALL}{settings}")).unwrap();
    let wave = |t: f64| (t * 0.11).sin() * 500.0 + (t * 0.7).cos() * 60.0;
    let rows: String = (0..3000).map(|t| format!("{}\n", wave(f64::from(t)) as i32)).collect();
    fs::write(folder.join("wave.csv"), format!("ecg\n{rows}")).unwrap();
}

fn run(folder: &Path, arguments: &[&str]) -> String {
    let done = vq().args(arguments).current_dir(folder).output().unwrap();
    let text = [done.stdout, done.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat();
    assert!(done.status.success(), "{arguments:?}: {text}");
    text
}

/// A run that Ctrl-C stops as soon as a line of its begins so; gives what it said at its end.
fn interrupted(folder: &Path, arguments: &[&str], at: &str) -> String {
    let mut command = vq();
    let command = command.args(arguments).current_dir(folder).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut notes = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.starts_with(at) {
        line.clear();
        assert!(notes.read_line(&mut line).unwrap() > 0, "it ended before it could be stopped");
    }
    let number = child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &number]).status().unwrap().success());
    let mut rest = String::new();
    std::io::Read::read_to_string(&mut notes, &mut rest).unwrap();
    let done = child.wait_with_output().unwrap();
    assert!(done.status.success(), "{rest}");
    String::from_utf8(done.stdout).unwrap()
}

#[test]
fn ctrl_c_saves_and_says_how_to_go_on_and_augmented_runs_end_the_same() {
    let temporary = tempfile::tempdir().unwrap();
    let folder = temporary.path();
    let augmented =
        "[augmentation]\ngain = 0.3\nwander = 0.3\nhum = 0.1\nstretch = 0.2\nnoise = 0.05\ninversion = 0.3\n";
    prepare(folder, augmented);
    let train = |run: &'static str| {
        ["train", "wave.csv", "--rate", "100", "--config", "small.toml", "--steps", "3000", "-o", run]
    };
    let said = interrupted(folder, &train("broken"), "step ");
    assert!(said.contains("Stopped after step") && said.contains("vq train --resume"), "{said}");
    let exported = run(folder, &["export", "broken", "-o", "broken.vqm"]);
    assert!(exported.contains("of 3000; go on with: vq train --resume broken"), "{exported}");
    run(folder, &["train", "--resume", "broken"]);
    let exported = run(folder, &["export", "broken", "-o", "broken.vqm"]);
    assert!(!exported.contains("--resume"), "{exported}");
    run(folder, &train("whole"));
    let tensors = |name: &str| {
        let path = folder.join(name).join("checkpoints/latest.safetensors");
        vq_trainer::run::TensorFile::load(&path).unwrap().tensors
    };
    assert!(tensors("whole") == tensors("broken"), "a resumed run on augmented windows ends otherwise");
}

#[test]
fn ctrl_c_stops_what_is_trained_behind_the_last_step_too() {
    let temporary = tempfile::tempdir().unwrap();
    let folder = temporary.path();
    prepare(folder, "");
    let train = ["train", "wave.csv", "--rate", "100", "--config", "small.toml", "--steps", "4", "-o", "run"];
    let endless =
        ["--prior", "small", "--prior-steps", "1000000", "--residual", "small", "--residual-steps", "1000000"];
    let said = interrupted(folder, &[&train[..], &endless].concat(), "pr");
    assert!(said.contains("Stopped after step 4, the last") && said.contains("vq train --resume run"), "{said}");
    assert!(!folder.join("run/prior.vqm").exists());
    let exported = run(folder, &["export", "run", "-o", "run.vqm"]);
    assert!(exported.contains("before what follows its last step"), "{exported}");
    // What the output would replace stays as it was.
    run(folder, &[&train[..8], &["--prior", "tables", "--residual", "adaptive", "-o", "other"]].concat());
    run(folder, &["export", "other", "-o", "model.vqm"]);
    fs::write(folder.join("better.vqm"), "kept").unwrap();
    let mut again = vq();
    let again = again.args(["train", "--residual-only", "model.vqm", "wave.csv", "--rate", "100", "-o", "better.vqm"]);
    let again = again.args(["--residual", "small", "--residual-steps", "1000000"]).current_dir(folder);
    let mut child = again.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut notes = BufReader::new(child.stderr.take().unwrap()).lines();
    assert!(notes.any(|line| line.unwrap().starts_with("predictor")));
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    assert!(notes.any(|line| line.unwrap().contains("stopped before the predictor was trained")));
    assert!(!child.wait().unwrap().success());
    assert_eq!(fs::read(folder.join("better.vqm")).unwrap(), b"kept");
}

#[test]
fn a_full_disk_leaves_the_last_checkpoint_as_it_was() {
    let temporary = tempfile::tempdir().unwrap();
    let folder = temporary.path();
    // Few lines of metrics, so that the checkpoint is what does not fit.
    prepare(folder, "log_every = 500\nvalidate_every = 500\n");
    interrupted(
        folder,
        &["train", "wave.csv", "--rate", "100", "--config", "small.toml", "--steps", "2500", "-o", "run"],
        "step ",
    );
    let checkpoints = folder.join("run/checkpoints");
    let before = fs::read(checkpoints.join("latest.safetensors")).unwrap();
    let blocks = (before.len() / 2 / 512).to_string();
    // Files that grow no further stand for a disk that is full; the signal that goes with it is ignored.
    let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" train --resume run");
    let done = Command::new("sh").args(["-c", &script, env!("CARGO_BIN_EXE_vq")]).current_dir(folder).output().unwrap();
    let text = String::from_utf8(done.stderr).unwrap();
    assert!(!done.status.success() && text.contains("cannot write"), "{text}");
    assert!(fs::read(checkpoints.join("latest.safetensors")).unwrap() == before);
    let names = fs::read_dir(&checkpoints).unwrap().map(|entry| entry.unwrap().file_name());
    let left_over: Vec<_> = names.filter(|name| name.to_string_lossy().ends_with(".part")).collect();
    assert!(left_over.is_empty(), "{left_over:?}");
    // With room again it goes on.
    run(folder, &["train", "--resume", "run"]);
}

#[test]
fn the_report_of_several_runs_fits_a_phone() {
    let Some(browser) = ["chromium", "chromium-browser", "google-chrome"].into_iter().find(|name| {
        Command::new(name)
            .arg("--version")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|done| done.success())
    }) else {
        println!("skipped: there is no chromium");
        return;
    };
    let temporary = tempfile::tempdir().unwrap();
    let folder = temporary.path();
    prepare(folder, "");
    for (name, kind) in [("first", "rvq"), ("second", "scalar")] {
        let quantizer = ["--quantizer", kind, "--prior", "tables", "--steps", "60", "-o", name];
        run(
            folder,
            &[&["train", "wave.csv", "--rate", "100", "--config", "small.toml"], quantizer.as_slice()].concat(),
        );
    }
    run(folder, &["report", "first", "second", "-o", "report.html"]);
    let html = fs::read_to_string(folder.join("report.html")).unwrap();
    for section in ["signal", "results", "rates", "memory", "training", "usage", "lowering", "origin"] {
        assert!(html.contains(&format!("id=\"{section}-title\"")), "{section}");
    }
    // What the page is wide at, told by the page itself once its scripts have run.
    let probe = "<script>addEventListener('load', () => { const e = document.documentElement; \
                 document.title = `wide ${e.scrollWidth} of ${innerWidth}, canvases ${document.querySelectorAll('canvas').length}`; });</script></body>";
    fs::write(folder.join("probe.html"), html.replace("</body>", probe)).unwrap();
    for width in [390, 1280] {
        let profile = folder.join(format!("profile{width}"));
        let done = Command::new(browser)
            .args(["--headless=new", "--no-sandbox", "--disable-gpu", "--dump-dom", "--virtual-time-budget=3000"])
            .arg(format!("--window-size={width},900"))
            .arg(format!("--user-data-dir={}", profile.display()))
            .arg(format!("file://{}", folder.join("probe.html").display()))
            .output()
            .unwrap();
        let page = String::from_utf8_lossy(&done.stdout).into_owned();
        let title =
            page.split("<title>").nth(1).and_then(|rest| rest.split("</title>").next()).unwrap_or_default().to_owned();
        let numbers: Vec<usize> =
            title.split(|c: char| !c.is_ascii_digit()).filter_map(|word| word.parse().ok()).collect();
        let [wide, inner, canvases] = numbers.as_slice() else { panic!("the page did not tell: {title}") };
        assert!(wide <= inner, "the page is wider than its window: {title}");
        assert!(*canvases > 0, "the script drew nothing: {title}");
    }
}
