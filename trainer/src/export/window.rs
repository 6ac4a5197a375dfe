//! Every layer with weights as the container has it: outputs over one contiguous window, channels last.

use vq_core::model::plan::row_elements;

use super::trained::NodeWeights;
use crate::architecture::Operation;

/// A convolution over windows of `kernel` rows: `outputs × taps` weights. Depthwise, an output's taps are of its own channel.
#[derive(Debug, Clone, PartialEq)]
pub struct WindowLayer {
    /// Whether each channel is convolved by itself.
    pub depthwise: bool,
    /// Rows of the window.
    pub kernel: usize,
    /// Rows by which the window moves.
    pub stride: usize,
    /// Output rows per window.
    pub upsample: usize,
    /// Alignment, as in [`vq_core::model::records::Layer`].
    pub padding: usize,
    /// Outputs per window: rows of all phases, with channels padded as line buffers are.
    pub outputs: usize,
    /// Taps of an output: rows of the window, with channels padded as line buffers are, or one for each row if depthwise.
    pub taps: usize,
    /// `[outputs, taps]`.
    pub weights: Vec<f32>,
    /// `[outputs]`.
    pub bias: Vec<f32>,
}

impl WindowLayer {
    /// Brings a node's weights into window form; `None` for a sum, which has none.
    #[must_use]
    pub fn new(operation: Operation, inputs: usize, node: &NodeWeights) -> Option<Self> {
        match operation {
            Operation::Convolution { kernel, stride, padding, channels } => {
                let place = |output: usize, input: usize, tap: usize| (output * inputs + input) * kernel + tap;
                let size = Size { kernel, stride, upsample: 1, padding, channels, inputs };
                Some(Self::fill(size, &node.bias, |_, channel, row, input| node.weight[place(channel, input, row)]))
            }
            Operation::Transposed { kernel, stride, padding, channels } => {
                let place = |output: usize, input: usize, tap: usize| (input * channels + output) * kernel + tap;
                let rows = kernel.div_ceil(stride);
                let padding = if stride == 1 { kernel - 1 - padding } else { padding };
                let size = Size { kernel: rows, stride: 1, upsample: stride, padding, channels, inputs };
                Some(Self::fill(size, &node.bias, |phase, channel, row, input| {
                    let tap = phase + stride * (rows - 1 - row);
                    if tap < kernel { node.weight[place(channel, input, tap)] } else { 0.0 }
                }))
            }
            Operation::Depthwise { kernel, stride, padding } => {
                let (outputs, spare) = (padded(inputs), padded(inputs) - inputs);
                let filled = |values: &[f32], spare: usize| [values, &vec![0.0; spare]].concat();
                Some(Self {
                    depthwise: true,
                    kernel,
                    stride,
                    upsample: 1,
                    padding,
                    outputs,
                    taps: kernel,
                    weights: filled(&node.weight, spare * kernel),
                    bias: filled(&node.bias, spare),
                })
            }
            Operation::Add { .. } => None,
        }
    }

    /// Builds the padded matrix from `weight(phase, channel, row, input)`.
    fn fill(size: Size, bias: &[f32], weight: impl Fn(usize, usize, usize, usize) -> f32) -> Self {
        let (wide_out, wide_in) = (padded(size.channels), padded(size.inputs));
        let (outputs, taps) = (size.upsample * wide_out, size.kernel * wide_in);
        let mut layer = Self {
            depthwise: false,
            kernel: size.kernel,
            stride: size.stride,
            upsample: size.upsample,
            padding: size.padding,
            outputs,
            taps,
            weights: vec![0.0; outputs * taps],
            bias: vec![0.0; outputs],
        };
        for phase in 0..size.upsample {
            for (channel, bias) in bias.iter().enumerate() {
                let output = phase * wide_out + channel;
                layer.bias[output] = *bias;
                for row in 0..size.kernel {
                    for input in 0..size.inputs {
                        layer.weights[output * taps + row * wide_in + input] = weight(phase, channel, row, input);
                    }
                }
            }
        }
        layer
    }

    /// The weights of one output.
    #[must_use]
    pub fn filter(&self, output: usize) -> &[f32] {
        &self.weights[output * self.taps..(output + 1) * self.taps]
    }
}

/// The sizes of a layer in window form.
struct Size {
    kernel: usize,
    stride: usize,
    upsample: usize,
    padding: usize,
    channels: usize,
    inputs: usize,
}

/// Elements of a row of this many channels.
fn padded(channels: usize) -> usize {
    row_elements(channels as u16) as usize
}
