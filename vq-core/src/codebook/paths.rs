//! Which codes of a hop cost least: distortion and bits together, under the prior.
//!
//! A *path* is a choice of codes for the symbols so far, with the latents that it leaves. From symbol to symbol the best few are kept: every path is
//! followed by every code of the next symbol, at `score + λ · bits`, where scores add up to half the weighted squared error. With one path that is
//! a greedy choice. Nothing behind the hop is looked at, and no decoder needs to know: the scheme is that of
//! entropy-constrained vector quantization (Chou, Lookabaugh and Gray 1989) over the M-algorithm.

use super::first_element;
use crate::bytes::{i32_at, u16_at};
use crate::features::CHOICE;
use crate::kernels::portable::block_scores;
use crate::kernels::{Kernels, Native};
use crate::model::Model;
use crate::model::choice::Choice;
use crate::model::records::Symbol;
use crate::prior::Prior;

/// What is kept while the codes of a hop are chosen, over memory of [`Choice::memory_bytes`].
#[derive(Debug)]
pub(crate) struct Paths<'a> {
    model: Model<'a>,
    record: Choice,
    /// Costs of the paths up to the symbol before, the least first, then of those that are found for this one, `[2, paths]`.
    costs: &'a mut [i64],
    /// The path that each of those goes on from, in the high half, and its code.
    picks: &'a mut [u32],
    /// What each path leaves of the latents, those now and those next, `[2, paths, elements]`.
    latents: &'a mut [i16],
    /// The codes of each path, likewise, `[2, paths, symbols]`.
    codes: &'a mut [u16],
    /// A symbol's latents, weighted.
    weighted: &'a mut [i16],
    elements: usize,
    symbols: usize,
    /// Paths there are, and how many were found behind them.
    alive: usize,
    found: usize,
    /// Which half of `latents` and `codes` is now.
    half: usize,
}

impl<'a> Paths<'a> {
    /// The paths of a model, if it has a choice and the memory is as large as that says.
    pub(crate) fn new(model: Model<'a>, memory: &'a mut [u8]) -> Option<Self> {
        if !CHOICE {
            return None;
        }
        let record = model.choice()?;
        let (paths, elements) = (usize::from(record.paths), model.latent_elements());
        let symbols = usize::from(model.header().symbols_per_hop);
        let (costs, memory) = memory.split_at_mut_checked(2 * paths * 8)?;
        let (picks, memory) = memory.split_at_mut_checked(paths * 4)?;
        let (latents, memory) = memory.split_at_mut_checked(2 * paths * elements * 2)?;
        let (codes, memory) = memory.split_at_mut_checked(2 * paths * symbols * 2)?;
        let (weighted, _) = memory.split_at_mut_checked(elements * 2)?;
        Some(Self {
            model,
            record,
            costs: bytemuck::try_cast_slice_mut(costs).ok()?,
            picks: bytemuck::try_cast_slice_mut(picks).ok()?,
            latents: bytemuck::try_cast_slice_mut(latents).ok()?,
            codes: bytemuck::try_cast_slice_mut(codes).ok()?,
            weighted: bytemuck::try_cast_slice_mut(weighted).ok()?,
            elements,
            symbols,
            alive: 0,
            found: 0,
            half: 0,
        })
    }

    /// Begins with the latents of a hop, `[rows, row_elements]`.
    pub(crate) fn begin(&mut self, latents: &[i16]) {
        (self.alive, self.found, self.half) = (1, 0, 0);
        if let Some(cost) = self.costs.first_mut() {
            *cost = 0;
        }
        self.latents.iter_mut().zip(latents).for_each(|(to, from)| *to = *from);
        self.codes.iter_mut().take(self.symbols).for_each(|code| *code = 0);
    }

    /// Paths that lead to the next symbol.
    pub(crate) fn alive(&self) -> usize {
        self.alive
    }

