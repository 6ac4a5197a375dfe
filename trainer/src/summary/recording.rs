//! A recording: length, rate, channels and what their samples span.

use serde::Serialize;

use super::{ChannelSummary, Line};
use crate::data::{DataError, StoredRecording};

/// A recording.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RecordingSummary {
    /// Always `recording`.
    pub kind: &'static str,
    /// The record's name.
    pub name: String,
    /// Frames per second.
    pub rate_hertz: f64,
    /// Samples of each channel.
    pub frames: usize,
    /// Length in seconds.
    pub seconds: f64,
    /// The channels, with what their samples span.
    pub channels: Vec<SignalRange>,
    /// When the first frame was taken, in milliseconds since 1970-01-01 00:00 on the recorder's clock.
    pub start_time: Option<i64>,
    /// Free text that the file carries.
    pub comments: Vec<String>,
    /// What the reader found out or assumed.
    pub remarks: Vec<String>,
}

/// A channel and what its samples span.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SignalRange {
    /// What the counts mean.
    #[serde(flatten)]
    pub channel: ChannelSummary,
    /// The least count.
    pub minimum: i32,
    /// The greatest count.
    pub maximum: i32,
    /// The mean count.
    pub mean: f64,
}

impl RecordingSummary {
    /// Looks at a recording.
    ///
    /// # Errors
    /// If its file cannot be read.
    pub fn new(recording: &StoredRecording) -> Result<Self, DataError> {
        let width = recording.channels.len();
        let mut spans = vec![(i32::MAX, i32::MIN, 0i64); width];
        for block in recording.blocks(0..recording.frames()) {
            for frame in block?.chunks_exact(width) {
                for ((minimum, maximum, sum), &sample) in spans.iter_mut().zip(frame) {
                    (*minimum, *maximum) = ((*minimum).min(sample), (*maximum).max(sample));
                    *sum += i64::from(sample);
                }
            }
        }
        let range = |(channel, (minimum, maximum, sum))| SignalRange {
            channel: ChannelSummary::from(channel),
            minimum,
            maximum,
            mean: sum as f64 / recording.frames() as f64,
        };
        Ok(Self {
            kind: "recording",
            name: recording.name.clone(),
            rate_hertz: recording.rate(),
            frames: recording.frames(),
            seconds: recording.seconds(),
            channels: recording.channels.iter().zip(spans).map(range).collect(),
            start_time: recording.start_time,
            comments: recording.comments.clone(),
            remarks: recording.remarks.clone(),
        })
    }

    /// The summary as lines of text.
    #[must_use]
    pub fn lines(&self) -> Vec<Line> {
        let mut lines = vec![
            ("recording", self.name.clone()),
            ("length", format!("{} frames at {} Hz, {:.3} s", self.frames, self.rate_hertz, self.seconds)),
        ];
        for SignalRange { channel, minimum, maximum, mean } in &self.channels {
            lines.push(("channel", channel.describe()));
            lines.push(("", format!("counts {minimum} to {maximum}, mean {mean:.2}")));
        }
        lines.extend(self.comments.iter().map(|comment| ("comment", comment.clone())));
        lines
    }
}
