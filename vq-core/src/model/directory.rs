//! The directory: what lies where in the tables.

use super::QUALITIES;
use super::records::Net;
use crate::bytes::{high, low, put};

/// The directory at the start of the tables. 128 bytes, all offsets from the start of the tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Directory {
    /// The encoder net: samples to latents.
    pub encoder: Net,
    /// The decoder net: latents to samples.
    pub decoder: Net,
    /// [`Scaling`](super::records::Scaling) records, one per channel.
    pub scaling: u32,
    /// [`Symbol`](super::records::Symbol) records.
    pub symbols: u32,
    /// Symbols per hop.
    pub symbol_count: u16,
    /// Channels of a latent row.
    pub latent_channels: u16,
    /// Stages sent at each quality, one byte for each of the [`QUALITIES`]; then which set of priors holds, as many bytes; then, filled up to 20 bytes
    /// before, what the decoder is told at each quality, if it is told.
    pub quality: u32,
    /// Self-test frames: 16-bit samples less their channel's offset.
    pub test_frames: u32,
    /// Number of self-test frames.
    pub test_frame_count: u16,
    /// Length of the packet that the self-test must produce.
    pub test_packet_length: u16,
    /// That packet.
    pub test_packet: u32,
    /// CRC-32 of the samples that it must decode to, as little-endian 32-bit numbers.
    pub test_samples_crc: u32,
    /// [`SymbolPrior`](super::priors::SymbolPrior) records, `[prior_sets, symbol_count]`.
    pub priors: u32,
    /// Sets of priors, 1..=9.
    pub prior_sets: u16,
    /// 1 if the last latent of a row tells the decoder the quality, otherwise 0.
    pub told: u16,
    /// The [`RecurrentPrior`](super::recurrent::RecurrentPrior) record.
    pub recurrent: u32,
    /// Its length; 0 where there is none.
    pub recurrent_length: u32,
    /// The [`ResidualPredictor`](super::predictor::ResidualPredictor) record.
    pub predictor: u32,
    /// Its length; 0 if there is none.
    pub predictor_length: u32,
    /// For each quality the bits of a hop, as a running mean, above which best effort is given up; 0 for no limit.
    pub surprise_limits: [u16; QUALITIES],
    /// The [`Choice`](super::choice::Choice) of codes; 0 if there is none.
    pub choice: u32,
}

impl Directory {
    /// Length of the directory.
    pub const BYTES: usize = 128;
    /// Length in words.
    pub(super) const WORDS: usize = Self::BYTES / 4;
    /// Where the limits of surprise lie.
    const SURPRISE: usize = 104;

    // Into its callers, which then pay for the fields that they look at and not for all.
    #[inline(always)]
    pub(super) fn from_words(words: &[u32; Self::WORDS]) -> Self {
        let net = |words: [u32; Net::WORDS]| Net::from_words(&words);
        Self {
            encoder: net([words[0], words[1], words[2], words[3], words[4], words[5]]),
            decoder: net([words[6], words[7], words[8], words[9], words[10], words[11]]),
            scaling: words[12],
            symbols: words[13],
            symbol_count: low(words[14]),
            latent_channels: high(words[14]),
            quality: words[15],
            test_frames: words[16],
            test_frame_count: low(words[17]),
            test_packet_length: high(words[17]),
            test_packet: words[18],
            test_samples_crc: words[19],
            priors: words[20],
            prior_sets: low(words[21]),
            told: high(words[21]),
            recurrent: words[22],
            recurrent_length: words[23],
            predictor: words[24],
            predictor_length: words[25],
            surprise_limits: [
                low(words[26]),
                high(words[26]),
                low(words[27]),
                high(words[27]),
                low(words[28]),
                high(words[28]),
                low(words[29]),
                high(words[29]),
                low(words[30]),
            ],
            choice: words[31],
        }
    }

    /// The directory's bytes.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        put(&mut bytes, 0, self.encoder.to_bytes());
        put(&mut bytes, 24, self.decoder.to_bytes());
        put(&mut bytes, 48, self.scaling.to_le_bytes());
        put(&mut bytes, 52, self.symbols.to_le_bytes());
        put(&mut bytes, 56, self.symbol_count.to_le_bytes());
        put(&mut bytes, 58, self.latent_channels.to_le_bytes());
        put(&mut bytes, 60, self.quality.to_le_bytes());
        put(&mut bytes, 64, self.test_frames.to_le_bytes());
        put(&mut bytes, 68, self.test_frame_count.to_le_bytes());
        put(&mut bytes, 70, self.test_packet_length.to_le_bytes());
        put(&mut bytes, 72, self.test_packet.to_le_bytes());
        put(&mut bytes, 76, self.test_samples_crc.to_le_bytes());
        put(&mut bytes, 80, self.priors.to_le_bytes());
        put(&mut bytes, 84, self.prior_sets.to_le_bytes());
        put(&mut bytes, 86, self.told.to_le_bytes());
        put(&mut bytes, 88, self.recurrent.to_le_bytes());
        put(&mut bytes, 92, self.recurrent_length.to_le_bytes());
        put(&mut bytes, 96, self.predictor.to_le_bytes());
        put(&mut bytes, 100, self.predictor_length.to_le_bytes());
        for (row, limit) in self.surprise_limits.iter().enumerate() {
            put(&mut bytes, Self::SURPRISE + 2 * row, limit.to_le_bytes());
        }
        put(&mut bytes, 124, self.choice.to_le_bytes());
        bytes
    }
}
