//! Bits and errors of a model on stretches of signal that its tables were not trained on.

use vq_core::model::Model;
use vq_core::{Decoder, Encoder, Options};

use crate::export::ExportError;
use crate::export::file::HostMemory;
use crate::export::priors::PriorError;

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
        let (packets, decoded) = transmit(model, samples, quality)?;
        bytes += packets;
        count += samples.len();
        let errors = samples.iter().zip(decoded).map(|(x, y)| (f64::from(*x) - f64::from(y)).powi(2));
        squares += errors.sum::<f64>();
    }
    let count = count.max(1) as f64;
    Ok(Measured { bits: bytes as f64 * 8.0 / count, error: squares / count })
}

/// Bytes of the packets of a stretch, and what they decode to.
fn transmit(model: Model<'_>, samples: &[i32], quality: u8) -> Result<(usize, Vec<i32>), ExportError> {
    let options = Options::new().quality(quality).follow_input(false);
    let options = options.packet_bytes(options.max_packet_bytes().max(model.least_packet_bytes(quality)));
    let mut memory = HostMemory::new(model.encoder_memory(options));
    let mut encoder = Encoder::new(model, memory.bytes(), options).map_err(PriorError::from)?;
    let mut memory = HostMemory::new(model.decoder_memory());
    let mut decoder = Decoder::new(model, memory.bytes()).map_err(ExportError::Decoder)?;
    let (mut bytes, mut decoded) = (0, Vec::with_capacity(samples.len()));
    let mut receive = |packet: &[u8]| -> Result<(), ExportError> {
        bytes += packet.len();
        let mut blocks = decoder.packet(packet).map_err(PriorError::from)?;
        while let Some(block) = blocks.next() {
            decoded.extend_from_slice(block.frames);
        }
        Ok(())
    };
    for frame in samples.chunks_exact(model.channels()) {
        if let Some(packet) = encoder.push(frame).map_err(PriorError::from)? {
            receive(packet)?;
        }
    }
    while let Some(packet) = encoder.finish() {
        receive(packet)?;
    }
    let mut blocks = decoder.finish();
    while let Some(block) = blocks.next() {
        decoded.extend_from_slice(block.frames);
    }
    drop(blocks);
    Ok((bytes, decoded))
}
