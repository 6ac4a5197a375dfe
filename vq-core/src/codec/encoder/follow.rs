//! Following an input that moves: levels of channels, from the sensor's own to where a drift or another amplifier took the signal.
//!
//! Blocks of hops are judged by the range and the mean of their samples, against the largest that the model was trained on. What three blocks in a row
//! show is no artefact: a channel whose baseline is off, or whose amplitude is far beyond, gets a level around its mean, and gets back to the
//! sensor's own once it lies well there.

use super::{Encoder, EncoderError};
use crate::codec::level::{Level, worst_level_bytes};
use crate::features::LEVELS;
use crate::kernels::{Arithmetic, Kernels, Native};
use crate::model::records::Scaling;

/// Fewest hops of a block, and fewest frames: most of a heartbeat or a step.
const BLOCK_HOPS: usize = 16;
const BLOCK_FRAMES: usize = 256;
/// Blocks in a row after which a level changes.
const BLOCKS: i32 = 3;
/// The largest input that a model without one is taken to be trained on.
const UNKNOWN_REACH: u16 = 16_384;
/// An octave of amplitude.
const OCTAVE: i8 = 8;

/// Words of a channel, a multiple of 8 bytes: three levels, a range, a sum, a count, and where the offset of its level comes from.
const CHANNEL_WORDS: usize = 3 * Level::WORDS + 2 + 2 + 2;
/// Those that it has in memory.
pub(in crate::codec) const WORDS: usize = if LEVELS { CHANNEL_WORDS } else { 0 };

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
const RANGE: usize = 3 * Level::WORDS;
const SUM: usize = RANGE + 2;
const COUNT: usize = SUM + 2;
const BEFORE: usize = COUNT + 1;

/// What a block of samples is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Block {
    low: i32,
    high: i32,
    mean: i32,
}

/// How a block lies at a level, as a net's input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Position {
    /// The largest magnitude.
    peak: u16,
    /// The magnitude of the mean.
    mean: u16,
    /// The largest magnitude that the model was trained on.
    reach: u16,
}

impl Position {
    fn of(block: Block, scaling: &Scaling) -> Self {
        let magnitude = |sample: i32| Native::scale_in(scaling, sample).unsigned_abs();
        let reach = if scaling.reach == 0 { UNKNOWN_REACH } else { scaling.reach };
        Self { peak: magnitude(block.low).max(magnitude(block.high)), mean: magnitude(block.mean), reach }
    }

    /// Off the middle by half of all that was trained on, or almost twice as large: behind the input, where layers have twice the range that was measured, it
    /// would soon be cut off.
    fn is_off(self) -> bool {
        let most = (u32::from(self.reach) * 7 / 4).min(28_672);
        u32::from(self.peak) > most || self.mean > self.reach / 2
    }

    fn is_well(self) -> bool {
        let most = (u32::from(self.reach) * 5 / 4).min(20_480);
        u32::from(self.peak) <= most && self.mean <= self.reach / 6
    }
}

