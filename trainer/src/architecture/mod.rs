//! A net as data: the one description that tch trains from, that the exporter lowers, and that the budget is counted on.
//!
//! A net is a list of nodes in topological order over rows of channels. Node `i` computes, for every output row `t`:
//!
//! * convolution: `y[t] = b + Σ_k w[k] · x[stride·t − padding + k]`, `k < kernel`;
//! * depthwise convolution: the same with each channel alone, `y[t][c] = b[c] + Σ_k w[c][k] · x[stride·t − padding + k][c]`;
//! * transposed convolution: `y[n] = b + Σ_i x[i] · w[n + padding − stride·i]`, over the `i` for which the index is in the kernel;
//! * add: `y[t] = a[t] + b[t]`.
//!
//! `padding` thus only fixes the alignment in time (how many rows before `stride·t` the window starts). Rows outside
//! the recording count as zero in training windows; the streaming engine sees the real past.

mod assemble;
mod image;
mod levels;
mod look_ahead;
mod measure;

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

pub use assemble::{FINAL, LINEAR, LayerPlan, NetworkPlan, OutputPlan};
pub use image::{
    ImageActivation, ImageEndPlan, ImageLayerPlan, ImageNetSpec, ImageOperation, ImagePlan, ImageStep, inner_channels,
};
pub use levels::Levels;
pub use measure::Reach;

/// The slope of the leaky rectifier for negative inputs: a power of two, so that the device shifts.
pub const LEAKY_SLOPE_SHIFT: u32 = 3;

/// What is applied to a node's output, element by element.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Activation {
    /// Nothing.
    Linear,
    /// `max(x, 0)`.
    Relu,
    /// `max(x, x / 8)`, see [`LEAKY_SLOPE_SHIFT`].
    LeakyRelu,
}

/// Where a node reads from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// The net's input.
    Input,
    /// The output of an earlier node.
    Node(usize),
}

/// What a node computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Operation {
    /// Strided convolution over time.
    Convolution {
        /// Taps in time.
        kernel: usize,
        /// Input rows per output row.
        stride: usize,
        /// Rows by which the window starts before `stride·t`.
        padding: usize,
        /// Output channels.
        channels: usize,
    },
    /// Transposed convolution over time: `stride` output rows per input row.
    Transposed {
        /// Taps in time.
        kernel: usize,
        /// Output rows per input row.
        stride: usize,
        /// Rows by which the output is cropped at the start.
        padding: usize,
        /// Output channels.
        channels: usize,
    },
    /// Strided convolution over time of each channel by itself: as many channels come out as go in.
    Depthwise {
        /// Taps in time.
        kernel: usize,
        /// Input rows per output row.
        stride: usize,
        /// Rows by which the window starts before `stride·t`.
        padding: usize,
    },
    /// Sum of the node's source and `other`, which have the same rate and channels.
    Add {
        /// The second summand.
        other: Source,
    },
}

impl Operation {
    /// Whether the node has a weight and a bias tensor.
    #[must_use]
    pub fn has_weights(&self) -> bool {
        !matches!(self, Self::Add { .. })
    }
}

/// One node of a net.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeSpec {
    /// Names the node's tensors in a checkpoint (`{net}.{name}.weight`) and the layer in messages.
    pub name: String,
    /// The (first) input.
    pub source: Source,
    /// What is computed.
    pub operation: Operation,
    /// What is applied to the result.
    pub activation: Activation,
}

/// A net: its input and its nodes; the last node is the output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetSpec {
    /// Channels of the input.
    pub input_channels: usize,
    /// Rows of the input per hop of the codec.
    pub input_rows: usize,
    /// The nodes in topological order.
    pub nodes: Vec<NodeSpec>,
}

/// Rate and width of a node's output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// Channels in a row.
    pub channels: usize,
    /// Rows per hop.
    pub rows: usize,
}

/// Why a net cannot be built.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ArchitectureError {
    /// The net has no node.
    #[error("the {net} has no layer")]
    Empty {
        /// Which net.
        net: String,
    },
    /// A node reads from itself or a later node.
    #[error("layer `{node}` reads from a layer that does not come before it")]
    Order {
        /// The node's name.
        node: String,
    },
    /// A size of zero, or a stride that does not divide the rows per hop.
    #[error("layer `{node}`: {what}")]
    Shape {
        /// The node's name.
        node: String,
        /// What is wrong, in words.
        what: String,
    },
    /// Encoder and decoder do not belong together, or an entry of the plan is out of range.
    #[error("network: {what}")]
    Plan {
        /// What is wrong and what to do, in words.
        what: String,
    },
}

impl NetSpec {
    /// The shape of every node's output, in order.
    ///
    /// # Errors
    /// If the net is empty, reads forward, has a name twice or with a dot, or a stride does not divide its input's rows per hop.
    pub fn shapes(&self) -> Result<Vec<Shape>, ArchitectureError> {
        let input = Shape { channels: self.input_channels, rows: self.input_rows };
        let mut shapes: Vec<Shape> = Vec::with_capacity(self.nodes.len());
        let mut names = HashSet::new();
        for node in &self.nodes {
            let wrong = |what: String| ArchitectureError::Shape { node: node.name.clone(), what };
            let shape_of = |source: Source, shapes: &[Shape]| match source {
                Source::Input => Ok(input),
                Source::Node(i) => {
                    shapes.get(i).copied().ok_or_else(|| ArchitectureError::Order { node: node.name.clone() })
                }
            };
            let from = shape_of(node.source, &shapes)?;
            if !names.insert(node.name.as_str()) {
                return Err(wrong("two layers have this name".into()));
            }
            if node.name.is_empty() || node.name.contains('.') {
                return Err(wrong(
                    "a layer needs a name, without dots: they separate the parts of a tensor's name".into(),
                ));
            }
            let shape = match node.operation {
                Operation::Convolution { kernel, stride, channels, .. }
                | Operation::Transposed { kernel, stride, channels, .. }
                    if kernel == 0 || stride == 0 || channels == 0 =>
                {
                    return Err(wrong("kernel, stride and channels must be at least 1".into()));
                }
                Operation::Depthwise { kernel, stride, .. } if kernel == 0 || stride == 0 => {
                    return Err(wrong("kernel and stride must be at least 1".into()));
                }
                Operation::Convolution { stride, .. } | Operation::Depthwise { stride, .. }
                    if from.rows % stride != 0 =>
                {
                    return Err(wrong(format!("stride {stride} does not divide {} rows per hop", from.rows)));
                }
                Operation::Convolution { stride, channels, .. } => Shape { channels, rows: from.rows / stride },
                Operation::Depthwise { stride, .. } => Shape { channels: from.channels, rows: from.rows / stride },
                Operation::Transposed { stride, channels, .. } => Shape { channels, rows: from.rows * stride },
                Operation::Add { other } => {
                    let other = shape_of(other, &shapes)?;
                    if other != from {
                        return Err(wrong(format!("adds {from:?} to {other:?}: rates and channels must be equal")));
                    }
                    from
                }
            };
            shapes.push(shape);
        }
        if shapes.is_empty() {
            return Err(ArchitectureError::Empty { net: "net".into() });
        }
        Ok(shapes)
    }
}
