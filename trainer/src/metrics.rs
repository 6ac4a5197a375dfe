//! Distortion and rate, each defined once.
//!
//! With `x` the original, `x̂` the decoded signal and `e = x − x̂`, all in counts:
//!
//! | name | definition |
//! |---|---|
//! | PRDN | `100 · ‖e‖ / ‖x − mean(x)‖`, percent |
//! | PRD | `100 · ‖e‖ / ‖x − offset‖`, percent, `offset` being the count of physical zero |
//! | RMSE | `√(Σe² / n)`, in counts (LSB) and in the channel's unit |
//! | largest error | `max |e|`, in counts |
//! | SNR | `10 · log₁₀(Σ(x − mean(x))² / Σe²)`, dB |
//! | rate | bits of everything sent, headers included, over channels and frames |
//! | CR | source bits over rate |
//!
//! Over several channels the sums run over all of them, each with its own mean and offset. [`SpeechDistortion`] has what is measured of speech beside these.

mod speech;

use crate::data::Channel;

pub use speech::{SpeechComparison, SpeechDistortion};

/// The sums that every measure of one channel, or of several, is made from. Exact: integers throughout.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Sums {
    samples: u64,
    squared_error: u128,
    largest_error: u64,
    /// Σ(x − offset).
    physical: i128,
    /// Σ(x − offset)².
    squared_physical: u128,
}

impl Sums {
    fn add(&mut self, x: i32, decoded: i32, offset: i32) {
        let error = i64::from(x).abs_diff(i64::from(decoded));
        let physical = i64::from(x) - i64::from(offset);
        self.samples += 1;
        self.squared_error += u128::from(error).pow(2);
        self.largest_error = self.largest_error.max(error);
        self.physical += i128::from(physical);
        self.squared_physical += u128::from(physical.unsigned_abs()).pow(2);
    }

    /// Σ(x − mean(x))²: what the offset is does not matter to it.
    fn squared_deviation(&self) -> f64 {
        if self.samples == 0 {
            return 0.0;
        }
        let samples = u128::from(self.samples);
        let times_samples = self.squared_physical * samples - self.physical.unsigned_abs().pow(2);
        times_samples as f64 / samples as f64
    }
}

/// The distortion of one channel, or of several together.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Distortion {
    /// Samples compared, over all channels.
    pub samples: u64,
    /// PRDN in percent; `None` for a constant original, which has no variance to compare with.
    pub prdn_percent: Option<f64>,
    /// PRD in percent; `None` if the original is physical zero throughout.
    pub prd_percent: Option<f64>,
    /// RMSE in counts.
    pub rmse_lsb: f64,
    /// RMSE in the channels' unit; `None` if they have different ones.
    pub rmse: Option<f64>,
    /// Largest absolute error in counts.
    pub max_error_lsb: u64,
    /// SNR in dB; `None` for a constant original, and if there is no error.
    pub snr_db: Option<f64>,
}

impl Distortion {
    /// Compares two signals of equal length, `[time, channels]`, over all channels.
    ///
    /// # Panics
    /// If the lengths differ, or are no multiple of the channels.
    pub fn measure(original: &[i32], decoded: &[i32], channels: &[Channel]) -> Self {
        let mut comparison = Comparison::new(channels);
        comparison.add(original, decoded);
        comparison.distortion()
    }

    /// Compares one channel of two signals of equal length, `[time, channels]`.
    ///
    /// # Panics
    /// If there is no such channel, the lengths differ, or are no multiple of the channels.
    pub fn of_channel(original: &[i32], decoded: &[i32], channels: &[Channel], channel: usize) -> Self {
        let mut comparison = Comparison::new(channels);
        comparison.add(original, decoded);
        Self::over(&channels[channel..=channel], &comparison.sums[channel..=channel])
    }

    fn over(channels: &[Channel], sums: &[Sums]) -> Self {
        let same_unit = channels.iter().all(|channel| channel.unit == channels[0].unit);
        let (mut samples, mut squared_error, mut largest_error) = (0, 0.0, 0);
        let (mut squared_deviation, mut squared_physical, mut squared_error_in_units) = (0.0, 0.0, 0.0);
        for (channel, sums) in channels.iter().zip(sums) {
            samples += sums.samples;
            largest_error = sums.largest_error.max(largest_error);
            squared_error += sums.squared_error as f64;
            squared_deviation += sums.squared_deviation();
            squared_physical += sums.squared_physical as f64;
            squared_error_in_units += sums.squared_error as f64 / channel.counts_per_unit.powi(2);
        }
        let percent_of = |reference: f64| (reference > 0.0).then(|| 100.0 * (squared_error / reference).sqrt());
        let root_mean = |squares: f64| (squares / samples.max(1) as f64).sqrt();
        Self {
            samples,
            prdn_percent: percent_of(squared_deviation),
            prd_percent: percent_of(squared_physical),
            rmse_lsb: root_mean(squared_error),
            rmse: same_unit.then(|| root_mean(squared_error_in_units)),
            max_error_lsb: largest_error,
            snr_db: (squared_deviation > 0.0 && squared_error > 0.0)
                .then(|| 10.0 * (squared_deviation / squared_error).log10()),
        }
    }
}

/// A comparison of two signals, piece by piece.
#[derive(Debug, Clone)]
pub struct Comparison<'c> {
    channels: &'c [Channel],
    sums: Vec<Sums>,
}

impl<'c> Comparison<'c> {
    /// Nothing compared yet, of signals of these channels, at least one.
    pub fn new(channels: &'c [Channel]) -> Self {
        Self { channels, sums: vec![Sums::default(); channels.len()] }
    }

