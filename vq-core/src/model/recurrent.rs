//! The record of the recurrent prior: a small recurrent net over the hops before, and a part within the hop.

use super::records::{Symbol, SymbolKind};
use super::{Model, QUALITIES};
use crate::bytes::{array_at, byte, high, i16_at, low, put, u8_at, u32_at, words, words_at};
use crate::features::{INDEX_PRIORS, PRIORS};
use crate::prior::cell::GruCell;

/// Elements that tell the net which quality the packet has.
pub const CONDITIONS: usize = 4;
/// Most units of the recurrent cell.
pub const MAX_HIDDEN: u16 = 256;
/// Most symbols of a hop that a recurrent prior can have.
pub const MAX_SYMBOLS: u16 = 512;
/// The slowest rate at which scales follow.
const MAX_SCALE_RATE: u8 = 15;
/// Most units within the hop of a prior of indices.
pub const MAX_INDEX_UNITS: u16 = 64;
/// Most symbols of a hop of indices that a recurrent prior can have.
pub const MAX_INDEX_SYMBOLS: u16 = 128;

/// The recurrent prior of a model whose symbols are all integer latents, or all indices. 48 bytes.
///
/// Elements in memory, in this order: the hop's codes, [`codes_width`](Self::codes_width); the quality's conditions,
/// [`CONDITIONS`]; the state, `hidden`. A hop's step of the cell reads codes and conditions, the readout reads conditions and state.
///
/// Codes of integer latents are companded, an element each. Those of indices are embedded: every code has `units` numbers, and the elements are
/// the sums of those of the hop's codes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RecurrentPrior {
    /// Units of the cell, a multiple of 4; 0 for a prior that is linear in the hop before.
    pub hidden: u16,
    /// Symbols of a hop.
    pub symbols: u16,
    /// Units of each symbol within the hop: 4, or 0 where outputs are linear in the hop's earlier codes; of indices a multiple of 4 up to
    /// [`MAX_INDEX_UNITS`].
    pub units: u16,
    /// Bit `quality − 1` for each quality at which this prior holds; at the others the tables do.
    pub qualities: u16,
    /// Weight stream of the cell's input, offset in the tables.
    pub input: u32,
    /// Weight stream of the cell's state.
    pub state: u32,
    /// Weight stream of the readout.
    pub readout: u32,
    /// [`InHop`] records, one for each symbol.
    pub in_hop: u32,
    /// The state at the start of a packet, i16 `[hidden]`.
    pub start: u32,
    /// Conditions, i16 `[9, CONDITIONS]`.
    pub conditions: u32,
    /// What a hop cost on average where the prior was trained, u32 `[9]`, in 1/256 bit.
    pub expected: u32,
    /// Weight stream from the hop's codes straight to the outputs of the next one; 0 if there is none.
    pub skip: u32,
    /// How many symbols back a symbol looks within its hop, at least 1; 0 of indices, which look at all.
    pub reach: u16,
    /// The most codes that a symbol has, of indices; 0 of integer latents.
    pub alphabet: u16,
    /// 0, or the rate at which scales of integer latents follow the packet's codes, 1..=15: in 1/2048 octave they move by `2^-rate` of what a code
    /// [says](crate::prior::logistic::Logistic::surprise) about them.
    pub scale_rate: u8,
}

/// A symbol's part within the hop. 16 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InHop {
    /// Weight stream from the earlier codes of the hop to the symbol's units; 0 if it has none. Of an index the embedding of its codes, i8
    /// `[alphabet, units]` in 1/32.
    pub units: u32,
    /// Weight stream to mean and scale: from the units up to the symbol's own, or from the earlier codes. Of an index from its units to a
    /// logarithm for every code.
    pub outputs: u32,
    /// The mean is the output times 2 to this, in 1/256 step of quality 9; at most 8.
    pub mean_shift: u8,
}

impl InHop {
    /// Length of the record.
    pub const BYTES: usize = 16;

    /// The record's bytes.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        put(&mut bytes, 0, self.units.to_le_bytes());
        put(&mut bytes, 4, self.outputs.to_le_bytes());
        put(&mut bytes, 8, [self.mean_shift]);
        bytes
    }

    /// Reads a record; `None` where reserved bytes are not zero.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        if bytes.len() < Self::BYTES || array_at::<7>(bytes, 9) != [0; 7] {
            return None;
        }
        Some(Self { units: u32_at(bytes, 0), outputs: u32_at(bytes, 4), mean_shift: u8_at(bytes, 8) })
    }
}

impl RecurrentPrior {
    /// Length of the record.
    pub const BYTES: usize = 48;

    /// Length in words.
    pub(crate) const WORDS: usize = Self::BYTES / 4;

