//! Probabilities as integer frequencies of a power-of-two total.

use vq_core::model::priors::cost_bits;

/// The total of every row is 2 to this.
pub(super) const TOTAL_BITS: u8 = 15;

/// Frequencies of a row's entries: at least 1 each, in sum the total.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row(Vec<u32>);

impl Row {
    /// The frequencies nearest to these probabilities.
    pub(super) fn new(probabilities: &[f64]) -> Self {
        let total = 1i64 << TOTAL_BITS;
        let mut frequencies: Vec<i64> =
            probabilities.iter().map(|p| ((p * total as f64).round() as i64).max(1)).collect();
        let mut missing = total - frequencies.iter().sum::<i64>();
        while missing != 0 {
            // Where the frequency is largest a change costs least.
            let Some(largest) = frequencies.iter_mut().max() else { break };
            let step = missing.clamp(-(*largest / 8).max(1), (*largest / 8).max(1));
            *largest += step;
            missing -= step;
        }
        Self(frequencies.into_iter().map(|frequency| frequency as u32).collect())
    }

    /// Where each entry's interval starts.
    pub(super) fn starts(&self) -> Vec<u16> {
        let start = |sum: &mut u32, frequency: &u32| {
            let start = *sum as u16;
            *sum += frequency;
            Some(start)
        };
        self.0.iter().scan(0, start).collect()
    }

    /// What each entry costs, in bits.
    pub(super) fn costs(&self) -> Vec<f64> {
        self.0.iter().map(|frequency| f64::from(TOTAL_BITS) - f64::from(*frequency).log2()).collect()
    }

    /// The most that an entry costs, whole bits, the last one with `escape` bits behind it.
    pub(super) fn worst_bits(&self, escape: u8) -> u8 {
        let last = self.0.len() - 1;
        let cost = |(entry, frequency): (usize, &u32)| {
            cost_bits(*frequency, TOTAL_BITS) + if entry == last { escape } else { 0 }
        };
        self.0.iter().enumerate().map(cost).max().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn frequencies_add_up_and_none_is_zero(weights in prop::collection::vec(0u32..1_000_000, 1..4097)) {
            let sum = weights.iter().map(|w| f64::from(*w)).sum::<f64>().max(1.0);
            let probabilities: Vec<f64> = weights.iter().map(|w| f64::from(*w) / sum).collect();
            let row = Row::new(&probabilities);
            prop_assert_eq!(row.0.iter().sum::<u32>(), 1 << TOTAL_BITS);
            prop_assert!(row.0.iter().all(|frequency| *frequency > 0));
            prop_assert!(row.starts().windows(2).all(|pair| pair[0] < pair[1]));
        }
    }

    #[test]
    fn frequencies_are_near_the_probabilities() {
        let row = Row::new(&[0.5, 0.25, 0.25 - 1e-9, 1e-9]);
        assert_eq!(row.0, [16_383, 8192, 8192, 1]);
        assert_eq!((row.worst_bits(0), row.worst_bits(12)), (15, 27));
    }
}
