//! What a device is given and what it must make of it: a model, a signal, and the packets and samples of the host.

use std::error::Error;
use std::fs;
use std::path::Path;

use vq_core::{Mode, Options};
use vq_trainer::export::file::ModelBytes;
use vq_trainer::export::trained::Normalization;
use vq_trainer::vectors::Vectors;

use crate::{decode, demo, encode, lapped, rungs, samples};

/// What the firmware uses.
pub const OPTIONS: Options = Options::new().packet_bytes(244);

/// Samples of the recording that models are exported for: a minute.
const SAMPLES: usize = 21_600;
/// What of the recording every emulated board encodes: ten seconds from the second minute, and not a whole number of hops.
const STRETCH: usize = 3601;

/// Writes `model.vqm`, and what the host makes of a signal `[time, channels]`, into a folder that exists.
///
/// # Errors
/// What the system refuses.
pub fn write(model: &ModelBytes, signal: Vec<i32>, folder: &Path) -> Result<(), Box<dyn Error>> {
    write_with(model, signal, OPTIONS, folder)
}

fn write_with(model: &ModelBytes, signal: Vec<i32>, options: Options, folder: &Path) -> Result<(), Box<dyn Error>> {
    let codec = model.model()?;
    let packets = encode(codec, options, &signal);
    let decoded = samples(&decode(codec, &packets));
    model.write(&folder.join("model.vqm"))?;
    Ok(Vectors { samples: signal, packets, decoded }.write(folder)?)
}

/// A stretch of the recording that ships with the project.
#[must_use]
pub fn stretch() -> Vec<i32> {
    lapped::ecg().samples.into_iter().skip(SAMPLES).take(STRETCH).collect()
}

/// Makes folders of vectors on the recording: `demo`, with a model of the demo's shapes, `prior`, with the standard recurrent prior, `small`, with a
/// model whose encoder and decoder fit into 8 KiB of RAM together, and `lossless`, with the small predictor and lossless packets.
///
/// # Errors
/// What the system refuses.
pub fn write_boards(folder: &Path) -> Result<(), Box<dyn Error>> {
    let ecg = &lapped::ecg().samples[..SAMPLES];
    let shapes = demo::model_of(ecg, Normalization { offset: 1024, scale: 300.0 });
    let transform = lapped::model(ecg, 1).integer;
    let prior = rungs::with_standard_prior(&transform, &ecg[..STRETCH], 1.0);
    let predicted = rungs::with_small_predictor(&transform);
    for (name, model) in [("demo", shapes), ("prior", prior), ("small", transform)] {
        let folder = folder.join(name);
        fs::create_dir_all(&folder)?;
        write(&model, stretch(), &folder)?;
    }
    let folder = folder.join("lossless");
    fs::create_dir_all(&folder)?;
    write_with(&predicted, stretch(), OPTIONS.mode(Mode::Lossless), &folder)
}
