//! A lapped cosine transform (MDCT) with a sine window, 32 samples long every 16, dead-zone quantizer and the same adaptive contexts as
//! the wavelet's: how large the levels around one are, in its own hop and in the hop before.

use std::f64::consts::PI;

use crate::adaptive::{Levels, MAGNITUDE_CLASSES, magnitude_class};
use crate::{Coding, Opponent, rounded};

/// Samples per hop, and coefficients.
const HOP: usize = 16;

/// What is added before rounding down, in steps: less than one half widens the interval of zero.
const ROUNDING: f64 = 0.4;

/// A lapped transform codec with a quantizer step.
#[derive(Debug, Clone)]
pub struct Lapped {
    step: f64,
    /// A state for each coefficient.
    start: Vec<Levels>,
}

impl Lapped {
    /// With a step in counts.
    ///
    /// # Panics
    /// If the step is not positive and finite.
    pub fn new(step: f64) -> Self {
        assert!(step > 0.0 && step.is_finite(), "a step of {step} counts");
        Self { step, start: vec![Levels::new(MAGNITUDE_CLASSES); HOP] }
    }

    fn analyse(&self, samples: &[i32], offset: i32) -> LappedCoding {
        let basis = basis();
        let hops = if samples.is_empty() { 0 } else { samples.len().div_ceil(HOP) + 1 };
        let at = |time: usize| {
            let known = time.saturating_sub(HOP).min(samples.len().saturating_sub(1));
            f64::from(samples[known]) - f64::from(offset)
        };
        let mut levels = Vec::with_capacity(hops);
        let mut decoded = vec![0.0; (hops + 1) * HOP];
        for hop in 0..hops {
            let window: Vec<f64> = (0..2 * HOP).map(|time| at(hop * HOP + time)).collect();
            let coefficients = basis.iter().map(|wave| wave.iter().zip(&window).map(|(a, b)| a * b).sum::<f64>());
            let row: Vec<i64> = coefficients.map(|value| self.level(value)).collect();
            for (wave, &level) in basis.iter().zip(&row) {
                let value = level as f64 * self.step;
                decoded[hop * HOP..].iter_mut().zip(wave).for_each(|(sample, weight)| *sample += value * weight);
            }
            levels.push(row);
        }
        let inside = decoded.iter().skip(HOP).take(samples.len());
        let decoded = inside.map(|value| (value + f64::from(offset)).round_ties_even() as i32).collect();
        LappedCoding { levels, decoded, start: self.start.clone(), state: self.start.clone(), first: None }
    }

    fn level(&self, coefficient: f64) -> i64 {
        (coefficient.abs() / self.step + ROUNDING).floor().copysign(coefficient) as i64
    }
}

/// The windowed cosines `[coefficient][time]`, orthonormal with those of the neighbouring hops (Princen and Bradley, 1986).
fn basis() -> Vec<[f64; 2 * HOP]> {
    let size = HOP as f64;
    let wave = |coefficient: usize| {
        std::array::from_fn(|time| {
            let time = time as f64 + 0.5;
            let window = (PI / (2.0 * size) * time).sin();
            let cosine = (PI / size * (time + size / 2.0) * (coefficient as f64 + 0.5)).cos();
            (2.0 / size).sqrt() * window * cosine
        })
    };
    (0..HOP).map(wave).collect()
}

impl Opponent for Lapped {
    fn name(&self) -> String {
        format!("MDCT, step {}", rounded(self.step))
    }

    fn train(&mut self, samples: &[i32], offset: i32) {
        let mut coding = self.analyse(samples, offset);
        coding.stream();
        self.start = coding.state;
    }

    fn begin<'a>(&'a self, samples: &'a [i32], offset: i32) -> Box<dyn Coding + 'a> {
        Box::new(self.analyse(samples, offset))
    }
}

/// Levels on their way; a unit is a hop.
struct LappedCoding {
    levels: Vec<Vec<i64>>,
    decoded: Vec<i32>,
    start: Vec<Levels>,
    state: Vec<Levels>,
    /// First hop of the packet; `None` until it comes.
    first: Option<usize>,
}

impl Coding for LappedCoding {
    fn units(&self) -> usize {
        self.levels.len()
    }

    fn start_packet(&mut self) {
        self.state = self.start.clone();
        self.first = None;
    }

    fn unit(&mut self, unit: usize) -> f64 {
        let first = *self.first.get_or_insert(unit);
        let row = &self.levels[unit];
        let before = if unit > first { self.levels[unit - 1].as_slice() } else { &[] };
        let magnitude =
            |row: &[i64], at: Option<usize>| at.and_then(|at| row.get(at)).map_or(0, |level| level.unsigned_abs());
        let mut bits = 0.0;
        for (index, &level) in row.iter().enumerate() {
            let here = 2 * magnitude(row, index.checked_sub(1)) + magnitude(row, index.checked_sub(2));
            let there = 2 * magnitude(before, Some(index))
                + magnitude(before, Some(index + 1))
                + magnitude(before, index.checked_sub(1));
            bits += self.state[index].spend(level, magnitude_class((here + there).div_ceil(2)));
        }
        bits
    }

    fn decoded(&mut self) -> Vec<i32> {
        std::mem::take(&mut self.decoded)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Limit;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn fine_steps_lose_nothing(samples in prop::collection::vec(-2048..2048, 0..300), offset in -2000..2000) {
            let coded = Lapped::new(0.01).code(&samples, offset, Limit::Stream);
            prop_assert_eq!(coded.samples, samples);
        }
    }

    #[test]
    fn the_error_is_that_of_the_quantizer() {
        let samples: Vec<i32> = (0..16_000).map(|time| (f64::from(time * time % 9973) * 0.37) as i32).collect();
        let coded = Lapped::new(20.0).code(&samples, 0, Limit::Stream);
        let squares: f64 = samples.iter().zip(&coded.samples).map(|(x, y)| f64::from(x - y).powi(2)).sum();
        let mean = squares / samples.len() as f64;
        assert!((mean / (20.0 * 20.0 / 12.0) - 1.0).abs() < 0.1, "MSE {mean}");
    }
}
