//! What a decoder makes of the packets that candidates are measured on.

use vq_core::{Decoder, Model};

use crate::export::file::HostMemory;
use crate::export::priors::PriorError;

/// Squared error of what packets decode to, as far as they are received.
#[derive(Debug)]
pub(super) struct Received {
    packets: Vec<Vec<u8>>,
}

impl Received {
    /// Before the first packet.
    pub(super) fn new() -> Self {
        Self { packets: Vec::new() }
    }

    /// Takes a packet.
    pub(super) fn take(&mut self, packet: &[u8]) {
        self.packets.push(packet.to_vec());
    }

    /// The squared error of all samples `[time, channels]` that the packets are of.
    pub(super) fn error(&self, model: Model<'_>, samples: &[i32]) -> Result<f64, PriorError> {
        let mut memory = HostMemory::new(model.decoder_memory());
        let mut decoder = Decoder::new(model, memory.bytes()).map_err(PriorError::Decoder)?;
        let mut decoded = Vec::with_capacity(samples.len());
        for packet in &self.packets {
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
}
