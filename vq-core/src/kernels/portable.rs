//! The definition of every integer kernel, in plain Rust: the host's form, and what all others are tested against.

use super::{Columns, Kernels, Windows};
use crate::bytes::{i16_at, i32_at, u32_at};
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

/// `saturate16((acc·m + 2^(s−1)) >> s)`, exact as in 64 bits, for `packed = m << 16 | (s − 16)`. What stands beside it in a weight
/// stream follows from it: forms for particular cores find there what they would have to compute.
///
/// Dropping the product's low 16 bits first changes nothing, because the rounding term, `2^(s−1)`, is a multiple of `2^16`.
#[must_use]
pub fn requantize(accumulator: i32, packed: u32) -> i16 {
    let round = (1u32.wrapping_shl(packed) >> 1) as i32;
    let multiplier = i64::from(packed >> 16);
    let product = (i64::from(accumulator) * multiplier) >> 16;
    saturate((product as i32).wrapping_add(round) >> (packed & 31))
}

/// `(product + 2^(shift−1)) >> shift`, with one shift by a variable number of bits: cores of 32 bits call a function for each.
fn shift_and_round(product: i64, shift: u8) -> i64 {
    ((product >> (shift.wrapping_sub(1) & 63)) + 1) >> 1
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
    finish(accumulators, requantizations, activation, outputs);
}

/// What becomes of the accumulators of up to four channels.
fn finish(accumulators: [i32; 4], requantizations: &[u8], activation: Activation, outputs: &mut [i16]) {
    for ((output, accumulator), requantization) in
        outputs.iter_mut().zip(accumulators).zip(requantizations.chunks_exact(8))
    {
        *output = activate(activation, requantize(accumulator, u32_at(requantization, 0)));
    }
}

/// Block `index` of a weight stream, without the division of `chunks_exact` that could panic.
fn block(stream: &[u8], index: usize, bytes: usize) -> &[u8] {
    stream.get(index * bytes..).and_then(|rest| rest.get(..bytes)).unwrap_or_default()
}

/// Four channels of one window of a depthwise convolution, whose rows are `width` apart: `window` starts at the first of them. A word of weights is for one row, and
/// has its channels in the order 0, 2, 1, 3.
fn four_columns(window: &[i16], width: usize, block: &[u8], activation: Activation, outputs: &mut [i16]) {
    let mut accumulators = [0, 4, 8, 12].map(|at| i32_at(block, at));
    let (weights, requantizations) = block.split_at(block.len().saturating_sub(32));
    let weights = weights.get(16..).unwrap_or_default();
    for (row, word) in weights.chunks_exact(4).enumerate() {
        let row = window.get(row * width..).unwrap_or_default();
        let &[w0, w2, w1, w3] = word else { continue };
        for ((accumulator, x), weight) in accumulators.iter_mut().zip(row).zip([w0, w1, w2, w3]) {
            *accumulator = accumulator.wrapping_add(i32::from(weight as i8) * i32::from(*x));
        }
    }
    finish(accumulators, requantizations, activation, outputs);
}

/// Where vector `index` of so many components lies in a blocked codebook: its half norm, then behind every 16 bytes two negated components.
fn vector(index: usize, channels: usize) -> usize {
    (index >> 2) * (16 + 16 * channels.div_ceil(2)) + (index & 3) * 4
}

/// Negated component `channel` of a vector that lies at `vector`.
fn negated_component(codebook: &[u8], vector: usize, channel: usize) -> i16 {
    i16_at(codebook, vector + 16 + (channel >> 1) * 16 + (channel & 1) * 2)
}

/// The search of [`Kernels::nearest`] from vector `first` on, where `best` is the index and score of the best one before it: a vector after the other, in the
/// fewest instructions.
#[cfg(any(kernels, test))]
pub(super) fn nearest_from(first: usize, best: (u16, i32), codebook: &[u8], alphabet: usize, latent: &[i16]) -> u16 {
    let (mut best, mut least) = best;
    for index in first..alphabet {
        let at = vector(index, latent.len());
        let mut score = i32_at(codebook, at);
        for (channel, z) in latent.iter().enumerate() {
            let product = i32::from(*z) * i32::from(negated_component(codebook, at, channel));
            score = score.wrapping_add(product);
        }
        if score < least {
            (best, least) = (index as u16, score);
        }
    }
    best
}

