//! The rung that is trained: a recurrent cell over the past of a channel.
//!
//! Before each point the cell takes the newest difference of the channel's points, how that one differs from the one before, the
//! step of the lattice, and the newest differences of the channels before. Its state gives gains for the past differences, whose sum predicts the
//! point, and the two logistics of what is left. So one small net follows slopes, waves and noise, and knows how sure it is.

use crate::kernels::{Kernels, Native};
use crate::model::Model;
use crate::model::plan::block_stream_bytes;
use crate::model::predictor::{
    DISTRIBUTION_OUTPUTS, FILTER_INPUTS, KEPT_DIFFERENCES, MAX_CROSS, OWN_INPUTS, ResidualPredictor,
};
use crate::prior::cell::GruCell;
use crate::prior::logistic::{MANTISSAS, MAX_SCALE, UNIT_SCALE};
use crate::prior::sigmoid::sigmoid;

use super::filter::{self, Filter, limited};
use super::mixture::{Component, Mixture};

/// Words of a channel: its last point and its past differences, an even number.
const WORDS: usize = 2 + KEPT_DIFFERENCES;
/// Words of a channel with a filter.
const FILTER_WORDS: usize = WORDS + Filter::WORDS;
/// Elements of the input, filled up.
const INPUTS: usize = (OWN_INPUTS + MAX_CROSS + FILTER_INPUTS).next_multiple_of(8);
/// Elements of the output, filled up.
const OUTPUTS: usize = (DISTRIBUTION_OUTPUTS + KEPT_DIFFERENCES + MAX_CROSS + 1).next_multiple_of(8);

/// The predictor of a model.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Recurrent<'a> {
    cell: GruCell<'a>,
    readout: &'a [u8],
    record: ResidualPredictor,
}

/// The state of all channels, and room to compute in.
struct State<'m> {
    /// `[channels, words of a channel]`.
    points: &'m mut [i32],
    input: &'m mut [i16],
    output: &'m mut [i16],
    gates: &'m mut [i16],
    /// `[channels, hidden]`.
    hidden: &'m mut [i16],
}

/// What is kept of a channel's points.
struct Past<'m> {
    last: &'m mut i32,
    /// The newest first.
    differences: &'m mut [i32; KEPT_DIFFERENCES],
    /// Of a predictor with a filter.
    filter: Option<Filter<'m>>,
}

impl<'m> Past<'m> {
    /// The past in a channel's words; `None` if there are too few.
    fn new(words: &'m mut [i32]) -> Option<Self> {
        let (last, words) = words.split_first_mut()?;
        let (differences, words) = words.split_first_chunk_mut()?;
        Some(Self { last, differences, filter: Filter::new(words) })
    }
}

impl ResidualPredictor {
    /// Memory for so many channels in units of 8 bytes; `None` if it is more than a model can state.
    #[must_use]
    pub fn memory_units(&self, channels: usize) -> Option<u16> {
        let hidden = usize::from(self.hidden);
        let elements = INPUTS + OUTPUTS + GruCell::scratch_elements(hidden) + channels * hidden;
        u16::try_from((channels * self.words() * 4 + elements * 2).div_ceil(8)).ok()
    }

    /// Words of a channel's past.
    fn words(&self) -> usize {
        if self.has_filter() { FILTER_WORDS } else { WORDS }
    }
}

impl<'a> Recurrent<'a> {
    /// The predictor of a model, if it has one.
    pub(crate) fn new(model: Model<'a>) -> Option<Self> {
        let record = model.residual_predictor()?;
        let hidden = u32::from(record.hidden);
        let [input, state] = GruCell::stream_bytes(record.inputs() as u32, hidden)?;
        let readout = block_stream_bytes(hidden, record.outputs() as u32)?;
        Some(Self {
            cell: GruCell {
                inputs: record.inputs(),
                hidden: usize::from(record.hidden),
                input_stream: model.predictor_stream(record.input, input),
                state_stream: model.predictor_stream(record.state, state),
            },
            readout: model.predictor_stream(record.readout, readout),
            record,
        })
    }

    /// Number of the scale of a packet's first points, for lossless packets.
    pub(crate) fn level_scale(&self) -> u8 {
        self.record.level_scale
    }

    /// Starts a channel at a point.
    pub(crate) fn restart(&self, memory: &mut [i32], channels: usize, channel: usize, point: i32) {
        let state = self.state(memory, channels);
        let words = state.points.get_mut(channel * self.record.words()..).unwrap_or_default();
        words.iter_mut().take(self.record.words()).for_each(|word| *word = 0);
        if let Some(last) = words.first_mut() {
            *last = point;
        }
        let hidden = state.hidden.get_mut(channel * self.cell.hidden..).unwrap_or_default();
        hidden.iter_mut().take(self.cell.hidden).for_each(|unit| *unit = 0);
    }

