//! A small net and a small recording, for whole runs.

use std::path::{Path, PathBuf};

use vq_trainer::config::Config;
use vq_trainer::data::{Channel, Recording, save};

/// A net of a few hundred weights, in every phase for some of its 24 steps: warm-up to step 6, int8 from step 15.
pub(crate) const SMALL: &str = r#"
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

/// That net, changed as a piece of a configuration says.
pub(crate) fn small(changes: &str) -> Config {
    let mut table: toml::Table = toml::from_str(SMALL).unwrap();
    for (name, section) in toml::from_str::<toml::Table>(changes).unwrap() {
        let keys = section.as_table().unwrap().clone();
        let into = table.entry(name).or_insert_with(|| toml::Table::new().into());
        into.as_table_mut().unwrap().extend(keys);
    }
    table.try_into().unwrap()
}

/// A wave with a beat, written as a file, since a resumed run reads its recordings again.
pub(crate) fn recording(folder: &Path, frames: usize) -> PathBuf {
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
