//! A Rice code (Rice and Plaunt, 1971) whose parameter follows the mean magnitude.

use crate::coder::Coder;

/// Unary parts end here; what is longer follows as a plain number.
const LONGEST_UNARY: u64 = 24;

/// Bits of a plain number: any level of 32-bit samples.
const PLAIN_BITS: u32 = 34;

/// The running mean of folded levels, in 1/16.
#[derive(Debug, Clone)]
pub(super) struct Rice {
    mean: u64,
}

impl Rice {
    pub(super) fn new() -> Self {
        Self { mean: 16 * 8 }
    }

    /// Codes a level and gives it; adapts unless it is the first of a packet, which says nothing of the others.
    pub(super) fn code(&mut self, level: i64, first: bool, coder: &mut dyn Coder) -> i64 {
        // The best parameter for a geometric distribution: about log2 of 0.69 times its mean.
        let parameter = (self.mean * 11 / 256).checked_ilog2().map_or(0, |log| log + 1);
        let told = folded(level);
        let mut unary = 0;
        while unary < LONGEST_UNARY && coder.plain(u64::from(told >> parameter > unary), 1) == 1 {
            unary += 1;
        }
        let folded = match unary {
            0..LONGEST_UNARY => unary << parameter | coder.plain(told, parameter),
            _ => coder.plain(told, PLAIN_BITS),
        };
        if !first {
            self.mean += folded;
            self.mean -= self.mean / 16;
        }
        if folded % 2 == 1 { -((folded / 2) as i64) - 1 } else { (folded / 2) as i64 }
    }
}

/// 0, −1, 1, −2, … as 0, 1, 2, 3, …
fn folded(level: i64) -> u64 {
    if level < 0 { 2 * level.unsigned_abs() - 1 } else { 2 * level.unsigned_abs() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::coder::{Decoder, Encoder};
    use proptest::prelude::*;

    fn cost(rice: &mut Rice, level: i64, first: bool) -> f64 {
        let mut encoder = Encoder::new();
        assert_eq!(rice.code(level, first, &mut encoder), level);
        encoder.ideal_bits()
    }

    #[test]
    fn the_parameter_follows_the_signal() {
        let mut rice = Rice::new();
        (0..200).for_each(|_| _ = cost(&mut rice, 0, false));
        assert_eq!(cost(&mut rice, 0, false), 1.0);
        assert_eq!(cost(&mut rice, -1, true), 2.0);
        (0..200).for_each(|_| _ = cost(&mut rice, 100, false));
        let cost = cost(&mut rice, 100, false);
        assert!((8.0..10.0).contains(&cost), "{cost}");
    }

    #[test]
    fn surprises_are_bounded() {
        assert_eq!(cost(&mut Rice::new(), i64::from(u32::MAX), false), 58.0);
    }

    proptest! {
        #[test]
        fn levels_come_back(levels in prop::collection::vec((-1i64 << 32..=1 << 32, 0u32..33, any::<bool>()), 0..100)) {
            let (mut sender, mut encoder) = (Rice::new(), Encoder::new());
            for &(level, shift, first) in &levels {
                sender.code(level >> shift, first, &mut encoder);
            }
            let bytes = encoder.finish();
            let (mut receiver, mut decoder) = (Rice::new(), Decoder::new(&bytes));
            for (level, shift, first) in levels {
                prop_assert_eq!(receiver.code(0, first, &mut decoder), level >> shift);
            }
        }
    }
}
