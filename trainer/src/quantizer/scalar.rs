//! Integer latents: each latent divided by its step and rounded to an integer of fixed width.
//!
//! Steps are about `√2` times as wide at each lower quality. In rate–distortion training each latent's step of each quality is learned; noise
//! that is even over one step stands in for rounding where the rate is measured (Ballé, Laparra & Simoncelli, "End-to-end optimized image
//! compression", 2017, equation 9).

use tch::{Kind, Tensor, nn};
use vq_core::model::QUALITIES;

use super::usage::{blend_rows, entropy_bits};
use super::{Health, Quantized};
use crate::config::Config;

/// The smallest step, so that none becomes zero or negative while it is learned.
const LEAST_STEP: f64 = 1e-6;

/// How codes are made while training, where that differs from the device.
#[derive(Debug)]
pub enum Rounding {
    /// To the nearest code: what the device does.
    Nearest,
    /// Integer latents: this noise, even over ±½ integer and of the latents' shape, instead of rounding: smooth, for the
    /// first part of training. A VAE: standard normal noise.
    Noise(Tensor),
    /// Codebooks: only so many residual stages; the others are left out, as at a lower quality.
    Stages(usize),
}

/// A batch at the qualities of its windows.
#[derive(Debug)]
pub struct Rated {
    /// What any quantizer makes of a batch.
    pub quantized: Quantized,
    /// Latents over their steps, with noise in place of rounding, `[batch, hops, latents]`: smooth, for the rate.
    pub noisy: Tensor,
}

/// One step per latent and quality; the integers are `|q| <= 2^(bits−1) − 1`.
#[derive(Debug)]
pub struct ScalarQuantizer {
    /// Latent units per integer at quality 9, `[latents]`.
    step: Tensor,
    /// The latent behind the others at each quality, `[9]`, where it tells the decoder that.
    told: Option<Tensor>,
    /// Octaves by which the step of a quality is wider than half an octave for each quality below 9 makes it, `[9, latents]`.
    wider: Tensor,
    /// The step of all latents, where it is not learned.
    fixed_step: Option<f64>,
    /// Moving average of how often each integer occurs, `[latents, integers]`.
    count: Tensor,
    largest: i64,
    range: f64,
    decay: f64,
}

impl ScalarQuantizer {
    /// Steps of one under `variables`, as `step`.
    pub(super) fn new(variables: &nn::Path, config: &Config) -> Self {
        let latents = config.integer_latents() as i64;
        let largest = (1i64 << (config.integer_bits() - 1)) - 1;
        let float = (Kind::Float, variables.device());
        let rated = config.is_rated();
        let first_step = if rated { first_step(config.rate.distortion_weight) } else { config.scalar.step };
        Self {
            step: variables.add("step", Tensor::ones([latents], float), config.scalar.step == 0.0 && !rated),
            wider: variables.add("wider", Tensor::zeros([QUALITIES as i64, latents], float), rated),
            told: config
                .tells_quality()
                .then(|| variables.add("told", first_told().to_device(variables.device()), true)),
            fixed_step: (first_step > 0.0).then_some(first_step),
            count: variables.add("count", Tensor::zeros([latents, 2 * largest + 1], float), false),
            largest,
            range: config.scalar.range,
            decay: config.quantizer.decay,
        }
    }

    /// Sets each step so that the largest integer stands for `range` standard deviations of `latents`, `[vectors, latents]`.
    pub(super) fn start(&mut self, latents: &Tensor) {
        if let Some(step) = self.fixed_step {
            let _ = self.step.fill_(step);
            return;
        }
        let deviation = self.sent(latents).square().mean_dim([0i64].as_slice(), false, Kind::Float).sqrt();
        self.step.copy_(&(deviation * (self.range / self.largest as f64)).clamp_min(LEAST_STEP));
    }

    pub(super) fn forward(&self, latents: &Tensor, rounding: &Rounding) -> Quantized {
        let step = self.step.view([1, -1, 1]);
        let largest = self.largest as f64;
        let scaled = (self.sent(latents) / &step).clamp(-largest, largest);
        let rounded = scaled.detach().round();
        let offset = match rounding {
            Rounding::Noise(noise) => self.sent(noise),
            Rounding::Nearest | Rounding::Stages(_) => &rounded - scaled.detach(),
        };
        let told = self.told.as_ref().map(|told| told.narrow(0, QUALITIES as i64 - 1, 1));
        self.quantized(with_told((scaled + offset) * step, told), &rounded)
    }

