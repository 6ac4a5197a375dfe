//! The discretised logistic: a mean and a scale as intervals of the range coder, without a table per distribution.
//!
//! A code near the mean is an *entry* of a window of `2·half + 1`, which grows with the scale; entries of wide distributions hold
//! `2^plain` neighbouring codes each, told apart by as many plain bits. One more entry, the last, is an escape for all codes outside the window.
//! With `N` entries in all, entry `e > 0` starts at
//!
//! ```text
//! e + ((2^15 − N) · σ((entry's lower edge − mean) / scale) >> 15)
//! ```
//!
//! so that every entry has an interval, whatever the mean and the scale, and no division is needed. An interval takes two of these.

use super::cost::interval_cost;
use super::sigmoid::{REACH, sigmoid};
use crate::coder::range::{MAX_TOTAL_BITS, RangeDecoder, RangeEncoder};
use crate::kernels::quotient;

/// The largest number of a scale: wider distributions count as this one.
pub const MAX_SCALE: u8 = 191;
/// The number of the scale of one code. Scale `i` is `2^((i − UNIT_SCALE) / 8)` codes.
pub const UNIT_SCALE: u8 = 40;

/// The most that one code can [say](Logistic::surprise) about the scale: 3.
pub const MAX_SURPRISE: i32 = 3 << 12;

/// `round(2^15 · 2^(−i / 8))`.
pub(crate) const MANTISSAS: [u16; 8] = [32768, 30048, 27554, 25268, 23170, 21247, 19484, 17867];
/// From this octave on entries hold several codes.
const LAST_SINGLE_OCTAVE: u8 = 8;
const TOTAL: u32 = 1 << MAX_TOTAL_BITS;

/// How a code outside the window is sent: `code − least` as a plain number of `bits` bits, at most 30.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plain {
    /// The lowest code.
    pub least: i32,
    /// Bits that hold every code.
    pub bits: u8,
}

/// The distribution of one code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Logistic {
    /// The lowest code of the window.
    first: i32,
    /// Entries on either side of the middle one.
    half: u16,
    /// An entry's lower edge in scales, in 1/2^`shift` of what [`sigmoid`] takes: `slope · entry − origin`.
    slope: i32,
    origin: i32,
    shift: u8,
    /// Plain bits of a code within its entry.
    plain: u8,
}

impl Logistic {
    /// A distribution around `mean`, in 1/256 code, whose scale has number `scale`.
    #[must_use]
    pub fn new(mean: i32, scale: u8) -> Self {
        let scale = scale.min(MAX_SCALE);
        let octave = scale >> 3;
        let single = octave.min(LAST_SINGLE_OCTAVE);
        let plain = octave - single;
        let half = 2 + ((1u16 << single) >> 1);
        let middle = mean.saturating_add(128) >> 8;
        let within = mean.wrapping_sub(middle << 8);
        let mantissa = MANTISSAS.get(usize::from(scale & 7)).copied().map_or(0, i32::from);
        // The mean's distance above the lower edge of the middle entry, in 1/256 entry.
        let offset = (128 + within) >> plain;
        Self {
            first: middle - (i32::from(half) << plain),
            half,
            slope: mantissa << 8,
            origin: ((i32::from(half) << 8) + offset) * mantissa,
            shift: 6 + single,
            plain,
        }
    }

    /// Entries of the window and the escape.
    #[must_use]
    pub fn entries(&self) -> u16 {
        self.half * 2 + 2
    }

    /// Where entry `entry` starts in `0..2^15`: 0 for the first, rising with the entry; 2^15 behind the last.
    #[must_use]
    pub fn start(&self, entry: u16) -> u32 {
        match u32::from(entry) {
            0 => 0,
            entry if entry >= u32::from(self.entries()) => TOTAL,
            entry => self.inner_start(entry),
        }
    }

    /// The same of an entry that is neither the first nor behind the last.
    #[inline(always)]
    fn inner_start(&self, entry: u32) -> u32 {
        let below = sigmoid(self.argument(entry)) as u32;
        let spread = TOTAL - u32::from(self.entries());
        entry + ((spread * below) >> MAX_TOTAL_BITS)
    }

    /// An entry's lower edge in scales, as [`sigmoid`] takes it.
    #[inline(always)]
    fn argument(&self, entry: u32) -> i32 {
        // The product alone may be too large for its 32 bits; the difference is not.
        let distance = self.slope.wrapping_mul(entry as i32).wrapping_sub(self.origin);
        distance >> (self.shift & 31)
    }

