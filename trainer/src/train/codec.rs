//! The whole codec in tch, and which part of a window its output may be judged on.

use std::collections::BTreeMap;

use rand::rngs::ChaCha8Rng;
use tch::Tensor;
use tch::nn::{self, VarStore};

use super::TrainError;
use super::image::ImageNets;
use super::rate::RateDistortion;
use crate::architecture::NetSpec;
use crate::config::{Config, ModelKind};
use crate::nn::{Net, Precision};
use crate::quantizer::{Quantizer, ScalarQuantizer};

/// Hops at the ends of a window that lack a part of what the nets would see in a recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Margins {
    /// Before a hop, in the encoder.
    pub encoder_before: usize,
    /// After a hop, in the encoder.
    pub encoder_after: usize,
    /// Before a hop, in the decoder.
    pub decoder_before: usize,
    /// After a hop, in the decoder.
    pub decoder_after: usize,
}

impl Margins {
    /// Of an encoder and all decoders of its codes.
    fn of(encoder: &NetSpec, decoders: &[&NetSpec]) -> Result<Self, TrainError> {
        let encoding = encoder.reach()?;
        let mut margins = Self {
            encoder_before: encoding.before.div_ceil(encoder.input_rows),
            encoder_after: encoding.after.div_ceil(encoder.input_rows),
            decoder_before: 0,
            decoder_after: 0,
        };
        for decoder in decoders {
            let decoding = decoder.reach()?;
            margins.decoder_before = margins.decoder_before.max(decoding.before.div_ceil(decoder.input_rows));
            margins.decoder_after = margins.decoder_after.max(decoding.after.div_ceil(decoder.input_rows));
        }
        Ok(margins)
    }

    /// Hops before the first that counts.
    pub fn before(&self) -> usize {
        self.encoder_before + self.decoder_before
    }

    /// Hops after the last that counts.
    pub fn after(&self) -> usize {
        self.encoder_after + self.decoder_after
    }

    /// Hops of latents from which so many hops of samples come that count.
    pub fn latents_for(&self, hops: usize) -> usize {
        self.decoder_before + hops + self.decoder_after
    }
}

/// Encoder, quantizer and decoder, with all their tensors in one store.
#[derive(Debug)]
pub struct Codec {
    /// `encoder.*`, `decoder.*`, `host_decoder.*`, `quantizer.*` and, where the rate is in the loss, `prior.*`.
    pub variables: VarStore,
    /// The two nets.
    pub nets: Nets,
    /// Latents to codes.
    pub quantizer: Quantizer,
    /// What codes cost, where that is trained for.
    pub rate: Option<RateDistortion>,
}

/// The two nets, by what they are for. Latents are `[batch, latents, positions]` between them, whatever the samples are: a
/// position is a hop of a signal, or a place in the grid of an image's latents.
#[derive(Debug)]
pub enum Nets {
    /// For signals, `[batch, channels, frames]`.
    Signal(SignalNets),
    /// For images, `[batch, channels, rows, columns]`.
    Image(ImageNets),
}

/// The nets of a signal.
#[derive(Debug)]
pub struct SignalNets {
    /// Samples to latents.
    pub encoder: Net,
    /// Latents to samples, on the device.
    pub decoder: Net,
    /// A larger one for hosts, of the same codes.
    pub host_decoder: Option<Net>,
    /// Frames per hop.
    pub hop: usize,
    /// What the nets need around a hop.
    pub margins: Margins,
}

impl SignalNets {
    /// Nets for a signal of `channels` channels under `root`, with fresh weights from `random`.
    ///
    /// # Errors
    /// If the configuration's nets cannot be built.
    pub fn new(
        config: &Config,
        channels: usize,
        root: &nn::Path<'_>,
        random: &mut ChaCha8Rng,
    ) -> Result<Self, TrainError> {
        let (encoder, decoder, host) = config.signal_nets(channels)?;
        let decoders: Vec<&NetSpec> = std::iter::once(&decoder).chain(&host).collect();
        Ok(Self {
            hop: encoder.input_rows,
            margins: Margins::of(&encoder, &decoders)?,
            encoder: Net::new(&(root / "encoder"), &encoder, random)?,
            decoder: Net::new(&(root / "decoder"), &decoder, random)?,
            host_decoder: host.map(|host| Net::new(&(root / "host_decoder"), &host, random)).transpose()?,
        })
    }

    /// The same, and what their codes cost where that is trained for: all that a codec in training starts from.
    ///
    /// # Errors
    /// If the configuration's nets cannot be built.
    pub(super) fn with_rate(
        config: &Config,
        channels: usize,
        root: &nn::Path<'_>,
        random: &mut ChaCha8Rng,
    ) -> Result<(Self, Option<RateDistortion>), TrainError> {
        let nets = Self::new(config, channels, root, random)?;
        let rate = RateDistortion::new(config, &(root / "prior"), nets.hop * channels, random);
        Ok((nets, rate))
    }

    /// What one of the decoders makes of latents, without the hops at the ends whose neighbours are missing.
    fn decode_inner(&self, decoder: &Net, latents: &Tensor, precision: Precision) -> Tensor {
        let samples = decoder.forward(latents, precision);
        inner(&samples, self.margins.decoder_before * self.hop, self.margins.decoder_after * self.hop)
    }
}

