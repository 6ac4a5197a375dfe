//! What is proven about the choice of codes: that every score fits its 32 bits, and its memory is what the header states.

use super::inside;
use crate::bytes::{i16_at, i32_at, u16_at};
use crate::kernels::Arithmetic;
use crate::model::choice::{Choice, WEIGHT_ONE};
use crate::model::records::{Symbol, SymbolKind};
use crate::model::{Model, ModelError, Part};

/// Checks the record, if there is one, and all that it names.
pub(super) fn choice(model: &Model<'_>) -> Result<(), ModelError> {
    let directory = model.directory();
    let part = Part::Choice;
    let stated = model.header().choice_units;
    if directory.choice == 0 {
        return if stated == 0 { Ok(()) } else { Err(ModelError::Plan(part)) };
    }
    if !inside(model, directory.choice, Choice::BYTES) {
        return Err(ModelError::Bounds(part));
    }
    let record = model.choice().ok_or(ModelError::Range(part))?;
    if model.header().arithmetic != Arithmetic::Integer {
        return Err(ModelError::Shape(part));
    }
    let symbols = usize::from(directory.symbol_count);
    let memory = Choice::memory_bytes(usize::from(record.paths), model.latent_elements(), symbols);
    if usize::from(stated) * 8 != memory {
        return Err(ModelError::Plan(part));
    }
    let channels = usize::from(directory.latent_channels);
    if !inside(model, record.weights, channels * 2) || !inside(model, record.starts, symbols * 4) {
        return Err(ModelError::Bounds(part));
    }
    let weights = model.bytes(record.weights, channels * 2);
    if weights.chunks_exact(2).any(|weight| !(1..=WEIGHT_ONE).contains(&u16_at(weight, 0))) {
        return Err(ModelError::Range(part));
    }
    for index in 0..symbols {
        let symbol = model.symbol(index).ok_or(ModelError::Shape(part))?;
        if symbol.kind != SymbolKind::Index {
            return Err(ModelError::Shape(part));
        }
        starts(model, &record, index, &symbol)?;
    }
    Ok(())
}

/// Checks that all starts of a symbol are there, and that with them no score exceeds 32 bits: weights are at most one, so latents are no larger.
fn starts(model: &Model<'_>, record: &Choice, index: usize, symbol: &Symbol) -> Result<(), ModelError> {
    let part = Part::Choice;
    let length = usize::from(symbol.alphabet).next_multiple_of(4) * 4;
    let starts = model.choice_starts(record, index, symbol);
    let offset = crate::bytes::u32_at(model.tables, record.starts as usize + index * 4);
    if !inside(model, offset, length) || starts.len() != length {
        return Err(ModelError::Bounds(part));
    }
    let words = usize::from(symbol.channels).div_ceil(2);
    // `max` changes nothing, but shows the compiler that `chunks_exact` cannot panic.
    let blocks = model.symbol_table(symbol).chunks_exact((16 + 16 * words).max(16));
    let mut starts = starts.chunks_exact(16);
    // `zip` would divide by a length that the compiler no longer knows not to be zero.
    for block in blocks {
        let Some(starts) = starts.next() else { break };
        for lane in 0..4 {
            let component = |at: usize| i64::from(i16_at(block, at)).abs();
            let sum: i64 =
                (0..words).map(|word| 16 + 16 * word + 4 * lane).map(|at| component(at) + component(at + 2)).sum();
            let start = i64::from(i32_at(starts, 4 * lane));
            if start < 0 || start + (sum << 15) > i64::from(i32::MAX) {
                return Err(ModelError::Range(part));
            }
        }
    }
    Ok(())
}