    /// Compares the next pieces of both signals, of equal length, `[time, channels]`.
    ///
    /// # Panics
    /// If the lengths differ, or are no multiple of the channels.
    pub fn add(&mut self, original: &[i32], decoded: &[i32]) {
        let width = self.channels.len();
        assert!(original.len() == decoded.len() && original.len().is_multiple_of(width));
        for (original, decoded) in original.chunks_exact(width).zip(decoded.chunks_exact(width)) {
            for (index, (sums, channel)) in self.sums.iter_mut().zip(self.channels).enumerate() {
                sums.add(original[index], decoded[index], channel.offset);
            }
        }
    }

    /// What was compared, over all channels.
    pub fn distortion(&self) -> Distortion {
        Distortion::over(self.channels, &self.sums)
    }
}

/// Bits per channel-sample of everything sent; `None` if nothing was measured.
pub fn bits_per_sample(bytes: u64, frames: usize, channels: usize) -> Option<f64> {
    let samples = frames as f64 * channels as f64;
    (samples > 0.0).then(|| bytes as f64 * 8.0 / samples)
}

/// Source bits over rate; `None` if the source's resolution is not known, or nothing was sent.
pub fn compression_ratio(source_bits: Option<f64>, bits_per_sample: Option<f64>) -> Option<f64> {
    source_bits.zip(bits_per_sample.filter(|rate| *rate > 0.0)).map(|(source, rate)| source / rate)
}

/// The mean resolution of the channels; `None` if one is not known.
pub fn source_bits(channels: &[Channel]) -> Option<f64> {
    let bits = channels.iter().map(|channel| channel.source_bits.map(f64::from)).sum::<Option<f64>>()?;
    (!channels.is_empty()).then(|| bits / channels.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn channel(unit: &str, counts_per_unit: f64, offset: i32) -> Channel {
        Channel { name: "a".into(), unit: unit.into(), counts_per_unit, offset, source_bits: Some(11) }
    }

    #[test]
    fn by_hand_on_one_channel() {
        // Mean 3: deviations -2 -1 1 2, squares 10. Offset 1: 0 1 3 4, squares 26. Errors 0 1 0 -2, squares 5.
        let found = Distortion::measure(&[1, 2, 4, 5], &[1, 1, 4, 7], &[channel("mV", 2.0, 1)]);
        let expected = Distortion {
            samples: 4,
            prdn_percent: Some(100.0 * 0.5_f64.sqrt()),
            prd_percent: Some(100.0 * (5.0_f64 / 26.0).sqrt()),
            rmse_lsb: 1.25_f64.sqrt(),
            rmse: Some(1.25_f64.sqrt() / 2.0),
            max_error_lsb: 2,
            snr_db: Some(10.0 * 2.0_f64.log10()),
        };
        assert_eq!(found, expected);
    }

    #[test]
    fn channels_are_pooled_by_sums_around_their_own_means() {
        // Channel a: 0 2 (deviation 2), error 1 0. Channel b: 100 104 (deviation 8), error 0 3.
        let channels = [channel("mV", 1.0, 0), channel("mV", 10.0, 100)];
        let (original, decoded) = ([0, 100, 2, 104], [1, 100, 2, 107]);
        let both = Distortion::measure(&original, &decoded, &channels);
        assert_eq!((both.prdn_percent, both.prd_percent), (Some(100.0), Some(100.0 * 0.5_f64.sqrt())));
        assert_eq!((both.rmse_lsb, both.rmse), (2.5_f64.sqrt(), Some((1.09_f64 / 4.0).sqrt())));
        let second = Distortion::of_channel(&original, &decoded, &channels, 1);
        assert_eq!((second.samples, second.max_error_lsb, second.rmse), (2, 3, Some((0.09_f64 / 2.0).sqrt())));
        let mixed = [channel("mV", 1.0, 0), channel("g", 10.0, 100)];
        assert_eq!(Distortion::measure(&original, &decoded, &mixed).rmse, None);
    }

    #[test]
    fn what_is_not_defined_is_none() {
        let constant = Distortion::measure(&[7, 7, 7], &[7, 8, 7], &[channel("mV", 1.0, 7)]);
        assert_eq!((constant.prdn_percent, constant.prd_percent, constant.snr_db), (None, None, None));
        assert_eq!(constant.max_error_lsb, 1);
        let lossless = Distortion::measure(&[1, 2], &[1, 2], &[channel("mV", 1.0, 0)]);
        assert_eq!((lossless.prdn_percent, lossless.rmse_lsb, lossless.snr_db), (Some(0.0), 0.0, None));
        let empty = Distortion::measure(&[], &[], &[channel("mV", 1.0, 0)]);
        assert_eq!((empty.samples, empty.prdn_percent, empty.rmse_lsb), (0, None, 0.0));
    }

    #[test]
    fn the_whole_range_of_counts_fits() {
        let (least, most) = (i32::MIN, i32::MAX);
        let extreme = Distortion::measure(&[least, most], &[most, least], &[channel("LSB", 1.0, most)]);
        assert_eq!(extreme.max_error_lsb, u64::from(u32::MAX));
        assert_eq!(extreme.prdn_percent.map(f64::round), Some(200.0));
    }

    #[test]
    fn rates() {
        assert_eq!(bits_per_sample(90, 360, 2), Some(1.0));
        assert_eq!(bits_per_sample(90, 0, 2), None);
        assert_eq!(compression_ratio(Some(11.0), Some(0.5)), Some(22.0));
        assert_eq!(compression_ratio(None, Some(0.5)), None);
        assert_eq!(source_bits(&[channel("mV", 1.0, 0), channel("mV", 1.0, 0)]), Some(11.0));
        let unknown = Channel { source_bits: None, ..channel("mV", 1.0, 0) };
        assert_eq!(source_bits(&[channel("mV", 1.0, 0), unknown]), None);
    }
}
