//! From latents to codes and back: codebooks of vectors in stages and parts, finite scalars, integer latents, and what keeps
//! them alive.
//!
//! A quantizer sits between encoder and decoder. Its forward pass gives the decoder the quantized latents and lets the
//! decoder's gradient pass to the encoder; its own losses pull codes to latents and latents to codes. All of it is in 32-bit
//! floats, whatever the nets compute in.

mod codebook;
mod finite;
mod gaussian;
mod gradient;
mod kmeans;
#[cfg(test)]
mod reference;
mod scalar;
mod usage;
mod vector;

use rand::rngs::ChaCha8Rng;
use tch::{Kind, Tensor, nn};

use crate::config::Config;
use crate::random::normal;
use crate::run::QuantizerRecord;
pub use finite::FiniteQuantizer;
pub use gaussian::GaussianLatents;
pub use kmeans::{Clusters, kmeans, lloyd};
pub use scalar::{Rated, Rounding, ScalarQuantizer};
use usage::{counts, dead_of, entropy_bits};
pub use vector::VectorQuantizer;

/// What a quantizer made of a batch of latents. A *symbol* is what the device sends for a hop: the code of a stage, of a part,
/// or of a latent.
#[derive(Debug)]
pub struct Quantized {
    /// The latents as the decoder gets them, `[batch, latents, hops]`; gradients pass to the input.
    pub latents: Tensor,
    /// The codes, counted from 0, in the order in which they are sent, `[batch · hops, symbols]`. Symbols of stages that were
    /// left out are not among them.
    pub codes: Tensor,
    /// How many codes each symbol has.
    pub alphabets: Vec<usize>,
    /// What each codebook was given, `[batch · hops, dimension]` without gradient; empty where there are none.
    pub points: Vec<Tensor>,
    /// Σ over stages of the mean squared distance, felt by the codes only.
    pub codebook_loss: Tensor,
    /// Σ over stages of the mean squared distance, felt by the encoder only; not yet times β.
    pub commitment_loss: Tensor,
    /// The divergence of a VAE's latents from their prior, in nats per position; 0 where there are codes.
    pub divergence: Tensor,
}

impl Quantized {
    /// The result of a quantizer that has nothing to learn by itself.
    fn without_losses(latents: Tensor, codes: Tensor, alphabets: Vec<usize>) -> Self {
        let zero = Tensor::zeros([], (Kind::Float, latents.device()));
        Self {
            latents,
            codes,
            alphabets,
            points: Vec::new(),
            codebook_loss: zero.shallow_clone(),
            commitment_loss: zero.shallow_clone(),
            divergence: zero,
        }
    }

    /// The same without a graph behind it.
    pub(crate) fn detach(&self) -> Self {
        Self {
            latents: self.latents.detach(),
            codes: self.codes.detach(),
            alphabets: self.alphabets.clone(),
            points: self.points.iter().map(Tensor::detach).collect(),
            codebook_loss: self.codebook_loss.detach(),
            commitment_loss: self.commitment_loss.detach(),
            divergence: self.divergence.detach(),
        }
    }

    /// What the quantizer adds to the loss: codes drawn to latents, and, with weight `commitment`, latents to codes.
    pub fn loss(&self, commitment: f64) -> Tensor {
        &self.codebook_loss + &self.commitment_loss * commitment
    }

    /// How well the codes of this batch are used; codes chosen less often than `dead_below` times an even share count as
    /// dead. Waits for the device.
    pub fn health(&self, dead_below: f64) -> Health {
        let symbols = self.alphabets.iter().enumerate().map(|(symbol, &codes)| {
            let count = counts(&self.codes.select(1, symbol as i64), codes as i64);
            (entropy_bits(&count), dead_of(&count, dead_below))
        });
        Health::of(symbols)
    }
}

/// How well a quantizer's codes are used, per symbol.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Health {
    /// The entropy of use, in bits.
    pub entropy_bits: Vec<f64>,
    /// How many codes are in effective use: two to the power of the entropy.
    pub perplexity: Vec<f64>,
    /// Codes chosen less often than the configured part of an even share; zero for integer latents, whose outer values are
    /// meant to be rare.
    pub dead_codes: Vec<usize>,
}

