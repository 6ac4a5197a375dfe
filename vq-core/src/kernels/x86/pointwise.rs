//! Sums and gates in AVX2: what is done element by element.

use core::arch::x86_64::*;

use super::activate;
use crate::kernels::gates::GATES;
use crate::model::records::Layer;
use crate::prior::sigmoid::{BOTH_SIDES, MIDDLE};

/// Elements of a register of 16-bit numbers, and of one of 32-bit numbers.
const HALVES: usize = 16;
const UNITS: usize = 8;

/// `b[i] = a[i] + b[i]`, scaled as the layer says.
#[target_feature(enable = "avx2")]
pub(super) fn add(layer: &Layer, a: &[i16], b: &mut [i16]) {
    let count = a.len().min(b.len());
    let (a, b) = (a.get(..count).unwrap_or_default(), b.get_mut(..count).unwrap_or_default());
    let (whole, rest) = a.as_chunks::<HALVES>();
    let (whole_sums, rest_sums) = b.as_chunks_mut::<HALVES>();
    for (a, b) in whole.iter().zip(whole_sums) {
        add_halves(layer, a, b);
    }
    if !rest.is_empty() {
        let mut padded = [[0; HALVES]; 2];
        let [first, second] = &mut padded;
        first.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
        second.iter_mut().zip(&*rest_sums).for_each(|(to, from)| *to = *from);
        add_halves(layer, first, second);
        rest_sums.iter_mut().zip(second).for_each(|(to, from)| *to = *from);
    }
}

#[inline]
#[target_feature(enable = "avx2")]
fn add_halves(layer: &Layer, a: &[i16; HALVES], b: &mut [i16; HALVES]) {
    let multipliers = i32::from(layer.multiplier as u16) | i32::from(layer.other_multiplier) << 16;
    let multipliers = _mm256_set1_epi32(multipliers);
    let shift = layer.shift & 15;
    let (count, round) = (_mm_cvtsi32_si128(i32::from(shift)), _mm256_set1_epi32((1 << shift) >> 1));
    // SAFETY: both have as many elements as a register.
    let (first, second) = unsafe { (_mm256_loadu_si256(a.as_ptr().cast()), _mm256_loadu_si256(b.as_ptr().cast())) };
    // Pairs come apart within each half of a register, and together again likewise.
    let pairs = [_mm256_unpacklo_epi16(first, second), _mm256_unpackhi_epi16(first, second)];
    let [low, high] = pairs.map(|pairs| {
        let scaled = _mm256_add_epi32(_mm256_madd_epi16(pairs, multipliers), round);
        _mm256_sra_epi32(scaled, count)
    });
    let sums = _mm256_packs_epi32(low, high);
    let low = activate(layer.activation, _mm256_castsi256_si128(sums));
    let high = activate(layer.activation, _mm256_extracti128_si256::<1>(sums));
    // SAFETY: as above.
    unsafe { _mm256_storeu_si256(b.as_mut_ptr().cast(), _mm256_set_m128i(high, low)) };
}

/// What [`gates`](crate::kernels::gates::gates) does, eight units at a time.
#[target_feature(enable = "avx2")]
pub(super) fn gates(products: &[i16], state: &mut [i16]) {
    let units = state.len();
    let mut gates: [&[i16]; 2 * GATES] = [&[]; 2 * GATES];
    for (number, gate) in gates.iter_mut().enumerate() {
        let Some(found) = products.get(number * units..).and_then(|rest| rest.get(..units)) else { return };
        *gate = found;
    }
    for (place, state) in state.chunks_mut(UNITS).enumerate() {
        let read = |gate: &[i16]| {
            let mut eight = [0; UNITS];
            let rest = gate.get(place * UNITS..).unwrap_or_default();
            match rest.first_chunk::<UNITS>() {
                Some(whole) => eight = *whole,
                None => eight.iter_mut().zip(rest).for_each(|(to, from)| *to = *from),
            }
            eight
        };
        let sums = gates.map(read);
        let mut values = [0; UNITS];
        values.iter_mut().zip(&*state).for_each(|(to, from)| *to = *from);
        step(&sums, &mut values);
        state.iter_mut().zip(values).for_each(|(to, from)| *to = from);
    }
}

/// The step of eight units.
#[inline]
#[target_feature(enable = "avx2")]
fn step(sums: &[[i16; UNITS]; 2 * GATES], state: &mut [i16; UNITS]) {
    let [reset, update, new, of_reset, of_update, of_new] = sums;
    let h = wide(state);
    let r = sigmoid(_mm256_add_epi32(wide(reset), wide(of_reset)));
    let z = sigmoid(_mm256_add_epi32(wide(update), wide(of_update)));
    let half = _mm256_set1_epi32(1 << 14);
    let gated = _mm256_srai_epi32::<15>(_mm256_add_epi32(_mm256_mullo_epi32(r, wide(of_new)), half));
    let one = _mm256_set1_epi32(1 << 15);
    // `tanh`, of an argument far below where twice of it saturates.
    let argument = _mm256_slli_epi32::<1>(_mm256_add_epi32(wide(new), gated));
    let n = _mm256_sub_epi32(_mm256_slli_epi32::<1>(sigmoid(argument)), one);
    let kept = _mm256_mullo_epi32(z, h);
    let taken = _mm256_mullo_epi32(_mm256_sub_epi32(one, z), n);
    let next = _mm256_srai_epi32::<15>(_mm256_add_epi32(_mm256_add_epi32(kept, taken), half));
    let packed = _mm_packs_epi32(_mm256_castsi256_si128(next), _mm256_extracti128_si256::<1>(next));
    // SAFETY: it has as many elements as half a register.
    unsafe { _mm_storeu_si128(state.as_mut_ptr().cast(), packed) };
}

#[inline]
#[target_feature(enable = "avx2")]
fn wide(values: &[i16; UNITS]) -> __m256i {
    // SAFETY: it has as many elements as half a register.
    _mm256_cvtepi16_epi32(unsafe { _mm_loadu_si128(values.as_ptr().cast()) })
}

/// [`sigmoid`](crate::prior::sigmoid::sigmoid) of eight arguments.
#[inline]
#[target_feature(enable = "avx2")]
fn sigmoid(x: __m256i) -> __m256i {
    // Nine bits of place behind the sign, as the table has.
    let x = _mm256_min_epi32(_mm256_max_epi32(x, _mm256_set1_epi32(-LIMIT)), _mm256_set1_epi32(LIMIT - 1));
    let place = _mm256_add_epi32(_mm256_srai_epi32::<8>(x), _mm256_set1_epi32(MIDDLE as i32));
    // An entry and the next one, which even the last has.
    // SAFETY: places go from 0 to one less than twice the middle, the last entry but two.
    let entries = unsafe { _mm256_i32gather_epi32::<2>(BOTH_SIDES.as_ptr().cast(), place) };
    let low = _mm256_and_si256(entries, _mm256_set1_epi32(0xffff));
    let rise = _mm256_sub_epi32(_mm256_srli_epi32::<16>(entries), low);
    let part = _mm256_mullo_epi32(rise, _mm256_and_si256(x, _mm256_set1_epi32(255)));
    let half = _mm256_add_epi32(_mm256_set1_epi32(128), _mm256_srai_epi32::<31>(x));
    _mm256_add_epi32(low, _mm256_srai_epi32::<8>(_mm256_add_epi32(part, half)))
}

/// Arguments from here on, either way, are as good as this one.
const LIMIT: i32 = (MIDDLE as i32) << 8;
const _: () = assert!(2 * MIDDLE < BOTH_SIDES.len(), "the gather stays inside the table");
