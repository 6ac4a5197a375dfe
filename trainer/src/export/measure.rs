//! Bits and errors of a model on stretches of signal that its tables were not trained on.

use vq_core::model::Model;
use vq_core::{Encoder, Options};

use crate::export::ExportError;
use crate::export::file::HostMemory;
use crate::export::priors::PriorError;
use crate::export::received::squared_error;

/// Parts that the frames are cut into, and which of so many is measured on.
const PARTS: usize = 20;
const MEASURED: usize = 4;
/// Most frames of either kind.
const MOST_FRAMES: usize = 80_000;

/// The training frames, taken apart.
#[derive(Debug)]
pub(super) struct Stretches {
    /// What tables are trained on, `[time, channels]`.
    pub(super) training: Vec<i32>,
    /// What is measured on, each `[time, channels]`.
    measured: Vec<Vec<i32>>,
}

/// What a model costs at one quality.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Measured {
    /// Bits per sample, all bytes of packets of 244 counted.
    pub(super) bits: f64,
    /// Mean squared error in squared counts.
    pub(super) error: f64,
}

impl Measured {
    /// What the bits would be at the error of another one, if that is less, at 6 dB for a bit of each latent, of which there are so many per sample: for
    /// small differences only.
    pub(super) fn bits_at(&self, other: &Self, latents: f64) -> f64 {
        let octaves = (self.error.max(f64::MIN_POSITIVE) / other.error.max(f64::MIN_POSITIVE)).log2();
        self.bits + latents / 2.0 * octaves.max(0.0)
    }
}

impl Stretches {
    /// Of samples `[time, channels]`.
    pub(super) fn new(samples: &[i32], channels: usize) -> Self {
        let frames = samples.len() / channels;
        let length = (frames / PARTS).max(1);
        let (mut training, mut measured) = (Vec::new(), Vec::new());
        let most = |share: usize| (MOST_FRAMES / share).min(length) * channels;
        for (number, part) in samples.chunks(length * channels).enumerate() {
            if number % MEASURED == 1 {
                measured.push(part[..part.len().min(most(PARTS / MEASURED))].to_vec());
            } else {
                training.extend_from_slice(&part[..part.len().min(most(PARTS - PARTS / MEASURED))]);
            }
        }
        Self { training, measured }
    }
}

/// Encodes and decodes the measured stretches.
pub(super) fn measure(model: Model<'_>, stretches: &Stretches, quality: u8) -> Result<Measured, ExportError> {
    let (mut bytes, mut squares, mut count) = (0, 0.0, 0);
    for samples in &stretches.measured {
        let packets = packets(model, samples, quality)?;
        bytes += packets.iter().map(Vec::len).sum::<usize>();
        count += samples.len();
        squares += squared_error(model, &packets, samples)?;
    }
    let count = count.max(1) as f64;
    Ok(Measured { bits: bytes as f64 * 8.0 / count, error: squares / count })
}

/// The packets of a stretch.
fn packets(model: Model<'_>, samples: &[i32], quality: u8) -> Result<Vec<Vec<u8>>, PriorError> {
    let options = Options::new().quality(quality).follow_input(false);
    let options = options.packet_bytes(options.max_packet_bytes().max(model.least_packet_bytes(quality)));
    let mut memory = HostMemory::new(model.encoder_memory(options));
    let mut encoder = Encoder::new(model, memory.bytes(), options)?;
    let mut packets = Vec::new();
    for frame in samples.chunks_exact(model.channels()) {
        packets.extend(encoder.push(frame)?.map(<[u8]>::to_vec));
    }
    while let Some(packet) = encoder.finish() {
        packets.push(packet.to_vec());
    }
    Ok(packets)
}
