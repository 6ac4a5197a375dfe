//! Whole numbers, taken apart into binary decisions that a range coder codes by probabilities which adapt.
//!
//! A level is: is it zero; its sign, one bit as it is; its magnitude less one in unary up to 14; what is left beyond that as
//! an exponential Golomb code. Zero flag and unary decisions have a probability in each context, the exponents one for all
//! contexts. Where levels are large, their lowest bits are taken off first, and the highest of those has its probability too.

mod decision;

use crate::coder::{CERTAIN, Coder};
use decision::Decision;

/// Longest unary part.
const UNARY: usize = 14;

/// The decisions of one context.
#[derive(Debug, Clone, Copy)]
struct Decisions {
    is_nonzero: Decision,
    goes_on: [Decision; UNARY],
    /// The highest of the bits that are taken off: of the magnitudes that have none but those, and of the others.
    taken_off: [Decision; 2],
}

impl Decisions {
    const EVEN: Self =
        Self { is_nonzero: Decision::EVEN, goes_on: [Decision::EVEN; UNARY], taken_off: [Decision::EVEN; 2] };
}

/// The adaptive state of levels in a number of contexts.
#[derive(Debug, Clone)]
pub struct Levels {
    contexts: Vec<Decisions>,
    exponent: [Decision; u64::BITS as usize],
}

impl Levels {
    /// Every decision is as likely as its opposite.
    pub fn new(contexts: usize) -> Self {
        Self { contexts: vec![Decisions::EVEN; contexts], exponent: [Decision::EVEN; u64::BITS as usize] }
    }

    /// Codes a level and gives it; adapts.
    ///
    /// # Panics
    /// If there is no such context.
    pub fn code(&mut self, level: i64, context: usize, coder: &mut dyn Coder) -> i64 {
        if !self.contexts[context].is_nonzero.code(level != 0, coder) {
            return 0;
        }
        let negative = coder.decide(level < 0, CERTAIN / 2);
        let magnitude = self.above_zero(level.unsigned_abs(), context, coder).min(i64::MAX as u64) as i64;
        if negative { -magnitude } else { magnitude }
    }

    /// Codes a level whose magnitude is around `2^(shift + 2)` or more, and gives it; adapts. Without a shift it is [`code`](Self::code).
    ///
    /// # Panics
    /// If there is no such context.
    pub fn code_large(&mut self, level: i64, context: usize, shift: u32, coder: &mut dyn Coder) -> i64 {
        if shift == 0 {
            return self.code(level, context, coder);
        }
        let magnitude = level.unsigned_abs();
        let high = match self.contexts[context].is_nonzero.code(magnitude >> shift != 0, coder) {
            true => self.above_zero(magnitude >> shift, context, coder),
            false => 0,
        };
        let [of_none, of_some] = &mut self.contexts[context].taken_off;
        let highest = if high == 0 { of_none } else { of_some }.code(magnitude >> (shift - 1) & 1 == 1, coder);
        let low = u64::from(highest) << (shift - 1) | coder.plain(magnitude & ((1 << (shift - 1)) - 1), shift - 1);
        let magnitude = (high << shift | low).min(i64::MAX as u64) as i64;
        if magnitude != 0 && coder.decide(level < 0, CERTAIN / 2) { -magnitude } else { magnitude }
    }

    /// A magnitude that is not zero: less one in unary, and what that cannot hold.
    fn above_zero(&mut self, magnitude: u64, context: usize, coder: &mut dyn Coder) -> u64 {
        let magnitude = magnitude.saturating_sub(1);
        let ones = unary(&mut self.contexts[context].goes_on, magnitude, coder);
        let beyond = if ones < UNARY { 0 } else { self.exponential_golomb(magnitude, coder) };
        beyond.saturating_add(ones as u64 + 1)
    }

    /// What a magnitude has beyond the unary part. It is coded plus 1: the exponent in unary, adaptive, then the bits below the leading one
    /// as they are.
    fn exponential_golomb(&mut self, magnitude: u64, coder: &mut dyn Coder) -> u64 {
        let value = magnitude.saturating_sub(UNARY as u64) + 1;
        let exponent = unary(&mut self.exponent, u64::from(value.ilog2()), coder).min(u64::BITS as usize - 1) as u32;
        (1 << exponent) + coder.plain(value, exponent) - 1
    }
}

/// A number as so many ones and a zero, which is left out where there is no decision for it.
fn unary(decisions: &mut [Decision], number: u64, coder: &mut dyn Coder) -> usize {
    let mut ones = 0;
    while ones < decisions.len() && decisions[ones].code(number > ones as u64, coder) {
        ones += 1;
    }
    ones
}

