//! The levels that packets state, and from which frame on each holds.

use crate::codec::level::Level;
use crate::coder::range::RangeDecoder;
use crate::features::LEVELS;
use crate::kernels::memory::clear;
use crate::model::Model;
use crate::model::records::Scaling;

/// Words of a channel: its level, the one before it, and the first frame that is not of the one before.
const CHANNEL_WORDS: usize = 2 * Level::WORDS + 2;
/// Those that it has in memory.
pub(crate) const WORDS: usize = if LEVELS { CHANNEL_WORDS } else { 0 };
const FROM: usize = 2 * Level::WORDS;

/// Every channel's newest level, and the one before the last change: frames from before it may still be in the net.
#[derive(Debug)]
pub(super) struct Levels<'a>(&'a mut [i32]);

impl<'a> Levels<'a> {
    /// Of a model's own sensors, over memory of [`WORDS`] for every channel.
    pub(super) fn new(words: &'a mut [i32]) -> Self {
        clear(words);
        Self(words)
    }

    /// Starts a run: no frame from before it is still to come.
    pub(super) fn begin_run(&mut self) {
        if !LEVELS {
            return;
        }
        self.0
            .chunks_exact_mut(CHANNEL_WORDS)
            .flat_map(|channel| channel.iter_mut().skip(FROM))
            .for_each(|word| *word = 0);
    }

    /// Takes the levels that a packet states, in front of its codes, or that it does not state. Its first frame is `from`; if it is the first of its run,
    /// nothing moves.
    pub(super) fn take(&mut self, mut codes: Option<&mut RangeDecoder<'_>>, from: u64, begins: bool) {
        if !LEVELS {
            return;
        }
        for channel in self.0.chunks_exact_mut(CHANNEL_WORDS) {
            let level = codes.as_mut().map_or(Level::default(), |codes| Level::decode(codes));
            let before = Level::from_words(channel, 0);
            if level != before || begins {
                level.put(channel, 0);
                (if begins { level } else { before }).put(channel, 1);
                let halves = [from as i32, (from >> 32) as i32];
                channel.iter_mut().skip(FROM).zip(halves).for_each(|(word, half)| *word = half);
            }
        }
    }

    /// The scaling of a channel's sample in a frame.
    pub(super) fn scaling(&self, model: &Model<'_>, channel: usize, frame: u64) -> Scaling {
        let scaling = model.scaling(channel);
        if !LEVELS {
            return scaling;
        }
        let header = model.header();
        let words = self.0.get(channel * CHANNEL_WORDS..).unwrap_or_default();
        let (mut level, before) = (Level::from_words(words, 0), Level::from_words(words, 1));
        if level != before {
            let half = |place: usize| u64::from(words.get(FROM + place).copied().unwrap_or(0) as u32);
            let behind = frame.checked_sub(half(1) << 32 | half(0));
            level = behind.map_or(before, |frame| {
                level.behind_change(before, u32::try_from(frame).unwrap_or(u32::MAX), header.level_ramp)
            });
        }
        level.scaling(scaling, header.arithmetic)
    }
}
