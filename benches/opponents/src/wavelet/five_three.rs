//! The reversible 5/3 wavelet of JPEG 2000 by integer lifting, over a signal that is taken as periodic.
//!
//! Odd samples lose the mean of their even neighbours, even ones gain a quarter of their odd neighbours, both rounded, so that undoing the
//! steps gives the integers back. A signal of odd length repeats its last sample, at every level.

use super::{BANDS, SPLITS};

/// The bands of a signal, coarsest first.
pub(super) fn forward(signal: &[i64]) -> Vec<Vec<i64>> {
    let mut low = signal.to_vec();
    let mut bands = Vec::with_capacity(BANDS);
    for _ in 0..SPLITS {
        let mut high: Vec<i64> = low.chunks(2).map(|pair| pair[pair.len() - 1]).collect();
        low = low.iter().step_by(2).copied().collect();
        change_high(&mut high, &low, -1);
        change_low(&mut low, &high, 1);
        bands.push(high);
    }
    bands.push(low);
    bands.reverse();
    bands
}

/// The signal of `length` samples whose bands these are.
pub(super) fn inverse(bands: &[Vec<i64>], length: usize) -> Vec<i64> {
    let Some((coarsest, details)) = bands.split_first() else { return Vec::new() };
    let mut low = coarsest.clone();
    for detail in details {
        let mut high = detail.clone();
        // Where the next finer signal had an odd length, merging gave one sample more.
        low.truncate(high.len());
        change_low(&mut low, &high, -1);
        change_high(&mut high, &low, 1);
        low = low.into_iter().zip(high).flat_map(|(even, odd)| [even, odd]).collect();
    }
    low.truncate(length);
    low
}

fn change_high(high: &mut [i64], low: &[i64], sign: i64) {
    for (index, value) in high.iter_mut().enumerate() {
        *value += sign * ((low[index] + low[(index + 1) % low.len()]) >> 1);
    }
}

fn change_low(low: &mut [i64], high: &[i64], sign: i64) {
    for (index, value) in low.iter_mut().enumerate() {
        *value += sign * ((high[(index + high.len() - 1) % high.len()] + high[index] + 2) >> 2);
    }
}

/// By how much an error in each band is magnified in the signal: the Euclidean length of what a coefficient of 1 becomes.
pub(super) fn gains() -> [f64; BANDS] {
    const LENGTH: usize = 16 << SPLITS;
    const SCALE: f64 = (1u64 << 30) as f64;
    std::array::from_fn(|band| {
        let mut bands = forward(&[0; LENGTH]);
        let middle = bands[band].len() / 2;
        bands[band][middle] = SCALE as i64;
        let signal = inverse(&bands, LENGTH);
        signal.iter().map(|&value| (value as f64 / SCALE).powi(2)).sum::<f64>().sqrt()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_signal_of_any_length_comes_back(signal in prop::collection::vec(any::<i32>().prop_map(i64::from), 0..400)) {
            prop_assert_eq!(inverse(&forward(&signal), signal.len()), signal);
        }
    }

    #[test]
    fn a_ramp_has_no_details_inside() {
        let ramp: Vec<i64> = (0..640).collect();
        let bands = forward(&ramp);
        assert!(bands[BANDS - 1][..300].iter().all(|&value| value == 0));
    }

    #[test]
    fn gains_are_those_of_the_published_filters() {
        // The synthesis filters of one level: low (1/2, 1, 1/2), high (−1/8, −1/4, 3/4, −1/4, −1/8).
        let low = (1.0f64 + 2.0 * 0.25).sqrt();
        let high = (0.75f64.powi(2) + 2.0 * 0.25f64.powi(2) + 2.0 * 0.125f64.powi(2)).sqrt();
        let gains = gains();
        assert!((gains[BANDS - 1] - high).abs() < 1e-6, "{gains:?}");
        assert!(gains[0] > low && gains.windows(2).all(|pair| pair[0] >= pair[1] * 0.9), "{gains:?}");
    }
}
