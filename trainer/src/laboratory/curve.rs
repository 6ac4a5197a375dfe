//! What a codec costs and keeps at several settings, for several recordings.

use serde::Serialize;
use vq_opponents::{Coded, Limit, Opponent, file};

use super::Regime;
use crate::data::{Channel, Recording};
use crate::evaluate::Evaluation;
use crate::metrics::{Distortion, SpeechDistortion};

/// A codec at one setting on one recording, or the mean over several.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Point {
    /// The setting.
    pub setting: String,
    /// Bits of everything sent per sample of a channel.
    pub bits_per_sample: f64,
    /// In counts squared.
    pub mean_squared_error: f64,
    /// See [`metrics`](crate::metrics).
    pub prdn_percent: Option<f64>,
    /// See [`metrics`](crate::metrics).
    pub prd_percent: Option<f64>,
    /// In counts.
    pub rmse_lsb: f64,
    /// In counts.
    pub max_error_lsb: f64,
    /// In dB; `None` if there is no error.
    pub snr_db: Option<f64>,
    /// Of speech, in dB; see [`SpeechDistortion`].
    pub segmental_snr_db: Option<f64>,
    /// Of speech, in dB; see [`SpeechDistortion`].
    pub log_spectral_distance_db: Option<f64>,
}

/// The points of one recording.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RecordCurve {
    /// The record's name.
    pub record: String,
    /// In the order of the settings.
    pub points: Vec<Point>,
}

/// A codec at all its settings on all recordings.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Curve {
    /// The codec.
    pub name: String,
    /// Whether it is a model rather than an opponent.
    pub learned: bool,
    /// How it was cut.
    pub regime: Regime,
    /// One for each recording.
    pub records: Vec<RecordCurve>,
}

impl Point {
    pub(super) fn of_model(setting: String, row: &Evaluation) -> Self {
        Self {
            setting,
            bits_per_sample: row.bits_per_sample.unwrap_or(0.0),
            mean_squared_error: row.rmse_lsb.powi(2),
            prdn_percent: row.prdn_percent,
            prd_percent: row.prd_percent,
            rmse_lsb: row.rmse_lsb,
            max_error_lsb: row.max_error_lsb as f64,
            snr_db: row.snr_db,
            segmental_snr_db: row.segmental_snr_db,
            log_spectral_distance_db: row.log_spectral_distance_db,
        }
    }

    /// Every channel is coded for itself; all lie in one file.
    pub(super) fn of_opponent(opponent: &dyn Opponent, recording: &Recording, regime: Regime) -> Self {
        let limit = match regime {
            Regime::Stream => Limit::Stream,
            Regime::Packets(bytes) => Limit::PacketBytes(bytes),
        };
        let channels = &recording.channels;
        let code = |(channel, index): (&Channel, u8)| {
            opponent.code(&recording.channel(index.into()), channel.offset, index, limit)
        };
        let coded: Vec<Coded> = channels.iter().zip(0..).map(code).collect();
        let mut decoded = vec![0; recording.samples.len()];
        for (index, coded) in coded.iter().enumerate() {
            for (place, sample) in decoded[index..].iter_mut().step_by(channels.len()).zip(&coded.samples) {
                *place = *sample;
            }
        }
        let bits = 8.0 * file(opponent, limit, recording.frames(), &coded).len() as f64;
        Self::of_decoded(opponent.name(), bits, recording, &decoded)
    }

    /// So many bits that decode to these samples, `[time, channels]`.
    pub(super) fn of_decoded(setting: String, bits: f64, recording: &Recording, decoded: &[i32]) -> Self {
        let distortion = Distortion::measure(&recording.samples, decoded, &recording.channels);
        let speech = SpeechDistortion::of_recording(recording, decoded);
        Self {
            setting,
            bits_per_sample: bits / distortion.samples.max(1) as f64,
            mean_squared_error: distortion.rmse_lsb.powi(2),
            prdn_percent: distortion.prdn_percent,
            prd_percent: distortion.prd_percent,
            rmse_lsb: distortion.rmse_lsb,
            max_error_lsb: distortion.max_error_lsb as f64,
            snr_db: distortion.snr_db,
            segmental_snr_db: speech.and_then(|speech| speech.segmental_snr_db),
            log_spectral_distance_db: speech.and_then(|speech| speech.log_spectral_distance_db),
        }
    }