    /// Quantizes each window of `latents`, `[batch, latents, hops]`, at its quality, `[batch]`, counted from 0. `noise` has the latents' shape and is
    /// even over ±½; the decoder gets it too unless `rounds`.
    pub fn forward_rated(&self, latents: &Tensor, qualities: &Tensor, noise: &Tensor, rounds: bool) -> Rated {
        let (latents, noise) = (self.sent(&latents.to_kind(Kind::Float)), self.sent(noise));
        let largest = self.largest as f64;
        let octaves = self.octaves().index_select(0, qualities);
        let step = (&self.step * octaves.exp2()).unsqueeze(2);
        let scaled = (latents / &step).clamp(-largest, largest);
        let rounded = scaled.detach().round();
        let noisy = &scaled + noise;
        let through = if rounds { &scaled + (&rounded - scaled.detach()) } else { noisy.shallow_clone() } * step;
        let told = self.told.as_ref().map(|told| told.index_select(0, qualities));
        Rated { quantized: self.quantized(with_told(through, told), &rounded), noisy: noisy.transpose(1, 2) }
    }

    /// Those of `[batch, latents, hops]` that are sent.
    fn sent(&self, latents: &Tensor) -> Tensor {
        latents.narrow(1, 0, self.step.size()[0])
    }

    /// Those of `latents`, `[vectors, latents]`, that are sent, in steps of quality 9.
    pub fn in_steps(&self, latents: &Tensor) -> Tensor {
        self.sent(&latents.detach()) / self.step.detach()
    }

    /// Octaves between the step of every quality and that of quality 9, `[9, latents]`.
    fn octaves(&self) -> Tensor {
        let below: [f32; QUALITIES] = std::array::from_fn(|row| (QUALITIES - 1 - row) as f32 / 2.0);
        &self.wider + Tensor::from_slice(&below).to_device(self.wider.device()).unsqueeze(1)
    }

    fn quantized(&self, latents: Tensor, rounded: &Tensor) -> Quantized {
        let count = rounded.size()[1];
        let codes = (rounded + self.largest as f64).permute([0, 2, 1]).reshape([-1, count]).to_kind(Kind::Int64);
        Quantized::without_losses(latents, codes, vec![2 * self.largest as usize + 1; count as usize])
    }

    pub(super) fn observe(&mut self, quantized: &Quantized) {
        let _ = self.step.clamp_min_(LEAST_STEP);
        blend_rows(&mut self.count, &quantized.codes, self.decay);
    }

    pub(super) fn health(&self) -> Health {
        let latents = 0..self.count.size()[0];
        Health::of(latents.map(|latent| (entropy_bits(&self.count.select(0, latent)), 0)))
    }
}

/// Latents `[batch, latents, hops]`, and behind them what the decoder is told, if it is: `[batch]`, or one for all.
fn with_told(latents: Tensor, told: Option<Tensor>) -> Tensor {
    let Some(told) = told else { return latents };
    let sizes = latents.size();
    Tensor::cat(&[latents, told.view([-1, 1, 1]).expand([sizes[0], 1, sizes[2]], false)], 1)
}

/// From −1 at the worst quality to 1 at the best: as large as the signal.
fn first_told() -> Tensor {
    Tensor::from_slice(&std::array::from_fn::<f32, QUALITIES, _>(|row| row as f32 / 4.0 - 1.0))
}

/// The step from which a rate falls as fast as an error of weight `weight` rises. At a high rate `bits = −log2 step` and `error = step² / 12`, so that
/// `step² = 6 / (weight · ln 2)`; half of that, because at lower rates most latents are zero and their error is no longer that of rounding.
fn first_step(weight: f64) -> f64 {
    (3.0 / (weight * std::f64::consts::LN_2)).sqrt()
}

#[cfg(test)]
mod tests {
    use tch::Device;

    use super::*;
    use crate::config::QuantizerKind;
    use crate::random::{for_step, uniform};

    fn values(tensor: &Tensor) -> Vec<f32> {
        Vec::try_from(tensor.detach().flatten(0, -1)).unwrap()
    }

