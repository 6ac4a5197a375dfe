//! The one type that every format is read into: integer counts of one or more channels at one rate.

use std::ops::Range;

use sha2::{Digest, Sha256};

use super::DataError;
use crate::hexadecimal::hexadecimal;

/// What one channel's counts mean.
#[derive(Debug, Clone, PartialEq)]
pub struct Channel {
    /// The signal's name, such as `MLII`.
    pub name: String,
    /// The physical unit, such as `mV`; `LSB` where the file does not say.
    pub unit: String,
    /// Counts per unit: physical value = (count − `offset`) / `counts_per_unit`. Positive and finite.
    pub counts_per_unit: f64,
    /// The count of physical zero.
    pub offset: i32,
    /// Resolution of the source in bits, against which compression ratios are given; `None` where the values lie on no
    /// integer lattice.
    pub source_bits: Option<u8>,
}

/// A recording: integer counts, all channels at one rate.
#[derive(Debug, Clone, PartialEq)]
pub struct Recording {
    /// The record's name: the file's name without folder and ending.
    pub name: String,
    /// Frames per second, times 1000.
    pub rate_millihertz: u64,
    /// The channels, at least one.
    pub channels: Vec<Channel>,
    /// Counts, interleaved `[time, channels]`.
    pub samples: Vec<i32>,
    /// When the first frame was taken: milliseconds since 1970-01-01 00:00 on the recorder's own clock. A time of day
    /// without a date is that time on the first of those days.
    pub start_time: Option<i64>,
    /// Free text that the file carries, a line each.
    pub comments: Vec<String>,
    /// What the reader had to find out or assume, a sentence each, for the user to see.
    pub remarks: Vec<String>,
}

impl Channel {
    /// The unit of counts whose meaning is not known.
    pub const COUNTS: &'static str = "LSB";
}

impl Recording {
    /// Samples per channel.
    pub fn frames(&self) -> usize {
        self.samples.len() / self.channels.len()
    }

    /// One sample of every channel, `[channels]`.
    ///
    /// # Panics
    /// If `time` is not below [`frames`](Self::frames).
    pub fn frame(&self, time: usize) -> &[i32] {
        let width = self.channels.len();
        &self.samples[time * width..(time + 1) * width]
    }

    /// The samples of one channel, `[time]`.
    ///
    /// # Panics
    /// If there is no such channel.
    pub fn channel(&self, channel: usize) -> Vec<i32> {
        assert!(channel < self.channels.len());
        self.samples.iter().skip(channel).step_by(self.channels.len()).copied().collect()
    }

    /// The frames of `range` as a recording of their own, under the same name.
    ///
    /// # Panics
    /// If the range reaches past the end.
    pub fn slice(&self, range: Range<usize>) -> Recording {
        let width = self.channels.len();
        let start_time = self.start_time.map(|start| start + self.milliseconds(range.start));
        let samples = self.samples[range.start * width..range.end * width].to_vec();
        Recording { start_time, ..self.with_samples(samples) }
    }

    /// A recording like this one with other samples, `[time, channels]`.
    pub fn with_samples(&self, samples: Vec<i32>) -> Recording {
        Recording {
            name: self.name.clone(),
            rate_millihertz: self.rate_millihertz,
            channels: self.channels.clone(),
            samples,
            start_time: self.start_time,
            comments: self.comments.clone(),
            remarks: self.remarks.clone(),
        }
    }

    /// SHA-256 of the samples as little-endian 32-bit integers, in hexadecimal.
    pub fn sha256(&self) -> String {
        let mut hash = Sha256::new();
        self.samples.iter().for_each(|sample| hash.update(sample.to_le_bytes()));
        hexadecimal(&hash.finalize())
    }

    /// Frames per second.
    pub fn rate(&self) -> f64 {
        self.rate_millihertz as f64 / 1000.0
    }

    /// The recording's length in seconds.
    pub fn seconds(&self) -> f64 {
        self.frames() as f64 / self.rate()
    }

