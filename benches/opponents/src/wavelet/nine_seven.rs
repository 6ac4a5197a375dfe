//! Cohen–Daubechies–Feauveau 9/7 (`bior4.4` in PyWavelets), by lifting, over a signal that is
//! taken as periodic.
//!
//! A level splits a signal into its even samples, the low band, and its odd ones, the high band, and lets each change the
//! other four times (Daubechies and Sweldens, *Factoring wavelet transforms into lifting steps*, 1998). A step changes one
//! half by a function of the other, so running the steps backwards undoes them whatever their weights are.
//!
//! A signal of odd length is extended by repeating its last sample, at every level, as PyWavelets does in its mode
//! `periodization`: a signal of n samples becomes two bands of ⌈n / 2⌉.

use super::SPLITS;

/// Weights of the lifting steps: the odd samples change first, then the even ones, in turn.
const WEIGHTS: [f64; 4] =
    [-1.586_134_342_059_924, -0.052_980_118_572_961, 0.882_911_075_530_934, 0.443_506_852_043_971];

/// What makes the bands as loud as the signal: the low band times this, the high band divided by it.
const GAIN: f64 = 1.149_604_398_860_241;

/// The bands of a signal, coarsest first: the low band of the last split, then the high bands from the last split to the
/// first.
pub(super) fn forward(signal: &[f64]) -> Vec<Vec<f64>> {
    let mut low = signal.to_vec();
    let mut bands = Vec::with_capacity(SPLITS + 1);
    for _ in 0..SPLITS {
        let high;
        (low, high) = split(&low);
        bands.push(high);
    }
    bands.push(low);
    bands.reverse();
    bands
}

/// The signal of `length` samples whose bands these are.
pub(super) fn inverse(bands: &[Vec<f64>], length: usize) -> Vec<f64> {
    let Some((coarsest, details)) = bands.split_first() else { return Vec::new() };
    let mut low = coarsest.clone();
    for high in details {
        // Where the next finer signal had an odd length, merging gave one sample more.
        low.truncate(high.len());
        low = merge(low, high.clone());
    }
    low.truncate(length);
    low
}

fn split(signal: &[f64]) -> (Vec<f64>, Vec<f64>) {
    let mut low: Vec<f64> = signal.iter().step_by(2).copied().collect();
    let mut high: Vec<f64> = signal.chunks(2).map(|pair| pair[pair.len() - 1]).collect();
    for weights in WEIGHTS.chunks_exact(2) {
        lift_high(&mut high, &low, weights[0]);
        lift_low(&mut low, &high, weights[1]);
    }
    low.iter_mut().for_each(|value| *value *= GAIN);
    high.iter_mut().for_each(|value| *value /= GAIN);
    (low, high)
}

fn merge(mut low: Vec<f64>, mut high: Vec<f64>) -> Vec<f64> {
    low.iter_mut().for_each(|value| *value /= GAIN);
    high.iter_mut().for_each(|value| *value *= GAIN);
    for weights in WEIGHTS.chunks_exact(2).rev() {
        lift_low(&mut low, &high, -weights[1]);
        lift_high(&mut high, &low, -weights[0]);
    }
    low.into_iter().zip(high).flat_map(|(even, odd)| [even, odd]).collect()
}

/// Adds to every odd sample its two even neighbours, weighted; after the last one comes the first.
fn lift_high(high: &mut [f64], low: &[f64], weight: f64) {
    for (index, value) in high.iter_mut().enumerate() {
        *value += weight * (low[index] + low[(index + 1) % low.len()]);
    }
}

/// Adds to every even sample its two odd neighbours, weighted; before the first one comes the last.
fn lift_low(low: &mut [f64], high: &[f64], weight: f64) {
    for (index, value) in low.iter_mut().enumerate() {
        *value += weight * (high[(index + high.len() - 1) % high.len()] + high[index]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The analysis filters as they are published, from the middle outwards; the sign of the high one is a convention.
    const LOW: [f64; 5] = [0.852_698_679, 0.377_402_856, -0.110_624_404, -0.023_849_465, 0.037_828_456];
    const HIGH: [f64; 4] = [0.788_485_616, -0.418_092_273, -0.040_689_418, 0.064_538_883];

    /// A published filter around every second sample of a periodic signal.
    fn filtered(signal: &[f64], filter: &[f64], first: usize) -> Vec<f64> {
        let at = |index: isize| signal[index.rem_euclid(signal.len() as isize) as usize];
        let around = |middle: isize| {
            let sides = filter.iter().zip(0..).skip(1);
            let sides: f64 = sides.map(|(tap, distance)| tap * (at(middle - distance) + at(middle + distance))).sum();
            filter[0] * at(middle) + sides
        };
        (first..signal.len()).step_by(2).map(|middle| around(middle as isize)).collect()
    }

    fn close(found: &[f64], expected: &[f64], tolerance: f64) -> bool {
        found.len() == expected.len() && found.iter().zip(expected).all(|(a, b)| (a - b).abs() <= tolerance)
    }

    proptest! {
        #[test]
        fn any_signal_of_any_length_comes_back(signal in prop::collection::vec(-1e4..1e4_f64, 0..400)) {
            let bands = forward(&signal);
            prop_assert_eq!(bands.len(), SPLITS + 1);
            prop_assert!(close(&inverse(&bands, signal.len()), &signal, 1e-8));
        }

        #[test]
        fn lifting_is_the_published_filters(halves in prop::collection::vec((-1e2..1e2_f64, -1e2..1e2_f64), 1..40)) {
            let signal: Vec<f64> = halves.into_iter().flat_map(|(even, odd)| [even, odd]).collect();
            let (low, high) = split(&signal);
            prop_assert!(close(&low, &filtered(&signal, &LOW, 0), 1e-6));
            prop_assert!(close(&high, &filtered(&signal, &HIGH, 1), 1e-6));
        }

        #[test]
        fn an_odd_signal_is_split_as_if_its_last_sample_came_twice(mut signal in prop::collection::vec(-1e2..1e2_f64, 1..80)) {
            if signal.len().is_multiple_of(2) {
                signal.pop();
            }
            let odd = split(&signal);
            signal.push(signal[signal.len() - 1]);
            prop_assert_eq!(odd, split(&signal));
        }
    }

    #[test]
    fn band_lengths_are_halves_rounded_up() {
        let lengths: Vec<usize> = forward(&[0.0; 21_599]).iter().map(Vec::len).collect();
        assert_eq!(lengths, [338, 338, 675, 1350, 2700, 5400, 10_800]);
    }

    #[test]
    fn the_high_band_of_a_cubic_is_empty_inside() {
        let cubic: Vec<f64> = (0..64).map(|time| (f64::from(time) - 30.0) / 10.0).map(|t| t * t * t - t).collect();
        let (_, high) = split(&cubic);
        assert!(high[2..29].iter().all(|value| value.abs() < 1e-9), "{high:?}");
        assert!(high[31].abs() > 1.0, "the period's seam is a jump: {}", high[31]);
    }
}
