//! The record of the choice of codes: what encoders weigh bits and errors by, where a model has one.

use super::{Model, QUALITIES};
use crate::bytes::{put, u16_at, u32_at};
use crate::model::plan::row_elements;
use crate::model::records::Symbol;

/// Most paths that an encoder keeps.
pub const MAX_PATHS: u16 = 16;
/// λ is below 2 to this, so that no cost times λ exceeds 31 bits.
pub const LAMBDA_BITS: u32 = 17;
/// A weight of one.
pub const WEIGHT_ONE: u16 = 1 << 15;

/// How an encoder chooses codes: those of the least `Σ weight · error² / 2 + λ · bits`, among the paths that it keeps. 48 bytes.
///
/// Errors are those of latents, as the codebooks hold them; bits are those of the prior.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Choice {
    /// Paths that are kept from symbol to symbol, 1..=16.
    pub paths: u16,
    /// A weight for each channel of a latent row, u16 in 1/32768, 1..=32768: offset in the tables.
    pub weights: u32,
    /// For each symbol a u32: where the weighted start of every vector's score lies, i32 `[alphabet]`, filled up to a multiple of four.
    pub starts: u32,
    /// λ at each quality, what 1/256 bit is worth, below 2^17.
    pub lambdas: [u32; QUALITIES],
}

impl Choice {
    /// Length of the record.
    pub const BYTES: usize = 48;

    /// Reads a record; `None` where a number is out of range or reserved bytes are not zero.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let record = Self {
            paths: u16_at(bytes, 0),
            weights: u32_at(bytes, 4),
            starts: u32_at(bytes, 8),
            lambdas: core::array::from_fn(|row| u32_at(bytes, 12 + 4 * row)),
        };
        let sound = (1..=MAX_PATHS).contains(&record.paths)
            && record.lambdas.iter().all(|lambda| lambda >> LAMBDA_BITS == 0)
            && u16_at(bytes, 2) == 0;
        (bytes.len() >= Self::BYTES && sound).then_some(record)
    }

    /// The record's bytes.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        put(&mut bytes, 0, self.paths.to_le_bytes());
        put(&mut bytes, 4, self.weights.to_le_bytes());
        put(&mut bytes, 8, self.starts.to_le_bytes());
        for (row, lambda) in self.lambdas.iter().enumerate() {
            put(&mut bytes, 12 + 4 * row, lambda.to_le_bytes());
        }
        bytes
    }

    /// λ at a quality (clamped to 1..=9).
    #[must_use]
    pub fn lambda(&self, quality: u8) -> u32 {
        let row = usize::from(quality.clamp(1, QUALITIES as u8) - 1);
        self.lambdas.get(row).copied().unwrap_or(0)
    }

    /// Bytes of memory that paths of so many latents and symbols take, a multiple of 8: costs of the paths before a symbol and behind it, what they chose, and
    /// twice their latents and codes, besides the latents of one symbol.
    #[must_use]
    pub const fn memory_bytes(paths: usize, elements: usize, symbols: usize) -> usize {
        (paths * (16 + 4 + 4 * elements + 4 * symbols) + 2 * elements).next_multiple_of(8)
    }
}

impl<'a> Model<'a> {
    /// The choice of codes, if the model has one.
    #[must_use]
    pub fn choice(&self) -> Option<Choice> {
        match self.directory().choice {
            0 => None,
            offset => Choice::from_bytes(self.bytes(offset, Choice::BYTES)),
        }
    }

    /// Elements of a hop of latents, `[rows, row_elements]`.
    #[must_use]
    pub fn latent_elements(&self) -> usize {
        self.latent_rows() * row_elements(self.directory().latent_channels) as usize
    }

    /// The weights of a symbol's latents, each a u16.
    #[must_use]
    pub fn choice_weights(&self, choice: &Choice, symbol: &Symbol) -> &'a [u8] {
        let first = choice.weights.saturating_add(2 * u32::from(symbol.first));
        self.bytes(first, 2 * usize::from(symbol.channels))
    }

    /// What the scores of a symbol's vectors start with, each an i32, filled up to a multiple of four.
    #[must_use]
    pub fn choice_starts(&self, choice: &Choice, index: usize, symbol: &Symbol) -> &'a [u8] {
        let place = (choice.starts as usize).saturating_add(index.saturating_mul(4));
        self.bytes(u32_at(self.tables, place), usize::from(symbol.alphabet).next_multiple_of(4) * 4)
    }
}