/// Classes of [`magnitude_class`].
pub const MAGNITUDE_CLASSES: usize = MAGNITUDE_BOUNDS.len() + 1;

/// The largest weighted sum of each class of magnitude but the last.
const MAGNITUDE_BOUNDS: [u64; 8] = [0, 2, 4, 7, 11, 18, 32, 64];

/// How large a weighted sum of the magnitudes around a level is, which tells how large the level will be.
pub fn magnitude_class(surroundings: u64) -> usize {
    MAGNITUDE_BOUNDS.partition_point(|&bound| bound < surroundings)
}

/// Classes of [`wide_class`].
pub const WIDE_CLASSES: usize = MAGNITUDE_CLASSES + 16;

/// [`magnitude_class`] with a class for each octave above, and the shift at which levels so large are coded.
pub fn wide_class(surroundings: u64) -> (usize, u32) {
    const LAST: u64 = MAGNITUDE_BOUNDS[MAGNITUDE_BOUNDS.len() - 1];
    let octaves = (surroundings / (2 * LAST)).checked_ilog2().map_or(0, |log| log as usize + 1);
    let shift = (surroundings / 16).checked_ilog2().unwrap_or(0).min(20);
    ((magnitude_class(surroundings) + octaves).min(WIDE_CLASSES - 1), shift)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::coder::{Decoder, Encoder};
    use proptest::prelude::*;

    fn bits(levels: &[(i64, usize)]) -> f64 {
        let (mut state, mut encoder) = (Levels::new(2), Encoder::new());
        levels.iter().for_each(|&(level, context)| assert_eq!(state.code(level, context, &mut encoder), level));
        encoder.ideal_bits()
    }

    #[test]
    fn first_levels_cost_a_bit_for_each_decision() {
        assert_eq!(bits(&[]), 0.0);
        assert_eq!(bits(&[(0, 0)]), 1.0);
        // Flag, sign, end of the unary part.
        assert_eq!(bits(&[(1, 0)]), 3.0);
        assert_eq!(bits(&[(-4, 0)]), 6.0);
        // The unary part is full at 14; a magnitude of 15 is the first with an exponent, which is 0.
        assert_eq!(bits(&[(14, 0)]), 16.0);
        assert_eq!(bits(&[(15, 0)]), 17.0);
        // 20 − 1 − 14 + 1 = 6: exponent 2, so 2 ones, the end, and 2 bits as they are.
        assert_eq!(bits(&[(-20, 0)]), 21.0);
    }

    #[test]
    fn the_second_of_two_zeros_is_cheaper_by_one_adaptation() {
        let likely: f64 = (32_768.0 + 1_024.0) / 65_536.0;
        assert_eq!(bits(&[(0, 0), (0, 0)]), 1.0 - likely.log2());
        let unlikely = 1.0 - likely;
        assert_eq!(bits(&[(0, 0), (1, 0)]), 1.0 - unlikely.log2() + 2.0);
    }

    #[test]
    fn other_contexts_are_not_told() {
        assert_eq!(bits(&[(1, 0), (0, 1)]), 4.0);
    }

    #[test]
    fn classes_rise_with_the_surroundings() {
        assert_eq!([0, 1, 2, 3, 64, 65, u64::MAX].map(magnitude_class), [0, 1, 1, 2, 7, 8, 8]);
    }

    proptest! {
        #[test]
        fn levels_of_any_size_come_back(levels in prop::collection::vec((any::<i64>(), 0u32..64, 0u32..21), 0..200)) {
            let level = |(level, small, shift): (i64, u32, u32)| ((level >> small).max(-i64::MAX), shift);
            let levels: Vec<(i64, u32)> = levels.into_iter().map(level).collect();
            let (mut sender, mut encoder) = (Levels::new(1), Encoder::new());
            levels.iter().for_each(|&(level, shift)| _ = sender.code_large(level, 0, shift, &mut encoder));
            let bytes = encoder.finish();
            let (mut receiver, mut decoder) = (Levels::new(1), Decoder::new(&bytes));
            for (level, shift) in levels {
                prop_assert_eq!(receiver.code_large(0, 0, shift, &mut decoder), level);
            }
        }

        #[test]
        fn any_bytes_are_levels(bytes: Vec<u8>) {
            let (mut state, mut decoder) = (Levels::new(1), Decoder::new(&bytes));
            (0..100).for_each(|_| _ = state.code(0, 0, &mut decoder));
        }
    }
}
