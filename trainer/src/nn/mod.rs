//! The nets of `vq-core::nn` in tch, built from the same [`crate::architecture`] description.
//!
//! Tensors are `[batch, channels, time]`. Shapes are proven when a [`Net`] is built, so the operations below cannot fail
//! for them.

mod fake_quantization;
mod initialization;
mod layer;

use rand::rngs::ChaCha8Rng;
use tch::{Tensor, nn};

use crate::architecture::{ArchitectureError, NetSpec, Source};
pub use fake_quantization::{Axis, int8_image};
use layer::Layer;

/// The weights that a net runs with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precision {
    /// As trained.
    Float,
    /// Rounded to int8 with one scale per output channel, as on the device; gradients pass as if not rounded.
    Int8,
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
        let mut outputs: Vec<Tensor> = Vec::with_capacity(self.layers.len());
        for layer in &self.layers {
            let read = |source| match source {
                Source::Input => input,
                Source::Node(earlier) => &outputs[earlier],
            };
            outputs.push(layer.forward(read, precision));
        }
        outputs.pop().unwrap_or_else(|| input.shallow_clone())
    }
}