    /// Follows one path to every code of a symbol.
    pub(crate) fn expand(&mut self, prior: &mut Prior<'_>, index: usize, symbol: &Symbol, path: usize) {
        let most = usize::from(self.record.paths);
        let lambda = i64::from(self.record.lambda(prior.quality()));
        let place = self.half * most + path;
        let codes = self.codes.get(place * self.symbols..).and_then(|rest| rest.get(..self.symbols));
        let distribution = prior.index_distribution(&self.model, index, symbol, codes.unwrap_or_default());
        let base = self.costs.get(path).copied().unwrap_or(0);
        let channels = usize::from(symbol.channels);
        let latent = self.latents.get(place * self.elements + first_element(&self.model, symbol)..).unwrap_or_default();
        let weights = self.model.choice_weights(&self.record, symbol).chunks_exact(2);
        let weighted = self.weighted.get_mut(..channels).unwrap_or_default();
        for ((to, z), weight) in weighted.iter_mut().zip(latent).zip(weights) {
            *to = ((i32::from(*z) * i32::from(u16_at(weight, 0))) >> 15) as i16;
        }
        let words = channels.div_ceil(2);
        // `max` changes nothing, but shows the compiler that `chunks_exact` cannot panic.
        let blocks = self.model.symbol_table(symbol).chunks_exact((16 + 16 * words).max(16));
        let mut starts = self.model.choice_starts(&self.record, index, symbol).chunks_exact(16);
        let found = &mut self.found;
        let kept = self.costs.get_mut(most..).unwrap_or_default();
        let mut code = 0;
        // `zip` would divide by a length that the compiler no longer knows not to be zero.
        for block in blocks {
            let Some(starts) = starts.next() else { break };
            let components = block.get(16..).unwrap_or_default();
            let first = [0, 4, 8, 12].map(|at| i32_at(starts, at));
            for score in block_scores(components, weighted, first) {
                let least = base + i64::from(score);
                // Bits only add to it.
                if code < symbol.alphabet && is_wanted(kept, *found, least) {
                    let cost = least + lambda * i64::from(distribution.cost(code));
                    insert(kept, self.picks, found, cost, (path as u32) << 16 | u32::from(code));
                }
                code += 1;
            }
        }
    }

    /// Takes the best of what was found for a symbol for the paths to the next one.
    pub(crate) fn keep(&mut self, index: usize, symbol: &Symbol) {
        let most = usize::from(self.record.paths);
        let first = first_element(&self.model, symbol);
        let (now, next) = (self.half * most, (1 - self.half) * most);
        for (place, pick) in self.picks.iter().take(self.found).enumerate() {
            let (from, to) = (now + (pick >> 16) as usize, next + place);
            copy(self.latents, from * self.elements, to * self.elements, self.elements);
            copy(self.codes, from * self.symbols, to * self.symbols, self.symbols);
            let code = *pick as u16;
            let latent = self.latents.get_mut(to * self.elements + first..).unwrap_or_default();
            let latent = latent.get_mut(..usize::from(symbol.channels)).unwrap_or_default();
            Native::subtract_vector(self.model.symbol_table(symbol), code, latent);
            if let Some(chosen) = self.codes.get_mut(to * self.symbols + index) {
                *chosen = code;
            }
        }
        copy(self.costs, most, 0, self.found);
        (self.alive, self.found, self.half) = (self.found, 0, 1 - self.half);
    }

    /// The codes of the best path.
    pub(crate) fn best(&self) -> &[u16] {
        let place = self.half * usize::from(self.record.paths) * self.symbols;
        self.codes.get(place..).and_then(|rest| rest.get(..self.symbols)).unwrap_or_default()
    }
}

/// Whether a cost is among the least, of which `found` are known and there is room for as many as `kept` holds.
fn is_wanted(kept: &[i64], found: usize, cost: i64) -> bool {
    found < kept.len() || kept.last().is_none_or(|worst| cost < *worst)
}

/// Puts a cost in its place among those found, behind equal ones, if it is wanted.
fn insert(kept: &mut [i64], picks: &mut [u32], found: &mut usize, cost: i64, pick: u32) {
    if !is_wanted(kept, *found, cost) {
        return;
    }
    *found = (*found + 1).min(kept.len());
    let place = kept.iter().take(*found - 1).take_while(|before| **before <= cost).count();
    let (mut cost, mut pick) = (cost, pick);
    for (kept, picked) in kept.iter_mut().zip(picks).take(*found).skip(place) {
        core::mem::swap(kept, &mut cost);
        core::mem::swap(picked, &mut pick);
    }
}

/// Runs are a few elements long: a loop in place takes fewer instructions and bytes than calls of `kernels::memory::move_within`, a twentieth of the
/// demo's encoder.
fn copy<T: Copy>(values: &mut [T], from: usize, to: usize, count: usize) {
    for (from, to) in (from..).zip(to..).take(count) {
        if let Some(value) = values.get(from).copied()
            && let Some(place) = values.get_mut(to)
        {
            *place = value;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_are_kept_in_order_and_equal_ones_in_the_order_they_came() {
        let (mut kept, mut picks, mut found) = ([0; 3], [0; 3], 0);
        for (pick, cost) in [(0, 7), (1, 3), (2, 9), (3, 7), (4, 3), (5, 9), (6, 3), (7, 3)] {
            insert(&mut kept, &mut picks, &mut found, cost, pick);
        }
        assert_eq!((kept, picks, found), ([3, 3, 3], [1, 4, 6], 3));
        let mut found = 0;
        insert(&mut kept[..1], &mut picks, &mut found, 5, 9);
        insert(&mut kept[..1], &mut picks, &mut found, 5, 8);
        assert_eq!((kept[0], picks[0], found), (5, 9, 1));
    }
}
