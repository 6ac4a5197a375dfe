//! Convolutions in AVX2: sixteen multiply-accumulates an instruction.
//!
//! A group of a weight stream, four taps of four outputs, is one register of 16-bit numbers; beside it lie the window's four elements four
//! times over, in the group's order of taps. A multiply-add of pairs then gives every output two partial sums, which are joined behind the last group.
//! Sums wrap as the definition's do, so their order changes nothing.

use core::arch::x86_64::*;

use super::{Convolution, activate};
use crate::model::records::Activation;

/// Bytes of a block in front of its weights.
const BIASES: usize = 16;
/// Bytes of a block behind its weights.
const REQUANTIZATIONS: usize = 32;
/// Bytes of a group of weights.
const GROUP: usize = 16;

/// All windows of a convolution. Several at a time share their weights, and several blocks of four outputs share their elements, as many as the sixteen
/// registers hold sums of.
#[target_feature(enable = "avx2")]
pub(super) fn convolution(convolution: &mut Convolution<'_>, activation: Activation) {
    let blocks = convolution.outputs.div_ceil(4);
    let mut window = 0;
    while window < convolution.count {
        let windows = match convolution.count - window {
            4.. => 4,
            2.. => 2,
            _ => 1,
        };
        let mut block = 0;
        while block < blocks {
            // SAFETY: no tile has more windows or blocks than are left.
            block += unsafe {
                match (windows, blocks - block) {
                    (4, 2..) => tile::<4, 2>(convolution, activation, window, block),
                    (4, _) => tile::<4, 1>(convolution, activation, window, block),
                    (2, 4..) => tile::<2, 4>(convolution, activation, window, block),
                    (2, 2..) => tile::<2, 2>(convolution, activation, window, block),
                    (2, _) => tile::<2, 1>(convolution, activation, window, block),
                    (_, 8..) => tile::<1, 8>(convolution, activation, window, block),
                    (_, 4..) => tile::<1, 4>(convolution, activation, window, block),
                    (_, 2..) => tile::<1, 2>(convolution, activation, window, block),
                    _ => tile::<1, 1>(convolution, activation, window, block),
                }
            };
        }
        window += windows;
    }
}

/// `WINDOWS` windows from number `window` on, and `BLOCKS` blocks of outputs from number `block` on; gives `BLOCKS`.
///
/// # Safety
/// The convolution has so many.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn tile<const WINDOWS: usize, const BLOCKS: usize>(
    convolution: &mut Convolution<'_>,
    activation: Activation,
    window: usize,
    block: usize,
) -> usize {
    let &mut Convolution { step, groups, outputs, .. } = convolution;
    let block_bytes = BIASES + groups * GROUP + REQUANTIZATIONS;
    // The order of taps in a group.
    let order = _mm256_broadcastsi128_si256(_mm_setr_epi8(0, 1, 4, 5, 2, 3, 6, 7, 0, 1, 4, 5, 2, 3, 6, 7));
    let mut sums = [[_mm256_setzero_si256(); BLOCKS]; WINDOWS];
    // SAFETY: a `Convolution` has `groups` groups of elements from the start of every window on, whole blocks for all outputs, and a row of
    // `outputs` for every window, of which those before this tile's are no more than it has.
    unsafe {
        let input = convolution.input.as_ptr().add(window * step);
        let stream = convolution.stream.as_ptr().add(block * block_bytes);
        for group in 0..groups {
            let elements: [__m256i; WINDOWS] = core::array::from_fn(|window| {
                let four = input.add(window * step + group * 4).cast::<i64>().read_unaligned();
                _mm256_shuffle_epi8(_mm256_set1_epi64x(four), order)
            });
            for block in 0..BLOCKS {
                let bytes = _mm_loadu_si128(stream.add(block * block_bytes + BIASES + group * GROUP).cast());
                let taps = _mm256_cvtepi8_epi16(bytes);
                for (sums, elements) in sums.iter_mut().zip(elements) {
                    if let Some(sum) = sums.get_mut(block) {
                        *sum = _mm256_add_epi32(*sum, _mm256_madd_epi16(taps, elements));
                    }
                }
            }
        }
        for (number, sums) in (window..).zip(&sums) {
            let row = convolution.output.as_mut_ptr().add(number * outputs);
            for (pair, sums) in sums.chunks(2).enumerate() {
                // A block without another one beside it is taken twice.
                let (Some(first), Some(second)) = (sums.first(), sums.last()) else { continue };
                let (place, last) = (pair * 2, pair * 2 + sums.len() - 1);
                let blocks = [place, last].map(|block| stream.add(block * block_bytes));
                let values = finish([*first, *second], blocks, groups * GROUP, activation);
                let output = (block + place) * 4;
                store(values, row.add(output), (outputs - output).min(sums.len() * 4));
            }
        }
    }
    BLOCKS
}

