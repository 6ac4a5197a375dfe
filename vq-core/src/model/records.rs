//! The fixed-size little-endian records of the tables, read in place and written by the exporter with the same code.

use crate::bytes::{byte, high, low, put};
use crate::kernels::quotient;

/// What is applied to a layer's output, element by element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Activation {
    /// Nothing.
    Linear = 0,
    /// `max(x, 0)`.
    Relu = 1,
    /// `max(x, x >> 3)`; in the float path `max(x, x / 8)`.
    LeakyRelu = 2,
}

/// What a layer computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// A convolution; with `upsample` above 1 a transposed one, see [`Layer`].
    Convolution = 0,
    /// The sum of two lines.
    Add = 1,
    /// A convolution of every channel by itself.
    Depthwise = 2,
}

/// One layer of a net and the line buffer that it writes. 40 bytes.
///
/// Every layer with weights is a convolution over a contiguous window of its input's line buffer. A transposed
/// convolution by `upsample` is one whose window moves by one row and gives `upsample` rows of output at once: row
/// `upsample·i + r − padding` of the output is `Σ_j x[i − kernel + 1 + j] · w_r[j]`, so every phase `r` reads the same window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layer {
    /// What is computed.
    pub kind: Kind,
    /// What is applied to the result.
    pub activation: Activation,
    /// Line that is read: 0 is the net's input, `i + 1` the output of layer `i`.
    pub input: u8,
    /// Second summand of an [`Kind::Add`]; otherwise 0.
    pub other: u8,
    /// Output channels.
    pub channels: u16,
    /// Rows of the window.
    pub kernel: u16,
    /// Rows by which the window moves.
    pub stride: u16,
    /// Output rows per window.
    pub upsample: u16,
    /// Alignment: rows by which the window starts early, or by which a transposed output is cropped.
    pub padding: u16,
    /// Output rows per hop.
    pub rows: u16,
    /// Rows by which the output lags behind the net's input.
    pub delay: u16,
    /// Rows of the past that the line buffer keeps in front of the new ones.
    pub history: u16,
    /// Where the line buffer starts, in elements.
    pub line: u32,
    /// Where the line's history rests between hops, in elements, below 2^24.
    pub rest: u32,
    /// Nothing of this hop reads `input` after this layer.
    pub last_of_input: bool,
    /// Nothing of this hop reads `other` after this layer.
    pub last_of_other: bool,
    /// Weight stream, offset in the tables.
    pub weights: u32,
    /// Weight stream, length in bytes.
    pub weights_length: u32,
    /// Multiplier of the first summand of an integer [`Kind::Add`].
    pub multiplier: i16,
    /// Multiplier of the second summand.
    pub other_multiplier: i16,
    /// Shift after the sum.
    pub shift: u8,
}

impl Layer {
    /// Length of the record.
    pub const BYTES: usize = 40;
    /// The same in words.
    pub(crate) const WORDS: usize = Self::BYTES / 4;

    /// A sum of nothing, to fill in.
    pub const NEUTRAL: Self = Self {
        kind: Kind::Add,
        activation: Activation::Linear,
        input: 0,
        other: 0,
        channels: 0,
        kernel: 0,
        stride: 0,
        upsample: 0,
        padding: 0,
        rows: 0,
        delay: 0,
        history: 0,
        line: 0,
        rest: 0,
        last_of_input: false,
        last_of_other: false,
        weights: 0,
        weights_length: 0,
        multiplier: 0,
        other_multiplier: 0,
        shift: 0,
    };

    /// Whether the layer reads line number `line`.
    #[must_use]
    pub fn reads(&self, line: usize) -> bool {
        usize::from(self.input) == line || (self.kind == Kind::Add && usize::from(self.other) == line)
    }

    /// Windows of a hop.
    #[must_use]
    pub fn windows(&self) -> u32 {
        if self.upsample == 1 { u32::from(self.rows) } else { quotient(u32::from(self.rows), u32::from(self.upsample)) }
    }

