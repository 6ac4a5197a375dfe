//! What a net costs and how far it sees: counted from the description alone.

use super::{ArchitectureError, NetSpec, NodeSpec, Operation, Shape, Source};

/// How many rows of its input a net needs around a hop to compute that hop's output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reach {
    /// Input rows before the hop's first.
    pub before: usize,
    /// Input rows after the hop's last: the look-ahead.
    pub after: usize,
}

impl NetSpec {
    /// The shape of the net's output.
    ///
    /// # Errors
    /// As [`shapes`](Self::shapes).
    pub fn output(&self) -> Result<Shape, ArchitectureError> {
        let shapes = self.shapes()?;
        Ok(shapes[shapes.len() - 1])
    }

    /// The shape that `source` gives, where `shapes` are the shapes of all nodes before its reader.
    pub fn shape_of(&self, source: Source, shapes: &[Shape]) -> Shape {
        match source {
            Source::Input => Shape { channels: self.input_channels, rows: self.input_rows },
            Source::Node(node) => shapes[node],
        }
    }

    /// Weights without biases: bytes of flash when lowered to int8.
    ///
    /// # Errors
    /// As [`shapes`](Self::shapes).
    pub fn weights(&self) -> Result<usize, ArchitectureError> {
        self.sum_over_nodes(|node, from| match node.operation {
            Operation::Convolution { kernel, channels, .. } | Operation::Transposed { kernel, channels, .. } => {
                from.channels * kernel * channels
            }
            Operation::Depthwise { kernel, .. } => from.channels * kernel,
            Operation::Add { .. } => 0,
        })
    }

    /// Multiply-accumulates per hop. Additions of two rows are not counted.
    ///
    /// # Errors
    /// As [`shapes`](Self::shapes).
    pub fn multiply_accumulates(&self) -> Result<usize, ArchitectureError> {
        self.sum_over_nodes(|node, from| match node.operation {
            Operation::Convolution { kernel, stride, channels, .. } => {
                from.rows / stride * from.channels * kernel * channels
            }
            Operation::Transposed { kernel, channels, .. } => from.rows * from.channels * kernel * channels,
            Operation::Depthwise { kernel, stride, .. } => from.rows / stride * from.channels * kernel,
            Operation::Add { .. } => 0,
        })
    }

    /// How far the output of one hop reaches into the input.
    ///
    /// # Errors
    /// As [`shapes`](Self::shapes).
    pub fn reach(&self) -> Result<Reach, ArchitectureError> {
        let shapes = self.shapes()?;
        let last = self.nodes.len() - 1;
        // Rows `[first, last]` of each node's output that the hop needs, walked from the output back.
        let mut needed: Vec<Option<(i64, i64)>> = vec![None; self.nodes.len()];
        needed[last] = Some((0, shapes[last].rows as i64 - 1));
        let mut of_input = (0, self.input_rows as i64 - 1);
        for (index, node) in self.nodes.iter().enumerate().rev() {
            let Some(rows) = needed[index] else { continue };
            let mut require = |source: Source, rows: (i64, i64)| {
                let slot = match source {
                    Source::Input => {
                        of_input = (of_input.0.min(rows.0), of_input.1.max(rows.1));
                        return;
                    }
                    Source::Node(node) => &mut needed[node],
                };
                let (first, last) = slot.unwrap_or(rows);
                *slot = Some((first.min(rows.0), last.max(rows.1)));
            };
            match node.operation {
                Operation::Convolution { kernel, stride, padding, .. }
                | Operation::Depthwise { kernel, stride, padding } => {
                    let (kernel, stride, padding) = (kernel as i64, stride as i64, padding as i64);
                    let first = stride * rows.0 - padding;
                    require(node.source, (first, stride * rows.1 - padding + kernel - 1));
                }
                Operation::Transposed { kernel, stride, padding, .. } => {
                    let (kernel, stride, padding) = (kernel as i64, stride as i64, padding as i64);
                    let first = -(kernel - 1 - padding - rows.0).div_euclid(stride);
                    require(node.source, (first, (rows.1 + padding).div_euclid(stride)));
                }
                Operation::Add { other } => {
                    require(node.source, rows);
                    require(other, rows);
                }
            }
        }
        let after = of_input.1 - (self.input_rows as i64 - 1);
        Ok(Reach { before: of_input.0.unsigned_abs() as usize, after: after as usize })
    }