impl Encoder<'_> {
    /// Says what sensor a channel is of, where it is another than the model was trained for; before the first frame of a stream.
    ///
    /// # Errors
    /// [`EncoderError::Started`] within a stream, [`EncoderError::PacketTooSmall`] where a packet cannot hold the level too, and
    /// [`EncoderError::Level`] where this build leaves levels out.
    pub fn set_input(&mut self, channel: usize, level: Level) -> Result<(), EncoderError> {
        if self.started {
            return Err(EncoderError::Started);
        }
        if !LEVELS {
            return if level == Level::default() { Ok(()) } else { Err(EncoderError::Level) };
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
        if !LEVELS {
            return;
        }
        for channel in 0..self.model.channels() {
            let sensor = self.level(Which::Sensor, channel);
            self.put_level(Which::Input, channel, sensor);
            // A stream that begins off the middle is brought there by its first block.
            self.put_word(channel, COUNT, BLOCKS - 1);
        }
        self.forget_blocks();
        self.stop_moving();
        self.enter_levels();
    }

    /// A block begins: behind a loss, with the hop that is whole again, and with no sample of the one that was not.
    pub(super) fn forget_blocks(&mut self) {
        if !LEVELS {
            return;
        }
        self.block_hops = 0;
        for channel in 0..self.model.channels() {
            self.forget_block(channel);
        }
    }

    /// All channels have arrived at their levels: a net that begins sees no move, neither here nor in the decoder.
    pub(super) fn stop_moving(&mut self) {
        if !LEVELS {
            return;
        }
        for channel in 0..self.model.channels() {
            let level = self.level(Which::Input, channel);
            self.put_word(channel, BEFORE, level.offset);
        }
    }

    /// The packets from here on are at the level at which samples are taken.
    pub(super) fn enter_levels(&mut self) {
        if !LEVELS {
            return;
        }
        self.hops_to_level = None;
        self.moved = false;
        for channel in 0..self.model.channels() {
            let level = self.level(Which::Input, channel);
            self.put_level(Which::Packet, channel, level);
            self.moved |= level != Level::default();
        }
    }

    /// How the samples of a channel's next frame are scaled.
    pub(super) fn input_scaling(&self, channel: usize) -> Scaling {
        let scaling = self.model.scaling(channel);
        if !LEVELS {
            return scaling;
        }
        let mut level = self.level(Which::Input, channel);
        if self.block_hops == 0 {
            let before = Level { offset: self.word(channel, BEFORE), ..level };
            level = level.behind_change(before, self.filled as u32, self.model.header().level_ramp);
        }
        level.scaling(scaling, self.model.header().arithmetic)
    }

    /// Sends the levels of the packet under construction, in front of its codes.
    pub(super) fn encode_levels(&mut self) {
        for channel in 0..self.model.channels() {
            let level = self.level(Which::Packet, channel);
            level.encode(&mut self.trial, self.packet.get_mut(crate::packet::MAX_HEADER_BYTES..).unwrap_or_default());
        }
    }

    /// Whether levels may change: the packets must have room for them.
    pub(super) fn follows(&self) -> bool {
        if !LEVELS {
            return false;
        }
        let need = self.least_packet_bytes + worst_level_bytes(self.model.channels());
        let integer = self.model.header().arithmetic == Arithmetic::Integer;
        integer && self.options.follows_input() && self.options.max_packet_bytes() >= need
    }

    /// Sees a sample of the hop under construction.
    pub(super) fn see(&mut self, channel: usize, sample: i32) {
        if !LEVELS {
            return;
        }
        if let Some([low, high, sum_low, sum_high, ..]) = self.channel_words_mut(channel).get_mut(RANGE..) {
            (*low, *high) = ((*low).min(sample), (*high).max(sample));
            let sum = (i64::from(*sum_high) << 32 | i64::from(*sum_low as u32)).wrapping_add(i64::from(sample));
            (*sum_low, *sum_high) = (sum as i32, (sum >> 32) as i32);
        }
    }

    /// Behind a hop of samples: at a block's end judges its ranges. Where a level changes, the next hop is taken at the new one, and the packet of
    /// that hop begins there.
    ///
    /// `before` is the number of hops that are still to be packed before the next one to be taken.
    pub(super) fn follow(&mut self, before: usize) {
        self.block_hops += 1;
        // No two changes within what either net looks ahead or back, and the hop in which a level moves.
        let least = BLOCK_HOPS.max(self.model.look_ahead_hops() + 1).max(self.model.closing_hops() + 1);
        let least = least.max(self.model.hops_of(BLOCK_FRAMES));
        if self.block_hops < least || self.hops_to_level.is_some() {
            return;
        }
        let frames = core::mem::take(&mut self.block_hops) * self.model.hop();
        let mut changes = false;
        for channel in 0..self.model.channels() {
            let before = self.level(Which::Input, channel);
            let level = self.judge(channel, frames).unwrap_or(before);
            // A net that does not run begins at the new level.
            let moves = level.scale == before.scale && !self.is_predicting();
            self.put_word(channel, BEFORE, if moves { before.offset } else { level.offset });
            if level != before {
                self.put_level(Which::Input, channel, level);
                self.put_word(channel, COUNT, 0);
                changes = true;
            }
            self.forget_block(channel);
        }
        if changes {
            self.hops_to_level = Some(before);
        }
    }

    /// The level that a channel should have after a block of so many frames, if it is another one.
    fn judge(&mut self, channel: usize, frames: usize) -> Option<Level> {
        let block = self.block(channel, frames);
        let (count, level) = (self.word(channel, COUNT), self.level(Which::Input, channel));
        let is_off = Position::of(block, &level.scaling(self.model.scaling(channel), Arithmetic::Integer)).is_off();
        let fitting = || Some(self.fitting(channel, block)).filter(|fitting| *fitting != level);
        let (count, level) = if is_off {
            (count.max(0) + 1, fitting())
        } else {
            // A level that is not the sensor's own is left for that, or for one of less amplitude.
            let own = self.level(Which::Sensor, channel);
            let nearer = fitting().filter(|fitting| *fitting == own || fitting.scale < level.scale);
            (if nearer.is_some() { count.min(0) - 1 } else { 0 }, nearer)
        };
        self.put_word(channel, COUNT, count);
        level.filter(|_| count.abs() >= BLOCKS)
    }

    /// The level at which a block lies well: the sensor's own, or the smallest around its mean.
    fn fitting(&self, channel: usize, block: Block) -> Level {
        let (own, scaling) = (self.level(Which::Sensor, channel), self.model.scaling(channel));
        let is_well = |level: Level| Position::of(block, &level.scaling(scaling, Arithmetic::Integer)).is_well();
        if is_well(own) {
            return own;
        }
        let mut level = Level { offset: block.mean.saturating_sub(scaling.offset), ..own };
        while !is_well(level) && level.scale <= i8::MAX - OCTAVE {
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

    fn block(&self, channel: usize, frames: usize) -> Block {
        let word = |place: usize| self.word(channel, RANGE + place);
        let sum = i64::from(word(3)) << 32 | i64::from(word(2) as u32);
        Block { low: word(0), high: word(1), mean: sum.checked_div(frames as i64).unwrap_or(0) as i32 }
    }

    fn forget_block(&mut self, channel: usize) {
        let words = self.channel_words_mut(channel).get_mut(RANGE..COUNT).unwrap_or_default();
        words.iter_mut().zip([i32::MAX, i32::MIN, 0, 0]).for_each(|(word, empty)| *word = empty);
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
        self.levels.get(channel * CHANNEL_WORDS..).unwrap_or_default()
    }

    fn channel_words_mut(&mut self, channel: usize) -> &mut [i32] {
        self.levels.get_mut(channel * CHANNEL_WORDS..).unwrap_or_default()
    }
}