    /// Whether reserved bytes of a record are zero, and the rate of scales is one.
    pub(crate) fn is_sound(words: &[u32; Self::WORDS]) -> bool {
        let &[.., last] = words;
        last <= u32::from(MAX_SCALE_RATE)
    }

    /// Reads a record that [is sound](Self::is_sound), or makes something of it.
    #[must_use]
    #[inline(always)]
    pub(crate) fn from_words(words: &[u32; Self::WORDS]) -> Self {
        let &[hidden, units, input, state, readout, in_hop, start, conditions, expected, skip, reach, last] = words;
        Self {
            hidden: low(hidden),
            symbols: high(hidden),
            units: low(units),
            qualities: high(units),
            input,
            state,
            readout,
            in_hop,
            start,
            conditions,
            expected,
            skip,
            reach: low(reach),
            alphabet: high(reach),
            scale_rate: last as u8,
        }
    }

    /// The record's bytes.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        for (place, value) in [self.hidden, self.symbols, self.units, self.qualities].into_iter().enumerate() {
            put(&mut bytes, place * 2, value.to_le_bytes());
        }
        let offsets =
            [self.input, self.state, self.readout, self.in_hop, self.start, self.conditions, self.expected, self.skip];
        for (place, offset) in offsets.into_iter().enumerate() {
            put(&mut bytes, 8 + place * 4, offset.to_le_bytes());
        }
        put(&mut bytes, 40, self.reach.to_le_bytes());
        put(&mut bytes, 42, self.alphabet.to_le_bytes());
        put(&mut bytes, 44, [self.scale_rate]);
        bytes
    }

    /// Whether it is of indices, which a build without the feature `index-priors` has no code for.
    #[must_use]
    pub fn is_of_indices(&self) -> bool {
        INDEX_PRIORS && self.alphabet > 0
    }

    /// Elements that the hop's codes take: one for each symbol, filled up to a multiple of 4; of indices those of an embedding.
    #[must_use]
    pub fn codes_width(&self) -> usize {
        usize::from(if self.is_of_indices() { self.units } else { self.symbols }).next_multiple_of(4)
    }

    /// Elements that the cell reads besides its state.
    #[must_use]
    pub fn input_taps(&self) -> usize {
        self.codes_width() + CONDITIONS
    }

    /// Elements that the readout reads.
    #[must_use]
    pub fn readout_taps(&self) -> usize {
        CONDITIONS + usize::from(self.hidden)
    }

    /// Units of all symbols.
    #[must_use]
    pub fn all_units(&self) -> usize {
        usize::from(self.symbols) * usize::from(self.units)
    }

    /// Elements of the units that are kept while a hop is coded: of indices only those of the symbol at hand.
    pub(crate) fn kept_units(&self) -> usize {
        if self.is_of_indices() { usize::from(self.units) } else { self.all_units() }
    }

    /// Means and scales of all symbols; none of indices.
    #[must_use]
    pub fn all_outputs(&self) -> usize {
        if self.is_of_indices() { 0 } else { 2 * usize::from(self.symbols) }
    }

    /// Outputs of the readout: the units of all symbols, then mean and scale of each.
    #[must_use]
    pub fn readout_outputs(&self) -> usize {
        self.all_units() + self.all_outputs()
    }

    /// Elements that a symbol's units read: the codes just before it.
    #[must_use]
    pub fn unit_taps(&self, symbol: usize) -> usize {
        symbol.min(usize::from(self.reach))
    }

    /// Elements that a symbol's outputs read: the units up to its own, or the codes just before it.
    #[must_use]
    pub fn output_taps(&self, symbol: usize) -> usize {
        match usize::from(self.units) {
            0 => self.unit_taps(symbol),
            units => (symbol + 1).min(usize::from(self.reach)) * units,
        }
    }

    /// Elements of memory: what the net reads, then what the cell computes with, which the units, the readout's outputs and the
    /// skipping ones, or of indices a row of starts, take the place of; then by how much scales are wider. Rounded up to a multiple of 4.
    #[must_use]
    pub fn memory_elements(&self) -> usize {
        let read = self.input_taps() + usize::from(self.hidden);
        (read + self.scratch_elements() + self.widths()).next_multiple_of(4)
    }

    /// Those that the cell computes with, or that its results take.
    pub(crate) fn scratch_elements(&self) -> usize {
        let last = self.all_outputs() + usize::from(self.alphabet);
        let within = self.kept_units() + self.readout_outputs() + last;
        GruCell::scratch_elements(usize::from(self.hidden)).max(within)
    }

    /// Those that say by how much scales are wider: one for each symbol, or none.
    pub(crate) fn widths(&self) -> usize {
        if self.scale_rate > 0 { usize::from(self.symbols) } else { 0 }
    }

    /// The same in units of 8 bytes, as the header states it.
    #[must_use]
    pub fn memory_units(&self) -> u16 {
        (self.memory_elements() / 4).min(usize::from(u16::MAX)) as u16
    }

    /// Multiply-accumulates per hop, those with filled-up taps and outputs not counted; of indices as if all symbols had the most codes.
    #[must_use]
    pub fn multiply_accumulates(&self) -> usize {
        let hidden = usize::from(self.hidden);
        let symbols = 0..usize::from(self.symbols);
        let of_index = usize::from(self.units) * usize::from(self.alphabet);
        let of_latent = |symbol| self.unit_taps(symbol) * usize::from(self.units) + 2 * self.output_taps(symbol);
        let in_hop = |symbol| if self.is_of_indices() { of_index } else { of_latent(symbol) };
        3 * hidden * (self.input_taps() + hidden)
            + self.readout_taps() * self.readout_outputs()
            + if self.skip > 0 { usize::from(self.symbols) * self.all_outputs() } else { 0 }
            + symbols.map(in_hop).sum::<usize>()
    }
}

