//! Inputs that move: how far a channel lies from where its model was trained, and what is sent about it.
//!
//! A packet states the level of the frames of *its hops*, wherever the net's delay lets them come out. So the net's run goes on over a change of
//! level: it sees a signal that moves, returns one that moves, and the decoder takes the move out at the same frames. An offset moves over some frames,
//! as a baseline does: a jump would have to be coded by nets that have never seen one.

use crate::coder::range::{RangeDecoder, RangeEncoder};
use crate::features::FLOAT;
use crate::kernels::Arithmetic;
use crate::model::records::Scaling;
use crate::prior::logistic::MANTISSAS;
use crate::residual::{MAX_WIDTH, decode_point, encode_point, width};

/// Bits of a scale that is sent.
const SCALE_BITS: u8 = 8;
/// Bits of the width of an offset.
const WIDTH_BITS: u8 = 5;
/// The most bits that a channel's level takes.
const WORST_BITS: usize = 1 + SCALE_BITS as usize + WIDTH_BITS as usize + MAX_WIDTH as usize;
/// `round(2^15 · 2^((2·e + 1) / 16))`: from here on a factor is nearer to the next eighth of an octave than to eighth `e`.
const BETWEEN_EIGHTHS: [u32; 8] = [34_219, 37_316, 40_693, 44_376, 48_393, 52_773, 57_549, 62_757];

/// Where a channel's samples lie, seen from where its model was trained. All zero for the sensor that it was trained for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Level {
    /// Counts by which the sample that is zero to the nets lies higher.
    pub offset: i32,
    /// The amplitude against that of the model, in eighths of an octave: 8 doubles it, −16 is a quarter.
    pub scale: i8,
}

impl Level {
    /// Words of a level in memory.
    pub(crate) const WORDS: usize = 2;

    /// The level of a sensor behind another amplifier or converter: `counts.0` of its counts stand for `counts.1` of the model's, and its count
    /// `centre` for the one that is zero to the model's nets, [`Scaling::offset`], which `model_centre` is.
    ///
    /// The factor is rounded to the nearest eighth of an octave: at most 4.4 % of amplitude, which nets and priors do not notice, and the decoder
    /// takes the same factor back.
    ///
    /// ```
    /// use vq_core::Level;
    ///
    /// // The model was trained on 200 counts per mV around 1024, the sensor gives 8 388 608 counts for 2400 mV around 0.
    /// let level = Level::of_sensor((8_388_608, 200 * 2400), 0, 1024);
    /// assert_eq!(level, Level { offset: -1024, scale: 33 });
    /// ```
    #[must_use]
    pub const fn of_sensor(counts: (u32, u32), centre: i32, model_centre: i32) -> Self {
        Self { offset: centre.saturating_sub(model_centre), scale: eighths(counts.0, counts.1) }
    }

    /// As the words of a memory have it.
    pub(crate) fn from_words(words: &[i32], place: usize) -> Self {
        let word = |index: usize| words.get(place * Self::WORDS + index).copied().unwrap_or(0);
        Self { offset: word(0), scale: word(1) as i8 }
    }

    /// Puts it into words of a memory.
    pub(crate) fn put(self, words: &mut [i32], place: usize) {
        let target = words.get_mut(place * Self::WORDS..).unwrap_or_default();
        target.iter_mut().zip([self.offset, i32::from(self.scale)]).for_each(|(word, value)| *word = value);
    }

    /// The level in a frame, counted from the first one behind a change to it from `before`: the offset moves over `2^ramp` frames in a straight line. A
    /// scale jumps, and so does an offset with it, or where `ramp` is 0.
    pub(crate) fn behind_change(self, before: Self, frame: u32, ramp: u16) -> Self {
        if ramp == 0 || frame >> ramp != 0 || before.scale != self.scale {
            return self;
        }
        let way = i64::from(self.offset) - i64::from(before.offset);
        let moved = (way * i64::from(2 * frame + 1)) >> (ramp + 1);
        Self { offset: (i64::from(before.offset) + moved) as i32, ..self }
    }

