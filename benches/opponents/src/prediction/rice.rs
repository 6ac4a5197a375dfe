//! A Rice code (Rice and Plaunt, 1971) whose parameter follows the mean magnitude.

/// Unary parts end here; what is longer follows as a plain number.
const LONGEST_UNARY: u64 = 24;

/// Bits of a plain number: any level of 32-bit samples.
const PLAIN_BITS: f64 = 34.0;

/// The running mean of folded levels, in 1/16.
#[derive(Debug, Clone)]
pub(super) struct Rice {
    mean: u64,
}

impl Rice {
    pub(super) fn new() -> Self {
        Self { mean: 16 * 8 }
    }

    /// The cost of a level in bits; adapts unless it is the first of a packet, which says nothing of the others.
    pub(super) fn spend(&mut self, level: i64, first: bool) -> f64 {
        let folded = if level < 0 { 2 * level.unsigned_abs() - 1 } else { 2 * level.unsigned_abs() };
        // The best parameter for a geometric distribution: about log2 of 0.69 times its mean.
        let parameter = (self.mean * 11 / 256).checked_ilog2().map_or(0, |log| log + 1);
        let unary = folded >> parameter;
        if !first {
            self.mean += folded.min(1 << 40);
            self.mean -= self.mean / 16;
        }
        match unary {
            0..LONGEST_UNARY => unary as f64 + 1.0 + f64::from(parameter),
            _ => LONGEST_UNARY as f64 + PLAIN_BITS,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parameter_follows_the_signal() {
        let mut rice = Rice::new();
        (0..200).for_each(|_| _ = rice.spend(0, false));
        assert_eq!(rice.spend(0, false), 1.0);
        assert_eq!(rice.spend(-1, true), 2.0);
        (0..200).for_each(|_| _ = rice.spend(100, false));
        let cost = rice.spend(100, false);
        assert!((8.0..10.0).contains(&cost), "{cost}");
    }

    #[test]
    fn surprises_are_bounded() {
        let mut rice = Rice::new();
        assert_eq!(rice.spend(i64::from(u32::MAX), false), 58.0);
    }
}