    /// Two latents with steps 0.5 and 2, integers −3 to 3.
    fn quantizer(store: &nn::VarStore) -> ScalarQuantizer {
        let mut config = Config::default();
        config.network.latents = 2;
        config.scalar.bits = 3;
        let mut quantizer = ScalarQuantizer::new(&store.root(), &config);
        tch::no_grad(|| quantizer.step.copy_(&Tensor::from_slice(&[0.5f32, 2.0])));
        quantizer
    }

    /// Three hops: the first latent 0.6, −0.9, 9; the second 2.9, 3.1, −100.
    fn latents() -> Tensor {
        Tensor::from_slice(&[0.6f32, -0.9, 9.0, 2.9, 3.1, -100.0]).view([1, 2, 3]).set_requires_grad(true)
    }

    #[test]
    fn integers_and_latents_by_hand() {
        let store = nn::VarStore::new(Device::Cpu);
        let quantized = quantizer(&store).forward(&latents(), &Rounding::Nearest);
        assert_eq!(values(&quantized.latents), [0.5, -1.0, 1.5, 2.0, 4.0, -6.0]);
        // [hops, latents], the lowest integer, −3, as 0.
        assert_eq!(Vec::<i64>::try_from(quantized.codes.flatten(0, -1)).unwrap(), [4, 4, 1, 5, 6, 0]);
        assert_eq!(quantized.alphabets, [7, 7]);
    }

    #[test]
    fn gradients_pass_inside_the_range_and_steps_learn() {
        let store = nn::VarStore::new(Device::Cpu);
        let latents = latents();
        quantizer(&store).forward(&latents, &Rounding::Nearest).latents.sum(Kind::Float).backward();
        assert_eq!(values(&latents.grad()), [1.0, 1.0, 0.0, 1.0, 1.0, 0.0]);
        // Inside: q − z/step; outside: q. First latent: (1 − 1.2) + (−2 + 1.8) + 3; second: (1 − 1.45) + (2 − 1.55) − 3.
        let steps = values(&store.variables()["step"].grad());
        assert!((steps[0] - 2.6).abs() < 1e-5 && (steps[1] + 3.0).abs() < 1e-5, "{steps:?}");
    }

    #[test]
    fn noise_is_within_half_a_step_and_not_rounding() {
        let store = nn::VarStore::new(Device::Cpu);
        let quantizer = quantizer(&store);
        let latents = Tensor::zeros([1, 2, 500], (Kind::Float, Device::Cpu));
        let noise = uniform(&[1, 2, 500], &mut for_step(9, 0)) - 0.5;
        let noisy = quantizer.forward(&latents, &Rounding::Noise(noise)).latents;
        let largest = values(&noisy.abs().amax([0, 2], false));
        assert!(largest[0] <= 0.25 && largest[0] > 0.24, "{largest:?}");
        assert!(largest[1] <= 1.0 && largest[1] > 0.97, "{largest:?}");
    }

    fn rated(store: &nn::VarStore) -> ScalarQuantizer {
        let mut config = Config::default();
        config.quantizer.kind = QuantizerKind::Scalar;
        config.network.latents = 2;
        config.scalar.tells_quality = false;
        let quantizer = ScalarQuantizer::new(&store.root(), &config);
        tch::no_grad(|| quantizer.step.shallow_clone().copy_(&Tensor::from_slice(&[0.5f32, 2.0])));
        quantizer
    }

    #[test]
    fn windows_are_quantized_at_their_quality() {
        let store = nn::VarStore::new(Device::Cpu);
        let quantizer = rated(&store);
        // Quality 9 as it is; of quality 7, two half octaves lower, the second latent's step is an octave wider than its share.
        tch::no_grad(|| drop(quantizer.wider.shallow_clone().get(6).get(1).fill_(1.0)));
        let latents = Tensor::from_slice(&[1.3f32, 5.1, 1.3, 9.0]).view([2, 2, 1]);
        let qualities = Tensor::from_slice(&[8i64, 6]);
        let rated = quantizer.forward_rated(&latents, &qualities, &latents.zeros_like(), true);
        assert_eq!(values(&rated.quantized.latents), [1.5, 6.0, 1.0, 8.0]);
        let noisy = values(&rated.noisy);
        for (value, wanted) in noisy.iter().zip([2.6, 2.55, 1.3, 1.125]) {
            assert!((value - wanted).abs() < 1e-5, "{noisy:?}");
        }
    }

