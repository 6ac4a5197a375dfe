//! Where weights start.
//!
//! The linear paths start as a sine-windowed lapped cosine transform and its inverse, so that the codec is a good
//! transform codec before its first step; the small nets' last layers start small, so that they do not disturb it.

use std::f64::consts::PI;

use rand::rngs::ChaCha8Rng;
use tch::{Device, Kind, Tensor};

use crate::architecture::{FINAL, LINEAR, NetSpec, NodeSpec, Operation};
use crate::random;

/// How much smaller than usual the last layer beside a linear path starts.
const SMALL: f64 = 0.1;

/// First values of a node's weights.
pub(super) struct Start {
    pub(super) weight: Tensor,
    pub(super) bias: Tensor,
}

/// First values for a weight of `sizes` and a bias of `channels`.
pub(super) fn start(net: &NetSpec, node: &NodeSpec, sizes: &[i64; 3], channels: i64, random: &mut ChaCha8Rng) -> Start {
    let cpu = (Kind::Float, Device::Cpu);
    match (node.name.as_str(), node.operation) {
        // Latents come first in both: they are the outputs of the one and the inputs of the other.
        (LINEAR, Operation::Convolution { stride, .. } | Operation::Transposed { stride, .. }) => {
            let [latents, signals, kernel] = *sizes;
            let weight = transform(latents, signals, kernel, stride);
            Start { weight, bias: Tensor::zeros([channels], cpu) }
        }
        (FINAL, _) if net.nodes.iter().any(|other| other.name == LINEAR) => {
            let Start { weight, bias } = uniform(node, sizes, channels, random);
            Start { weight: weight * SMALL, bias: bias.zeros_like() }
        }
        _ => uniform(node, sizes, channels, random),
    }
}

/// Uniform within ±1/√(inputs of one output), for weights and biases.
fn uniform(node: &NodeSpec, sizes: &[i64; 3], channels: i64, random: &mut ChaCha8Rng) -> Start {
    let inputs = match node.operation {
        Operation::Transposed { stride, .. } => sizes[0] as f64 * sizes[2] as f64 / stride as f64,
        Operation::Convolution { .. } | Operation::Depthwise { .. } | Operation::Add { .. } => {
            (sizes[1] * sizes[2]) as f64
        }
    };
    let bound = 1.0 / inputs.sqrt();
    let mut draw = |sizes: &[i64]| (random::uniform(sizes, random) * 2.0 - 1.0) * bound;
    Start { weight: draw(sizes), bias: draw(&[channels]) }
}

/// A lapped cosine transform of window 2·`hop`, `[latents, signals, kernel]`, orthonormal where the kernel holds the
/// whole window: latent `k` is frequency `k / signals` of channel `k mod signals`. A kernel of one hop has no overlap: then it is the cosine
/// transform of each hop by itself, orthonormal too.
fn transform(latents: i64, signals: i64, kernel: i64, hop: usize) -> Tensor {
    let window = 2.0 * hop as f64;
    let hop = hop as f64;
    let mut values = vec![0.0f32; (latents * signals * kernel) as usize];
    for latent in 0..latents {
        let (frequency, signal) = (latent / signals, latent % signals);
        for tap in 0..kernel {
            // The window's middle lies over the kernel's.
            let time = tap as f64 + 0.5 + (window - kernel as f64) / 2.0;
            if kernel as f64 == hop {
                let cosine = (PI / hop * (tap as f64 + 0.5) * (frequency as f64 + 0.5)).cos();
                values[((latent * signals + signal) * kernel + tap) as usize] = (cosine * (2.0 / hop).sqrt()) as f32;
            } else if time > 0.0 && time < window {
                let cosine = (PI / hop * (time + hop / 2.0) * (frequency as f64 + 0.5)).cos();
                let value = cosine * (PI * time / window).sin() * (2.0 / hop).sqrt();
                values[((latent * signals + signal) * kernel + tap) as usize] = value as f32;
            }
        }
    }
    Tensor::from_slice(&values).view([latents, signals, kernel])
}

#[cfg(test)]
mod tests {
    use tch::nn;

    use super::super::{Net, Precision};
    use crate::architecture::{LayerPlan, NetworkPlan, OutputPlan};
    use crate::random;

    #[test]
    fn with_all_frequencies_the_linear_paths_alone_rebuild_the_signal() {
        // Centred kernels; overlap by looking ahead as little as it needs; none.
        for look_ahead in [None, Some(10), Some(0)] {
            rebuilds(look_ahead);
        }
    }

    fn rebuilds(look_ahead: Option<usize>) {
        let layers = vec![LayerPlan { kernel: 8, stride: 8, channels: 4, residual: 0, separable: false }];
        let plan = NetworkPlan {
            lapped: false,
            latents: 16,
            encoded: 16,
            linear_kernel: 18,
            look_ahead,
            encoder: &layers,
            decoder: &[],
            output: &OutputPlan { kernel: 8, stride: 8 },
        };
        let (encoder, decoder) = plan.assemble(2).unwrap();
        let mut random = random::for_step(5, 0);
        let store = nn::VarStore::new(tch::Device::Cpu);
        let encoder = Net::new(&(store.root() / "encoder"), &encoder, &mut random).unwrap();
        let decoder = Net::new(&(store.root() / "decoder"), &decoder, &mut random).unwrap();
        for (name, mut variable) in store.variables() {
            if name.contains("final") {
                let _ = tch::no_grad(|| variable.zero_());
            }
        }
        let input = tch::Tensor::randn([1, 2, 80], (tch::Kind::Float, tch::Device::Cpu));
        let output = decoder.forward(&encoder.forward(&input, Precision::Float), Precision::Float);
        // The first and the last two hops lack neighbours.
        let inner = |x: &tch::Tensor| x.narrow(2, 16, 48);
        assert!(inner(&output).allclose(&inner(&input), 1e-5, 1e-5, false));
    }
}