impl Health {
    /// From the entropy in bits and the number of dead codes of every symbol.
    fn of(symbols: impl Iterator<Item = (f64, usize)>) -> Self {
        let (entropy_bits, dead_codes): (Vec<f64>, Vec<usize>) = symbols.unzip();
        Self { perplexity: entropy_bits.iter().map(|bits| bits.exp2()).collect(), entropy_bits, dead_codes }
    }
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
    /// Bounded latents of a few levels.
    Finite(FiniteQuantizer),
    /// Rounded latents.
    Scalar(ScalarQuantizer),
    /// The continuous latents of a VAE.
    Gaussian(GaussianLatents),
}

impl Quantizer {
    /// A quantizer whose state lives under `variables`, codebooks still at zero.
    pub fn new(variables: &nn::Path, config: &Config) -> Self {
        match config.quantizer_record() {
            QuantizerRecord::Vector { stages, parts, .. } => {
                Self::Vector(VectorQuantizer::new(variables, &stages, parts, config))
            }
            QuantizerRecord::Finite { levels } => Self::Finite(FiniteQuantizer::new(variables, levels, config)),
            QuantizerRecord::Scalar { .. } => Self::Scalar(ScalarQuantizer::new(variables, config)),
            QuantizerRecord::Gaussian { dimension } => Self::Gaussian(GaussianLatents::new(dimension)),
        }
    }

    /// Starts the codes on `latents`, `[vectors, latents]`; `batch_vectors` is how many of them a training step sees.
    pub fn start(&mut self, latents: &Tensor, batch_vectors: usize, random: &mut ChaCha8Rng) {
        let latents = latents.to_kind(Kind::Float);
        tch::no_grad(|| match self {
            Self::Vector(quantizer) => quantizer.start(&latents, batch_vectors, random),
            Self::Finite(_) | Self::Gaussian(_) => {}
            Self::Scalar(quantizer) => quantizer.start(&latents),
        });
    }

    /// Latents on their way to the decoder before there are codes, `[batch, latents, hops]`.
    pub fn unquantized(&self, latents: &Tensor) -> Tensor {
        match self {
            Self::Vector(quantizer) => quantizer.unquantized(latents),
            Self::Finite(quantizer) => quantizer.unquantized(latents),
            Self::Scalar(_) => latents.shallow_clone(),
            Self::Gaussian(quantizer) => quantizer.means(latents),
        }
    }

    /// How `latents` are quantized where they are measured: as the device does, or, of a VAE, as a sample.
    pub fn measuring(&self, latents: &Tensor, random: &mut ChaCha8Rng) -> Rounding {
        match self {
            Self::Gaussian(quantizer) => {
                Rounding::Noise(normal(&quantizer.means(latents).size(), random).to_device(latents.device()))
            }
            Self::Vector(_) | Self::Finite(_) | Self::Scalar(_) => Rounding::Nearest,
        }
    }

    /// Quantizes `latents`, `[batch, latents, hops]`.
    pub fn forward(&self, latents: &Tensor, rounding: &Rounding) -> Quantized {
        let latents = latents.to_kind(Kind::Float);
        match self {
            Self::Vector(quantizer) => quantizer.forward(&latents, rounding),
            Self::Finite(quantizer) => quantizer.forward(&latents),
            Self::Scalar(quantizer) => quantizer.forward(&latents, rounding),
            Self::Gaussian(quantizer) => quantizer.forward(&latents, rounding),
        }
    }

    /// Takes note of the codes of a training step, and moves codes that follow averages.
    pub fn observe(&mut self, quantized: &Quantized) {
        tch::no_grad(|| match self {
            Self::Vector(quantizer) => quantizer.observe(quantized),
            Self::Finite(quantizer) => quantizer.observe(quantized),
            Self::Scalar(quantizer) => quantizer.observe(quantized),
            Self::Gaussian(_) => {}
        });
    }

    /// Moves dead codes onto latents of this batch, if `step` is one of those where that is done.
    pub fn restart_dead(&mut self, step: usize, quantized: &Quantized, random: &mut ChaCha8Rng) -> Vec<Restarted> {
        tch::no_grad(|| match self {
            Self::Vector(quantizer) if quantizer.restarts_at(step) => quantizer.restart_dead(quantized, random),
            Self::Vector(_) | Self::Finite(_) | Self::Scalar(_) | Self::Gaussian(_) => Vec::new(),
        })
    }