impl<'a> Model<'a> {
    /// The recurrent prior, if the model has one.
    #[must_use]
    pub fn recurrent_prior(&self) -> Option<RecurrentPrior> {
        self.recurrent_words().map(RecurrentPrior::from_words)
    }

    /// Its record.
    pub(crate) fn recurrent_words(&self) -> Option<&'a [u32; RecurrentPrior::WORDS]> {
        let directory = self.directory();
        if !PRIORS || directory.recurrent_length == 0 {
            return None;
        }
        words(self.tables, directory.recurrent as usize)
    }

    /// The recurrent prior, if it holds at a quality (clamped to 1..=9).
    #[must_use]
    #[inline(always)]
    pub fn recurrent_prior_at(&self, quality: u8) -> Option<RecurrentPrior> {
        let row = quality.clamp(1, QUALITIES as u8) - 1;
        let record = self.recurrent_words().map(RecurrentPrior::from_words);
        record.filter(|recurrent| recurrent.qualities >> row & 1 == 1)
    }

    /// A symbol's part within the hop.
    #[must_use]
    pub fn in_hop(&self, recurrent: &RecurrentPrior, symbol: usize) -> InHop {
        let at = (recurrent.in_hop as usize).wrapping_add(symbol.wrapping_mul(InHop::BYTES));
        let &[units, outputs, mean_shift] = words_at(self.tables, at);
        InHop { units, outputs, mean_shift: byte(mean_shift, 0) }
    }

    /// The tables from a weight stream on, of which a kernel takes what its sizes say: that they lie inside was checked.
    pub(crate) fn weight_stream(&self, offset: u32) -> &'a [u8] {
        self.tables.get(offset as usize..).unwrap_or_default()
    }

    /// The state of the recurrent prior's units at the start of a packet.
    pub(crate) fn recurrent_start(&self, recurrent: &RecurrentPrior) -> impl Iterator<Item = i16> + use<'a> {
        let bytes = self.bytes(recurrent.start, usize::from(recurrent.hidden) * 2);
        bytes.chunks_exact(2).map(|pair| i16_at(pair, 0))
    }

    /// What tells the recurrent prior the quality (clamped to 1..=9).
    pub(crate) fn recurrent_conditions(&self, recurrent: &RecurrentPrior, quality: u8) -> [i16; CONDITIONS] {
        let row = usize::from(quality.clamp(1, QUALITIES as u8) - 1);
        let bytes = self.bytes(recurrent.conditions, QUALITIES * CONDITIONS * 2);
        core::array::from_fn(|element| i16_at(bytes, (row * CONDITIONS + element) * 2))
    }

    /// What a hop cost on average where the recurrent prior was trained, at a quality (clamped to 1..=9), in 1/256 bit.
    #[must_use]
    pub fn recurrent_expected(&self, recurrent: &RecurrentPrior, quality: u8) -> u32 {
        let row = usize::from(quality.clamp(1, QUALITIES as u8) - 1);
        u32_at(self.bytes(recurrent.expected, QUALITIES * 4), row * 4)
    }
}

/// The number of the widest scale that a symbol's distribution may have: with it, no code costs more bits than an escape.
#[must_use]
pub fn most_scale(symbol: &Symbol) -> u8 {
    ((9 + symbol.bits.min(12)) << 3) - 1
}

/// The most bits that a code of a recurrent prior costs.
#[must_use]
pub fn worst_bits(symbol: &Symbol) -> u8 {
    let escape = if symbol.kind == SymbolKind::Integer { symbol.bits } else { 0 };
    crate::coder::range::MAX_TOTAL_BITS + escape
}