/// The scores of the four vectors of a block, whose negated components these are: what they start with, less the products with the latent.
pub(crate) fn block_scores(components: &[u8], latent: &[i16], starts: [i32; 4]) -> [i32; 4] {
    let mut scores = starts;
    for (z, lanes) in latent.chunks(2).zip(components.chunks_exact(16)) {
        let z0 = i32::from(z.first().copied().unwrap_or(0));
        let z1 = i32::from(z.get(1).copied().unwrap_or(0));
        for (score, word) in scores.iter_mut().zip(lanes.chunks_exact(4)) {
            let packed = u32_at(word, 0);
            let (e0, e1) = (i32::from(packed as i16), i32::from((packed >> 16) as i16));
            *score = score.wrapping_add(z0 * e0).wrapping_add(z1 * e1);
        }
    }
    scores
}

impl Kernels for Integer {
    type Element = i16;

    fn convolution(windows: &Windows, activation: Activation, input: &[i16], stream: &[u8], output: &mut [i16]) {
        let padded = windows.taps.next_multiple_of(4);
        let block_bytes = BLOCK_OVERHEAD + padded * 4;
        if windows.outputs == 0 {
            return;
        }
        for (index, row) in output.chunks_exact_mut(windows.outputs).take(windows.count).enumerate() {
            let window = input.get(index * windows.step..).and_then(|rest| rest.get(..padded)).unwrap_or_default();
            for (place, outputs) in row.chunks_mut(4).enumerate() {
                block_of_four(window, block(stream, place, block_bytes), activation, outputs);
            }
        }
    }

    fn depthwise(columns: &Columns, activation: Activation, input: &[i16], stream: &[u8], output: &mut [i16]) {
        let &Columns { count, stride, kernel, width } = columns;
        let block_bytes = BLOCK_OVERHEAD + kernel * 4;
        if width == 0 {
            return;
        }
        for (index, row) in output.chunks_exact_mut(width).take(count).enumerate() {
            let window = input.get(index * stride * width..).unwrap_or_default();
            for (place, outputs) in row.chunks_mut(4).enumerate() {
                let window = window.get(place * 4..).unwrap_or_default();
                four_columns(window, width, block(stream, place, block_bytes), activation, outputs);
            }
        }
    }

    fn add(layer: &Layer, a: &[i16], b: &mut [i16]) {
        let (ma, mb) = (i32::from(layer.multiplier), i32::from(layer.other_multiplier));
        let shift = u32::from(layer.shift & 15);
        let round = (1 << shift) >> 1;
        for (a, b) in a.iter().zip(b) {
            let sum = (i32::from(*a) * ma).wrapping_add(i32::from(*b) * mb).wrapping_add(round);
            *b = activate(layer.activation, saturate(sum >> shift));
        }
    }

    fn nearest(codebook: &[u8], alphabet: usize, latent: &[i16]) -> u16 {
        let words = latent.len().div_ceil(2);
        let (mut best, mut least) = (0, i32::MAX);
        // `max` changes nothing, but shows the compiler that neither `chunks_exact` nor `split_at` can panic.
        for (block, bytes) in codebook.chunks_exact((16 + 16 * words).max(16)).enumerate() {
            let (norms, components) = bytes.split_at(16);
            let scores = block_scores(components, latent, [0, 4, 8, 12].map(|at| i32_at(norms, at)));
            for (lane, score) in scores.into_iter().enumerate() {
                let index = block * 4 + lane;
                if score < least && index < alphabet {
                    (best, least) = (index as u16, score);
                }
            }
        }
        best
    }