    /// How well the codes are used lately. Waits for the device.
    pub fn health(&self) -> Health {
        match self {
            Self::Vector(quantizer) => quantizer.health(),
            Self::Finite(quantizer) => quantizer.health(),
            Self::Scalar(quantizer) => quantizer.health(),
            Self::Gaussian(_) => Health::default(),
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
            "a stage has {codes} codes, but the training frames give only {training_latents} latents: train on more, or \
             lower the codes (vector.stages, vector.codes or vector.part_stages)"
        )),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use tch::Device;

    use super::*;
    use crate::config::QuantizerKind;
    use crate::random::for_step;

    #[test]
    fn latents_in_half_precision_are_quantized_in_whole_precision_and_end_in_numbers() {
        for kind in [QuantizerKind::Vq, QuantizerKind::Product, QuantizerKind::Fsq, QuantizerKind::Scalar] {
            let mut config = Config::default();
            config.quantizer.kind = kind;
            config.vector.codes = 16;
            for precision in [Kind::Half, Kind::BFloat16] {
                let store = nn::VarStore::new(Device::Cpu);
                let mut quantizer = Quantizer::new(&store.root(), &config);
                tch::manual_seed(3);
                let latents = Tensor::randn([2, 8, 64], (Kind::Float, Device::Cpu)).to_kind(precision);
                quantizer.start(&latents.transpose(1, 2).reshape([-1, 8]), 128, &mut for_step(0, 0));
                // Most codes are never chosen by one latent: counts fall towards zero, where smoothing in half precision
                // would divide by it.
                let one = latents.narrow(2, 0, 1);
                for _ in 0..400 {
                    quantizer.observe(&quantizer.forward(&one, &Rounding::Nearest));
                }
                let quantized = quantizer.forward(&latents, &Rounding::Nearest);
                assert_eq!(quantized.latents.kind(), Kind::Float);
                for (name, tensor) in store.variables() {
                    assert_eq!(tensor.kind(), Kind::Float, "{kind:?} {name}");
                    assert!(tensor.isfinite().all().int64_value(&[]) == 1, "{kind:?} {name} {tensor}");
                }
                assert!(quantized.latents.isfinite().all().int64_value(&[]) == 1, "{kind:?} {precision:?}");
            }
        }
    }

    #[test]
    fn every_quantizer_gives_codes_within_its_alphabets_and_their_health() {
        for kind in
            [QuantizerKind::Vq, QuantizerKind::Rvq, QuantizerKind::Product, QuantizerKind::Fsq, QuantizerKind::Scalar]
        {
            let mut config = Config::default();
            config.quantizer.kind = kind;
            let store = nn::VarStore::new(Device::Cpu);
            let mut quantizer = Quantizer::new(&store.root(), &config);
            tch::manual_seed(4);
            let latents = Tensor::randn([4, 8, 256], (Kind::Float, Device::Cpu));
            quantizer.start(&latents.transpose(1, 2).reshape([-1, 8]), 1024, &mut for_step(0, 0));
            let quantized = quantizer.forward(&latents, &Rounding::Nearest);
            quantizer.observe(&quantized);
            let alphabets = config.quantizer_record().alphabets();
            assert_eq!(quantized.alphabets, alphabets, "{kind:?}");
            assert_eq!(quantized.codes.size(), [1024, alphabets.len() as i64], "{kind:?}");
            assert_eq!(quantized.latents.size(), latents.size(), "{kind:?}");
            let (now, lately) = (quantized.health(0.02), quantizer.health());
            for health in [&now, &lately] {
                let lists = [health.entropy_bits.len(), health.perplexity.len(), health.dead_codes.len()];
                assert_eq!(lists, [alphabets.len(); 3], "{kind:?}");
                for ((bits, perplexity), &codes) in health.entropy_bits.iter().zip(&health.perplexity).zip(&alphabets) {
                    assert!(*bits > 0.3 * (codes as f64).log2(), "{kind:?} {health:?}");
                    assert!((bits.exp2() - perplexity).abs() < 1e-9 && *perplexity <= codes as f64 + 1e-3, "{kind:?}");
                }
            }
        }
    }
}
