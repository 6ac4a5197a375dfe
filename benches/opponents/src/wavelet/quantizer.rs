//! The dead-zone quantizer: uniform, with a wider interval around zero, because zeros are cheap and frequent.

/// What is added before rounding down, in steps. One half would be rounding to the nearest; less moves values towards
/// zero, and zero's own interval reaches to 1 − this on either side.
const ROUNDING: f64 = 0.35;

/// A quantizer of one step. The 9/7 wavelet is close to orthogonal, so that one step serves all bands: an error costs about the same in each.
#[derive(Debug, Clone, Copy)]
pub(super) struct Quantizer {
    step: f64,
}

impl Quantizer {
    pub(super) fn new(step: f64) -> Self {
        Self { step }
    }

    /// A quantizer of integers, which a step of 1 keeps as they are: no step is finer.
    pub(super) fn of_integers(step: f64) -> Self {
        Self { step: step.max(1.0) }
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

    /// The levels of integer coefficients.
    pub(super) fn integer_levels(self, coefficients: &[i64]) -> Vec<i64> {
        let coefficients: Vec<f64> = coefficients.iter().map(|&value| value as f64).collect();
        self.levels(&coefficients)
    }

    /// The integer coefficients next to what levels stand for.
    pub(super) fn integer_values(self, levels: &[i64]) -> Vec<i64> {
        self.values(levels).into_iter().map(|value| value.round_ties_even() as i64).collect()
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
    fn fine_steps_keep_integers() {
        let quantizer = Quantizer::of_integers(0.2);
        let coefficients = [0, 1, -1, 1_000_000_007];
        assert_eq!(quantizer.integer_values(&quantizer.integer_levels(&coefficients)), coefficients);
    }
}