    #[test]
    fn noise_reaches_the_rate_always_and_the_decoder_before_rounding_begins() {
        let store = nn::VarStore::new(Device::Cpu);
        let quantizer = rated(&store);
        let latents = Tensor::from_slice(&[1.3f32, 5.1]).view([1, 2, 1]);
        let noise = Tensor::from_slice(&[0.4f32, -0.25]).view([1, 2, 1]);
        let forward = |rounds| quantizer.forward_rated(&latents, &Tensor::from_slice(&[8i64]), &noise, rounds);
        for (value, wanted) in values(&forward(false).quantized.latents).iter().zip([1.5f32, 4.6]) {
            assert!((value - wanted).abs() < 1e-5);
        }
        assert_eq!(values(&forward(true).quantized.latents), [1.5, 6.0]);
        assert_eq!(values(&forward(true).noisy), values(&forward(false).noisy));
    }

    #[test]
    fn one_latent_more_tells_the_decoder_the_quality_and_learns_what_to_say() {
        let store = nn::VarStore::new(Device::Cpu);
        let mut config = Config::default();
        config.quantizer.kind = QuantizerKind::Scalar;
        config.network.latents = 3;
        let quantizer = ScalarQuantizer::new(&store.root(), &config);
        let latents = Tensor::from_slice(&[1.3f32, 5.1, 70.0, 1.3, 9.0, 80.0]).view([2, 3, 1]);
        let qualities = Tensor::from_slice(&[8i64, 2]);
        let rated = quantizer.forward_rated(&latents, &qualities, &latents.zeros_like(), true);
        let given = rated.quantized.latents.select(1, 2);
        assert_eq!(values(&given), [1.0, -0.5]);
        // Nothing is sent for it.
        assert_eq!((rated.noisy.size(), rated.quantized.codes.size()), (vec![2, 1, 2], vec![2, 2]));
        given.sum(Kind::Float).backward();
        let gradient = values(&store.variables()["told"].grad());
        assert_eq!(gradient, [0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0]);
    }

    #[test]
    fn every_step_learns_from_its_quality() {
        let store = nn::VarStore::new(Device::Cpu);
        let quantizer = rated(&store);
        let latents = Tensor::from_slice(&[1.3f32, 5.1]).view([1, 2, 1]);
        let rated = quantizer.forward_rated(&latents, &Tensor::from_slice(&[4i64]), &latents.zeros_like(), true);
        rated.quantized.latents.sum(Kind::Float).backward();
        let gradient = quantizer.wider.grad().abs().sum_dim_intlist([1i64].as_slice(), false, Kind::Float);
        let felt: Vec<bool> = values(&gradient).iter().map(|sum| *sum > 0.0).collect();
        assert_eq!(felt, (0..QUALITIES).map(|row| row == 4).collect::<Vec<bool>>());
    }

    #[test]
    fn use_is_counted_per_latent() {
        let store = nn::VarStore::new(Device::Cpu);
        let mut quantizer = quantizer(&store);
        // The first latent takes four values evenly, the second one.
        let latents = Tensor::from_slice(&[0.0f32, 0.5, 1.0, -0.5, 2.0, 2.0, 2.0, 2.0]).view([1, 2, 4]);
        let quantized = quantizer.forward(&latents, &Rounding::Nearest);
        tch::no_grad(|| quantizer.observe(&quantized));
        let perplexity = quantizer.health().perplexity;
        assert!((perplexity[0] - 4.0).abs() < 1e-4 && (perplexity[1] - 1.0).abs() < 1e-4, "{perplexity:?}");
    }

    #[test]
    fn the_start_covers_the_range_of_each_latent() {
        let store = nn::VarStore::new(Device::Cpu);
        let mut quantizer = quantizer(&store);
        let latents = Tensor::from_slice(&[3.0f32, 0.1, -3.0, -0.1]).view([2, 2]);
        tch::no_grad(|| quantizer.start(&latents));
        // range 4 standard deviations over the largest integer, 3.
        let steps = values(&quantizer.step);
        assert!((steps[0] - 4.0).abs() < 1e-5 && (steps[1] - 0.4 / 3.0).abs() < 1e-6, "{steps:?}");
    }
}
