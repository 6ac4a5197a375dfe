//! Another rate for a recording: a windowed sinc, evaluated where the new frames lie.

use super::Recording;

/// Zero crossings of the sinc on each side of a sample, at the lower of the two rates.
const CROSSINGS: f64 = 32.0;
/// The pass band's end, as a part of half the lower rate: above it the window's transition begins.
const PASS_BAND: f64 = 0.94;
/// Shape of the Kaiser window: 80 dB of stop-band attenuation.
const KAISER_BETA: f64 = 7.86;

/// The recording at another rate, from its first frame to its last. Band-limited: what the new rate cannot hold is
/// filtered out. Samples past the ends are taken to repeat the first and the last one.
pub fn resample(recording: &Recording, rate_millihertz: u64) -> Recording {
    let old_per_new = recording.rate_millihertz as f64 / rate_millihertz as f64;
    let frames = recording.frames();
    let new_frames = (((frames as f64) / old_per_new).round() as usize).max(1);
    // Cycles per old frame, times two: what both rates can hold.
    let cutoff = PASS_BAND * (1.0 / old_per_new).min(1.0);
    let reach = CROSSINGS / cutoff;
    let width = recording.channels.len();
    let mut samples = Vec::with_capacity(new_frames * width);
    let mut weights = Vec::new();
    for time in 0..new_frames {
        let center = time as f64 * old_per_new;
        let first = (center - reach).ceil() as i64;
        weights.clear();
        weights.extend((first..=(center + reach).floor() as i64).map(|t| {
            let distance = t as f64 - center;
            sinc(cutoff * distance) * kaiser(distance / reach)
        }));
        // Weights that sum to one keep a constant signal exactly as it is.
        let total: f64 = weights.iter().sum();
        for channel in 0..width {
            let value: f64 = weights
                .iter()
                .zip(first..)
                .map(|(weight, t)| {
                    let t = t.clamp(0, frames as i64 - 1) as usize;
                    weight * f64::from(recording.samples[t * width + channel])
                })
                .sum();
            samples.push((value / total).round() as i32);
        }
    }
    Recording { rate_millihertz, ..recording.with_samples(samples) }
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
    use super::super::Channel;
    use super::*;

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
    fn the_same_rate_changes_little() {
        let original = sine(20.0, 360_000, 500);
        assert!(difference(&original, &resample(&original, 360_000)) <= 1);
    }
}
