//! The nets of `vq-core::nn` in tch, built from the same [`crate::architecture`] description.
//!
//! Tensors are `[batch, channels, time]`. Shapes are proven when a [`Net`] is built, so the operations below cannot fail
//! for them.

mod fake_quantization;
mod image;
mod initialization;
mod layer;

use rand::rngs::ChaCha8Rng;
use tch::{Kind, Tensor, nn};

use crate::architecture::{ArchitectureError, NetSpec, Source};
pub use fake_quantization::{Filters, int8_image};
pub use image::ImageNet;
use layer::Layer;

/// The numbers that a net computes with. What goes in and what comes out is float32.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precision {
    /// Weights as trained, in float32.
    Float,
    /// Weights as trained; they, and what lies between the layers, in bfloat16, which has the range of float32 and 8 bits of its precision. Gradients
    /// of weights are float32.
    BFloat16,
    /// Rounded to int8 with one scale per filter, as on the device; gradients pass as if not rounded.
    Int8,
}

impl Precision {
    /// The kind of a net's tensors.
    fn kind(self) -> Kind {
        match self {
            Self::Float | Self::Int8 => Kind::Float,
            Self::BFloat16 => Kind::BFloat16,
        }
    }
}

/// A net whose weights live in a variable store, as `{net}.{node}.weight` and `{net}.{node}.bias`.
#[derive(Debug)]
pub struct Net {
    spec: NetSpec,
    layers: Vec<Layer>,
}

impl Net {
    /// Builds the net with fresh weights from `random` under `variables`.
    ///
    /// # Errors
    /// If the description is not a net.
    pub fn new(variables: &nn::Path, spec: &NetSpec, random: &mut ChaCha8Rng) -> Result<Self, ArchitectureError> {
        let shapes = spec.shapes()?;
        let nodes = spec.nodes.iter();
        let layers = nodes.map(|node| Layer::new(&(variables / &node.name), spec, node, &shapes, random)).collect();
        Ok(Self { spec: spec.clone(), layers })
    }

    /// The net's description.
    pub fn spec(&self) -> &NetSpec {
        &self.spec
    }

    /// Runs the net on `input`, `[batch, input_channels, hops · input_rows]`.
    pub fn forward(&self, input: &Tensor, precision: Precision) -> Tensor {
        let input = &input.to_kind(precision.kind());
        let mut outputs: Vec<Tensor> = Vec::with_capacity(self.layers.len());
        for layer in &self.layers {
            let read = |source| match source {
                Source::Input => input,
                Source::Node(earlier) => &outputs[earlier],
            };
            outputs.push(layer.forward(read, precision));
        }
        outputs.pop().unwrap_or_else(|| input.shallow_clone()).to_kind(Kind::Float)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tch::Device;

    use super::*;
    use crate::architecture::{Activation, NodeSpec, Operation, Reach};
    use crate::random::for_step;

    /// Kernel, stride and padding, and whether the layer raises the rate.
    type Layers = Vec<(usize, usize, usize, bool)>;

    fn chain(layers: &Layers) -> NetSpec {
        let down = layers.iter().filter(|layer| !layer.3);
        let input_rows = down.map(|&(_, stride, _, _)| stride).product();
        let node = |(index, &(kernel, stride, padding, up)): (usize, &(usize, usize, usize, bool))| NodeSpec {
            name: format!("layer{index}"),
            source: if index == 0 { Source::Input } else { Source::Node(index - 1) },
            operation: if up {
                Operation::Transposed { kernel, stride, padding, channels: 1 }
            } else {
                Operation::Convolution { kernel, stride, padding, channels: 1 }
            },
            activation: Activation::Linear,
        };
        NetSpec { input_channels: 1, input_rows, nodes: layers.iter().enumerate().map(node).collect() }
    }

    fn layers() -> impl Strategy<Value = Layers> {
        // A kernel no shorter than its stride, and any padding up to their difference, as the exporter takes them.
        let layer = (1usize..4, 0usize..5, any::<prop::sample::Index>(), any::<bool>())
            .prop_map(|(stride, more, padding, up)| (stride + more, stride, padding.index(more + 1), up));
        prop::collection::vec(layer, 1..4).prop_map(|mut layers| {
            // Down before up, so that strides divide the rows.
            layers.sort_by_key(|layer| layer.3);
            layers
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn a_hop_depends_on_the_rows_within_reach_and_no_others(layers in layers()) {
            let spec = chain(&layers);
            let Reach { before, after } = spec.reach().unwrap();
            let store = nn::VarStore::new(Device::Cpu);
            let net = Net::new(&store.root(), &spec, &mut for_step(0, 0)).unwrap();
            // With weights of one and no bias nothing cancels: a row counts if and only if its impulse comes through.
            tch::no_grad(|| for (name, mut variable) in store.variables() {
                let _ = variable.fill_(if name.ends_with("weight") { 1.0 } else { 0.0 });
            });
            let first_hop = before.div_ceil(spec.input_rows) + 1;
            let hops = first_hop + 2 + after.div_ceil(spec.input_rows);
            let rows = (hops * spec.input_rows) as i64;
            let impulses = Tensor::eye(rows, (Kind::Float, Device::Cpu)).unsqueeze(1);
            let output_rows = spec.output().unwrap().rows as i64;
            let response = tch::no_grad(|| net.forward(&impulses, Precision::Float));
            prop_assert_eq!(response.size(), vec![rows, 1, hops as i64 * output_rows]);
            let hop = response.narrow(2, first_hop as i64 * output_rows, output_rows);
            let heard: Vec<bool> = Vec::try_from(hop.abs().amax([1, 2], false).gt(0.0)).unwrap();
            let begin = first_hop * spec.input_rows;
            prop_assert_eq!(heard.iter().position(|&heard| heard), Some(begin - before));
            prop_assert_eq!(heard.iter().rposition(|&heard| heard), Some(begin + spec.input_rows - 1 + after));
        }
    }
}
