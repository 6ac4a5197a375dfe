//! Integer lowering: scales from measured ranges, int8 weights, int16 activations, and the proof for every accumulator.

use vq_core::model::records::{self, Kind, Layer, Scaling};

use super::container::NetParts;
use super::proof::{Bounds, accumulator_fits};
use super::reference::{Evaluated, Rows};
use super::rounding::{Inputs, Rounding};
use super::trained::{Normalization, TrainedNet};
use super::window::WindowLayer;
use crate::architecture::{Activation, Operation, Shape, Source};

/// Room above the largest activation that was measured, before int16 saturates.
const HEADROOM: f64 = 2.0;
/// The largest weight.
const WEIGHT_MAX: f64 = 127.0;

/// Why a net cannot be lowered.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum LoweringError {
    /// No weight scale keeps an accumulator inside 32 bits.
    #[error(
        "{net} layer `{layer}` can overflow its 32-bit accumulators at any weight scale: its bias is too large for its inputs; train with more weight decay or a narrower layer"
    )]
    Overflow {
        /// `encoder` or `decoder`.
        net: &'static str,
        /// The layer.
        layer: String,
    },
    /// The output needs finer steps than its accumulators have.
    #[error("{net} layer `{layer}` amplifies more than requantization can: the ratio of its scales is {ratio}")]
    Ratio {
        /// `encoder` or `decoder`.
        net: &'static str,
        /// The layer.
        layer: String,
        /// Accumulator step over output step.
        ratio: f64,
    },
}

/// The value of one step of a line, in the units of the float net.
pub type Scale = f64;

/// A float net with what lowering needs to know of it.
#[derive(Debug)]
pub struct Lowering<'a> {
    /// `encoder` or `decoder`, for messages.
    pub name: &'static str,
    /// The net.
    pub net: &'a TrainedNet,
    /// The shapes of its nodes.
    pub shapes: &'a [Shape],
    /// Representative input.
    pub inputs: &'a Rows,
    /// What each node gave for it.
    pub measured: &'a [Evaluated],
    /// The scale of the input line.
    pub input: Scale,
    /// The scale of the output line.
    pub output: Scale,
}

/// The scale at which a measured range fills an int16, with headroom.
#[must_use]
pub fn scale_for(peak: f32) -> Scale {
    (f64::from(peak) * HEADROOM / 32_767.0).max(1e-9)
}

/// The power of two by which counts are multiplied so that a channel fills an int16 without clipping.
///
/// `peak` is the largest distance from the offset that was measured. Where the converter has 12 bits or fewer its whole
/// range fits; otherwise twice what was seen.
#[must_use]
pub fn gain_exponent(peak: f64, source_bits: Option<u8>) -> i32 {
    let converter = source_bits.filter(|bits| *bits <= 12).map_or(0.0, |bits| f64::from(1u32 << (bits - 1)));
    let range = (peak * HEADROOM).max(converter).max(1.0);
    ((32_767.0 / range).log2().floor() as i32).clamp(-14, 14)
}

/// The scale of a channel's line, in network units, when its counts are multiplied by a power of two.
#[must_use]
pub fn channel_scale(normalization: &Normalization, exponent: i32) -> Scale {
    1.0 / (2f64.powi(exponent) * f64::from(normalization.scale))
}

/// The scaling record of a channel whose line has this scale.
#[must_use]
pub fn scaling(normalization: &Normalization, line: Scale) -> Scaling {
    let gain_in = 1.0 / (line * f64::from(normalization.scale));
    let ((gain, shift), (gain_out, shift_out)) = (fixed_point(gain_in), fixed_point(1.0 / gain_in));
    Scaling { offset: normalization.offset, gain, gain_out, shift, shift_out, reach: 0 }
}

/// A positive factor as `gain / 2^shift` with 30 significant bits; powers of two are exact.
fn fixed_point(factor: f64) -> (i32, u8) {
    let shift = ((30.0 - factor.log2()).floor() as i32).clamp(1, 47);
    let gain = (factor * 2f64.powi(shift)).round().clamp(1.0, f64::from(i32::MAX));
    (gain as i32, shift as u8)
}

