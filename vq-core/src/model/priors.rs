//! The records of the prior: for every symbol, which frequencies hold and what chooses between them.

use super::records::Symbol;
use super::{Model, QUALITIES, recurrent};
use crate::bytes::{byte, high, low, put, u8_at, words_at};
use crate::codec::Options;
use crate::coder::range::MAX_TOTAL_BITS;
use crate::features::PRIORS;
use crate::kernels::quotient;

/// Most contexts of a symbol.
pub const CONTEXTS: usize = 2;

/// How the codes of one symbol are distributed. 48 bytes.
///
/// With `rows` of 0 all codes are as likely: code `c` starts at `c · step` of 2^15. Otherwise the symbol has a table of
/// `[rows, entries]` 16-bit starts, rising from 0 and below `2^total_bits`; entry `e` of a row is code `first + e`. An integer
/// latent's last entry is an escape: the code follows as a plain number of the symbol's bits, limited to the largest code. The row is
/// `row_map[class0 · classes1 + class1]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SymbolPrior {
    /// Starts, offset in the tables.
    pub starts: u32,
    /// Number of rows; 0 for uniform.
    pub rows: u16,
    /// Entries of a row.
    pub entries: u16,
    /// The code of the first entry.
    pub first: u16,
    /// Size of a code's interval where all are alike: `floor(2^15 / codes)`; otherwise 0.
    pub step: u16,
    /// The total of a row is 2 to this.
    pub total_bits: u8,
    /// The most that one symbol can cost, in bits, rounded up.
    pub worst_bits: u8,
    /// What a symbol cost on average where the prior was trained, in 1/256 bit: what to expect, not what to rely on.
    pub expected: u16,
    /// What chooses the row.
    pub contexts: [Context; CONTEXTS],
    /// One byte for every pair of classes, offset in the tables.
    pub row_map: u32,
}

/// A code whose class helps to choose a row. 12 bytes.
///
/// The class is `map[clamp(code − first, 0, length − 1)]`; it is 0 where the code is of the hop before the packet's first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Context {
    /// Classes, one byte each, offset in the tables.
    pub map: u32,
    /// The symbol that is looked at: one that is sent whenever the reader is, and before it.
    pub source: u16,
    /// The code of the map's first byte.
    pub first: u16,
    /// Bytes of the map.
    pub length: u16,
    /// Where the symbol is looked for.
    pub hop: Hop,
    /// Number of classes; 1 for a context that says nothing.
    pub classes: u8,
}

/// Which hop a context looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Hop {
    /// The hop that is being coded.
    Same = 0,
    /// The one before it in the packet.
    Before = 1,
}

impl Context {
    /// Length of the record.
    pub const BYTES: usize = 12;

    /// A context that says nothing.
    pub const NONE: Self = Self { map: 0, source: 0, first: 0, length: 0, hop: Hop::Before, classes: 1 };

    fn from_words(words: &[u32; Self::BYTES / 4]) -> Self {
        let &[map, source, last] = words;
        let hop = if byte(last, 2) == 0 { Hop::Same } else { Hop::Before };
        Self { map, source: low(source), first: high(source), length: low(last), hop, classes: byte(last, 3) }
    }

    fn to_bytes(self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        put(&mut bytes, 0, self.map.to_le_bytes());
        put(&mut bytes, 4, self.source.to_le_bytes());
        put(&mut bytes, 6, self.first.to_le_bytes());
        put(&mut bytes, 8, self.length.to_le_bytes());
        put(&mut bytes, 10, [self.hop as u8, self.classes]);
        bytes
    }
}

impl SymbolPrior {
    /// Length of the record.
    pub const BYTES: usize = 48;

    /// A prior of no codes: what reads past the last record give.
    pub(crate) const NEUTRAL: Self = Self {
        starts: 0,
        rows: 0,
        entries: 0,
        first: 0,
        step: 0,
        total_bits: 0,
        worst_bits: 0,
        expected: 0,
        contexts: [Context::NONE; CONTEXTS],
        row_map: 0,
    };

