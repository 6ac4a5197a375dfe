//! What a packet promises about every sample, and the lattice of numbers that keeps it.

use crate::packet::MAX_BOUND;

/// The most by which a decoded sample of a packet may differ from what was encoded, in counts; 0 is lossless.
///
/// Samples are rounded to the lattice `offset + n · (2·bound + 1)`, whose points are never further from a sample than the bound.
/// Predictor and coder see the whole numbers `n` only, which encoder and decoder both know: rounding errors cannot add up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lattice {
    bound: u32,
}

impl Lattice {
    /// The lattice for a bound, which is clamped to [`MAX_BOUND`].
    pub(crate) fn new(bound: u32) -> Self {
        Self { bound: bound.min(MAX_BOUND) }
    }

    /// Counts between two points.
    pub(crate) fn step(self) -> u32 {
        2 * self.bound + 1
    }

    /// The point nearest to a sample.
    pub(crate) fn point(self, sample: i32, offset: i32) -> i32 {
        if self.bound == 0 {
            return sample.wrapping_sub(offset);
        }
        let distance = sample.abs_diff(offset);
        // `max` changes nothing, but shows the compiler that no division is by zero.
        let step = self.step().max(1);
        // Without the bound in front, which could overflow: the remainder tells.
        let (whole, rest) = (distance / step, distance % step);
        let magnitude = (whole + u32::from(rest > self.bound)) as i32;
        if sample < offset { -magnitude } else { magnitude }
    }

    /// The sample that a point stands for.
    pub(crate) fn sample(self, point: i32, offset: i32) -> i32 {
        if self.bound == 0 {
            return point.wrapping_add(offset);
        }
        let sample = i64::from(offset) + i64::from(point) * i64::from(self.step());
        sample.clamp(i64::from(i32::MIN), i64::from(i32::MAX)) as i32
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use proptest::prelude::*;

    use super::*;

    fn extreme() -> impl Strategy<Value = i32> {
        prop_oneof![any::<i32>(), -3000..3000, Just(i32::MIN), Just(i32::MAX)]
    }

    proptest! {
        #[test]
        fn no_sample_is_further_from_its_point_than_the_bound(
            sample in extreme(),
            offset in extreme(),
            bound in prop_oneof![0u32..12, 0..=MAX_BOUND],
        ) {
            let lattice = Lattice::new(bound);
            let decoded = lattice.sample(lattice.point(sample, offset), offset);
            prop_assert!(sample.abs_diff(decoded) <= bound, "{} for {}", decoded, sample);
        }

        #[test]
        fn a_point_is_its_own_nearest(point in -1000i32..1000, offset in -5000i32..5000, bound in 0u32..100) {
            let lattice = Lattice::new(bound);
            prop_assert_eq!(lattice.point(lattice.sample(point, offset), offset), point);
        }
    }
}