    /// The scaling of a channel at this level. Shifts stay within 1..=62, where they hold any sample.
    pub(crate) fn scaling(self, scaling: Scaling, arithmetic: Arithmetic) -> Scaling {
        if self == Self::default() {
            return scaling;
        }
        let offset = scaling.offset.saturating_add(self.offset);
        let (octave, eighth) = (i32::from(self.scale) >> 3, usize::from(self.scale as u8 & 7));
        // 2^(octave + eighth / 8) is 2^(up) · mantissa, and its reciprocal 2^(−octave) · mantissa.
        let up = octave + i32::from(eighth > 0);
        let mantissa = |eighth: usize| MANTISSAS.get(eighth).copied().unwrap_or(1 << 15);
        let (down_by, up_by) = (mantissa(eighth), mantissa((8 - eighth) & 7));
        if FLOAT && arithmetic == Arithmetic::Float {
            let factor = |mantissa: u16, octave: i32| f32::from(mantissa) / 32768.0 * power_of_two(octave);
            let scaled = |gain: i32, factor: f32| (f32::from_bits(gain as u32) * factor).to_bits() as i32;
            return Scaling {
                offset,
                gain: scaled(scaling.gain, factor(down_by, -octave)),
                gain_out: scaled(scaling.gain_out, factor(up_by, up)),
                ..scaling
            };
        }
        Scaling {
            offset,
            gain: times(scaling.gain, down_by),
            gain_out: times(scaling.gain_out, up_by),
            shift: (i32::from(scaling.shift) + octave).clamp(1, 62) as u8,
            shift_out: (i32::from(scaling.shift_out) - up).clamp(1, 62) as u8,
            ..scaling
        }
    }

    /// Sends it.
    pub(crate) fn encode(self, coder: &mut RangeEncoder, output: &mut [u8]) {
        let moved = self != Self::default();
        coder.encode_plain(output, u32::from(moved), 1);
        if moved {
            coder.encode_plain(output, (i32::from(self.scale) + 128) as u32, SCALE_BITS);
            let width = width(self.offset);
            coder.encode_plain(output, u32::from(width - 1), WIDTH_BITS);
            encode_point(coder, output, self.offset, width);
        }
    }

    /// Receives it.
    pub(crate) fn decode(coder: &mut RangeDecoder<'_>) -> Self {
        if coder.decode_plain(1) == 0 {
            return Self::default();
        }
        let scale = (coder.decode_plain(SCALE_BITS) as i32 - 128) as i8;
        let width = coder.decode_plain(WIDTH_BITS) as u8 + 1;
        Self { scale, offset: decode_point(coder, width) }
    }
}

/// The most bytes by which the levels of so many channels make a code longer.
pub(crate) const fn worst_level_bytes(channels: usize) -> usize {
    channels.saturating_mul(WORST_BITS).saturating_add(channels / 32 + 1).div_ceil(8)
}

/// `gain · mantissa / 2^15`, positive.
fn times(gain: i32, mantissa: u16) -> i32 {
    let product = (i64::from(gain) * i64::from(mantissa) + (1 << 14)) >> 15;
    product.clamp(1, i64::from(i32::MAX)) as i32
}

/// `2^exponent`, of exponents within a float's.
fn power_of_two(exponent: i32) -> f32 {
    f32::from_bits(((127 + exponent).clamp(1, 254) as u32) << 23)
}

