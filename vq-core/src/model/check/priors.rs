//! What is proven about the prior: after it, every code of every symbol has an interval, whatever was sent before.

use super::inside;
use crate::bytes::{u16_at, words_at};
use crate::coder::range::MAX_TOTAL_BITS;
use crate::features::PRIORS;
use crate::model::priors::{CONTEXTS, Context, Hop, SymbolPrior, cost_bits};
use crate::model::records::{Symbol, SymbolKind};
use crate::model::{Model, ModelError, Part, QUALITIES};

/// Checks the records of every set and the tables that they name.
pub(super) fn priors(model: &Model<'_>) -> Result<(), ModelError> {
    let directory = model.directory();
    let symbols = usize::from(directory.symbol_count);
    let sets = usize::from(directory.prior_sets);
    if sets == 0
        || sets > QUALITIES
        || (1..=QUALITIES as u8).any(|quality| usize::from(model.prior_set(quality)) >= sets)
    {
        return Err(ModelError::Shape(Part::Prior(0)));
    }
    if !inside(model, directory.priors, sets * symbols * SymbolPrior::BYTES) {
        return Err(ModelError::Bounds(Part::Prior(0)));
    }
    for (set, index) in (0..sets).flat_map(|set| (0..symbols).map(move |index| (set, index))) {
        let part = Part::Prior(index as u16);
        let at = directory.priors as usize + (set * symbols + index) * SymbolPrior::BYTES;
        let record = words_at(model.tables, at);
        if !SymbolPrior::is_sound(record) {
            return Err(ModelError::Range(part));
        }
        let prior = SymbolPrior::from_words(record);
        let symbol = model.symbol(index).ok_or(ModelError::Range(part))?;
        if prior.rows == 0 {
            if !SymbolPrior::is_uniform(record, &symbol) {
                return Err(ModelError::Range(part));
            }
            continue;
        }
        if !PRIORS {
            return Err(ModelError::Unsupported(part));
        }
        table(model, &symbol, &prior, part)?;
        for context in prior.contexts {
            self::context(model, index, &symbol, &context, part)?;
        }
        let map = model.bytes(prior.row_map, prior.row_map_bytes());
        if !inside(model, prior.row_map, prior.row_map_bytes()) {
            return Err(ModelError::Bounds(part));
        }
        if map.iter().any(|row| u16::from(*row) >= prior.rows) {
            return Err(ModelError::Range(part));
        }
    }
    Ok(())
}

/// Checks that every row gives every code an interval, and the stated worst case.
fn table(model: &Model<'_>, symbol: &Symbol, prior: &SymbolPrior, part: Part) -> Result<(), ModelError> {
    let (entries, codes) = (u32::from(prior.entries), u32::from(symbol.codes()));
    let shape = match symbol.kind {
        SymbolKind::Index => prior.first == 0 && entries == codes,
        SymbolKind::Integer => entries > 0 && u32::from(prior.first) + entries - 1 <= codes,
    };
    if !shape || prior.rows > 256 || prior.step != 0 || !(1..=MAX_TOTAL_BITS).contains(&prior.total_bits) {
        return Err(ModelError::Shape(part));
    }
    if !inside(model, prior.starts, prior.starts_bytes()) {
        return Err(ModelError::Bounds(part));
    }
    let total = 1u32 << prior.total_bits;
    let mut worst = 0;
    // `max` changes nothing, but shows the compiler that `chunks_exact` cannot panic.
    let row_bytes = (usize::from(prior.entries) * 2).max(2);
    for row in model.bytes(prior.starts, prior.starts_bytes()).chunks_exact(row_bytes) {
        if u16_at(row, 0) != 0 {
            return Err(ModelError::Range(part));
        }
        for entry in 0..usize::from(prior.entries) {
            let last = entry + 1 == usize::from(prior.entries);
            let end = if last { total } else { u32::from(u16_at(row, (entry + 1) * 2)) };
            let size = end.checked_sub(u32::from(u16_at(row, entry * 2))).filter(|size| *size > 0);
            let cost = cost_bits(size.ok_or(ModelError::Range(part))?, prior.total_bits);
            let escape = if last && symbol.kind == SymbolKind::Integer { symbol.bits } else { 0 };
            worst = worst.max(cost + escape);
        }
    }
    if prior.expected > u16::from(worst) << 8 {
        return Err(ModelError::Range(part));
    }
    if worst == prior.worst_bits { Ok(()) } else { Err(ModelError::Plan(part)) }
}

/// Checks that a context looks at something that is sent before, and that its classes exist.
fn context(model: &Model<'_>, index: usize, symbol: &Symbol, context: &Context, part: Part) -> Result<(), ModelError> {
    if *context == Context::NONE {
        return Ok(());
    }
    let source = model.symbol(usize::from(context.source)).ok_or(ModelError::Shape(part))?;
    let before = context.hop == Hop::Before || usize::from(context.source) < index;
    if !before || source.stage > symbol.stage || context.length == 0 || context.classes == 0 {
        return Err(ModelError::Shape(part));
    }
    let length = usize::from(context.length);
    if !inside(model, context.map, length) {
        return Err(ModelError::Bounds(part));
    }
    let outside = model.bytes(context.map, length).iter().any(|class| *class >= context.classes);
    if outside { Err(ModelError::Range(part)) } else { Ok(()) }
}

const _: () = assert!(CONTEXTS == 2, "the row map is indexed by a pair of classes");
