//! A net of a finished integer model in floats: the same weights, without rounding and without an end of the range.
//!
//! For other programs to run, and to be compared with. A line's unit is free wherever weights behind and in front of it can take it up; it is chosen so that
//! sums need no factors.

use vq_core::Model;
use vq_core::model::plan::row_elements;
use vq_core::model::records::{self, Kind, Layer, Net};

use super::lower::WORD_ORDER;
use super::trained::{NodeWeights, TrainedNet};
use crate::architecture::{Activation, NetSpec, NodeSpec, Operation, Source};

/// Bytes of a block's biases, and of its requantizations.
const BIASES: usize = 16;
const REQUANTIZATIONS: usize = 32;

/// Why a net cannot be told in floats.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AsFloatsError {
    /// Two sums take a line at different scales.
    #[error("what layer {line} gives is summed twice at different scales, which a sum without factors cannot say")]
    Scales {
        /// Number of the layer, from 1; 0 for the net's input.
        line: usize,
    },
    /// The model's weights are floats already.
    #[error("the model is a float one: its weights are not integers")]
    Float,
}

/// The decoder net of an integer model: latents in their integers' unit in, `[time, latents]`, and the output's unit out, `[time, channels]`.
///
/// # Errors
/// A net that plain sums cannot say, or a float model.
pub fn decoder(model: &Model<'_>) -> Result<TrainedNet, AsFloatsError> {
    if model.header().arithmetic != vq_core::kernels::Arithmetic::Integer {
        return Err(AsFloatsError::Float);
    }
    let net = model.directory().decoder;
    let layers: Vec<Layer> = (0..usize::from(net.count)).map(|index| model.layer(&net, index)).collect();
    let units = units(&layers)?;
    let source = |line: u8| usize::from(line).checked_sub(1).map_or(Source::Input, Source::Node);
    let (mut nodes, mut weights) = (Vec::new(), Vec::new());
    for (index, layer) in layers.iter().enumerate() {
        let [from, to] = [units[usize::from(layer.input)], units[index + 1]];
        let (operation, tensors) = match layer.kind {
            Kind::Add => {
                (Operation::Add { other: source(layer.other) }, NodeWeights { weight: Vec::new(), bias: Vec::new() })
            }
            Kind::Convolution => convolution(model, &net, layer, [from, to]),
            Kind::Depthwise => depthwise(model, layer, [from, to]),
        };
        let activation = match layer.activation {
            records::Activation::Linear => Activation::Linear,
            records::Activation::Relu => Activation::Relu,
            records::Activation::LeakyRelu => Activation::LeakyRelu,
        };
        nodes.push(NodeSpec {
            name: format!("layer{}", index + 1),
            source: source(layer.input),
            operation,
            activation,
        });
        weights.push(tensors);
    }
    let spec = NetSpec { input_channels: usize::from(net.channels), input_rows: usize::from(net.rows), nodes };
    Ok(TrainedNet { spec, weights })
}

/// What one step of every line's integers is in floats: 1 for the net's input and output; the summands of a sum have what makes it plain.
fn units(layers: &[Layer]) -> Result<Vec<f64>, AsFloatsError> {
    let mut units = vec![None; layers.len() + 1];
    units[0] = Some(1.0);
    for (index, layer) in layers.iter().enumerate().rev() {
        let unit = *units[index + 1].get_or_insert(1.0);
        if layer.kind != Kind::Add {
            continue;
        }
        for (line, multiplier) in [(layer.input, layer.multiplier), (layer.other, layer.other_multiplier)] {
            let line = usize::from(line);
            let wanted = unit * f64::from(multiplier) / f64::from(1u32 << layer.shift);
            let have = *units[line].get_or_insert(wanted);
            if (have - wanted).abs() > 1e-9 * wanted.abs() {
                return Err(AsFloatsError::Scales { line });
            }
        }
    }
    Ok(units.into_iter().map(|unit| unit.unwrap_or(1.0)).collect())
}

