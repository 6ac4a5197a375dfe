//! The recurrent prior of indices: it makes a row of frequencies for every symbol.
//!
//! Every code is embedded as a few numbers, and sums of them say what the codes of a hop are: in the hop before to the cell, in this one to the
//! symbols behind. A symbol's units add what the readout of the state and what those sums say, and give every code a logarithm. So a search among codes
//! repeats some additions and one product, and never the cell.

use super::distribution::Distribution;
use super::recurrent::Recurrent;
use super::softmax::starts;
use crate::kernels::memory::clear;
use crate::kernels::{Kernels, Native};
use crate::model::Model;
use crate::model::records::Symbol;

/// Embeddings are in 1/32, their sums in 1/2048.
const EMBEDDING_SHIFT: u32 = 6;

impl Recurrent<'_> {
    /// The in-hop part: what symbol number `index` may be behind `codes`, of which those before it are looked at. After another choice of a code the
    /// hop is asked for again from its beginning, or [forgotten](Self::forget_hop) first.
    pub(super) fn index(
        &mut self,
        model: &Model<'_>,
        index: usize,
        symbol: &Symbol,
        codes: &[u16],
    ) -> Distribution<'_> {
        self.take_indices(model, index, codes);
        let record = self.record();
        let count = usize::from(record.units);
        let (units, rest) = self.scratch.split_at_mut(count.min(self.scratch.len()));
        let (readout, row) = rest.split_at_mut(record.readout_outputs().min(rest.len()));
        let past = readout.get(index * count..).unwrap_or_default();
        for ((unit, past), within) in units.iter_mut().zip(past).zip(self.input.iter()) {
            let sum = past.saturating_add(*within);
            *unit = sum.max(sum >> 3);
        }
        let row = row.get_mut(..usize::from(symbol.alphabet)).unwrap_or_default();
        Native::product(count, units, model.weight_stream(model.in_hop(&record, index).outputs), row);
        starts(row);
        Distribution::made(symbol, bytemuck::cast_slice(row))
    }

    /// Adds the embeddings of the hop's codes that are sent, up to symbol number `index`, as far as they are not in the sums.
    pub(super) fn take_indices(&mut self, model: &Model<'_>, index: usize, codes: &[u16]) {
        if index < self.taken {
            self.forget_hop();
        }
        let record = self.record();
        let count = usize::from(record.units);
        for (place, code) in codes.iter().enumerate().take(index).skip(self.taken) {
            if model.symbol(place).is_none_or(|symbol| symbol.stage >= self.stages) {
                continue;
            }
            let first = (model.in_hop(&record, place).units as usize).wrapping_add(usize::from(*code) * count);
            let embedding = model.weight_stream(first as u32).iter().take(count);
            for (sum, number) in self.input.iter_mut().zip(embedding) {
                *sum = sum.saturating_add(i16::from(*number as i8) << EMBEDDING_SHIFT);
            }
        }
        self.taken = index;
    }

    /// Takes all codes of the hop out of the sums.
    pub(super) fn forget_hop(&mut self) {
        let count = usize::from(self.record().units);
        clear(self.input.get_mut(..count).unwrap_or_default());
        self.taken = 0;
    }
}
