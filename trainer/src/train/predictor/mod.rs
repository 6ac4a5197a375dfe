//! Training of the recurrent predictor that bounded and lossless packets are coded with.
//!
//! One net serves every bound: windows of the recordings are rounded to lattices of many steps, and the net is told which. Every second step has windows as packets
//! are, short, with nothing known but a first sample; the others have longer ones, in which the filter beside the net has learned already, as it has in one long stream.

mod filtered;
mod fit;
mod net;

use rand::{Rng, RngExt};
use tch::{Kind, Tensor};

use super::adam::Adam;
use crate::data::Recording;
use crate::export::predictor::{PredictorSizes, TrainedPredictor};
use crate::random::for_step;
use filtered::filtered;
use net::{Net, Windows};

pub use fit::{Candidate, FitError, Fitted, fit};

/// Samples of a step, over all windows and channels.
const SAMPLES: usize = 20_480;
/// Frames of a window of a stream.
const STREAM_FRAMES: usize = 384;
/// Samples of a window that stands for a packet, over all channels: about what a lossless packet of 244 bytes has of a signal of 8 bits a sample; packets that have
/// more begin like it. It has at least so many frames.
const PACKET_SAMPLES: usize = 256;
const LEAST_PACKET_FRAMES: usize = 16;
/// Bounds that are trained for; those that stand here more often count for more.
const BOUNDS: [u32; 10] = [0, 0, 0, 1, 1, 2, 5, 5, 10, 20];
/// The most frames that the filter has seen before a window of a stream.
const MOST_BEFORE: usize = 6000;
/// The part of the steps over which the learning rate rises.
const WARMUP: f64 = 0.05;
/// From this part of the steps on weights are rounded to int8, as on the device.
const INT8_FROM: f64 = 0.6;

/// What a training of the predictor can be told.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PredictorSettings {
    /// Optimizer steps.
    pub steps: usize,
    /// Adam's highest learning rate.
    pub learning_rate: f64,
    /// Rate of the filter beside the net; 0 without one.
    pub filter_rate: u8,
    /// Seed of every random choice.
    pub seed: u64,
}

/// A predictor in training.
#[derive(Debug)]
pub struct PredictorSession<'r> {
    settings: PredictorSettings,
    recordings: &'r [Recording],
    /// The count of physical zero of each channel.
    offsets: Vec<i32>,
    net: Net,
    adam: Adam,
    step: usize,
}

impl<'r> PredictorSession<'r> {
    /// A training before its first step; `offsets` are those of the model's channels.
    #[must_use]
    pub fn new(
        sizes: PredictorSizes,
        recordings: &'r [Recording],
        offsets: Vec<i32>,
        settings: PredictorSettings,
    ) -> Self {
        let net = Net::new(sizes, &mut for_step(settings.seed, usize::MAX));
        let adam = Adam::new(&net.variables, 0.9, 0.99);
        Self { settings, recordings, offsets, net, adam, step: 0 }
    }

    /// Steps done.
    #[must_use]
    pub fn step(&self) -> usize {
        self.step
    }

    /// One step; gives the bits of a sample in its windows.
    pub fn advance(&mut self) -> f64 {
        let mut random = for_step(self.settings.seed, self.step);
        let windows = self.draw(&mut random);
        let int8 = self.step as f64 >= INT8_FROM * self.settings.steps as f64;
        let bits = self.net.bits(&windows, int8).mean(Kind::Float);
        let _ = self.adam.minimise(&bits, self.learning_rate(), 1.0);
        self.step += 1;
        bits.double_value(&[])
    }

    /// Rises, then falls evenly.
    fn learning_rate(&self) -> f64 {
        let progress = self.step as f64 / self.settings.steps as f64;
        self.settings.learning_rate * (progress / WARMUP + 0.02).min(1.0) * (1.02 - progress)
    }

    /// Windows of the recordings.
    fn draw(&self, random: &mut impl Rng) -> Windows {
        let channels = self.offsets.len();
        let longest = self.recordings.iter().map(Recording::frames).max().unwrap_or(0);
        let is_packet = self.step.is_multiple_of(2);
        let frames = if is_packet { packet_frames(channels) } else { STREAM_FRAMES }.min(longest);
        let windows = (SAMPLES / (frames * channels).max(1)).max(1);
        let all: usize = self.recordings.iter().map(|recording| places(recording, frames)).sum();
        let mut drawn = Vec::with_capacity(windows);
        for _ in 0..windows {
            let mut place = random.random_range(0..all.max(1));
            let bound = BOUNDS[random.random_range(0..BOUNDS.len())];
            let before = if is_packet { 0 } else { random.random_range(0..MOST_BEFORE) };
            for recording in self.recordings {
                let here = places(recording, frames);
                if place < here {
                    let before = before.min(place);
                    let samples = &recording.samples[(place - before) * channels..(place + frames) * channels];
                    drawn.push(self.window(samples, before, bound));
                    break;
                }
                place -= here;
            }
        }
        Windows::together(&drawn)
    }

