//! The lattice of a column: the step that all its values are whole multiples of, if there is one.

use super::csv::Number;

/// Significant digits that a number in floating point surely has: `0.28500000000000003` counts as 0.285.
const SURE_DIGITS: i32 = 15;
/// Significant digits that are left where the values went through arithmetic.
const WORN_DIGITS: i32 = 9;
/// More steps than the finest sensors resolve mean that the values lie on no lattice.
const MOST_STEPS: f64 = (1 << 24) as f64;
/// Counts keep this far from the ends of `i32`, so that differences of counts fit too.
pub(super) const LARGEST_COUNT: f64 = (1 << 30) as f64;
/// Steps down to 2 to this power's negative are looked for in binary floating point: the finest of 24 bits in ±1.
const FINEST_POWER: i32 = 23;
/// Distinct values from which a step is believed that the printed values only show rounded.
const EVIDENCE: usize = 16;

/// How a column's values map to counts: count = value · `counts_per_unit`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Lattice {
    pub(super) counts_per_unit: f64,
    /// Bits that span the counts that occur; `None` if the step was chosen and not found.
    pub(super) source_bits: Option<u8>,
}

/// Finds the coarsest step that explains a column, or, without one, chooses a step that keeps its precision. `decimals` is the
/// most that a value was written with. `None` if all values are equal.
pub(super) fn find(values: &[f64], decimals: i32) -> Option<Lattice> {
    let least = values.iter().copied().fold(f64::INFINITY, f64::min);
    let greatest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if values.is_empty() || least == greatest {
        return None;
    }
    let magnitude = least.abs().max(greatest.abs());
    let sure = Quanta::of(values, decimals.min(digits_left(magnitude, SURE_DIGITS)));
    let worn = Quanta::of(values, decimals.min(digits_left(magnitude, WORN_DIGITS)));
    let shown = (sure.digits == decimals).then_some(sure.per_unit);
    let candidates = [sure.common_step(), worn.rounded_step(), worn.common_step(), shown];
    let steps = |per_unit: f64| (greatest - least) * per_unit;
    match candidates.into_iter().flatten().find(|per_unit| steps(*per_unit) <= MOST_STEPS) {
        Some(counts_per_unit) => {
            Some(Lattice { counts_per_unit, source_bits: Some(bits(steps(counts_per_unit).round())) })
        }
        None => {
            let digits = decimals.min((LARGEST_COUNT / magnitude).log10().floor() as i32);
            Some(Lattice { counts_per_unit: 10_f64.powi(digits), source_bits: None })
        }
    }
}

/// Finds the step of values in binary floating point, of single precision if `single`: the coarsest power of two that all are multiples
/// of, else as [`find`] does for their shortest decimal form.
pub(super) fn find_binary(values: &[f64], single: bool) -> Option<Lattice> {
    let least = values.iter().copied().fold(f64::INFINITY, f64::min);
    let greatest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if values.is_empty() || least == greatest {
        return None;
    }
    let is_step = |power: i32| {
        let per_unit = f64::from(power).exp2();
        let steps = (greatest - least) * per_unit;
        let on_it = values.iter().all(|value| (value * per_unit).fract() == 0.0);
        (steps <= MOST_STEPS && least.abs().max(greatest.abs()) * per_unit <= LARGEST_COUNT && on_it)
            .then(|| Lattice { counts_per_unit: per_unit, source_bits: Some(bits(steps)) })
    };
    (0..=FINEST_POWER).find_map(is_step).or_else(|| {
        let text = |value: &f64| if single { format!("{}", *value as f32) } else { format!("{value}") };
        let shown: Vec<Number> = values.iter().filter_map(|value| Number::parse(&text(value), false)).collect();
        let decimals = shown.iter().map(|number| number.decimals).max().unwrap_or(0);
        find(&shown.iter().map(|number| number.value).collect::<Vec<f64>>(), decimals)
    })
}

/// Decimals that so many significant digits leave to numbers of a magnitude.
fn digits_left(magnitude: f64, significant: i32) -> i32 {
    significant - magnitude.log10().floor() as i32 - 1
}

/// The distinct values of a column, in whole multiples of a power of ten.
struct Quanta {
    digits: i32,
    per_unit: f64,
    sorted: Vec<i64>,
}

impl Quanta {
    fn of(values: &[f64], digits: i32) -> Self {
        let per_unit = 10_f64.powi(digits);
        let mut sorted: Vec<i64> = values.iter().map(|value| (value * per_unit).round() as i64).collect();
        sorted.sort_unstable();
        sorted.dedup();
        Self { digits, per_unit, sorted }
    }

    /// Steps per unit of the greatest step that all values are multiples of; `None` if that is one quantum, which would
    /// be said of any numbers.
    fn common_step(&self) -> Option<f64> {
        let step = self.sorted.iter().fold(0, |divisor, quantum| greatest_common_divisor(divisor, quantum.abs()));
        (step > 1).then(|| self.per_unit / step as f64)
    }

