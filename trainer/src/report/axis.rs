//! Where values go along the axis of a chart, and which of them are labelled.

/// A range this wide or wider, greatest over least value, reads better on a logarithmic scale.
const WIDE: f64 = 5.0;

/// Where values go along an axis.
#[derive(Debug, PartialEq)]
pub(super) struct Axis {
    /// The value at the low end.
    pub(super) low: f64,
    /// The value at the high end.
    pub(super) high: f64,
    /// Whether equal ratios, not equal differences, are equally far apart. Only positive values have a place then.
    pub(super) logarithmic: bool,
    /// Round values to label, ascending.
    pub(super) ticks: Vec<f64>,
}

impl Axis {
    /// An axis on which all the values have a place; `ratios` allows a logarithmic one, on which zeros have none.
    pub(super) fn over(values: impl Iterator<Item = f64>, ratios: bool) -> Self {
        let mut least_positive = f64::INFINITY;
        let mut highest = f64::NEG_INFINITY;
        let mut lowest = f64::INFINITY;
        for value in values {
            highest = highest.max(value);
            lowest = lowest.min(value);
            if value > 0.0 {
                least_positive = least_positive.min(value);
            }
        }
        if ratios && lowest >= 0.0 && highest / least_positive > WIDE {
            Self::logarithmic(least_positive, highest)
        } else if lowest < 0.0 {
            Self::between(lowest, highest.max(0.0))
        } else {
            Self::linear(highest)
        }
    }

    /// From zero to at least `high`.
    fn linear(high: f64) -> Self {
        Self::between(0.0, high)
    }

    fn between(low: f64, high: f64) -> Self {
        // The bounds keep steps that underflow and ranges that overflow out of the arithmetic below.
        let range = if high - low > 1e-300 { (high - low).min(1e300) } else { 1.0 };
        let step = round_step(range / 4.0);
        let (first, last) = ((low / step + 1e-9).floor(), ((low + range) / step - 1e-9).ceil());
        let ticks = (0..=(last - first) as usize).map(|index| (first + index as f64) * step).collect();
        Self { low: first * step, high: last * step, logarithmic: false, ticks }
    }

    /// From zero to exactly `last`, with whole ticks.
    pub(super) fn steps(last: f64) -> Self {
        let high = last.max(1.0);
        let step = round_step(high / 5.0).max(1.0);
        let ticks = (0..=(high / step) as usize).map(|index| index as f64 * step).collect();
        Self { low: 0.0, high, logarithmic: false, ticks }
    }

    /// Over positive values, with ticks at 1, 2 and 5 in each decade, or at 1 alone when there are many.
    fn logarithmic(low: f64, high: f64) -> Self {
        let decades = low.log10().floor() as i32..=high.log10().ceil() as i32;
        let digits: &[f64] = if high / low > 300.0 { &[1.0] } else { &[1.0, 2.0, 5.0] };
        let inside = |tick: &f64| (low..=high).contains(tick);
        let ticks = decades.flat_map(|decade| digits.iter().map(move |digit| digit * 10_f64.powi(decade)));
        let ticks: Vec<f64> = ticks.filter(inside).collect();
        let stride = ticks.len().div_ceil(6).max(1);
        Self { low, high, logarithmic: true, ticks: ticks.into_iter().step_by(stride).collect() }
    }

    /// From 0 at the low end to 1 at the high end.
    pub(super) fn place(&self, value: f64) -> f64 {
        let part = if self.logarithmic {
            (value.ln() - self.low.ln()) / (self.high.ln() - self.low.ln())
        } else {
            (value - self.low) / (self.high - self.low)
        };
        part.clamp(0.0, 1.0)
    }
}

/// The smallest of 1, 2, 5 times a power of ten that is at least `value`.
fn round_step(value: f64) -> f64 {
    let power = 10_f64.powf(value.log10().floor());
    [1.0, 2.0, 5.0].into_iter().find(|digit| digit * power >= value * (1.0 - 1e-9)).unwrap_or(10.0) * power
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn axes_end_on_round_values() {
        assert_eq!(Axis::linear(142.0).ticks, [0.0, 50.0, 100.0, 150.0]);
        assert_eq!(Axis::linear(0.0).ticks.first(), Some(&0.0));
        assert_eq!(Axis::steps(2_345.0).ticks, [0.0, 500.0, 1_000.0, 1_500.0, 2_000.0]);
        assert_eq!((Axis::steps(0.0).ticks, Axis::steps(0.0).high), (vec![0.0, 1.0], 1.0));
        assert_eq!(Axis::over([-3.0, 9.0].into_iter(), true).ticks, [-5.0, 0.0, 5.0, 10.0]);
        assert_eq!(Axis::over([0.9, 12.0].into_iter(), true).ticks, [1.0, 2.0, 5.0, 10.0]);
        assert!(Axis::over([1e-6, 1e6].into_iter(), true).ticks.len() <= 6);
    }

    proptest! {
        #[test]
        fn any_values_give_a_few_ticks_in_range(values in prop::collection::vec(prop::num::f64::NORMAL, 1..5), ratios: bool) {
            let axis = Axis::over(values.iter().copied(), ratios);
            prop_assert!((1..=8).contains(&axis.ticks.len()), "{:?}", axis);
            prop_assert!(values.iter().chain(&axis.ticks).all(|&value| (0.0..=1.0).contains(&axis.place(value))), "{:?}", axis);
        }
    }

    #[test]
    fn places_run_from_zero_to_one() {
        let linear = Axis::over([2.0, 4.0].into_iter(), true);
        assert_eq!([0.0, 2.0, 4.0, 9.0].map(|value| linear.place(value)), [0.0, 0.5, 1.0, 1.0]);
        let logarithmic = Axis::over([1.0, 100.0].into_iter(), true);
        assert_eq!([1.0, 10.0, 100.0].map(|value| logarithmic.place(value)), [0.0, 0.5, 1.0]);
        assert!(!Axis::over([1.0, 100.0].into_iter(), false).logarithmic);
    }
}
