//! The whole codec in tch, and which part of a window its output may be judged on.

use rand::rngs::ChaCha8Rng;
use tch::nn::VarStore;
use tch::{Device, Kind, Tensor};

use super::TrainError;
use super::rate::RateDistortion;
use crate::architecture::NetSpec;
use crate::config::Config;
use crate::nn::{Net, Precision};
use crate::quantizer::Quantizer;

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
}

/// Encoder, quantizer and decoder, with all their tensors in one store.
#[derive(Debug)]
pub struct Codec {
    /// `encoder.*`, `decoder.*`, `quantizer.*` and, where the rate is in the loss, `prior.*`.
    pub variables: VarStore,
    /// Samples to latents.
    pub encoder: Net,
    /// Latents to codes.
    pub quantizer: Quantizer,
    /// Latents to samples, on the device.
    pub decoder: Net,
    /// A larger one for hosts, of the same codes.
    pub host_decoder: Option<Net>,
    /// What codes cost, where that is trained for.
    pub rate: Option<RateDistortion>,
    /// Frames per hop.
    pub hop: usize,
    /// What the nets need around a hop.
    pub margins: Margins,
}

impl Codec {
    /// A codec for a signal of `channels` channels, with fresh weights from `random`.
    ///
    /// # Errors
    /// If the configuration's nets cannot be built.
    pub fn new(config: &Config, channels: usize, device: Device, random: &mut ChaCha8Rng) -> Result<Self, TrainError> {
        let (plan, network) = (config.network_plan(), &config.network);
        let (encoder, decoder) = plan.assemble(channels)?;
        let host = match network.host_decoder.as_slice() {
            [] => None,
            layers => Some(plan.another_decoder(channels, &decoder, layers, &network.host_output)?),
        };
        let decoders: Vec<&NetSpec> = std::iter::once(&decoder).chain(&host).collect();
        let variables = VarStore::new(device);
        let root = variables.root();
        Ok(Self {
            hop: encoder.input_rows,
            margins: Margins::of(&encoder, &decoders)?,
            encoder: Net::new(&(&root / "encoder"), &encoder, random)?,
            quantizer: Quantizer::new(&(&root / "quantizer"), config),
            decoder: Net::new(&(&root / "decoder"), &decoder, random)?,
            host_decoder: host.map(|host| Net::new(&(&root / "host_decoder"), &host, random)).transpose()?,
            rate: RateDistortion::new(config, &(&root / "prior"), encoder.input_rows * channels, random),
            variables,
        })
    }

    /// Latents of a window, `[batch, channels, frames]` to `[batch, latents, hops]`, without those at the ends that the
    /// window cuts short.
    pub fn encode_inner(&self, window: &Tensor, precision: Precision) -> Tensor {
        let latents = self.encoder.forward(window, precision);
        inner(&latents, self.margins.encoder_before, self.margins.encoder_after)
    }

    /// Samples of latents, without the hops at the ends whose neighbours are missing.
    pub fn decode_inner(&self, latents: &Tensor, precision: Precision) -> Tensor {
        let samples = self.decoder.forward(latents, precision);
        inner(&samples, self.margins.decoder_before * self.hop, self.margins.decoder_after * self.hop)
    }

    /// `loss` and what the host's decoder makes of the same latents: it learns from them and does not change them, nor the device's decoder.
    pub fn with_host_decoder(&self, loss: &Tensor, latents: &Tensor, window: &Tensor, precision: Precision) -> Tensor {
        let Some(decoder) = &self.host_decoder else { return loss.shallow_clone() };
        let samples = decoder.forward(&latents.detach(), precision);
        let rebuilt = inner(&samples, self.margins.decoder_before * self.hop, self.margins.decoder_after * self.hop);
        loss + (rebuilt - self.target(window)).square().mean(Kind::Float)
    }

    /// The part of a window that its reconstruction is compared with.
    pub fn target(&self, window: &Tensor) -> Tensor {
        inner(window, self.margins.before() * self.hop, self.margins.after() * self.hop)
    }
}

fn inner(tensor: &Tensor, before: usize, after: usize) -> Tensor {
    let (before, after) = (before as i64, after as i64);
    tensor.narrow(2, before, tensor.size()[2] - before - after)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::for_step;

    #[test]
    fn what_is_judged_does_not_depend_on_where_the_window_was_cut() {
        let codec = Codec::new(&Config::default(), 2, Device::Cpu, &mut for_step(1, 0)).unwrap();
        let hop = codec.hop as i64;
        let hops = 8 + (codec.margins.before() + codec.margins.after()) as i64;
        let long = Tensor::randn([1, 2, (hops + 12) * hop], (Kind::Float, Device::Cpu));
        let rebuild = |x: &Tensor| codec.decode_inner(&codec.encode_inner(x, Precision::Float), Precision::Float);
        let cut = rebuild(&long.narrow(2, 6 * hop, hops * hop));
        assert_eq!(cut.size(), [1, 2, 8 * hop]);
        assert_eq!(codec.target(&long.narrow(2, 6 * hop, hops * hop)).size(), cut.size());
        let same = rebuild(&long).narrow(2, 6 * hop, 8 * hop);
        assert!(cut.allclose(&same, 1e-4, 1e-5, false));
    }
}
