//! Speech through the program `vq`: its preset makes a model, and its metrics are told.
#![cfg(feature = "train")]

use std::path::Path;
use std::process::Command;

/// Runs `vq` in a folder: what it prints.
fn vq(folder: &Path, words: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_vq")).args(words).current_dir(folder).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// A vowel that comes and goes, of a voice of 140 Hz, as a WAV file at 8 kHz.
fn vowel(path: &Path, frames: u32) {
    let spec =
        hound::WavSpec { channels: 1, sample_rate: 8000, bits_per_sample: 16, sample_format: hound::SampleFormat::Int };
    let mut writer = hound::WavWriter::create(path, spec).unwrap();
    for time in 0..frames {
        let phase = std::f64::consts::TAU * 140.0 * f64::from(time) / 8000.0;
        let tone: f64 = (2..16).map(|harmonic| (phase * f64::from(harmonic)).sin() / f64::from(harmonic)).sum();
        let loudness = (f64::from(time) / 1500.0).sin().powi(2);
        writer.write_sample((6000.0 * loudness * tone) as i16).unwrap();
    }
    writer.finalize().unwrap();
}

#[test]
fn the_preset_trains_and_exports() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    vowel(&folder.join("vowel.wav"), 40_000);
    let quick = "[training]\nthreads = 1\n[prior]\nsteps = 5\n[residual]\nkind = \"adaptive\"\n";
    std::fs::write(folder.join("quick.toml"), quick).unwrap();
    let words = ["train", "vowel.wav", "--preset", "speech", "--config", "quick.toml", "--steps", "8", "-o", "run"];
    vq(folder, &words);
    vq(folder, &["export", "run", "-o", "voice.vqm"]);
    let inspected = vq(folder, &["inspect", "voice.vqm"]);
    assert!(inspected.contains("hop                   32 frames"), "{inspected}");
    assert!(inspected.contains("self-test             passed"), "{inspected}");
    vowel(&folder.join("other.wav"), 9_000);
    let evaluated = vq(folder, &["eval", "--model", "voice.vqm", "other.wav"]);
    assert!(evaluated.contains("segmental SNR dB") && evaluated.contains("LSD dB"), "{evaluated}");
}
