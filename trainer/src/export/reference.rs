//! The nets evaluated naively over a whole recording: the formulas of [`crate::architecture`], node by node, in f32.
//!
//! The exporter measures activation ranges with it, and tests compare the streaming engine with it.

use super::trained::TrainedNet;
use crate::architecture::{Activation, Operation, Source};

/// Rows of channels, `[time, channels]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Rows {
    /// Channels of a row.
    pub channels: usize,
    /// The values, row by row.
    pub values: Vec<f32>,
}

impl Rows {
    /// Number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.values.len() / self.channels
    }

    /// Whether there is no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// A row, or `None` outside the recording, where everything is zero.
    fn row(&self, index: isize) -> Option<&[f32]> {
        let start = usize::try_from(index).ok()? * self.channels;
        self.values.get(start..start + self.channels)
    }

    /// The largest magnitude.
    #[must_use]
    pub fn peak(&self) -> f32 {
        self.values.iter().fold(0.0, |peak, value| peak.max(value.abs()))
    }
}

/// What a node gave.
#[derive(Debug, Clone, PartialEq)]
pub struct Evaluated {
    /// Its output.
    pub output: Rows,
    /// The largest magnitude before the activation: a unit that hardly ever fires still has the range it may need.
    pub reach: f32,
}

/// The outputs of every node for an input of whole hops.
#[must_use]
pub fn forward(net: &TrainedNet, input: &Rows) -> Vec<Evaluated> {
    let mut outputs: Vec<Evaluated> = Vec::with_capacity(net.spec.nodes.len());
    for (node, weights) in net.spec.nodes.iter().zip(&net.weights) {
        let of = |source: Source| match source {
            Source::Input => input,
            Source::Node(index) => &outputs[index].output,
        };
        let from = of(node.source);
        let mut rows = match node.operation {
            Operation::Convolution { kernel, stride, padding, channels } => {
                convolution(from, &weights.weight, &weights.bias, [kernel, stride, padding, channels])
            }
            Operation::Transposed { kernel, stride, padding, channels } => {
                transposed(from, &weights.weight, &weights.bias, [kernel, stride, padding, channels])
            }
            Operation::Depthwise { kernel, stride, padding } => {
                depthwise(from, &weights.weight, &weights.bias, [kernel, stride, padding])
            }
            Operation::Add { other } => {
                let sums = from.values.iter().zip(&of(other).values).map(|(a, b)| a + b);
                Rows { channels: from.channels, values: sums.collect() }
            }
        };
        let reach = rows.peak();
        for value in &mut rows.values {
            *value = match node.activation {
                Activation::Linear => *value,
                Activation::Relu => value.max(0.0),
                Activation::LeakyRelu => value.max(*value / 8.0),
            };
        }
        outputs.push(Evaluated { output: rows, reach });
    }
    outputs
}

fn convolution(from: &Rows, weight: &[f32], bias: &[f32], [kernel, stride, padding, channels]: [usize; 4]) -> Rows {
    let rows = from.len() / stride;
    let mut values = Vec::with_capacity(rows * channels);
    for t in 0..rows {
        for output in 0..channels {
            let mut sum = bias[output];
            for tap in 0..kernel {
                let Some(row) = from.row((stride * t + tap) as isize - padding as isize) else { continue };
                for (input, x) in row.iter().enumerate() {
                    sum += x * weight[(output * from.channels + input) * kernel + tap];
                }
            }
            values.push(sum);
        }
    }
    Rows { channels, values }
}

fn depthwise(from: &Rows, weight: &[f32], bias: &[f32], [kernel, stride, padding]: [usize; 3]) -> Rows {
    let rows = from.len() / stride;
    let mut values = Vec::with_capacity(rows * from.channels);
    for t in 0..rows {
        for (channel, (bias, weight)) in bias.iter().zip(weight.chunks_exact(kernel)).enumerate() {
            let row = |tap| from.row((stride * t + tap) as isize - padding as isize);
            let products = weight.iter().enumerate().filter_map(|(tap, w)| Some(row(tap)?[channel] * w));
            values.push(bias + products.sum::<f32>());
        }
    }
    Rows { channels: from.channels, values }
}

fn transposed(from: &Rows, weight: &[f32], bias: &[f32], [kernel, stride, padding, channels]: [usize; 4]) -> Rows {
    let rows = from.len() * stride;
    let mut values: Vec<f32> = (0..rows).flat_map(|_| bias.iter().copied()).collect();
    for i in 0..from.len() {
        for tap in 0..kernel {
            let Some(n) = (stride * i + tap).checked_sub(padding).filter(|n| *n < rows) else { continue };
            for (input, x) in from.row(i as isize).unwrap_or_default().iter().enumerate() {
                for output in 0..channels {
                    values[n * channels + output] += x * weight[(input * channels + output) * kernel + tap];
                }
            }
        }
    }
    Rows { channels, values }
}
