//! Distortion as the field of speech coding measures it, beside the mean squared error.
//!
//! Both measures are means over frames that hold speech: those whose energy is within 40 dB of the loudest frame's.
//!
//! | name | definition |
//! |---|---|
//! | segmental SNR | the mean over frames of 20 ms of `10 · log₁₀(Σx² / Σe²)` dB, each limited to −10 to 35 dB (Hansen & Pellom 1998, "An effective quality evaluation protocol for speech enhancement algorithms", ICSLP, section 2) |
//! | log-spectral distance | the mean over frames of `√(mean over k of (10 · log₁₀(Pₖ / P̂ₖ))²)` dB, `Pₖ` and `P̂ₖ` being the power spectra of `x` and `x̂` (Gray & Markel 1976, "Distance measures for speech processing", IEEE Trans. ASSP 24(5):380–391, the L₂ norm of section II) |
//!
//! Spectra are of Hann windows of 32 ms, moved by half of that, without the bin of zero frequency. Powers below those of rounding to whole counts, a white noise
//! of 1/12, count as those: what lies there is no speech. Physical zero, the channel's offset, is taken out first.

use std::f64::consts::PI;
use std::sync::Arc;

use rustfft::num_complex::Complex;
use rustfft::{Fft, FftPlanner};

use crate::data::{Channel, Recording};

/// Frames softer than the loudest by more than this power ratio, 40 dB, are no speech.
const SILENCE: f64 = 1e-4;
/// Where the signal-to-noise ratio of a frame is limited, dB.
const LIMITS_DB: (f64, f64) = (-10.0, 35.0);
/// The variance of rounding to whole counts.
const ROUNDING: f64 = 1.0 / 12.0;
/// Rates that speech is sampled at, in millihertz.
const RATES: std::ops::RangeInclusive<u64> = 7_000_000..=16_000_000;

/// What the field of speech coding measures.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SpeechDistortion {
    /// In dB; more is better. `None` without a frame that holds anything.
    pub segmental_snr_db: Option<f64>,
    /// In dB; 0 for equal spectra. `None` without a frame that holds anything.
    pub log_spectral_distance_db: Option<f64>,
}

impl SpeechDistortion {
    /// Compares a recording with what it was decoded to, `[time]`; `None` if it is no speech, as [`SpeechComparison::of`].
    #[must_use]
    pub fn of_recording(original: &Recording, decoded: &[i32]) -> Option<Self> {
        let mut comparison = SpeechComparison::of(&original.channels, original.rate_millihertz)?;
        comparison.add(&original.samples, decoded);
        Some(comparison.distortion())
    }

    /// Compares two signals `[time]` of equal length about the count `offset`.
    #[must_use]
    pub fn measure(original: &[i32], decoded: &[i32], offset: i32, rate_millihertz: u64) -> Self {
        let mut comparison = SpeechComparison::new(offset, rate_millihertz);
        comparison.add(original, decoded);
        comparison.distortion()
    }
}

/// Compares a signal with what it was decoded to, piece by piece, and keeps two numbers of every frame.
pub struct SpeechComparison {
    offset: i32,
    ratios: Frames,
    distances: Frames,
    transform: Arc<dyn Fft<f64>>,
    window: Vec<f64>,
}

impl std::fmt::Debug for SpeechComparison {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { offset, ratios, distances, transform: _, window: _ } = self;
        formatter
            .debug_struct("SpeechComparison")
            .field("offset", offset)
            .field("ratios", ratios)
            .field("distances", distances)
            .finish_non_exhaustive()
    }
}

impl SpeechComparison {
    /// Of a recording that may be speech: `None` if it has several channels, or another rate than 7 to 16 kHz.
    #[must_use]
    pub fn of(channels: &[Channel], rate_millihertz: u64) -> Option<Self> {
        let [channel] = channels else { return None };
        RATES.contains(&rate_millihertz).then(|| Self::new(channel.offset, rate_millihertz))
    }

    fn new(offset: i32, rate_millihertz: u64) -> Self {
        let frame = |milliseconds: u64| (rate_millihertz * milliseconds / 1_000_000) as usize;
        let (short, long) = (frame(20), frame(32));
        let window = (0..long).map(|time| (PI * (time as f64 + 0.5) / long as f64).sin().powi(2)).collect();
        let transform = FftPlanner::new().plan_fft_forward(long);
        Self { offset, ratios: Frames::new(short, short), distances: Frames::new(long, long / 2), transform, window }
    }

