//! Closed-loop prediction, error bounded or lossless: what the decoder will have predicts the next sample, and the rounded difference is
//! sent.
//!
//! With a bound `E` the difference is rounded to a multiple of `2E + 1`, so that no sample is off by more than `E`; a bound of 0 loses
//! nothing.

mod nlms;
mod rice;

use crate::adaptive::{Levels, WIDE_CLASSES, wide_class};
use crate::coder;
use crate::units::{In, Out, Units};
use crate::{Opponent, Receiving, Sending};
use nlms::Nlms;
use rice::Rice;

/// What predicts a sample from those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Predictor {
    /// The sample before.
    Delta,
    /// The sample before and an adaptive filter over the eight differences before it (normalised least mean squares).
    Nlms,
}

/// What codes the differences.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coder {
    /// A Rice code whose parameter follows the mean magnitude.
    Rice,
    /// An adaptive binary range coder, in the context of the three magnitudes before.
    Adaptive,
}

/// A predictive codec.
#[derive(Debug, Clone)]
pub struct Prediction {
    predictor: Predictor,
    coder: Coder,
    bound: u32,
    start: State,
}

/// All that adapts.
#[derive(Debug, Clone)]
struct State {
    nlms: Nlms,
    rice: Rice,
    levels: Levels,
}

/// The context of a packet's first sample, which nothing predicts.
const FIRST: usize = WIDE_CLASSES;

impl Prediction {
    /// With the largest error that is allowed, in counts; 0 for a lossless codec.
    pub fn new(predictor: Predictor, coder: Coder, bound: u32) -> Self {
        let start = State { nlms: Nlms::new(), rice: Rice::new(), levels: Levels::new(WIDE_CLASSES + 1) };
        Self { predictor, coder, bound, start }
    }

    /// A loop over samples, which are known or still to come.
    fn over<'a>(&'a self, known: Option<&'a [i32]>, length: usize, offset: i32) -> PredictionUnits<'a> {
        let decoded = Vec::with_capacity(length);
        PredictionUnits { codec: self, known, length, offset, decoded, state: self.start.clone(), last: None }
    }
}

impl Opponent for Prediction {
    fn name(&self) -> String {
        let predictor = match self.predictor {
            Predictor::Delta => "delta",
            Predictor::Nlms => "NLMS",
        };
        let coder = match self.coder {
            Coder::Rice => "Rice",
            Coder::Adaptive => "adaptive range coder",
        };
        match self.bound {
            0 => format!("{predictor} and {coder}, lossless"),
            bound => format!("{predictor} and {coder}, ±{bound}"),
        }
    }

    fn bound(&self) -> Option<u32> {
        Some(self.bound)
    }

    fn train(&mut self, samples: &[i32], offset: i32) {
        let mut units = self.over(Some(samples), samples.len(), offset);
        units.learn();
        self.start = units.state;
    }

    fn sending<'a>(&'a self, samples: &'a [i32], offset: i32) -> Box<dyn Sending + 'a> {
        Box::new(Out::new(self.over(Some(samples), samples.len(), offset)))
    }

    fn receiving<'a>(&'a self, length: usize, offset: i32) -> Box<dyn Receiving + 'a> {
        Box::new(In(self.over(None, length, offset)))
    }
}

/// Samples on their way, one a unit.
struct PredictionUnits<'a> {
    codec: &'a Prediction,
    /// The samples, where they are known.
    known: Option<&'a [i32]>,
    length: usize,
    offset: i32,
    decoded: Vec<i32>,
    state: State,
    /// The decoded sample before and the three levels before it; `None` at a packet's start.
    last: Option<(i32, [i64; 3])>,
}

