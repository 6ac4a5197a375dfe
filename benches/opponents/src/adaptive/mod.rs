//! What a whole number costs: it is taken apart into binary decisions, and each decision costs what its adaptive probability says,
//! −log₂ p.
//!
//! A level is: is it zero; its sign, one bit as it is; its magnitude less one in unary up to 14; what is left beyond that as
//! an exponential Golomb code. Zero flag and unary decisions have a probability in each context, the exponents one for all
//! contexts.

mod decision;

use decision::Decision;

/// Longest unary part.
const UNARY: usize = 14;

/// The decisions of one context.
#[derive(Debug, Clone, Copy)]
struct Decisions {
    is_nonzero: Decision,
    goes_on: [Decision; UNARY],
}

impl Decisions {
    const EVEN: Self = Self { is_nonzero: Decision::EVEN, goes_on: [Decision::EVEN; UNARY] };
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

    /// The cost of a level in bits; adapts.
    ///
    /// # Panics
    /// If there is no such context.
    pub fn spend(&mut self, level: i64, context: usize) -> f64 {
        let decisions = &mut self.contexts[context];
        let flag = decisions.is_nonzero.spend(level != 0);
        if level == 0 {
            return flag;
        }
        let sign = 1.0;
        let magnitude = level.unsigned_abs() - 1;
        let ones = magnitude.min(UNARY as u64) as usize;
        let unary: f64 = decisions.goes_on[..ones].iter_mut().map(|decision| decision.spend(true)).sum();
        let end = match decisions.goes_on.get_mut(ones) {
            Some(decision) => decision.spend(false),
            None => self.exponential_golomb(magnitude - UNARY as u64 + 1),
        };
        flag + sign + unary + end
    }

    /// A value from 1: its exponent in unary, adaptive, then the bits below the leading one as they are.
    fn exponential_golomb(&mut self, value: u64) -> f64 {
        let exponent = value.ilog2() as usize;
        let prefix: f64 = self.exponent[..exponent].iter_mut().map(|decision| decision.spend(true)).sum();
        prefix + self.exponent[exponent].spend(false) + exponent as f64
    }
}

/// Classes of [`magnitude_class`].
pub const MAGNITUDE_CLASSES: usize = MAGNITUDE_BOUNDS.len() + 1;

/// The largest weighted sum of each class of magnitude but the last.
const MAGNITUDE_BOUNDS: [u64; 8] = [0, 2, 4, 7, 11, 18, 32, 64];

/// How large a weighted sum of the magnitudes around a level is, which tells how large the level will be.
pub fn magnitude_class(surroundings: u64) -> usize {
    MAGNITUDE_BOUNDS.partition_point(|&bound| bound < surroundings)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bits(levels: &[i64]) -> f64 {
        let mut state = Levels::new(1);
        levels.iter().map(|&level| state.spend(level, 0)).sum()
    }

    #[test]
    fn first_levels_cost_a_bit_for_each_decision() {
        assert_eq!(bits(&[]), 0.0);
        assert_eq!(bits(&[0]), 1.0);
        // Flag, sign, end of the unary part.
        assert_eq!(bits(&[1]), 3.0);
        assert_eq!(bits(&[-4]), 6.0);
        // The unary part is full at 14; a magnitude of 15 is the first with an exponent, which is 0.
        assert_eq!(bits(&[14]), 16.0);
        assert_eq!(bits(&[15]), 17.0);
        // 20 − 1 − 14 + 1 = 6: exponent 2, so 2 ones, the end, and 2 bits as they are.
        assert_eq!(bits(&[-20]), 21.0);
    }

    #[test]
    fn the_second_of_two_zeros_is_cheaper_by_one_adaptation() {
        let likely: f64 = (32_768.0 + 1_024.0) / 65_536.0;
        assert_eq!(bits(&[0, 0]), 1.0 - likely.log2());
        let unlikely = 1.0 - likely;
        assert_eq!(bits(&[0, 1]), 1.0 - unlikely.log2() + 2.0);
    }

    #[test]
    fn other_contexts_are_not_told() {
        let mut state = Levels::new(2);
        assert_eq!((state.spend(1, 0), state.spend(0, 1)), (3.0, 1.0));
    }

    #[test]
    fn classes_rise_with_the_surroundings() {
        assert_eq!([0, 1, 2, 3, 64, 65, u64::MAX].map(magnitude_class), [0, 1, 1, 2, 7, 8, 8]);
    }
}
