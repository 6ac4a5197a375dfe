//! The definition of every integer kernel, in plain Rust: the host's form, and what all others are tested against.

use super::{Kernels, Windows};
use crate::bytes::{i32_at, u32_at};
use crate::model::records::{Activation, Layer, Scaling, Step};

/// The integer arithmetic of the numeric contract.
#[derive(Debug, Clone, Copy)]
pub struct Integer;

/// Bytes of the biases and requantizations of a block of four output channels.
pub(super) const BLOCK_OVERHEAD: usize = 48;

/// A 16-bit number, clamped.
fn saturate(value: i32) -> i16 {
    value.clamp(i32::from(i16::MIN), i32::from(i16::MAX)) as i16
}

/// `saturate16((acc·m + 2^(s−1)) >> s)`, exact as in 64 bits, for `packed = m << 16 | (s − 16)` and `round = 2^(s−17)`.
///
/// Dropping the product's low 16 bits first changes nothing, because the rounding term is a multiple of `2^16`.
#[must_use]
pub fn requantize(accumulator: i32, packed: u32, round: i32) -> i16 {
    let multiplier = i64::from(packed >> 16);
    let product = (i64::from(accumulator) * multiplier) >> 16;
    saturate((product as i32).wrapping_add(round) >> (packed & 31))
}

fn activate(activation: Activation, value: i16) -> i16 {
    match activation {
        Activation::Linear => value,
        Activation::Relu => value.max(0),
        Activation::LeakyRelu => value.max(value >> 3),
    }
}

/// Four output channels of one window. Words hold the weights of four taps in the order 0, 2, 1, 3, so that the dual
/// multiply-accumulate of the DSP cores finds its pairs by sign-extending even and odd bytes.
fn block_of_four(window: &[i16], block: &[u8], activation: Activation, outputs: &mut [i16]) {
    let mut accumulators = [0, 4, 8, 12].map(|at| i32_at(block, at));
    let (groups, requantizations) = block.split_at(block.len().saturating_sub(32));
    let groups = groups.get(16..).unwrap_or_default();
    for (x, group) in window.chunks_exact(4).zip(groups.chunks_exact(16)) {
        let &[x0, x1, x2, x3] = x else { continue };
        for (accumulator, word) in accumulators.iter_mut().zip(group.chunks_exact(4)) {
            let &[w0, w2, w1, w3] = word else { continue };
            let products = [(w0, x0), (w1, x1), (w2, x2), (w3, x3)];
            for (weight, value) in products {
                *accumulator = accumulator.wrapping_add(i32::from(weight as i8) * i32::from(value));
            }
        }
    }
    for ((output, accumulator), requantization) in
        outputs.iter_mut().zip(accumulators).zip(requantizations.chunks_exact(8))
    {
        let value = requantize(accumulator, u32_at(requantization, 0), i32_at(requantization, 4));
        *output = activate(activation, value);
    }
}

/// The words of vector `index` in a blocked codebook: pairs of negated components.
fn negated_words(codebook: &[u8], index: u16, channels: usize) -> impl Iterator<Item = [i16; 2]> + '_ {
    let words = channels.div_ceil(2);
    let block = usize::from(index / 4) * (16 + 16 * words);
    let lane = usize::from(index % 4) * 4;
    (0..words).map(move |word| {
        let packed = u32_at(codebook, block + 16 + word * 16 + lane);
        [packed as i16, (packed >> 16) as i16]
    })
}

/// The search of [`Kernels::nearest`] from block `first` on, where `best` is the index and score of the best vector before it.
pub(super) fn nearest_from(first: usize, best: (u16, i32), codebook: &[u8], alphabet: usize, latent: &[i16]) -> u16 {
    let words = latent.len().div_ceil(2);
    let (mut best, mut least) = best;
    // `max` changes nothing, but shows the compiler that neither `chunks_exact` nor `split_at` can panic.
    for (block, bytes) in codebook.chunks_exact((16 + 16 * words).max(16)).enumerate().skip(first) {
        let (norms, components) = bytes.split_at(16);
        let mut scores = [0, 4, 8, 12].map(|at| i32_at(norms, at));
        for (z, lanes) in latent.chunks(2).zip(components.chunks_exact(16)) {
            let z0 = i32::from(z.first().copied().unwrap_or(0));
            let z1 = i32::from(z.get(1).copied().unwrap_or(0));
            for (score, word) in scores.iter_mut().zip(lanes.chunks_exact(4)) {
                let packed = u32_at(word, 0);
                let (e0, e1) = (i32::from(packed as i16), i32::from((packed >> 16) as i16));
                *score = score.wrapping_add(z0 * e0).wrapping_add(z1 * e1);
            }
        }
        for (lane, score) in scores.into_iter().enumerate() {
            let index = block * 4 + lane;
            if score < least && index < alphabet {
                (best, least) = (index as u16, score);
            }
        }
    }
    best
}