    /// The predicted point of a channel at a step of the lattice, and how far from it the point may be; `None` of a channel that is not in memory.
    pub(crate) fn predict(
        &self,
        memory: &mut [i32],
        channels: usize,
        channel: usize,
        step: u32,
    ) -> Option<(i32, Mixture)> {
        let state = self.state(memory, channels);
        let cross = self.cross(state.points, channel);
        let mut past = self.past(state.points, channel)?;
        let filtered = past.filter.as_mut().map(|filter| filter.expect(&filter::inputs(past.differences, cross)));
        let whole = |x: i32| companded(x.saturating_add(128) >> 8);
        let [newest, before, ..] = *past.differences;
        let own = [newest, newest.wrapping_sub(before), step.saturating_sub(1) as i32].map(companded);
        let inputs = own.into_iter().chain(cross.map(companded).into_iter().take(usize::from(self.record.cross)));
        let inputs = inputs.chain(filtered.into_iter().flatten().map(whole));
        state.input.iter_mut().zip(inputs).for_each(|(element, x)| *element = x);
        let hidden = state.hidden.get_mut(channel * self.cell.hidden..).unwrap_or_default();
        let hidden = hidden.get_mut(..self.cell.hidden).unwrap_or_default();
        self.cell.step::<Native>(state.input, hidden, state.gates);
        let output = state.output.get_mut(..self.record.outputs()).unwrap_or_default();
        Native::product(self.cell.hidden, hidden, self.readout, output);

        let output: &[i16] = output;
        let number = |place: usize| output.get(place).copied().map_or(0, i32::from);
        let gains = output.get(DISTRIBUTION_OUTPUTS..).unwrap_or_default();
        let differences = past.differences.iter().take(usize::from(self.record.taps)).copied();
        let seen = differences.chain(cross.into_iter().take(usize::from(self.record.cross)));
        // Gains are in 1/4096, the sum in 1/256.
        let sum = gains.iter().zip(seen).map(|(gain, x)| i64::from(*gain) * i64::from(x)).sum::<i64>() >> 4;
        let of_filter = filtered.map_or(0, |[expected, _]| {
            let gain = gains.last().copied().unwrap_or(0);
            (i64::from(gain) * i64::from(expected)) >> 12
        });
        let sum = sum + of_filter;
        let scales = [number(2), number(3)].map(scale_number);
        let means = [mean(number(0), scales[0]), mean(number(1), scales[1])];
        let weight = sigmoid(number(4)) as u32;
        let [first, second] = means.map(|mean| sum + i64::from(mean));
        let centre = if weight >= 1 << 14 { first } else { second };
        let rounded = limited((centre + 128) >> 8);
        let component = |mean: i64, scale: u8| Component { mean: limited(mean - (i64::from(rounded) << 8)), scale };
        let mixture = Mixture::new([component(first, scales[0]), component(second, scales[1])], weight);
        Some((past.last.wrapping_add(rounded), mixture))
    }

    /// Takes the point that came.
    pub(crate) fn take(&self, memory: &mut [i32], channels: usize, channel: usize, point: i32) {
        let state = self.state(memory, channels);
        let cross = self.cross(state.points, channel);
        let Some(past) = self.past(state.points, channel) else { return };
        let difference = point.wrapping_sub(*past.last);
        if let Some(mut filter) = past.filter {
            filter.take(&filter::inputs(past.differences, cross), difference, self.record.filter_rate);
        }
        past.differences.rotate_right(1);
        if let Some(newest) = past.differences.first_mut() {
            *newest = difference;
        }
        *past.last = point;
    }

    /// What is kept of a channel.
    fn past<'m>(&self, points: &'m mut [i32], channel: usize) -> Option<Past<'m>> {
        let words = points.get_mut(channel * self.record.words()..)?;
        Past::new(words.get_mut(..self.record.words())?)
    }

    /// The newest differences of the channels before one.
    fn cross(&self, points: &mut [i32], channel: usize) -> [i32; MAX_CROSS] {
        filter::cross(channel, |before| self.past(points, before)?.differences.first().copied())
    }

    fn state<'m>(&self, memory: &'m mut [i32], channels: usize) -> State<'m> {
        let (points, rest) = memory.split_at_mut((channels * self.record.words()).min(memory.len()));
        let elements: &mut [i16] = bytemuck::try_cast_slice_mut(rest).unwrap_or_default();
        let split = |elements: &'m mut [i16], count: usize| elements.split_at_mut(count.min(elements.len()));
        let (input, rest) = split(elements, INPUTS);
        let (output, rest) = split(rest, OUTPUTS);
        let (gates, hidden) = split(rest, GruCell::scratch_elements(self.cell.hidden));
        State { points, input, output, gates, hidden }
    }
}

/// The logarithm of a magnitude with its sign, in 1/1024 octave: `sign · log2(1 + |x|)`, straight between powers of two.
fn companded(x: i32) -> i16 {
    let magnitude = x.unsigned_abs().saturating_add(1);
    let octave = magnitude.ilog2();
    let fraction = if octave < 10 { magnitude << (10 - octave) } else { magnitude >> (octave - 10) } & 1023;
    let value = (octave << 10 | fraction).min(i16::MAX as u32) as i16;
    if x < 0 { -value } else { value }
}

/// The number of a scale from octaves in 1/2048 above one point.
fn scale_number(octaves: i32) -> u8 {
    (i32::from(UNIT_SCALE) + ((octaves + 128) >> 8)).clamp(0, i32::from(MAX_SCALE)) as u8
}

/// A mean in 1/256 point from one in 1/4096 of its scale.
fn mean(of_scale: i32, scale: u8) -> i32 {
    let (octave, eighths) = (scale >> 3, usize::from(scale & 7));
    // 2^(eighths / 8), in 1/32768.
    let mantissa = MANTISSAS.get(8 - eighths).map_or(1 << 15, |mantissa| i32::from(*mantissa) * 2);
    (of_scale * mantissa) >> 24u8.saturating_sub(octave)
}