    /// A prior that knows nothing of a symbol.
    #[must_use]
    pub fn uniform(symbol: &Symbol) -> Self {
        let step = (1u16 << MAX_TOTAL_BITS).checked_div(symbol.codes()).unwrap_or(0);
        let worst_bits = cost_bits(u32::from(step), MAX_TOTAL_BITS);
        Self { step, worst_bits, expected: u16::from(worst_bits) << 8, ..Self::NEUTRAL }
    }

    /// Whether a record is [`uniform`](Self::uniform).
    pub(crate) fn is_uniform(words: &[u32; Self::BYTES / 4], symbol: &Symbol) -> bool {
        let &[starts, rows, first, bits, map, source, end, inner_map, inner_source, inner_end, row_map, _] = words;
        let step = quotient(1 << MAX_TOTAL_BITS, u32::from(symbol.codes()));
        let worst_bits = cost_bits(step, MAX_TOTAL_BITS);
        let nothing = u32::from(Context::NONE.classes) << 24 | (Context::NONE.hop as u32) << 16;
        first == step << 16
            && bits == u32::from(worst_bits) << 24 | u32::from(worst_bits) << 8
            && [end, inner_end] == [nothing; 2]
            && starts | rows | map | source | inner_map | inner_source | row_map == 0
    }

    /// Whether the hops that a record names exist and reserved bytes are zero.
    pub(crate) fn is_sound(words: &[u32; Self::BYTES / 4]) -> bool {
        let &[.., outer, _, _, inner, _, reserved] = words;
        [outer, inner].iter().all(|end| byte(*end, 2) <= Hop::Before as u8) && reserved == 0
    }

    /// Reads a record that [is sound](Self::is_sound), or makes something of it.
    #[must_use]
    #[inline(always)]
    pub(crate) fn from_words(words: &[u32; Self::BYTES / 4]) -> Self {
        let &[starts, rows, first, bits, map, source, end, inner_map, inner_source, inner_end, row_map, _] = words;
        Self {
            starts,
            rows: low(rows),
            entries: high(rows),
            first: low(first),
            step: high(first),
            total_bits: byte(bits, 0),
            worst_bits: byte(bits, 1),
            expected: high(bits),
            contexts: [
                Context::from_words(&[map, source, end]),
                Context::from_words(&[inner_map, inner_source, inner_end]),
            ],
            row_map,
        }
    }

    /// The record's bytes.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        let [first, second] = self.contexts;
        put(&mut bytes, 0, self.starts.to_le_bytes());
        put(&mut bytes, 4, self.rows.to_le_bytes());
        put(&mut bytes, 6, self.entries.to_le_bytes());
        put(&mut bytes, 8, self.first.to_le_bytes());
        put(&mut bytes, 10, self.step.to_le_bytes());
        put(&mut bytes, 12, [self.total_bits, self.worst_bits]);
        put(&mut bytes, 14, self.expected.to_le_bytes());
        put(&mut bytes, 16, first.to_bytes());
        put(&mut bytes, 28, second.to_bytes());
        put(&mut bytes, 40, self.row_map.to_le_bytes());
        bytes
    }

    /// Bytes of the starts of all rows.
    #[must_use]
    pub fn starts_bytes(&self) -> usize {
        usize::from(self.rows) * usize::from(self.entries) * 2
    }

    /// Bytes of the row map: one for every pair of classes.
    #[must_use]
    pub fn row_map_bytes(&self) -> usize {
        self.contexts.iter().map(|context| usize::from(context.classes)).product()
    }
}

/// The bits that an interval of this size costs, rounded up; an empty one counts as the whole total.
#[must_use]
pub fn cost_bits(size: u32, total_bits: u8) -> u8 {
    total_bits.saturating_sub(size.checked_ilog2().unwrap_or(0) as u8)
}

