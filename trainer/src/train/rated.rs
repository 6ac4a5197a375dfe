//! A step that trains for bits and error together: a batch in parts, computed side by side, and the gradient of all.
//!
//! Nets that fit a microcontroller are too small for the threads of one operation to pay; whole parts of a batch are not. A thread has a codec of
//! its own, which takes the values of the trained one before every part. Parts are cut alike and added in order wherever they run, so that a run
//! depends on their number and not on how many cores there are.

use tch::nn::VarStore;
use tch::{Device, Kind, Tensor};

use super::TrainError;
use super::adam::{gradients, trained};
use super::codec::{Codec, Nets, SignalNets};
use super::distortion::{Distorted, Distortion};
use super::worker::Worker;
use crate::config::Config;
use crate::nn::Precision;
use crate::quantizer::Quantized;
use crate::random::for_beginning;

/// Windows to train on, each at a quality of its own.
#[derive(Debug)]
pub(super) struct RatedBatch {
    /// `[batch, channels, frames]`.
    pub(super) window: Tensor,
    /// Counted from 0, `[batch]`.
    pub(super) qualities: Tensor,
    /// Even over ±½, `[batch, latents, hops]`.
    pub(super) noise: Tensor,
    /// What the nets compute with.
    pub(super) precision: Precision,
    /// Whether the decoder gets rounded latents instead of noisy ones.
    pub(super) rounds: bool,
}

/// What a batch, or a part of one, came to; without a graph behind it.
#[derive(Debug)]
pub(super) struct RatedStep {
    /// How many windows it had.
    windows: i64,
    pub(super) loss: Tensor,
    pub(super) distorted: Distorted,
    pub(super) quantized: Quantized,
    pub(super) bits_per_sample: Tensor,
    /// Of every trained tensor, in the order of their names; undefined where the loss does not depend on it.
    pub(super) gradients: Vec<Tensor>,
}

/// A thread's codec.
#[derive(Debug)]
pub(super) struct Helper {
    codec: Codec,
    distortion: Distortion,
}

/// Threads for all parts of a batch but the first.
///
/// # Errors
/// If the configuration's nets or distortion cannot be built, or the system starts no more threads.
pub(super) fn helpers(config: &Config, channels: usize, device: Device) -> Result<Vec<Worker<Helper>>, TrainError> {
    let parts = config.training.parts.min(config.training.batch);
    // A GPU takes the whole batch faster than its parts.
    let wanted = if config.is_rated() && device == Device::Cpu { parts } else { 1 };
    let helper = |_| {
        let variables = VarStore::new(device);
        let mut random = for_beginning(config.training.seed);
        let (nets, rate) = SignalNets::with_rate(config, channels, &variables.root(), &mut random)?;
        let frames = config.data.window_hops * nets.hop;
        let distortion = Distortion::new(&config.distortion, channels, frames, device)?;
        let codec = Codec::new(config, variables, Nets::Signal(nets), rate);
        Worker::new("part of a batch", Helper { codec, distortion })
    };
    (1..wanted).map(helper).collect()
}

impl Helper {
    fn compute(&self, values: &[Tensor], part: &RatedBatch) -> Option<RatedStep> {
        let own = self.codec.tensors();
        tch::no_grad(|| own.into_iter().zip(values).for_each(|(mut own, value)| own.copy_(value)));
        part.compute_alone(&self.codec, |rebuilt, target| self.distortion.of(rebuilt, target))
    }
}

impl RatedBatch {
    /// What the batch comes to: its first part on `codec`, the others on copies of it, by `helpers`.
    ///
    /// # Errors
    /// If a helper's thread is gone, or a codec is not trained for its rate.
    pub(super) fn compute(
        self,
        codec: &Codec,
        helpers: &[Worker<Helper>],
        distorts: impl Fn(&Tensor, &Tensor) -> Distorted,
    ) -> Result<RatedStep, TrainError> {
        let unrated = || TrainError::Unsuitable { what: "a batch of no windows, or nets without a rate".into() };
        let mut parts = self.split(helpers.len() as i64 + 1).into_iter();
        let first = parts.next().ok_or_else(unrated)?;
        let tensors = codec.tensors();
        let asked: Vec<_> = helpers
            .iter()
            .zip(parts)
            .map(|(helper, part)| {
                let values: Vec<Tensor> = tensors.iter().map(Tensor::detach).collect();
                helper.ask(move |helper| helper.compute(&values, &part))
            })
            .collect();
        let mut whole = first.compute_alone(codec, distorts).ok_or_else(unrated)?;
        for answer in asked {
            whole = whole.and(answer.wait()?.ok_or_else(unrated)?);
        }
        Ok(whole)
    }

