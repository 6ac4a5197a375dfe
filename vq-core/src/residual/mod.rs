//! Error-bounded and lossless packets: closed-loop prediction, whose errors are coded with priors.
//!
//! Samples become points of a lattice, which keeps the promise about the error. A rung predicts each point from those before it,
//! and gives the distribution of the distance between the two as a mixture of logistics for the range coder. Encoder and decoder know the same
//! points, and so predict the same. There is no net that decodes, nothing looks ahead, and a packet depends on no other.
//!
//! The points of a hop are sent frame by frame, the channels of a frame in order. A hop that prediction would make longer is sent raw.

mod adaptive;
pub mod filter;
mod lattice;
mod mixture;
mod raw;
mod recurrent;

use crate::coder::range::{RangeDecoder, RangeEncoder};
use crate::model::Model;
use crate::model::predictor::MAX_CROSS;
use adaptive::{Channel, Start};
use lattice::Lattice;
use mixture::{Component, Mixture};
pub(crate) use raw::{MAX_WIDTH, RawHops, decode_point, encode_point, width};
use recurrent::Recurrent;

/// Number of the scale of a packet's first points, where nothing was trained: 128 counts.
const UNTRAINED_LEVEL_SCALE: u8 = 96;

/// What a packet's points are predicted with. The state of its channels lies in memory that is handed in.
#[derive(Debug)]
pub(crate) struct Predictor<'a> {
    model: Model<'a>,
    lattice: Lattice,
    raw: RawHops,
    /// The recurrent rung, if the model has it; otherwise the adaptive one predicts.
    recurrent: Option<Recurrent<'a>>,
}

/// The place of a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    /// The channel of the frame.
    pub(crate) channel: usize,
    /// Whether the packet has no point of this channel yet.
    pub(crate) first: bool,
}

/// Bytes of the adaptive rung's state of so many channels, a multiple of 8.
pub(crate) const fn memory_bytes(channels: usize) -> usize {
    (channels * adaptive::WORDS * 4).next_multiple_of(8)
}

/// The most bytes of a hop of so many points, raw, of at most `width` bits.
pub(crate) const fn worst_hop_bytes(points: usize, width: u8) -> usize {
    let bits = points.saturating_mul(width as usize).saturating_add(raw::OVERHEAD_BITS as usize);
    // Every symbol may lose a little of the coder's range: a point is up to three.
    bits.saturating_add(points / 32 + 1) / 8 + 1
}

impl<'a> Predictor<'a> {
    /// A predictor, which [`start_packet`](Self::start_packet) makes ready.
    pub(crate) fn new(model: Model<'a>) -> Self {
        Self { model, lattice: Lattice::new(0), raw: RawHops::new(), recurrent: Recurrent::new(model) }
    }

    /// Forgets everything and goes on with a packet of this bound.
    pub(crate) fn start_packet(&mut self, memory: &mut [i32], bound: u32) {
        self.lattice = Lattice::new(bound);
        self.raw = RawHops::new();
        (0..self.model.channels()).for_each(|channel| self.restart(memory, channel, 0));
    }

    /// How hops are sent; a copy is a snapshot.
    pub(crate) fn raw_hops(&mut self) -> &mut RawHops {
        &mut self.raw
    }

    /// The point nearest to a sample.
    pub(crate) fn point(&self, channel: usize, sample: i32) -> i32 {
        self.lattice.point(sample, self.model.scaling(channel).offset)
    }

    /// The sample that a point stands for.
    pub(crate) fn sample(&self, channel: usize, point: i32) -> i32 {
        self.lattice.sample(point, self.model.scaling(channel).offset)
    }

    /// Sends a point of a predicted hop.
    pub(crate) fn encode(
        &self,
        memory: &mut [i32],
        place: Place,
        point: i32,
        coder: &mut RangeEncoder,
        output: &mut [u8],
    ) {
        let (predicted, distribution) = self.predict(memory, place);
        let distance = point.wrapping_sub(predicted);
        distribution.encode(coder, output, distance);
        self.take(memory, place, point, distance);
    }

    /// Receives a point of a predicted hop.
    pub(crate) fn decode(&self, memory: &mut [i32], place: Place, coder: &mut RangeDecoder<'_>) -> i32 {
        let (predicted, distribution) = self.predict(memory, place);
        let distance = distribution.decode(coder);
        let point = predicted.wrapping_add(distance);
        self.take(memory, place, point, distance);
        point
    }

    /// Predicts a channel anew from a point that was sent raw.
    pub(crate) fn restart(&self, memory: &mut [i32], channel: usize, point: i32) {
        if let Some(recurrent) = &self.recurrent {
            recurrent.restart(memory, self.model.channels(), channel, point);
        } else if let Some(mut channel) = channel_of(memory, channel) {
            channel.start(&Start::UNTRAINED, self.lattice.step());
            channel.resume(point);
        }
    }

    /// The predicted point, and how far from it the point may be.
    fn predict(&self, memory: &mut [i32], place: Place) -> (i32, Mixture) {
        if place.first {
            let octaves = self.lattice.step().checked_ilog2().unwrap_or(0) as u8;
            let lossless = self.recurrent.as_ref().map_or(UNTRAINED_LEVEL_SCALE, Recurrent::level_scale);
            let scale = lossless.saturating_sub(octaves * 8);
            return (0, Mixture::new([Component { mean: 0, scale }; 2], 0));
        }
        let predicted = match &self.recurrent {
            Some(recurrent) => recurrent.predict(memory, self.model.channels(), place.channel, self.lattice.step()),
            None => {
                let cross = cross(memory, place.channel);
                channel_of(memory, place.channel).map(|channel| (channel.predict(cross), channel.distribution()))
            }
        };
        // Every channel is in the memory.
        predicted.unwrap_or_else(|| (0, Mixture::new([Component { mean: 0, scale: 0 }; 2], 0)))
    }

    /// Lets the state follow a point that was sent or received.
    fn take(&self, memory: &mut [i32], place: Place, point: i32, distance: i32) {
        if place.first {
            return self.restart(memory, place.channel, point);
        }
        if let Some(recurrent) = &self.recurrent {
            return recurrent.take(memory, self.model.channels(), place.channel, point);
        }
        let cross = cross(memory, place.channel);
        if let Some(mut channel) = channel_of(memory, place.channel) {
            channel.take(point, distance, cross);
        }
    }
}

/// The newest differences of the two channels before one.
fn cross(words: &mut [i32], channel: usize) -> [i32; MAX_CROSS] {
    filter::cross(channel, |before| Some(channel_of(words, before)?.newest()))
}

fn channel_of(words: &mut [i32], channel: usize) -> Option<Channel<'_>> {
    Channel::new(words.get_mut(channel * adaptive::WORDS..)?)
}