impl Kernels for Integer {
    type Element = i16;

    fn convolution(windows: &Windows, activation: Activation, input: &[i16], stream: &[u8], output: &mut [i16]) {
        let padded = windows.taps.next_multiple_of(4);
        // `max` changes nothing, but shows the compiler that neither `chunks_exact` can panic.
        let block_bytes = (BLOCK_OVERHEAD + padded * 4).max(BLOCK_OVERHEAD);
        if windows.outputs == 0 {
            return;
        }
        for (index, row) in output.chunks_exact_mut(windows.outputs).take(windows.count).enumerate() {
            let window = input.get(index * windows.step..).and_then(|rest| rest.get(..padded)).unwrap_or_default();
            for (outputs, block) in row.chunks_mut(4).zip(stream.chunks_exact(block_bytes)) {
                block_of_four(window, block, activation, outputs);
            }
        }
    }

    fn add(layer: &Layer, a: &[i16], b: &[i16], output: &mut [i16]) {
        let (ma, mb) = (i32::from(layer.multiplier), i32::from(layer.other_multiplier));
        let shift = u32::from(layer.shift & 15);
        let round = (1 << shift) >> 1;
        for ((output, a), b) in output.iter_mut().zip(a).zip(b) {
            let sum = (i32::from(*a) * ma).wrapping_add(i32::from(*b) * mb).wrapping_add(round);
            *output = activate(layer.activation, saturate(sum >> shift));
        }
    }

    fn nearest(codebook: &[u8], alphabet: usize, latent: &[i16]) -> u16 {
        nearest_from(0, (0, i32::MAX), codebook, alphabet, latent)
    }

    fn subtract_vector(codebook: &[u8], index: u16, latent: &mut [i16]) {
        let channels = latent.len();
        for (z, e) in latent.chunks_mut(2).zip(negated_words(codebook, index, channels)) {
            z.iter_mut().zip(e).for_each(|(z, e)| *z = z.saturating_add(e));
        }
    }

    fn add_vector(codebook: &[u8], index: u16, latent: &mut [i16]) {
        let channels = latent.len();
        for (z, e) in latent.chunks_mut(2).zip(negated_words(codebook, index, channels)) {
            z.iter_mut().zip(e).for_each(|(z, e)| *z = z.saturating_sub(e));
        }
    }

    fn quantize(step: &Step, limit: i16, latent: i16) -> i16 {
        let shift = u32::from(step.divide_shift & 31);
        let scaled = i64::from(latent) * i64::from(step.divide) + ((1i64 << shift) >> 1);
        (scaled >> shift).clamp(-i64::from(limit), i64::from(limit)) as i16
    }

    fn dequantize(step: &Step, code: i16) -> i16 {
        let shift = u32::from(step.multiply_shift & 15);
        let scaled = i32::from(code).wrapping_mul(i32::from(step.multiply)).wrapping_add((1 << shift) >> 1);
        saturate(scaled >> shift)
    }

    fn scale_in(scaling: &Scaling, sample: i32) -> i16 {
        let shift = u32::from(scaling.shift & 63);
        let difference = sample.saturating_sub(scaling.offset);
        let scaled = (i64::from(difference) * i64::from(scaling.gain) + ((1i64 << shift) >> 1)) >> shift;
        scaled.clamp(i64::from(i16::MIN), i64::from(i16::MAX)) as i16
    }

    fn is_saturated(element: i16) -> bool {
        element == i16::MIN || element == i16::MAX
    }

    fn scale_out(scaling: &Scaling, output: i16) -> i32 {
        let shift = u32::from(scaling.shift_out & 63);
        let scaled = (i64::from(output) * i64::from(scaling.gain_out) + ((1i64 << shift) >> 1)) >> shift;
        (i64::from(scaling.offset) + scaled).clamp(i64::from(i32::MIN), i64::from(i32::MAX)) as i32
    }
}
