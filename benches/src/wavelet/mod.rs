//! A wavelet codec: CDF 9/7 in six levels, dead-zone quantizer, adaptive binary coding in contexts.
//!
//! ```text
//! samples ─ transform ─ coefficients ─ quantizer ─ levels ─ code length
//! ```
//!
//! The coarsest band is a smooth curve, so its levels are coded as differences; the others are coded as they are, each
//! level in the context of those before it and of its parent, which covers the same time in the next coarser band.

mod code_length;
mod contexts;
mod quantizer;
mod transform;

use quantizer::Quantizer;

/// The finest step, in counts: far below what a lossy codec is used for, and coarse enough that no level overflows.
pub const FINEST_STEP: f64 = 0.001;

/// One channel, coded and decoded.
#[derive(Debug, Clone, PartialEq)]
pub struct Coded {
    /// Ideal code length in bits, headers not counted.
    pub bits: f64,
    /// The decoded samples in counts, `[time]`.
    pub samples: Vec<i32>,
}

/// Codes one channel's `samples`, `[time]`, whose physical zero is the count `offset`, with a quantizer step of `step`
/// counts, and decodes them again.
///
/// # Panics
/// If the step is below [`FINEST_STEP`] or not finite.
pub fn code(samples: &[i32], offset: i32, step: f64) -> Coded {
    let quantizer = Quantizer::new(step);
    let offset = f64::from(offset);
    let centred: Vec<f64> = samples.iter().map(|&sample| f64::from(sample) - offset).collect();
    let levels: Vec<Vec<i64>> = transform::forward(&centred).iter().map(|band| quantizer.levels(band)).collect();
    let bands: Vec<Vec<f64>> = levels.iter().map(|band| quantizer.values(band)).collect();
    let decoded = transform::inverse(&bands, samples.len());
    let samples = decoded.iter().map(|value| (value + offset).round_ties_even() as i32).collect();
    Coded { bits: bits(&levels), samples }
}

/// Ideal code length of all bands, coarsest first.
fn bits(bands: &[Vec<i64>]) -> f64 {
    let Some((approximation, details)) = bands.split_first() else { return 0.0 };
    let without_parents = details.first().map_or(0.0, |coarsest| code_length::bits(coarsest, &[]));
    let with_parents: f64 = details.windows(2).map(|pair| code_length::bits(&pair[1], &pair[0])).sum();
    code_length::bits(&differences(approximation), &[]) + without_parents + with_parents
}

/// Each value less the one before it, the first less zero.
fn differences(values: &[i64]) -> Vec<i64> {
    values.iter().scan(0, |last, &value| Some(value - std::mem::replace(last, value))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn differences_add_up_again() {
        assert_eq!(differences(&[3, 3, 1, -4]), [3, 0, -2, -5]);
        assert!(differences(&[]).is_empty());
    }

    #[test]
    fn silence_at_physical_zero_costs_almost_nothing_and_is_kept() {
        let silence = vec![1024; 4096];
        let coded = code(&silence, 1024, 25.0);
        assert_eq!(coded.samples, silence);
        assert!((10.0..200.0).contains(&coded.bits), "{} bits", coded.bits);
    }

    #[test]
    fn nothing_costs_nothing() {
        assert_eq!(code(&[], 0, 25.0), Coded { bits: 0.0, samples: Vec::new() });
    }

    proptest! {
        #[test]
        fn fine_steps_lose_nothing(samples in prop::collection::vec(-2048..2048, 1..300), offset in -2000..2000) {
            let coded = code(&samples, offset, 0.01);
            prop_assert_eq!(coded.samples, samples);
        }

        #[test]
        fn the_extremes_of_counts_do_not_overflow(samples in prop::collection::vec(prop::sample::select(vec![i32::MIN, 0, i32::MAX]), 1..100)) {
            let coded = code(&samples, i32::MAX, FINEST_STEP);
            prop_assert!(coded.bits.is_finite() && coded.bits > 0.0);
            prop_assert_eq!(coded.samples, samples);
        }
    }
}
