//! Two logistics mixed, as intervals of the range coder: a narrow one for what is predicted well, a wide one for what is not.
//!
//! What is coded is a *distance*, the whole number by which a point differs from the predicted one. It is sent as an *entry* of 65,
//! and plain bits that tell it from the others of the entry. With `u` the distance in units of `2^plain`, rounded, and `a = |u|`:
//!
//! | `a` | entries on either side | plain bits |
//! |---|---|---|
//! | 0..=15 | one each | – |
//! | 16..=255 | four per octave | those below the leading three bits |
//! | 256.. | one, the escape | 5 for the octave, and all below the leading bit |
//!
//! followed by the `plain` lowest bits. `plain` is 0 unless both scales are wide. Entry `e > 0` starts at
//! `e + ((2^15 − 65) · Σ weight · σ((entry's lower edge − mean) / scale) >> 15)`, so that every entry has an interval.

use crate::coder::range::{MAX_TOTAL_BITS, RangeDecoder, RangeEncoder};
use crate::prior::logistic::{MANTISSAS, MAX_SCALE};
use crate::prior::sigmoid::sigmoid;

/// Entries on either side of the middle one.
const HALF: u16 = 32;
/// Entries in all.
const ENTRIES: u16 = 2 * HALF + 1;
/// Magnitudes below this have an entry each.
const SINGLES: u32 = 16;
/// From this octave of the narrower scale on (8 points), entries hold several points.
const LAST_SINGLE_OCTAVE: u8 = 8;
/// Bits of an escape's octave.
const OCTAVE_BITS: u8 = 5;
const TOTAL: u32 = 1 << MAX_TOTAL_BITS;

/// One logistic of the mixture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Component {
    /// The mean, in 1/256 point from the predicted one.
    pub(crate) mean: i32,
    /// Number of the scale, as in [`Logistic`](crate::prior::logistic::Logistic).
    pub(crate) scale: u8,
}

/// The distribution of one distance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mixture {
    logistics: [Logistic; 2],
    /// Weight of the first, in 1/32768, at most 32768.
    weight: u32,
    plain: u8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Logistic {
    /// In 1/256 unit.
    mean: i32,
    mantissa: i32,
    shift: u8,
}

impl Mixture {
    /// A mixture, the first component weighted by `weight / 32768`.
    pub(crate) fn new(components: [Component; 2], weight: u32) -> Self {
        let octave = |component: &Component| component.scale.min(MAX_SCALE) >> 3;
        let [first, second] = &components;
        let plain = octave(first).min(octave(second)).saturating_sub(LAST_SINGLE_OCTAVE);
        let logistic = |component: &Component| Logistic {
            mean: component.mean >> plain,
            mantissa: MANTISSAS.get(usize::from(component.scale.min(MAX_SCALE) & 7)).copied().map_or(0, i32::from),
            shift: 6 + octave(component) - plain,
        };
        Self { logistics: [logistic(first), logistic(second)], weight: weight.min(TOTAL), plain }
    }

    /// Where entry `entry` starts in `0..2^15`: 0 for the first, rising with the entry; 2^15 behind the last.
    fn start(&self, entry: u16) -> u32 {
        if entry == 0 {
            return 0;
        }
        if entry >= ENTRIES {
            return TOTAL;
        }
        let unit = match entry.checked_sub(HALF) {
            Some(above) if above > 0 => least_magnitude(above) as i32,
            _ => 1 - least_magnitude(HALF - entry + 1) as i32,
        };
        // Half a point below the unit's lowest point.
        let half = if self.plain > 0 { 128 + (128 >> self.plain) } else { 128 };
        let edge = (unit << 8) - half;
        let [first, second] = self.logistics.map(|logistic| logistic.below(edge));
        let below = (self.weight * first + (TOTAL - self.weight) * second) >> MAX_TOTAL_BITS;
        u32::from(entry) + (((TOTAL - u32::from(ENTRIES)) * below) >> MAX_TOTAL_BITS)
    }

