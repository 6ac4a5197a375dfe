//! A finished model taken apart again, so that a part of it can be replaced.

use vq_core::Model;
use vq_core::model::priors::{Context, SymbolPrior};
use vq_core::model::records::{Kind, Net, Symbol};
use vq_core::model::{QUALITIES, symbol_table_bytes};

use super::container::{ChannelParts, MetadataParts, ModelParts, NetParts};
use super::priors::PriorParts;

/// Everything that is in a model but its recurrent prior; `None` where the model's metadata cannot be read.
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
        quality: std::array::from_fn(|row| model.stages(row as u8 + 1)),
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
        let weights = if layer.kind == Kind::Convolution { model.weights(&layer).to_vec() } else { Vec::new() };
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
    Some(PriorParts { sets, tables: tables.tables, quality, recurrent: None })
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
