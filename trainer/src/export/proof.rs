//! The proof that no accumulator overflows, whatever the input: the smallest and the largest value that it can reach.

/// The values that an activation can take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Smallest.
    pub least: i64,
    /// Largest.
    pub most: i64,
}

impl Bounds {
    /// Any 16-bit number.
    pub const FULL: Self = Self { least: i16::MIN as i64, most: i16::MAX as i64 };
}

/// Whether `bias + Σ weight·x` stays inside 32 bits for every `x` within the bounds.
///
/// Partial sums stay inside too: each is between the sum of the negative and that of the positive terms.
#[must_use]
pub fn accumulator_fits(bias: i64, weights: &[i8], input: Bounds) -> bool {
    let (mut least, mut most) = (bias.min(0), bias.max(0));
    for &weight in weights {
        let ends = [i64::from(weight) * input.least, i64::from(weight) * input.most];
        least += ends[0].min(ends[1]).min(0);
        most += ends[0].max(ends[1]).max(0);
    }
    i32::try_from(least).is_ok() && i32::try_from(most).is_ok()
}

/// Whether the score of a vector stays inside 32 bits for every latent: `offset + 32768·Σ|e| < 2^31`, the offset not
/// negative.
#[must_use]
pub fn score_fits(vector: &[i16], offset: i64) -> bool {
    let sum: i64 = vector.iter().map(|e| i64::from(*e).abs()).sum();
    offset + 32_768 * sum < 1 << 31
}

/// `floor((Σ e² + 1) / 2)`, what a nearest-vector search starts its scores with.
#[must_use]
pub fn half_norm(vector: &[i16]) -> i64 {
    (vector.iter().map(|e| i64::from(*e) * i64::from(*e)).sum::<i64>() + 1) / 2
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_proven_holds_in_every_order(
            bias in -2_000_000_000i64..2_000_000_000,
            terms in prop::collection::vec((any::<i8>(), any::<i16>()), 0..600),
        ) {
            let weights: Vec<i8> = terms.iter().map(|term| term.0).collect();
            if accumulator_fits(bias, &weights, Bounds::FULL) {
                let mut sum = bias;
                for (weight, x) in terms {
                    sum += i64::from(weight) * i64::from(x);
                    prop_assert!(i32::try_from(sum).is_ok());
                }
            }
        }
    }

    #[test]
    fn the_bound_is_tight() {
        let input = Bounds { least: 0, most: 32_767 };
        let weights = [127i8; 516];
        let reach = 127 * 32_767 * 516;
        let room = i64::from(i32::MAX) - reach;
        assert!(accumulator_fits(room, &weights, input));
        assert!(!accumulator_fits(room + 1, &weights, input));
        assert!(accumulator_fits(i64::from(i32::MIN), &weights[..1], input));
        assert!(!accumulator_fits(i64::from(i32::MIN), &[-1], input));
    }

    #[test]
    fn a_vector_at_the_edge() {
        let nearest = |vector: &[i16]| score_fits(vector, half_norm(vector));
        assert!(nearest(&[16_000, -16_000, 16_000]));
        assert!(!nearest(&[32_767, 32_767]));
        assert!(score_fits(&[32_767], (1 << 30) + 32_767) && !score_fits(&[32_767], (1 << 30) + 32_768));
    }
}
