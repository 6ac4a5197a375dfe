//! Logarithms of what codes weigh against each other, as starts of a row.

use super::logistic::MANTISSAS;
use crate::coder::range::MAX_TOTAL_BITS;
use crate::kernels::quotient;

/// Of the sum of weights so many bits count behind the leading one.
const SUM_BITS: u32 = 14;

/// Makes a row of 16-bit starts, little-endian, of logarithms to base 2 in 1/2048. Every code gets an interval of `0..2^15`.
///
/// Logarithms are rounded to eighths, which costs a code less than 1/1000 bit. There is one division for all codes.
pub(crate) fn starts(row: &mut [i16]) {
    let most = row.iter().copied().max().unwrap_or(0);
    let mut sum = 0;
    for value in row.iter_mut() {
        // In eighths below the likeliest code.
        let below = ((i32::from(most) - i32::from(*value) + 128) >> 8) as u32;
        let mantissa = MANTISSAS.get((below & 7) as usize).copied().unwrap_or(0);
        let weight = mantissa >> ((below >> 3) + 1).min(15);
        *value = weight as i16;
        sum += u32::from(weight);
    }
    let coarse = sum.checked_ilog2().unwrap_or(0).saturating_sub(SUM_BITS);
    let room = (1u32 << MAX_TOTAL_BITS).saturating_sub(row.len() as u32);
    let factor = quotient(room << 16, sum >> coarse);
    let mut before = 0u32;
    for (start, code) in row.iter_mut().zip(0u32..) {
        let weight = *start as u32;
        let share = (before >> coarse).wrapping_mul(factor) >> 16;
        *start = ((code + share) as i16).to_le();
        before += weight;
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use proptest::collection::vec;
    use proptest::prelude::*;
    use std::vec::Vec;

    use super::*;

    proptest! {
        #[test]
        fn starts_rise_from_zero_and_shares_are_those_of_the_logarithms(logarithms in vec(-6000i16..6000, 2..300)) {
            let mut row = logarithms.clone();
            starts(&mut row);
            let starts: Vec<u32> = row.iter().map(|start| u32::from(u16::from_le(*start as u16))).collect();
            prop_assert_eq!(starts[0], 0);
            prop_assert!(starts.windows(2).all(|pair| pair[0] < pair[1]) && starts[starts.len() - 1] < 1 << 15);
            let weights: Vec<f64> = logarithms.iter().map(|value| (f64::from(*value) / 2048.0).exp2()).collect();
            let sum: f64 = weights.iter().sum();
            let ends = starts.iter().skip(1).copied().chain([1 << 15]);
            let loss: f64 = (weights.iter().zip(starts.iter().zip(ends)))
                .map(|(weight, (start, end))| {
                    let share = weight / sum;
                    share * (share / (f64::from(end - start) / 32768.0)).log2()
                })
                .sum();
            // Among 300 codes a hundredth of all goes to the one that each of them has for sure.
            prop_assert!((-1e-9..0.02).contains(&loss), "{loss} bits");
        }

        #[test]
        fn any_logarithms_give_every_code_an_interval(logarithms in vec(any::<i16>(), 1..4097)) {
            let mut row = logarithms;
            starts(&mut row);
            let starts: Vec<u16> = row.iter().map(|start| u16::from_le(*start as u16)).collect();
            prop_assert!(starts[0] == 0 && starts.windows(2).all(|pair| pair[0] < pair[1]));
            prop_assert!(starts[starts.len() - 1] < 1 << 15);
        }
    }
}