    /// Sends a distance.
    pub(crate) fn encode(&self, coder: &mut RangeEncoder, output: &mut [u8], distance: i32) {
        let unit = self.unit(distance);
        let magnitude = unit.unsigned_abs();
        let above = entry_of(magnitude);
        let entry = if unit < 0 { HALF - above } else { HALF + above };
        let start = self.start(entry);
        coder.encode(output, start, self.start(entry + 1) - start, MAX_TOTAL_BITS);
        if above >= HALF {
            let octave = magnitude.checked_ilog2().unwrap_or(0) as u8;
            coder.encode(output, u32::from(octave), 1, OCTAVE_BITS);
            encode_word(coder, output, magnitude, octave);
        } else {
            coder.encode_plain(output, magnitude, plain_bits(above));
        }
        let within = distance.wrapping_sub(unit << self.plain).wrapping_add(self.half_unit());
        coder.encode_plain(output, within as u32, self.plain);
    }

    /// Receives a distance: whatever the bytes, one that exists.
    pub(crate) fn decode(&self, coder: &mut RangeDecoder<'_>) -> i32 {
        let entry = coder.decode_near(MAX_TOTAL_BITS, ENTRIES, HALF, |entry| self.start(entry as u16));
        let above = entry.abs_diff(HALF);
        let magnitude = if above >= HALF {
            let octave = coder.decode(OCTAVE_BITS, 1 << OCTAVE_BITS, u32::from).max(8) as u8;
            1 << octave | decode_word(coder, octave)
        } else {
            least_magnitude(above) | coder.decode_plain(plain_bits(above))
        };
        let unit = if entry < HALF { (magnitude as i32).wrapping_neg() } else { magnitude as i32 };
        let within = coder.decode_plain(self.plain) as i32;
        unit.wrapping_shl(u32::from(self.plain)).wrapping_sub(self.half_unit()).wrapping_add(within)
    }

    /// A distance in units, rounded to the nearest, halves upward.
    fn unit(&self, distance: i32) -> i32 {
        match self.plain.checked_sub(1) {
            None => distance,
            Some(below) => (distance >> below >> 1) + (distance >> below & 1),
        }
    }

    fn half_unit(&self) -> i32 {
        (1 << self.plain) >> 1
    }
}

impl Logistic {
    /// How much of the distribution lies below an edge, in 1/32768; never falling with the edge.
    fn below(&self, edge: i32) -> u32 {
        // Further out than that both ends of the function are reached at any scale; the product stays inside 32 bits.
        let distance = edge.saturating_sub(self.mean).clamp(-0xffff, 0xffff);
        sigmoid((distance * self.mantissa) >> self.shift) as u32
    }
}

/// The least magnitude in the entry `above` entries from the middle.
fn least_magnitude(above: u16) -> u32 {
    let above = u32::from(above);
    match above.checked_sub(SINGLES) {
        None => above,
        Some(beyond) => (4 + (beyond & 3)) << (beyond / 4 + 2),
    }
}

/// How far from the middle the entry of a magnitude is.
fn entry_of(magnitude: u32) -> u16 {
    if magnitude < SINGLES {
        return magnitude as u16;
    }
    let octave = magnitude.ilog2();
    let quarter = magnitude >> (octave - 2) & 3;
    (SINGLES + (octave - 4) * 4 + quarter).min(u32::from(HALF)) as u16
}

/// Bits that tell the magnitudes of an entry apart.
fn plain_bits(above: u16) -> u8 {
    above.checked_sub(SINGLES as u16).map_or(0, |beyond| (beyond / 4 + 2) as u8)
}

/// Sends the lowest `bits` bits of a number, up to 32.
pub(super) fn encode_word(coder: &mut RangeEncoder, output: &mut [u8], value: u32, bits: u8) {
    coder.encode_plain(output, value >> 16, bits.saturating_sub(16));
    coder.encode_plain(output, value, bits.min(16));
}

/// Receives a number of up to 32 bits.
pub(super) fn decode_word(coder: &mut RangeDecoder<'_>, bits: u8) -> u32 {
    let high = coder.decode_plain(bits.saturating_sub(16).min(16));
    high << 16 | coder.decode_plain(bits.min(16))
}

#[cfg(test)]
mod tests {
    extern crate std;

    use proptest::prelude::*;
    use std::vec;
    use std::vec::Vec;

    use super::*;

