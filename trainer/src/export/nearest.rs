//! A model of codebooks as neural codecs for microcontrollers use theirs today: the nearest codes, in whole bits, or by how often each is.
//!
//! These are opponents of [`laboratory`](crate::laboratory): same nets, same codebooks, without what chooses codes and without what foresees them.

use vq_core::Model;
use vq_core::model::QUALITIES;
use vq_core::model::records::{Symbol, SymbolKind};

use super::container::{ContainerError, ModelParts, assemble};
use super::disassemble::disassemble;
use super::file::ModelBytes;
use super::priors::{PriorError, PriorParts};

/// Why a model cannot be run so.
#[derive(Debug, thiserror::Error)]
pub enum NearestError {
    /// Its codes are integers.
    #[error("its codes are integers: give a model of codebooks, as `vq train --quantizer rvq` makes them")]
    NoCodebooks,
    /// It cannot be taken apart or put together.
    #[error(transparent)]
    Container(#[from] ContainerError),
    /// The codes' frequencies cannot be counted.
    #[error(transparent)]
    Prior(#[from] PriorError),
}

/// The model with the nearest codes in whole bits. Its qualities are all numbers of stages there are.
///
/// # Errors
/// [`NearestError`].
pub fn in_whole_bits(model: Model<'_>) -> Result<ModelBytes, NearestError> {
    Ok(assemble(&plain(model)?)?)
}

/// The same with a frequency for each code, whatever was sent before it, from what the model makes of `samples` `[time, channels]`.
///
/// # Errors
/// [`NearestError`].
pub fn by_frequency(model: Model<'_>, samples: &[i32]) -> Result<ModelBytes, NearestError> {
    let mut parts = plain(model)?;
    let bytes = assemble(&parts)?;
    parts.priors = PriorParts::by_frequency(bytes.model().map_err(ContainerError::from)?, samples)?;
    Ok(assemble(&parts)?)
}

fn plain(model: Model<'_>) -> Result<ModelParts, NearestError> {
    let mut parts = disassemble(model).ok_or(ContainerError::Unreadable)?;
    let symbols: Vec<Symbol> = model.symbols(QUALITIES as u8).collect();
    if symbols.iter().any(|symbol| symbol.kind != SymbolKind::Index) {
        return Err(NearestError::NoCodebooks);
    }
    let stages = symbols.iter().map(|symbol| usize::from(symbol.stage) + 1).max().unwrap_or(1);
    parts.quality = std::array::from_fn(|row| ((row + 1) * stages).div_ceil(QUALITIES) as u8);
    parts.choice = None;
    parts.priors = PriorParts::uniform(&symbols);
    Ok(parts)
}
