//! The training configuration: TOML, every key documented where it is declared, unknown keys refused.
//!
//! Every key has a default, so a configuration names only what differs from it. The documentation of the fields below
//! is also what `vq train --print-config` prints as comments, and what the run's own `config.toml` carries.

mod augmentation;
mod budget;
mod distortion;
mod file;
mod image;
mod preset;
mod prior;
mod section;
mod sweep;
mod vae;
mod validate;

use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};
use vq_core::model::QUALITIES;

use crate::architecture::{ArchitectureError, LayerPlan, NetSpec, NetworkPlan, OutputPlan};
use crate::run::QuantizerRecord;
use section::{Section, section};

pub use augmentation::AugmentationConfig;
pub use budget::BudgetConfig;
pub use distortion::DistortionConfig;
pub use file::ConfigError;
pub use image::{ImageConfig, ImageDistortion};
pub use preset::Preset;
pub use prior::{PredictorKind, PriorConfig, PriorKind, ResidualConfig};
pub use vae::{ModelKind, VaeConfig};

/// The most bits of an integer latent.
pub const MOST_INTEGER_BITS: u32 = 12;

/// What the nets are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NetworkKind {
    /// Nets that learn, beside linear transforms.
    Learned,
    /// A fixed lapped cosine transform and its inverse: nothing in the nets is trained.
    Lapped,
}

/// What is held out for validation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Split {
    /// Whole recordings where there are several patients, else the end of each.
    Auto,
    /// Whole recordings.
    Recordings,
    /// The last part of each recording.
    Time,
}

/// How latents become codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum QuantizerKind {
    /// One codebook of vectors.
    Vq,
    /// Codebooks in residual stages: each codes what those before it left.
    #[serde(alias = "vector")]
    Rvq,
    /// The latents split into equal parts with codebooks of their own.
    Product,
    /// Finite scalar: each latent bounded and rounded to one of a few levels; nothing can die or collapse.
    Fsq,
    /// Each latent rounded to an integer of a fixed bit width, with a learned step.
    Scalar,
}

impl QuantizerKind {
    /// Whether its codes stand for vectors that are learned.
    pub fn has_codebooks(self) -> bool {
        matches!(self, Self::Vq | Self::Rvq | Self::Product)
    }
}

/// How the decoder's gradient passes a codebook, which has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GradientEstimator {
    /// Unchanged.
    StraightThrough,
    /// Turned and stretched as the code is against its latents.
    Rotation,
}

/// How code vectors follow the latents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CodebookUpdate {
    /// Each code is the moving average of the latents it was chosen for.
    #[serde(alias = "ema")]
    MovingAverage,
    /// By the gradient of the codebook loss, like the weights.
    Gradient,
}

section! {
    /// What the training windows are cut from.
    DataConfig {
        /// Hops of a training window that the loss counts; the nets' reach is added on both sides.
        window_hops: usize = 32,
        /// The part of the frames that is held out for validation, from 0 (none) to 0.9.
        validation_fraction: f64 = 0.2,
        /// "recordings": whole recordings are held out. "time": the last part of each. "auto": whole recordings where there are three patients or more,
        /// so that what is held out is of others than what is trained on. Recordings with the same samples stay together.
        split: Split = Split::Auto,
        /// Names of recordings that belong to one patient or session, a list for each: they stay together.
        groups: Vec<Vec<String>> = Vec::new(),
        /// Whether every channel of a recording is trained on as if it were a recording of one channel: for a codec of single channels, from
        /// recordings of several alike.
        single_channels: bool = false,
        /// The last part of every recording that a run does not look at, from 0 (none) to 0.9, to measure the model on afterwards where there are no
        /// other recordings.
        test_fraction: f64 = 0.0,
        /// Whether all channels are divided by one number, so that an error of one count weighs the same in each; if not, each channel's errors weigh
        /// by its own standard deviation.
        common_scale: bool = false,
        /// MiB that the samples of all recordings may take in memory, 4 bytes each. If they take more, they stay in their files, and each step reads its
        /// windows from there; text tables are in memory in any case.
        memory: usize = 1024,
    }
}

