//! A codec of real signals that needs no training: a sine-windowed lapped cosine transform, integer latents, counted tables.

use std::f64::consts::PI;
use std::path::Path;

use vq_trainer::architecture::{Activation, NetSpec, NodeSpec, Operation, Source};
use vq_trainer::data::{OpenOptions, Recording, open};
use vq_trainer::export::container::{ChannelParts, MetadataParts};
use vq_trainer::export::trained::{
    NodeWeights, Normalization, TrainedModel, TrainedNet, TrainedQuantizer, half_octaves,
};
use vq_trainer::export::{Exported, export};

/// Frames of a hop, and latents of a channel.
pub const HOP: usize = 16;
/// Counts of a step at quality 9.
const STEP: f64 = 6.0;

/// The recording that ships with the project, ECG at 360 Hz.
///
/// # Panics
/// If it is not there.
#[must_use]
pub fn ecg() -> Recording {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../data/mitdb-208.hea");
    open(&path, &OpenOptions::default()).expect("the recording ships with the project")
}

/// A model of so many channels, each transformed by itself, whose tables are counted on `samples` `[time, channels]`.
///
/// # Panics
/// If the samples are too few.
#[must_use]
pub fn model(samples: &[i32], channels: usize) -> Exported {
    let latents = HOP * channels;
    // Latent `l` of channel `c` is number `c · HOP + l`: a channel's symbols follow those of the channels before it.
    let weight = |latent: usize, channel: usize, time: usize| {
        if latent / HOP == channel { wave(latent % HOP, time) as f32 } else { 0.0 }
    };
    let weights = || {
        let places = (0..latents).flat_map(move |l| (0..channels).map(move |c| (l, c)));
        places.flat_map(|(l, c)| (0..2 * HOP).map(move |t| weight(l, c, t))).collect::<Vec<f32>>()
    };
    let net = |operation, input_channels, input_rows, outputs| {
        let node = NodeSpec { name: "lapped".into(), source: Source::Input, operation, activation: Activation::Linear };
        let spec = NetSpec { input_channels, input_rows, nodes: vec![node] };
        TrainedNet { spec, weights: vec![NodeWeights { weight: weights(), bias: vec![0.0; outputs] }] }
    };
    let (kernel, stride, padding) = (2 * HOP, HOP, HOP / 2);
    let encode = Operation::Convolution { kernel, stride, padding, channels: latents };
    let decode = Operation::Transposed { kernel, stride, padding, channels };
    let offset = |channel: usize| {
        let own = samples.iter().skip(channel).step_by(channels);
        (own.clone().map(|x| i64::from(*x)).sum::<i64>() / own.count().max(1) as i64) as i32
    };
    let scale = 100.0;
    let trained = TrainedModel {
        encoder: net(encode, channels, HOP, latents),
        decoder: net(decode, latents, 1, channels),
        quantizer: TrainedQuantizer::Scalar {
            steps: vec![half_octaves((STEP / f64::from(scale)) as f32); latents],
            bits: 11,
            told: None,
        },
        normalization: (0..channels).map(|channel| Normalization { offset: offset(channel), scale }).collect(),
    };
    let metadata = MetadataParts {
        name: "lapped".into(),
        rate_millihertz: 360_000,
        channels: (0..channels)
            .map(|channel| ChannelParts {
                name: format!("lead {channel}"),
                unit: "mV".into(),
                counts_per_unit: 200.0,
                offset: 1024,
                source_bits: Some(11),
            })
            .collect(),
        run: "{}".into(),
    };
    export(&trained, samples, &metadata).expect("a lapped transform exports")
}

/// The windowed cosines, orthonormal with those of the neighbouring hops (Princen and Bradley, 1986).
fn wave(coefficient: usize, time: usize) -> f64 {
    let (size, time) = (HOP as f64, time as f64 + 0.5);
    let cosine = (PI / size * (time + size / 2.0) * (coefficient as f64 + 0.5)).cos();
    (2.0 / size).sqrt() * (PI / (2.0 * size) * time).sin() * cosine
}