    /// The channels that `wanted` names, by name or by number from 1, in that order.
    ///
    /// # Errors
    /// If a channel is not there.
    pub fn select(&self, wanted: &[String]) -> Result<Recording, DataError> {
        let indices = find_channels(&self.name, &self.channels, wanted)?;
        let frames = self.samples.chunks_exact(self.channels.len());
        let samples = frames.flat_map(|frame| indices.iter().map(|&index| frame[index])).collect();
        let channels = indices.iter().map(|&index| self.channels[index].clone()).collect();
        Ok(Recording { channels, ..self.with_samples(samples) })
    }

    /// Whether a channel holds one value only, so that there is nothing to learn and no variance to measure against.
    ///
    /// # Panics
    /// If there is no such channel.
    pub fn is_constant(&self, channel: usize) -> bool {
        assert!(channel < self.channels.len());
        let mut samples = self.samples.iter().skip(channel).step_by(self.channels.len());
        samples.next().is_none_or(|first| samples.all(|sample| sample == first))
    }

    fn milliseconds(&self, frame: usize) -> i64 {
        (frame as f64 / self.rate() * 1000.0).round() as i64
    }
}

/// The channels that `wanted` names, by name or by number from 1; `file` is for messages.
pub(super) fn find_channels(file: &str, channels: &[Channel], wanted: &[String]) -> Result<Vec<usize>, DataError> {
    let names = || channels.iter().map(|channel| channel.name.as_str());
    let index = |wanted: &String| {
        find_name(names(), wanted).ok_or_else(|| {
            DataError::unsuitable(
                file,
                format!("there is no channel `{wanted}`"),
                format!("give --columns one of {}, or a number from 1", names().collect::<Vec<_>>().join(", ")),
            )
        })
    };
    wanted.iter().map(index).collect()
}

/// The index of the name that a user means: the name itself, in any case, or its number from 1.
pub(super) fn find_name<'a>(names: impl Iterator<Item = &'a str> + Clone, wanted: &str) -> Option<usize> {
    let count = names.clone().count();
    let number = || wanted.parse().ok().filter(|number| (1..=count).contains(number)).map(|number| number - 1);
    names
        .clone()
        .position(|name| name == wanted)
        .or_else(|| names.clone().position(|name| name.eq_ignore_ascii_case(wanted)))
        .or_else(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recording() -> Recording {
        let channel = |name: &str| Channel {
            name: name.into(),
            unit: "mV".into(),
            counts_per_unit: 200.0,
            offset: 0,
            source_bits: Some(12),
        };
        Recording {
            name: "r".into(),
            rate_millihertz: 250_000,
            channels: vec![channel("a"), channel("2")],
            samples: vec![1, 10, 2, 10, 3, 10],
            start_time: Some(1000),
            comments: Vec::new(),
            remarks: Vec::new(),
        }
    }

    #[test]
    fn frames_channels_and_slices() {
        let recording = recording();
        assert_eq!((recording.frames(), recording.seconds()), (3, 0.012));
        assert_eq!(recording.frame(1), [2, 10]);
        assert_eq!(recording.channel(0), [1, 2, 3]);
        let part = recording.slice(1..3);
        assert_eq!((part.samples.as_slice(), part.start_time), ([2, 10, 3, 10].as_slice(), Some(1004)));
        assert_eq!((recording.is_constant(0), recording.is_constant(1)), (false, true));
    }

    #[test]
    fn channels_go_by_name_then_by_number() {
        let selected = |wanted: &str| recording().select(&[wanted.into()]).map(|selected| selected.samples);
        assert_eq!(selected("A").unwrap(), [1, 2, 3]);
        assert_eq!(selected("1").unwrap(), [1, 2, 3]);
        assert_eq!(selected("2").unwrap(), [10, 10, 10]);
        for wrong in ["3", "0", "b", ""] {
            let error = selected(wrong).unwrap_err().to_string();
            assert!(error.contains("one of a, 2"), "{error}");
        }
    }
}