section! {
    /// The two nets. `kernel` counts taps in time, `stride` divides (encoder) or multiplies (decoder) the rate, and
    /// `residual` puts that many residual blocks behind a layer, and `separable = true` takes a layer and its blocks apart: a filter for
    /// each channel by itself, then a mixture of the channels, at a fraction of the cost. The strides of each net multiply to the frames per hop.
    NetworkConfig {
        /// "learned": the layers below. "lapped": a fixed lapped cosine transform of `latents` frames a hop over all channels, whose nets
        /// need no training; then the keys below count for nothing.
        kind: NetworkKind = NetworkKind::Learned,
        /// Latents per hop, over all channels: the length of a code vector. What a preset says of integer latents is for one channel, and is multiplied by
        /// their number.
        latents: usize = 8,
        /// Taps of the linear transforms beside both nets, usually twice the hop; 0 leaves them out.
        linear_kernel: usize = 64,
        /// Frames that encoder and decoder together may wait for beyond the hop: 0 is causal, -1 as many as kernels that lie centred over their
        /// strides need. The linear transforms overlap only where it is at least their kernel less a hop.
        look_ahead: i64 = -1,
        /// The encoder's layers. A last layer of kernel 1 makes the latents.
        encoder: Vec<LayerPlan> = vec![
            LayerPlan { kernel: 8, stride: 4, channels: 16, residual: 0, separable: false },
            LayerPlan { kernel: 4, stride: 2, channels: 24, residual: 0, separable: false },
            LayerPlan { kernel: 4, stride: 2, channels: 24, residual: 0, separable: false },
            LayerPlan { kernel: 4, stride: 2, channels: 24, residual: 1, separable: false },
        ],
        /// The decoder's layers. Those of stride 1 are plain convolutions, the others transposed ones.
        decoder: Vec<LayerPlan> = vec![
            LayerPlan { kernel: 3, stride: 1, channels: 20, residual: 2, separable: false },
            LayerPlan { kernel: 4, stride: 2, channels: 20, residual: 0, separable: false },
            LayerPlan { kernel: 4, stride: 2, channels: 16, residual: 1, separable: false },
            LayerPlan { kernel: 4, stride: 2, channels: 8, residual: 0, separable: false },
        ],
        /// The decoder's last layer; its channels are the signal's.
        output: OutputPlan = OutputPlan { kernel: 8, stride: 4 },
        /// A larger decoder for hosts, of the same codes, trained beside the device's without changing it; none if empty. It waits no longer than the
        /// device's does. `vq export --decoder host` writes the model that has it in place of the other.
        host_decoder: Vec<LayerPlan> = Vec::new(),
        /// Its last layer.
        host_output: OutputPlan = OutputPlan { kernel: 8, stride: 4 },
    }
}

section! {
    /// How latents become codes.
    QuantizerConfig {
        /// "vq": one codebook of vectors. "rvq": codebooks in residual stages. "product": the latents in parts, each with
        /// codebooks of its own. "fsq": each latent bounded and rounded to one of a few levels. "scalar": each latent rounded
        /// to an integer of fixed width, with a learned step.
        kind: QuantizerKind = QuantizerKind::Rvq,
        /// A code (or integer) chosen less often than this part of an even share counts as dead.
        dead_below: f64 = 0.02,
        /// How much of the usage counts (and of the moving averages) a step keeps, from 0 to 1.
        decay: f64 = 0.98,
    }
}