impl Codec {
    /// A codec of nets whose weights are in `variables`, with codes of its own, and what they cost where that is trained for.
    pub fn new(config: &Config, variables: VarStore, nets: Nets, rate: Option<RateDistortion>) -> Self {
        if config.model == ModelKind::Vae {
            start_variances(&variables, config.network.latents as i64);
        }
        let quantizer = Quantizer::new(&(variables.root() / "quantizer"), config);
        Self { quantizer, rate, nets, variables }
    }

    /// The nets of a signal; `None` for images.
    pub fn signal(&self) -> Option<&SignalNets> {
        match &self.nets {
            Nets::Signal(nets) => Some(nets),
            Nets::Image(_) => None,
        }
    }

    /// What codes cost and how they are made, where the rate is trained for.
    pub(super) fn rated(&self) -> Option<(&RateDistortion, &ScalarQuantizer)> {
        match (&self.rate, &self.quantizer) {
            (Some(rate), Quantizer::Scalar(scalar)) => Some((rate, scalar)),
            _ => None,
        }
    }

    /// All tensors, trained or not, in the order of their names.
    pub(super) fn tensors(&self) -> Vec<Tensor> {
        let tensors: BTreeMap<String, Tensor> = self.variables.variables().into_iter().collect();
        tensors.into_values().collect()
    }

    /// Latents of a batch of samples, `[batch, latents, positions]`, without those at the ends of a window that it cuts short.
    pub fn encode_inner(&self, samples: &Tensor, precision: Precision) -> Tensor {
        match &self.nets {
            Nets::Signal(nets) => {
                let latents = nets.encoder.forward(samples, precision);
                inner(&latents, nets.margins.encoder_before, nets.margins.encoder_after)
            }
            Nets::Image(nets) => nets.encode(samples, precision),
        }
    }

    /// Samples of latents, without the hops at the ends of a window whose neighbours are missing.
    pub fn decode_inner(&self, latents: &Tensor, precision: Precision) -> Tensor {
        match &self.nets {
            Nets::Signal(nets) => nets.decode_inner(&nets.decoder, latents, precision),
            Nets::Image(nets) => nets.decode(latents, precision),
        }
    }

    /// What the host's decoder, if there is one, makes of the same latents, where the device's decoder is judged: it learns from them and does not
    /// change them, nor the device's decoder.
    pub fn decode_for_host(&self, latents: &Tensor, precision: Precision) -> Option<Tensor> {
        let nets = self.signal()?;
        Some(nets.decode_inner(nets.host_decoder.as_ref()?, &latents.detach(), precision))
    }

    /// The part of a batch that its reconstruction is compared with.
    pub fn target(&self, samples: &Tensor) -> Tensor {
        match &self.nets {
            Nets::Signal(nets) => inner(samples, nets.margins.before() * nets.hop, nets.margins.after() * nets.hop),
            Nets::Image(_) => samples.shallow_clone(),
        }
    }
}

/// Where the logarithms of a VAE's variances start: low enough that the decoder learns from means, high enough that their gradient is alive.
const FIRST_LOG_VARIANCE: f64 = -4.0;

/// Makes all variances of a VAE start alike. The linear path's second half, which would add a transform of the signal to their
/// logarithms, starts at zero.
fn start_variances(variables: &VarStore, latents: i64) {
    let tensors = variables.variables();
    tch::no_grad(|| {
        if let Some(bias) = tensors.get("encoder.final.bias") {
            let _ = bias.narrow(0, latents, latents).fill_(FIRST_LOG_VARIANCE);
        }
        if let Some(weight) = tensors.get("encoder.linear.weight") {
            let _ = weight.narrow(0, latents, latents).zero_();
        }
    });
}

fn inner(tensor: &Tensor, before: usize, after: usize) -> Tensor {
    let (before, after) = (before as i64, after as i64);
    tensor.narrow(2, before, tensor.size()[2] - before - after)
}

#[cfg(test)]
pub(super) mod tests {
    use tch::{Device, Kind};

    use super::*;
    use crate::random::for_step;

    pub(in crate::train) fn signal_codec(config: &Config, channels: usize, seed: u64) -> Codec {
        let variables = VarStore::new(Device::Cpu);
        let nets = SignalNets::new(config, channels, &variables.root(), &mut for_step(seed, 0)).unwrap();
        Codec::new(config, variables, Nets::Signal(nets), None)
    }

    #[test]
    fn what_is_judged_does_not_depend_on_where_the_window_was_cut() {
        let codec = signal_codec(&Config::default(), 2, 1);
        let nets = codec.signal().unwrap();
        let hop = nets.hop as i64;
        let hops = 8 + (nets.margins.before() + nets.margins.after()) as i64;
        let long = Tensor::randn([1, 2, (hops + 12) * hop], (Kind::Float, Device::Cpu));
        let rebuild = |x: &Tensor| codec.decode_inner(&codec.encode_inner(x, Precision::Float), Precision::Float);
        let cut = rebuild(&long.narrow(2, 6 * hop, hops * hop));
        assert_eq!(cut.size(), [1, 2, 8 * hop]);
        assert_eq!(codec.target(&long.narrow(2, 6 * hop, hops * hop)).size(), cut.size());
        let same = rebuild(&long).narrow(2, 6 * hop, 8 * hop);
        assert!(cut.allclose(&same, 1e-4, 1e-5, false));
    }
}
