//! One binary decision with a probability that follows what was decided.

/// The probability that a decision is a zero, in 65 536ths; it never gets to 0 or 1.
#[derive(Debug, Clone, Copy)]
pub(super) struct Decision(u32);

impl Decision {
    const CERTAIN: u32 = 1 << 16;
    pub(super) const EVEN: Self = Self(Self::CERTAIN / 2);
    /// A decision moves its probability by 1 / 2^this of what is left towards what it was.
    const ADAPTATION: u32 = 5;

    /// The cost in bits of a one or a zero; adapts.
    pub(super) fn spend(&mut self, one: bool) -> f64 {
        let likely = if one { Self::CERTAIN - self.0 } else { self.0 };
        match one {
            true => self.0 -= self.0 >> Self::ADAPTATION,
            false => self.0 += (Self::CERTAIN - self.0) >> Self::ADAPTATION,
        }
        -(f64::from(likely) / f64::from(Self::CERTAIN)).log2()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_runs_get_cheap_and_surprises_stay_finite() {
        for run in [false, true] {
            let mut decision = Decision::EVEN;
            let cost = (0..10_000).map(|_| decision.spend(run)).last();
            assert!(cost.is_some_and(|cost| cost > 0.0 && cost < 0.001));
            assert!((11.0..16.0).contains(&decision.spend(!run)));
        }
    }
}
