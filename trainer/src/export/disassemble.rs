//! A finished model taken apart again, so that a part of it can be replaced.

use vq_core::Model;
use vq_core::model::plan::block_stream_bytes;
use vq_core::model::priors::{Context, SymbolPrior};
use vq_core::model::records::{Kind, Net, Symbol};
use vq_core::model::recurrent::{CONDITIONS, InHop, RecurrentPrior};
use vq_core::model::{QUALITIES, symbol_table_bytes};

use super::choice::ChoiceParts;
use super::container::{ChannelParts, MetadataParts, ModelParts, NetParts};
use super::predictor::PredictorParts;
use super::priors::PriorParts;
use super::priors::recurrent::RecurrentParts;

/// Everything that is in a model; `None` where the model's metadata cannot be read.
#[must_use]
pub fn disassemble(model: Model<'_>) -> Option<ModelParts> {
    let directory = model.directory();
    let metadata = model.metadata()?;
    let channels = metadata.channels().map(|channel| ChannelParts {
        name: channel.name.to_owned(),
        unit: channel.unit.to_owned(),
        counts_per_unit: channel.counts_per_unit.0 as f64 / channel.counts_per_unit.1 as f64,
        offset: channel.offset,
        source_bits: channel.source_bits,
    });
    let mut tables = Offsets::default();
    let symbols: Vec<Symbol> = model.symbols(QUALITIES as u8).collect();
    let placed = symbols.iter().map(|symbol| {
        let length = symbol_table_bytes(symbol, model.header().arithmetic)?;
        Some(Symbol { table: tables.take(model, symbol.table, length)?, ..*symbol })
    });
    let placed = placed.collect::<Option<Vec<Symbol>>>()?;
    Some(ModelParts {
        arithmetic: model.header().arithmetic,
        encoder: net(model, &directory.encoder),
        decoder: net(model, &directory.decoder),
        scaling: (0..model.channels()).map(|channel| model.scaling(channel)).collect(),
        priors: priors(model, &symbols)?,
        symbols: placed,
        tables: tables.tables,
        predictor: PredictorParts::of(model),
        choice: ChoiceParts::of(model),
        surprise_limits: directory.surprise_limits,
        quality: std::array::from_fn(|row| model.stages(row as u8 + 1)),
        told: (1..=QUALITIES as u8).filter_map(|quality| model.told(quality)).flatten().copied().collect(),
        level_ramp: Some(model.header().level_ramp),
        test_frames: model.test_frames().collect(),
        metadata: MetadataParts {
            name: metadata.name.to_owned(),
            rate_millihertz: metadata.rate_millihertz,
            channels: channels.collect(),
            run: metadata.run.to_owned(),
        },
    })
}

fn net(model: Model<'_>, net: &Net) -> NetParts {
    let layers = (0..usize::from(net.count)).map(|index| {
        let layer = model.layer(net, index);
        let weights = if layer.kind == Kind::Add { Vec::new() } else { model.weights(&layer).to_vec() };
        (layer, weights)
    });
    NetParts { channels: net.channels, rows: net.rows, layers: layers.collect() }
}

fn priors(model: Model<'_>, symbols: &[Symbol]) -> Option<PriorParts> {
    let mut tables = Offsets::default();
    let quality = std::array::from_fn(|row| model.prior_set(row as u8 + 1));
    let mut sets = Vec::new();
    for set in 0..model.directory().prior_sets {
        // A set is read through one of the qualities at which it holds; one that never holds is left out.
        let holds = |row: &usize| u16::from(quality[*row]) == set;
        let row = (0..QUALITIES).find(holds)?;
        let records = (0..symbols.len()).map(|index| {
            let prior = model.symbol_prior(index, row as u8 + 1);
            if prior.rows == 0 {
                return Some(prior);
            }
            let mut contexts = prior.contexts;
            for context in contexts.iter_mut().filter(|context| **context != Context::NONE) {
                context.map = tables.take(model, context.map, usize::from(context.length))?;
            }
            Some(SymbolPrior {
                starts: tables.take(model, prior.starts, prior.starts_bytes())?,
                row_map: tables.take(model, prior.row_map, prior.row_map_bytes())?,
                contexts,
                ..prior
            })
        });
        sets.push(records.collect::<Option<Vec<_>>>()?);
    }
    let recurrent = match model.recurrent_prior() {
        Some(record) => Some(recurrent(model, record)?),
        None => None,
    };
    Some(PriorParts { sets, tables: tables.tables, quality, recurrent })
}

fn recurrent(model: Model<'_>, record: RecurrentPrior) -> Option<RecurrentParts> {
    let bytes = |offset: u32, length: usize| model.tables().get(offset as usize..)?.get(..length);
    let stream = |offset: u32, taps: usize, outputs: usize| {
        Some(bytes(offset, block_stream_bytes(taps as u32, outputs as u32)? as usize)?.to_vec())
    };
    let numbers = |offset: u32, count: usize| -> Option<Vec<i16>> {
        Some(bytes(offset, count * 2)?.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect())
    };
    let (hidden, symbols) = (usize::from(record.hidden), usize::from(record.symbols));
    let in_hop = (0..symbols).map(|symbol| {
        let InHop { units, outputs, mean_shift } = model.in_hop(&record, symbol);
        let count = usize::from(record.units);
        if record.is_of_indices() {
            let codes = usize::from(model.symbol(symbol)?.alphabet);
            return Some((bytes(units, codes * count)?.to_vec(), stream(outputs, count, codes)?, mean_shift));
        }
        let units = if count == 0 { Vec::new() } else { stream(units, record.unit_taps(symbol), count)? };
        Some((units, stream(outputs, record.output_taps(symbol), 2)?, mean_shift))
    });
    let conditions = numbers(record.conditions, QUALITIES * CONDITIONS)?;
    Some(RecurrentParts {
        input: stream(record.input, record.input_taps(), 3 * hidden)?,
        state: stream(record.state, hidden, 3 * hidden)?,
        readout: stream(record.readout, record.readout_taps(), record.readout_outputs())?,
        skip: if record.skip == 0 { Vec::new() } else { stream(record.skip, symbols, record.all_outputs())? },
        in_hop: in_hop.collect::<Option<Vec<_>>>()?,
        start: numbers(record.start, hidden)?,
        conditions: std::array::from_fn(|row| std::array::from_fn(|at| conditions[row * CONDITIONS + at])),
        expected: std::array::from_fn(|row| model.recurrent_expected(&record, row as u8 + 1)),
        // Places are given anew.
        record: RecurrentPrior {
            input: 0,
            state: 0,
            readout: 0,
            in_hop: 0,
            start: 0,
            conditions: 0,
            expected: 0,
            skip: 0,
            ..record
        },
    })
}

/// Tables in the order of their first use; what is used twice is one table.
#[derive(Default)]
struct Offsets {
    tables: Vec<Vec<u8>>,
    known: Vec<(u32, usize)>,
}

impl Offsets {
    /// The number of the table of `length` bytes at an offset of the model's tables.
    fn take(&mut self, model: Model<'_>, offset: u32, length: usize) -> Option<u32> {
        if let Some(number) = self.known.iter().position(|known| *known == (offset, length)) {
            return Some(number as u32);
        }
        let bytes = model.tables().get(offset as usize..)?.get(..length)?;
        self.tables.push(bytes.to_vec());
        self.known.push((offset, length));
        Some(self.known.len() as u32 - 1)
    }
}
