//! What the codec does to the frames it was not trained on, as it would be deployed: int8 weights, codes.

use tch::{Device, Tensor};
use vq_core::model::QUALITIES;

use super::codec::Codec;
use super::prepare::Prepared;
use super::rate::RateDistortion;
use super::windows::network_units;
use crate::data::Channel;
use crate::metrics::Distortion;
use crate::nn::Precision;
use crate::quantizer::{Quantizer, Rounding, ScalarQuantizer};
use crate::run::{Normalization, Validation};

/// Hops that go through the nets at once: enough to be quick, few enough to fit beside anything else.
const CHUNK_HOPS: usize = 2048;

/// Qualities that a codec with the rate in its loss is measured at, counted from 0: the best one, and others that stand for those between.
const MEASURED: [usize; 4] = [QUALITIES - 1, 6, 4, 2];
/// Most held-out frames of all recordings that such a codec is measured on.
const RATED_FRAMES: usize = 1 << 17;
/// Hops that the prior foresees in one go, as in a packet.
const PACKET_HOPS: i64 = 128;

/// How the nets' latents become what the decoder gets.
#[derive(Debug, Clone, Copy)]
enum Codes<'c> {
    /// Not at all: there are no codes yet.
    None,
    /// As on the device.
    Nearest,
    /// The same at a quality, counted from 0.
    At(usize, &'c ScalarQuantizer),
}

/// The held-out frames of one recording.
#[derive(Debug)]
struct HeldOut {
    /// `[channels, frames]` in network units, with the frames before them that the nets reach back to.
    signal: Tensor,
    /// Where the held-out frames begin in `signal`.
    begin: usize,
}

/// All held-out frames.
#[derive(Debug)]
pub(super) struct ValidationSet {
    parts: Vec<HeldOut>,
    /// Held-out counts of all parts, `[time, channels]`, whole hops.
    original: Vec<i32>,
    channels: Vec<Channel>,
    normalization: Normalization,
    bits_per_sample: f64,
}

impl ValidationSet {
    /// The held-out frames of `prepared`; empty if none holds a whole hop.
    pub(super) fn new(prepared: &Prepared, codec: &Codec, bits_per_hop: u32, device: Device) -> Self {
        let context = codec.margins.before() * codec.hop;
        let (mut parts, mut original, mut channels) = (Vec::new(), Vec::new(), Vec::new());
        for part in &prepared.parts {
            let most = codec.rate.as_ref().map_or(usize::MAX, |_| RATED_FRAMES / prepared.parts.len());
            let frames = part.validation.len().min(most) / codec.hop * codec.hop;
            let held_out = part.validation.start..part.validation.start + frames;
            if held_out.is_empty() {
                continue;
            }
            let from = held_out.start.saturating_sub(context);
            let signal = network_units(&part.recording, from..held_out.end, &prepared.normalization);
            parts.push(HeldOut { signal: signal.to_device(device), begin: held_out.start - from });
            original.extend(held_out.flat_map(|t| part.recording.frame(t)));
            channels.clone_from(&part.recording.channels);
        }
        Self {
            parts,
            original,
            normalization: prepared.normalization.clone(),
            bits_per_sample: f64::from(bits_per_hop) / (codec.hop * prepared.channels()) as f64,
            channels,
        }
    }

    /// Measures the codec; `quantized` is false while there are no codes yet. `None` if nothing is held out, or the
    /// held-out frames are constant.
    pub(super) fn measure(&self, codec: &Codec, quantized: bool) -> Option<Validation> {
        if self.original.is_empty() {
            return None;
        }
        if let (Some(rate), Quantizer::Scalar(scalar)) = (&codec.rate, &codec.quantizer) {
            return self.measure_rated(codec, rate, scalar);
        }
        let (prdn_percent, mse_normalized) =
            self.errors(codec, if quantized { Codes::Nearest } else { Codes::None }, &mut |_| ())?;
        Some(Validation { prdn_percent, mse_normalized, bits_per_sample: self.bits_per_sample, cost: None })
    }