impl Lowering<'_> {
    /// The net in integers.
    ///
    /// # Errors
    /// The layer that cannot be proven or scaled.
    pub fn lower(&self, rounding: Rounding) -> Result<NetParts, LoweringError> {
        let last = self.net.spec.nodes.len() - 1;
        let mut scales: Vec<Scale> = Vec::with_capacity(last + 1);
        let mut layers = Vec::with_capacity(last + 1);
        for (index, node) in self.net.spec.nodes.iter().enumerate() {
            let from = self.scale_of(node.source, &scales);
            let wanted = if index == last { self.output } else { scale_for(self.measured[index].reach) };
            let mut layer = empty_layer(self.shapes[index].channels, node.activation, line_of(node.source));
            let (scale, stream) = match node.operation {
                Operation::Add { other } => {
                    let scale = self.add(&mut layer, from, self.scale_of(other, &scales), wanted, index == last);
                    layer.other = line_of(other);
                    (scale, Vec::new())
                }
                operation => {
                    let inputs = self.net.spec.shape_of(node.source, self.shapes).channels;
                    let window = WindowLayer::new(operation, inputs, &self.net.weights[index]);
                    let Some(window) = window else { continue };
                    describe(&mut layer, &window);
                    self.convolution(&window, from, wanted, index, rounding)?
                }
            };
            scales.push(scale);
            layers.push((layer, stream));
        }
        Ok(NetParts { channels: self.net.spec.input_channels as u16, rows: self.net.spec.input_rows as u16, layers })
    }

    fn scale_of(&self, source: Source, scales: &[Scale]) -> Scale {
        match source {
            Source::Input => self.input,
            Source::Node(index) => scales[index],
        }
    }

    /// What a source gave for representative input.
    fn rows_of(&self, source: Source) -> &Rows {
        match source {
            Source::Input => self.inputs,
            Source::Node(index) => &self.measured[index].output,
        }
    }

    /// What a source's activations are bounded by.
    fn bounds_of(&self, source: Source) -> Bounds {
        match source {
            Source::Input => Bounds::FULL,
            Source::Node(index) => match self.net.spec.nodes[index].activation {
                Activation::Linear => Bounds::FULL,
                Activation::Relu => Bounds { least: 0, ..Bounds::FULL },
                Activation::LeakyRelu => Bounds { least: Bounds::FULL.least >> 3, ..Bounds::FULL },
            },
        }
    }

    /// Fills in the multipliers of a sum; gives the output's scale, coarser than wanted if a summand's is.
    fn add(&self, layer: &mut Layer, a: Scale, b: Scale, wanted: Scale, fixed: bool) -> Scale {
        let coarsest = a.max(b) * (1.0 + 1e-6);
        let scale = if fixed { wanted } else { wanted.max(coarsest) };
        let mut shift = 15;
        while shift > 1 && (a.max(b) / scale) * f64::from(1u32 << shift) > 32_766.0 {
            shift -= 1;
        }
        let factor = f64::from(1u32 << shift);
        layer.multiplier = (a / scale * factor).round().min(32_767.0) as i16;
        layer.other_multiplier = (b / scale * factor).round().min(32_767.0) as i16;
        layer.shift = shift;
        scale
    }

    /// The weight stream of a convolution, and the scale of its output.
    fn convolution(
        &self,
        window: &WindowLayer,
        from: Scale,
        wanted: Scale,
        index: usize,
        rounding: Rounding,
    ) -> Result<(Scale, Vec<u8>), LoweringError> {
        let node = &self.net.spec.nodes[index];
        let bounds = self.bounds_of(node.source);
        let rows = self.rows_of(node.source);
        let inputs = |output: usize| (rounding == Rounding::Compensated).then(|| Inputs::measure(window, rows, output));
        let shared = if window.depthwise { None } else { inputs(0) };
        let mut channels = Vec::with_capacity(window.outputs);
        for output in 0..window.outputs {
            let own = if window.depthwise { inputs(output) } else { None };
            let filter = Filter { weights: window.filter(output), bias: window.bias[output], from, bounds };
            let channel =
                filter.nearest().ok_or_else(|| LoweringError::Overflow { net: self.name, layer: node.name.clone() })?;
            channels.push(match own.as_ref().or(shared.as_ref()) {
                Some(inputs) => filter.compensated(channel, inputs, wanted * MAX_RATIO),
                None => channel,
            });
        }
        let steepest = channels.iter().map(|channel| channel.step).fold(0.0, f64::max);
        let finest = steepest / MAX_RATIO;
        let last = index + 1 == self.net.spec.nodes.len();
        if last && finest > wanted {
            let ratio = steepest / wanted;
            return Err(LoweringError::Ratio { net: self.name, layer: node.name.clone(), ratio });
        }
        let scale = wanted.max(finest);
        let stream = if window.depthwise { depthwise_stream } else { weight_stream };
        Ok((scale, stream(&channels, window.taps, scale)))
    }
}

