//! Recordings longer than memory: what the programs take at most while they train on, encode and measure them.

#![cfg(all(feature = "train", target_os = "linux"))]
#![forbid(unsafe_code)]

use std::fs::{self, File};
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// A recording of bytes: silence, with a wave at its beginning, in its middle and at its end. The file has holes where silence is.
fn recording(path: &Path, samples: u64) {
    let wave: Vec<u8> = (0..1 << 20).map(|t| ((f64::from(t) * 0.05).sin() * 90.0) as i8 as u8).collect();
    let mut file = File::create(path).unwrap();
    file.set_len(samples).unwrap();
    for from in [0, samples / 2, samples - wave.len() as u64] {
        file.seek(SeekFrom::Start(from)).unwrap();
        file.write_all(&wave).unwrap();
    }
}

/// The most memory that a process had so far, in MiB.
fn peak(child: &Child) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? >> 10)
}

/// Runs `vq` and gives the most memory that it took, in MiB.
fn memory_of(arguments: &[&str]) -> u64 {
    let vq = env!("CARGO_BIN_EXE_vq");
    let command = &mut Command::new(vq);
    let command = command.args(arguments).stdout(Stdio::null()).stderr(Stdio::piped()).env("OMP_NUM_THREADS", "1");
    let mut child = command.spawn().unwrap();
    let mut most = 0;
    while child.try_wait().unwrap().is_none() {
        most = most.max(peak(&child).unwrap_or(0));
        std::thread::sleep(Duration::from_millis(5));
    }
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    assert!(most > 0, "the memory of {vq} was not seen");
    most
}

const RAW: [&str; 6] = ["--channels", "1", "--sample-type", "i8", "--unit", "mV"];

#[test]
fn training_takes_no_more_than_is_allowed() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let sections = [
        "[data]\nmemory = 16",
        "[training]\nbatch = 4",
        "[prior]\nkind = \"tables\"",
        "[residual]\nkind = \"adaptive\"",
    ];
    fs::write(path("c.toml"), sections.join("\n")).unwrap();
    let [short, long] = [21, 28].map(|bits| {
        let (input, config, run) = (path("a.raw"), path("c.toml"), path(&format!("run-{bits}")));
        recording(Path::new(&input), 1 << bits);
        let arguments = ["train", &input, "--rate", "1000", "--config", &config, "--steps", "3", "-o", &run];
        let most = memory_of(&[&arguments[..], &RAW].concat());
        assert!(Path::new(&run).join("run.json").exists());
        most
    });
    // As integers in memory the longer one would take 1 GiB, and as much again for the nets; what is held out is measured on more frames.
    assert!(long < short + 128, "{long} MiB where a short recording takes {short}");
}

#[test]
fn encoding_and_measuring_take_no_more_for_a_longer_recording() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    recording(Path::new(&path("short.raw")), 1 << 21);
    recording(Path::new(&path("long.raw")), 1 << 23);
    let [encoding, measuring] = ["encode", "eval"].map(|program| {
        let [short, long] = ["short.raw", "long.raw"].map(|name| {
            let (input, output) = (path(name), path("x.vqs"));
            let arguments = [program, &input, "--model", "ecg-small", "--rate", "360", "--quality", "2"];
            let output = ["-o", &output];
            let output = if program == "encode" { &output[..] } else { &[] };
            memory_of(&[&arguments[..], output, &RAW].concat())
        });
        long.saturating_sub(short)
    });
    // Six million samples more, which would take 24 MiB as integers.
    assert!(encoding < 8 && measuring < 8, "{encoding} and {measuring} MiB more");
}
