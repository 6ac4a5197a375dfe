//! Which of the two int8 numbers beside a weight is taken: decided by measurement, for each net. The device has the same bytes to read either way.

mod inputs;

use super::ExportError;
use super::container::{ContainerError, ModelParts, assemble};
use super::lower::Lowering;
use super::measure::{Stretches, measure};
use vq_core::model::QUALITIES;

pub(super) use inputs::Inputs;

/// How a net's weights become whole numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rounding {
    /// Each by itself, as in the part of training that has weights of int8: what was learned there may count on it.
    Nearest,
    /// So that their errors cancel over the inputs that a layer really has.
    Compensated,
}

/// The parts, whose nets have the nearest weights, with those roundings of encoder and decoder that leave the least squared error at the best quality,
/// measured on `samples` `[time, channels]`, which the nets were trained on.
///
/// # Errors
/// A net that cannot be lowered, or a model that cannot encode the samples.
pub(super) fn decide(
    parts: ModelParts,
    [encoder, decoder]: [&Lowering<'_>; 2],
    samples: &[i32],
) -> Result<ModelParts, ExportError> {
    let stretches = Stretches::new(samples, parts.scaling.len());
    let encoders = [encoder.lower(Rounding::Compensated)?, parts.encoder.clone()];
    let decoders = [decoder.lower(Rounding::Compensated)?, parts.decoder.clone()];
    let (mut least, mut best) = (f64::INFINITY, parts.clone());
    for (encoder, decoder) in encoders.iter().flat_map(|encoder| decoders.iter().map(move |decoder| (encoder, decoder)))
    {
        let trial = ModelParts { encoder: encoder.clone(), decoder: decoder.clone(), ..parts.clone() };
        let bytes = assemble(&trial)?;
        let model = bytes.model().map_err(ContainerError::from)?;
        let error = measure(model, &stretches, QUALITIES as u8)?.error;
        if error < least {
            (least, best) = (error, trial);
        }
    }
    Ok(best)
}
