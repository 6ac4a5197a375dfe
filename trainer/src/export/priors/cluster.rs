//! Grouping what is seen before a symbol, so that each group predicts the symbol by one row.

use super::histogram::{Histogram, costs};

/// Rounds of assignment; the code length has then settled.
const ROUNDS: usize = 8;
/// By how many counts a group's probabilities are drawn towards the average.
const WEIGHT: f64 = 4.0;

/// What was counted behind each of many things seen: their entries and how often, sparsely.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Joint {
    entries: usize,
    items: Vec<Vec<(u16, f64)>>,
}

impl Joint {
    /// Counts pairs of a thing seen, below `seen`, and an entry, below `entries`.
    pub(super) fn new(seen: usize, entries: usize, pairs: impl Iterator<Item = (usize, u16)>) -> Self {
        let mut keys: Vec<(usize, u16)> = pairs.collect();
        keys.sort_unstable();
        let mut items = vec![Vec::new(); seen];
        for run in keys.chunk_by(|a, b| a == b) {
            items[run[0].0].push((run[0].1, run.len() as f64));
        }
        Self { entries, items }
    }

    /// Bits by which what is seen shortens the code of the entries, if their frequencies are learned on the way: what
    /// chance alone would show is not in it.
    pub(super) fn information(&self) -> f64 {
        let average = self.grouped(&vec![0; self.items.len()], 1)[0].plain_probabilities();
        let learned = |expected: f64, count: f64| -> f64 {
            (0..count as usize).map(|before| ((WEIGHT * expected + before as f64) / expected).log2()).sum()
        };
        let bits = |item: &Vec<(u16, f64)>| -> f64 {
            let total = item.iter().map(|(_, count)| count).sum();
            let entries: f64 = item.iter().map(|(entry, count)| learned(average[usize::from(*entry)], *count)).sum();
            entries - learned(1.0, total)
        };
        self.items.iter().map(bits).sum()
    }

    /// The counts of every group.
    pub(super) fn grouped(&self, groups: &[u8], count: usize) -> Vec<Histogram> {
        let mut histograms = vec![Histogram::new(self.entries); count];
        for (item, group) in self.items.iter().zip(groups) {
            item.iter().for_each(|(entry, count)| histograms[usize::from(*group)].count(*entry, *count));
        }
        histograms
    }

    /// Puts everything seen into at most `count` groups so that the entries' code becomes short. Gives each one's group.
    ///
    /// Lloyd's method: a group is its histogram, the distance the code length. What was never seen joins what is near it in number.
    pub(super) fn cluster(&self, count: usize) -> Vec<u8> {
        let average = self.grouped(&vec![0; self.items.len()], 1)[0].plain_probabilities();
        let mut order: Vec<usize> = (0..self.items.len()).filter(|item| !self.items[*item].is_empty()).collect();
        order.sort_by(|a, b| self.size(*b).total_cmp(&self.size(*a)));
        let mut groups = vec![0u8; self.items.len()];
        // The most frequent items are the first groups, the others join by order of frequency.
        let mut prices: Vec<Vec<f64>> = order.iter().take(count).map(|seed| self.prices(*seed, &average)).collect();
        for _ in 0..ROUNDS {
            let before = groups.clone();
            for item in &order {
                groups[*item] = self.nearest(*item, &prices);
            }
            let histograms = self.grouped(&groups, prices.len());
            prices = histograms.iter().map(|histogram| costs(&histogram.probabilities(&average, WEIGHT))).collect();
            if groups == before {
                break;
            }
        }
        self.fill_unseen(&mut groups);
        groups
    }

    fn size(&self, item: usize) -> f64 {
        self.items[item].iter().map(|(_, count)| count).sum()
    }

    fn prices(&self, item: usize, average: &[f64]) -> Vec<f64> {
        let mut histogram = Histogram::new(self.entries);
        self.items[item].iter().for_each(|(entry, count)| histogram.count(*entry, *count));
        costs(&histogram.probabilities(average, WEIGHT))
    }

    fn nearest(&self, item: usize, prices: &[Vec<f64>]) -> u8 {
        let bits = |prices: &Vec<f64>| -> f64 {
            self.items[item].iter().map(|(entry, count)| count * prices[usize::from(*entry)]).sum()
        };
        let best = prices.iter().map(bits).enumerate().min_by(|a, b| a.1.total_cmp(&b.1));
        best.map_or(0, |(group, _)| group as u8)
    }

    /// Gives what was never seen the group of the nearest neighbour that was: numbers are often sizes.
    fn fill_unseen(&self, groups: &mut [u8]) {
        let seen: Vec<usize> = (0..groups.len()).filter(|item| !self.items[*item].is_empty()).collect();
        for item in 0..groups.len() {
            if let Some(neighbour) = seen.iter().min_by_key(|neighbour| neighbour.abs_diff(item)) {
                groups[item] = groups[*neighbour];
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Forty things seen, the even ones before entries 0 and 1, the odd ones before 2 and 3, one never.
    fn parities() -> Joint {
        let pairs = (0..4000usize).map(|i| (i % 40, (i % 2 * 2 + i / 40 % 2) as u16)).filter(|(seen, _)| *seen != 17);
        Joint::new(40, 4, pairs)
    }

    #[test]
    fn things_that_predict_the_same_are_grouped() {
        let groups = parities().cluster(2);
        assert!((2..40).filter(|seen| *seen != 17).all(|seen| groups[seen] == groups[seen % 2]));
        assert_ne!(groups[0], groups[1]);
        assert_eq!(groups[17], groups[16], "what was never seen goes with its neighbour");
    }

    #[test]
    fn information_is_a_bit_per_symbol_where_parity_is_known_and_none_where_all_is_chance() {
        // A hundred counts of each thing seen: learning its four entries costs about 14 of the hundred bits.
        let known = parities().information() / 3900.0;
        assert!((0.8..1.0).contains(&known), "{known}");
        let mut state = 1u64;
        let mut draw = |below: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 33) % below
        };
        let chance = Joint::new(64, 64, (0..4000).map(|_| (draw(64) as usize, draw(64) as u16)));
        assert!(chance.information() < 0.0, "{}", chance.information() / 4000.0);
    }
}