/// The eighths of an octave nearest to a factor, within −128..=127.
const fn eighths(numerator: u32, denominator: u32) -> i8 {
    if numerator == 0 || denominator == 0 {
        return 0;
    }
    // Both in 32 leading bits: the factor is their quotient times 2^octave.
    let mut octave = denominator.leading_zeros() as i32 - numerator.leading_zeros() as i32;
    let numerator = (numerator as u64) << numerator.leading_zeros();
    let denominator = (denominator as u64) << denominator.leading_zeros();
    let mut quotient = (numerator << 16) / (denominator << 1);
    if quotient < 1 << 15 {
        quotient = (numerator << 16) / denominator;
        octave -= 1;
    }
    let (mut eighth, mut edges): (usize, &[u32]) = (0, &BETWEEN_EIGHTHS);
    while let Some((edge, rest)) = edges.split_first()
        && quotient >= *edge as u64
    {
        (eighth, edges) = (eighth + 1, rest);
    }
    let eighths = octave * 8 + eighth as i32;
    if eighths < -128 {
        -128
    } else if eighths > 127 {
        127
    } else {
        eighths as i8
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use proptest::prelude::*;
    use std::vec;
    use std::vec::Vec;

    use super::*;
    use crate::kernels::Kernels;
    use crate::kernels::portable::Integer;

    /// Counts times eight into the net, as for a converter of 12 bits.
    const SCALING: Scaling =
        Scaling { offset: 1024, gain: 1 << 30, gain_out: 1 << 30, shift: 27, shift_out: 33, reach: 0 };

    fn levels() -> impl Strategy<Value = Level> {
        prop_oneof![
            Just(Level::default()),
            (any::<i32>(), any::<i8>()).prop_map(|(offset, scale)| Level { offset, scale }),
            (-3000i32..3000, -30i8..60).prop_map(|(offset, scale)| Level { offset, scale }),
        ]
    }

    proptest! {
        #[test]
        fn levels_survive_in_their_place(levels in prop::collection::vec(levels(), 1..17)) {
            let mut output = vec![0; 200];
            let mut coder = RangeEncoder::new();
            levels.iter().for_each(|level| level.encode(&mut coder, &mut output));
            let length = coder.finish(&mut output);
            prop_assert!(length <= worst_level_bytes(levels.len()) + 1);
            let mut coder = RangeDecoder::new(&output[..length]);
            let read: Vec<Level> = levels.iter().map(|_| Level::decode(&mut coder)).collect();
            prop_assert_eq!(&read, &levels);
            let mut words = vec![0; levels.len() * Level::WORDS];
            levels.iter().enumerate().for_each(|(place, level)| level.put(&mut words, place));
            let kept: Vec<Level> = (0..levels.len()).map(|place| Level::from_words(&words, place)).collect();
            prop_assert_eq!(kept, levels);
        }

        #[test]
        fn what_goes_in_at_a_level_comes_out_there(offset in -1_000_000i32..1_000_000, scale in -24i8..=80, x in -2047i32..=2047) {
            let level = Level { offset, scale };
            let scaling = level.scaling(SCALING, Arithmetic::Integer);
            let factor = (f64::from(scale) / 8.0).exp2();
            let sample = 1024 + offset + (f64::from(x) * factor).round() as i32;
            let element = Integer::scale_in(&scaling, sample);
            prop_assert!((f64::from(element) - 8.0 * f64::from(sample - 1024 - offset) / factor).abs() <= 2.0);
            let back = Integer::scale_out(&scaling, element);
            // Half a step of the net's input, and the rounding of the two gains.
            let most = 0.5 + factor / 16.0 + f64::from(x).abs() * factor / 8192.0;
            prop_assert!(f64::from(back.abs_diff(sample)) <= most, "{} {}", back, sample);
        }

        #[test]
        fn an_offset_moves_in_a_straight_line(before in levels(), level in levels(), ramp in 1u16..=15, frame in any::<u16>()) {
            let level = Level { scale: before.scale, ..level };
            let length = f64::from(1u32 << ramp);
            let found = level.behind_change(before, frame.into(), ramp);
            let part = ((f64::from(frame) + 0.5) / length).min(1.0);
            let expected = f64::from(before.offset) + part * (f64::from(level.offset) - f64::from(before.offset));
            if f64::from(frame) < length {
                prop_assert!((f64::from(found.offset) - expected.floor()).abs() <= 1.0, "{:?} {}", found, expected);
                prop_assert_eq!(found.scale, level.scale);
            } else {
                prop_assert_eq!(found, level);
            }
            let jumps = [level.behind_change(before, frame.into(), 0), Level { scale: level.scale ^ 1, ..level }.behind_change(before, 0, ramp)];
            prop_assert_eq!(jumps, [level, Level { scale: level.scale ^ 1, ..level }]);
        }

        #[test]
        fn whole_octaves_are_exact(offset in -3000i32..3000, octaves in 0i8..=3, x in -2047i32..=2047) {
            let level = Level { offset, scale: octaves * 8 };
            let scaling = level.scaling(SCALING, Arithmetic::Integer);
            let sample = 1024 + offset + x * (1 << octaves);
            prop_assert_eq!(Integer::scale_in(&scaling, sample), 8 * x as i16);
            prop_assert_eq!(Integer::scale_out(&scaling, 8 * x as i16), sample);
        }

        #[test]
        fn any_level_scales_any_sample(level in levels(), sample: i32, element: i16, gain in 1i32.., shift in 1u8..=47) {
            let scaling = level.scaling(Scaling { offset: 7, gain, gain_out: gain, shift, shift_out: shift, reach: 0 }, Arithmetic::Integer);
            let _ = (Integer::scale_in(&scaling, sample), Integer::scale_out(&scaling, element));
            let _ = level.scaling(SCALING, Arithmetic::Float);
        }

        #[test]
        fn a_factor_is_the_nearest_eighth(numerator in 1u32.., denominator in 1u32..) {
            let exact = 8.0 * (f64::from(numerator) / f64::from(denominator)).log2();
            let found = f64::from(eighths(numerator, denominator));
            prop_assert!((found - exact.clamp(-128.0, 127.0)).abs() < 0.501, "{} {}", found, exact);
        }
    }

    #[test]
    fn factors_that_are_eighths_are_found() {
        assert_eq!([(1, 1), (2, 1), (1, 4), (8, 1), (0, 1), (1, 0)].map(|(n, d)| eighths(n, d)), [0, 8, -16, 24, 0, 0]);
        assert_eq!((eighths(u32::MAX, 1), eighths(1, u32::MAX)), (127, -128));
    }
}
