//! The predictor of bounded and lossless packets: floats as they were trained, and their integer form.

use vq_core::Model;
use vq_core::model::plan::block_stream_bytes;
use vq_core::model::predictor::{DISTRIBUTION_OUTPUTS, FILTER_INPUTS, OWN_INPUTS, ResidualPredictor};

use super::priors::recurrent::{Matrix, matrix_stream};
use crate::config::PredictorKind;

/// The value of a step of what the net reads and computes, as the specification has it.
const OCTAVE: f64 = 1.0 / 1024.0;
const STATE: f64 = 1.0 / 32768.0;
const SUM: f64 = 1.0 / 4096.0;

/// The sizes of a recurrent predictor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PredictorSizes {
    /// Units of the cell, a multiple of 4.
    pub hidden: usize,
    /// Past differences that get a gain.
    pub taps: usize,
    /// Channels before one that it sees.
    pub cross: usize,
    /// The rate of the filter beside it; 0 without one.
    pub filter_rate: u8,
}

impl PredictorSizes {
    /// Elements that the cell reads.
    #[must_use]
    pub fn inputs(&self) -> usize {
        OWN_INPUTS + self.cross + if self.filter_rate > 0 { FILTER_INPUTS } else { 0 }
    }

    /// Elements that the readout gives.
    #[must_use]
    pub fn outputs(&self) -> usize {
        DISTRIBUTION_OUTPUTS + self.taps + self.cross + usize::from(self.filter_rate > 0)
    }
}

impl PredictorKind {
    /// The recurrent predictors that are tried for so many channels, with their sizes and a filter of that rate.
    #[must_use]
    pub fn candidates(self, channels: usize, filter_rate: u8) -> Vec<(Self, PredictorSizes)> {
        let one = |hidden| vec![(self, PredictorSizes { hidden, taps: 6, cross: (channels - 1).min(2), filter_rate })];
        match self {
            Self::Adaptive => Vec::new(),
            Self::Small => one(8),
            Self::Standard => one(32),
            Self::Best => {
                let both = [Self::Small, Self::Standard].into_iter();
                both.flat_map(|kind| kind.candidates(channels, filter_rate)).collect()
            }
        }
    }
}

/// A predictor in floats; gates are in torch's order.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainedPredictor {
    /// Its sizes.
    pub sizes: PredictorSizes,
    /// What a packet's first points spread over, as the number of a scale.
    pub level_scale: u8,
    /// Inputs to the gates, `[3 · hidden, inputs]`.
    pub input: Matrix,
    /// The state to the gates, `[3 · hidden, hidden]`.
    pub state: Matrix,
    /// The state to the outputs, `[outputs, hidden]`.
    pub readout: Matrix,
}

/// The predictor's part of [`crate::export::container::ModelParts`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PredictorParts {
    /// The record, its offsets not filled in.
    pub record: ResidualPredictor,
    /// Weight stream of the cell's input.
    pub input: Vec<u8>,
    /// Weight stream of its state.
    pub state: Vec<u8>,
    /// Weight stream of the readout.
    pub readout: Vec<u8>,
}

impl TrainedPredictor {
    /// The predictor in integers; `None` where an accumulator could overflow.
    #[must_use]
    pub fn lower(&self) -> Option<PredictorParts> {
        let PredictorSizes { hidden, taps, cross, filter_rate } = self.sizes;
        Some(PredictorParts {
            record: ResidualPredictor {
                hidden: hidden as u16,
                taps: taps as u8,
                cross: cross as u8,
                level_scale: self.level_scale,
                filter_rate,
                input: 0,
                state: 0,
                readout: 0,
            },
            input: matrix_stream(&self.input, self.sizes.inputs(), OCTAVE, SUM)?,
            state: matrix_stream(&self.state, hidden, STATE, SUM)?,
            readout: matrix_stream(&self.readout, hidden, STATE, SUM)?,
        })
    }
}

impl PredictorParts {
    /// Bytes of flash.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.input.len() + self.state.len() + self.readout.len() + ResidualPredictor::BYTES
    }

    /// Those of a model, if it has a predictor.
    #[must_use]
    pub fn of(model: Model<'_>) -> Option<Self> {
        let record = model.residual_predictor()?;
        let stream = |offset: u32, taps: usize, outputs: usize| {
            let length = block_stream_bytes(taps as u32, outputs as u32)? as usize;
            Some(model.tables().get(offset as usize..)?.get(..length)?.to_vec())
        };
        let hidden = usize::from(record.hidden);
        Some(Self {
            input: stream(record.input, record.inputs(), 3 * hidden)?,
            state: stream(record.state, hidden, 3 * hidden)?,
            readout: stream(record.readout, hidden, record.outputs())?,
            record: ResidualPredictor { input: 0, state: 0, readout: 0, ..record },
        })
    }
}