    fn subtract_vector(codebook: &[u8], index: u16, latent: &mut [i16]) {
        let at = vector(usize::from(index), latent.len());
        for (channel, z) in latent.iter_mut().enumerate() {
            *z = z.saturating_add(negated_component(codebook, at, channel));
        }
    }

    fn add_vector(codebook: &[u8], index: u16, latent: &mut [i16]) {
        let at = vector(usize::from(index), latent.len());
        for (channel, z) in latent.iter_mut().enumerate() {
            *z = z.saturating_sub(negated_component(codebook, at, channel));
        }
    }

    fn quantize(step: &Step, limit: i16, latent: i16) -> i16 {
        // Within 32 bits for every step that a model may have: 2^30 of the product and 2^29 of the rounding.
        let shift = u32::from(step.divide_shift & 31);
        let round = ((1u32 << shift) >> 1) as i32;
        let scaled = i32::from(latent).wrapping_mul(i32::from(step.divide)).wrapping_add(round);
        // Not `clamp`, which panics for a negative limit.
        (scaled >> shift).min(i32::from(limit)).max(-i32::from(limit)) as i16
    }

    fn dequantize(step: &Step, code: i16) -> i16 {
        let shift = u32::from(step.multiply_shift & 15);
        let scaled = i32::from(code).wrapping_mul(i32::from(step.multiply)).wrapping_add((1 << shift) >> 1);
        saturate(scaled >> shift)
    }

    fn scale_in(scaling: &Scaling, sample: i32) -> i16 {
        let difference = sample.saturating_sub(scaling.offset);
        let scaled = shift_and_round(i64::from(difference) * i64::from(scaling.gain), scaling.shift);
        scaled.clamp(i64::from(i16::MIN), i64::from(i16::MAX)) as i16
    }

    fn magnitude(element: i16) -> u16 {
        element.unsigned_abs()
    }

