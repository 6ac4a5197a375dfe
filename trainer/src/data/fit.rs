//! Whether a recording is of the kind that a model was made for, and what may be done if it is not.

use std::ops::Range;

use super::frames::Frames;
use super::{Channel, DataError, Recording, StoredRecording, resample};

/// What a model expects of a recording.
#[derive(Debug, Clone, PartialEq)]
pub struct SignalKind {
    /// Frames per second, times 1000.
    pub rate_millihertz: u64,
    /// The channels; their names do not matter.
    pub channels: Vec<Channel>,
}

/// Where a recording is of another kind; the first of what is found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Mismatch<'k> {
    /// Another number of channels.
    Channels {
        /// The recording's.
        own: usize,
        /// The kind's.
        wanted: usize,
    },
    /// A channel in another unit.
    Unit {
        /// The channel, as the recording calls it.
        channel: &'k str,
        /// The recording's.
        own: &'k str,
        /// The kind's.
        wanted: &'k str,
    },
    /// A rate more than 1 % off, in hertz.
    Rate {
        /// The recording's.
        own: f64,
        /// The kind's.
        wanted: f64,
    },
}

impl SignalKind {
    /// In what a recording is of another kind.
    #[must_use]
    pub fn mismatch<'k>(&'k self, recording: &'k StoredRecording) -> Option<Mismatch<'k>> {
        let (own, wanted) = (recording.channels.len(), self.channels.len());
        if own != wanted {
            return Some(Mismatch::Channels { own, wanted });
        }
        let mut pairs = recording.channels.iter().zip(&self.channels);
        if let Some((own, wanted)) = pairs.find(|(own, wanted)| own.unit != wanted.unit) {
            return Some(Mismatch::Unit { channel: &own.name, own: &own.unit, wanted: &wanted.unit });
        }
        let hertz = |rate: u64| rate as f64 / 1000.0;
        let (own, wanted) = (recording.rate_millihertz, self.rate_millihertz);
        rates_differ(own, wanted).then(|| Mismatch::Rate { own: hertz(own), wanted: hertz(wanted) })
    }
}

/// What the user allows for a recording at another rate.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum RatePolicy {
    /// Refuse it.
    #[default]
    Refuse,
    /// Resample it to the model's rate.
    Resample,
    /// Take its frames as if they were at the model's rate.
    Assume,
}

/// Whether two rates differ by more than 1 %.
pub(super) fn rates_differ(a: u64, b: u64) -> bool {
    u128::from(a.abs_diff(b)) * 100 > u128::from(a.min(b))
}

/// Makes a recording fit a model as [`admit`] does, and moves its counts to the model's scale and offset where they differ, which the remarks
/// say: what is trained on has one scale.
///
/// # Errors
/// If the channels, the units or the rate are others.
pub fn fit(recording: Recording, kind: &SignalKind, policy: RatePolicy) -> Result<Recording, DataError> {
    fit_stored(recording.into(), kind, policy)?.whole()
}

/// [`fit`], of a recording that stays in its file. Samples that do not fit the model's scale are refused where they are read.
///
/// # Errors
/// If the channels, the units or the rate are others.
pub fn fit_stored(
    recording: StoredRecording,
    kind: &SignalKind,
    policy: RatePolicy,
) -> Result<StoredRecording, DataError> {
    rescale(admit_stored(recording, kind, policy)?, &kind.channels)
}

/// Checks that a model can encode a recording: its channels and units must be the model's, its rate within 1 % or as `policy` says. Counts stay as
/// they are: a codec encodes those of another amplifier or converter as such.
///
/// # Errors
/// If the channels, the units or the rate are others.
pub fn admit(recording: Recording, kind: &SignalKind, policy: RatePolicy) -> Result<Recording, DataError> {
    admit_stored(recording.into(), kind, policy)?.whole()
}

/// [`admit`], of a recording that stays in its file.
///
/// # Errors
/// If the channels, the units or the rate are others.
pub fn admit_stored(
    mut recording: StoredRecording,
    kind: &SignalKind,
    policy: RatePolicy,
) -> Result<StoredRecording, DataError> {
    let refuse = |what: String, remedy: &str| Err(DataError::unsuitable(&recording.name, what, remedy));
    match kind.mismatch(&recording) {
        None => {}
        Some(Mismatch::Channels { own, wanted }) => {
            return refuse(
                format!("the recording has {own} channels where the model has {wanted}"),
                "choose the model's channels with --columns, or give another --model",
            );
        }
        Some(Mismatch::Unit { channel, own, wanted }) => {
            return refuse(
                format!("channel `{channel}` is in {own} where the model is for {wanted}"),
                "give --unit if the file does not say its unit, or another --model; \
                 --resample and --assume-rate change rates, never units",
            );
        }
        Some(Mismatch::Rate { own, wanted }) => match policy {
            RatePolicy::Refuse => {
                return refuse(
                    format!("the recording is at {own} Hz where the model is for {wanted} Hz"),
                    "give --resample to convert it, or --assume-rate to take its samples as they are",
                );
            }
            RatePolicy::Resample => {
                recording = resample(recording, kind.rate_millihertz)?;
                recording.remarks.push(format!("resampled from {own} to {wanted} Hz"));
            }
            RatePolicy::Assume => recording.rate_millihertz = kind.rate_millihertz,
        },
    }
    Ok(recording)
}

