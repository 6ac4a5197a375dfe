//! The one type that every format is read into: integer counts of one or more channels at one rate.

use std::ops::Range;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::DataError;

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
        Recording {
            name: self.name.clone(),
            rate_millihertz: self.rate_millihertz,
            channels: self.channels.clone(),
            samples,
            start_time,
            comments: self.comments.clone(),
            remarks: self.remarks.clone(),
        }
    }

    /// Frames per second.
    pub fn rate(&self) -> f64 {
        self.rate_millihertz as f64 / 1000.0
    }

    /// The recording's length in seconds.
    pub fn seconds(&self) -> f64 {
        self.frames() as f64 / self.rate()
    }

    fn milliseconds(&self, frame: usize) -> i64 {
        (frame as f64 / self.rate() * 1000.0).round() as i64
    }
}

/// The file formats of recordings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// PhysioNet's record: a `.hea` header and a `.dat` signal file.
    Wfdb,
    /// RIFF WAVE, 16 or 24 bits.
    Wav,
    /// Text with a row per frame.
    Csv,
}

/// How to read a recording, where the file does not say it all.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct OpenOptions {
    /// The format, if not by the file name's ending; needed for `-`.
    pub format: Option<Format>,
    /// Frames per second times 1000, for files that carry no rate.
    pub rate_millihertz: Option<u64>,
    /// The columns or signals to keep, by name or by number from 1, in this order; all if empty.
    pub columns: Vec<String>,
    /// The column that holds the time (CSV).
    pub time_column: Option<String>,
    /// The value of one count in the file's units (CSV).
    pub lsb: Option<f64>,
}

/// Reads a recording. `-` is the standard input, and needs `options.format`.
///
/// # Errors
/// If the file cannot be read, breaks its format, or needs an option that was not given.
pub fn open(path: &Path, options: &OpenOptions) -> Result<Recording, DataError> {
    let _ = options;
    Err(DataError::UnknownFormat { file: path.display().to_string() })
}

/// Writes a recording, in `format` or in that of the file name's ending. `-` is the standard output, and needs
/// `format`. The files appear whole or not at all.
///
/// # Errors
/// If the format cannot hold the recording, or the files cannot be written.
pub fn save(path: &Path, recording: &Recording, format: Option<Format>) -> Result<(), DataError> {
    let _ = (recording, format);
    Err(DataError::UnknownFormat { file: path.display().to_string() })
}