/// What becomes of the partial sums of two blocks, which may be the same one, that start at two places and have so many bytes of weights.
///
/// # Safety
/// Whole blocks are there.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn finish(sums: [__m256i; 2], blocks: [*const u8; 2], weights: usize, activation: Activation) -> __m128i {
    let [low, high] = sums;
    // SAFETY: a block begins with four biases and ends with four requantizations of eight bytes.
    let ([low_biases, high_biases], [first, second]) = unsafe {
        let biases = blocks.map(|block| _mm_loadu_si128(block.cast()));
        (biases, blocks.map(|block| _mm256_loadu_si256(block.add(BIASES + weights).cast())))
    };
    // Joined sums and even words of the two registers come in halves of each in turn.
    let biases = _mm256_inserti128_si256::<1>(_mm256_castsi128_si256(low_biases), high_biases);
    let joined = _mm256_permute4x64_epi64::<0b11_01_10_00>(_mm256_hadd_epi32(low, high));
    let accumulators = _mm256_add_epi32(joined, biases);
    let even = _mm256_shuffle_ps::<0b10_00_10_00>(_mm256_castsi256_ps(first), _mm256_castsi256_ps(second));
    let packed = _mm256_permute4x64_epi64::<0b11_01_10_00>(_mm256_castps_si256(even));
    activate(activation, requantize(accumulators, packed))
}

/// [`requantize`](crate::kernels::portable::requantize) of eight accumulators.
#[inline]
#[target_feature(enable = "avx2")]
fn requantize(accumulators: __m256i, packed: __m256i) -> __m128i {
    let multipliers = _mm256_srli_epi32::<16>(packed);
    let shifts = _mm256_and_si256(packed, _mm256_set1_epi32(31));
    let even = _mm256_srli_epi64::<16>(_mm256_mul_epi32(accumulators, multipliers));
    let odd_accumulators = _mm256_srli_epi64::<32>(accumulators);
    let odd_multipliers = _mm256_srli_epi64::<32>(multipliers);
    let odd = _mm256_slli_epi64::<16>(_mm256_mul_epi32(odd_accumulators, odd_multipliers));
    let products = _mm256_blend_epi32::<0b1010_1010>(even, odd);
    let rounds = _mm256_srli_epi32::<1>(_mm256_sllv_epi32(_mm256_set1_epi32(1), shifts));
    let shifted = _mm256_srav_epi32(_mm256_add_epi32(products, rounds), shifts);
    _mm_packs_epi32(_mm256_castsi256_si128(shifted), _mm256_extracti128_si256::<1>(shifted))
}

/// Writes the first `count` of eight values.
///
/// # Safety
/// There is room for them.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn store(values: __m128i, to: *mut i16, count: usize) {
    if count == 8 {
        // SAFETY: eight values have room, as the caller says.
        return unsafe { _mm_storeu_si128(to.cast(), values) };
    }
    let mut all = [0i16; 8];
    // SAFETY: `all` has room for eight values, and the caller for `count` of them.
    unsafe {
        _mm_storeu_si128(all.as_mut_ptr().cast(), values);
        to.copy_from_nonoverlapping(all.as_ptr(), count.min(8));
    }
}
