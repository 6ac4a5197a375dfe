//! The lattice of a column: the step that all its values are whole multiples of, if there is one.

/// Most significant digits of a value that are looked at, so that `0.28500000000000003` counts as 0.285.
const DIGITS: i32 = 9;
/// More steps than the finest sensors resolve mean that the values lie on no lattice.
const MOST_STEPS: f64 = (1 << 24) as f64;
/// Counts keep this far from the ends of `i32`, so that differences of counts fit too.
pub(super) const LARGEST_COUNT: f64 = (1 << 30) as f64;
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
    let resolvable = DIGITS - magnitude.log10().floor() as i32 - 1;
    let digits = decimals.min(resolvable);
    let quanta_per_unit = 10_f64.powi(digits);
    let mut quanta: Vec<i64> = values.iter().map(|value| (value * quanta_per_unit).round() as i64).collect();
    quanta.sort_unstable();
    quanta.dedup();

    let exact = quanta.iter().fold(0, |divisor, &quantum| greatest_common_divisor(divisor, quantum.abs()));
    // Truncated digits that share no divisor are noise, not a lattice.
    let exact = (exact > 1 || digits == decimals).then_some(exact as f64);
    let steps = |step: &f64| (greatest - least) * quanta_per_unit / step;
    let Some(step) = rounded_step(&quanta).or(exact).filter(|step| steps(step) <= MOST_STEPS) else {
        let digits = decimals.min((LARGEST_COUNT / magnitude).log10().floor() as i32);
        return Some(Lattice { counts_per_unit: 10_f64.powi(digits), source_bits: None });
    };
    Some(Lattice { counts_per_unit: quanta_per_unit / step, source_bits: Some(bits(steps(&step).round())) })
}

/// Bits that tell apart all counts of a span.
pub(super) fn bits(span: f64) -> u8 {
    (span + 1.0).log2().ceil().max(1.0) as u8
}

fn greatest_common_divisor(a: i64, b: i64) -> i64 {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}

/// A step that is no whole number of quanta, such as 5/1024 V written with five decimals: the least difference between
/// values, refined over longer and longer spans. `None` unless it explains every value, zero included, within rounding.
fn rounded_step(quanta: &[i64]) -> Option<f64> {
    let first = *quanta.first()?;
    let mut step = quanta.windows(2).map(|pair| pair[1] - pair[0]).min()? as f64;
    if quanta.len() < EVIDENCE || step < 4.0 {
        return None;
    }
    for &quantum in &quanta[1..] {
        let span = (quantum - first) as f64;
        step = span / (span / step).round();
    }
    let (mut products, mut squares) = (0.0, 0.0);
    for &quantum in quanta {
        let count = (quantum as f64 / step).round();
        products += count * quantum as f64;
        squares += count * count;
    }
    let step = products / squares;
    let explained = |&quantum: &i64| {
        let steps = quantum as f64 / step;
        (steps - steps.round()).abs() * step <= 0.75
    };
    quanta.iter().all(explained).then_some(step)
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
        let numbers: Vec<super::super::layout::Number> =
            values.iter().map(|value| super::super::layout::Number::parse(value, false).unwrap()).collect();
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
    }

    #[test]
    fn steps_that_are_shown_rounded_are_found() {
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
    fn a_constant_has_no_step() {
        assert_eq!(find(&[0.5, 0.5], 1), None);
        assert_eq!(find(&[], 0), None);
    }
}
