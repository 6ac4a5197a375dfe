//! A lapped cosine transform (MDCT) with a sine window, 32 samples long every 16, dead-zone quantizer and the same adaptive contexts as
//! the wavelet's: how large the levels around one are, in its own hop and in the hop before.

use std::f64::consts::PI;

use crate::adaptive::{Levels, MAGNITUDE_CLASSES, magnitude_class};
use crate::coder::Coder;
use crate::units::{In, Out, Units};
use crate::{Opponent, Receiving, Sending, rounded};

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

    /// The levels of samples.
    fn analyse(&self, samples: &[i32], offset: i32) -> LappedUnits<'_> {
        let mut units = self.unknown(samples.len(), offset);
        let at = |time: usize| {
            let known = time.saturating_sub(HOP).min(samples.len().saturating_sub(1));
            f64::from(samples[known]) - f64::from(offset)
        };
        let basis = basis();
        for (hop, row) in units.levels.iter_mut().enumerate() {
            let window: Vec<f64> = (0..2 * HOP).map(|time| at(hop * HOP + time)).collect();
            for (wave, level) in basis.iter().zip(row) {
                *level = self.level(wave.iter().zip(&window).map(|(a, b)| a * b).sum::<f64>());
            }
        }
        units
    }

    /// Levels of zero for so many samples.
    fn unknown(&self, length: usize, offset: i32) -> LappedUnits<'_> {
        let hops = if length == 0 { 0 } else { length.div_ceil(HOP) + 1 };
        let levels = vec![[0; HOP]; hops];
        LappedUnits { codec: self, length, offset, levels, state: self.start.clone(), first: None }
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
        let mut units = self.analyse(samples, offset);
        units.learn();
        self.start = units.state;
    }

    fn sending<'a>(&'a self, samples: &'a [i32], offset: i32) -> Box<dyn Sending + 'a> {
        Box::new(Out::new(self.analyse(samples, offset)))
    }

    fn receiving<'a>(&'a self, length: usize, offset: i32) -> Box<dyn Receiving + 'a> {
        Box::new(In(self.unknown(length, offset)))
    }
}

/// Levels on their way; a unit is a hop.
struct LappedUnits<'a> {
    codec: &'a Lapped,
    length: usize,
    offset: i32,
    levels: Vec<[i64; HOP]>,
    state: Vec<Levels>,
    /// First hop of the packet; `None` until it comes.
    first: Option<usize>,
}

impl Units for LappedUnits<'_> {
    fn units(&self) -> usize {
        self.levels.len()
    }

    fn start_packet(&mut self) {
        self.state.clone_from(&self.codec.start);
        self.first = None;
    }

    fn unit(&mut self, unit: usize, coder: &mut dyn Coder) {
        let first = *self.first.get_or_insert(unit);
        let (earlier, row) = self.levels.split_at_mut(unit);
        let before: &[i64] = if unit > first { &earlier[unit - 1] } else { &[] };
        let row = &mut row[0];
        let magnitude =
            |row: &[i64], at: Option<usize>| at.and_then(|at| row.get(at)).map_or(0, |level| level.unsigned_abs());
        for index in 0..HOP {
            let here = 2 * magnitude(row, index.checked_sub(1)) + magnitude(row, index.checked_sub(2));
            let there = 2 * magnitude(before, Some(index))
                + magnitude(before, Some(index + 1))
                + magnitude(before, index.checked_sub(1));
            let context = magnitude_class((here + there).div_ceil(2));
            row[index] = self.state[index].code(row[index], context, coder);
        }
    }

    fn samples(&self) -> Vec<i32> {
        let basis = basis();
        let mut decoded = vec![0.0; (self.levels.len() + 1) * HOP];
        for (hop, row) in self.levels.iter().enumerate() {
            for (wave, &level) in basis.iter().zip(row) {
                let value = level as f64 * self.codec.step;
                decoded[hop * HOP..].iter_mut().zip(wave).for_each(|(sample, weight)| *sample += value * weight);
            }
        }
        let inside = decoded.iter().skip(HOP).take(self.length);
        inside.map(|value| (value + f64::from(self.offset)).round_ties_even() as i32).collect()
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
            for limit in [Limit::Stream, Limit::PacketBytes(90)] {
                prop_assert_eq!(&Lapped::new(0.01).code(&samples, offset, 0, limit).samples, &samples);
            }
        }
    }

    #[test]
    fn the_error_is_that_of_the_quantizer() {
        let samples: Vec<i32> = (0..16_000).map(|time| (f64::from(time * time % 9973) * 0.37) as i32).collect();
        let coded = Lapped::new(20.0).code(&samples, 0, 0, Limit::Stream);
        let squares: f64 = samples.iter().zip(&coded.samples).map(|(x, y)| f64::from(x - y).powi(2)).sum();
        let mean = squares / samples.len() as f64;
        assert!((mean / (20.0 * 20.0 / 12.0) - 1.0).abs() < 0.1, "MSE {mean}");
    }
}
