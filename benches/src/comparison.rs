//! What an opponent costs and what it keeps: a row for each recording, and their mean.

use serde::Serialize;
use vq_trainer::data::Recording;
use vq_trainer::metrics::{self, Distortion};

use crate::wavelet;

/// The figures of a recording, or the mean of several. `None` where a figure is not defined.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Figures {
    /// Ideal code length per sample of a channel, headers not counted.
    pub bits_per_sample: Option<f64>,
    /// The source's bits over `bits_per_sample`.
    pub compression_ratio: Option<f64>,
    /// See [`metrics`].
    pub prdn_percent: Option<f64>,
    /// See [`metrics`].
    pub prd_percent: Option<f64>,
    /// In counts.
    pub rmse_lsb: Option<f64>,
    /// In counts.
    pub max_error_lsb: Option<f64>,
}

/// One recording at one step.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    /// The record's name.
    pub name: String,
    /// Samples of each channel.
    pub samples: usize,
    /// Channels.
    pub channels: usize,
    /// The source's resolution in bits, which the compression ratio is against.
    pub source_bits: Option<f64>,
    /// The results.
    #[serde(flatten)]
    pub figures: Figures,
}

/// All recordings at one step.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Comparison {
    /// The quantizer's step in counts.
    pub step: f64,
    /// A row for each recording.
    pub records: Vec<Row>,
    /// The mean of every figure, in which each recording counts the same.
    pub mean: Figures,
}

impl Comparison {
    /// Codes every channel of every recording with the [`wavelet`] codec.
    ///
    /// # Panics
    /// If the step is one that [`wavelet::code`] refuses.
    pub fn of_wavelet(recordings: &[Recording], step: f64) -> Self {
        let records: Vec<Row> = recordings.iter().map(|recording| Row::of_wavelet(recording, step)).collect();
        let figures: Vec<&Figures> = records.iter().map(|row| &row.figures).collect();
        let mean = Figures::mean(&figures);
        Self { step, records, mean }
    }
}

impl Row {
    fn of_wavelet(recording: &Recording, step: f64) -> Self {
        let channels = &recording.channels;
        let mut bits = 0.0;
        let mut decoded = vec![0; recording.samples.len()];
        for (index, channel) in channels.iter().enumerate() {
            let coded = wavelet::code(&recording.channel(index), channel.offset, step);
            bits += coded.bits;
            for (place, sample) in decoded[index..].iter_mut().step_by(channels.len()).zip(coded.samples) {
                *place = sample;
            }
        }
        let distortion = Distortion::measure(&recording.samples, &decoded, channels);
        let bits_per_sample = (distortion.samples > 0).then(|| bits / distortion.samples as f64);
        let source_bits = metrics::source_bits(channels);
        Self {
            name: recording.name.clone(),
            samples: recording.frames(),
            channels: channels.len(),
            source_bits,
            figures: Figures {
                bits_per_sample,
                compression_ratio: metrics::compression_ratio(source_bits, bits_per_sample),
                prdn_percent: distortion.prdn_percent,
                prd_percent: distortion.prd_percent,
                rmse_lsb: Some(distortion.rmse_lsb),
                max_error_lsb: Some(distortion.max_error_lsb as f64),
            },
        }
    }
}

impl Figures {
    /// The mean of each figure over those for which it is defined.
    fn mean(of: &[&Self]) -> Self {
        let mean = |figure: fn(&Self) -> Option<f64>| {
            let values: Vec<f64> = of.iter().filter_map(|figures| figure(figures)).collect();
            (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
        };
        Self {
            bits_per_sample: mean(|figures| figures.bits_per_sample),
            compression_ratio: mean(|figures| figures.compression_ratio),
            prdn_percent: mean(|figures| figures.prdn_percent),
            prd_percent: mean(|figures| figures.prd_percent),
            rmse_lsb: mean(|figures| figures.rmse_lsb),
            max_error_lsb: mean(|figures| figures.max_error_lsb),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vq_trainer::data::Channel;

    /// A recording of the given channels, each of its own offset.
    fn recording(channels: &[(i32, &[i32])]) -> Recording {
        let channel = |&(offset, _): &(i32, &[i32])| Channel {
            name: format!("zero at {offset}"),
            unit: "mV".into(),
            counts_per_unit: 200.0,
            offset,
            source_bits: Some(11),
        };
        let frames = channels[0].1.len();
        Recording {
            name: "r".into(),
            rate_millihertz: 360_000,
            channels: channels.iter().map(channel).collect(),
            samples: (0..frames).flat_map(|time| channels.iter().map(move |(_, samples)| samples[time])).collect(),
            start_time: None,
            comments: Vec::new(),
            remarks: Vec::new(),
        }
    }

    fn wave(period: i32) -> Vec<i32> {
        (0..500).map(|time| 1024 + (time % period) * 10).collect()
    }

    #[test]
    fn two_channels_cost_what_each_costs_alone() {
        let (a, b) = (wave(37), wave(90));
        let both = Row::of_wavelet(&recording(&[(1024, &a), (1000, &b)]), 20.0);
        let alone = [(1024, &a), (1000, &b)].map(|(offset, samples)| wavelet::code(samples, offset, 20.0));
        assert_eq!((both.samples, both.channels, both.source_bits), (500, 2, Some(11.0)));
        assert_eq!(both.figures.bits_per_sample, Some((alone[0].bits + alone[1].bits) / 1000.0));
        let largest =
            |original: &[i32], decoded: &[i32]| original.iter().zip(decoded).map(|(x, y)| (x - y).abs()).max();
        let expected = largest(&a, &alone[0].samples).max(largest(&b, &alone[1].samples)).map(f64::from);
        assert_eq!(both.figures.max_error_lsb, expected);
    }

    #[test]
    fn the_mean_is_over_recordings_and_over_what_is_defined() {
        let (short, constant) = (wave(50), vec![1024; 4000]);
        let comparison = Comparison::of_wavelet(&[recording(&[(1024, &short)]), recording(&[(1024, &constant)])], 20.0);
        let [first, second] = [0, 1].map(|row: usize| &comparison.records[row].figures);
        let mean = &comparison.mean;
        assert_eq!((second.prdn_percent, mean.prdn_percent), (None, first.prdn_percent));
        let rates = [first, second].map(|figures| figures.bits_per_sample.unwrap());
        assert_eq!(mean.bits_per_sample, Some((rates[0] + rates[1]) / 2.0));
    }
}