/// The largest ratio of accumulator step to output step: just below a quarter, `(2^15 − 1) / 2^17`.
const MAX_RATIO: f64 = 32_767.0 / 131_072.0;

/// One output channel in integers.
#[derive(Debug, Clone)]
pub(super) struct IntegerChannel {
    pub(super) weights: Vec<i8>,
    pub(super) bias: i32,
    /// The value of one step of the accumulator.
    pub(super) step: f64,
}

/// The nearest whole number that an int8 weight may be.
pub(super) fn whole(weight: f64) -> f64 {
    weight.round().clamp(-WEIGHT_MAX, WEIGHT_MAX)
}

/// Scales of weights that are tried beside the finest one, as multiples of it, in percent. Below 100 the largest weights are clipped.
const TRIED_SCALES: std::ops::RangeInclusive<u32> = 70..=140;

/// What an output channel sums up, in floats.
#[derive(Debug, Clone, Copy)]
pub(super) struct Filter<'a> {
    pub(super) weights: &'a [f32],
    pub(super) bias: f32,
    /// The scale of its inputs, and their bounds.
    pub(super) from: Scale,
    pub(super) bounds: Bounds,
}

impl Filter<'_> {
    /// In int8 at the finest scale whose accumulator provably fits, each weight rounded by itself; `None` if there is none.
    pub(super) fn nearest(&self) -> Option<IntegerChannel> {
        let peak = self.weights.iter().fold(0.0f32, |peak, weight| peak.max(weight.abs()));
        // A channel of zero weights is its bias alone: any scale will do that keeps it well inside the accumulator.
        let alone = (f64::from(self.bias.abs()) / (self.from * f64::from(1 << 20))).max(f64::MIN_POSITIVE.sqrt());
        let mut scale = if peak > 0.0 { f64::from(peak) / WEIGHT_MAX } else { alone };
        for _ in 0..48 {
            let weights = self.in_steps(scale).iter().map(|weight| whole(*weight) as i8).collect();
            if let Some(channel) = self.at(scale, weights) {
                return Some(channel);
            }
            scale *= 1.25;
        }
        None
    }

    /// Rounded so that errors cancel over `inputs`, at the scale where they do best: what is lost along the strongest direction of the inputs is less
    /// than a step wherever the weights' sum along it comes near a whole number. `finest` is the filter at the finest scale; accumulators' steps stay
    /// below `most`.
    fn compensated(&self, finest: IntegerChannel, inputs: &Inputs, most: f64) -> IntegerChannel {
        if finest.step <= 0.0 {
            return finest;
        }
        let unit = finest.step / self.from;
        let tried = TRIED_SCALES.filter_map(|percent| {
            let scale = unit * f64::from(percent) / 100.0;
            let (weights, error) = inputs.round(&self.in_steps(scale));
            let channel = self.at(scale, weights).filter(|channel| percent <= 100 || channel.step <= most)?;
            Some((channel, error * scale * scale))
        });
        tried.min_by(|(_, a), (_, b)| a.total_cmp(b)).map_or(finest, |(channel, _)| channel)
    }

    fn in_steps(&self, scale: Scale) -> Vec<f64> {
        self.weights.iter().map(|weight| f64::from(*weight) / scale).collect()
    }

    /// With whole weights of a scale, if the accumulator provably fits.
    fn at(&self, scale: Scale, weights: Vec<i8>) -> Option<IntegerChannel> {
        let bias = (f64::from(self.bias) / (self.from * scale)).round();
        let fits = bias.abs() < 2f64.powi(31) && accumulator_fits(bias as i64, &weights, self.bounds);
        let says_something = bias != 0.0 || self.weights.iter().any(|weight| *weight != 0.0);
        let step = if says_something { self.from * scale } else { 0.0 };
        fits.then_some(IntegerChannel { weights, bias: bias as i32, step })
    }
}

/// The largest shift of a requantization.
const MAX_SHIFT: i32 = 47;
/// That of a depthwise one, whose multiplier also stands in the stream as a part of 2^32. An accumulator has 31 bits, so the
/// multiplier's coarser steps cost an output a quarter of an LSB at most.
const MAX_DEPTHWISE_SHIFT: i32 = 32;

