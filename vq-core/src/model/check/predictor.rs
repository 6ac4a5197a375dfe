//! What is proven about the recurrent predictor: its streams lie in the tables, and its memory is what the header states.

use super::inside;
use super::recurrent::stream;
use crate::features::PREDICTION;
use crate::model::plan::block_stream_bytes;
use crate::model::predictor::ResidualPredictor;
use crate::model::{Model, ModelError, Part};
use crate::prior::cell::GruCell;

/// Checks the record, if there is one, and all that it names.
pub(super) fn predictor(model: &Model<'_>) -> Result<(), ModelError> {
    let directory = model.directory();
    let part = Part::Predictor;
    let stated = model.header().predictor_units;
    if directory.predictor_length == 0 {
        return if stated == 0 && directory.predictor == 0 { Ok(()) } else { Err(ModelError::Plan(part)) };
    }
    if !PREDICTION {
        // Nothing reads it.
        return Ok(());
    }
    if directory.predictor_length as usize != ResidualPredictor::BYTES {
        return Err(ModelError::Shape(part));
    }
    if !inside(model, directory.predictor, ResidualPredictor::BYTES) {
        return Err(ModelError::Bounds(part));
    }
    let record = model.residual_predictor().ok_or(ModelError::Range(part))?;
    if record.memory_units(model.channels()) != Some(stated) {
        return Err(ModelError::Plan(part));
    }
    let (inputs, hidden) = (record.inputs(), usize::from(record.hidden));
    let [input, state] =
        GruCell::stream_bytes(inputs as u32, u32::from(record.hidden)).ok_or(ModelError::Shape(part))?;
    stream(model, record.input, inputs, Some(input), part)?;
    stream(model, record.state, hidden, Some(state), part)?;
    let readout = block_stream_bytes(u32::from(record.hidden), record.outputs() as u32);
    stream(model, record.readout, hidden, readout, part)
}