    /// Whether rate and error are the same, whatever the setting is called.
    pub(super) fn same_figures(&self, other: &Self) -> bool {
        self.bits_per_sample == other.bits_per_sample && self.mean_squared_error == other.mean_squared_error
    }

    /// The mean of points, figure by figure, over those for which it is defined.
    fn mean(points: &[&Self]) -> Option<Self> {
        let of = |figure: &dyn Fn(&Self) -> Option<f64>| {
            let values: Vec<f64> = points.iter().filter_map(|point| figure(point)).collect();
            (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
        };
        Some(Self {
            setting: points.first()?.setting.clone(),
            bits_per_sample: of(&|point| Some(point.bits_per_sample))?,
            mean_squared_error: of(&|point| Some(point.mean_squared_error))?,
            prdn_percent: of(&|point| point.prdn_percent),
            prd_percent: of(&|point| point.prd_percent),
            rmse_lsb: of(&|point| Some(point.rmse_lsb))?,
            max_error_lsb: of(&|point| Some(point.max_error_lsb))?,
            snr_db: of(&|point| point.snr_db),
            segmental_snr_db: of(&|point| point.segmental_snr_db),
            log_spectral_distance_db: of(&|point| point.log_spectral_distance_db),
        })
    }
}

impl Curve {
    /// The mean over the records of every setting that all of them have; each record counts the same.
    #[must_use]
    pub fn mean(&self) -> Vec<Point> {
        let Some((first, others)) = self.records.split_first() else { return Vec::new() };
        let everywhere = |point: &Point| {
            let find =
                |curve: &'_ RecordCurve| curve.points.iter().find(|other| other.setting == point.setting).cloned();
            let others = others.iter().map(find).collect::<Option<Vec<Point>>>()?;
            let all: Vec<&Point> = std::iter::once(point).chain(&others).collect();
            Point::mean(&all)
        };
        first.points.iter().filter_map(everywhere).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vq_opponents::wavelet::Wavelet;

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
    fn two_channels_cost_their_packets_and_one_header() {
        let (a, b) = (wave(37), wave(90));
        let codec = Wavelet::nine_seven(20.0);
        let both = Point::of_opponent(&codec, &recording(&[(1024, &a), (1000, &b)]), Regime::Stream);
        let code = |offset, samples: &[i32], channel| codec.code(samples, offset, channel, Limit::Stream);
        let alone = [code(1024, &a, 0), code(1000, &b, 1)];
        let packets: usize = alone.iter().flat_map(|coded| &coded.packets).map(Vec::len).sum();
        // Two packets and a header, each with a byte of COBS and a zero: they are short.
        let header = 4 + 16 + 1 + 2 + 2;
        assert_eq!(both.bits_per_sample, 8.0 * (packets + header + 3 * 2) as f64 / 1000.0);
        let largest =
            |original: &[i32], decoded: &[i32]| original.iter().zip(decoded).map(|(x, y)| (x - y).abs()).max();
        let expected = largest(&a, &alone[0].samples).max(largest(&b, &alone[1].samples)).map(f64::from);
        assert_eq!(Some(both.max_error_lsb), expected);
    }

    #[test]
    fn the_mean_is_over_records_and_over_what_is_defined() {
        let point = |setting: &str, bits: f64, prdn| Point {
            setting: setting.into(),
            bits_per_sample: bits,
            mean_squared_error: 4.0 * bits,
            prdn_percent: prdn,
            prd_percent: None,
            rmse_lsb: 1.0,
            max_error_lsb: 3.0,
            snr_db: None,
            segmental_snr_db: None,
            log_spectral_distance_db: None,
        };
        let record = |points: Vec<Point>| RecordCurve { record: "r".into(), points };
        let records = vec![
            record(vec![point("1", 0.5, Some(8.0)), point("2", 1.0, Some(4.0))]),
            record(vec![point("2", 3.0, None)]),
        ];
        let curve = Curve { name: "c".into(), learned: true, regime: Regime::Stream, records };
        let mean = curve.mean();
        assert_eq!(mean.len(), 1);
        assert_eq!((mean[0].bits_per_sample, mean[0].mean_squared_error), (2.0, 8.0));
        assert_eq!((mean[0].prdn_percent, mean[0].snr_db), (Some(4.0), None));
    }
}
