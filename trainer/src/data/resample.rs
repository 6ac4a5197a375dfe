//! Another rate for a recording: a windowed sinc, evaluated where the new frames lie.

use std::ops::Range;

use super::frames::Frames;
use super::{DataError, StoredRecording};

/// Zero crossings of the sinc on each side of a sample, at the lower of the two rates.
const CROSSINGS: f64 = 32.0;
/// The pass band's end, as a part of half the lower rate: above it the window's transition begins.
const PASS_BAND: f64 = 0.94;
/// Shape of the Kaiser window: 80 dB of stop-band attenuation.
const KAISER_BETA: f64 = 7.86;

/// The recording at another rate, from its first frame to its last. Band-limited: what the new rate cannot hold is
/// filtered out. Samples past the ends are taken to repeat the first and the last one.
///
/// # Errors
/// If its file cannot be read.
pub fn resample(recording: StoredRecording, rate_millihertz: u64) -> Result<StoredRecording, DataError> {
    let old_per_new = recording.rate_millihertz as f64 / rate_millihertz as f64;
    let frames = (((recording.frames() as f64) / old_per_new).round() as usize).max(1);
    let (channels, of) = (recording.channels.clone(), recording.clone());
    let resampled = recording.through(channels, Resampled { of, old_per_new, frames })?;
    Ok(StoredRecording { rate_millihertz, ..resampled })
}

/// A recording's frames at another rate.
#[derive(Debug)]
struct Resampled {
    of: StoredRecording,
    /// Frames of the recording for one of these.
    old_per_new: f64,
    frames: usize,
}

impl Frames for Resampled {
    fn frames(&self) -> usize {
        self.frames
    }

    fn read(&self, range: Range<usize>) -> Result<Vec<i32>, DataError> {
        let Self { of, old_per_new, .. } = self;
        // Cycles per old frame, times two: what both rates can hold.
        let cutoff = PASS_BAND * (1.0 / old_per_new).min(1.0);
        let reach = CROSSINGS / cutoff;
        let width = of.channels.len();
        let last = of.frames() as i64 - 1;
        let center = |time: usize| time as f64 * old_per_new;
        let within = |t: f64| (t as i64).clamp(0, last);
        let from = within((center(range.start) - reach).ceil());
        let to = within((center(range.end) + reach).floor()) + 1;
        let old = of.samples(from as usize..to as usize)?;
        let mut samples = Vec::with_capacity(range.len() * width);
        let mut weights = Vec::new();
        for center in range.map(center) {
            let first = (center - reach).ceil() as i64;
            weights.clear();
            weights.extend((first..=(center + reach).floor() as i64).map(|t| {
                let distance = t as f64 - center;
                sinc(cutoff * distance) * kaiser(distance / reach)
            }));
            // Weights that sum to one keep a constant signal exactly as it is.
            let total: f64 = weights.iter().sum();
            for channel in 0..width {
                let weighted = |(weight, t): (&f64, i64)| {
                    let t = (t.clamp(0, last) - from) as usize;
                    weight * f64::from(old[t * width + channel])
                };
                let value: f64 = weights.iter().zip(first..).map(weighted).sum();
                samples.push((value / total).round() as i32);
            }
        }
        Ok(samples)
    }
}

fn sinc(x: f64) -> f64 {
    let angle = std::f64::consts::PI * x;
    if angle == 0.0 { 1.0 } else { angle.sin() / angle }
}

/// The Kaiser window at `x` in -1..=1.
fn kaiser(x: f64) -> f64 {
    bessel_i0(KAISER_BETA * (1.0 - x * x).max(0.0).sqrt()) / bessel_i0(KAISER_BETA)
}

/// The modified Bessel function of order zero, by its power series.
fn bessel_i0(x: f64) -> f64 {
    let quarter = x * x / 4.0;
    let (mut term, mut sum, mut k) = (1.0, 1.0, 1.0);
    while term > 1e-12 * sum {
        term *= quarter / (k * k);
        sum += term;
        k += 1.0;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::super::{Channel, Recording};
    use super::*;

    fn resample(recording: &Recording, rate_millihertz: u64) -> Recording {
        super::resample(recording.clone().into(), rate_millihertz).unwrap().whole().unwrap()
    }

    fn sine(hertz: f64, rate_millihertz: u64, frames: usize) -> Recording {
        let angle = std::f64::consts::TAU * hertz * 1000.0 / rate_millihertz as f64;
        let sample = |t: usize| [(10_000.0 * (angle * t as f64).sin()).round() as i32, 77];
        let channel =
            Channel { name: "a".into(), unit: "mV".into(), counts_per_unit: 200.0, offset: 0, source_bits: None };
        Recording {
            name: "sine".into(),
            rate_millihertz,
            channels: vec![channel.clone(), channel],
            samples: (0..frames).flat_map(sample).collect(),
            start_time: None,
            comments: Vec::new(),
            remarks: Vec::new(),
        }
    }

    /// Largest difference away from the ends.
    fn difference(a: &Recording, b: &Recording) -> i32 {
        let inner = 60..a.frames() - 60;
        inner.map(|t| (a.frame(t)[0] - b.frame(t)[0]).abs()).max().unwrap()
    }

    #[test]
    fn a_sine_stays_that_sine() {
        for (old, new) in [(360_000, 250_000), (250_000, 360_000), (128_000, 173_610), (1_000_000, 360_000)] {
            let resampled = resample(&sine(40.0, old, 4000), new);
            assert_eq!(resampled.frames() as u64, (4000 * new + old / 2) / old);
            let expected = sine(40.0, new, resampled.frames());
            assert!(difference(&resampled, &expected) <= 3, "{old} to {new}: {}", difference(&resampled, &expected));
            assert!(resampled.channel(1).iter().all(|&sample| sample == 77));
        }
    }

    #[test]
    fn what_the_new_rate_cannot_hold_is_gone() {
        let resampled = resample(&sine(150.0, 360_000, 4000), 250_000);
        let silence = sine(0.0, 250_000, resampled.frames());
        assert!(difference(&resampled, &silence) <= 3, "{}", difference(&resampled, &silence));
    }

    #[test]
    fn any_range_is_as_in_the_whole() {
        let original = sine(40.0, 360_000, 4000);
        for rate in [250_000, 1_000_000] {
            let whole = resample(&original, rate);
            let old_per_new = 360_000.0 / rate as f64;
            let frames = Resampled { of: original.clone().into(), old_per_new, frames: whole.frames() };
            for range in [0..1, 17..400, whole.frames() - 3..whole.frames()] {
                assert_eq!(frames.read(range.clone()).unwrap(), whole.slice(range).samples);
            }
        }
    }

    #[test]
    fn the_same_rate_changes_little() {
        let original = sine(20.0, 360_000, 500);
        assert!(difference(&original, &resample(&original, 360_000)) <= 1);
    }
}
