//! The recurrent prior of indices: floats as they were trained, and their integer form.

use vq_core::model::QUALITIES;
use vq_core::model::recurrent::{CONDITIONS, RecurrentPrior};

use super::recurrent::{CODE, Matrix, RecurrentParts, SCALE, STATE, SUM, element, matrix_stream};
use crate::config::{PriorConfig, PriorKind};

/// What a step of an embedding is worth.
pub const EMBEDDING: f64 = 1.0 / 32.0;

/// The sizes of a recurrent prior of indices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IndexSizes {
    /// Units of the cell, a multiple of 4.
    pub hidden: usize,
    /// Units of each symbol within the hop, which are also the numbers that a code is embedded as; a multiple of 4.
    pub units: usize,
}

impl PriorConfig {
    /// The recurrent priors that are tried for indices, with their sizes. None is linear: tables with contexts see the hop before.
    #[must_use]
    pub fn index_candidates(&self) -> Vec<(PriorKind, IndexSizes)> {
        let one = |kind, hidden, units| {
            let hidden = if self.units > 0 { self.units } else { hidden };
            (kind, IndexSizes { hidden, units })
        };
        let small = one(PriorKind::Small, 16, 12);
        let standard = one(PriorKind::Standard, 56, 24);
        match self.kind {
            PriorKind::Tables | PriorKind::Linear => Vec::new(),
            PriorKind::Small => vec![small],
            PriorKind::Standard => vec![standard],
            PriorKind::Best => vec![small, standard],
        }
    }
}

/// A recurrent prior of indices in floats. Gates are in torch's order, logarithms to base 2.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainedIndices {
    /// Its sizes.
    pub sizes: IndexSizes,
    /// Sums of embeddings and conditions to the gates, `[3 · hidden, units + 4]`.
    pub input: Matrix,
    /// The state to the gates, `[3 · hidden, hidden]`.
    pub state: Matrix,
    /// Conditions and state to the units of each symbol, `[symbols · units, 4 + hidden]`.
    pub readout: Matrix,
    /// What the codes of each symbol are embedded as, `[alphabet, units]`.
    pub embeddings: Vec<Vec<f32>>,
    /// A symbol's units to the logarithms of its codes, `[alphabet, units]`.
    pub outputs: Vec<Matrix>,
    /// The state at the start of a packet.
    pub start: Vec<f32>,
    /// Conditions of each quality.
    pub conditions: [[f32; CONDITIONS]; QUALITIES],
    /// Bit `quality − 1` of the qualities that it was trained for.
    pub qualities: u16,
    /// Mean cost of a hop at each quality, in bits.
    pub expected: [f64; QUALITIES],
}

impl TrainedIndices {
    /// The prior in integers; `None` where an accumulator could overflow.
    #[must_use]
    pub fn lower(&self) -> Option<RecurrentParts> {
        let IndexSizes { hidden, units } = self.sizes;
        let in_hop = self.embeddings.iter().zip(&self.outputs).map(|(embedding, outputs)| {
            let embedding = embedding.iter().map(|value| (f64::from(*value) / EMBEDDING).round());
            let embedding = embedding.map(|value| value.clamp(-127.0, 127.0) as i8 as u8).collect();
            Some((embedding, matrix_stream(outputs, units, CODE, SCALE)?, 0))
        });
        let in_hop = in_hop.collect::<Option<Vec<_>>>()?;
        let alphabet = self.embeddings.iter().map(|embedding| embedding.len() / units).max().unwrap_or(0);
        Some(RecurrentParts {
            record: RecurrentPrior {
                hidden: hidden as u16,
                symbols: self.embeddings.len() as u16,
                units: units as u16,
                qualities: self.qualities,
                alphabet: alphabet as u16,
                ..RecurrentPrior::default()
            },
            input: matrix_stream(&self.input, units + CONDITIONS, CODE, SUM)?,
            state: matrix_stream(&self.state, hidden, STATE, SUM)?,
            readout: matrix_stream(&self.readout, CONDITIONS + hidden, STATE, CODE)?,
            skip: Vec::new(),
            in_hop,
            start: self.start.iter().map(|h| element(*h)).collect(),
            conditions: self.conditions.map(|row| row.map(element)),
            expected: self.expected.map(|bits| (bits * 256.0).round() as u32),
        })
    }
}