    /// Whether a record's kind and activation exist and reserved bits are zero.
    pub(crate) fn is_sound(words: &[u32; Self::BYTES / 4]) -> bool {
        let &[first, ..] = words;
        byte(first, 0) <= Kind::Depthwise as u8
            && byte(first, 1) & 15 <= Activation::LeakyRelu as u8
            && byte(first, 1) >> 4 <= 3
    }

    /// Reads a record that [is sound](Self::is_sound), or makes something of it.
    #[must_use]
    #[inline(always)]
    pub(crate) fn from_words(words: &[u32; Self::BYTES / 4]) -> Self {
        let &[first, kernel, stride, padding, delay, line, weights, weights_length, multipliers, last] = words;
        let kind = match byte(first, 0) {
            0 => Kind::Convolution,
            1 => Kind::Add,
            _ => Kind::Depthwise,
        };
        let (activation, readers) = (byte(first, 1) & 15, byte(first, 1) >> 4);
        let activation = match activation {
            0 => Activation::Linear,
            1 => Activation::Relu,
            _ => Activation::LeakyRelu,
        };
        Self {
            kind,
            activation,
            input: byte(first, 2),
            other: byte(first, 3),
            channels: low(kernel),
            kernel: high(kernel),
            stride: low(stride),
            upsample: high(stride),
            padding: low(padding),
            rows: high(padding),
            delay: low(delay),
            history: high(delay),
            line,
            rest: last >> 8,
            last_of_input: readers & 1 != 0,
            last_of_other: readers & 2 != 0,
            weights,
            weights_length,
            multiplier: low(multipliers) as i16,
            other_multiplier: high(multipliers) as i16,
            shift: byte(last, 0),
        }
    }

    /// The record's bytes.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        let last = u8::from(self.last_of_input) | u8::from(self.last_of_other) << 1;
        put(&mut bytes, 0, [self.kind as u8, self.activation as u8 | last << 4, self.input, self.other]);
        put(&mut bytes, 4, self.channels.to_le_bytes());
        put(&mut bytes, 6, self.kernel.to_le_bytes());
        put(&mut bytes, 8, self.stride.to_le_bytes());
        put(&mut bytes, 10, self.upsample.to_le_bytes());
        put(&mut bytes, 12, self.padding.to_le_bytes());
        put(&mut bytes, 14, self.rows.to_le_bytes());
        put(&mut bytes, 16, self.delay.to_le_bytes());
        put(&mut bytes, 18, self.history.to_le_bytes());
        put(&mut bytes, 20, self.line.to_le_bytes());
        put(&mut bytes, 24, self.weights.to_le_bytes());
        put(&mut bytes, 28, self.weights_length.to_le_bytes());
        put(&mut bytes, 32, self.multiplier.to_le_bytes());
        put(&mut bytes, 34, self.other_multiplier.to_le_bytes());
        let [low, middle, high, _] = self.rest.to_le_bytes();
        put(&mut bytes, 36, [self.shift, low, middle, high]);
        bytes
    }
}

/// A net's input, output and place in the tables. 24 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Net {
    /// First [`Layer`] record, offset in the tables.
    pub layers: u32,
    /// Number of layers.
    pub count: u16,
    /// Channels of the input.
    pub channels: u16,
    /// Input rows per hop.
    pub rows: u16,
    /// Rows of the past that the input's line buffer keeps.
    pub history: u16,
    /// Rows by which the output lags, after rounding up to whole hops where hops are what leaves the net.
    pub delay: u16,
    /// Hops of input that a new output depends on, the newest included.
    pub receptive_hops: u16,
    /// Elements of the block that holds all line buffers.
    pub elements: u32,
    /// Where the input's history rests between hops, in elements; its buffer starts at element 0.
    pub rest: u32,
}

impl Net {
    /// Length of the record.
    pub const BYTES: usize = 24;
    /// The same in words.
    pub(crate) const WORDS: usize = Self::BYTES / 4;

