//! One binary decision with a probability that follows what was decided.

use crate::coder::{CERTAIN, Coder};

/// The probability that a decision is a zero, in 65 536ths; it never gets to 0 or 1.
#[derive(Debug, Clone, Copy)]
pub(super) struct Decision(u32);

impl Decision {
    pub(super) const EVEN: Self = Self(CERTAIN / 2);
    /// A decision moves its probability by 1 / 2^this of what is left towards what it was.
    const ADAPTATION: u32 = 5;

    /// Codes a one or a zero and gives it; adapts.
    pub(super) fn code(&mut self, one: bool, coder: &mut dyn Coder) -> bool {
        let one = coder.decide(one, self.0);
        match one {
            true => self.0 -= self.0 >> Self::ADAPTATION,
            false => self.0 += (CERTAIN - self.0) >> Self::ADAPTATION,
        }
        one
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::coder::Encoder;

    #[test]
    fn long_runs_get_cheap_and_surprises_stay_finite() {
        for run in [false, true] {
            let (mut decision, mut encoder) = (Decision::EVEN, Encoder::new());
            let mut cost = |one| {
                let before = encoder.ideal_bits();
                decision.code(one, &mut encoder);
                encoder.ideal_bits() - before
            };
            let last = (0..10_000).map(|_| cost(run)).last();
            assert!(last.is_some_and(|cost| cost > 0.0 && cost < 0.001));
            assert!((11.0..16.0).contains(&cost(!run)));
        }
    }
}