/// `m / 2^s` nearest to a ratio of at most [`MAX_RATIO`], with `m < 2^15` and `17 ≤ s ≤ most`.
fn requantization(ratio: f64, most: i32) -> (u32, u32) {
    let mut shift = 17;
    while shift < most && ratio * 2f64.powi(shift + 1) < 32_767.0 {
        shift += 1;
    }
    ((ratio * 2f64.powi(shift)).round().min(32_767.0) as u32, shift as u32)
}

/// Where in its word the weight of each of four taps lies, or of four channels of a depthwise layer. The order is its own inverse.
pub(super) const WORD_ORDER: [usize; 4] = [0, 2, 1, 3];

/// Blocks of four channels: biases, groups of four taps, requantizations; see `vq_core::model::plan::weight_bytes`.
pub(super) fn weight_stream(channels: &[IntegerChannel], taps: usize, scale: Scale) -> Vec<u8> {
    let idle = IntegerChannel { weights: vec![0; taps], bias: 0, step: 0.0 };
    let mut stream = Vec::new();
    for block in channels.chunks(4) {
        let lanes: Vec<&IntegerChannel> = (0..4).map(|lane| block.get(lane).unwrap_or(&idle)).collect();
        for lane in &lanes {
            stream.extend(lane.bias.to_le_bytes());
        }
        for group in 0..taps.div_ceil(4) {
            for lane in &lanes {
                let weight = |tap: usize| lane.weights.get(group * 4 + tap).copied().unwrap_or(0);
                stream.extend(WORD_ORDER.map(|tap| weight(tap) as u8));
            }
        }
        for lane in &lanes {
            let (multiplier, shift) = requantization(lane.step / scale, MAX_SHIFT);
            stream.extend((multiplier << 16 | (shift - 16)).to_le_bytes());
            stream.extend((1i32 << (shift - 17)).to_le_bytes());
        }
    }
    stream
}

/// Blocks of four channels: biases, four weights for every row of the window, requantizations.
fn depthwise_stream(channels: &[IntegerChannel], rows: usize, scale: Scale) -> Vec<u8> {
    let idle = IntegerChannel { weights: vec![0; rows], bias: 0, step: 0.0 };
    let mut stream = Vec::new();
    for block in channels.chunks(4) {
        let lanes: Vec<&IntegerChannel> = (0..4).map(|lane| block.get(lane).unwrap_or(&idle)).collect();
        stream.extend(lanes.iter().flat_map(|lane| lane.bias.to_le_bytes()));
        for row in 0..rows {
            stream.extend(WORD_ORDER.map(|lane| lanes[lane].weights[row] as u8));
        }
        for lane in &lanes {
            let (multiplier, shift) = requantization(lane.step / scale, MAX_DEPTHWISE_SHIFT);
            stream.extend((multiplier << 16 | (shift - 16)).to_le_bytes());
            stream.extend((multiplier << (32 - shift)).to_le_bytes());
        }
    }
    stream
}

/// The number of the line that a source reads.
#[must_use]
pub fn line_of(source: Source) -> u8 {
    match source {
        Source::Input => 0,
        Source::Node(index) => (index + 1) as u8,
    }
}

/// A layer's record before its operation is filled in.
#[must_use]
pub fn empty_layer(channels: usize, activation: Activation, input: u8) -> Layer {
    Layer {
        kind: Kind::Add,
        activation: match activation {
            Activation::Linear => records::Activation::Linear,
            Activation::Relu => records::Activation::Relu,
            Activation::LeakyRelu => records::Activation::LeakyRelu,
        },
        input,
        channels: channels as u16,
        kernel: 1,
        stride: 1,
        upsample: 1,
        shift: 1,
        ..Layer::NEUTRAL
    }
}