    /// So many parts, whose sizes differ by one at most.
    fn split(self, parts: i64) -> Vec<Self> {
        let windows = self.qualities.size()[0];
        let bounds: Vec<i64> = (0..=parts).map(|part| (part * windows + parts - 1) / parts).collect();
        let cut = |bounds: &[i64]| {
            let part = |tensor: &Tensor| tensor.narrow(0, bounds[0], bounds[1] - bounds[0]);
            Self {
                window: part(&self.window),
                qualities: part(&self.qualities),
                noise: part(&self.noise),
                precision: self.precision,
                rounds: self.rounds,
            }
        };
        bounds.windows(2).filter(|bounds| bounds[0] < bounds[1]).map(cut).collect()
    }

    /// Bits, error and gradient of the windows.
    fn compute_alone(&self, codec: &Codec, distorts: impl Fn(&Tensor, &Tensor) -> Distorted) -> Option<RatedStep> {
        let (rate, scalar) = codec.rated()?;
        let latents = codec.encode_inner(&self.window, self.precision);
        let rated = scalar.forward_rated(&latents, &self.qualities, &self.noise, self.rounds);
        let target = codec.target(&self.window);
        let distorted = distorts(&codec.decode_inner(&rated.quantized.latents, self.precision), &target);
        let bits = rate.bits_per_sample(&rated.noisy, &self.qualities, self.precision == Precision::Int8);
        let cost = rate.cost(&bits, &distorted.total, &self.qualities);
        let minimised = match codec.decode_for_host(&rated.quantized.latents, self.precision) {
            Some(rebuilt) => &cost.loss + distorts(&rebuilt, &target).total.mean(Kind::Float),
            None => cost.loss.shallow_clone(),
        };
        let values: Vec<Tensor> = trained(&codec.variables).into_iter().map(|(_, value)| value).collect();
        Some(RatedStep {
            windows: self.qualities.size()[0],
            loss: cost.loss.detach(),
            distorted: distorted.detach(),
            quantized: rated.quantized.detach(),
            bits_per_sample: cost.bits_per_sample.detach(),
            gradients: gradients(&minimised, &values),
        })
    }
}

