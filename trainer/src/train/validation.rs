//! What the codec does to the frames it was not trained on, as it would be deployed: int8 weights, codes.

use std::f64::consts::LN_2;

use tch::{Device, Tensor};
use vq_core::model::QUALITIES;

use super::TrainError;
use super::codec::{Codec, SignalNets};
use super::distortion;
use super::prepare::Prepared;
use super::rate::RateDistortion;
use super::signal::network_units;
use crate::config::Config;
use crate::data::Channel;
use crate::metrics::Distortion;
use crate::nn::Precision;
use crate::quantizer::{Quantizer, ScalarQuantizer};
use crate::random::for_beginning;
use crate::run::{Normalization, Validation};

/// Hops that go through the nets at once: enough to be quick, few enough to fit beside anything else.
const CHUNK_HOPS: usize = 2048;

/// Qualities that a codec with the rate in its loss is measured at, counted from 0: the best one, and others that stand for those between. One that is
/// trained for a single quality is measured at that.
const MEASURED: [usize; 4] = [QUALITIES - 1, 6, 4, 2];
/// Most held-out frames of all recordings that such a codec is measured on.
const RATED_FRAMES: usize = 1 << 17;
/// The same of another codec.
const MOST_FRAMES: usize = 1 << 20;
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
    /// What training minimises of the errors.
    pub(super) distortion: distortion::Distortion,
}

/// What the codec misses of all held-out frames.
struct Errors {
    prdn_percent: f64,
    /// The mean squared error over the signal's variance.
    mse_normalized: f64,
    /// What training minimises of the errors.
    minimised: f64,
}

impl ValidationSet {
    /// The held-out frames of `prepared`; empty if none holds a whole hop.
    ///
    /// # Errors
    /// If the distortion that is asked for is none of this signal's, or a recording cannot be read.
    pub(super) fn new(
        prepared: &Prepared,
        nets: &SignalNets,
        config: &Config,
        device: Device,
    ) -> Result<Self, TrainError> {
        let seen = config.data.window_hops * nets.hop;
        let distortion = distortion::Distortion::new(&config.distortion, prepared.channels(), seen, device)?;
        let bits_per_hop = config.quantizer_record().bits_per_hop();
        let context = nets.margins.before() * nets.hop;
        let (mut parts, mut original, mut channels) = (Vec::new(), Vec::new(), Vec::new());
        for part in &prepared.parts {
            let most = if config.is_rated() { RATED_FRAMES } else { MOST_FRAMES };
            let frames = part.validation.len().min(most / prepared.parts.len()) / nets.hop * nets.hop;
            let held_out = part.validation.start..part.validation.start + frames;
            if held_out.is_empty() {
                continue;
            }
            let from = held_out.start.saturating_sub(context);
            let signal = network_units(&part.recording, from..held_out.end, &prepared.normalization)?;
            parts.push(HeldOut { signal: signal.to_device(device), begin: held_out.start - from });
            original.extend(part.recording.samples(held_out)?);
            channels.clone_from(&part.recording.channels);
        }
        Ok(Self {
            parts,
            original,
            normalization: prepared.normalization.clone(),
            bits_per_sample: f64::from(bits_per_hop) / (nets.hop * prepared.channels()) as f64,
            channels,
            distortion,
        })
    }

    /// Measures the codec; `quantized` is false while there are no codes yet. `None` if nothing is held out, or the
    /// held-out frames are constant.
    pub(super) fn measure(&self, codec: &Codec, quantized: bool) -> Option<Validation> {
        let nets = codec.signal().filter(|_| !self.original.is_empty())?;
        if let (Some(rate), Quantizer::Scalar(scalar)) = (&codec.rate, &codec.quantizer) {
            return self.measure_rated(codec, nets, rate, scalar);
        }
        let mut divergence = 0.0;
        let codes = if quantized { Codes::Nearest } else { Codes::None };
        let errors = self.errors(codec, nets, codes, &mut |nats| divergence += nats.double_value(&[]) / LN_2)?;
        let bits_per_sample = self.bits_per_sample + divergence / self.original.len() as f64;
        let Errors { prdn_percent, mse_normalized, minimised } = errors;
        let cost = (!self.distortion.is_plain()).then_some(minimised);
        Some(Validation { prdn_percent, mse_normalized, bits_per_sample, cost, image: None })
    }