    /// Steps per unit of a step that is no whole number of quanta, such as 5/1024 V written with five decimals: the least
    /// difference between values, refined over longer and longer spans. `None` unless it explains every value, zero
    /// included, within rounding.
    fn rounded_step(&self) -> Option<f64> {
        let first = *self.sorted.first()?;
        let mut step = self.sorted.windows(2).map(|pair| pair[1] - pair[0]).min()? as f64;
        if self.sorted.len() < EVIDENCE || step < 4.0 {
            return None;
        }
        for quantum in &self.sorted[1..] {
            let span = (quantum - first) as f64;
            step = span / (span / step).round();
        }
        let (mut products, mut squares) = (0.0, 0.0);
        for &quantum in &self.sorted {
            let count = (quantum as f64 / step).round();
            products += count * quantum as f64;
            squares += count * count;
        }
        let step = products / squares;
        let explained = |&quantum: &i64| {
            let steps = quantum as f64 / step;
            (steps - steps.round()).abs() * step <= 0.75
        };
        self.sorted.iter().all(explained).then_some(self.per_unit / step)
    }
}

/// Bits that tell apart all counts of a span.
pub(super) fn bits(span: f64) -> u8 {
    (span + 1.0).log2().ceil().max(1.0) as u8
}

fn greatest_common_divisor(a: i64, b: i64) -> i64 {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A wandering signal of counts from -440 to 441.
    fn counts() -> impl Iterator<Item = f64> {
        (0..2000).map(|t| f64::from(t * 37 % 882) - 440.0)
    }

    fn found(text: impl Fn(f64) -> String) -> Lattice {
        let values: Vec<String> = counts().map(text).collect();
        let numbers: Vec<Number> = values.iter().map(|value| Number::parse(value, false).unwrap()).collect();
        let values: Vec<f64> = numbers.iter().map(|number| number.value).collect();
        find(&values, numbers.iter().map(|number| number.decimals).max().unwrap()).unwrap()
    }

    #[test]
    fn decimal_steps_are_exact() {
        assert_eq!(found(|count| format!("{}", count / 200.0)).counts_per_unit, 200.0);
        assert_eq!(found(|count| format!("{count}")), Lattice { counts_per_unit: 1.0, source_bits: Some(10) });
        assert_eq!(found(|count| format!("{}", count * 4.0)).counts_per_unit, 0.25);
        assert_eq!(found(|count| format!("{}", 2e6 + count)).counts_per_unit, 1.0);
    }

    #[test]
    fn the_noise_of_floating_point_is_seen_through() {
        assert!(counts().any(|count| format!("{}", count * 0.005).len() > 12), "the noise is there");
        assert_eq!(found(|count| format!("{}", count * 0.005)).counts_per_unit, 200.0);
        let sums = found(|count| format!("{}", (0..(count + 440.0) as i32).fold(-2.2, |sum, _| sum + 0.005)));
        assert_eq!(sums.counts_per_unit, 200.0);
    }

    #[test]
    fn binary_fractions_are_found_whole_or_rounded() {
        assert_eq!(found(|count| format!("{}", count * 5.0 / 1024.0)).counts_per_unit, 204.8);
        let lattice = found(|count| format!("{:.5}", count * 5.0 / 1024.0));
        assert!((lattice.counts_per_unit - 204.8).abs() < 0.001, "{lattice:?}");
        assert_eq!(lattice.source_bits, Some(10));
    }

    #[test]
    fn values_on_no_lattice_keep_their_precision() {
        let lattice = found(|count| format!("{}", (count * 0.01).sin()));
        assert_eq!(lattice.source_bits, None);
        assert_eq!(lattice.counts_per_unit, 1e9);
        let lattice = found(|count| format!("{}", (count * 0.01).sin() * 1e6));
        assert_eq!(lattice.counts_per_unit, 1e3);
    }

    #[test]
    fn what_is_shown_with_few_decimals_has_their_step() {
        let lattice = found(|count| format!("{:.4}", (count * 0.01).sin()));
        assert_eq!(lattice, Lattice { counts_per_unit: 1e4, source_bits: Some(15) });
    }

    #[test]
    fn floating_point_has_its_step_as_a_power_of_two_or_in_decimals() {
        let of = |step: fn(f64) -> f64, single| find_binary(&counts().map(step).collect::<Vec<f64>>(), single).unwrap();
        assert_eq!(of(|count| count / 32768.0, true), Lattice { counts_per_unit: 32768.0, source_bits: Some(10) });
        assert_eq!(of(|count| count, false), Lattice { counts_per_unit: 1.0, source_bits: Some(10) });
        assert_eq!(of(|count| count / 200.0, false).counts_per_unit, 200.0);
        assert_eq!(of(|count| f64::from((count / 200.0) as f32), true).counts_per_unit, 200.0);
        assert_eq!(of(|count| (count * 0.01).sin(), false).source_bits, None);
        assert_eq!(find_binary(&[0.5, 0.5], false), None);
    }

    #[test]
    fn a_constant_has_no_step() {
        assert_eq!(find(&[0.5, 0.5], 1), None);
        assert_eq!(find(&[], 0), None);
    }
}