    #[inline(always)]
    pub(crate) fn from_words(words: &[u32; Self::BYTES / 4]) -> Self {
        let &[layers, count, rows, delay, elements, rest] = words;
        Self {
            layers,
            count: low(count),
            channels: high(count),
            rows: low(rows),
            history: high(rows),
            delay: low(delay),
            receptive_hops: high(delay),
            elements,
            rest,
        }
    }

    /// Of a decoder: frames, from the first one of its codes on, that are degraded where it begins.
    #[must_use]
    pub fn degraded_frames(&self, hop: u16) -> u32 {
        let margin = u32::from(hop) * u32::from(self.receptive_hops).saturating_sub(1);
        margin.saturating_sub(u32::from(self.delay))
    }

    /// The record's bytes.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        put(&mut bytes, 0, self.layers.to_le_bytes());
        put(&mut bytes, 4, self.count.to_le_bytes());
        put(&mut bytes, 6, self.channels.to_le_bytes());
        put(&mut bytes, 8, self.rows.to_le_bytes());
        put(&mut bytes, 10, self.history.to_le_bytes());
        put(&mut bytes, 12, self.delay.to_le_bytes());
        put(&mut bytes, 14, self.receptive_hops.to_le_bytes());
        put(&mut bytes, 16, self.elements.to_le_bytes());
        put(&mut bytes, 20, self.rest.to_le_bytes());
        bytes
    }
}

/// Most vectors of a codebook.
pub const MAX_ALPHABET: u16 = 4096;

/// How one symbol of a hop is made from the latents. 16 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Symbol {
    /// Index of a vector, or a rounded latent.
    pub kind: SymbolKind,
    /// Bits of its code as a plain number.
    pub bits: u8,
    /// The symbol is sent at qualities with more than this many stages.
    pub stage: u8,
    /// Latent row of the hop.
    pub row: u16,
    /// First latent channel.
    pub first: u16,
    /// Latent channels; 1 for an integer latent.
    pub channels: u16,
    /// Vectors of the codebook; 0 for an integer latent.
    pub alphabet: u16,
    /// Codebook or step table, offset in the tables (a multiple of 8).
    pub table: u32,
}

/// The two kinds of symbol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum SymbolKind {
    /// The index of the nearest vector of a codebook; the vector is then subtracted, for the stages that follow.
    Index = 0,
    /// A latent divided by its step and rounded.
    Integer = 1,
}

impl Symbol {
    /// Length of the record.
    pub const BYTES: usize = 16;
    /// The same in words.
    pub(crate) const WORDS: usize = Self::BYTES / 4;

    /// Number of codes: the vectors of a codebook, or every whole number of steps within the range of an integer latent,
    /// of which code 0 is the lowest.
    #[must_use]
    pub fn codes(&self) -> u16 {
        match self.kind {
            SymbolKind::Index => self.alphabet,
            SymbolKind::Integer => (self.integer_limit() as u16) * 2 + 1,
        }
    }

    /// The largest magnitude of an integer latent that fits its bits.
    #[must_use]
    pub fn integer_limit(&self) -> i16 {
        (1i16 << (self.bits.clamp(2, 12) - 1)) - 1
    }

    /// Whether a record's kind exists and a reserved byte is zero.
    pub(crate) fn is_sound(words: &[u32; Self::BYTES / 4]) -> bool {
        let &[first, ..] = words;
        byte(first, 0) <= SymbolKind::Integer as u8 && byte(first, 3) == 0
    }

    /// The stage of a record.
    #[inline(always)]
    pub(crate) fn stage_of(words: &[u32; Self::WORDS]) -> u8 {
        let &[first, ..] = words;
        byte(first, 2)
    }

    /// Reads a record that [is sound](Self::is_sound), or makes something of it.
    #[must_use]
    #[inline(always)]
    pub(crate) fn from_words(words: &[u32; Self::WORDS]) -> Self {
        let &[first, place, channels, table] = words;
        let kind = if byte(first, 0) == 0 { SymbolKind::Index } else { SymbolKind::Integer };
        Self {
            kind,
            bits: byte(first, 1),
            stage: byte(first, 2),
            row: low(place),
            first: high(place),
            channels: low(channels),
            alphabet: high(channels),
            table,
        }
    }