impl PredictionUnits<'_> {
    fn predicted(&self) -> i64 {
        match (self.last, self.codec.predictor) {
            (None, _) => i64::from(self.offset),
            (Some((last, _)), Predictor::Delta) => i64::from(last),
            (Some((last, _)), Predictor::Nlms) => {
                i64::from(count(i64::from(last).saturating_add(self.state.nlms.predict())))
            }
        }
    }

    fn code(&mut self, level: i64, coder: &mut dyn coder::Coder) -> i64 {
        let (context, shift) = self.last.map_or((FIRST, 0), |(_, before)| {
            let [first, second, third] = before.map(i64::unsigned_abs);
            wide_class(first.saturating_mul(2).saturating_add(second).saturating_add(third))
        });
        match self.codec.coder {
            Coder::Adaptive => self.state.levels.code_large(level, context, shift, coder),
            Coder::Rice => self.state.rice.code(level, context == FIRST, coder),
        }
    }
}

/// The nearest count.
fn count(value: i64) -> i32 {
    value.clamp(i64::from(i32::MIN), i64::from(i32::MAX)) as i32
}

impl Units for PredictionUnits<'_> {
    fn units(&self) -> usize {
        self.length
    }

    fn start_packet(&mut self) {
        self.state = self.codec.start.clone();
        self.last = None;
    }

    fn unit(&mut self, unit: usize, coder: &mut dyn coder::Coder) {
        let predicted = self.predicted();
        let step = 2 * i64::from(self.codec.bound) + 1;
        let difference = self.known.map_or(0, |samples| i64::from(samples[unit]) - predicted);
        let level = self.code((difference + step / 2).div_euclid(step), coder);
        let decoded = count(predicted.saturating_add(level.saturating_mul(step)));
        self.last = Some(match self.last {
            None => {
                self.state.nlms.restart();
                (decoded, [0; 3])
            }
            Some((last, [first, second, _])) => {
                self.state.nlms.update(i64::from(decoded) - i64::from(last));
                (decoded, [level, first, second])
            }
        });
        self.decoded.truncate(unit);
        self.decoded.push(decoded);
    }

    fn samples(&self) -> Vec<i32> {
        self.decoded.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Limit;
    use proptest::prelude::*;

    fn all(bound: u32) -> impl Iterator<Item = Prediction> {
        let predictors = [Predictor::Delta, Predictor::Nlms];
        predictors.into_iter().flat_map(move |predictor| {
            [Coder::Rice, Coder::Adaptive].map(|coder| Prediction::new(predictor, coder, bound))
        })
    }

    proptest! {
        #[test]
        fn bounds_hold_and_lossless_is_lossless(samples in prop::collection::vec(any::<i32>(), 1..200), bound in 0u32..40) {
            for codec in all(bound) {
                for limit in [Limit::Stream, Limit::PacketBytes(64)] {
                    let coded = codec.code(&samples, 0, 0, limit);
                    prop_assert_eq!(coded.samples.len(), samples.len());
                    let largest = samples.iter().zip(&coded.samples).map(|(x, y)| x.abs_diff(*y)).max();
                    prop_assert!(largest <= Some(bound), "{:?} {}", largest, codec.name());
                }
            }
        }
    }

    #[test]
    fn a_filter_beats_the_sample_before_on_a_tone() {
        let tone: Vec<i32> = (0..4000).map(|time| (1000.0 * (f64::from(time) * 0.2).sin()) as i32).collect();
        let bits =
            |predictor| Prediction::new(predictor, Coder::Adaptive, 0).code(&tone, 0, 0, Limit::Stream).ideal_bits;
        assert!(bits(Predictor::Nlms) < 0.6 * bits(Predictor::Delta));
    }

    #[test]
    fn what_was_learned_helps_every_packet() {
        let noise: Vec<i32> = (0..6000i64).map(|time| (time * time * 7919 % 65_537 % 37) as i32 - 18).collect();
        let mut codec = Prediction::new(Predictor::Delta, Coder::Adaptive, 0);
        let bytes = |codec: &Prediction| {
            let coded = codec.code(&noise[3000..], 0, 0, Limit::PacketBytes(100));
            coded.packets.concat().len() as f64
        };
        let flat = bytes(&codec);
        codec.train(&noise[..3000], 0);
        assert!(bytes(&codec) < 0.98 * flat);
    }
}
