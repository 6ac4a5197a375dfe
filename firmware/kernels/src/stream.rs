//! Weight streams and codebooks of random content in the layout of the model container.

use crate::random::Random;

/// Bytes of the weight stream of `outputs` channels over windows of `taps`.
#[must_use]
pub const fn stream_bytes(outputs: usize, taps: usize) -> usize {
    outputs.div_ceil(4) * (48 + 16 * taps.div_ceil(4))
}

/// Bytes of the weight stream of a depthwise convolution of rows of `width` over windows of `kernel` rows.
#[must_use]
pub const fn depthwise_stream_bytes(width: usize, kernel: usize) -> usize {
    width.div_ceil(4) * (48 + 4 * kernel)
}

/// Bytes of a codebook of `alphabet` vectors of `channels`.
#[must_use]
pub const fn codebook_bytes(alphabet: usize, channels: usize) -> usize {
    alphabet.div_ceil(4) * (16 + 16 * channels.div_ceil(2))
}

/// Fills `words` with a weight stream for windows of `taps`: weights of all sizes or the extremes, biases of all sizes, and
/// requantizations such that outputs neither all saturate nor all vanish.
pub fn fill_stream(random: &mut Random, words: &mut [u32], taps: usize) {
    fill_blocks(random, words, stream_bytes(4, taps), 31, |_, shift| 1 << (shift - 1));
}

/// The same for a depthwise convolution over windows of `kernel` rows.
pub fn fill_depthwise_stream(random: &mut Random, words: &mut [u32], kernel: usize) {
    fill_blocks(random, words, depthwise_stream_bytes(4, kernel), 16, |multiplier, shift| multiplier << (16 - shift));
}

/// Fills blocks of `block_bytes`. A requantization's second word follows from its multiplier and its shift, at most `most`.
fn fill_blocks(random: &mut Random, words: &mut [u32], block_bytes: usize, most: usize, second: fn(u32, u32) -> u32) {
    let extreme = random.range(0, 3) == 0;
    let bias_shift = random.range(0, 31);
    let least_shift = if random.range(0, 3) == 0 { random.range(1, most) } else { random.range(1, 12) };
    for block in words.chunks_exact_mut(block_bytes / 4) {
        let (biases, rest) = block.split_at_mut(4);
        let (groups, requantizations) = rest.split_at_mut(rest.len() - 8);
        biases.fill_with(|| (random.bits() as i32 >> bias_shift) as u32);
        for word in groups {
            let bits = random.bits();
            // Bytes of 127 and of −128 where `extreme`.
            *word = if extreme { (bits & 0x8080_8080) ^ 0x7f7f_7f7f } else { bits };
        }
        for requantization in requantizations.chunks_exact_mut(2) {
            let shift = random.range(least_shift, (least_shift + 4).min(most)) as u32;
            let multiplier = random.bits() >> 17 >> random.range(0, 3);
            requantization.copy_from_slice(&[multiplier << 16 | shift, second(multiplier, shift)]);
        }
    }
}

/// Fills `words` with a codebook of blocks of `block_words`.
pub fn fill_codebook(random: &mut Random, words: &mut [u32], block_words: usize) {
    // Few distinct vectors make ties.
    let distinct = random.range(0, 2) == 0;
    for block in words.chunks_exact_mut(block_words) {
        let (norms, components) = block.split_at_mut(4);
        norms.fill_with(|| random.bits() >> if distinct { 3 } else { 30 });
        components.fill_with(|| if distinct { random.bits() } else { random.bits() & 0x0001_0001 });
    }
}

/// The bytes of words, in the order that the container has them on these little-endian cores.
#[must_use]
pub const fn as_bytes(words: &[u32]) -> &[u8] {
    // SAFETY: every word is four bytes, and any bytes are valid ones.
    unsafe { core::slice::from_raw_parts(words.as_ptr().cast(), size_of_val(words)) }
}