section! {
    /// Used where the quantizer has codebooks: "vq", "rvq" and "product".
    VectorConfig {
        /// "vq": codes of its codebook, 2 to 4096.
        codes: usize = 512,
        /// "rvq": codes of each stage, 2 to 4096; each stage codes what the stages before it left.
        stages: Vec<usize> = vec![128, 128, 128],
        /// "product": into how many equal parts the latents are split.
        parts: usize = 4,
        /// "product": codes of each part; several numbers are residual stages of every part.
        part_stages: Vec<usize> = vec![64],
        /// Latents are compared with codes by direction alone, and codes have length one (not for "rvq", and only with moving
        /// averages). Codebooks of a few latents (network.latents) that are compared so keep nearly all their codes in use.
        cosine: bool = false,
        /// "straight-through", or "rotation": the decoder's gradient is turned and stretched as the code is against the
        /// latents, which keeps the angle between gradient and code.
        gradient: GradientEstimator = GradientEstimator::StraightThrough,
        /// The part of the steps that leave the last residual stages out, as many as chance says, so that the codec also serves
        /// qualities that send fewer stages.
        stage_dropout: f64 = 0.0,
        /// β: how strongly the encoder is drawn to the codes it was given.
        commitment: f64 = 0.05,
        /// "moving-average" (or "ema"): a code is the moving mean of its latents. "gradient": codes learn by the gradient
        /// of the codebook loss, as in the first VQ-VAE.
        codebook_update: CodebookUpdate = CodebookUpdate::MovingAverage,
        /// What a bit costs where a code is chosen, as a part of the variance of the codes: codes are then the cheapest by distance and bits together,
        /// their bits being those of how often each is chosen lately, and codebooks are trained for that; 0 takes the nearest. About 0.01 to 0.1; the
        /// higher, the fewer bits, the larger the error, and the more codes die out.
        rate_weight: f64 = 0.0,
        /// Rounds of k-means that start each stage from the latents at the end of the warm-up.
        kmeans_rounds: usize = 15,
        /// Latents that k-means sees, and that the steps of integer latents start on, at most.
        kmeans_latents: usize = 16384,
        /// Dead codes are moved onto latents of the batch every this many steps.
        restart_every: usize = 100,
        /// The part of the steps after which dead codes stay where they are, so that the others settle.
        restart_until: f64 = 0.8,
    }
}

section! {
    /// Used where the quantizer's kind is "fsq".
    FsqConfig {
        /// Levels of each latent, 3 to 256; a single number stands for all latents.
        levels: Vec<usize> = vec![8],
    }
}

section! {
    /// Used where the quantizer's kind is "scalar".
    ScalarConfig {
        /// Bits of one integer, 2 to 12: |q| <= 2^(bits-1) - 1.
        bits: u32 = 4,
        /// A fixed step at quality 9 for all latents, in network units (standard deviations of the signal); 0 learns one for each.
        step: f64 = 0.0,
        /// The largest integer starts at this many standard deviations of its latent.
        range: f64 = 4.0,
        /// Up to this part of the steps uniform noise stands in for rounding; it must end after the warm-up.
        noise_until: f64 = 0.3,
        /// Whether the last latent of a hop tells the decoder the quality in place of something about the signal, where the rate is trained for. Nothing is
        /// sent for it.
        tells_quality: bool = true,
    }
}

section! {
    /// Rate–distortion training, where the quantizer's kind is "scalar": the loss is bits + weight · error at all nine qualities at once, the bits
    /// being those that the prior in training foresees. Codes then have 12 bits, latents are quantized from the first step on, and `scalar.bits`,
    /// `scalar.range` and `training.unquantized` count for nothing.
    RateConfig {
        /// Whether bits count. If not, or with `prior.kind = "tables"`, only the error does, and the prior is trained behind it.
        enabled: bool = true,
        /// What an error as large as the signal's variance is worth at quality 9, in bits per sample. Each lower quality halves it.
        distortion_weight: f64 = 1600.0,
        /// How far low qualities, whose bits and errors are few and cheap, are made to count as much as high ones: from 0, not at all, to 1.
        balance: f64 = 0.4,
        /// The one quality that is trained for, to see what a model gains that needs no other: all others of it are of no use. 0 trains for all nine.
        quality: u8 = 0,
    }
}

