//! The record of the recurrent predictor, which bounded and lossless packets are coded with where a model has one.

use super::Model;
use crate::bytes::{put, u8_at, u16_at, u32_at};
use crate::features::PREDICTION;

/// Most units of the cell.
const MAX_HIDDEN: u16 = 256;
/// Past differences of a channel that are kept.
pub const KEPT_DIFFERENCES: usize = 8;
/// Most channels before one that it sees.
pub const MAX_CROSS: usize = 2;
/// The slowest filter's rate.
const MAX_FILTER_RATE: u8 = 15;
/// Inputs besides those of other channels and of the filter: two of the past and the step.
pub const OWN_INPUTS: usize = 3;
/// Inputs from a filter: what it expects, and by how much it erred last.
pub const FILTER_INPUTS: usize = 2;
/// Outputs besides gains: two means, two scales, a weight.
pub const DISTRIBUTION_OUTPUTS: usize = 5;

/// A small recurrent net that gives the gains of a channel's past differences and the distribution of what they leave. 24 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResidualPredictor {
    /// Units of the cell, a multiple of 4, at most 256.
    pub hidden: u16,
    /// Past differences that get a gain, 1..=8.
    pub taps: u8,
    /// Channels before one whose newest differences it sees, and gives gains to: 0..=2.
    pub cross: u8,
    /// Number of the scale of a packet's first points, for lossless packets.
    pub level_scale: u8,
    /// 0, or the rate of a filter beside the net, 1..=15: its weights move by `2^-rate` of what would undo its error. The net sees what the filter
    /// expects and by how much it erred, and gives its expectation a gain.
    pub filter_rate: u8,
    /// Weight stream of the cell's inputs, offset in the tables.
    pub input: u32,
    /// Weight stream of the cell's state.
    pub state: u32,
    /// Weight stream from the state to the outputs.
    pub readout: u32,
}

impl ResidualPredictor {
    /// Length of the record.
    pub const BYTES: usize = 24;

    /// Reads a record; `None` where sizes are out of range or reserved bytes are not zero.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let record = Self {
            hidden: u16_at(bytes, 0),
            taps: u8_at(bytes, 2),
            cross: u8_at(bytes, 3),
            level_scale: u8_at(bytes, 4),
            filter_rate: u8_at(bytes, 5),
            input: u32_at(bytes, 8),
            state: u32_at(bytes, 12),
            readout: u32_at(bytes, 16),
        };
        let sound = (4..=MAX_HIDDEN).contains(&record.hidden)
            && record.hidden.is_multiple_of(4)
            && (1..=KEPT_DIFFERENCES).contains(&usize::from(record.taps))
            && usize::from(record.cross) <= MAX_CROSS
            && record.filter_rate <= MAX_FILTER_RATE;
        let rest = [u32::from(u16_at(bytes, 6)), u32_at(bytes, 20)];
        (bytes.len() >= Self::BYTES && sound && rest == [0; 2]).then_some(record)
    }

    /// The record's bytes.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        put(&mut bytes, 0, self.hidden.to_le_bytes());
        put(&mut bytes, 2, [self.taps, self.cross, self.level_scale, self.filter_rate]);
        put(&mut bytes, 8, self.input.to_le_bytes());
        put(&mut bytes, 12, self.state.to_le_bytes());
        put(&mut bytes, 16, self.readout.to_le_bytes());
        bytes
    }

    /// Elements that the cell reads besides its state.
    #[must_use]
    pub fn inputs(&self) -> usize {
        OWN_INPUTS + usize::from(self.cross) + if self.has_filter() { FILTER_INPUTS } else { 0 }
    }

    /// Elements that the readout gives.
    #[must_use]
    pub fn outputs(&self) -> usize {
        DISTRIBUTION_OUTPUTS + usize::from(self.taps) + usize::from(self.cross) + usize::from(self.has_filter())
    }

    /// Whether a filter runs beside the net.
    #[must_use]
    pub fn has_filter(&self) -> bool {
        self.filter_rate > 0
    }

    /// Multiply-accumulates per sample.
    #[must_use]
    pub fn multiply_accumulates(&self) -> usize {
        let hidden = usize::from(self.hidden);
        3 * hidden * (hidden + self.inputs())
            + hidden * self.outputs()
            + usize::from(self.taps)
            + usize::from(self.cross)
            // What it expects, the energy of its inputs, and its weights' movement.
            + if self.has_filter() { 3 * (KEPT_DIFFERENCES + MAX_CROSS) + 1 } else { 0 }
    }
}

impl<'a> Model<'a> {
    /// The recurrent predictor, if the model has one.
    #[must_use]
    pub fn residual_predictor(&self) -> Option<ResidualPredictor> {
        let directory = self.directory();
        if !PREDICTION || directory.predictor_length == 0 {
            return None;
        }
        ResidualPredictor::from_bytes(self.bytes(directory.predictor, ResidualPredictor::BYTES))
    }

    /// A weight stream of the predictor.
    pub(crate) fn predictor_stream(&self, offset: u32, length: u32) -> &'a [u8] {
        self.bytes(offset, length as usize)
    }
}