    /// Measures a codec with the rate in its loss at several qualities; errors and bits given are those of the best one.
    fn measure_rated(
        &self,
        codec: &Codec,
        nets: &SignalNets,
        rate: &RateDistortion,
        scalar: &ScalarQuantizer,
    ) -> Option<Validation> {
        let mut points = Vec::new();
        let trained: Vec<usize> = (0..QUALITIES).rev().filter(|row| rate.trains(*row)).collect();
        for row in if trained.len() == QUALITIES { MEASURED.to_vec() } else { trained } {
            let quality = Tensor::from_slice(&[row as i64]).to_device(self.parts[0].signal.device());
            let (mut bits, mut hops) = (0.0, 0.0);
            let errors = self.errors(codec, nets, Codes::At(row, scalar), &mut |codes| {
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
        let costs = points.iter().map(|(quality, bits, errors)| {
            let one = |value: f64| Tensor::from_slice(&[value]).to_device(quality.device());
            rate.cost(&one(*bits), &one(errors.minimised), quality).loss.double_value(&[])
        });
        let cost = costs.sum::<f64>() / points.len() as f64;
        let (_, bits_per_sample, best) = points.first()?;
        Some(Validation {
            prdn_percent: best.prdn_percent,
            mse_normalized: best.mse_normalized,
            bits_per_sample: *bits_per_sample,
            cost: Some(cost),
            image: None,
        })
    }

    /// What is missed of the held-out frames. `watch` sees what the rate of every chunk follows from: its
    /// integers at a quality, `[1, hops, latents]`, or, as on the device, the divergence of all its hops in nats.
    fn errors(
        &self,
        codec: &Codec,
        nets: &SignalNets,
        codes: Codes<'_>,
        watch: &mut dyn FnMut(&Tensor),
    ) -> Option<Errors> {
        let mut minimised = 0.0;
        let rebuild = |part| self.rebuild(nets, &codec.quantizer, part, codes, &mut minimised, watch);
        let rebuilt: Vec<i32> = self.parts.iter().flat_map(rebuild).collect();
        let prdn_percent = Distortion::measure(&self.original, &rebuilt, &self.channels).prdn_percent?;
        let width = self.channels.len();
        let squares = self.original.iter().zip(&rebuilt).enumerate().map(|(index, (&x, &y))| {
            ((f64::from(x) - f64::from(y)) / f64::from(self.normalization.scale[index % width])).powi(2)
        });
        let mse_normalized = squares.sum::<f64>() / self.original.len() as f64;
        let frames = self.original.len() / width;
        let minimised = if self.distortion.is_plain() { mse_normalized } else { minimised / frames as f64 };
        Some(Errors { prdn_percent, mse_normalized, minimised })
    }

    /// The decoded counts of the held-out frames of one recording, `[time, channels]`, in chunks with full context. Adds to `minimised` what training
    /// minimises, times frames, where that is more than the mean squared error.
    fn rebuild(
        &self,
        nets: &SignalNets,
        quantizer: &Quantizer,
        part: &HeldOut,
        codes: Codes<'_>,
        minimised: &mut f64,
        watch: &mut dyn FnMut(&Tensor),
    ) -> Vec<i32> {
        let total = part.signal.size()[1] as usize;
        let mut rebuilt = Vec::with_capacity((total - part.begin) * self.channels.len());
        for begin in (part.begin..total).step_by(CHUNK_HOPS * nets.hop) {
            let end = (begin + CHUNK_HOPS * nets.hop).min(total);
            // In whole hops, so that all chunks lie on one grid.
            let from = begin - nets.margins.before().min(begin / nets.hop) * nets.hop;
            let to = (end + nets.margins.after() * nets.hop).min(total);
            let window = part.signal.narrow(1, from as i64, (to - from) as i64).unsqueeze(0);
            let (first, hops) = ((begin - from) / nets.hop, (end - begin) / nets.hop);
            let samples = tch::no_grad(|| {
                let latents = nets.encoder.forward(&window, Precision::Int8);
                let latents = match codes {
                    Codes::None => quantizer.unquantized(&latents),
                    Codes::Nearest => {
                        let rounding = quantizer.measuring(&latents, &mut for_beginning(begin as u64));
                        let quantized = quantizer.forward(&latents, &rounding);
                        watch(&(quantized.divergence * hops as f64));
                        quantized.latents
                    }
                    Codes::At(row, scalar) => {
                        let quality = Tensor::from_slice(&[row as i64]).to_device(latents.device());
                        // Without noise, what stands for the rate are latents that are not rounded yet.
                        let rated = scalar.forward_rated(&latents, &quality, &latents.zeros_like(), true);
                        watch(&rated.noisy.narrow(1, first as i64, hops as i64).round());
                        rated.quantized.latents
                    }
                };
                nets.decoder.forward(&latents, Precision::Int8)
            });
            let inner = |tensor: &Tensor| tensor.narrow(2, (begin - from) as i64, (end - begin) as i64);
            let samples = inner(&samples);
            if !self.distortion.is_plain() {
                let distorted = tch::no_grad(|| self.distortion.of(&samples, &inner(&window)));
                *minimised += distorted.total.double_value(&[0]) * (end - begin) as f64;
            }
            rebuilt.extend(self.counts(&samples.squeeze_dim(0)));
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
    use super::super::codec::tests::signal_codec;
    use super::super::prepare::tests::recording;
    use super::*;

    #[test]
    fn chunks_and_context_change_nothing() {
        let mut config = Config::default();
        config.data.validation_fraction = 0.9;
        let codec = signal_codec(&config, 1, 2);
        let nets = codec.signal().unwrap();
        let hops = 3 * CHUNK_HOPS + 700;
        let wave = |t: usize| ((t as f64 * 0.05).sin() * 300.0 + (t as f64 * 0.31).cos() * 40.0) as i32;
        let samples: Vec<i32> = (0..hops * nets.hop + 11).map(wave).collect();
        let prepared = Prepared::new(vec![recording(samples, 1)], &config).unwrap();
        let set = ValidationSet::new(&prepared, nets, &config, Device::Cpu).unwrap();
        let measured = set.measure(&codec, false).unwrap();
        let part = &prepared.parts[0];
        let held_out = part.validation.start..part.validation.start + part.validation.len() / nets.hop * nets.hop;
        // The same in one piece, from a hop's beginning far enough back.
        let from = held_out.start - 40 * nets.hop;
        let window = network_units(&part.recording, from..held_out.end, &prepared.normalization).unwrap().unsqueeze(0);
        let whole =
            tch::no_grad(|| nets.decoder.forward(&nets.encoder.forward(&window, Precision::Int8), Precision::Int8));
        let rebuilt = set.counts(&whole.squeeze_dim(0).narrow(1, (40 * nets.hop) as i64, held_out.len() as i64));
        let original = part.recording.samples(held_out).unwrap();
        let wanted = Distortion::measure(&original, &rebuilt, &part.recording.channels).prdn_percent.unwrap();
        assert!((measured.prdn_percent - wanted).abs() < 1e-3, "{} instead of {wanted}", measured.prdn_percent);
        let mse = measured.mse_normalized.sqrt() * 100.0;
        assert!((mse - wanted).abs() < 0.02 * wanted, "{mse} against {wanted}");
        // Three stages of 128 codes.
        assert_eq!(measured.bits_per_sample, 21.0 / 32.0);
    }

    #[test]
    fn nothing_held_out_is_not_measured() {
        let mut config = Config::default();
        config.data.validation_fraction = 0.0;
        let codec = signal_codec(&config, 1, 2);
        let prepared = Prepared::new(vec![recording((0..4000).collect(), 1)], &config).unwrap();
        let set = ValidationSet::new(&prepared, codec.signal().unwrap(), &config, Device::Cpu).unwrap();
        assert_eq!(set.measure(&codec, true), None);
    }
}
