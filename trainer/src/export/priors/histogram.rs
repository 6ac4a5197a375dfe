//! Counts, probabilities and code lengths.

use vq_core::model::records::{Symbol, SymbolKind};

/// Counts of a symbol's entries.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Histogram(Vec<f64>);

impl Histogram {
    pub(super) fn new(entries: usize) -> Self {
        Self(vec![0.0; entries])
    }

    pub(super) fn count(&mut self, entry: u16, times: f64) {
        self.0[usize::from(entry)] += times;
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.0.iter_mut().zip(&other.0).for_each(|(sum, count)| *sum += count);
    }

    pub(super) fn total(&self) -> f64 {
        self.0.iter().sum()
    }

    /// Probabilities, drawn towards `expected` with the weight of this many counts.
    pub(super) fn probabilities(&self, expected: &[f64], weight: f64) -> Vec<f64> {
        let total = self.total() + weight;
        self.0.iter().zip(expected).map(|(count, expected)| (count + weight * expected) / total).collect()
    }

    /// Probabilities without any expectation: as if half of every entry had been counted once more.
    pub(super) fn plain_probabilities(&self) -> Vec<f64> {
        let even = 1.0 / self.0.len() as f64;
        self.probabilities(&vec![even; self.0.len()], 0.5 * self.0.len() as f64)
    }

    /// Bits of what was counted, at these costs per entry.
    pub(super) fn bits(&self, costs: &[f64]) -> f64 {
        self.0.iter().zip(costs).filter(|(count, _)| **count > 0.0).map(|(count, cost)| count * cost).sum()
    }
}

/// What each entry costs at these probabilities, in bits.
pub(super) fn costs(probabilities: &[f64]) -> Vec<f64> {
    probabilities.iter().map(|p| -p.log2()).collect()
}

/// The codes that have entries of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Window {
    /// The code of the first entry.
    pub(super) first: u16,
    /// Entries; those of an integer latent include an escape for all other codes.
    pub(super) entries: usize,
    escape: bool,
}

/// Most entries of an integer latent, less the escape.
const MOST_ENTRIES: u16 = 255;
/// Share of an integer latent's codes that may need the escape, on each side.
const ESCAPED_SHARE: f64 = 0.0005;

impl Window {
    /// The window of a symbol: all of an alphabet, or where an integer latent's codes are.
    pub(super) fn new(symbol: &Symbol, codes: impl Iterator<Item = u16>) -> Self {
        if symbol.kind == SymbolKind::Index {
            return Self { first: 0, entries: usize::from(symbol.codes()), escape: false };
        }
        let mut sorted: Vec<u16> = codes.collect();
        sorted.sort_unstable();
        let zero = symbol.integer_limit() as u16;
        let outside = (sorted.len() as f64 * ESCAPED_SHARE) as usize;
        let low = sorted.get(outside).copied().unwrap_or(zero);
        let high = sorted.get(sorted.len().wrapping_sub(outside + 1)).copied().unwrap_or(zero).max(low);
        let middle = low + (high - low) / 2;
        let first = low.max(middle.saturating_sub(MOST_ENTRIES / 2));
        let own = (high - first + 1).min(MOST_ENTRIES);
        Self { first, entries: usize::from(own) + 1, escape: true }
    }

    /// The entry of a code.
    pub(super) fn entry(&self, code: u16) -> u16 {
        code.wrapping_sub(self.first).min(self.entries as u16 - 1)
    }

    /// The place of a code in a class map over this window.
    pub(super) fn place(&self, code: u16) -> u16 {
        code.saturating_sub(self.first).min(self.places() as u16 - 1)
    }

    /// Places of a class map: the entries that are not an escape.
    pub(super) fn places(&self) -> usize {
        self.entries - usize::from(self.escape)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn latent() -> Symbol {
        Symbol { kind: SymbolKind::Integer, bits: 12, stage: 0, row: 0, first: 0, channels: 1, alphabet: 0, table: 0 }
    }

    #[test]
    fn a_window_lies_where_the_codes_are() {
        let zero = latent().integer_limit() as u16;
        let codes = (0..10_000u16).map(|i| if i == 77 { 4000 } else { zero - 5 + i % 11 });
        let window = Window::new(&latent(), codes);
        assert_eq!((window.first, window.entries, window.places()), (zero - 5, 12, 11));
        assert_eq!([zero - 6, zero - 5, zero + 5, zero + 6].map(|code| window.entry(code)), [11, 0, 10, 11]);
        assert_eq!([0, zero, 4000].map(|code| window.place(code)), [0, 5, 10]);
    }

    #[test]
    fn a_window_over_a_wide_range_is_cut_around_its_middle() {
        let window = Window::new(&latent(), 0..4095);
        assert_eq!(window.entries, 256);
        assert!((1900..1950).contains(&window.first));
        let nothing = Window::new(&latent(), std::iter::empty());
        assert_eq!((nothing.first, nothing.entries), (2047, 2));
    }
}
