//! The decoder net three times: as the codec streams it, over whole lines, and in floats.

use vq_core::kernels::portable::Integer;
use vq_core::kernels::{Kernels, Native};
use vq_core::model::plan::row_elements;
use vq_core::{Decoder, Model, Options};
use vq_trainer::budget::draft;
use vq_trainer::codec::packets;
use vq_trainer::config::Config;
use vq_trainer::export::as_floats::decoder;
use vq_trainer::export::file::{HostMemory, ModelBytes};
use vq_trainer::export::lines::{decode_latents, latents};
use vq_trainer::export::reference::{Rows, forward};
use vq_trainer::run::{ChannelRecord, SignalRecord};
use vq_trainer::shipped::SHIPPED;

const HOPS: usize = 120;

/// A wave in every channel, as large as the model knows its signal.
fn wave(model: &Model<'_>) -> Vec<i32> {
    let sample = |frame: usize, channel: usize| {
        let scaling = model.scaling(channel);
        let reach = f64::from(scaling.reach) * f64::from(scaling.shift).exp2() / f64::from(scaling.gain);
        let phase = frame as f64 * (0.05 + 0.01 * channel as f64);
        scaling.offset + (0.2 * reach * (phase.sin() + 0.5 * (phase * 3.7).cos())) as i32
    };
    let frames = 0..HOPS * model.hop();
    frames.flat_map(|frame| (0..model.channels()).map(move |channel| sample(frame, channel))).collect()
}

/// The packets of [`wave`].
fn sent(model: Model<'_>) -> Vec<Vec<u8>> {
    packets(model, Options::new(), &wave(&model)).unwrap()
}

/// The samples of whole packets, `[frame, channel]`, from the first frame on.
fn decoded(model: Model<'_>, packets: &[Vec<u8>]) -> Vec<i32> {
    let mut memory = HostMemory::new(model.decoder_memory());
    let mut decoder = Decoder::new(model, memory.bytes()).unwrap();
    let mut samples = Vec::new();
    for packet in packets {
        let mut blocks = decoder.packet(packet).unwrap();
        while let Some(block) = blocks.next() {
            samples.extend_from_slice(block.frames);
        }
    }
    samples
}

/// A model whose decoder has depthwise layers.
fn separable() -> ModelBytes {
    let mut config = Config::default();
    config.network.decoder.iter_mut().skip(1).for_each(|layer| layer.separable = true);
    let channel =
        ChannelRecord { name: "a".into(), unit: "mV".into(), counts_per_unit: 1.0, offset: 0, source_bits: Some(12) };
    let signal = SignalRecord { rate_millihertz: 360_000, channels: vec![channel.clone(), channel] };
    draft(&config, &signal, "{}").unwrap()
}

fn models() -> impl Iterator<Item = (&'static str, ModelBytes)> {
    let shipped = SHIPPED.iter().map(|shipped| (shipped.name, ModelBytes::new(shipped.bytes)));
    shipped.chain([("separable", separable())])
}

#[test]
fn whole_lines_give_what_the_decoder_gives() {
    for (name, bytes) in models() {
        let model = bytes.model().unwrap();
        let packets = sent(model);
        let latents = latents(&model, &packets).unwrap();
        let whole = decode_latents::<Integer>(&model, &latents, usize::MAX);
        assert_eq!(decode_latents::<Native>(&model, &latents, 7), whole, "{name}");
        let (channels, row) = (model.channels(), whole.len() / (latents_hops(&model, &latents) * model.hop()));
        let samples = decoded(model, &packets);
        let margin = usize::from(model.directory().decoder.receptive_hops) * model.hop();
        let frames = whole.chunks_exact(row).zip(samples.chunks_exact(channels));
        let mut compared = 0;
        for (frame, (elements, samples)) in frames.enumerate().skip(margin) {
            let expected: Vec<i32> =
                (0..channels).map(|channel| Integer::scale_out(&model.scaling(channel), elements[channel])).collect();
            assert_eq!(samples, expected, "{name}, frame {frame}");
            compared += 1;
        }
        assert!(compared > HOPS / 2 * model.hop(), "{name}");
    }
}

fn latents_hops(model: &Model<'_>, latents: &[i16]) -> usize {
    latents.len() / (row_elements(model.directory().latent_channels) as usize * model.latent_rows())
}

/// Every layer rounds once: a few steps of the output at most, as the bench against onnxruntime demands too.
#[test]
fn the_net_in_floats_gives_what_its_integers_give() {
    for (name, bytes) in models() {
        let model = bytes.model().unwrap();
        let latents = latents(&model, &sent(model)).unwrap();
        let integers = decode_latents::<Integer>(&model, &latents, usize::MAX);
        let net = decoder(&model).unwrap();
        let inputs = usize::from(model.directory().latent_channels);
        let row = latents.len() / latents_hops(&model, &latents) / model.latent_rows();
        let values = latents.chunks_exact(row).flat_map(|row| &row[..inputs]).map(|value| f32::from(*value));
        let outputs = forward(&net, &Rows { channels: inputs, values: values.collect() });
        let floats = &outputs.last().unwrap().output;
        let row = integers.len() / floats.len();
        let mut squares = 0.0;
        for (integers, floats) in integers.chunks_exact(row).zip(floats.values.chunks_exact(model.channels())) {
            for (integer, float) in integers.iter().zip(floats) {
                let difference = f64::from(*integer) - f64::from(*float);
                assert!(difference.abs() < 6.0, "{name}: {integer} for {float}");
                squares += difference * difference;
            }
        }
        let power = integers.iter().map(|value| f64::from(*value).powi(2)).sum::<f64>() / integers.len() as f64;
        let error = squares / floats.values.len() as f64;
        assert!(error < 1.0 && error < 1e-4 * power, "{name}: {error} steps², a signal of {power}");
    }
}
