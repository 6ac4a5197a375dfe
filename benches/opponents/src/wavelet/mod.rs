//! A wavelet codec: six levels of lifting, dead-zone quantizer, adaptive binary coding in contexts.
//!
//! ```text
//! samples ─ transform ─ coefficients ─ quantizer ─ levels ─ range coder
//! ```
//!
//! The coarsest band is a smooth curve, so its levels are coded as differences; the others are coded as they are, each
//! level in the context of those before it and of its parent, which covers the same time in the next coarser band.
//! In packets the transform runs on, as it would on a device; what is known of earlier levels ends with the packet.

mod contexts;
mod five_three;
mod nine_seven;
mod quantizer;

use crate::adaptive::Levels;
use crate::coder::Coder;
use crate::units::{In, Out, Units};
use crate::{Opponent, Receiving, Sending, rounded};
use contexts::{CONTEXTS, context};
use quantizer::Quantizer;

/// The finest step, in counts: far below what a lossy codec is used for, and coarse enough that no level overflows.
pub const FINEST_STEP: f64 = 0.001;

/// How often the low band is split again.
const SPLITS: usize = 6;

/// Bands of a signal.
const BANDS: usize = SPLITS + 1;

/// Which wavelet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Filter {
    NineSeven,
    FiveThree,
}

/// A wavelet codec with a quantizer step.
#[derive(Debug, Clone)]
pub struct Wavelet {
    filter: Filter,
    step: f64,
    start: Vec<Levels>,
}

impl Wavelet {
    /// The Cohen–Daubechies–Feauveau 9/7 wavelet with a step in counts, from [`FINEST_STEP`].
    ///
    /// # Panics
    /// If the step is finer or not finite.
    pub fn nine_seven(step: f64) -> Self {
        Self::new(Filter::NineSeven, step)
    }

    /// The reversible 5/3 wavelet, integers throughout, with a step in counts; at 1 and below it is lossless.
    ///
    /// # Panics
    /// If the step is below [`FINEST_STEP`] or not finite.
    pub fn five_three(step: f64) -> Self {
        Self::new(Filter::FiveThree, step)
    }

    fn new(filter: Filter, step: f64) -> Self {
        assert!(step >= FINEST_STEP && step.is_finite(), "a step of {step} counts");
        Self { filter, step, start: vec![Levels::new(CONTEXTS); BANDS] }
    }

    /// The levels of samples.
    fn analyse(&self, samples: &[i32], offset: i32) -> WaveletUnits<'_> {
        let mut units = self.unknown(samples.len(), offset);
        if !samples.is_empty() {
            units.levels = match self.filter {
                Filter::NineSeven => self.nine_seven_levels(samples, offset),
                Filter::FiveThree => self.five_three_levels(samples, offset),
            };
        }
        units
    }

    /// Levels of zero for so many samples.
    fn unknown(&self, length: usize, offset: i32) -> WaveletUnits<'_> {
        let mut low = length;
        let mut levels: Vec<Vec<i64>> = Vec::with_capacity(BANDS);
        for _ in 0..SPLITS {
            low = low.div_ceil(2);
            levels.push(vec![0; low]);
        }
        levels.push(vec![0; low]);
        levels.reverse();
        WaveletUnits { codec: self, length, offset, levels, state: self.start.clone(), first: None }
    }

    fn nine_seven_levels(&self, samples: &[i32], offset: i32) -> Vec<Vec<i64>> {
        let quantizer = Quantizer::new(self.step);
        let centred: Vec<f64> = samples.iter().map(|&sample| f64::from(sample) - f64::from(offset)).collect();
        nine_seven::forward(&centred).iter().map(|band| quantizer.levels(band)).collect()
    }

    fn nine_seven_samples(&self, levels: &[Vec<i64>], length: usize, offset: i32) -> Vec<i32> {
        let quantizer = Quantizer::new(self.step);
        let bands: Vec<Vec<f64>> = levels.iter().map(|band| quantizer.values(band)).collect();
        let decoded = nine_seven::inverse(&bands, length);
        decoded.iter().map(|value| (value + f64::from(offset)).round_ties_even() as i32).collect()
    }

    /// One for each band: an error is magnified differently in each.
    fn five_three_quantizers(&self) -> [Quantizer; BANDS] {
        let step = |gain: f64| if self.step > 1.0 { self.step / gain } else { 1.0 };
        five_three::gains().map(|gain| Quantizer::of_integers(step(gain)))
    }

    fn five_three_levels(&self, samples: &[i32], offset: i32) -> Vec<Vec<i64>> {
        let centred: Vec<i64> = samples.iter().map(|&sample| i64::from(sample) - i64::from(offset)).collect();
        let bands = five_three::forward(&centred);
        bands.iter().zip(self.five_three_quantizers()).map(|(band, with)| with.integer_levels(band)).collect()
    }

    fn five_three_samples(&self, levels: &[Vec<i64>], length: usize, offset: i32) -> Vec<i32> {
        let quantizers = self.five_three_quantizers();
        let bands: Vec<Vec<i64>> =
            levels.iter().zip(quantizers).map(|(band, with)| with.integer_values(band)).collect();
        let limited = |value: i64| value.clamp(i64::from(i32::MIN), i64::from(i32::MAX)) as i32;
        let decoded = five_three::inverse(&bands, length);
        decoded.into_iter().map(|value| limited(value + i64::from(offset))).collect()
    }
}

impl Opponent for Wavelet {
    fn name(&self) -> String {
        match self.filter {
            Filter::NineSeven => format!("CDF 9/7 wavelet, step {}", rounded(self.step)),
            Filter::FiveThree => format!("5/3 wavelet, step {}", rounded(self.step)),
        }
    }