/// The bytes that symbols of `worst_bits` bits take at most.
///
/// The coder's rounding loses less than 1/256 bit per interval, and a symbol has at most two; a code of b bits ends within b / 8 + 1 bytes.
#[must_use]
pub fn code_bytes(worst_bits: u32, symbols: u32) -> u32 {
    worst_bits.saturating_add(symbols / 128 + 1) / 8 + 1
}

impl<'a> Model<'a> {
    /// What a hop cost on average where the prior was trained, at a quality (clamped to 1..=9), in 1/256 bit.
    #[must_use]
    pub fn expected_hop_cost(&self, quality: u8) -> u32 {
        if let Some(recurrent) = self.recurrent_prior_at(quality) {
            return self.recurrent_expected(&recurrent, quality);
        }
        let symbols = self.numbered_symbols(quality);
        symbols.map(|(index, _)| u32::from(self.symbol_prior(index, quality).expected)).sum()
    }

    /// The most bytes that one hop takes at a quality (clamped to 1..=9), whatever the signal.
    #[must_use]
    pub fn worst_hop_bytes(&self, quality: u8) -> usize {
        let (mut bits, mut symbols) = (0, 0);
        let recurrent = self.recurrent_prior_at(quality).is_some();
        for (index, symbol) in self.numbered_symbols(quality) {
            let table = || self.symbol_prior(index, quality).worst_bits;
            bits += u32::from(if recurrent { recurrent::worst_bits(&symbol) } else { table() });
            symbols += 1;
        }
        code_bytes(bits, symbols) as usize
    }

    /// The smallest limit that packets of a quality (clamped to 1..=9) may have: one that holds any hop behind a long header.
    #[must_use]
    pub fn least_packet_bytes(&self, quality: u8) -> usize {
        Options::new().least_packet_bytes(self.worst_hop_bytes(quality))
    }

    /// The set of priors that holds at a quality (clamped to 1..=9).
    #[must_use]
    pub fn prior_set(&self, quality: u8) -> u8 {
        self.quality_byte(QUALITIES + usize::from(quality.clamp(1, QUALITIES as u8) - 1))
    }

    /// The prior of a symbol, by its number, at a quality (clamped to 1..=9).
    #[must_use]
    #[inline(always)]
    pub fn symbol_prior(&self, index: usize, quality: u8) -> SymbolPrior {
        let record = self.prior_record(index, quality);
        if !PRIORS {
            // All codes are alike: `parse` refuses everything else.
            let &[_, _, first, bits, ..] = record;
            let (worst_bits, expected) = (byte(bits, 1), high(bits));
            return SymbolPrior { step: high(first), worst_bits, expected, ..SymbolPrior::NEUTRAL };
        }
        SymbolPrior::from_words(record)
    }

    fn prior_record(&self, index: usize, quality: u8) -> &'a [u32; SymbolPrior::BYTES / 4] {
        let directory = self.directory();
        let number = usize::from(self.prior_set(quality)) * usize::from(directory.symbol_count) + index;
        words_at(self.tables, (directory.priors as usize).saturating_add(number.wrapping_mul(SymbolPrior::BYTES)))
    }

    /// The class of a code that a context looks at.
    pub(crate) fn class(&self, context: &Context, code: u16) -> u8 {
        let place = code.saturating_sub(context.first).min(context.length.saturating_sub(1));
        u8_at(self.tables, (context.map as usize).saturating_add(usize::from(place)))
    }

    /// The row of starts that a pair of classes chooses.
    pub(crate) fn prior_row(&self, prior: &SymbolPrior, classes: [u8; CONTEXTS]) -> &'a [u8] {
        let [first, second] = classes.map(usize::from);
        let [_, inner] = prior.contexts;
        let place = first * usize::from(inner.classes) + second;
        let row = usize::from(u8_at(self.tables, (prior.row_map as usize).saturating_add(place)));
        let length = usize::from(prior.entries) * 2;
        self.bytes((prior.starts as usize).saturating_add(row * length) as u32, length)
    }
}
