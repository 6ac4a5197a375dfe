//! Following an input that moves: levels of channels, from the sensor's own to where a drift or another amplifier took the signal.
//!
//! Blocks of hops are judged by the range of their samples. What three blocks in a row show is no artefact: a channel that
//! comes close to the end of what the nets can represent gets a level in whose middle it lies, and gets back to the sensor's own once it fits there.

use super::{Encoder, EncoderError};
use crate::codec::level::{Level, worst_level_bytes};
use crate::coder::range::RangeEncoder;
use crate::kernels::{Arithmetic, Kernels, Native};
use crate::model::records::Scaling;

/// Fewest hops of a block: a heartbeat or a step of most sensors.
const BLOCK_HOPS: usize = 32;
/// Blocks in a row after which a level changes.
const BLOCKS: i32 = 3;
/// Beyond this, three quarters of what the nets' input can hold, a level is too small.
const NEAR_THE_END: u16 = 24_576;
/// Within this, a half, a signal lies well.
const WELL_WITHIN: u16 = 16_384;
/// An octave of amplitude.
const OCTAVE: i8 = 8;

/// Words of memory of a channel: three levels, two ranges and a count, filled up to a multiple of 8 bytes.
pub(in crate::codec) const WORDS: usize = 3 * Level::WORDS + 2 * 2 + 2;

/// The levels of a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Which {
    /// The sensor's own, as the user set it.
    Sensor = 0,
    /// At which samples are taken.
    Input = 1,
    /// Of the packet under construction: the encoder looks ahead.
    Packet = 2,
}

/// Where the words behind the levels lie.
const BLOCK: usize = 3 * Level::WORDS;
const KEPT: usize = BLOCK + 2;
const COUNT: usize = KEPT + 2;

/// The range of some samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Range {
    low: i32,
    high: i32,
}

impl Range {
    /// Of no samples.
    const EMPTY: Self = Self { low: i32::MAX, high: i32::MIN };

    fn middle(self) -> i32 {
        ((i64::from(self.low) + i64::from(self.high)) >> 1) as i32
    }

    fn union(self, other: Self) -> Self {
        Self { low: self.low.min(other.low), high: self.high.max(other.high) }
    }

    fn narrower(self, other: Self) -> Self {
        if self.high.abs_diff(self.low) <= other.high.abs_diff(other.low) { self } else { other }
    }

    /// The largest magnitude that its samples have as a net's input.
    fn peak(self, scaling: &Scaling) -> u16 {
        Native::scale_in(scaling, self.low).unsigned_abs().max(Native::scale_in(scaling, self.high).unsigned_abs())
    }
}

