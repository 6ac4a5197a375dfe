//! Models of the demo's shapes with weights that nobody trained: what a model takes of a device follows from its shapes alone, and
//! these are there in a moment.

use std::path::Path;

use vq_core::{Mode, Options};
use vq_trainer::config::Config;
use vq_trainer::export::container::assemble;
use vq_trainer::export::disassemble::disassemble;
use vq_trainer::export::export;
use vq_trainer::export::file::ModelBytes;
use vq_trainer::export::priors::PriorParts;
use vq_trainer::export::trained::{Codebook, Normalization, TrainedModel, TrainedNet, TrainedQuantizer};

use crate::{Noise, encode, metadata, weights};

/// What `cargo xtask demo` trains.
const CONFIG: &str = "../trainer/configs/demo.toml";

/// Samples of the signal that priors are counted on.
const SAMPLES: usize = 20_000;

/// A model of the demo's shapes, with the priors that its exporter counts on a signal that wanders.
#[must_use]
pub fn model() -> ModelBytes {
    model_of(&signal(SAMPLES), Normalization { offset: 0, scale: 2000.0 })
}

/// The same shapes and weights for samples `[time]` of one channel: ranges and priors are those of these samples.
///
/// # Panics
/// If the samples are too few.
#[must_use]
pub fn model_of(samples: &[i32], normalization: Normalization) -> ModelBytes {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(CONFIG);
    let config = Config::load(&path).expect("the demo's configuration is sound");
    let (encoder, decoder) = config.network_plan().assemble(1).expect("the demo's nets fit together");
    let mut noise = Noise::new(208);
    let [encoder, decoder] = [encoder, decoder].map(|spec| {
        let weights = weights(&spec, 0.2, &mut noise);
        TrainedNet { spec, weights }
    });
    let latents = config.network.latents;
    let codebook = |(stage, size): (usize, &usize)| {
        Codebook::stage(stage, latents, noise.values(size * latents, 0.5 / (1 << stage) as f32))
    };
    let quantizer =
        TrainedQuantizer::Vectors { codebooks: config.vector.stages.iter().enumerate().map(codebook).collect() };
    let trained = TrainedModel { encoder, decoder, quantizer, normalization: vec![normalization] };
    export(&trained, samples, &metadata(1)).expect("the model exports").integer
}

/// The same model with codes that all cost the same.
#[must_use]
pub fn without_priors(model: &ModelBytes) -> ModelBytes {
    let mut parts = disassemble(model.model().expect("the model is sound")).expect("the model says what it is");
    parts.priors = PriorParts::uniform(&parts.symbols);
    assemble(&parts).expect("the parts fit together")
}

/// Some best-effort packets of a model, then some lossless ones, each behind its length as a little-endian `u16`.
#[must_use]
pub fn packets(model: &ModelBytes) -> Vec<u8> {
    let model = model.model().expect("the model is sound");
    let mut bytes = Vec::new();
    for mode in [Mode::BestEffort, Mode::Lossless] {
        for packet in encode(model, Options::new().packet_bytes(244).mode(mode), &signal(20 * model.hop())) {
            bytes.extend((packet.len() as u16).to_le_bytes());
            bytes.extend(packet);
        }
    }
    bytes
}

/// A signal that wanders.
fn signal(samples: usize) -> Vec<i32> {
    let (mut noise, mut level) = (Noise::new(7), 0f32);
    let mut next = || {
        level = 0.9 * level + 400.0 * noise.draw();
        level as i32
    };
    (0..samples).map(|_| next()).collect()
}
