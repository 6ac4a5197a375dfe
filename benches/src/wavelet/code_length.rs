//! What a band of levels costs: every level is taken apart into binary decisions, and each decision costs what its
//! adaptive probability says, −log₂ p.
//!
//! A level is: is it zero; its sign, one bit as it is; its magnitude less one in unary up to 14; what is left beyond that as
//! an exponential Golomb code. Zero flag and unary decisions have a probability in each context, the exponents one for all
//! contexts, and all of them start anew in each band.

use super::contexts::{CONTEXTS, context};

/// Longest unary part.
const UNARY: usize = 14;

/// The probability that a decision is a zero, in 65 536ths; it never gets to 0 or 1.
#[derive(Debug, Clone, Copy)]
struct Decision(u32);

impl Decision {
    const CERTAIN: u32 = 1 << 16;
    const EVEN: Self = Self(Self::CERTAIN / 2);
    /// A decision moves its probability by 1 / 2^this of what is left towards what it was.
    const ADAPTATION: u32 = 5;

    /// The cost in bits of a one or a zero; adapts.
    fn spend(&mut self, one: bool) -> f64 {
        let likely = if one { Self::CERTAIN - self.0 } else { self.0 };
        match one {
            true => self.0 -= self.0 >> Self::ADAPTATION,
            false => self.0 += (Self::CERTAIN - self.0) >> Self::ADAPTATION,
        }
        -(f64::from(likely) / f64::from(Self::CERTAIN)).log2()
    }
}

/// The decisions of one context.
#[derive(Debug, Clone, Copy)]
struct Decisions {
    is_nonzero: Decision,
    goes_on: [Decision; UNARY],
}

impl Decisions {
    const EVEN: Self = Self { is_nonzero: Decision::EVEN, goes_on: [Decision::EVEN; UNARY] };
}

/// The adaptive state of one band.
#[derive(Debug)]
struct Model {
    contexts: [Decisions; CONTEXTS],
    exponent: [Decision; u64::BITS as usize],
}

impl Model {
    fn new() -> Self {
        Self { contexts: [Decisions::EVEN; CONTEXTS], exponent: [Decision::EVEN; u64::BITS as usize] }
    }

    fn level(&mut self, level: i64, context: usize) -> f64 {
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

/// Ideal code length in bits of a band whose next coarser one is `parents`, or empty.
pub(super) fn bits(band: &[i64], parents: &[i64]) -> f64 {
    let mut model = Model::new();
    band.iter().enumerate().map(|(index, &level)| model.level(level, context(band, parents, index))).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_levels_cost_a_bit_for_each_decision() {
        assert_eq!(bits(&[], &[]), 0.0);
        assert_eq!(bits(&[0], &[]), 1.0);
        // Flag, sign, end of the unary part.
        assert_eq!(bits(&[1], &[]), 3.0);
        assert_eq!(bits(&[-4], &[]), 6.0);
        // The unary part is full at 14; a magnitude of 15 is the first with an exponent, which is 0.
        assert_eq!(bits(&[14], &[]), 16.0);
        assert_eq!(bits(&[15], &[]), 17.0);
        // 20 − 1 − 14 + 1 = 6: exponent 2, so 2 ones, the end, and 2 bits as they are.
        assert_eq!(bits(&[-20], &[]), 21.0);
    }

    #[test]
    fn the_second_of_two_zeros_is_cheaper_by_one_adaptation() {
        let likely: f64 = (32_768.0 + 1_024.0) / 65_536.0;
        assert_eq!(bits(&[0, 0], &[]), 1.0 - likely.log2());
        let unlikely = 1.0 - likely;
        assert_eq!(bits(&[0, 1], &[]), 1.0 - unlikely.log2() + 2.0);
    }

    #[test]
    fn other_contexts_are_not_told() {
        // The zero after a one, and the zero under a loud parent, are the first of their contexts.
        assert_eq!(bits(&[1, 0], &[]), 4.0);
        assert_eq!(bits(&[0, 0, 0, 0], &[0, 2]), 2.0 * bits(&[0, 0], &[]));
    }

    #[test]
    fn long_runs_get_cheap_and_surprises_stay_finite() {
        let mut decision = Decision::EVEN;
        let cost = (0..10_000).map(|_| decision.spend(false)).last();
        assert!(cost.is_some_and(|cost| cost > 0.0 && cost < 0.001));
        assert!((11.0..16.0).contains(&decision.spend(true)));
        let mut decision = Decision::EVEN;
        let cost = (0..10_000).map(|_| decision.spend(true)).last();
        assert!(cost.is_some_and(|cost| cost > 0.0 && cost < 0.001));
        assert!((11.0..16.0).contains(&decision.spend(false)));
    }
}