    /// Rows of output by which the net lags behind its input when it runs hop by hop: what the codec waits for.
    ///
    /// # Errors
    /// As [`shapes`](Self::shapes).
    pub fn lag(&self) -> Result<usize, ArchitectureError> {
        self.shapes()?;
        let mut lags: Vec<usize> = Vec::with_capacity(self.nodes.len());
        for node in &self.nodes {
            let of = |source: Source| match source {
                Source::Input => 0,
                Source::Node(index) => lags[index],
            };
            let from = of(node.source);
            lags.push(match node.operation {
                Operation::Convolution { kernel, stride, padding, .. }
                | Operation::Depthwise { kernel, stride, padding } => {
                    (from + kernel).saturating_sub(padding + stride).div_ceil(stride)
                }
                Operation::Transposed { stride, padding, .. } => stride * from + padding,
                Operation::Add { other } => from.max(of(other)),
            });
        }
        Ok(lags.last().copied().unwrap_or(0))
    }

    fn sum_over_nodes(&self, count: impl Fn(&NodeSpec, Shape) -> usize) -> Result<usize, ArchitectureError> {
        let shapes = self.shapes()?;
        Ok(self.nodes.iter().map(|node| count(node, self.shape_of(node.source, &shapes))).sum())
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Activation, NodeSpec};
    use super::*;

    fn net(input_channels: usize, input_rows: usize, operations: &[Operation]) -> NetSpec {
        let nodes = operations.iter().enumerate().map(|(index, &operation)| NodeSpec {
            name: format!("node{index}"),
            source: if index == 0 { Source::Input } else { Source::Node(index - 1) },
            operation,
            activation: Activation::Linear,
        });
        NetSpec { input_channels, input_rows, nodes: nodes.collect() }
    }

    #[test]
    fn counts_of_a_convolution() {
        let net = net(2, 12, &[Operation::Convolution { kernel: 5, stride: 3, padding: 1, channels: 7 }]);
        assert_eq!(net.output(), Ok(Shape { channels: 7, rows: 4 }));
        assert_eq!(net.weights(), Ok(2 * 5 * 7));
        assert_eq!(net.multiply_accumulates(), Ok(4 * 2 * 5 * 7));
        // Windows start at 3t − 1 and the last, t = 3, ends at 9 − 1 + 4 = 12: one row past the hop.
        assert_eq!(net.reach(), Ok(Reach { before: 1, after: 1 }));
    }

    #[test]
    fn counts_of_a_depthwise_convolution() {
        let net = net(6, 12, &[Operation::Depthwise { kernel: 5, stride: 3, padding: 1 }]);
        assert_eq!(net.output(), Ok(Shape { channels: 6, rows: 4 }));
        assert_eq!((net.weights(), net.multiply_accumulates()), (Ok(6 * 5), Ok(4 * 6 * 5)));
        assert_eq!(net.reach(), Ok(Reach { before: 1, after: 1 }));
    }

    #[test]
    fn counts_of_a_transposed_convolution() {
        let net = net(3, 2, &[Operation::Transposed { kernel: 6, stride: 4, padding: 1, channels: 5 }]);
        assert_eq!(net.output(), Ok(Shape { channels: 5, rows: 8 }));
        assert_eq!(net.multiply_accumulates(), Ok(2 * 3 * 6 * 5));
        // y[0] takes x[i] with 0 <= 1 − 4i < 6: i = −1 and 0. y[7] takes 0 <= 8 − 4i < 6: i = 1 and 2.
        assert_eq!(net.reach(), Ok(Reach { before: 1, after: 1 }));
    }

    #[test]
    fn reach_adds_up_through_layers_and_is_the_widest_of_two_paths() {
        let convolution = |kernel, stride, padding| Operation::Convolution { kernel, stride, padding, channels: 4 };
        let mut net = net(1, 8, &[convolution(8, 4, 2), convolution(3, 1, 1), convolution(4, 2, 1)]);
        // The last layer's only row needs rows −1..=2, the middle one rows −2..=3, the first 4·(−2) − 2 to 4·3 − 2 + 7.
        assert_eq!(net.reach(), Ok(Reach { before: 10, after: 17 - 7 }));
        net.nodes.push(NodeSpec {
            name: "wide".into(),
            source: Source::Input,
            operation: convolution(40, 8, 30),
            activation: Activation::Linear,
        });
        net.nodes.push(NodeSpec {
            name: "sum".into(),
            source: Source::Node(2),
            operation: Operation::Add { other: Source::Node(3) },
            activation: Activation::Linear,
        });
        assert_eq!(net.reach(), Ok(Reach { before: 30, after: 10 }));
    }
}