    /// Measures a codec with the rate in its loss at several qualities; errors and bits given are those of the best one.
    fn measure_rated(&self, codec: &Codec, rate: &RateDistortion, scalar: &ScalarQuantizer) -> Option<Validation> {
        let mut points = Vec::new();
        for row in MEASURED {
            let quality = Tensor::from_slice(&[row as i64]).to_device(self.parts[0].signal.device());
            let (mut bits, mut hops) = (0.0, 0.0);
            let errors = self.errors(codec, Codes::At(row, scalar), &mut |codes| {
                let length = codes.size()[1];
                for begin in (0..length).step_by(PACKET_HOPS as usize) {
                    let packet = codes.narrow(1, begin, PACKET_HOPS.min(length - begin));
                    let in_packet = packet.size()[1] as f64;
                    bits += in_packet * rate.bits_per_sample(&packet, &quality, true).double_value(&[0]);
                    hops += in_packet;
                }
            })?;
            points.push((quality, bits / hops, errors));
        }
        let costs = points.iter().map(|(quality, bits, (_, error))| {
            let one = |value: f64| Tensor::from_slice(&[value]).to_device(quality.device());
            rate.cost(&one(*bits), &one(*error), quality).loss.double_value(&[])
        });
        let cost = costs.sum::<f64>() / points.len() as f64;
        let (_, bits_per_sample, (prdn_percent, mse_normalized)) = points.first()?;
        Some(Validation {
            prdn_percent: *prdn_percent,
            mse_normalized: *mse_normalized,
            bits_per_sample: *bits_per_sample,
            cost: Some(cost),
        })
    }

    /// PRDN in per cent and the mean squared error over the signal's variance. `watch` sees the integers of every chunk, `[1, hops, latents]`.
    fn errors(&self, codec: &Codec, codes: Codes<'_>, watch: &mut dyn FnMut(&Tensor)) -> Option<(f64, f64)> {
        let rebuilt: Vec<i32> = self.parts.iter().flat_map(|part| self.rebuild(codec, part, codes, watch)).collect();
        let prdn_percent = Distortion::measure(&self.original, &rebuilt, &self.channels).prdn_percent?;
        let width = self.channels.len();
        let squares = self.original.iter().zip(&rebuilt).enumerate().map(|(index, (&x, &y))| {
            ((f64::from(x) - f64::from(y)) / f64::from(self.normalization.scale[index % width])).powi(2)
        });
        Some((prdn_percent, squares.sum::<f64>() / self.original.len() as f64))
    }

    /// The decoded counts of the held-out frames of one recording, `[time, channels]`, in chunks with full context.
    fn rebuild(&self, codec: &Codec, part: &HeldOut, codes: Codes<'_>, watch: &mut dyn FnMut(&Tensor)) -> Vec<i32> {
        let total = part.signal.size()[1] as usize;
        let mut rebuilt = Vec::with_capacity((total - part.begin) * self.channels.len());
        for begin in (part.begin..total).step_by(CHUNK_HOPS * codec.hop) {
            let end = (begin + CHUNK_HOPS * codec.hop).min(total);
            // In whole hops, so that all chunks lie on one grid.
            let from = begin - codec.margins.before().min(begin / codec.hop) * codec.hop;
            let to = (end + codec.margins.after() * codec.hop).min(total);
            let window = part.signal.narrow(1, from as i64, (to - from) as i64).unsqueeze(0);
            let samples = tch::no_grad(|| {
                let latents = codec.encoder.forward(&window, Precision::Int8);
                let latents = match codes {
                    Codes::Nearest => codec.quantizer.forward(&latents, &Rounding::Nearest).latents,
                    Codes::None => codec.quantizer.unquantized(&latents),
                    Codes::At(row, scalar) => {
                        let quality = Tensor::from_slice(&[row as i64]).to_device(latents.device());
                        // Without noise, what stands for the rate are latents that are not rounded yet.
                        let rated = scalar.forward_rated(&latents, &quality, &latents.zeros_like(), true);
                        let (first, hops) = ((begin - from) / codec.hop, (end - begin) / codec.hop);
                        watch(&rated.noisy.narrow(1, first as i64, hops as i64).round());
                        rated.quantized.latents
                    }
                };
                codec.decoder.forward(&latents, Precision::Int8)
            });
            rebuilt.extend(self.counts(&samples.squeeze_dim(0).narrow(1, (begin - from) as i64, (end - begin) as i64)));
        }
        rebuilt
    }

