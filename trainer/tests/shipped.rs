//! The models that ship, as the program `vq` finds them by name.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use vq_trainer::export::file::ModelBytes;
use vq_trainer::shipped::{SHIPPED, find};

fn recording() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../data/mitdb-208.hea")
}

/// Runs `vq` in a folder: what it prints, or what it says is wrong.
fn vq(folder: &Path, words: &[&str]) -> Result<String, String> {
    let output = Command::new(env!("CARGO_BIN_EXE_vq")).args(words).current_dir(folder).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
}

#[test]
fn every_model_is_found_by_its_names() {
    let folder = tempfile::tempdir().unwrap();
    for shipped in SHIPPED {
        for name in [shipped.name, shipped.short] {
            let inspected = vq(folder.path(), &["inspect", name]).unwrap();
            assert!(inspected.starts_with(&format!("model                 {} (", shipped.name)), "{name}: {inspected}");
            assert!(inspected.contains("self-test             passed"), "{name}: {inspected}");
        }
    }
}

#[test]
fn an_electrocardiogram_goes_through_its_models() {
    let folder = tempfile::tempdir().unwrap();
    let recording = recording();
    let recording = recording.to_str().unwrap();
    for name in ["ecg-360hz", "ecg", "ecg-360hz-small", "ecg-small"] {
        let words = ["eval", "--model", name, recording, "--to", "20s", "--quality", "5", "--json"];
        let json: Value = serde_json::from_str(&vq(folder.path(), &words).unwrap()).unwrap();
        let row = &json["records"][0];
        let (bits, prdn) = (row["bits_per_sample"].as_f64().unwrap(), row["prdn_percent"].as_f64().unwrap());
        assert!(bits < 1.0 && prdn < 15.0, "{name}: {bits} bits per sample, PRDN {prdn} %");
    }
    vq(folder.path(), &["encode", "--model", "ecg", recording, "-o", "x.vqs"]).unwrap();
    vq(folder.path(), &["decode", "--model", "ecg-360hz", "x.vqs", "-o", "back.csv"]).unwrap();
    assert!(vq(folder.path(), &["inspect", "x.vqs", "--model", "ecg"]).unwrap().contains("ecg-360hz"));
}

/// Numbers of 32 bits are no converter's, but a file may have them, and what is lossless keeps them.
#[test]
fn numbers_wider_than_any_converter_come_back_exactly() {
    let folder = tempfile::tempdir().unwrap();
    let samples: Vec<i32> = (0..2000i32).map(|t| t.wrapping_mul(0x9e37_79b1u32 as i32) >> (t % 9)).collect();
    let bytes: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
    std::fs::write(folder.path().join("wide.raw"), bytes).unwrap();
    let raw = ["wide.raw", "--channels", "1", "--sample-type", "i32", "--rate", "8000"];
    for promise in [&["--lossless"][..], &["--max-error", "3lsb"]] {
        vq(folder.path(), &[&["encode", "--model", "speech", "-o", "x.vqs"], &raw[..], promise].concat()).unwrap();
        vq(folder.path(), &["decode", "--model", "speech", "x.vqs", "-o", "back.csv"]).unwrap();
        let back = std::fs::read_to_string(folder.path().join("back.csv")).unwrap();
        let value = |line: &str| line.rsplit(',').next().unwrap().parse::<f64>().unwrap() as i64;
        let back: Vec<i64> = back.lines().skip(1).map(value).collect();
        let most = if promise.len() == 1 { 0 } else { 3 };
        assert_eq!(back.len(), samples.len());
        assert!(
            samples.iter().zip(back).all(|(sample, back)| (i64::from(*sample) - back).abs() <= most),
            "{promise:?}"
        );
    }
}

#[test]
fn the_guide_and_the_cards_name_every_model() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let guide = std::fs::read_to_string(root.join("docs/guide/ships.md")).unwrap();
    for shipped in SHIPPED {
        assert!(guide.contains(&format!("| `{}` (`{}`) |", shipped.short, shipped.name)), "{}", shipped.name);
        let card = std::fs::read_to_string(root.join(format!("models/{}.md", shipped.name))).unwrap();
        let bytes = ModelBytes::new(shipped.bytes);
        let identity = bytes.model().unwrap().identity();
        let identity: String = identity.iter().map(|byte| format!("{byte:02x}")).collect();
        assert!(card.contains(&identity), "the card of {} is another's: `cargo xtask results` writes it", shipped.name);
    }
}

#[test]
fn a_file_of_that_name_goes_first() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("ecg"), find("ecg-small").unwrap().bytes).unwrap();
    assert!(vq(folder.path(), &["inspect", "ecg-360hz"]).unwrap().starts_with("model                 ecg-360hz ("));
    let recording = recording();
    let words = ["encode", "--model", "ecg", recording.to_str().unwrap(), "-o", "x.vqs"];
    vq(folder.path(), &words).unwrap();
    assert!(vq(folder.path(), &["inspect", "x.vqs"]).unwrap().contains("ecg-360hz-small"));
    assert!(vq(folder.path(), &["inspect", "ecg"]).unwrap().starts_with("model                 ecg-360hz-small ("));
    std::fs::write(folder.path().join("ecg"), b"not a model").unwrap();
    assert!(vq(folder.path(), &words).unwrap_err().contains("ecg cannot be used"));
}

/// What a pipe gives can be read once.
#[cfg(unix)]
#[test]
fn a_pipe_without_an_ending_is_read_from_its_start() {
    use std::io::Write as _;
    use std::process::Stdio;
    let words = ["inspect", "/dev/stdin", "--format", "csv", "--rate", "10"];
    let (input, output) = (Stdio::piped(), Stdio::piped());
    let mut child = Command::new(env!("CARGO_BIN_EXE_vq"))
        .args(words)
        .stdin(input)
        .stdout(output)
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(b"pressure\n1\n2\n3\n5\n").unwrap();
    let told = String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap();
    assert!(told.contains("4 frames at 10 Hz") && told.contains("pressure"), "{told}");
}

#[test]
fn an_unknown_name_is_told_with_those_that_there_are() {
    let folder = tempfile::tempdir().unwrap();
    let recording = recording();
    let error =
        vq(folder.path(), &["encode", "--model", "egg", recording.to_str().unwrap(), "-o", "x.vqs"]).unwrap_err();
    assert!(error.contains("no model egg") && error.contains("ecg (ecg-360hz), ecg-small"), "{error}");
}

#[test]
fn what_a_model_was_trained_on_is_no_evidence() {
    let database = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/mitdb");
    if !database.is_dir() {
        println!("skipped: there is no copy of the MIT-BIH database beside the project");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let [trained, other] = ["101.hea", "118.hea"].map(|name| database.join(name));
    let run = |record: &Path, more: &[&str]| {
        let mut words = vec!["bench", "rd", record.to_str().unwrap(), "--models", "ecg-small"];
        words.extend(["--columns", "MLII", "--only", "9/7", "--from", "100s", "--to", "110s"]);
        words.extend(more);
        vq(folder.path(), &words)
    };
    let error = run(&trained, &[]).unwrap_err();
    assert!(error.contains("frames 36000 to 39600 of 101 are among what this model was trained on"), "{error}");
    assert!(run(&trained, &["--on-training-data"]).is_ok());
    assert!(run(&other, &[]).is_ok());
}