/// A block of four outputs of a weight stream.
struct Block<'a>(&'a [u8]);

impl<'a> Block<'a> {
    /// Block `index` of a stream whose blocks have so many bytes of weights.
    fn of(stream: &'a [u8], index: usize, weights: usize) -> Self {
        let bytes = BIASES + weights + REQUANTIZATIONS;
        Self(&stream[index * bytes..(index + 1) * bytes])
    }

    fn word(&self, at: usize) -> [u8; 4] {
        std::array::from_fn(|byte| self.0[at + byte])
    }

    fn bias(&self, lane: usize) -> f64 {
        f64::from(i32::from_le_bytes(self.word(lane * 4)))
    }

    fn weight(&self, at: usize) -> f64 {
        f64::from(self.0[BIASES + at] as i8)
    }

    /// What an accumulator is multiplied by.
    fn factor(&self, lane: usize) -> f64 {
        let packed = u32::from_le_bytes(self.word(self.0.len() - REQUANTIZATIONS + lane * 8));
        f64::from(packed >> 16) / f64::from(packed & 31).exp2() / 65536.0
    }
}

fn convolution(model: &Model<'_>, net: &Net, layer: &Layer, [from, to]: [f64; 2]) -> (Operation, NodeWeights) {
    let input = model.line(net, usize::from(layer.input));
    let (inputs, row) = (usize::from(input.channels), input.row_elements() as usize);
    let (channels, output_row) = (usize::from(layer.channels), row_elements(layer.channels) as usize);
    let (rows, stride, padding) = (usize::from(layer.kernel), usize::from(layer.stride), usize::from(layer.padding));
    let phases = usize::from(layer.upsample);
    let stream = model.weights(layer);
    let kernel = rows * phases;
    let mut weights = NodeWeights { weight: vec![0.0; inputs * channels * kernel], bias: vec![0.0; channels] };
    for (phase, channel) in (0..phases).flat_map(|phase| (0..channels).map(move |channel| (phase, channel))) {
        let output = phase * output_row + channel;
        let (block, lane) = (Block::of(stream, output / 4, (rows * row).div_ceil(4) * 16), output % 4);
        let factor = block.factor(lane) * to;
        weights.bias[channel] = (block.bias(lane) * factor) as f32;
        for (window_row, input) in (0..rows).flat_map(|row| (0..inputs).map(move |input| (row, input))) {
            let tap = window_row * row + input;
            let weight = block.weight(tap / 4 * 16 + lane * 4 + WORD_ORDER[tap % 4]) * factor / from;
            let place = if phases == 1 {
                (channel * inputs + input) * kernel + window_row
            } else {
                // The window's last row is the newest: its weights are the first of the transposed kernel.
                (input * channels + channel) * kernel + phases * (rows - 1 - window_row) + phase
            };
            weights.weight[place] = weight as f32;
        }
    }
    let operation = if phases == 1 {
        Operation::Convolution { kernel, stride, padding, channels }
    } else {
        Operation::Transposed { kernel, stride: phases, padding, channels }
    };
    (operation, weights)
}

fn depthwise(model: &Model<'_>, layer: &Layer, [from, to]: [f64; 2]) -> (Operation, NodeWeights) {
    let (channels, kernel) = (usize::from(layer.channels), usize::from(layer.kernel));
    let stream = model.weights(layer);
    let mut weights = NodeWeights { weight: Vec::new(), bias: Vec::new() };
    for channel in 0..channels {
        let (block, lane) = (Block::of(stream, channel / 4, kernel * 4), channel % 4);
        let factor = block.factor(lane) * to;
        weights.bias.push((block.bias(lane) * factor) as f32);
        let taps = (0..kernel).map(|row| (block.weight(row * 4 + WORD_ORDER[lane]) * factor / from) as f32);
        weights.weight.extend(taps);
    }
    let (stride, padding) = (usize::from(layer.stride), usize::from(layer.padding));
    (Operation::Depthwise { kernel, stride, padding }, weights)
}