    /// The record's bytes.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        put(&mut bytes, 0, [self.kind as u8, self.bits, self.stage, 0]);
        put(&mut bytes, 4, self.row.to_le_bytes());
        put(&mut bytes, 6, self.first.to_le_bytes());
        put(&mut bytes, 8, self.channels.to_le_bytes());
        put(&mut bytes, 10, self.alphabet.to_le_bytes());
        put(&mut bytes, 12, self.table.to_le_bytes());
        bytes
    }
}

/// How the counts of one channel become the net's input, and its output counts again. 16 bytes.
///
/// Integer: `in = sat16((sat32(x − offset)·gain + 2^(shift−1)) >> shift)`, `out = sat32(offset + ((y·gain_out + 2^(shift_out−1)) >> shift_out))`.
/// Float: `in = (x − offset)·gain`, `out = offset + round(y·gain_out)`, gains being the bits of an f32.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scaling {
    /// The count that is zero to the net.
    pub offset: i32,
    /// Input gain, positive.
    pub gain: i32,
    /// Output gain, positive.
    pub gain_out: i32,
    /// Input shift, 1..=47.
    pub shift: u8,
    /// Output shift, 1..=47.
    pub shift_out: u8,
    /// The largest magnitude of the net's input where the model was trained; 0 where it is not known.
    pub reach: u16,
}

impl Scaling {
    /// Length of the record.
    pub const BYTES: usize = 16;

    /// The largest magnitude of an input that the nets can represent: twice what they were trained on, which is what an exporter gives their layers.
    pub(crate) const fn most(&self) -> u16 {
        let most = if self.reach == 0 { u16::MAX } else { self.reach.saturating_mul(2) };
        if most < i16::MAX as u16 { most } else { i16::MAX as u16 - 1 }
    }

    pub(crate) fn from_words(words: &[u32; Self::BYTES / 4]) -> Self {
        let &[offset, gain, gain_out, last] = words;
        Self {
            offset: offset as i32,
            gain: gain as i32,
            gain_out: gain_out as i32,
            shift: byte(last, 0),
            shift_out: byte(last, 1),
            reach: high(last),
        }
    }

    /// The record's bytes.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        put(&mut bytes, 0, self.offset.to_le_bytes());
        put(&mut bytes, 4, self.gain.to_le_bytes());
        put(&mut bytes, 8, self.gain_out.to_le_bytes());
        put(&mut bytes, 12, [self.shift, self.shift_out]);
        put(&mut bytes, 14, self.reach.to_le_bytes());
        bytes
    }
}

/// The step of an integer latent at one quality. 8 bytes; a latent has [`QUALITIES`](super::QUALITIES) of them.
///
/// Integer: `q = (z·divide + 2^(divide_shift−1)) >> divide_shift`, `z' = sat16((q·multiply + 2^(multiply_shift−1)) >> multiply_shift)`.
/// Float: `multiply` and `divide` are replaced by one f32, the step, in the first four bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// Multiplier that divides a latent by the step, 1..=32767.
    pub divide: u16,
    /// Multiplier that a code is scaled back with, 1..=32767.
    pub multiply: u16,
    /// Shift after `divide`, 1..=30.
    pub divide_shift: u8,
    /// Shift after `multiply`, 1..=15.
    pub multiply_shift: u8,
}

impl Step {
    /// Length of the record.
    pub const BYTES: usize = 8;

    pub(crate) fn from_words(words: &[u32; Self::BYTES / 4]) -> Self {
        let &[factors, shifts] = words;
        Self {
            divide: low(factors),
            multiply: high(factors),
            divide_shift: byte(shifts, 0),
            multiply_shift: byte(shifts, 1),
        }
    }

    /// The record's bytes.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        put(&mut bytes, 0, self.divide.to_le_bytes());
        put(&mut bytes, 2, self.multiply.to_le_bytes());
        put(&mut bytes, 4, [self.divide_shift, self.multiply_shift]);
        bytes
    }
}