    /// The entry that holds a code.
    #[must_use]
    pub fn entry(&self, code: i32) -> u16 {
        let place = code.wrapping_sub(self.first) as u32 >> self.plain;
        place.min(u32::from(self.entries()) - 1) as u16
    }

    /// What a code costs, in 1/256 bit, if an escape is sent as `escape` says.
    #[must_use]
    pub fn cost(&self, code: i32, escape: Plain) -> u32 {
        let entry = self.entry(code);
        let plain = if self.is_escape(entry) { escape.bits } else { self.plain };
        interval_cost(self.start(entry + 1) - self.start(entry), MAX_TOTAL_BITS) + (u32::from(plain) << 8)
    }

    /// The most bits that any code costs, whatever the mean and the scale, if codes have `bits` bits as plain numbers.
    #[must_use]
    pub const fn worst_bits(bits: u8) -> u8 {
        MAX_TOTAL_BITS + if bits > MAX_TOTAL_BITS { bits } else { MAX_TOTAL_BITS }
    }

    /// By how much a scale that was wider would have made a code likelier: the derivative of the likelihood's logarithm by the scale's, in 1/4096,
    /// limited to ±[`MAX_SURPRISE`]. Zero on average where the scale is right.
    #[must_use]
    pub fn surprise(&self, code: i32) -> i32 {
        let entry = self.entry(code);
        if self.is_escape(entry) {
            return MAX_SURPRISE;
        }
        // With x an edge in scales and s = σ(x), the derivative of s by the scale's logarithm is −x · s · (1 − s).
        let edge = |entry: u16| {
            let x = self.argument(u32::from(entry)).clamp(-REACH, REACH - 1);
            let share = sigmoid(x);
            (share, x * ((share * (TOTAL as i32 - share)) >> MAX_TOTAL_BITS))
        };
        let ((below, low), (above, high)) = (edge(entry), edge(entry + 1));
        let (difference, likelihood) = (low - high, (above - below).max(1));
        // A Cortex-M0 does not divide.
        let magnitude = quotient(difference.unsigned_abs(), likelihood as u32).min(MAX_SURPRISE as u32) as i32;
        if difference < 0 { -magnitude } else { magnitude }
    }

    /// Sends a code.
    pub fn encode(&self, coder: &mut RangeEncoder, output: &mut [u8], code: i32, escape: Plain) {
        let entry = self.entry(code);
        let start = self.start(entry);
        coder.encode(output, start, self.start(entry + 1) - start, MAX_TOTAL_BITS);
        if self.is_escape(entry) {
            coder.encode_plain(output, code.wrapping_sub(escape.least) as u32, escape.bits);
        } else {
            coder.encode_plain(output, code.wrapping_sub(self.first) as u32, self.plain);
        }
    }

    /// Receives a code: whatever the bytes, one of the window or one that `escape` can hold.
    #[must_use]
    pub fn decode(&self, coder: &mut RangeDecoder<'_>, escape: Plain) -> i32 {
        let entry = coder.decode_near(MAX_TOTAL_BITS, self.entries(), self.half, |entry| self.inner_start(entry));
        if self.is_escape(entry) {
            return escape.least.wrapping_add(coder.decode_plain(escape.bits) as i32);
        }
        let code = self.first.wrapping_add(i32::from(entry) << self.plain);
        code.wrapping_add(coder.decode_plain(self.plain) as i32)
    }