section! {
    /// The loop.
    TrainingConfig {
        /// Seed of every random choice. The same seed, parts, threads and machine give the same run.
        seed: u64 = 0,
        /// Optimizer steps.
        steps: usize = 4000,
        /// Windows per step.
        batch: usize = 16,
        /// Adam's highest learning rate.
        learning_rate: f64 = 5e-3,
        /// The part of the steps over which the learning rate rises from 0; then it falls along a cosine.
        learning_rate_warmup: f64 = 0.05,
        /// Where the cosine ends, as a part of the highest learning rate.
        learning_rate_final: f64 = 0.02,
        /// Adam's memory of the gradient.
        beta1: f64 = 0.9,
        /// Adam's memory of the squared gradient.
        beta2: f64 = 0.99,
        /// Gradients longer than this are shortened to it.
        gradient_clip: f64 = 1.0,
        /// The part of the steps before codes exist: the nets learn on latents as they are, then codebooks start on them.
        unquantized: f64 = 0.15,
        /// Gaussian noise added to the latents in that time, so that the decoder expects inexact ones.
        latent_noise: f64 = 0.12,
        /// From this part of the steps on the nets run with weights rounded to int8, as on the device.
        int8_from: f64 = 0.5,
        /// Whether the nets compute in bfloat16 until then, those of images in all steps; codes, losses, the prior, gradients of weights and the
        /// optimizer stay in float32. For large nets on a device that multiplies bfloat16 faster, as GPUs do.
        bf16: bool = false,
        /// Parts of a batch that are computed side by side, each with `threads` of its own, where the rate is in the loss and the device is a CPU.
        /// Another number is another run, as another seed is: sums are rounded otherwise.
        parts: usize = 2,
        /// Threads; 0 takes every core. Nets that fit a microcontroller are so small that one is the fastest.
        threads: usize = 1,
    }
}

section! {
    /// What is reported and saved, and when.
    RunConfig {
        /// Steps between lines of metrics.
        log_every: usize = 20,
        /// Steps between measurements of the held-out frames.
        validate_every: usize = 250,
        /// Seconds between checkpoints.
        checkpoint_seconds: f64 = 30.0,
        /// Whether the metrics are also written as TensorBoard's event files, into the run's folder `tensorboard`.
        tensorboard: bool = true,
    }
}

/// Everything that a training run can be told.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// What lies between encoder and decoder.
    pub model: ModelKind,
    /// What the training windows are cut from.
    pub data: DataConfig,
    /// What is done to training windows.
    pub augmentation: AugmentationConfig,
    /// The two nets.
    pub network: NetworkConfig,
    /// Used where images are trained on.
    pub image: ImageConfig,
    /// How latents become codes.
    pub quantizer: QuantizerConfig,
    /// Used where the quantizer has codebooks: "vq", "rvq" and "product".
    pub vector: VectorConfig,
    /// Used where the quantizer's kind is "fsq".
    pub fsq: FsqConfig,
    /// Used where the quantizer's kind is "scalar".
    pub scalar: ScalarConfig,
    /// Used where model = "vae".
    pub vae: VaeConfig,
    /// What is minimised of the errors of signals.
    pub distortion: DistortionConfig,
    /// Rate–distortion training.
    pub rate: RateConfig,
    /// The loop.
    pub training: TrainingConfig,
    /// What foresees the codes.
    pub prior: PriorConfig,
    /// What predicts bounded and lossless packets.
    pub residual: ResidualConfig,
    /// What a device has for the codec.
    pub budget: BudgetConfig,
    /// What is reported and saved, and when.
    pub run: RunConfig,
}

impl Config {
    /// The configuration as TOML, with every key explained.
    pub fn to_commented_toml(&self) -> String {
        let sections = [
            self.data.commented("data"),
            self.augmentation.commented("augmentation"),
            self.network.commented("network"),
            self.image.commented("image"),
            self.quantizer.commented("quantizer"),
            self.vector.commented("vector"),
            self.fsq.commented("fsq"),
            self.scalar.commented("scalar"),
            self.vae.commented("vae"),
            self.distortion.commented("distortion"),
            self.rate.commented("rate"),
            self.training.commented("training"),
            self.prior.commented("prior"),
            self.residual.commented("residual"),
            self.budget.commented("budget"),
            self.run.commented("run"),
        ];
        format!("{}\n{}", self.model.commented(), sections.join("\n"))
    }