impl RatedStep {
    /// Both parts as one.
    fn and(self, other: Self) -> Self {
        let windows = self.windows + other.windows;
        let share = self.windows as f64 / windows as f64;
        let mean = |one: &Tensor, two: &Tensor| one * share + two * (1.0 - share);
        let gradient = |(one, two): (&Tensor, &Tensor)| match (one.defined(), two.defined()) {
            (true, true) => mean(one, two),
            (true, false) => one * share,
            (false, true) => two * (1.0 - share),
            (false, false) => Tensor::new(),
        };
        Self {
            windows,
            loss: mean(&self.loss, &other.loss),
            bits_per_sample: mean(&self.bits_per_sample, &other.bits_per_sample),
            gradients: self.gradients.iter().zip(&other.gradients).map(gradient).collect(),
            distorted: self.distorted.and(other.distorted, mean),
            // Integer latents have no losses of their own.
            quantized: Quantized {
                latents: Tensor::cat(&[&self.quantized.latents, &other.quantized.latents], 0),
                codes: Tensor::cat(&[&self.quantized.codes, &other.quantized.codes], 0),
                ..self.quantized
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Preset;
    use crate::random::{for_step, normal, uniform};

    fn config() -> Config {
        let mut config = Preset::Biosignal.config();
        config.data.window_hops = 12;
        config.training.batch = 5;
        config.training.parts = 3;
        config.distortion.derivative = 0.5;
        config.network.host_decoder = config.network.decoder.clone();
        config
    }

    fn codec_of(config: &Config) -> Codec {
        let variables = VarStore::new(Device::Cpu);
        let (nets, rate) = SignalNets::with_rate(config, 1, &variables.root(), &mut for_step(8, 0)).unwrap();
        Codec::new(config, variables, Nets::Signal(nets), rate)
    }

    #[test]
    fn parts_on_threads_come_to_what_the_batch_comes_to() {
        let config = config();
        // Other weights than those that the threads begin with.
        let codec = codec_of(&config);
        let nets = codec.signal().unwrap();
        let hops = nets.margins.latents_for(config.data.window_hops);
        let frames = (nets.margins.before() + config.data.window_hops + nets.margins.after()) * nets.hop;
        let distortion =
            Distortion::new(&config.distortion, 1, config.data.window_hops * nets.hop, Device::Cpu).unwrap();
        let distorts = |rebuilt: &Tensor, target: &Tensor| distortion.of(rebuilt, target);
        let mut random = for_step(8, 1);
        let window = normal(&[5, 1, frames as i64], &mut random);
        let noise = uniform(&[5, config.network.latents as i64, hops as i64], &mut random) - 0.5;
        let helpers = helpers(&config, 1, Device::Cpu).unwrap();
        assert_eq!(helpers.len(), 2);
        let close =
            |one: &Tensor, two: &Tensor| assert!(one.allclose(two, 1e-4, 1e-6, false), "{one} instead of {two}");
        for (precision, rounds) in [(Precision::Float, true), (Precision::Float, false), (Precision::Int8, true)] {
            let batch = || RatedBatch {
                window: window.shallow_clone(),
                qualities: Tensor::from_slice(&[8i64, 2, 5, 0, 7]),
                noise: noise.shallow_clone(),
                precision,
                rounds,
            };
            let alone = batch().compute(&codec, &[], distorts).unwrap();
            let beside = batch().compute(&codec, &helpers, distorts).unwrap();
            close(&beside.loss, &alone.loss);
            close(&beside.bits_per_sample, &alone.bits_per_sample);
            close(&beside.distorted.squared, &alone.distorted.squared);
            close(&beside.distorted.total, &alone.distorted.total);
            close(beside.distorted.terms[1].as_ref().unwrap(), alone.distorted.terms[1].as_ref().unwrap());
            assert_eq!(beside.quantized.codes, alone.quantized.codes);
            let names = trained(&codec.variables);
            assert_eq!(names.len(), beside.gradients.len());
            for ((name, _), (one, two)) in names.iter().zip(beside.gradients.iter().zip(&alone.gradients)) {
                assert_eq!(one.defined(), two.defined(), "{name}");
                close(one, two);
            }
            // The same parts come to the same in every bit.
            let again = batch().compute(&codec, &helpers, distorts).unwrap();
            assert_eq!(again.loss, beside.loss);
            assert!(again.gradients.iter().zip(&beside.gradients).all(|(one, two)| one == two));
            // The next batch meets other values, those that no optimizer moves among them.
            tch::no_grad(|| codec.tensors().into_iter().for_each(|mut value| _ = value.g_mul_scalar_(1.01)));
        }
    }

    #[test]
    fn a_codec_without_a_rate_is_refused() {
        let mut plain = config();
        plain.rate.enabled = false;
        let codec = codec_of(&plain);
        let zeros = |size: &[i64]| Tensor::zeros(size, (Kind::Float, Device::Cpu));
        let batch = RatedBatch {
            window: zeros(&[1, 1, 640]),
            qualities: Tensor::from_slice(&[0i64]),
            noise: zeros(&[1, 16, 20]),
            precision: Precision::Float,
            rounds: true,
        };
        let distorts = |_: &Tensor, _: &Tensor| unreachable!("there is nothing to compute");
        assert!(matches!(batch.compute(&codec, &[], distorts), Err(TrainError::Unsuitable { .. })));
    }

    #[test]
    fn parts_are_alike_and_none_is_empty() {
        let sizes = |windows: i64, parts: i64| -> Vec<i64> {
            let zeros = || Tensor::zeros([windows, 1, 1], (Kind::Float, Device::Cpu));
            let qualities = Tensor::arange(windows, (Kind::Int64, Device::Cpu));
            let batch =
                RatedBatch { window: zeros(), qualities, noise: zeros(), precision: Precision::Float, rounds: false };
            batch.split(parts).iter().map(|part| part.qualities.size()[0]).collect()
        };
        assert_eq!(sizes(18, 2), [9, 9]);
        assert_eq!(sizes(5, 3), [2, 2, 1]);
        assert_eq!(sizes(2, 3), [1, 1]);
        assert_eq!(sizes(1, 1), [1]);
    }
}