/// Fills in a convolution's sizes.
pub fn describe(layer: &mut Layer, window: &WindowLayer) {
    layer.kind = if window.depthwise { Kind::Depthwise } else { Kind::Convolution };
    layer.kernel = window.kernel as u16;
    layer.stride = window.stride as u16;
    layer.upsample = window.upsample as u16;
    layer.padding = window.padding as u16;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::trained::NodeWeights;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn requantization_keeps_fourteen_bits(exponent in -32.0f64..-2.01) {
            let ratio = 2f64.powf(exponent);
            let (multiplier, shift) = requantization(ratio, MAX_SHIFT);
            prop_assert!(multiplier < 1 << 15 && (17..=47).contains(&shift));
            let given = f64::from(multiplier) / 2f64.powi(shift as i32);
            prop_assert!((given / ratio - 1.0).abs() < 1.0 / f64::from(1 << 14));
        }

        #[test]
        fn gains_keep_thirty_bits(exponent in -15.0f64..15.0) {
            let factor = 2f64.powf(exponent);
            let (gain, shift) = fixed_point(factor);
            prop_assert!((f64::from(gain) / 2f64.powi(shift.into()) / factor - 1.0).abs() < 1e-8);
        }
    }

    #[test]
    fn counts_of_a_small_converter_pass_unchanged() {
        let normal = Normalization { offset: 1024, scale: 53.7 };
        let exponent = gain_exponent(600.0, Some(11));
        assert_eq!(exponent, 4);
        let record = scaling(&normal, channel_scale(&normal, exponent));
        assert_eq!(i64::from(record.gain), 16 << record.shift);
        assert_eq!(i64::from(record.gain_out) * 16, 1 << record.shift_out);
    }

    #[test]
    fn wide_converters_are_scaled_by_what_was_seen() {
        assert_eq!(gain_exponent(100.0, Some(24)), 7);
        assert_eq!(gain_exponent(4_000_000.0, Some(24)), -8);
        assert_eq!(gain_exponent(0.0, None), 14);
    }

    /// A slow signal is nearly one direction: the weights' sum is what counts.
    #[test]
    fn the_scale_is_the_one_at_which_a_slow_signal_loses_least() {
        let operation = Operation::Convolution { kernel: 12, stride: 4, padding: 4, channels: 1 };
        let values: Vec<f32> = (0..4000).map(|t| (t as f32 * 0.02).sin() + 0.01 * (t as f32 * 2.3).cos()).collect();
        let (mut finest_errors, mut chosen_errors) = (0.0, 0.0);
        for seed in 1..9u32 {
            let weight: Vec<f32> = (0..12).map(|tap| ((tap + 3) * seed * 7919 % 997) as f32 / 997.0).collect();
            let layer = WindowLayer::new(operation, 1, &NodeWeights { weight, bias: vec![0.0] }).unwrap();
            let inputs = Inputs::measure(&layer, &Rows { channels: 1, values: values.clone() }, 0);
            let filter = Filter { weights: layer.filter(0), bias: 0.0, from: 1e-3, bounds: Bounds::FULL };
            let finest = filter.nearest().unwrap();
            let at_finest =
                filter.at(finest.step / 1e-3, inputs.round(&filter.in_steps(finest.step / 1e-3)).0).unwrap();
            let chosen = filter.compensated(finest, &inputs, f64::INFINITY);
            let error = |channel: &IntegerChannel| {
                let lost = channel
                    .weights
                    .iter()
                    .zip(filter.weights)
                    .map(|(whole, weight)| f64::from(*whole) * channel.step / 1e-3 - f64::from(*weight));
                let lost: Vec<f64> = lost.collect();
                let output =
                    |start: usize| values[start..].iter().zip(&lost).map(|(x, e)| f64::from(*x) * e).sum::<f64>();
                (0..3900).step_by(4).map(|start| output(start).powi(2)).sum::<f64>()
            };
            finest_errors += error(&at_finest);
            chosen_errors += error(&chosen);
        }
        assert!(chosen_errors < 0.3 * finest_errors, "{chosen_errors} and {finest_errors}");
    }

    #[test]
    fn a_bias_beyond_the_accumulator_coarsens_the_weights() {
        let nearest = |weights: &[f32], bias| Filter { weights, bias, from: 1e-4, bounds: Bounds::FULL }.nearest();
        let fine = nearest(&[1.0, -1.0], 0.0).unwrap();
        assert_eq!((fine.weights.as_slice(), fine.bias), ([127, -127].as_slice(), 0));
        let coarse = nearest(&[1.0, -1.0], 2000.0).unwrap();
        assert!(coarse.weights[0] < 127 && coarse.weights[0] > 50, "{:?}", coarse.weights);
        assert!(accumulator_fits(coarse.bias.into(), &coarse.weights, Bounds::FULL));
        assert!(nearest(&[1e-30], 1e30).is_none());
    }
}
