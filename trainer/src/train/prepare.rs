//! From recordings to what a run trains on: one kind of signal, a split, and a normalization.

use std::ops::Range;

use super::TrainError;
use super::notes;
use super::split::{Place, Ranges, split};
use crate::config::{AugmentationConfig, Config};
use crate::data::{Mismatch, RatePolicy, SignalKind, StoredRecording, fit_stored};
use crate::run::{ChannelRecord, Normalization, SignalRecord};

/// A recording and its split.
#[derive(Debug)]
pub struct Part {
    /// The recording, in the counts of the run's signal: in memory if all recordings together take no more than `data.memory`.
    pub recording: StoredRecording,
    /// Frames to train on.
    pub train: Range<usize>,
    /// Frames held out.
    pub validation: Range<usize>,
    /// The number of its file, which other channels may have come from.
    pub file: usize,
}

/// Everything that a run trains on.
#[derive(Debug)]
pub struct Prepared {
    /// The recordings.
    pub parts: Vec<Part>,
    /// Their common rate and channels.
    pub signal: SignalRecord,
    /// How their counts become network units.
    pub normalization: Normalization,
    /// What is done to training windows.
    pub augmentation: AugmentationConfig,
    /// What a user should know of the recordings, a sentence each.
    pub notes: Vec<String>,
}

impl Prepared {
    /// Brings all recordings to the first one's kind of signal, splits and measures them.
    ///
    /// # Errors
    /// If there is no recording or no frame, the recordings are of different kinds, or a channel is constant.
    pub fn new(recordings: Vec<impl Into<StoredRecording>>, config: &Config) -> Result<Self, TrainError> {
        let places: Vec<Place> = (0..recordings.len()).map(|file| Place { file, held_out: false }).collect();
        Self::of_places(recordings, &places, config)
    }

    /// The same, where the user may hold recordings out whole; if he holds out none, the configuration says what is held out.
    ///
    /// # Errors
    /// As [`new`](Self::new), and if what is trained on would be held out too.
    pub fn of_places(
        recordings: Vec<impl Into<StoredRecording>>,
        places: &[Place],
        config: &Config,
    ) -> Result<Self, TrainError> {
        let (recordings, kind) = fitted(recordings, config)?;
        let ranges = split(&recordings, places, &config.data)?;
        Self::of_ranges(recordings, places.iter().map(|place| place.file), ranges, &kind, config)
    }

    /// The same with the frames that a run was started with, `(train, validation)` of each recording, and the number of its file.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn resumed(
        recordings: Vec<impl Into<StoredRecording>>,
        files: &[usize],
        ranges: Vec<(Range<usize>, Range<usize>)>,
        config: &Config,
    ) -> Result<Self, TrainError> {
        let (recordings, kind) = fitted(recordings, config)?;
        let ranges = ranges.into_iter().map(|(train, validation)| Ranges { train, validation }).collect();
        Self::of_ranges(recordings, files.iter().copied(), ranges, &kind, config)
    }

    fn of_ranges(
        recordings: Vec<StoredRecording>,
        files: impl Iterator<Item = usize>,
        ranges: Vec<Ranges>,
        kind: &SignalKind,
        config: &Config,
    ) -> Result<Self, TrainError> {
        let parts: Vec<Part> = (recordings.into_iter().zip(files).zip(ranges))
            .map(|((recording, file), Ranges { train, validation })| Part { recording, train, validation, file })
            .collect();
        let normalization = normalization(&parts, kind, config.data.common_scale)?;
        let channels = kind.channels.iter().map(ChannelRecord::from).collect();
        let signal = SignalRecord { rate_millihertz: kind.rate_millihertz, channels };
        let notes = notes::notes(&parts)?;
        Ok(Self { parts, signal, normalization, augmentation: config.augmentation.clone(), notes })
    }

    /// Channels of the signal.
    pub fn channels(&self) -> usize {
        self.signal.channels.len()
    }
}

/// All recordings as the first one's kind of signal; in memory if they fit into what the configuration allows.
fn fitted(
    recordings: Vec<impl Into<StoredRecording>>,
    config: &Config,
) -> Result<(Vec<StoredRecording>, SignalKind), TrainError> {
    let recordings: Vec<StoredRecording> = recordings.into_iter().map(Into::into).collect();
    let Some(first) = recordings.first() else {
        return Err(unsuitable("there is no recording; name at least one"));
    };
    let kind = SignalKind { rate_millihertz: first.rate_millihertz, channels: first.channels.clone() };
    recordings.iter().try_for_each(|recording| check_alike(&first.name, &kind, recording))?;
    let fitted = recordings.into_iter().map(|recording| fit_stored(recording, &kind, RatePolicy::Refuse));
    let mut fitted = fitted.collect::<Result<Vec<StoredRecording>, _>>()?;
    let frames: usize = fitted.iter().map(StoredRecording::frames).sum();
    let bytes = frames * kind.channels.len() * size_of::<i32>();
    if bytes <= config.data.memory.saturating_mul(1 << 20) {
        let whole = |recording: StoredRecording| Ok::<_, TrainError>(recording.whole()?.into());
        fitted = fitted.into_iter().map(whole).collect::<Result<_, _>>()?;
    }
    Ok((fitted, kind))
}