    fn train(&mut self, samples: &[i32], offset: i32) {
        let mut units = self.analyse(samples, offset);
        units.learn();
        self.start = units.state;
    }

    fn sending<'a>(&'a self, samples: &'a [i32], offset: i32) -> Box<dyn Sending + 'a> {
        Box::new(Out::new(self.analyse(samples, offset)))
    }

    fn receiving<'a>(&'a self, length: usize, offset: i32) -> Box<dyn Receiving + 'a> {
        Box::new(In(self.unknown(length, offset)))
    }
}

/// Levels on their way. A unit is what covers 64 samples: a level of the coarsest band and all that lie below it.
struct WaveletUnits<'a> {
    codec: &'a Wavelet,
    length: usize,
    offset: i32,
    /// Levels of every band, coarsest first.
    levels: Vec<Vec<i64>>,
    state: Vec<Levels>,
    /// First unit of the packet; `None` until it comes.
    first: Option<usize>,
}

impl WaveletUnits<'_> {
    /// Codes the levels of a detail band that belong to a unit; there are `2^(band − 1)` of them.
    fn detail(&mut self, band: usize, first: usize, unit: usize, coder: &mut dyn Coder) {
        let scale = 1 << (band - 1);
        let (coarser, levels) = self.levels.split_at_mut(band);
        let (parents, levels) = (if band > 1 { coarser[band - 1].as_slice() } else { &[] }, &mut levels[0]);
        for index in unit * scale..((unit + 1) * scale).min(levels.len()) {
            let context = context(levels, parents, first * scale, index);
            levels[index] = self.state[band].code(levels[index], context, coder);
        }
    }

    /// Codes a level of the coarsest band: what it differs by from the one before, the first of a packet from zero.
    fn approximation(&mut self, first: usize, unit: usize, coder: &mut dyn Coder) {
        let band = &mut self.levels[0];
        let last = |index: usize| if index > first { band[index - 1] } else { 0 };
        let difference = |index: usize| band[index] - last(index);
        let recent: Vec<i64> = (first.max(unit.saturating_sub(3))..=unit).map(difference).collect();
        let (index, last) = (recent.len() - 1, last(unit));
        let context = context(&recent, &[], 0, index);
        band[unit] = last.saturating_add(self.state[0].code(recent[index], context, coder));
    }
}

impl Units for WaveletUnits<'_> {
    fn units(&self) -> usize {
        self.levels[0].len()
    }

    fn start_packet(&mut self) {
        self.state.clone_from(&self.codec.start);
        self.first = None;
    }

    fn unit(&mut self, unit: usize, coder: &mut dyn Coder) {
        let first = *self.first.get_or_insert(unit);
        self.approximation(first, unit, coder);
        (1..BANDS).for_each(|band| self.detail(band, first, unit, coder));
    }

    fn samples(&self) -> Vec<i32> {
        match self.codec.filter {
            Filter::NineSeven => self.codec.nine_seven_samples(&self.levels, self.length, self.offset),
            Filter::FiveThree => self.codec.five_three_samples(&self.levels, self.length, self.offset),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Limit;
    use proptest::prelude::*;

    fn stream(codec: &Wavelet, samples: &[i32], offset: i32) -> crate::Coded {
        codec.code(samples, offset, 0, Limit::Stream)
    }

    #[test]
    fn silence_at_physical_zero_costs_almost_nothing_and_is_kept() {
        let silence = vec![1024; 4096];
        for codec in [Wavelet::nine_seven(25.0), Wavelet::five_three(25.0)] {
            let coded = stream(&codec, &silence, 1024);
            assert_eq!(coded.samples, silence);
            assert!((10.0..200.0).contains(&coded.ideal_bits), "{} bits", coded.ideal_bits);
        }
    }

    #[test]
    fn nothing_costs_nothing() {
        let coded = stream(&Wavelet::nine_seven(25.0), &[], 0);
        assert_eq!((coded.ideal_bits, coded.samples), (0.0, Vec::new()));
    }

    #[test]
    fn training_pays_and_packets_cost() {
        let samples: Vec<i32> = (0..20_000).map(|time| 1024 + (time % 300) * (time % 7) / 9).collect();
        let (training, test) = samples.split_at(10_000);
        let mut codec = Wavelet::nine_seven(10.0);
        let flat = codec.code(test, 1024, 0, Limit::PacketBytes(244));
        codec.train(training, 1024);
        let trained = codec.code(test, 1024, 0, Limit::PacketBytes(244));
        let whole = stream(&codec, test, 1024);
        let bytes = [&whole, &trained, &flat].map(|coded| coded.packets.concat().len());
        assert!(bytes.is_sorted() && bytes[0] < bytes[2] && trained.packets.len() > 3, "{bytes:?}");
        assert_eq!(trained.samples, whole.samples);
    }

    proptest! {
        #[test]
        fn fine_steps_lose_nothing(samples in prop::collection::vec(-2048..2048, 1..300), offset in -2000..2000) {
            for codec in [Wavelet::nine_seven(0.01), Wavelet::five_three(1.0)] {
                for limit in [Limit::Stream, Limit::PacketBytes(200)] {
                    prop_assert_eq!(&codec.code(&samples, offset, 0, limit).samples, &samples);
                }
            }
        }

        #[test]
        fn the_extremes_of_counts_do_not_overflow(samples in prop::collection::vec(prop::sample::select(vec![i32::MIN, 0, i32::MAX]), 1..100)) {
            for codec in [Wavelet::nine_seven(FINEST_STEP), Wavelet::five_three(FINEST_STEP)] {
                let coded = stream(&codec, &samples, i32::MAX);
                prop_assert!(coded.ideal_bits.is_finite() && coded.ideal_bits > 0.0);
                prop_assert_eq!(&coded.samples, &samples);
            }
        }
    }
}
