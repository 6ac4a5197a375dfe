//! The prior that ships: frequencies of every symbol's codes, counted on the training frames.
//!
//! `codes` collects what the integer model makes of the frames; `choose` finds, symbol by symbol, which earlier codes
//! are worth looking at, by code length on hops that were not counted, less what the tables take of flash;
//! `cluster` makes classes and rows; `frequencies` makes the integers.

pub mod adapting;
mod choose;
mod cluster;
mod codes;
mod frequencies;
mod histogram;
pub mod indices;
pub mod recurrent;

use vq_core::model::priors::{Context, Hop, SymbolPrior};
use vq_core::model::records::{Symbol, SymbolKind};
use vq_core::model::{Model, QUALITIES};

use choose::Choice;
use frequencies::Row;
use recurrent::RecurrentParts;

pub use codes::{HopCodes, PriorError};

/// Uniform code length that a KiB of tables must save at least, as a share.
const FLASH_PRICE_PER_KIB: f64 = 0.002;
/// How often flash becomes dearer for tables that must fit.
const DEARER: usize = 6;

/// A bit for every quality.
const ALL_QUALITIES: u16 = (1 << QUALITIES) - 1;

/// The prior's part of [`super::container::ModelParts`].
#[derive(Debug, Clone, PartialEq)]
pub struct PriorParts {
    /// Records, `[sets, symbols]`; all offsets count in `tables`.
    pub sets: Vec<Vec<SymbolPrior>>,
    /// Rows of starts, class maps, row maps.
    pub tables: Vec<Vec<u8>>,
    /// The set that holds at each quality.
    pub quality: [u8; QUALITIES],
    /// The recurrent prior, which goes before the tables where it holds.
    pub recurrent: Option<RecurrentParts>,
}

impl PriorParts {
    /// A prior that knows nothing.
    #[must_use]
    pub fn uniform(symbols: &[Symbol]) -> Self {
        let sets = vec![symbols.iter().map(SymbolPrior::uniform).collect()];
        Self { sets, tables: Vec::new(), quality: [0; QUALITIES], recurrent: None }
    }

    /// The same with another recurrent prior. Where it holds at every quality nothing reads the tables, and they are left out.
    #[must_use]
    pub fn with_recurrent(self, recurrent: Option<RecurrentParts>, symbols: &[Symbol]) -> Self {
        let holds_always = recurrent.as_ref().is_some_and(|recurrent| recurrent.record.qualities == ALL_QUALITIES);
        let tables = if holds_always { Self::uniform(symbols) } else { self };
        Self { recurrent, ..tables }
    }

    /// A prior for what `model` makes of `samples` `[time, channels]`.
    ///
    /// Indices mean the same at every quality and have one set; integer latents change with their step, hence a set for each quality.
    ///
    /// # Errors
    /// That the model cannot encode the samples.
    pub fn train(model: Model<'_>, samples: &[i32]) -> Result<Self, PriorError> {
        Self::train_priced(model, samples, FLASH_PRICE_PER_KIB)
    }

    /// The same within so many bytes of tables: flash becomes dearer until they fit; uniform codes, which have none, where nothing does.
    ///
    /// # Errors
    /// As [`train`](Self::train).
    pub fn train_within(model: Model<'_>, samples: &[i32], bytes: usize) -> Result<Self, PriorError> {
        let mut price = FLASH_PRICE_PER_KIB;
        for _ in 0..DEARER {
            let parts = Self::train_priced(model, samples, price)?;
            if parts.table_bytes() <= bytes {
                return Ok(parts);
            }
            price *= 3.0;
        }
        let symbols: Vec<Symbol> = model.symbols(QUALITIES as u8).collect();
        Ok(Self::uniform(&symbols))
    }

    /// Bytes of the tables in a file, where each begins at a multiple of 8.
    #[must_use]
    pub fn table_bytes(&self) -> usize {
        self.tables.iter().map(|table| table.len().next_multiple_of(8)).sum()
    }

    fn train_priced(model: Model<'_>, samples: &[i32], flash_price: f64) -> Result<Self, PriorError> {
        let best = QUALITIES as u8;
        let symbols: Vec<Symbol> = model.symbols(best).collect();
        let scalar = symbols.iter().any(|symbol| symbol.kind == SymbolKind::Integer);
        let mut parts = Self { sets: Vec::new(), tables: Vec::new(), quality: [0; QUALITIES], recurrent: None };
        for quality in if scalar { 1..=best } else { best..=best } {
            let codes = HopCodes::collect(model, samples, quality)?;
            let set = parts.sets.len() as u8;
            let records = parts.train_set(&symbols, u8::MAX, &codes, flash_price);
            parts.sets.push(records);
            if scalar {
                parts.quality[usize::from(quality) - 1] = set;
            }
        }
        Ok(parts)
    }

