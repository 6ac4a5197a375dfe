//! What is proven about the recurrent prior: its streams lie in the tables, and its memory is what the header states.

use super::{inside, is_requantization, requantizations};
use crate::features::{INDEX_PRIORS, PRIORS};
use crate::model::plan::block_stream_bytes;
use crate::model::records::{MAX_ALPHABET, Symbol, SymbolKind};
use crate::model::recurrent::{
    CONDITIONS, InHop, MAX_HIDDEN, MAX_INDEX_SYMBOLS, MAX_INDEX_UNITS, MAX_SYMBOLS, RecurrentPrior,
};
use crate::model::{Model, ModelError, Part, QUALITIES};
use crate::prior::cell::GruCell;

/// Checks the record, if there is one, and all that it names.
pub(super) fn recurrent(model: &Model<'_>) -> Result<(), ModelError> {
    let directory = model.directory();
    let part = Part::Recurrent;
    let stated = model.header().recurrent_units;
    if directory.recurrent_length == 0 {
        return if stated == 0 && directory.recurrent == 0 { Ok(()) } else { Err(ModelError::Plan(part)) };
    }
    if !PRIORS {
        return Err(ModelError::Unsupported(part));
    }
    if directory.recurrent_length as usize != RecurrentPrior::BYTES {
        return Err(ModelError::Shape(part));
    }
    if !inside(model, directory.recurrent, RecurrentPrior::BYTES) {
        return Err(ModelError::Bounds(part));
    }
    let record = model.recurrent_words().filter(|words| RecurrentPrior::is_sound(words));
    let recurrent = RecurrentPrior::from_words(record.ok_or(ModelError::Range(part))?);
    if recurrent.alphabet > 0 && !INDEX_PRIORS {
        return Err(ModelError::Unsupported(part));
    }
    shape(model, &recurrent)?;
    if recurrent.memory_units() != stated {
        return Err(ModelError::Plan(part));
    }
    let hidden = usize::from(recurrent.hidden);
    let streams = GruCell::stream_bytes(recurrent.input_taps() as u32, u32::from(recurrent.hidden));
    let [input, state] = streams.ok_or(ModelError::Shape(part))?;
    stream(model, recurrent.input, recurrent.input_taps(), Some(input), part)?;
    stream(model, recurrent.state, hidden, Some(state), part)?;
    let readout = block_stream_bytes(recurrent.readout_taps() as u32, recurrent.readout_outputs() as u32);
    stream(model, recurrent.readout, recurrent.readout_taps(), readout, part)?;
    let symbols = usize::from(recurrent.symbols);
    if recurrent.skip > 0 {
        let length = block_stream_bytes(symbols as u32, recurrent.all_outputs() as u32);
        stream(model, recurrent.skip, symbols, length, part)?;
    }
    let tables = [
        (recurrent.in_hop, symbols * InHop::BYTES),
        (recurrent.start, hidden * 2),
        (recurrent.conditions, QUALITIES * CONDITIONS * 2),
        (recurrent.expected, QUALITIES * 4),
    ];
    if tables.iter().any(|(offset, length)| !inside(model, *offset, *length)) {
        return Err(ModelError::Bounds(part));
    }
    (0..symbols).try_for_each(|symbol| in_hop(model, &recurrent, symbol))
}

fn shape(model: &Model<'_>, recurrent: &RecurrentPrior) -> Result<(), ModelError> {
    let directory = model.directory();
    if recurrent.is_of_indices() {
        return if shape_of_indices(model, recurrent) { Ok(()) } else { Err(ModelError::Shape(Part::Recurrent)) };
    }
    // All are sent at every quality, and all have the same number of codes.
    let bits = model.symbol(0).map_or(0, |symbol| symbol.bits);
    let stages = model.stages(1);
    let is_alike = |symbol: Symbol| symbol.kind == SymbolKind::Integer && symbol.bits == bits && symbol.stage < stages;
    let all_integers = (0..usize::from(directory.symbol_count)).all(|index| model.symbol(index).is_some_and(is_alike));
    let sound = recurrent.hidden.is_multiple_of(4)
        && recurrent.hidden <= MAX_HIDDEN
        && (recurrent.hidden > 0 || recurrent.skip > 0)
        && recurrent.symbols == directory.symbol_count
        && recurrent.symbols <= MAX_SYMBOLS
        && recurrent.reach > 0
        && matches!(recurrent.units, 0 | 4)
        && recurrent.qualities >> QUALITIES == 0
        && recurrent.qualities != 0
        && all_integers;
    if sound { Ok(()) } else { Err(ModelError::Shape(Part::Recurrent)) }
}

fn shape_of_indices(model: &Model<'_>, recurrent: &RecurrentPrior) -> bool {
    let symbols = usize::from(model.directory().symbol_count);
    let is_index = |symbol: Symbol| symbol.kind == SymbolKind::Index && symbol.alphabet <= recurrent.alphabet;
    let all_indices = (0..symbols).all(|index| model.symbol(index).is_some_and(is_index));
    recurrent.hidden.is_multiple_of(4)
        && (1..=MAX_HIDDEN).contains(&recurrent.hidden)
        && usize::from(recurrent.symbols) == symbols
        && recurrent.symbols <= MAX_INDEX_SYMBOLS
        && recurrent.units.is_multiple_of(4)
        && (1..=MAX_INDEX_UNITS).contains(&recurrent.units)
        && recurrent.alphabet <= MAX_ALPHABET
        && recurrent.skip == 0
        && recurrent.reach == 0
        && recurrent.scale_rate == 0
        && recurrent.qualities >> QUALITIES == 0
        && recurrent.qualities != 0
        && all_indices
}

fn in_hop(model: &Model<'_>, recurrent: &RecurrentPrior, symbol: usize) -> Result<(), ModelError> {
    let part = Part::Prior(symbol as u16);
    let record = model.bytes(recurrent.in_hop, (symbol + 1) * InHop::BYTES).get(symbol * InHop::BYTES..);
    let record = record.and_then(InHop::from_bytes).ok_or(ModelError::Range(part))?;
    if record.mean_shift > 8 || recurrent.is_of_indices() && record.mean_shift > 0 {
        return Err(ModelError::Range(part));
    }
    if recurrent.is_of_indices() {
        let (units, codes) = (usize::from(recurrent.units), model.symbol(symbol).map_or(0, |symbol| symbol.alphabet));
        if !inside(model, record.units, units * usize::from(codes)) {
            return Err(ModelError::Bounds(part));
        }
        return stream(model, record.outputs, units, block_stream_bytes(units as u32, u32::from(codes)), part);
    }
    if recurrent.units > 0 {
        let taps = recurrent.unit_taps(symbol);
        let length = block_stream_bytes(taps as u32, u32::from(recurrent.units));
        stream(model, record.units, taps, length, part)?;
    }
    let taps = recurrent.output_taps(symbol);
    stream(model, record.outputs, taps, block_stream_bytes(taps as u32, 2), part)
}

pub(super) fn stream(
    model: &Model<'_>,
    offset: u32,
    taps: usize,
    length: Option<u32>,
    part: Part,
) -> Result<(), ModelError> {
    let length = length.ok_or(ModelError::Shape(part))? as usize;
    if !inside(model, offset, length) {
        return Err(ModelError::Bounds(part));
    }
    requantizations(model.bytes(offset, length), 48 + taps.div_ceil(4) * 16, is_requantization, part)
}