impl Encoder<'_> {
    /// Says what sensor a channel is of, where it is another than the model was trained for; before the first frame of a stream.
    ///
    /// # Errors
    /// [`EncoderError::Started`] within a stream, and [`EncoderError::PacketTooSmall`] where a packet cannot hold the level too.
    pub fn set_input(&mut self, channel: usize, level: Level) -> Result<(), EncoderError> {
        if self.started {
            return Err(EncoderError::Started);
        }
        let need = self.least_packet_bytes + worst_level_bytes(self.model.channels());
        if level != Level::default() && self.options.max_packet_bytes() < need {
            return Err(EncoderError::PacketTooSmall { need, have: self.options.max_packet_bytes() });
        }
        if channel < self.model.channels() {
            self.put_level(Which::Sensor, channel, level);
            self.begin_levels();
        }
        Ok(())
    }

    /// The level at which samples of a channel are taken: that of [`set_input`](Self::set_input), or where the signal moved since.
    #[must_use]
    pub fn input_level(&self, channel: usize) -> Level {
        self.level(Which::Input, channel)
    }

    /// All channels are where their sensors are, at the start of a stream.
    pub(super) fn begin_levels(&mut self) {
        for channel in 0..self.model.channels() {
            let sensor = self.level(Which::Sensor, channel);
            self.put_level(Which::Input, channel, sensor);
            self.put_range(channel, BLOCK, Range::EMPTY);
            self.put_range(channel, KEPT, Range::EMPTY);
            // A stream that begins off the middle is brought there by its first block.
            self.put_word(channel, COUNT, BLOCKS - 1);
        }
        self.block_hops = 0;
        self.enter_levels();
    }

    /// The packets from here on are at the level at which samples are taken.
    pub(super) fn enter_levels(&mut self) {
        self.hops_to_level = None;
        self.moved = false;
        for channel in 0..self.model.channels() {
            let level = self.level(Which::Input, channel);
            self.put_level(Which::Packet, channel, level);
            self.moved |= level != Level::default();
        }
    }

    /// How samples of a channel are scaled now.
    pub(super) fn input_scaling(&self, channel: usize) -> Scaling {
        let level = self.level(Which::Input, channel);
        level.scaling(self.model.scaling(channel), self.model.header().arithmetic)
    }

    /// Sends the levels of the packet under construction, in front of its codes.
    pub(super) fn encode_levels(&mut self, coder: &mut RangeEncoder) {
        for channel in 0..self.model.channels() {
            let level = self.level(Which::Packet, channel);
            level.encode(coder, self.packet.get_mut(crate::packet::MAX_HEADER_BYTES..).unwrap_or_default());
        }
    }

    /// Whether levels may change: the packets must have room for them.
    pub(super) fn follows(&self) -> bool {
        let need = self.least_packet_bytes + worst_level_bytes(self.model.channels());
        let integer = self.model.header().arithmetic == Arithmetic::Integer;
        integer && self.options.follows_input() && self.options.max_packet_bytes() >= need
    }

    /// Sees a sample of the hop under construction.
    pub(super) fn see(&mut self, channel: usize, sample: i32) {
        let range = self.range(channel, BLOCK).union(Range { low: sample, high: sample });
        self.put_range(channel, BLOCK, range);
    }

    /// Behind a hop of samples: at a block's end judges its ranges. Where a level changes, the next hop is taken at the new one, and the packet of
    /// that hop begins there.
    ///
    /// `before` is the number of hops that are still to be packed before the next one to be taken.
    pub(super) fn follow(&mut self, before: usize) {
        self.block_hops += 1;
        // No two changes within what either net looks ahead or back.
        let least = BLOCK_HOPS.max(self.model.look_ahead_hops() + 1).max(self.model.closing_hops());
        if self.block_hops < least || self.hops_to_level.is_some() {
            return;
        }
        self.block_hops = 0;
        let mut changes = false;
        for channel in 0..self.model.channels() {
            if let Some(level) = self.judge(channel) {
                self.put_level(Which::Input, channel, level);
                self.put_word(channel, COUNT, 0);
                changes = true;
            }
            self.put_range(channel, BLOCK, Range::EMPTY);
        }
        if changes {
            self.hops_to_level = Some(before);
        }
    }

    /// The level that a channel should have, if it is another one.
    fn judge(&mut self, channel: usize) -> Option<Level> {
        let (block, kept) = (self.range(channel, BLOCK), self.range(channel, KEPT));
        let (count, level) = (self.word(channel, COUNT), self.level(Which::Input, channel));
        let nears_its_end = block.peak(&self.input_scaling(channel)) > NEAR_THE_END;
        let (count, kept) = if nears_its_end {
            // The first block of a stream has none before it.
            (count.max(0) + 1, if count > 0 && kept != Range::EMPTY { kept.narrower(block) } else { block })
        } else if self.is_nearer(channel, self.fitting(channel, block), level) {
            (count.min(0) - 1, if count < 0 { kept.union(block) } else { block })
        } else {
            (0, Range::EMPTY)
        };
        self.put_word(channel, COUNT, count);
        self.put_range(channel, KEPT, kept);
        if count.abs() < BLOCKS {
            return None;
        }
        let fitting = self.fitting(channel, kept);
        (fitting != level && (nears_its_end || self.is_nearer(channel, fitting, level))).then_some(fitting)
    }

    /// Whether a level is nearer to the sensor's own than another one: itself, or of less amplitude.
    fn is_nearer(&self, channel: usize, level: Level, than: Level) -> bool {
        level != than && (level == self.level(Which::Sensor, channel) || level.scale < than.scale)
    }

    /// The level at which a range lies well: the sensor's own, or the smallest around the range's middle.
    fn fitting(&self, channel: usize, range: Range) -> Level {
        let (own, scaling) = (self.level(Which::Sensor, channel), self.model.scaling(channel));
        let fits = |level: Level| range.peak(&level.scaling(scaling, Arithmetic::Integer)) <= WELL_WITHIN;
        if fits(own) {
            return own;
        }
        let mut level = Level { offset: range.middle().saturating_sub(scaling.offset), ..own };
        while !fits(level) && level.scale <= i8::MAX - OCTAVE {
            level.scale += OCTAVE;
        }
        level
    }

    pub(super) fn level(&self, which: Which, channel: usize) -> Level {
        Level::from_words(self.channel_words(channel), which as usize)
    }

    fn put_level(&mut self, which: Which, channel: usize, level: Level) {
        level.put(self.channel_words_mut(channel), which as usize);
    }

    fn range(&self, channel: usize, place: usize) -> Range {
        Range { low: self.word(channel, place), high: self.word(channel, place + 1) }
    }

    fn put_range(&mut self, channel: usize, place: usize, range: Range) {
        self.put_word(channel, place, range.low);
        self.put_word(channel, place + 1, range.high);
    }

    fn word(&self, channel: usize, place: usize) -> i32 {
        self.channel_words(channel).get(place).copied().unwrap_or(0)
    }

    fn put_word(&mut self, channel: usize, place: usize, value: i32) {
        if let Some(word) = self.channel_words_mut(channel).get_mut(place) {
            *word = value;
        }
    }

    fn channel_words(&self, channel: usize) -> &[i32] {
        self.levels.get(channel * WORDS..).unwrap_or_default()
    }

    fn channel_words_mut(&mut self, channel: usize) -> &mut [i32] {
        self.levels.get_mut(channel * WORDS..).unwrap_or_default()
    }
}
