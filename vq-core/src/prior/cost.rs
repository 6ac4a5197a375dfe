//! What an interval costs, in 1/256 bit: for choosing codes and for telling how surprising they were. No stream depends on it.

use crate::coder::range::MAX_TOTAL_BITS;

/// `round(256 · log2(1 + i / 32))`.
const LOGARITHMS: [u16; 33] = [
    0, 11, 22, 33, 44, 54, 63, 73, 82, 92, 100, 109, 118, 126, 134, 142, 150, 157, 165, 172, 179, 186, 193, 200, 207,
    213, 220, 226, 232, 238, 244, 250, 256,
];

/// The cost of an interval of `size` of `0..2^total_bits`, in 1/256 bit: within 1/256 bit of the exact one.
pub(crate) fn interval_cost(size: u32, total_bits: u8) -> u32 {
    let size = size.max(1);
    let octave = size.ilog2();
    // The part behind the leading one, in 1/32768.
    let fraction = (size << MAX_TOTAL_BITS >> octave) & 0x7fff;
    let place = (fraction >> 10) as usize;
    let low = LOGARITHMS.get(place).copied().map_or(0, u32::from);
    let high = LOGARITHMS.get(place + 1).copied().map_or(low, u32::from);
    let logarithm = (octave << 8) + low + (((high - low) * (fraction & 1023) + 512) >> 10);
    (u32::from(total_bits) << 8).saturating_sub(logarithm)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn close_to_the_logarithm() {
        for size in 1..=1u32 << 15 {
            let exact = 256.0 * (15.0 - f64::from(size).log2());
            assert!((f64::from(interval_cost(size, 15)) - exact).abs() <= 1.0, "{size}: {exact}");
        }
        assert_eq!([interval_cost(1 << 9, 9), interval_cost(1, 9), interval_cost(0, 9)], [0, 9 << 8, 9 << 8]);
    }
}
