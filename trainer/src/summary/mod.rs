//! What a file is, for people and as JSON: models, streams, recordings.

mod memory;
mod model;
mod recording;
mod stream;

use serde::Serialize;

use crate::data::Channel;

pub use memory::{LineMemory, NetMemory, Place};
pub use model::{DelaySummary, ModelSummary, MultiplyAccumulates, QualitySummary};
pub use recording::{RecordingSummary, SignalRange};
pub use stream::{DamageSummary, DecodedSummary, SegmentSummary, StreamSummary};

/// A heading and its value, as a line of text shows them.
pub type Line = (&'static str, String);

/// What one channel's counts mean.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ChannelSummary {
    /// The signal's name.
    pub name: String,
    /// The physical unit.
    pub unit: String,
    /// Counts per unit.
    pub counts_per_unit: f64,
    /// The count of physical zero.
    pub offset: i32,
    /// Resolution of the source in bits, if known.
    pub source_bits: Option<u8>,
}

impl From<&Channel> for ChannelSummary {
    fn from(channel: &Channel) -> Self {
        let Channel { name, unit, counts_per_unit, offset, source_bits } = channel.clone();
        Self { name, unit, counts_per_unit, offset, source_bits }
    }
}

impl ChannelSummary {
    /// The channel in a phrase.
    #[must_use]
    pub fn describe(&self) -> String {
        let bits = self.source_bits.map_or("resolution not known".to_owned(), |bits| format!("{bits} bits"));
        match self.unit == Channel::COUNTS {
            true => format!("{}: {bits}, zero at {}", self.name, self.offset),
            false => {
                format!(
                    "{}: {bits}, {} counts per {}, zero at {}",
                    self.name, self.counts_per_unit, self.unit, self.offset
                )
            }
        }
    }
}

fn channels(channels: &[Channel]) -> Vec<ChannelSummary> {
    channels.iter().map(ChannelSummary::from).collect()
}