/// Refuses a recording that no model can have in common with the first one, which is of the kind.
fn check_alike(first: &str, kind: &SignalKind, other: &StoredRecording) -> Result<(), TrainError> {
    let (what, remedy) = match kind.mismatch(other) {
        None => return Ok(()),
        Some(Mismatch::Channels { own, wanted }) => (
            format!("the recording has {own} channel(s), and {wanted} are in"),
            "a model is for one number of channels: choose the same of all with --columns",
        ),
        Some(Mismatch::Unit { channel, own, wanted }) => (
            format!("channel `{channel}` is in {own}, and in {wanted} in"),
            "all recordings of a run have one unit: give --unit where files do not say theirs, or train on those that agree",
        ),
        Some(Mismatch::Rate { own, wanted }) => (
            format!("the recording is at {own} Hz, and {wanted} Hz is the rate of"),
            "a model is for one rate: train on those that agree, or give --rate where files do not say theirs",
        ),
    };
    Err(unsuitable(format!("{}: {what} `{first}`; {remedy}", other.name)))
}

fn unsuitable(what: impl Into<String>) -> TrainError {
    TrainError::Unsuitable { what: what.into() }
}

/// Mean and standard deviation of every channel over the training frames; with a common scale all have that of their mean variance.
fn normalization(parts: &[Part], kind: &SignalKind, common_scale: bool) -> Result<Normalization, TrainError> {
    let frames: usize = parts.iter().map(|part| part.train.len()).sum();
    if frames == 0 {
        return Err(unsuitable(
            "the recordings have no frames to train on; give longer ones, or lower data.validation_fraction",
        ));
    }
    // In whole numbers, so that neither the order nor the length of a recording costs precision.
    let mut sums = vec![(0i128, 0i128); kind.channels.len()];
    for part in parts {
        for block in part.recording.blocks(part.train.clone()) {
            for frame in block?.chunks_exact(kind.channels.len()) {
                for ((sum, squares), &count) in sums.iter_mut().zip(frame) {
                    *sum += i128::from(count);
                    *squares += i128::from(i64::from(count).pow(2));
                }
            }
        }
    }
    let (mut offset, mut scale) = (Vec::new(), Vec::new());
    for (channel, (sum, squares)) in kind.channels.iter().zip(sums) {
        let frames = frames as i128;
        let mean = sum as f64 / frames as f64;
        // Around the whole number below the mean, which leaves small numbers.
        let (whole, rest) = (sum.div_euclid(frames), sum.rem_euclid(frames));
        let around = squares - 2 * whole * sum + whole * whole * frames;
        let variance = around as f64 / frames as f64 - (rest as f64 / frames as f64).powi(2);
        if around == 0 {
            return Err(unsuitable(format!(
                "channel `{}` holds the value {mean} in all {frames} training frames: there is nothing to learn; \
                 check that the sensor was connected, or leave the channel out with --columns",
                channel.name
            )));
        }
        offset.push(mean.round() as i32);
        scale.push(variance.sqrt() as f32);
    }
    if common_scale {
        let variance = scale.iter().map(|scale| f64::from(*scale).powi(2)).sum::<f64>() / scale.len() as f64;
        scale.fill(variance.sqrt() as f32);
    }
    Ok(Normalization { offset, scale })
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::data::{Channel, Recording};

    pub(in crate::train) fn recording(samples: Vec<i32>, channels: usize) -> Recording {
        let channel = |index| Channel {
            name: format!("c{index}"),
            unit: "mV".into(),
            counts_per_unit: 200.0,
            offset: 0,
            source_bits: Some(12),
        };
        Recording {
            name: "r".into(),
            rate_millihertz: 360_000,
            channels: (0..channels).map(channel).collect(),
            samples,
            start_time: None,
            comments: Vec::new(),
            remarks: Vec::new(),
        }
    }

    #[test]
    fn the_last_fifth_is_held_out_and_does_not_count_in_the_statistics() {
        let mut samples = [1000, 1004].repeat(40);
        samples.extend([5000; 20]);
        let prepared = Prepared::new(vec![recording(samples, 1)], &Config::default()).unwrap();
        assert_eq!((prepared.parts[0].train.clone(), prepared.parts[0].validation.clone()), (0..80, 80..100));
        assert_eq!(prepared.normalization, Normalization { offset: vec![1002], scale: vec![2.0] });
    }

    #[test]
    fn a_common_scale_is_of_all_channels() {
        let mut config = Config::default();
        config.data.common_scale = true;
        let samples = [[1, 0], [-1, 14]].repeat(50).concat();
        let prepared = Prepared::new(vec![recording(samples, 2)], &config).unwrap();
        assert_eq!(prepared.normalization, Normalization { offset: vec![0, 7], scale: vec![5.0; 2] });
    }

    #[test]
    fn bad_data_is_refused_with_what_to_do() {
        let refuse =
            |recordings: Vec<Recording>| Prepared::new(recordings, &Config::default()).unwrap_err().to_string();
        assert!(refuse(vec![]).contains("name at least one"));
        assert!(refuse(vec![recording(vec![], 1)]).contains("no frames"));
        let constant = refuse(vec![recording([1, 7].repeat(50), 2)]);
        assert!(constant.contains("c0") && constant.contains("--columns"), "{constant}");
        let other_rate = Recording { rate_millihertz: 100_000, ..recording(vec![1, 2, 3], 1) };
        assert!(refuse(vec![recording(vec![1, 2, 3], 1), other_rate]).contains("100 Hz"));
    }
}
