//! The rung that needs no training: a filter that adapts its weights and follows the size of its errors.
//!
//! A channel's next point is predicted as its last one plus what a [`filter`] expects. Two running means of the errors, a fast and a slow one,
//! give the scale.

use super::filter::{self, TAPS};
use super::mixture::{Component, Mixture};
use crate::model::predictor::{KEPT_DIFFERENCES, MAX_CROSS};

/// Words of a channel's state.
pub(crate) const WORDS: usize = 1 + KEPT_DIFFERENCES + TAPS + 2;

/// Weights move by `2^-RATE` of what would undo the error.
const RATE: u8 = 7;
/// Share of a new error in the fast and in the slow mean: `2^-7…`.
const FAST: u32 = 3;
const SLOW: u32 = 6;
/// The most that a mean can be, in 1/256 point.
const MOST_ERROR: u32 = 1 << 22;
/// The narrow and the wide logistic, in 1/8 octave around the scale that the mean error gives, and the weight of the narrow one.
const NARROW: i32 = -3;
const WIDE: i32 = 9;
const NARROW_WEIGHT: u32 = 26_000;

/// What a packet starts with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Start {
    /// Weights in 1/16384: the past differences, the newest first, then those of the channel before and of the one before that.
    pub(crate) weights: [i16; TAPS],
    /// The mean error, in 1/16 count.
    pub(crate) error: u16,
}

impl Start {
    /// Where nothing was trained: the next sample is as the last one, give or take 16.
    pub(crate) const UNTRAINED: Self = Self { weights: [0; TAPS], error: 16 << 4 };
}

/// One channel's state.
#[derive(Debug)]
pub(crate) struct Channel<'m> {
    last: &'m mut i32,
    /// The newest first.
    differences: &'m mut [i32; KEPT_DIFFERENCES],
    weights: &'m mut [i32; TAPS],
    /// The fast and the slow mean of the errors, in 1/256 point.
    errors: &'m mut [i32; 2],
}

impl<'m> Channel<'m> {
    /// The state in its words; `None` if there are too few.
    pub(crate) fn new(words: &'m mut [i32]) -> Option<Self> {
        let (last, words) = words.split_first_mut()?;
        let (differences, words) = words.split_first_chunk_mut()?;
        let (weights, words) = words.split_first_chunk_mut()?;
        Some(Self { last, differences, weights, errors: words.first_chunk_mut()? })
    }

    /// Starts a packet at a step of the lattice.
    pub(crate) fn start(&mut self, start: &Start, step: u32) {
        *self.last = 0;
        *self.differences = [0; KEPT_DIFFERENCES];
        self.weights.iter_mut().zip(start.weights).for_each(|(weight, trained)| *weight = i32::from(trained) << 2);
        // `max` changes nothing, but shows the compiler that no division is by zero.
        *self.errors = [((u32::from(start.error) << 4) / step.max(1)) as i32; 2];
    }

    /// Goes on from a point that was sent as it is.
    pub(crate) fn resume(&mut self, point: i32) {
        *self.differences = [0; KEPT_DIFFERENCES];
        *self.last = point;
    }

    /// What the newest point differs by from the one before it.
    pub(crate) fn newest(&self) -> i32 {
        self.differences.first().copied().unwrap_or(0)
    }

    /// The predicted point, where `cross` are the newest differences of the two channels before.
    pub(crate) fn predict(&self, cross: [i32; MAX_CROSS]) -> i32 {
        let expected = filter::expected(self.weights, &filter::inputs(self.differences, cross));
        self.last.wrapping_add(((expected + (1 << 15)) >> 16) as i32)
    }

    /// How far the point may be from the predicted one.
    pub(crate) fn distribution(&self) -> Mixture {
        let [fast, slow] = self.errors.map(|mean| eighths(mean as u32));
        // Means are of magnitudes: 1.39 scales, or not quite four eighths of an octave.
        let scale = ((fast + slow) >> 1) + 40 - 64 - 4;
        let component = |by: i32| Component { mean: 0, scale: (scale + by).clamp(0, 255) as u8 };
        Mixture::new([component(NARROW), component(WIDE)], NARROW_WEIGHT)
    }

    /// Takes the point that came, `distance` from the predicted one.
    pub(crate) fn take(&mut self, point: i32, distance: i32, cross: [i32; MAX_CROSS]) {
        let magnitude = distance.unsigned_abs().min(MOST_ERROR) << 8;
        for (mean, share) in self.errors.iter_mut().zip([FAST, SLOW]) {
            let before = *mean as u32;
            *mean = (before + (magnitude >> share)).saturating_sub(before >> share) as i32;
        }
        let inputs = filter::inputs(self.differences, cross);
        filter::adapt(self.weights, &inputs, i64::from(distance) << 8, RATE);
        self.differences.copy_within(..KEPT_DIFFERENCES - 1, 1);
        if let Some(newest) = self.differences.first_mut() {
            *newest = point.wrapping_sub(*self.last);
        }
        *self.last = point;
    }
}

/// `8 · log2(value)`, straight between powers of two; 0 for 0.
fn eighths(value: u32) -> i32 {
    let value = value.max(1);
    let octave = value.ilog2();
    let fraction = (u64::from(value) << 3 >> octave) as i32 & 7;
    octave as i32 * 8 + fraction
}
