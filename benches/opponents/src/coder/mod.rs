//! Binary decisions as bytes, and back.
//!
//! A codec states its decisions in order and in one way for both directions: the [`Encoder`] writes those that it is told, the [`Decoder`]
//! gives those that were written and does not look at what it is told. So what sends and what receives are the same code.

mod decoder;
mod encoder;

pub use decoder::Decoder;
pub use encoder::Encoder;

/// Certainty, in units of a decision's probability.
pub const CERTAIN: u32 = 1 << 16;

/// Below this the range is scaled up by a byte.
const BOTTOM: u32 = 1 << 24;

/// One direction of a binary range coder with 32 bits of range.
pub trait Coder {
    /// A decision that is a zero with a probability of `zero` / [`CERTAIN`], neither 0 nor 1; gives what was decided.
    fn decide(&mut self, one: bool, zero: u32) -> bool;

    /// The lowest `bits` bits of a number as they are, the highest first.
    fn plain(&mut self, number: u64, bits: u32) -> u64 {
        (0..bits).rev().fold(0, |read, bit| read << 1 | u64::from(self.decide(number >> bit & 1 == 1, CERTAIN / 2)))
    }
}

/// The part of a range that a zero takes; at least 1 and less than the range, which is at least 2^24.
fn zeros(range: u32, zero: u32) -> u32 {
    ((u64::from(range) * u64::from(zero)) >> 16) as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn decisions_come_back_at_their_ideal_length(
            decisions in prop::collection::vec((any::<bool>(), 1..CERTAIN, any::<bool>()), 0..2000),
            numbers in prop::collection::vec((any::<u64>(), 0u32..=64), 0..20),
        ) {
            let mut encoder = Encoder::new();
            for (one, zero, likely) in &decisions {
                let one = if *likely { *zero < CERTAIN / 2 } else { *one };
                encoder.decide(one, *zero);
            }
            for (number, bits) in &numbers {
                encoder.plain(*number, *bits);
            }
            let (ideal, bytes) = (encoder.ideal_bits(), encoder.finish());
            prop_assert!((bytes.len() as f64) < ideal * 1.0001 / 8.0 + 1.1, "{} bytes for {ideal} bits", bytes.len());
            prop_assert!(bytes.last() != Some(&0));
            let mut decoder = Decoder::new(&bytes);
            for (one, zero, likely) in decisions {
                let one = if likely { zero < CERTAIN / 2 } else { one };
                prop_assert_eq!(decoder.decide(!one, zero), one);
            }
            for (number, bits) in numbers {
                let expected = if bits == 64 { number } else { number & ((1 << bits) - 1) };
                prop_assert_eq!(decoder.plain(0, bits), expected);
            }
        }

        #[test]
        fn a_code_goes_on_after_its_end_was_looked_at(decisions in prop::collection::vec((any::<bool>(), 1..CERTAIN), 1..300)) {
            let (mut looked_at, mut whole) = (Encoder::new(), Encoder::new());
            for (count, (one, zero)) in decisions.iter().enumerate() {
                looked_at.decide(*one, *zero);
                whole.decide(*one, *zero);
                let so_far = looked_at.finish();
                let mut decoder = Decoder::new(&so_far);
                prop_assert!(decisions[..=count].iter().all(|(one, zero)| decoder.decide(!one, *zero) == *one));
            }
            prop_assert_eq!(looked_at.finish(), whole.finish());
        }
    }
}