    fn is_escape(&self, entry: u16) -> bool {
        entry + 1 >= self.entries()
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use proptest::prelude::*;
    use std::vec;

    use super::*;

    const ESCAPE: Plain = Plain { least: -(1 << 24), bits: 25 };

    fn scale(number: u8) -> f64 {
        2f64.powf((f64::from(number) - 40.0) / 8.0)
    }

    /// The probability of a code under the float logistic.
    fn probability(code: i32, mean: f64, scale: f64) -> f64 {
        let below = |x: f64| 1.0 / (1.0 + (-(x - mean) / scale).exp());
        below(f64::from(code) + 0.5) - below(f64::from(code) - 0.5)
    }

    /// Means that a signal of 24 bits may have, in 1/256 code.
    fn means() -> impl Strategy<Value = i32> {
        prop_oneof![-(1 << 20)..1 << 20, any::<i32>()]
    }

    /// Codes of a logistic, drawn from its own intervals.
    fn mean_surprise(said: &Logistic, drawn: &Logistic, middle: i32) -> f64 {
        let share = |code: i32| {
            let entry = drawn.entry(code);
            f64::from(drawn.start(entry + 1) - drawn.start(entry)) / f64::from(1u32 << drawn.plain) / f64::from(TOTAL)
        };
        let codes = middle - 3000..=middle + 3000;
        let inside = codes.filter(|code| !drawn.is_escape(drawn.entry(*code)));
        inside.map(|code| share(code) * f64::from(said.surprise(code)) / 4096.0).sum()
    }

    #[test]
    fn a_scale_that_is_right_is_not_surprised_and_others_are_by_their_octaves() {
        for (mean, scale) in [(0, 40), (100, 30), (-90, 20), (7000, 60), (50, 75), (-20_000, 90)] {
            let [right, narrow, wide] = [scale, scale - 8, scale + 8].map(|scale| Logistic::new(mean, scale));
            let [right, low, high] = [&right, &narrow, &wide].map(|said| mean_surprise(said, &right, mean >> 8));
            assert!(right.abs() < 0.05, "{right} at scale {scale}");
            assert!(low > 0.05 && high < -0.05, "{low} and {high} at scale {scale}");
        }
    }

    proptest! {
        #[test]
        fn surprise_is_limited(mean in -3_000_000i32..3_000_000, scale in 0..=MAX_SCALE, code in -100_000i32..100_000) {
            let surprise = Logistic::new(mean, scale).surprise(code);
            prop_assert!((-MAX_SURPRISE..=MAX_SURPRISE).contains(&surprise));
        }

        #[test]
        fn every_entry_has_an_interval(mean in means(), scale: u8) {
            let logistic = Logistic::new(mean, scale);
            prop_assert_eq!(logistic.start(0), 0);
            for entry in 0..logistic.entries() {
                prop_assert!(logistic.start(entry + 1) > logistic.start(entry));
            }
            prop_assert_eq!(logistic.start(logistic.entries()), 1 << 15);
        }

        #[test]
        fn codes_come_back(
            codes in prop::collection::vec((means(), any::<u8>(), -(1i32 << 24)..1 << 24, any::<bool>()), 1..60),
        ) {
            let mut output = vec![0; 600];
            let mut coder = RangeEncoder::new();
            let mut bits = 0.0;
            // Half of them lie near the mean.
            let near = |mean: i32, code: i32, near: bool| if near { (mean >> 8) + code % 300 } else { code };
            let codes = codes.into_iter().map(|(mean, scale, code, is_near)| {
                let code = near(mean, code, is_near).clamp(-(1 << 24), (1 << 24) - 1);
                (Logistic::new(mean, scale), code)
            });
            let codes = codes.collect::<vec::Vec<_>>();
            for (logistic, code) in &codes {
                logistic.encode(&mut coder, &mut output, *code, ESCAPE);
                let cost = logistic.cost(*code, ESCAPE);
                prop_assert!(cost <= u32::from(Logistic::worst_bits(ESCAPE.bits)) * 256);
                bits += f64::from(cost) / 256.0 + 1.0 / 64.0;
            }
            let length = coder.finish(&mut output);
            prop_assert!(length as f64 <= bits / 8.0 + 1.0, "{length} bytes for {bits} bits");
            let mut decoder = RangeDecoder::new(&output[..length]);
            for (logistic, code) in &codes {
                prop_assert_eq!(logistic.decode(&mut decoder, ESCAPE), *code);
            }
        }

        #[test]
        fn any_bytes_decode(bytes: vec::Vec<u8>, mean in means(), scale: u8) {
            let logistic = Logistic::new(mean, scale);
            let mut decoder = RangeDecoder::new(&bytes);
            for _ in 0..bytes.len() + 20 {
                let _ = logistic.decode(&mut decoder, ESCAPE);
            }
        }
    }

    /// The mean code length of the float logistic's own codes, under it and under the integers: what the integers lose.
    #[test]
    fn the_integers_lose_less_than_a_hundredth_of_the_bits() {
        for number in 16..=120u8 {
            for mean in [-300 * 256 + 77, 0, 128, 1000 * 256 + 200] {
                let (logistic, scale, centre) = (Logistic::new(mean, number), scale(number), f64::from(mean) / 256.0);
                let (mut exact, mut integer) = (0.0, 0.0);
                let reach = (scale * 12.0) as i32 + 3;
                for code in (mean >> 8) - reach..=(mean >> 8) + reach {
                    let p = probability(code, centre, scale);
                    exact -= p * p.max(1e-300).log2();
                    integer += p * f64::from(logistic.cost(code, Plain { least: -(1 << 20), bits: 21 })) / 256.0;
                }
                assert!(integer <= exact * 1.008 + 0.004, "scale {scale}, mean {centre}: {integer} for {exact} bits");
            }
        }
    }
}
