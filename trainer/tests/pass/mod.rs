//! A codec that passes each sample of a hop through a latent of its own, for the recording that ships.

use std::path::{Path, PathBuf};

use vq_trainer::architecture::{Activation, NetSpec, NodeSpec, Operation, Source};
use vq_trainer::export::container::{ChannelParts, MetadataParts};
use vq_trainer::export::trained::{NodeWeights, Normalization, TrainedModel, TrainedNet, TrainedQuantizer};

/// Frames and latents of a hop.
pub(crate) const HOP: usize = 4;

/// The recording that ships.
pub(crate) fn recording() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../data/mitdb-208.hea")
}

/// The nets, with a quantizer of [`HOP`] latents.
pub(crate) fn nets(quantizer: TrainedQuantizer) -> TrainedModel {
    let identity: Vec<f32> = (0..HOP * HOP).map(|place| if place % (HOP + 1) == 0 { 1.0 } else { 0.0 }).collect();
    let net = |operation, input_channels, input_rows, outputs| {
        let node = NodeSpec { name: "pass".into(), source: Source::Input, operation, activation: Activation::Linear };
        let spec = NetSpec { input_channels, input_rows, nodes: vec![node] };
        TrainedNet { spec, weights: vec![NodeWeights { weight: identity.clone(), bias: vec![0.0; outputs] }] }
    };
    TrainedModel {
        encoder: net(Operation::Convolution { kernel: HOP, stride: HOP, padding: 0, channels: HOP }, 1, HOP, HOP),
        decoder: net(Operation::Transposed { kernel: HOP, stride: HOP, padding: 0, channels: 1 }, HOP, 1, 1),
        quantizer,
        normalization: vec![Normalization { offset: 1024, scale: 250.0 }],
    }
}

/// Metadata of a model of the recording's signal.
pub(crate) fn metadata(name: &str) -> MetadataParts {
    MetadataParts {
        name: name.into(),
        rate_millihertz: 360_000,
        channels: vec![ChannelParts {
            name: "MLII".into(),
            unit: "mV".into(),
            counts_per_unit: 200.0,
            offset: 1024,
            source_bits: Some(11),
        }],
        run: r#"{"seed":7}"#.into(),
    }
}