    fn components() -> impl Strategy<Value = [Component; 2]> {
        let component = (prop_oneof![-1000i32..1000, any::<i32>()], any::<u8>());
        [component.clone(), component].prop_map(|parts| parts.map(|(mean, scale)| Component { mean, scale }))
    }

    proptest! {
        #[test]
        fn every_entry_has_an_interval(components in components(), weight in 0u32..=TOTAL) {
            let mixture = Mixture::new(components, weight);
            prop_assert_eq!(mixture.start(0), 0);
            for entry in 0..ENTRIES {
                prop_assert!(mixture.start(entry + 1) > mixture.start(entry), "entry {}", entry);
            }
            prop_assert_eq!(mixture.start(ENTRIES), TOTAL);
        }

        #[test]
        fn distances_come_back(
            distances in prop::collection::vec(
                (components(), 0u32..=TOTAL, prop_oneof![any::<i32>(), -300i32..300, Just(i32::MIN), Just(i32::MAX)]),
                1..60,
            ),
        ) {
            let mut output = vec![0; 2000];
            let mut coder = RangeEncoder::new();
            for (components, weight, distance) in &distances {
                Mixture::new(*components, *weight).encode(&mut coder, &mut output, *distance);
            }
            let length = coder.finish(&mut output);
            let mut decoder = RangeDecoder::new(&output[..length]);
            for (components, weight, distance) in &distances {
                prop_assert_eq!(Mixture::new(*components, *weight).decode(&mut decoder), *distance);
            }
        }

        #[test]
        fn any_bytes_decode(bytes: Vec<u8>, components in components(), weight in 0u32..=TOTAL) {
            let mut decoder = RangeDecoder::new(&bytes);
            for _ in 0..bytes.len() + 20 {
                let _ = Mixture::new(components, weight).decode(&mut decoder);
            }
        }

        #[test]
        fn entries_hold_their_magnitudes(magnitude: u32) {
            let above = entry_of(magnitude);
            prop_assert!(least_magnitude(above) <= magnitude);
            prop_assert!(above == HALF || magnitude < least_magnitude(above + 1));
            prop_assert!(above == HALF || magnitude - least_magnitude(above) < 1 << plain_bits(above));
        }
    }

    /// The code length of a mixture's own distances, under it and under the integers: what the integers lose.
    #[test]
    fn the_integers_lose_less_than_a_hundredth_of_the_bits() {
        let sigma = |x: f64| 1.0 / (1.0 + (-x).exp());
        for (number, ratio, mean) in
            [(16, 12, 0), (24, 16, 77), (40, 12, -128), (56, 10, 300), (80, 12, 0), (120, 8, 900)]
        {
            let components = [Component { mean, scale: number }, Component { mean: -mean, scale: number + ratio }];
            let weight = 0.8;
            let mixture = Mixture::new(components, (weight * 32768.0) as u32);
            let below = |edge: f64| {
                let part = |c: &Component| {
                    sigma((edge - f64::from(c.mean) / 256.0) / 2f64.powf((f64::from(c.scale) - 40.0) / 8.0))
                };
                weight * part(&components[0]) + (1.0 - weight) * part(&components[1])
            };
            let (mut exact, mut integer) = (0.0, 0.0);
            let reach = (2f64.powf((f64::from(number + ratio) - 40.0) / 8.0) * 14.0) as i32 + 4;
            for distance in -reach..=reach {
                let p = below(f64::from(distance) + 0.5) - below(f64::from(distance) - 0.5);
                exact -= p * p.max(1e-300).log2();
                let magnitude = mixture.unit(distance).unsigned_abs();
                let above = entry_of(magnitude);
                let entry = if mixture.unit(distance) < 0 { HALF - above } else { HALF + above };
                let size = f64::from(mixture.start(entry + 1) - mixture.start(entry)) / f64::from(TOTAL);
                let escape = if above == HALF { f64::from(OCTAVE_BITS) + f64::from(magnitude.ilog2()) } else { 0.0 };
                integer += p * (f64::from(plain_bits(above.min(HALF - 1)) + mixture.plain) + escape - size.log2());
            }
            assert!(integer <= exact * 1.01 + 0.004, "scale {number}, mean {mean}: {integer} for {exact} bits");
        }
    }
}
