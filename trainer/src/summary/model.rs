//! A model: what it is for, what it costs on a device, how long a sample takes through it.

use serde::Serialize;
use serde_json::Value;
use vq_core::kernels::Arithmetic;
use vq_core::model::QUALITIES;
use vq_core::model::records::{Layer, Net};
use vq_core::packet::{CHECKSUM_BYTES, Header};
use vq_core::{Mode, Model, Options, self_test_decoder, self_test_encoder};

use super::{ChannelSummary, Line, NetMemory};
use crate::codec::HostCodec;
use crate::export::file::HostMemory;
use crate::hexadecimal::hexadecimal;

/// A model file.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ModelSummary {
    /// Always `model`.
    pub kind: &'static str,
    /// The model's name.
    pub name: String,
    /// Its identity in hexadecimal.
    pub identity: String,
    /// `integer` or `float`.
    pub arithmetic: &'static str,
    /// Frames per second that it was trained at.
    pub rate_hertz: f64,
    /// The channels of a frame.
    pub channels: Vec<ChannelSummary>,
    /// Frames per step of the nets.
    pub hop_frames: usize,
    /// Rates, a row for each quality that differs from the one before.
    pub qualities: Vec<QualitySummary>,
    /// Bytes of the file: what the model takes in flash, beside the code.
    pub flash_bytes: usize,
    /// Bytes of that which are the decoder's net, of which a device that only encodes makes no use.
    pub decoder_flash_bytes: usize,
    /// Bytes of memory of an encoder.
    pub encoder_memory_bytes: usize,
    /// Bytes of memory of a decoder.
    pub decoder_memory_bytes: usize,
    /// What lies where in the line buffers of the encoder and the decoder, and when.
    pub memory: Vec<NetMemory>,
    /// Work per sample of a channel.
    pub multiply_accumulates_per_sample: MultiplyAccumulates,
    /// What predicts bounded and lossless packets.
    pub predictor: PredictorSummary,
    /// From a sample's arrival to its decoded value.
    pub delay_seconds: DelaySummary,
    /// Whether this machine makes the packet and the samples that the exporter made.
    pub self_test: String,
    /// The training run.
    pub run: Value,
}

/// What a quality sends.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct QualitySummary {
    /// The quality, 1 to 9.
    pub quality: u8,
    /// Bits of a hop's codes as plain numbers.
    pub bits_per_hop: u32,
    /// Bits of a hop's codes under the prior, on average where it was trained.
    pub expected_bits_per_hop: f64,
    /// Those, per sample of a channel.
    pub code_bits_per_sample: f64,
    /// With the headers and checksums of full packets.
    pub packet_bits_per_sample: Option<f64>,
    /// The most bytes that the codes of a hop take, whatever the signal.
    pub longest_hop_bytes: usize,
    /// The smallest limit of packets that hold such a hop.
    pub least_packet_bytes: usize,
}

/// Multiply-accumulates per sample of a channel.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MultiplyAccumulates {
    /// Of the encoder net.
    pub encoder: f64,
    /// Of the decoder net.
    pub decoder: f64,
    /// Of the recurrent prior, on either side; 0 where tables foresee the codes.
    pub prior: f64,
}

/// What predicts bounded and lossless packets.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PredictorSummary {
    /// `adaptive`, or `recurrent` where one was trained.
    pub kind: &'static str,
    /// Multiply-accumulates per sample of a recurrent one.
    pub multiply_accumulates: usize,
    /// Bytes of its state, in the place of the nets' lines.
    pub memory_bytes: usize,
    /// Bytes of an encoder that only sends such packets.
    pub encoder_memory_bytes: usize,
    /// The smallest limit of such packets.
    pub least_packet_bytes: usize,
}

/// The four parts of the delay, in seconds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DelaySummary {
    /// Samples that the encoder net looks ahead.
    pub encoder_look_ahead: f64,
    /// The hop that has to be complete.
    pub hop: f64,
    /// The hops that fill a packet.
    pub packet_fill: f64,
    /// Samples that the decoder net looks ahead.
    pub decoder_look_ahead: f64,
    /// All of them.
    pub total: f64,
}