    /// Goes on with the next samples `[time]` of both.
    pub fn add(&mut self, original: &[i32], decoded: &[i32]) {
        let offset = f64::from(self.offset);
        let pairs = || original.iter().zip(decoded).map(|(x, y)| [x, y].map(|sample| f64::from(*sample) - offset));
        let spectra = Spectra { transform: &*self.transform, window: &self.window };
        self.ratios.add(pairs(), signal_to_noise);
        self.distances.add(pairs(), |frame| spectra.distance(frame));
    }

    /// Of everything so far.
    #[must_use]
    pub fn distortion(&self) -> SpeechDistortion {
        SpeechDistortion {
            segmental_snr_db: self.ratios.mean_of_speech(),
            log_spectral_distance_db: self.distances.mean_of_speech(),
        }
    }
}

/// A measure of every frame, with the frame's energy: only the last one tells which were loud.
#[derive(Debug)]
struct Frames {
    length: usize,
    step: usize,
    /// Samples of the original and the decoded signal that the next frame begins with.
    pending: Vec<[f64; 2]>,
    measured: Vec<Measured>,
}

#[derive(Debug)]
struct Measured {
    energy: f64,
    decibels: f64,
}

impl Frames {
    fn new(length: usize, step: usize) -> Self {
        Self { length, step, pending: Vec::new(), measured: Vec::new() }
    }

    fn add(&mut self, pairs: impl Iterator<Item = [f64; 2]>, decibels: impl Fn(&[[f64; 2]]) -> f64) {
        self.pending.extend(pairs);
        let mut used = 0;
        while let Some(frame) = self.pending.get(used..used + self.length) {
            let energy = frame.iter().map(|[x, _]| x * x).sum();
            self.measured.push(Measured { energy, decibels: decibels(frame) });
            used += self.step;
        }
        self.pending.drain(..used);
    }

    fn mean_of_speech(&self) -> Option<f64> {
        let loudest = self.measured.iter().map(|frame| frame.energy).fold(0.0, f64::max);
        let is_speech = |frame: &&Measured| frame.energy > 0.0 && frame.energy >= SILENCE * loudest;
        let speech = || self.measured.iter().filter(is_speech);
        let count = speech().count();
        (count > 0).then(|| speech().map(|frame| frame.decibels).sum::<f64>() / count as f64)
    }
}

/// Of a frame without an error the ratio is infinite, and limited like any other.
fn signal_to_noise(frame: &[[f64; 2]]) -> f64 {
    let (signal, error) =
        frame.iter().fold((0.0, 0.0), |(signal, error), [x, y]| (signal + x * x, error + (x - y).powi(2)));
    (10.0 * (signal / error).log10()).clamp(LIMITS_DB.0, LIMITS_DB.1)
}

struct Spectra<'a> {
    transform: &'a dyn Fft<f64>,
    window: &'a [f64],
}

