//! Decoders beside the usual one: a large one for hosts that hears the same packets, and one that waits for nothing.
#![cfg(feature = "train")]

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

const SMALL: &str = r#"
[network]
latents = 4
linear_kernel = 16
encoder = [{ kernel = 8, stride = 4, channels = 8 }, { kernel = 4, stride = 2, channels = 8, residual = 1 }]
decoder = [{ kernel = 3, stride = 1, channels = 4 }, { kernel = 4, stride = 2, channels = 4 }]
output = { kernel = 4, stride = 4 }
HERE
[data]
window_hops = 8
[quantizer]
kind = "rvq"
[vector]
stages = [16, 16]
kmeans_latents = 256
[training]
steps = 600
batch = 8
[residual]
kind = "adaptive"
"#;

fn vq(folder: &Path, arguments: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vq"));
    let done = command.args(arguments).current_dir(folder).env("OMP_NUM_THREADS", "1").output().unwrap();
    let [text, notes] = [done.stdout, done.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
    assert!(done.status.success(), "{arguments:?}: {text}{notes}");
    text
}

/// A folder with a wave that changes its pitch, and a run on it with these keys of the network.
fn trained(network: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("small.toml"), SMALL.replace("HERE", network)).unwrap();
    let wave = |t: f64| (t * 0.11 + (t * 0.003).sin() * 4.0).sin() * 500.0 + (t * 0.47).cos() * 90.0;
    let rows: String = (0..6000).map(|t| format!("{}\n", wave(f64::from(t)) as i32)).collect();
    fs::write(folder.path().join("wave.csv"), format!("ecg\n{rows}")).unwrap();
    vq(folder.path(), &["train", "wave.csv", "--rate", "100", "--config", "small.toml", "-o", "run"]);
    folder
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[test]
fn a_large_decoder_hears_what_the_devices_encoder_says() {
    let host = "host_decoder = [{ kernel = 3, stride = 1, channels = 32, residual = 2 }, { kernel = 4, stride = 2, channels = 24, \
                residual = 1 }]\nhost_output = { kernel = 8, stride = 4 }";
    let place = trained(host);
    let folder = place.path();
    vq(folder, &["export", "run", "-o", "device.vqm", "--name", "wave"]);
    vq(folder, &["export", "run", "-o", "host.vqm", "--name", "wave", "--decoder", "host"]);
    let inspected = |model: &str| json(&vq(folder, &["inspect", model, "--json"]));
    let (device, large) = (inspected("device.vqm"), inspected("host.vqm"));
    assert_eq!(device["identity"], large["identity"]);
    assert_eq!(large["self_test"], "passed");
    let macs = |model: &Value, side: &str| model["multiply_accumulates_per_sample"][side].as_f64().unwrap();
    assert_eq!(macs(&device, "encoder"), macs(&large, "encoder"));
    assert!(macs(&large, "decoder") > 4.0 * macs(&device, "decoder"));

    // The device encodes; either decodes.
    let held_out = ["--from", "4800", "--rate", "100"];
    vq(folder, &["encode", "--model", "device.vqm", "wave.csv", "--rate", "100", "-o", "wave.vqs"]);
    for model in ["device", "host"] {
        let output = format!("{model}.csv");
        vq(folder, &["decode", "--model", &format!("{model}.vqm"), "wave.vqs", "-o", &output]);
        assert_eq!(fs::read_to_string(folder.join(&output)).unwrap().lines().count(), 6001, "{model}");
    }
    let prdn = |model: &str| {
        let measured = [&["eval", "--model", model, "wave.csv", "--json"], held_out.as_slice()].concat();
        json(&vq(folder, &measured))["mean"]["prdn_percent"].as_f64().unwrap()
    };
    let (small, large) = (prdn("device.vqm"), prdn("host.vqm"));
    assert!(small < 20.0 && large < 20.0, "{large} % by the host, {small} % by the device");
}

#[test]
fn a_causal_codec_waits_for_its_hop_alone() {
    let place = trained("look_ahead = 0");
    vq(place.path(), &["export", "run", "-o", "causal.vqm"]);
    let delay = &json(&vq(place.path(), &["inspect", "causal.vqm", "--json"]))["delay_seconds"];
    assert_eq!([&delay["encoder_look_ahead"], &delay["decoder_look_ahead"]], [0.0, 0.0], "{delay}");
    let measured = ["eval", "--model", "causal.vqm", "wave.csv", "--from", "4800", "--rate", "100", "--json"];
    let prdn = json(&vq(place.path(), &measured))["mean"]["prdn_percent"].as_f64().unwrap();
    assert!(prdn < 30.0, "{prdn} %");
}
