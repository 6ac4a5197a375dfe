//! The dead-zone quantizer: uniform, with a wider interval around zero, because zeros are cheap and frequent.

use super::FINEST_STEP;

/// What is added before rounding down, in steps. One half would be rounding to the nearest; less moves values towards
/// zero, and zero's own interval reaches to 1 − this on either side.
const ROUNDING: f64 = 0.35;

/// A quantizer of one step for all bands: the transform is close to orthogonal, so an error costs about the same in each.
#[derive(Debug, Clone, Copy)]
pub(super) struct Quantizer {
    step: f64,
}

impl Quantizer {
    pub(super) fn new(step: f64) -> Self {
        assert!(step >= FINEST_STEP && step.is_finite(), "a step of {step} counts");
        Self { step }
    }

    /// The levels of coefficients: sign(c) · ⌊|c| / step + 0.35⌋.
    pub(super) fn levels(self, coefficients: &[f64]) -> Vec<i64> {
        let level = |value: f64| (value.abs() / self.step + ROUNDING).floor().copysign(value) as i64;
        coefficients.iter().map(|&value| level(value)).collect()
    }

    /// The coefficients that levels stand for.
    pub(super) fn values(self, levels: &[i64]) -> Vec<f64> {
        levels.iter().map(|&level| level as f64 * self.step).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_begin_at_their_thresholds() {
        let quantizer = Quantizer::new(10.0);
        let coefficients = [0.0, 6.49, 6.51, 16.49, 16.51, -6.49, -6.51, -16.51, 1e6];
        assert_eq!(quantizer.levels(&coefficients), [0, 0, 1, 1, 2, 0, -1, -2, 100_000]);
    }

    #[test]
    fn values_are_multiples_of_the_step() {
        assert_eq!(Quantizer::new(2.5).values(&[0, 1, -3]), [0.0, 2.5, -7.5]);
    }

    #[test]
    #[should_panic(expected = "a step of 0 counts")]
    fn no_step_is_refused() {
        Quantizer::new(0.0);
    }
}
