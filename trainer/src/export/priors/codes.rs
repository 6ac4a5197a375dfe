//! The codes of the training frames, as the integer model makes them.

use vq_core::model::Model;
use vq_core::model::priors::Hop;
use vq_core::{Encoder, EncoderError, Options, PacketError, packet_codes};

use super::Source;
use crate::export::file::HostMemory;
use crate::export::received::ReceiveError;

/// Frames that are enough: of more, as many are taken from stretches all over the recordings.
const MOST_FRAMES: usize = 1_000_000;
/// Those stretches.
const STRETCHES: usize = 50;
/// Bytes of the packets that carry the codes out of the encoder.
const PACKET_BYTES: usize = 1 << 16;

/// Why codes could not be collected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PriorError {
    /// The encoder refuses the model.
    #[error("the prior cannot be trained: {0}")]
    Encoder(#[from] EncoderError),
    /// The decoder refuses the model or a packet.
    #[error("the prior cannot be trained: {0}")]
    Received(#[from] ReceiveError),
    /// A packet of the encoder's own is refused.
    #[error("the prior cannot be trained: the model does not read its own packets: {0}")]
    Packet(#[from] PacketError),
}

/// Codes `[hops, symbols]` of all symbols of a model at one quality.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HopCodes {
    symbols: usize,
    codes: Vec<u16>,
}

impl HopCodes {
    /// Encodes samples `[time, channels]`, or stretches of them if there are very many.
    ///
    /// # Errors
    /// That the encoder refuses the model.
    pub fn collect(model: Model<'_>, samples: &[i32], quality: u8) -> Result<Self, PriorError> {
        let channels = model.channels();
        let frames = samples.len() / channels;
        let (stretch, step) =
            if frames <= MOST_FRAMES { (frames, frames) } else { (MOST_FRAMES / STRETCHES, frames / STRETCHES) };
        let mut this = Self { symbols: usize::from(model.header().symbols_per_hop), codes: Vec::new() };
        for stretch in samples.chunks(step.max(1) * channels).map(|chunk| &chunk[..chunk.len().min(stretch * channels)])
        {
            this.encode(model, stretch, quality)?;
        }
        Ok(this)
    }

    #[cfg(test)]
    pub(super) fn from_rows(symbols: usize, codes: Vec<u16>) -> Self {
        Self { symbols, codes }
    }

    fn encode(&mut self, model: Model<'_>, samples: &[i32], quality: u8) -> Result<(), PriorError> {
        let options = Options::new().packet_bytes(PACKET_BYTES.max(model.least_packet_bytes(quality))).quality(quality);
        let mut memory = HostMemory::new(model.encoder_memory(options));
        let mut encoder = Encoder::new(model, memory.bytes(), options)?;
        for frame in samples.chunks_exact(model.channels()) {
            if let Some(packet) = encoder.push(frame)? {
                self.append(model, packet)?;
            }
        }
        while let Some(packet) = encoder.finish() {
            self.append(model, packet)?;
        }
        Ok(())
    }

    fn append(&mut self, model: Model<'_>, packet: &[u8]) -> Result<(), PriorError> {
        let mut memory = vec![0; model.prior_memory() / 2];
        let mut codes = packet_codes(model, packet, &mut memory)?;
        while let Some(hop) = codes.next_hop() {
            let start = self.codes.len();
            self.codes.resize(start + self.symbols, 0);
            for (symbol, _, code) in hop {
                self.codes[start + symbol] = code;
            }
        }
        Ok(())
    }

    /// Adds codes of the same symbols.
    pub(super) fn extend(&mut self, other: Self) {
        self.symbols = other.symbols;
        self.codes.extend(other.codes);
    }

    /// Number of hops.
    #[must_use]
    pub fn hops(&self) -> usize {
        self.codes.len() / self.symbols
    }

    /// All codes, `[hops, symbols]`.
    #[must_use]
    pub fn codes(&self) -> &[u16] {
        &self.codes
    }

    /// The codes of a symbol.
    pub(super) fn of(&self, symbol: usize) -> impl Iterator<Item = u16> + '_ {
        self.codes.iter().skip(symbol).step_by(self.symbols).copied()
    }

    /// For every hop but the first, the code that a source shows there.
    pub(super) fn seen(&self, source: Source) -> impl Iterator<Item = u16> + '_ {
        let skipped = match source.hop {
            Hop::Same => 1,
            Hop::Before => 0,
        };
        self.of(source.symbol).skip(skipped).take(self.hops().saturating_sub(1))
    }
}
