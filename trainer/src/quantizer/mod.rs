//! From latents to codes and back: codebooks of vectors with residual stages, integer latents, and what keeps them alive.
//!
//! A quantizer sits between encoder and decoder. Its forward pass gives the decoder the quantized latents and lets the
//! decoder's gradient pass straight through to the encoder; its own losses pull codes to latents and latents to codes.

mod codebook;
mod kmeans;
mod scalar;
mod usage;
mod vector;

use rand::rngs::ChaCha8Rng;
use tch::{Tensor, nn};

use crate::config::{Config, QuantizerKind};
use crate::run::QuantizerRecord;
pub use kmeans::{Clusters, kmeans};
pub use scalar::{Rounding, ScalarQuantizer};
pub use vector::VectorQuantizer;

/// What a quantizer made of a batch of latents.
#[derive(Debug)]
pub struct Quantized {
    /// The latents as the decoder gets them, `[batch, latents, hops]`; gradients pass straight through to the input.
    pub latents: Tensor,
    /// The codes: per stage `[batch · hops]` for vectors; one `[batch · hops, latents]` of integers for scalars.
    pub codes: Vec<Tensor>,
    /// What each stage was given, `[batch · hops, latents]` without gradient; empty for scalars.
    pub residuals: Vec<Tensor>,
    /// Σ over stages of the mean squared distance, felt by the codes only.
    pub codebook_loss: Tensor,
    /// Σ over stages of the mean squared distance, felt by the encoder only; not yet times β.
    pub commitment_loss: Tensor,
}

/// How well a quantizer's codes are used.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Health {
    /// How many codes are in effective use: `exp` of the entropy of use; per stage, or per latent for scalars.
    pub perplexity: Vec<f64>,
    /// Codes chosen less often than the configured part of an even share, per stage; empty for scalars.
    pub dead_codes: Vec<usize>,
}

/// Rows of a trained tensor that were given new values, whose optimizer moments must be forgotten.
#[derive(Debug)]
pub struct Restarted {
    /// The tensor, `[codes, latents]`.
    pub variable: Tensor,
    /// Which of its rows, `[codes]`, as booleans.
    pub rows: Tensor,
}

/// The quantizer of a codec. It is [started](Self::start) on latents before its first use.
#[derive(Debug)]
pub enum Quantizer {
    /// Codebooks of vectors.
    Vector(VectorQuantizer),
    /// Rounded latents.
    Scalar(ScalarQuantizer),
}

impl Quantizer {
    /// A quantizer whose state lives under `variables`, codebooks still at zero.
    pub fn new(variables: &nn::Path, config: &Config) -> Self {
        match config.quantizer.kind {
            QuantizerKind::Vector => Self::Vector(VectorQuantizer::new(variables, config)),
            QuantizerKind::Scalar => Self::Scalar(ScalarQuantizer::new(variables, config)),
        }
    }

    /// Starts the codes on `latents`, `[vectors, latents]`; `batch_vectors` is how many of them a training step sees.
    pub fn start(&mut self, latents: &Tensor, batch_vectors: usize, random: &mut ChaCha8Rng) {
        tch::no_grad(|| match self {
            Self::Vector(quantizer) => quantizer.start(latents, batch_vectors, random),
            Self::Scalar(quantizer) => quantizer.start(latents),
        });
    }

    /// Quantizes `latents`, `[batch, latents, hops]`.
    pub fn forward(&self, latents: &Tensor, rounding: &Rounding) -> Quantized {
        match self {
            Self::Vector(quantizer) => quantizer.forward(latents),
            Self::Scalar(quantizer) => quantizer.forward(latents, rounding),
        }
    }

    /// Takes note of the codes of a training step, and moves codes that follow averages.
    pub fn observe(&mut self, quantized: &Quantized) {
        tch::no_grad(|| match self {
            Self::Vector(quantizer) => quantizer.observe(quantized),
            Self::Scalar(quantizer) => quantizer.observe(quantized),
        });
    }

    /// Moves dead codes onto latents of this batch, if `step` is one of those where that is done.
    pub fn restart_dead(&mut self, step: usize, quantized: &Quantized, random: &mut ChaCha8Rng) -> Vec<Restarted> {
        tch::no_grad(|| match self {
            Self::Vector(quantizer) if quantizer.restarts_at(step) => quantizer.restart_dead(quantized, random),
            Self::Vector(_) | Self::Scalar(_) => Vec::new(),
        })
    }

    /// How well the codes are used. Waits for the device.
    pub fn health(&self) -> Health {
        match self {
            Self::Vector(quantizer) => quantizer.health(),
            Self::Scalar(quantizer) => quantizer.health(),
        }
    }
}

/// Refuses alphabets that the training latents could not fill.
///
/// # Errors
/// In words, if a stage has more codes than there are latents.
pub fn check_alphabets(record: &QuantizerRecord, training_latents: usize) -> Result<(), String> {
    let QuantizerRecord::Vector { stages, .. } = record else { return Ok(()) };
    match stages.iter().find(|&&codes| codes > training_latents) {
        Some(codes) => Err(format!(
            "a stage has {codes} codes, but the training frames give only {training_latents} latents: \
             train on more, or lower vector.stages"
        )),
        None => Ok(()),
    }
}