/// Moves counts to the model's scale and offset, for an amplifier with another gain.
fn rescale(recording: StoredRecording, channels: &[Channel]) -> Result<StoredRecording, DataError> {
    let (mut moved, mut remarks, mut maps) = (recording.channels.clone(), recording.remarks.clone(), Vec::new());
    for (index, (own, model)) in moved.iter_mut().zip(channels).enumerate() {
        let gain = model.counts_per_unit / own.counts_per_unit;
        if gain == 1.0 && own.offset == model.offset {
            continue;
        }
        maps.push(Map { channel: index, name: own.name.clone(), gain, from: own.offset, to: model.offset });
        if gain != 1.0 {
            remarks.push(format!(
                "channel `{}`: moved from {} to the model's {} counts per {}",
                own.name, own.counts_per_unit, model.counts_per_unit, model.unit
            ));
        }
        own.counts_per_unit = model.counts_per_unit;
        own.offset = model.offset;
    }
    if maps.is_empty() {
        return Ok(recording);
    }
    let of = recording.clone();
    let rescaled = recording.through(moved, Rescaled { of, maps })?;
    Ok(StoredRecording { remarks, ..rescaled })
}

/// A recording's frames at another scale.
#[derive(Debug)]
struct Rescaled {
    of: StoredRecording,
    maps: Vec<Map>,
}

/// What becomes of a channel's counts.
#[derive(Debug)]
struct Map {
    channel: usize,
    name: String,
    gain: f64,
    from: i32,
    to: i32,
}

impl Frames for Rescaled {
    fn frames(&self) -> usize {
        self.of.frames()
    }

    fn read(&self, range: Range<usize>) -> Result<Vec<i32>, DataError> {
        let mut samples = self.of.samples(range.clone())?;
        let width = self.of.channels.len();
        for Map { channel, name, gain, from, to } in &self.maps {
            for (time, sample) in samples.iter_mut().skip(*channel).step_by(width).enumerate() {
                let count = (f64::from(*sample) - f64::from(*from)) * gain + f64::from(*to);
                if !(f64::from(i32::MIN)..=f64::from(i32::MAX)).contains(&count.round()) {
                    return Err(DataError::malformed(
                        &self.of.name,
                        format!("frame {}, channel `{name}`", range.start + time),
                        "the sample does not fit 32 bits at the model's scale",
                        "check the channel's gain",
                    ));
                }
                *sample = count.round() as i32;
            }
        }
        Ok(samples)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn channel(unit: &str, counts_per_unit: f64, offset: i32) -> Channel {
        Channel { name: "a".into(), unit: unit.into(), counts_per_unit, offset, source_bits: Some(11) }
    }

    fn recording(rate_millihertz: u64, channel: Channel) -> Recording {
        let samples = (0..400).map(|t| t % 100).collect();
        let (comments, remarks) = (Vec::new(), Vec::new());
        Recording {
            name: "r".into(),
            rate_millihertz,
            channels: vec![channel],
            samples,
            start_time: None,
            comments,
            remarks,
        }
    }

    fn kind() -> SignalKind {
        SignalKind { rate_millihertz: 360_000, channels: vec![channel("mV", 200.0, 1024)] }
    }

    #[test]
    fn one_percent_of_rate_is_let_pass() {
        let at = |rate| fit(recording(rate, channel("mV", 200.0, 1024)), &kind(), RatePolicy::Refuse);
        assert_eq!(at(363_600).unwrap(), recording(363_600, channel("mV", 200.0, 1024)));
        assert!(at(356_436).is_ok());
        for rate in [363_601, 356_400, 250_000] {
            let error = at(rate).unwrap_err().to_string();
            assert!(
                error.contains("--resample") && error.contains("--assume-rate") && error.contains("360 Hz"),
                "{error}"
            );
        }
    }

    #[test]
    fn another_rate_is_resampled_or_assumed() {
        let resampled = fit(recording(180_000, channel("mV", 200.0, 1024)), &kind(), RatePolicy::Resample).unwrap();
        assert_eq!((resampled.frames(), resampled.rate_millihertz), (800, 360_000));
        let assumed = fit(recording(180_000, channel("mV", 200.0, 1024)), &kind(), RatePolicy::Assume).unwrap();
        assert_eq!((assumed.frames(), assumed.rate_millihertz), (400, 360_000));
    }

    #[test]
    fn another_scale_becomes_the_models() {
        let fitted = fit(recording(360_000, channel("mV", 50.0, 10)), &kind(), RatePolicy::Refuse).unwrap();
        assert_eq!(fitted.samples[..4], [984, 988, 992, 996]);
        assert_eq!(fitted.channels, kind().channels);
        assert_eq!(fitted.remarks.len(), 1);
    }

    #[test]
    fn what_is_encoded_keeps_its_scale() {
        let own = recording(360_000, channel("mV", 50.0, 10));
        assert_eq!(admit(own.clone(), &kind(), RatePolicy::Refuse).unwrap(), own);
    }

    #[test]
    fn other_units_and_channel_counts_are_refused() {
        let error =
            fit(recording(360_000, channel("uV", 0.2, 0)), &kind(), RatePolicy::Assume).unwrap_err().to_string();
        assert!(error.contains("in uV where the model is for mV"), "{error}");
        assert!(error.contains("--resample") && error.contains("--assume-rate"), "{error}");
        let two = SignalKind { channels: vec![channel("mV", 200.0, 0); 2], ..kind() };
        let error = fit(recording(360_000, channel("mV", 200.0, 0)), &two, RatePolicy::Refuse).unwrap_err().to_string();
        assert!(error.contains("1 channels where the model has 2"), "{error}");
    }
}