/// Bytes of a net's layers and weights.
fn net_bytes(model: &Model<'_>, net: &Net) -> usize {
    let layers = (0..usize::from(net.count)).map(|index| model.layer(net, index));
    layers.map(|layer| Layer::BYTES + layer.weights_length as usize).sum()
}

/// Bytes of this many hops' codes.
fn code_bytes(bits_per_hop: f64, hops: u32) -> usize {
    (bits_per_hop * f64::from(hops) / 8.0).ceil() as usize
}

fn packet_bytes(bits_per_hop: f64, hops: u32, options: Options) -> usize {
    Header::bytes(Mode::BestEffort, options.index_form(), hops) + code_bytes(bits_per_hop, hops) + CHECKSUM_BYTES
}

/// Most hops that a packet of these options holds, of hops as long as most; 0 if it cannot hold one.
fn hops_per_packet(bits_per_hop: f64, options: Options) -> u32 {
    let fits = |hops: u32| packet_bytes(bits_per_hop, hops, options) <= options.max_packet_bytes();
    // A packet grows with its hops: the last number that fits is found by halving.
    let (mut fitting, mut limit) = (0, options.max_packet_hops() + 1);
    while limit - fitting > 1 {
        let middle = fitting + (limit - fitting) / 2;
        if fits(middle) { fitting = middle } else { limit = middle }
    }
    fitting
}

impl ModelSummary {
    /// What [`self_test`](Self::self_test) says of a model that is what its exporter made.
    pub const PASSED: &'static str = "passed";

    /// Looks at a model; packets and memory are those of `options`.
    #[must_use]
    pub fn new(codec: &HostCodec<'_>, options: Options) -> Self {
        let model = codec.model();
        let samples_per_hop = (model.hop() * model.channels()) as f64;
        let expected = |quality: u8| f64::from(model.expected_hop_cost(quality)) / 256.0;
        let quality = |quality: u8| {
            let expected_bits_per_hop = expected(quality);
            let hops = hops_per_packet(expected_bits_per_hop, options);
            let packet_bits = packet_bytes(expected_bits_per_hop, hops, options) as f64 * 8.0;
            QualitySummary {
                quality,
                bits_per_hop: model.bits_per_hop(quality),
                expected_bits_per_hop,
                code_bits_per_sample: expected_bits_per_hop / samples_per_hop,
                packet_bits_per_sample: (hops > 0).then(|| packet_bits / (f64::from(hops) * samples_per_hop)),
                longest_hop_bytes: model.worst_hop_bytes(quality),
                least_packet_bytes: model.least_packet_bytes(quality),
            }
        };
        let mut qualities: Vec<QualitySummary> = (1..=QUALITIES as u8).map(quality).collect();
        qualities.dedup_by(|row, before| {
            (row.bits_per_hop, row.expected_bits_per_hop) == (before.bits_per_hop, before.expected_bits_per_hop)
        });
        let directory = model.directory();
        let per_sample = |net| model.multiply_accumulates(net) as f64 / samples_per_hop;
        let packet_hops = hops_per_packet(expected(options.chosen_quality()), options);
        let parts = codec.delay_seconds(options.chosen_mode(), packet_hops);
        let [encoder_look_ahead, hop, packet_fill, decoder_look_ahead] = parts;
        let total = parts.iter().sum();
        let run = model.metadata().map(|metadata| metadata.run).unwrap_or_default();
        Self {
            kind: "model",
            name: codec.name().to_owned(),
            identity: hexadecimal(&model.identity()),
            arithmetic: match model.header().arithmetic {
                Arithmetic::Integer => "integer",
                Arithmetic::Float => "float",
            },
            rate_hertz: codec.kind().rate_millihertz as f64 / 1000.0,
            channels: super::channels(&codec.kind().channels),
            hop_frames: model.hop(),
            qualities,
            flash_bytes: model.file().len(),
            decoder_flash_bytes: net_bytes(&model, &model.directory().decoder),
            encoder_memory_bytes: model.encoder_memory(options),
            decoder_memory_bytes: model.decoder_memory(),
            memory: NetMemory::of(&model),
            multiply_accumulates_per_sample: MultiplyAccumulates {
                encoder: per_sample(&directory.encoder),
                decoder: per_sample(&directory.decoder),
                prior: model
                    .recurrent_prior()
                    .map_or(0.0, |prior| prior.multiply_accumulates() as f64 / samples_per_hop),
            },
            predictor: {
                let recurrent = model.residual_predictor();
                let options = options.mode(Mode::Lossless);
                PredictorSummary {
                    kind: if recurrent.is_some() { "recurrent" } else { "adaptive" },
                    multiply_accumulates: recurrent.map_or(0, |predictor| predictor.multiply_accumulates()),
                    memory_bytes: model.predictor_memory(),
                    encoder_memory_bytes: model.encoder_memory(options),
                    least_packet_bytes: model.least_predicted_bytes(options),
                }
            },
            delay_seconds: DelaySummary { encoder_look_ahead, hop, packet_fill, decoder_look_ahead, total },
            self_test: self_test(model),
            run: serde_json::from_str(run).unwrap_or_else(|_| Value::String(run.to_owned())),
        }
    }

