//! Hosts of x86-64, with the feature `std`: AVX2 where the processor has it, asked at run time, and the definition elsewhere.
//!
//! Convolutions, products, sums and gates are what a decoder spends its time on; everything else is the definition's.

mod convolution;
mod pointwise;

use core::arch::x86_64::{__m128i, _mm_max_epi16, _mm_setzero_si128, _mm_srai_epi16};

use super::portable::{self, Integer};
use super::{Columns, Kernels, Windows};
use crate::model::records::{Activation, Layer};

extern crate std;

/// The integer arithmetic of the numeric contract, in the instructions of the processor at hand.
#[derive(Debug, Clone, Copy)]
pub struct Host;

/// A convolution whose windows, weights and rows are known to lie inside the slices they are read from and written to.
struct Convolution<'a> {
    /// Number of windows, at least 1.
    count: usize,
    /// Elements from one window to the next.
    step: usize,
    /// Groups of four taps in a window, at least 1.
    groups: usize,
    /// Outputs per window, at least 1.
    outputs: usize,
    /// `(count − 1) · step + 4 · groups` elements or more.
    input: &'a [i16],
    /// Whole blocks for all outputs.
    stream: &'a [u8],
    /// `count · outputs` elements or more.
    output: &'a mut [i16],
}

impl<'a> Convolution<'a> {
    /// `None` where a size is zero or out of bounds.
    #[inline(always)]
    fn new(windows: &Windows, input: &'a [i16], stream: &'a [u8], output: &'a mut [i16]) -> Option<Self> {
        let Windows { count, step, taps, outputs } = *windows;
        let groups = taps.div_ceil(4);
        let read = count.checked_sub(1)?.checked_mul(step)?.checked_add(groups.checked_mul(4)?)?;
        let weights =
            outputs.div_ceil(4).checked_mul(portable::BLOCK_OVERHEAD.checked_add(groups.checked_mul(16)?)?)?;
        let inside = groups != 0
            && outputs != 0
            && read <= input.len()
            && weights <= stream.len()
            && count.checked_mul(outputs)? <= output.len();
        inside.then_some(Self { count, step, groups, outputs, input, stream, output })
    }
}

/// The gates of a recurrent cell, as [`definition`](super::gates::definition) defines them.
#[inline]
pub(super) fn gates(products: &[i16], state: &mut [i16]) {
    if std::is_x86_feature_detected!("avx2") {
        // SAFETY: the processor has AVX2.
        return unsafe { pointwise::gates(products, state) };
    }
    super::gates::definition(products, state);
}

#[inline]
#[target_feature(enable = "avx2")]
fn activate(activation: Activation, values: __m128i) -> __m128i {
    match activation {
        Activation::Linear => values,
        Activation::Relu => _mm_max_epi16(values, _mm_setzero_si128()),
        Activation::LeakyRelu => _mm_max_epi16(values, _mm_srai_epi16::<3>(values)),
    }
}

impl Kernels for Host {
    type Element = i16;

    #[inline]
    fn convolution(windows: &Windows, activation: Activation, input: &[i16], stream: &[u8], output: &mut [i16]) {
        if std::is_x86_feature_detected!("avx2")
            && let Some(mut convolution) = Convolution::new(windows, input, stream, output)
        {
            // SAFETY: the processor has AVX2.
            return unsafe { convolution::convolution(&mut convolution, activation) };
        }
        Integer::convolution(windows, activation, input, stream, output);
    }

    fn depthwise(columns: &Columns, activation: Activation, input: &[i16], stream: &[u8], output: &mut [i16]) {
        Integer::depthwise(columns, activation, input, stream, output);
    }

    fn add(layer: &Layer, a: &[i16], b: &mut [i16]) {
        if std::is_x86_feature_detected!("avx2") {
            // SAFETY: the processor has AVX2.
            return unsafe { pointwise::add(layer, a, b) };
        }
        Integer::add(layer, a, b);
    }

    fn nearest(codebook: &[u8], alphabet: usize, latent: &[i16]) -> u16 {
        Integer::nearest(codebook, alphabet, latent)
    }

    single_latents_and_samples!();
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;
    use crate::kernels::gates::definition;
    use crate::model::records::Kind;

    /// What may be the value of a line: anything, and the extremes often.
    fn element() -> impl Strategy<Value = i16> {
        prop_oneof![4 => any::<i16>(), 1 => Just(i16::MIN), 1 => Just(i16::MAX), 1 => -3i16..=3]
    }

    fn activation() -> impl Strategy<Value = Activation> {
        prop_oneof![Just(Activation::Linear), Just(Activation::Relu), Just(Activation::LeakyRelu)]
    }

    proptest! {
        /// Whatever bytes a stream has, also such as no exporter writes; and inputs, weights and rows that are too short.
        #[test]
        fn convolutions_are_the_definition(
            count in 0usize..11,
            taps in 1usize..40,
            outputs in 0usize..50,
            step in 0usize..9,
            activation in activation(),
            (input, stream) in (vec(element(), 128), vec(any::<u8>(), 13 * (48 + 160))),
            cut in prop_oneof![3 => Just([128, usize::MAX, 0]), 1 => (0usize..128, 0usize..2700, 0usize..9).prop_map(|(a, b, c)| [a, b, c])],
        ) {
            let windows = Windows { count, step, taps, outputs };
            let (input, stream) = (&input[..cut[0]], &stream[..cut[1].min(stream.len())]);
            let mut expected = std::vec![77; (count * outputs).saturating_sub(cut[2]) + 3];
            let mut found = expected.clone();
            let room = expected.len() - 3;
            Integer::convolution(&windows, activation, input, stream, &mut expected[..room]);
            Host::convolution(&windows, activation, input, stream, &mut found[..room]);
            prop_assert_eq!(found, expected);
        }

        #[test]
        fn sums_are_the_definition(
            (a, b) in (vec(element(), 0..70), vec(element(), 0..70)),
            multiplier: i16,
            other_multiplier: i16,
            shift: u8,
            activation in activation(),
        ) {
            let layer = Layer { kind: Kind::Add, activation, multiplier, other_multiplier, shift, ..Layer::NEUTRAL };
            let (mut expected, mut found) = (b.clone(), b);
            Integer::add(&layer, &a, &mut expected);
            Host::add(&layer, &a, &mut found);
            prop_assert_eq!(found, expected);
        }

        #[test]
        fn gates_are_the_definition(products in vec(element(), 0..200), state in vec(element(), 0..33)) {
            prop_assume!(products.len() >= 6 * state.len() || products.len() < state.len());
            let (mut expected, mut found) = (state.clone(), state);
            definition(&products, &mut expected);
            gates(&products, &mut found);
            prop_assert_eq!(found, expected);
        }
    }
}