impl Spectra<'_> {
    fn distance(&self, frame: &[[f64; 2]]) -> f64 {
        let least = ROUNDING * self.window.iter().map(|weight| weight * weight).sum::<f64>();
        let decibels = |side: usize| -> Vec<f64> {
            let mut values: Vec<Complex<f64>> =
                frame.iter().zip(self.window).map(|(pair, weight)| Complex::new(pair[side] * weight, 0.0)).collect();
            self.transform.process(&mut values);
            values[1..=frame.len() / 2].iter().map(|value| 10.0 * value.norm_sqr().max(least).log10()).collect()
        };
        let (original, decoded) = (decibels(0), decibels(1));
        let squares: f64 = original.iter().zip(&decoded).map(|(p, q)| (p - q).powi(2)).sum();
        (squares / original.len() as f64).sqrt()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: u64 = 8_000_000;

    /// White noise of equal probabilities between ± `largest`, always the same.
    fn noise(length: usize, largest: i64) -> Vec<i32> {
        let mut state = 1u64;
        let mut next = || {
            // Knuth's MMIX generator; its high bits are the random ones.
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (i64::try_from(state >> 33).unwrap() % (2 * largest + 1) - largest) as i32
        };
        (0..length).map(|_| next()).collect()
    }

    fn close(found: Option<f64>, expected: f64, tolerance: f64) {
        let found = found.unwrap();
        assert!((found - expected).abs() <= tolerance, "{found}, expected {expected}");
    }

    #[test]
    fn an_error_of_a_tenth_is_twenty_decibels_in_every_frame() {
        // The second half is 30 dB softer: a ratio over all samples would not see its error, the mean of frames does.
        let original: Vec<i32> =
            (0..3200).map(|time| if time < 1600 { 31_620 } else { 1000 } * (1 - time % 2 * 2)).collect();
        let decoded: Vec<i32> =
            original.iter().enumerate().map(|(time, x)| if time < 1600 { x * 9 / 10 } else { x / 2 }).collect();
        let found = SpeechDistortion::measure(&original, &decoded, 0, RATE);
        close(found.segmental_snr_db, (20.0 + 20.0 * 2f64.log10()) / 2.0, 1e-9);
    }

    #[test]
    fn ratios_are_limited_and_silence_is_left_out() {
        let mut original = vec![10_000; 320];
        original.extend([90; 160]);
        let mut decoded = original.clone();
        // Without an error, 100 times too loud, and a wrong frame of silence.
        decoded[160..320].fill(1_000_000);
        decoded[320..].fill(0);
        let found = SpeechDistortion::measure(&original, &decoded, 0, RATE);
        close(found.segmental_snr_db, (35.0 - 10.0) / 2.0, 1e-12);
        let nothing = SpeechDistortion::measure(&[7; 400], &[8; 400], 7, RATE);
        assert_eq!((nothing.segmental_snr_db, nothing.log_spectral_distance_db), (None, None));
    }

    #[test]
    fn a_gain_is_its_decibels_away_in_every_bin_whatever_the_phase() {
        let original = noise(4000, 3000);
        let halves: Vec<i32> = original.iter().map(|x| x / 2 * 2).collect();
        let louder: Vec<i32> = halves.iter().map(|x| -x / 2).collect();
        let found = SpeechDistortion::measure(&halves, &louder, 0, RATE);
        close(found.log_spectral_distance_db, 20.0 * 2f64.log10(), 1e-9);
        close(SpeechDistortion::measure(&original, &original, 0, RATE).log_spectral_distance_db, 0.0, 1e-12);
    }

    #[test]
    fn pieces_are_compared_as_the_whole() {
        let original = noise(5000, 3000);
        let decoded: Vec<i32> = original.iter().map(|x| x / 16 * 16).collect();
        let whole = SpeechDistortion::measure(&original, &decoded, 5, RATE);
        for piece in [1, 159, 256, 1111] {
            let mut comparison = SpeechComparison::new(5, RATE);
            original.chunks(piece).zip(decoded.chunks(piece)).for_each(|(x, y)| comparison.add(x, y));
            assert_eq!(comparison.distortion(), whole, "pieces of {piece}");
        }
    }

    #[test]
    fn nothing_is_as_far_as_the_signal_lies_above_rounding() {
        // White noise of deviation s against silence: 10·log₁₀(12·s²) in the mean of bins, with the spread of an exponential variable, 5.57 dB
        // (its logarithm's mean is 2.51 dB below the logarithm of its mean).
        let original = noise(40_000, 1000);
        let deviation = (original.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>() / 40_000.0).sqrt();
        let found = SpeechDistortion::measure(&original, &[0; 40_000], 0, RATE);
        let mean = 10.0 * (12.0 * deviation * deviation).log10() - 2.51;
        close(found.log_spectral_distance_db, mean.hypot(5.57), 0.3);
    }

    #[test]
    fn only_speech_is_measured_as_speech() {
        let channel =
            Channel { name: "a".into(), unit: "LSB".into(), counts_per_unit: 1.0, offset: 0, source_bits: Some(16) };
        let recording = |rate_millihertz: u64, channels: usize| Recording {
            name: "a".into(),
            rate_millihertz,
            channels: vec![channel.clone(); channels],
            samples: noise(4000, 100),
            start_time: None,
            comments: Vec::new(),
            remarks: Vec::new(),
        };
        let measured = |recording: &Recording| SpeechDistortion::of_recording(recording, &recording.samples).is_some();
        assert!(measured(&recording(8_000_000, 1)) && measured(&recording(16_000_000, 1)));
        assert!(
            !measured(&recording(360_000, 1))
                && !measured(&recording(8_000_000, 2))
                && !measured(&recording(44_100_000, 1))
        );
    }
}