    /// `[channels, frames]` in network units to counts, `[time, channels]`.
    fn counts(&self, samples: &Tensor) -> Vec<i32> {
        let device = samples.device();
        let scale = Tensor::from_slice(&self.normalization.scale).to_device(device).unsqueeze(1);
        let offset = Tensor::from_slice(&self.normalization.offset).to_device(device).unsqueeze(1);
        let counts = (samples * scale).round() + offset;
        let interleaved = counts.transpose(0, 1).contiguous().flatten(0, -1).to_device(Device::Cpu);
        // `as` saturates, as the device does.
        Vec::<f32>::try_from(interleaved).unwrap_or_default().into_iter().map(|count| count as i32).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::prepare::tests::recording;
    use super::*;
    use crate::config::Config;
    use crate::random::for_step;

    #[test]
    fn chunks_and_context_change_nothing() {
        let mut config = Config::default();
        config.data.validation_fraction = 0.9;
        let codec = Codec::new(&config, 1, Device::Cpu, &mut for_step(2, 0)).unwrap();
        let hops = 3 * CHUNK_HOPS + 700;
        let wave = |t: usize| ((t as f64 * 0.05).sin() * 300.0 + (t as f64 * 0.31).cos() * 40.0) as i32;
        let samples: Vec<i32> = (0..hops * codec.hop + 11).map(wave).collect();
        let prepared = Prepared::new(vec![recording(samples, 1)], &config).unwrap();
        let set = ValidationSet::new(&prepared, &codec, 22, Device::Cpu);
        let measured = set.measure(&codec, false).unwrap();
        let part = &prepared.parts[0];
        let held_out = part.validation.start..part.validation.start + part.validation.len() / codec.hop * codec.hop;
        // The same in one piece, from a hop's beginning far enough back.
        let from = held_out.start - 40 * codec.hop;
        let window = network_units(&part.recording, from..held_out.end, &prepared.normalization).unsqueeze(0);
        let whole =
            tch::no_grad(|| codec.decoder.forward(&codec.encoder.forward(&window, Precision::Int8), Precision::Int8));
        let rebuilt = set.counts(&whole.squeeze_dim(0).narrow(1, (40 * codec.hop) as i64, held_out.len() as i64));
        let original: Vec<i32> = held_out.map(|t| part.recording.frame(t)[0]).collect();
        let wanted = Distortion::measure(&original, &rebuilt, &part.recording.channels).prdn_percent.unwrap();
        assert!((measured.prdn_percent - wanted).abs() < 1e-3, "{} instead of {wanted}", measured.prdn_percent);
        let mse = measured.mse_normalized.sqrt() * 100.0;
        assert!((mse - wanted).abs() < 0.02 * wanted, "{mse} against {wanted}");
        assert_eq!(measured.bits_per_sample, 22.0 / 32.0);
    }

    #[test]
    fn nothing_held_out_is_not_measured() {
        let mut config = Config::default();
        config.data.validation_fraction = 0.0;
        let codec = Codec::new(&config, 1, Device::Cpu, &mut for_step(2, 0)).unwrap();
        let prepared = Prepared::new(vec![recording((0..4000).collect(), 1)], &config).unwrap();
        assert_eq!(ValidationSet::new(&prepared, &codec, 22, Device::Cpu).measure(&codec, true), None);
    }
}
