//! What lowering to integers does to every layer: both models' layers over the same samples, side by side.
//!
//! A layer of the integer model is compared with the same layer of the float model at the one scale that fits best, so no scale has to be
//! known. Errors add up along the nets, as they do on the device; codes are left out, because a single other code would hide what the layers do.

use vq_core::Model;
use vq_core::kernels::float::Float;
use vq_core::kernels::portable::Integer;
use vq_core::kernels::{Arithmetic, Kernels};
use vq_core::model::plan::row_elements;

use super::lines::run;

/// A layer of both models.
#[derive(Debug, Clone, PartialEq)]
pub struct LayerError {
    /// Norm of the difference over the float layer's norm, in percent.
    pub error_percent: f64,
    /// The largest magnitude of the integer layer, in percent of what an element holds.
    pub range_percent: f64,
}

/// The layers of the encoder and of the decoder, over samples `[time, channels]`; the decoder reads the encoder's latents as they are.
#[must_use]
pub fn compare(integer: &Model<'_>, float: &Model<'_>, samples: &[i32]) -> [Vec<LayerError>; 2] {
    debug_assert_eq!(
        (integer.header().arithmetic, float.header().arithmetic),
        (Arithmetic::Integer, Arithmetic::Float)
    );
    let (integers, floats) = (lines::<Integer>(integer, samples), lines::<Float>(float, samples));
    let [encoder, decoder] = [0, 1].map(|net| {
        let pairs = integers[net].iter().zip(&floats[net]);
        let widen = |line: &[i16]| line.iter().map(|&element| f64::from(element)).collect::<Vec<_>>();
        let compared = pairs.map(|(integers, floats)| {
            let floats: Vec<f64> = floats.iter().map(|&element| f64::from(element)).collect();
            layer_error(&widen(integers), &floats)
        });
        compared.collect()
    });
    [encoder, decoder]
}

fn layer_error(integers: &[f64], floats: &[f64]) -> LayerError {
    let product = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let (energy, both) = (product(integers, integers), product(integers, floats));
    let scale = if energy > 0.0 { both / energy } else { 0.0 };
    let difference: f64 = integers.iter().zip(floats).map(|(i, f)| (f - scale * i).powi(2)).sum();
    let norm = product(floats, floats);
    let peak = integers.iter().fold(0.0f64, |peak, element| peak.max(element.abs()));
    LayerError {
        error_percent: if norm > 0.0 { 100.0 * (difference / norm).sqrt() } else { 0.0 },
        range_percent: 100.0 * peak / f64::from(i16::MAX),
    }
}

/// What every layer of both nets gives, `[rows, row_elements]` over all hops at once.
fn lines<K: Kernels>(model: &Model<'_>, samples: &[i32]) -> [Vec<Vec<K::Element>>; 2] {
    let directory = model.directory();
    let channels = model.channels();
    let row = row_elements(model.header().channels) as usize;
    let hops = samples.len() / channels / model.hop();
    let mut input = vec![K::Element::default(); hops * model.hop() * row];
    for (frame, counts) in input.chunks_exact_mut(row).zip(samples.chunks_exact(channels)) {
        for (channel, (element, count)) in frame.iter_mut().zip(counts).enumerate() {
            *element = K::scale_in(&model.scaling(channel), *count);
        }
    }
    let encoder = run::<K>(model, &directory.encoder, input, hops);
    let latents = encoder.last().cloned().unwrap_or_default();
    let decoder = run::<K>(model, &directory.decoder, latents, hops);
    [encoder, decoder].map(|mut lines| {
        // The first is the input.
        lines.remove(0);
        lines
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::budget::draft;
    use crate::config::Config;
    use crate::run::{ChannelRecord, SignalRecord};
    use vq_core::{Encoder, Options, packet_codes};

    fn signal() -> SignalRecord {
        let channel = ChannelRecord {
            name: "a".into(),
            unit: "mV".into(),
            counts_per_unit: 1.0,
            offset: 0,
            source_bits: Some(12),
        };
        SignalRecord { rate_millihertz: 360_000, channels: vec![channel.clone(), channel] }
    }

    #[test]
    fn a_layer_is_compared_at_the_scale_that_fits() {
        let floats: Vec<f64> = (0..100).map(|i| f64::from(i * 37 % 101) / 7.0 - 5.0).collect();
        let doubled: Vec<f64> = floats.iter().map(|x| x * 2.0).collect();
        assert!(layer_error(&doubled, &floats).error_percent < 1e-6);
        let off: Vec<f64> = floats.iter().enumerate().map(|(i, x)| x + if i % 2 == 0 { 0.1 } else { -0.1 }).collect();
        let norm = (floats.iter().map(|x| x * x).sum::<f64>() / 100.0).sqrt();
        assert!((layer_error(&off, &floats).error_percent - 10.0 / norm).abs() < 0.05);
        assert_eq!(layer_error(&[0.0; 3], &[0.0; 3]), LayerError { error_percent: 0.0, range_percent: 0.0 });
        assert_eq!(layer_error(&[-32767.0], &[1.0]).range_percent, 100.0);
    }

    #[test]
    fn whole_lines_hold_what_the_codec_computes_hop_by_hop() {
        let mut config = Config::default();
        config.network.encoder[1].separable = true;
        let bytes = draft(&config, &signal(), "{}").unwrap();
        let model = bytes.model().unwrap();
        let samples: Vec<i32> = (0..64 * 40 * 2).map(|i: i32| i * 7919 % 1601 - 800).collect();
        let [encoder, decoder] = lines::<Integer>(&model, &samples);
        let nets = [(&encoder, model.directory().encoder), (&decoder, model.directory().decoder)];
        assert!(nets.iter().all(|(lines, net)| lines.len() == usize::from(net.count)));
        // The codes of the device's encoder are those of the latents in the last line.
        let options = Options::new();
        let mut memory = crate::export::file::HostMemory::new(model.encoder_memory(options));
        let mut device = Encoder::new(model, memory.bytes(), options).unwrap();
        let mut packets = Vec::new();
        for frame in samples.chunks_exact(2) {
            packets.extend(device.push(frame).unwrap().map(<[u8]>::to_vec));
        }
        while let Some(packet) = device.finish() {
            packets.push(packet.to_vec());
        }
        let width = row_elements(model.directory().latent_channels) as usize;
        let latents = encoder.last().unwrap();
        let symbol = model.symbols(9).next().unwrap();
        let (mut hop, mut scratch) = (0, vec![0; model.prior_memory() / 2]);
        for packet in &packets {
            let mut codes = packet_codes(model, packet, &mut scratch).unwrap();
            while let Some(symbols) = codes.next_hop() {
                let (_, _, code) = symbols.into_iter().next().unwrap();
                if hop * width < latents.len() && hop > 4 && hop + 4 < latents.len() / width {
                    let latent = &latents[hop * width..(hop + 1) * width];
                    let codebook = model.tables().get(symbol.table as usize..).unwrap();
                    let nearest = Integer::nearest(
                        codebook,
                        usize::from(symbol.alphabet),
                        &latent[..usize::from(symbol.channels)],
                    );
                    assert_eq!(nearest, code, "hop {hop}");
                }
                hop += 1;
            }
        }
        assert!(hop >= 70, "{hop}");
    }
}
