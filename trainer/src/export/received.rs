//! What a decoder makes of a model's packets.

use vq_core::{Decoder, DecoderError, Model, PacketError};

use super::file::HostMemory;

/// Why packets of a model were not decoded by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReceiveError {
    /// The decoder refuses the model.
    #[error("the model cannot decode: {0}")]
    Decoder(#[from] DecoderError),
    /// It refuses a packet.
    #[error("the model does not read its own packets: {0}")]
    Packet(#[from] PacketError),
}

/// The squared error of samples `[time, channels]`, as far as the packets that were made of them reach.
pub(crate) fn squared_error(model: Model<'_>, packets: &[Vec<u8>], samples: &[i32]) -> Result<f64, ReceiveError> {
    let mut memory = HostMemory::new(model.decoder_memory());
    let mut decoder = Decoder::new(model, memory.bytes())?;
    let mut decoded = Vec::with_capacity(samples.len());
    for packet in packets {
        let mut blocks = decoder.packet(packet)?;
        while let Some(block) = blocks.next() {
            decoded.extend_from_slice(block.frames);
        }
    }
    let mut blocks = decoder.finish();
    while let Some(block) = blocks.next() {
        decoded.extend_from_slice(block.frames);
    }
    Ok(samples.iter().zip(decoded).map(|(x, y)| (f64::from(*x) - f64::from(y)).powi(2)).sum())
}
