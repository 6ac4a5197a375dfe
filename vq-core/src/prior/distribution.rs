//! What a prior of tables says about one symbol.

use super::cost::interval_cost;
use crate::bytes::u16_at;
use crate::coder::range::{MAX_TOTAL_BITS, RangeDecoder, RangeEncoder};
use crate::model::priors::SymbolPrior;
use crate::model::records::{Symbol, SymbolKind};

/// Frequencies of a symbol's codes, of which every one is at least 1.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Distribution<'a> {
    shape: Shape<'a>,
    /// Entries; with an escape the last one stands for every code outside the others.
    entries: u16,
    total_bits: u8,
    /// The code of the first entry.
    first: u16,
    escape: Option<Escape>,
}

/// Where entries start.
#[derive(Debug, Clone, Copy)]
enum Shape<'a> {
    /// At multiples of a step.
    Even(u16),
    /// As a row of 16-bit numbers says.
    Row(&'a [u8]),
}

/// How a code outside the entries is sent: as a plain number of this many bits.
#[derive(Debug, Clone, Copy)]
struct Escape {
    bits: u8,
    /// The largest code.
    most: u16,
}

impl<'a> Distribution<'a> {
    /// Every code as likely as any other.
    pub(crate) fn uniform(symbol: &Symbol, prior: &SymbolPrior) -> Self {
        Self {
            shape: Shape::Even(prior.step),
            entries: symbol.codes(),
            total_bits: MAX_TOTAL_BITS,
            first: 0,
            escape: None,
        }
    }

    /// A row of a table.
    pub(crate) fn row(symbol: &Symbol, prior: &SymbolPrior, row: &'a [u8]) -> Self {
        let escape = Escape { bits: symbol.bits, most: symbol.codes().saturating_sub(1) };
        Self {
            shape: Shape::Row(row),
            entries: prior.entries,
            total_bits: prior.total_bits,
            first: prior.first,
            escape: (symbol.kind == SymbolKind::Integer).then_some(escape),
        }
    }

    /// A row that the recurrent prior made for an index.
    pub(crate) fn made(symbol: &Symbol, row: &'a [u8]) -> Self {
        Self { shape: Shape::Row(row), entries: symbol.alphabet, total_bits: MAX_TOTAL_BITS, first: 0, escape: None }
    }

    /// Sends a code.
    pub(crate) fn encode(&self, coder: &mut RangeEncoder, output: &mut [u8], code: u16) {
        let last = self.entries.saturating_sub(1);
        let entry = code.wrapping_sub(self.first).min(last);
        let start = self.start(entry);
        let end = if entry == last { 1 << self.total_bits } else { self.start(entry + 1) };
        coder.encode(output, start, end.wrapping_sub(start), self.total_bits);
        if let Some(escape) = self.escape.filter(|_| entry == last) {
            coder.encode(output, u32::from(code), 1, escape.bits);
        }
    }

    /// What a code costs, in 1/256 bit.
    pub(crate) fn cost(&self, code: u16) -> u32 {
        let last = self.entries.saturating_sub(1);
        let entry = code.wrapping_sub(self.first).min(last);
        let end = if entry == last { 1 << self.total_bits } else { self.start(entry + 1) };
        let escape = self.escape.filter(|_| entry == last).map_or(0, |escape| u32::from(escape.bits) << 8);
        interval_cost(end.wrapping_sub(self.start(entry)), self.total_bits) + escape
    }

    /// Receives a code: whatever the bytes, one that the symbol has.
    pub(crate) fn decode(&self, coder: &mut RangeDecoder<'_>) -> u16 {
        let entry = coder.decode(self.total_bits, self.entries, |entry| self.start(entry));
        match self.escape {
            Some(escape) if entry == self.entries.saturating_sub(1) => {
                coder.decode(escape.bits, 1 << escape.bits.min(MAX_TOTAL_BITS), u32::from).min(escape.most)
            }
            _ => self.first.wrapping_add(entry),
        }
    }

    fn start(&self, entry: u16) -> u32 {
        match self.shape {
            Shape::Even(step) => u32::from(entry).wrapping_mul(u32::from(step)),
            Shape::Row(row) => u32::from(u16_at(row, usize::from(entry) * 2)),
        }
    }
}
