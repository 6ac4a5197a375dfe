//! A linear filter whose weights follow the signal: normalised least mean squares (Nagumo and Noda 1967).
//!
//! Inputs are a channel's past differences and the newest ones of the channels before it, which are known in the same frame. The norm is rounded
//! to a power of two, because small cores do not divide.

use crate::model::predictor::{KEPT_DIFFERENCES, MAX_CROSS};

/// Weights of a filter.
pub const TAPS: usize = KEPT_DIFFERENCES + MAX_CROSS;

/// Inputs and errors count as no more than this where weights are adapted.
const MOST_STEP: i32 = 1 << 20;
/// Weights stay within ±4; they are in 1/65536.
const MOST_WEIGHT: i64 = 4 << 16;

/// A filter, what it expects and by how much it erred, which are in 1/256 point.
#[derive(Debug)]
pub struct Filter<'m> {
    expected: &'m mut i32,
    error: &'m mut i32,
    weights: &'m mut [i32; TAPS],
}

impl<'m> Filter<'m> {
    /// Words of its state.
    pub const WORDS: usize = 2 + TAPS;

    /// A filter in its words, all of them zero at its start; `None` if there are too few.
    #[must_use]
    pub fn new(words: &'m mut [i32]) -> Option<Self> {
        let (expected, words) = words.split_first_mut()?;
        let (error, words) = words.split_first_mut()?;
        Some(Self { expected, error, weights: words.first_chunk_mut()? })
    }

    /// What the next difference is expected to be and by how much the last one was missed, behind [`inputs`].
    pub fn expect(&mut self, inputs: &[i32; TAPS]) -> [i32; 2] {
        *self.expected = limited(expected(self.weights, inputs) >> 8);
        [*self.expected, *self.error]
    }

    /// Learns from the difference that came behind the same inputs; `rate` is that of [`ResidualPredictor`](crate::model::predictor::ResidualPredictor).
    pub fn take(&mut self, inputs: &[i32; TAPS], difference: i32, rate: u8) {
        let error = (i64::from(difference) << 8) - i64::from(*self.expected);
        adapt(self.weights, inputs, error, rate);
        *self.error = limited(error);
    }
}

/// What a filter sees: the past differences, the newest first, then those of the channel before and of the one before that.
#[must_use]
pub fn inputs(differences: &[i32; KEPT_DIFFERENCES], cross: [i32; MAX_CROSS]) -> [i32; TAPS] {
    let mut inputs = [0; TAPS];
    inputs.iter_mut().zip(differences.iter().copied().chain(cross)).for_each(|(place, x)| *place = x);
    inputs
}

/// The newest differences of the channels before one, of which `newest` gives that of a channel: in a frame those have already moved on. Zero where there
/// is none.
pub fn cross(channel: usize, mut newest: impl FnMut(usize) -> Option<i32>) -> [i32; MAX_CROSS] {
    let mut before = |back: usize| channel.checked_sub(back).and_then(&mut newest).unwrap_or(0);
    [before(1), before(2)]
}

/// The next difference, in 1/65536 point.
pub(super) fn expected(weights: &[i32; TAPS], inputs: &[i32; TAPS]) -> i64 {
    weights.iter().zip(inputs).map(|(weight, x)| i64::from(*weight) * i64::from(*x)).sum()
}

/// Moves the weights by `2^-rate` of what would undo the error, which is in 1/256 point.
pub(super) fn adapt(weights: &mut [i32; TAPS], inputs: &[i32; TAPS], error: i64, rate: u8) {
    let seen = inputs.map(|x| x.clamp(-MOST_STEP, MOST_STEP));
    let energy: i64 = seen.iter().map(|x| i64::from(*x) * i64::from(*x)).sum();
    let Some(octave) = energy.checked_ilog2() else { return };
    let error = error.clamp(-i64::from(MOST_STEP) << 8, i64::from(MOST_STEP) << 8) as i32;
    let shift = octave + u32::from(rate & 15);
    for (weight, x) in weights.iter_mut().zip(&seen) {
        // The product has 49 bits at most.
        let moved = i64::from(*weight) + ((i64::from(error) * i64::from(*x)) << 8 >> shift);
        *weight = moved.clamp(-MOST_WEIGHT, MOST_WEIGHT) as i32;
    }
}

/// A number in the range of a word, whose negative is in it too.
pub(super) fn limited(x: i64) -> i32 {
    x.clamp(-i64::from(i32::MAX), i64::from(i32::MAX)) as i32
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn whatever_comes_weights_keep_their_bounds(inputs: [i32; TAPS], weights: [i32; TAPS], difference: i32, rate in 1u8..=15) {
            let mut words = [0; Filter::WORDS];
            words[2..].copy_from_slice(&weights.map(|weight| weight.clamp(-MOST_WEIGHT as i32, MOST_WEIGHT as i32)));
            let mut filter = Filter::new(&mut words).unwrap();
            filter.expect(&inputs);
            filter.take(&inputs, difference, rate);
            prop_assert!(filter.weights.iter().all(|weight| i64::from(weight.abs()) <= MOST_WEIGHT));
        }
    }

    /// Of an alternating signal the next difference is the last one, turned.
    #[test]
    fn weights_find_what_repeats() {
        let (mut words, mut differences) = ([0; Filter::WORDS], [0; KEPT_DIFFERENCES]);
        let mut filter = Filter::new(&mut words).unwrap();
        for time in 0..600 {
            let inputs = inputs(&differences, [0; MAX_CROSS]);
            let difference = if time % 2 == 0 { 100 } else { -100 };
            let [expected, _] = filter.expect(&inputs);
            assert!(time < 500 || expected.abs_diff(difference << 8) < 256, "{expected} at {time}");
            filter.take(&inputs, difference, 5);
            differences.rotate_right(1);
            differences[0] = difference;
        }
    }

    #[test]
    fn too_few_words_are_refused() {
        assert!(Filter::new(&mut [0; Filter::WORDS - 1]).is_none());
    }
}
