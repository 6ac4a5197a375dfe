//! A recording: length, rate, channels and what their samples span.

use serde::Serialize;

use super::{ChannelSummary, Line};
use crate::data::Recording;

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
    #[must_use]
    pub fn new(recording: &Recording) -> Self {
        let range = |(index, channel)| {
            let samples = recording.channel(index);
            let sum: i64 = samples.iter().copied().map(i64::from).sum();
            SignalRange {
                channel: ChannelSummary::from(channel),
                minimum: samples.iter().copied().min().unwrap_or_default(),
                maximum: samples.iter().copied().max().unwrap_or_default(),
                mean: sum as f64 / samples.len().max(1) as f64,
            }
        };
        Self {
            kind: "recording",
            name: recording.name.clone(),
            rate_hertz: recording.rate(),
            frames: recording.frames(),
            seconds: recording.seconds(),
            channels: recording.channels.iter().enumerate().map(range).collect(),
            start_time: recording.start_time,
            comments: recording.comments.clone(),
            remarks: recording.remarks.clone(),
        }
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
