//! The way out: a hop whose points are sent as they are, because predicting them would take more bits.

use super::mixture::{decode_word, encode_word};
use crate::coder::range::{MAX_TOTAL_BITS, RangeDecoder, RangeEncoder};

/// Most bits of a point.
pub(crate) const MAX_WIDTH: u8 = 32;
/// More than the flag, the width and what surrounds them can cost, in bits.
pub(crate) const OVERHEAD_BITS: u32 = 32;

/// Bits of a width that is sent, less one.
const WIDTH_BITS: u8 = 5;
const TOTAL: u16 = 1 << MAX_TOTAL_BITS;
/// Odds of a raw hop, in 1/32768: at a packet's start, and at least.
const FIRST_ODDS: u16 = 2048;
const LEAST_ODDS: u16 = 16;
/// Odds that the next raw hop of a packet has another width than the last one.
const OTHER_WIDTH_ODDS: u16 = 1024;

/// Whether hops are raw and how wide, as the coder sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RawHops {
    odds: u16,
    /// Bits of the points of the last raw hop, if there was one.
    width: Option<u8>,
}

impl RawHops {
    /// At the start of a packet.
    pub(crate) const fn new() -> Self {
        Self { odds: FIRST_ODDS, width: None }
    }

    /// Sends what kind the hop is: raw with points of so many bits, or predicted.
    pub(crate) fn encode(&mut self, coder: &mut RangeEncoder, output: &mut [u8], width: Option<u8>) {
        encode_flag(coder, output, self.odds, width.is_some());
        if let Some(width) = width {
            let other = self.width != Some(width);
            if self.width.is_some() {
                encode_flag(coder, output, OTHER_WIDTH_ODDS, other);
            }
            if other {
                coder.encode_plain(output, u32::from(width.saturating_sub(1)), WIDTH_BITS);
            }
        }
        self.count(width);
    }

    /// Receives what [`encode`](Self::encode) sent; from any other bytes a width that exists.
    pub(crate) fn decode(&mut self, coder: &mut RangeDecoder<'_>) -> Option<u8> {
        let width = decode_flag(coder, self.odds).then(|| match self.width {
            Some(width) if !decode_flag(coder, OTHER_WIDTH_ODDS) => width,
            _ => coder.decode_plain(WIDTH_BITS) as u8 + 1,
        });
        self.count(width);
        width
    }

    /// Notes what the hop was.
    pub(crate) fn count(&mut self, width: Option<u8>) {
        match width {
            None => self.odds = (self.odds - (self.odds >> 3)).max(LEAST_ODDS),
            Some(width) => {
                self.odds += (TOTAL - self.odds) / 8 * 7;
                self.width = Some(width);
            }
        }
    }
}

/// Bits that hold a point, at least one.
pub(crate) fn width(point: i32) -> u8 {
    // Of a negative number the leading ones but one can be left out.
    let magnitude = if point < 0 { !point } else { point };
    (33 - magnitude.leading_zeros()) as u8
}

/// Sends a point of at most `width` bits.
pub(crate) fn encode_point(coder: &mut RangeEncoder, output: &mut [u8], point: i32, width: u8) {
    encode_word(coder, output, point as u32, width);
}

/// Receives a point of `width` bits.
pub(crate) fn decode_point(coder: &mut RangeDecoder<'_>, width: u8) -> i32 {
    let unused = u32::from(MAX_WIDTH.saturating_sub(width));
    let word = decode_word(coder, width).checked_shl(unused).unwrap_or(0) as i32;
    word >> unused.min(31)
}

fn encode_flag(coder: &mut RangeEncoder, output: &mut [u8], odds: u16, flag: bool) {
    let rest = u32::from(TOTAL - odds);
    let (start, size) = if flag { (rest, u32::from(odds)) } else { (0, rest) };
    coder.encode(output, start, size, MAX_TOTAL_BITS);
}

fn decode_flag(coder: &mut RangeDecoder<'_>, odds: u16) -> bool {
    coder.decode(MAX_TOTAL_BITS, 2, |flag| if flag == 0 { 0 } else { u32::from(TOTAL - odds) }) != 0
}

#[cfg(test)]
mod tests {
    extern crate std;

    use proptest::prelude::*;
    use std::vec;
    use std::vec::Vec;

    use super::*;

    proptest! {
        #[test]
        fn hops_and_points_come_back(
            hops in prop::collection::vec(prop::option::of((0u32..40, prop::collection::vec(any::<i32>(), 1..8))), 1..20),
        ) {
            let hops: Vec<Option<Vec<i32>>> = hops
                .into_iter()
                .map(|hop| hop.map(|(narrower, points)| points.iter().map(|point| point.checked_shr(narrower).unwrap_or(0)).collect()))
                .collect();
            let widest = |points: &Vec<i32>| points.iter().map(|point| width(*point)).max().unwrap_or(1);
            let mut output = vec![0; 2000];
            let (mut coder, mut state) = (RangeEncoder::new(), RawHops::new());
            for hop in &hops {
                let width = hop.as_ref().map(widest);
                state.encode(&mut coder, &mut output, width);
                for point in hop.iter().flatten() {
                    encode_point(&mut coder, &mut output, *point, width.unwrap_or(1));
                }
            }
            let length = coder.finish(&mut output);
            let (mut decoder, mut state) = (RangeDecoder::new(&output[..length]), RawHops::new());
            for hop in &hops {
                let width = state.decode(&mut decoder);
                prop_assert_eq!(width, hop.as_ref().map(widest));
                for point in hop.iter().flatten() {
                    prop_assert_eq!(decode_point(&mut decoder, width.unwrap_or(0)), *point);
                }
            }
        }

        #[test]
        fn a_width_is_the_least_that_holds_the_point(point: i32) {
            let bits = u32::from(width(point));
            let holds = |bits: u32| i64::from(point) == i64::from(point) << (64 - bits.max(1)) >> (64 - bits.max(1));
            prop_assert!(holds(bits));
            prop_assert!(bits <= 1 || !holds(bits - 1));
        }
    }
}