    /// One set, for the codes of one quality.
    ///
    /// # Errors
    /// That the model cannot encode the samples.
    pub fn train_at(model: Model<'_>, samples: &[i32], quality: u8) -> Result<Self, PriorError> {
        let mut parts = Self { sets: Vec::new(), tables: Vec::new(), quality: [0; QUALITIES], recurrent: None };
        parts.add_set(model, samples, &[quality])?;
        Ok(parts)
    }

    /// A set for each number of stages, for the codes of all qualities that send so many: those of a model that chooses codes by their bits, whose share
    /// then depends on what is sent behind them.
    ///
    /// # Errors
    /// That the model cannot encode the samples.
    pub fn train_by_stages(model: Model<'_>, samples: &[i32]) -> Result<Self, PriorError> {
        let mut parts = Self { sets: Vec::new(), tables: Vec::new(), quality: [0; QUALITIES], recurrent: None };
        let qualities: Vec<u8> = (1..=QUALITIES as u8).collect();
        for alike in qualities.chunk_by(|a, b| model.stages(*a) == model.stages(*b)) {
            for quality in alike {
                parts.quality[usize::from(*quality) - 1] = parts.sets.len() as u8;
            }
            parts.add_set(model, samples, alike)?;
        }
        Ok(parts)
    }

    /// One set that knows how often each index is, and looks at no other: what a codec has that only counts.
    ///
    /// # Errors
    /// That the model cannot encode the samples.
    pub fn by_frequency(model: Model<'_>, samples: &[i32]) -> Result<Self, PriorError> {
        let symbols: Vec<Symbol> = model.symbols(QUALITIES as u8).collect();
        let codes = HopCodes::collect(model, samples, QUALITIES as u8)?;
        let mut parts = Self { sets: Vec::new(), tables: Vec::new(), quality: [0; QUALITIES], recurrent: None };
        let record = |index: usize| match choose::alone(&symbols, index, &codes) {
            Some(choice) => parts.write(&symbols[index], &choice),
            None => SymbolPrior::uniform(&symbols[index]),
        };
        let records = (0..symbols.len()).map(record).collect();
        parts.sets.push(records);
        Ok(parts)
    }

    /// Adds a set for what is sent at these qualities; symbols that are not sent have no tables.
    fn add_set(&mut self, model: Model<'_>, samples: &[i32], qualities: &[u8]) -> Result<(), PriorError> {
        let mut codes = HopCodes::default();
        for quality in qualities {
            codes.extend(HopCodes::collect(model, samples, *quality)?);
        }
        let symbols: Vec<Symbol> = model.symbols(QUALITIES as u8).collect();
        let stages = qualities.iter().map(|quality| model.stages(*quality)).max().unwrap_or(0);
        let records = self.train_set(&symbols, stages, &codes, FLASH_PRICE_PER_KIB);
        self.sets.push(records);
        Ok(())
    }

    fn train_set(&mut self, symbols: &[Symbol], stages: u8, codes: &HopCodes, flash_price: f64) -> Vec<SymbolPrior> {
        let uniform: f64 = symbols.iter().map(|symbol| f64::from(symbol.codes()).log2()).sum();
        let bit_price = flash_price * uniform / 1024.0 * codes.hops() as f64;
        (0..symbols.len())
            .map(|index| {
                let is_sent = symbols[index].stage < stages;
                match is_sent.then(|| choose::choose(symbols, index, codes, bit_price)).flatten() {
                    Some(choice) => self.write(&symbols[index], &choice),
                    None => SymbolPrior::uniform(&symbols[index]),
                }
            })
            .collect()
    }

    /// Adds a symbol's tables.
    fn write(&mut self, symbol: &Symbol, choice: &Choice) -> SymbolPrior {
        let escape = if symbol.kind == SymbolKind::Integer { symbol.bits } else { 0 };
        let contexts = choice.contexts.each_ref().map(|context| match context {
            None => Context::NONE,
            Some(context) => Context {
                map: self.push(context.map.clone()),
                source: context.source as u16,
                first: context.window.first,
                length: context.map.len() as u16,
                hop: context.hop,
                classes: context.classes,
            },
        });
        SymbolPrior {
            starts: self.push(choice.rows.iter().flat_map(Row::starts).flat_map(u16::to_le_bytes).collect()),
            rows: choice.rows.len() as u16,
            entries: choice.window.entries as u16,
            first: choice.window.first,
            step: 0,
            total_bits: frequencies::TOTAL_BITS,
            worst_bits: choice.rows.iter().map(|row| row.worst_bits(escape)).max().unwrap_or(0),
            expected: (choice.mean_bits * 256.0).round() as u16,
            contexts,
            row_map: self.push(choice.row_map.clone()),
        }
    }

    fn push(&mut self, table: Vec<u8>) -> u32 {
        self.tables.push(table);
        self.tables.len() as u32 - 1
    }
}

/// A code that may be looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Source {
    symbol: usize,
    hop: Hop,
}