    /// The plan of the nets.
    pub fn network_plan(&self) -> NetworkPlan<'_> {
        let network = &self.network;
        NetworkPlan {
            lapped: network.kind == NetworkKind::Lapped,
            latents: network.latents,
            encoded: self.encoded(),
            linear_kernel: network.linear_kernel,
            look_ahead: usize::try_from(network.look_ahead).ok(),
            encoder: &network.encoder,
            decoder: &network.decoder,
            output: &network.output,
        }
    }

    /// The nets of a signal of `channels` channels: encoder, decoder and, if there is one, the larger decoder for hosts.
    ///
    /// # Errors
    /// If they cannot be built.
    pub fn signal_nets(&self, channels: usize) -> Result<(NetSpec, NetSpec, Option<NetSpec>), ArchitectureError> {
        let (plan, network) = (self.network_plan(), &self.network);
        let (encoder, decoder) = plan.assemble(channels)?;
        let host = match network.host_decoder.as_slice() {
            [] => None,
            layers => Some(plan.another_decoder(channels, &decoder, layers, &network.host_output)?),
        };
        Ok((encoder, decoder, host))
    }

    /// The kind of codes and their alphabets, as a run records them.
    pub fn quantizer_record(&self) -> QuantizerRecord {
        let (dimension, vector) = (self.network.latents, &self.vector);
        let codebooks = |parts: usize, stages: Vec<usize>| QuantizerRecord::Vector {
            dimension,
            stages,
            parts,
            cosine: self.vector.cosine,
        };
        if self.model == ModelKind::Vae {
            return QuantizerRecord::Gaussian { dimension };
        }
        match self.quantizer.kind {
            QuantizerKind::Vq => codebooks(1, vec![vector.codes]),
            QuantizerKind::Rvq => codebooks(1, vector.stages.clone()),
            QuantizerKind::Product => codebooks(vector.parts, vector.part_stages.clone()),
            QuantizerKind::Fsq => QuantizerRecord::Finite { levels: self.levels() },
            QuantizerKind::Scalar => {
                QuantizerRecord::Scalar { dimension: self.integer_latents(), bits: self.integer_bits() }
            }
        }
    }

    /// Whether training is for bits and error together.
    pub fn is_rated(&self) -> bool {
        let has_prior = self.quantizer.kind == QuantizerKind::Scalar && self.prior.kind != PriorKind::Tables;
        has_prior && self.rate.enabled && self.model == ModelKind::VqVae
    }

    /// Whether the last latent tells decoders the quality. A fixed transform would not listen.
    pub fn tells_quality(&self) -> bool {
        let learns = self.network.kind == NetworkKind::Learned && self.network.latents > 1;
        self.is_rated() && learns && self.scalar.tells_quality
    }

    /// Whether a run of recordings trains a recurrent prior after its last step, and whether a predictor.
    pub fn foresees(&self) -> (bool, bool) {
        let has_codes = self.model == ModelKind::VqVae;
        let has_prior = match self.quantizer.kind {
            QuantizerKind::Scalar => !self.prior.candidates().is_empty(),
            _ => !self.prior.index_candidates().is_empty(),
        };
        (has_codes && has_prior, has_codes && self.residual.kind != PredictorKind::Adaptive)
    }

    /// The qualities that are trained for.
    pub fn qualities(&self) -> RangeInclusive<u8> {
        match self.rate.quality {
            quality @ 1.. if self.is_rated() => quality..=quality,
            _ => 1..=QUALITIES as u8,
        }
    }

    /// Latents that are sent as integers.
    pub fn integer_latents(&self) -> usize {
        self.network.latents - usize::from(self.tells_quality())
    }

    /// Bits of an integer latent.
    pub fn integer_bits(&self) -> u32 {
        if self.is_rated() { MOST_INTEGER_BITS } else { self.scalar.bits }
    }

    /// The steps before codes exist.
    pub fn unquantized_steps(&self) -> usize {
        // A VAE's distributions are there from the start.
        let none = self.is_rated() || self.model == ModelKind::Vae;
        if none { 0 } else { self.step_at(self.training.unquantized) }
    }

    /// The levels of every latent of a finite scalar quantizer.
    fn levels(&self) -> Vec<usize> {
        match self.fsq.levels.as_slice() {
            &[all] => vec![all; self.network.latents],
            each => each.to_vec(),
        }
    }

    /// The step at which `part` of all steps are done.
    pub fn step_at(&self, part: f64) -> usize {
        (part * self.training.steps as f64).round() as usize
    }
}