    /// The summary as lines of text.
    #[must_use]
    pub fn lines(&self) -> Vec<Line> {
        let mut lines =
            vec![("model", format!("{} ({})", self.name, self.identity)), ("rate", format!("{} Hz", self.rate_hertz))];
        lines.extend(self.channels.iter().map(|channel| ("channel", channel.describe())));
        lines.push(("arithmetic", self.arithmetic.to_owned()));
        lines.push(("hop", format!("{} frames", self.hop_frames)));
        for QualitySummary { quality, code_bits_per_sample, packet_bits_per_sample, .. } in &self.qualities {
            let packets = packet_bits_per_sample.map_or("a hop does not fit a packet".to_owned(), |bits| {
                format!("{bits:.4} with the packets' headers")
            });
            lines.push((
                "rate from quality",
                format!("{quality}: {code_bits_per_sample:.4} bits per sample, {packets}"),
            ));
        }
        if let Some(longest) = self.qualities.iter().max_by_key(|row| row.least_packet_bytes) {
            let QualitySummary { longest_hop_bytes, least_packet_bytes, .. } = longest;
            let samples = self.hop_frames * self.channels.len();
            lines.push((
                "longest hop",
                format!(
                    "{longest_hop_bytes} bytes for {samples} samples; packets of {least_packet_bytes} bytes or more"
                ),
            ));
        }
        let MultiplyAccumulates { encoder, decoder, prior } = self.multiply_accumulates_per_sample;
        let DelaySummary { encoder_look_ahead, hop, packet_fill, decoder_look_ahead, total } = self.delay_seconds;
        lines.extend([
            ("flash", format!("{} bytes, {} of them the decoder's net", self.flash_bytes, self.decoder_flash_bytes)),
            ("encoder memory", format!("{} bytes", self.encoder_memory_bytes)),
            ("decoder memory", format!("{} bytes", self.decoder_memory_bytes)),
            (
                "multiply-accumulates",
                format!("{encoder:.1} per sample to encode, {decoder:.1} to decode, {prior:.1} to foresee codes on either side"),
            ),
            (
                "delay",
                format!(
                    "{total:.3} s: encoder look-ahead {encoder_look_ahead:.3}, hop {hop:.3}, packet {packet_fill:.3}, \
                     decoder look-ahead {decoder_look_ahead:.3}"
                ),
            ),
            ("bounded and lossless", {
                let PredictorSummary { kind, memory_bytes, encoder_memory_bytes, least_packet_bytes, .. } = self.predictor;
                let macs = self.predictor.multiply_accumulates;
                format!(
                    "{kind} predictor, {macs} multiply-accumulates per sample, {memory_bytes} bytes of state; an encoder of such \
                     packets alone needs {encoder_memory_bytes} bytes, packets of {least_packet_bytes} bytes or more"
                )
            }),
            ("self-test", self.self_test.clone()),
        ]);
        lines
    }
}

/// Runs the model's self-test here: `passed`, or what went wrong.
fn self_test(model: Model<'_>) -> String {
    let options = Options::new().packet_bytes(model.self_test_packet_bytes());
    let mut memory = HostMemory::new(model.encoder_memory(options).max(model.decoder_memory()));
    let tested = self_test_encoder(model, memory.bytes()).and_then(|()| self_test_decoder(model, memory.bytes()));
    tested.map_or_else(|error| error.to_string(), |()| ModelSummary::PASSED.to_owned())
}