    /// The window of samples `[frames, channels]` on the lattice of a bound behind so many frames that only the filter sees.
    fn window(&self, samples: &[i32], before: usize, bound: u32) -> Windows {
        let channels = self.offsets.len();
        let step = f64::from(2 * bound + 1);
        let offsets = self.offsets.iter().cycle();
        let point = |(x, offset): (&i32, &i32)| ((f64::from(*x) - f64::from(*offset)) / step).round() as i32;
        let points: Vec<i32> = samples.iter().zip(offsets).map(point).collect();
        let values: Vec<f32> = points[before * channels..].iter().map(|point| *point as f32).collect();
        let values = Tensor::from_slice(&values).view([1, -1, channels as i64]).transpose(1, 2).contiguous();
        let rate = self.net.filter_rate();
        let filtered = (rate > 0).then(|| filtered(&points, channels, before, rate).unsqueeze(0));
        Windows { points: values, octaves: Tensor::from_slice(&[step.log2() as f32]), filtered }
    }

    /// Bits per sample of recordings as one stream each, under the floats with weights rounded to int8: their mean.
    fn measure(&self, recordings: &[Recording], bound: u32) -> f64 {
        let bits = recordings.iter().map(|recording| {
            let whole = self.window(&recording.samples, 0, bound);
            let bits = tch::no_grad(|| self.net.bits(&whole, true).sum(Kind::Double).double_value(&[]));
            bits / recording.samples.len().max(1) as f64
        });
        bits.sum::<f64>() / recordings.len().max(1) as f64
    }

    /// The predictor as it is now.
    #[must_use]
    pub fn trained(&self) -> TrainedPredictor {
        self.net.trained(level_scale(self.recordings, &self.offsets))
    }
}

/// Frames of a window that stands for a packet.
fn packet_frames(channels: usize) -> usize {
    (PACKET_SAMPLES / channels.max(1)).max(LEAST_PACKET_FRAMES)
}

/// Places where a window of so many frames may begin.
fn places(recording: &Recording, frames: usize) -> usize {
    (recording.frames() + 1).saturating_sub(frames)
}

/// The number of the scale that samples spread over: a logistic's is its mean magnitude over 2·ln 2.
fn level_scale(recordings: &[Recording], offsets: &[i32]) -> u8 {
    let samples = recordings.iter().flat_map(|recording| recording.samples.iter().zip(offsets.iter().cycle()));
    let (count, sum) =
        samples.fold((0u64, 0u128), |(count, sum), (x, offset)| (count + 1, sum + u128::from(x.abs_diff(*offset))));
    let scale = sum as f64 / count.max(1) as f64 / (2.0 * std::f64::consts::LN_2);
    (40.0 + 8.0 * scale.max(1.0).log2()).round().clamp(0.0, 191.0) as u8
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::predictor::PredictorSizes;
    use crate::train::prepare::tests::recording;

    /// `[windows, channels, frames]` of a step's windows, of recordings of so many frames.
    fn drawn(channels: usize, frames: &[usize], step: usize) -> [usize; 3] {
        let ramp = |frames: &usize| recording((0..frames * channels).map(|sample| sample as i32).collect(), channels);
        let recordings: Vec<Recording> = frames.iter().map(ramp).collect();
        let sizes = PredictorSizes { hidden: 4, taps: 2, cross: 0, filter_rate: 4 };
        let settings = PredictorSettings { steps: 2, learning_rate: 0.01, filter_rate: 4, seed: 3 };
        let mut session = PredictorSession::new(sizes, &recordings, vec![0; channels], settings);
        session.step = step;
        let windows = session.draw(&mut for_step(3, step));
        let [count, channels, frames] = <[i64; 3]>::try_from(windows.points.size()).unwrap();
        assert_eq!(windows.octaves.size(), [count]);
        assert_eq!(windows.filtered.unwrap().size(), [count, channels, frames - 1, 2]);
        [count, channels, frames].map(|size| size as usize)
    }

    #[test]
    fn every_second_step_has_windows_as_packets_are() {
        assert_eq!(drawn(1, &[5000, 900], 0), [80, 1, 256]);
        assert_eq!(drawn(1, &[5000, 900], 1), [53, 1, 384]);
        assert_eq!(drawn(6, &[5000], 0), [81, 6, 42]);
        assert_eq!(drawn(6, &[5000], 1), [8, 6, 384]);
        assert_eq!(drawn(64, &[5000], 0), [20, 64, 16]);
        assert_eq!(drawn(64, &[5000], 1), [1, 64, 384]);
    }

    #[test]
    fn short_recordings_are_windows_of_their_own_or_left_out() {
        assert_eq!(drawn(1, &[100], 0), [204, 1, 100]);
        assert_eq!(drawn(1, &[100, 10, 0], 1), [204, 1, 100]);
        assert_eq!(drawn(16, &[3, 2], 0), [426, 16, 3]);
    }
}