    fn scale_out(scaling: &Scaling, output: i16) -> i32 {
        let scaled = shift_and_round(i64::from(output) * i64::from(scaling.gain_out), scaling.shift_out);
        (i64::from(scaling.offset) + scaled).clamp(i64::from(i32::MIN), i64::from(i32::MAX)) as i32
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use proptest::collection::vec;
    use proptest::prelude::*;
    use std::vec::Vec;

    use super::*;
    use crate::model::records::Kind;

    /// What may be the value of a line: anything, and the extremes often.
    fn element() -> impl Strategy<Value = i16> {
        prop_oneof![3 => any::<i16>(), 1 => Just(i16::MIN), 1 => Just(i16::MAX), 1 => -3i16..=3]
    }

    fn activation() -> impl Strategy<Value = Activation> {
        prop_oneof![Just(Activation::Linear), Just(Activation::Relu), Just(Activation::LeakyRelu)]
    }

    /// One output channel as the specification sees it.
    #[derive(Debug, Clone)]
    struct Channel {
        weights: Vec<i8>,
        bias: i32,
        multiplier: u32,
        shift: u32,
    }

    fn channel(taps: usize) -> impl Strategy<Value = Channel> {
        // 128 · 32768 · 40 taps is 0.17 · 10^9: with these biases no accumulator overflows, as the exporter proves for a model.
        (vec(any::<i8>(), taps), -1_900_000_000i32..1_900_000_000, 0u32..1 << 15, 17u32..=47, 0u32..31).prop_map(
            |(weights, bias, multiplier, shift, smaller)| Channel { weights, bias: bias >> smaller, multiplier, shift },
        )
    }

    fn activated(activation: Activation, value: i64) -> i64 {
        match activation {
            Activation::Linear => value,
            Activation::Relu => value.max(0),
            Activation::LeakyRelu => value.max(value >> 3),
        }
    }

    fn saturated(value: i64) -> i64 {
        value.clamp(-32_768, 32_767)
    }

    impl Channel {
        /// `saturate16((acc·m + 2^(s−1)) >> s)` in 64 bits, activated.
        fn output(&self, window: &[i16], activation: Activation) -> i64 {
            let products = self.weights.iter().zip(window).map(|(w, x)| i64::from(*w) * i64::from(*x));
            let accumulator = i64::from(self.bias) + products.sum::<i64>();
            let scaled = (accumulator * i64::from(self.multiplier) + (1 << (self.shift - 1))) >> self.shift;
            activated(activation, saturated(scaled))
        }
    }

    /// The stream of `vq_core::model::plan::weight_bytes`.
    fn stream(channels: &[Channel], taps: usize) -> Vec<u8> {
        let mut stream = Vec::new();
        for block in channels.chunks(4) {
            let lane = |lane: usize| block.get(lane);
            (0..4).for_each(|c| stream.extend(lane(c).map_or(0, |channel| channel.bias).to_le_bytes()));
            for group in 0..taps.div_ceil(4) {
                for c in 0..4 {
                    let weight = |tap: usize| lane(c).and_then(|channel| channel.weights.get(group * 4 + tap)).copied();
                    stream.extend([0, 2, 1, 3].map(|tap| weight(tap).unwrap_or(0) as u8));
                }
            }
            for c in 0..4 {
                let (multiplier, shift) = lane(c).map_or((0, 17), |channel| (channel.multiplier, channel.shift));
                stream.extend((multiplier << 16 | (shift - 16)).to_le_bytes());
                stream.extend((1u32 << (shift - 17)).to_le_bytes());
            }
        }
        stream
    }

    /// The same for a depthwise convolution.
    fn depthwise_stream(channels: &[Channel]) -> Vec<u8> {
        let mut stream = Vec::new();
        for block in channels.chunks(4) {
            let lane = |lane: usize| block.get(lane);
            (0..4).for_each(|c| stream.extend(lane(c).map_or(0, |channel| channel.bias).to_le_bytes()));
            for row in 0..channels[0].weights.len() {
                stream.extend([0, 2, 1, 3].map(|c| lane(c).map_or(0, |channel| channel.weights[row]) as u8));
            }
            for c in 0..4 {
                let (multiplier, shift) = lane(c).map_or((0, 17), |channel| (channel.multiplier, channel.shift));
                stream.extend((multiplier << 16 | (shift - 16)).to_le_bytes());
                stream.extend((multiplier << (32 - shift)).to_le_bytes());
            }
        }
        stream
    }

    proptest! {
        #[test]
        fn convolution_is_the_sum_of_products(
            (taps, channels) in (1usize..40, 1usize..10)
                .prop_flat_map(|(taps, outputs)| (Just(taps), vec(channel(taps), outputs))),
            count in 0usize..5,
            step in 1usize..9,
            activation in activation(),
            input in vec(element(), 4 * 8 + 40),
        ) {
            let windows = Windows { count, step, taps, outputs: channels.len() };
            let mut output = std::vec![77i16; (count + 1) * channels.len()];
            let rows = &mut output[..count * channels.len()];
            Integer::convolution(&windows, activation, &input, &stream(&channels, taps), rows);
            for (index, row) in output.chunks(channels.len()).enumerate() {
                for (value, channel) in row.iter().zip(&channels) {
                    let window = &input[(index * step).min(input.len())..];
                    let expected = if index < count { channel.output(window, activation) } else { 77 };
                    prop_assert_eq!(i64::from(*value), expected);
                }
            }
        }

        #[test]
        fn depthwise_convolution_is_a_sum_for_each_column(
            (kernel, channels) in (1usize..12, 1usize..11)
                .prop_flat_map(|(kernel, width)| (Just(kernel), vec(channel(kernel), width))),
            count in 0usize..5,
            stride in 1usize..4,
            activation in activation(),
            input in vec(element(), 24 * 10),
        ) {
            // At most 32 bits of shift, as the format has it for these layers.
            let channels: Vec<Channel> =
                channels.into_iter().map(|c| Channel { shift: c.shift.min(32), ..c }).collect();
            let width = channels.len();
            let columns = Columns { count, stride, kernel, width };
            let mut output = std::vec![77i16; (count + 1) * width];
            let rows = &mut output[..count * width];
            Integer::depthwise(&columns, activation, &input, &depthwise_stream(&channels), rows);
            for (index, row) in output.chunks(width).enumerate() {
                for (place, (value, channel)) in row.iter().zip(&channels).enumerate() {
                    let column: Vec<i16> =
                        input[index * stride * width..].iter().skip(place).step_by(width).copied().collect();
                    let expected = if index < count { channel.output(&column, activation) } else { 77 };
                    prop_assert_eq!(i64::from(*value), expected);
                }
            }
        }

        #[test]
        fn requantization_rounds_once(accumulator: i32, multiplier in 0u32..1 << 15, shift in 17u32..=47) {
            let exact = (i64::from(accumulator) * i64::from(multiplier) + (1 << (shift - 1))) >> shift;
            let found = requantize(accumulator, multiplier << 16 | (shift - 16));
            prop_assert_eq!(i64::from(found), saturated(exact));
        }

        #[test]
        fn a_sum_is_scaled_rounded_and_saturated(
            elements in vec((element(), element()), 0..20),
            multiplier: i16,
            other_multiplier: i16,
            shift in 1u8..=15,
            activation in activation(),
        ) {
            prop_assume!(i32::from(multiplier).abs() + i32::from(other_multiplier).abs() < 1 << 16);
            let layer = Layer { kind: Kind::Add, activation, multiplier, other_multiplier, shift, ..Layer::NEUTRAL };
            let (a, b): (Vec<i16>, Vec<i16>) = elements.iter().copied().unzip();
            let mut sums = b;
            Integer::add(&layer, &a, &mut sums);
            for ((a, b), value) in elements.into_iter().zip(sums) {
                let sum = i64::from(a) * i64::from(multiplier) + i64::from(b) * i64::from(other_multiplier);
                let expected = activated(activation, saturated((sum + (1 << (shift - 1))) >> shift));
                prop_assert_eq!(i64::from(value), expected);
            }
        }

        #[test]
        fn nearest_has_the_least_score_and_the_lowest_index(
            (vectors, latent) in (1usize..9).prop_flat_map(|channels| {
                // Few values make ties.
                let component = prop_oneof![-2i16..=2, -3000i16..=3000];
                (vec(vec(component, channels), 2..20), vec(element(), channels))
            }),
        ) {
            let half_norm = |vector: &[i16]| (vector.iter().map(|e| i64::from(*e).pow(2)).sum::<i64>() + 1) / 2;
            let mut codebook = Vec::new();
            for block in vectors.chunks(4) {
                // Lanes behind the last vector hold the best score there is: they must not be looked at.
                let norm = |lane: usize| block.get(lane).map_or(i32::MIN, |vector| half_norm(vector) as i32);
                (0..4).for_each(|lane| codebook.extend(norm(lane).to_le_bytes()));
                for word in 0..latent.len().div_ceil(2) {
                    for lane in 0..4 {
                        let vector = block.get(lane).map_or(&[][..], Vec::as_slice);
                        let negated = |at: usize| -vector.get(at).copied().unwrap_or(0);
                        codebook.extend([negated(2 * word), negated(2 * word + 1)].map(i16::to_le_bytes).concat());
                    }
                }
            }
            let score = |vector: &[i16]| {
                half_norm(vector) - latent.iter().zip(vector).map(|(z, e)| i64::from(*z) * i64::from(*e)).sum::<i64>()
            };
            // `min_by_key` gives the first of equals.
            let expected = (0..vectors.len()).min_by_key(|index| score(&vectors[*index]));
            let found = Integer::nearest(&codebook, vectors.len(), &latent);
            prop_assert_eq!(Some(usize::from(found)), expected);
            // What the cores' own forms end with.
            prop_assert_eq!(nearest_from(0, (0, i32::MAX), &codebook, vectors.len(), &latent), found);
        }
    }
}
