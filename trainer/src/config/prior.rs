//! What foresees: the codes, and the samples of bounded and lossless packets.

use serde::{Deserialize, Serialize};

use super::section::{Section, section};

/// Which prior is trained at the end of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum PriorKind {
    /// Tables only.
    Tables,
    /// Linear in the hop before, and in the earlier codes of the hop; for integer latents.
    Linear,
    /// A recurrent net of 24 units, for codebooks of 16.
    Small,
    /// A recurrent net of 44 units, with units within the hop; for codebooks of 56.
    Standard,
    /// All of them; the one whose bits and flash cost least stays.
    Best,
}

/// Which predictor of bounded and lossless packets is trained at the end of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum PredictorKind {
    /// None: the one that adapts and needs no training.
    Adaptive,
    /// A recurrent net of 8 units.
    Small,
    /// A recurrent net of 32 units.
    Standard,
    /// All of them; the one whose bits, flash and instructions cost least stays.
    Best,
}

section! {
    /// What foresees the codes. Tables are made by every export; a recurrent prior can go before them, which is trained at the end of the run (and again by
    /// `vq train --prior-only`). Few codes are gone over a hundred times at most.
    PriorConfig {
        /// "tables"; "linear", "small", "standard": one more, of that size; "best": the one whose bits and flash cost least.
        kind: PriorKind = PriorKind::Best,
        /// Units of the recurrent nets instead of their own number, a multiple of 4; 0 leaves them as they are.
        units: usize = 0,
        /// Optimizer steps of each.
        steps: usize = 1500,
        /// Adam's highest learning rate.
        learning_rate: f64 = 4e-3,
        /// Scales of integer latents follow the codes of a packet: they move by 2^-rate of what a code says about them, 4 (fast) to 9. So the prior of a
        /// model that was trained on other people fits this one soon. It takes 2 bytes of RAM and some hundred instructions a latent; 0 leaves it out.
        scale_rate: u8 = 6,
    }
}

section! {
    /// What predicts bounded and lossless packets. It is trained at the end of the run (and again by `vq train --residual-only`).
    ResidualConfig {
        /// "adaptive": needs no training; "small", "standard": a recurrent net of that size; "best": the one whose bits, flash and
        /// instructions cost least.
        kind: PredictorKind = PredictorKind::Best,
        /// Optimizer steps of each.
        steps: usize = 400,
        /// Adam's highest learning rate.
        learning_rate: f64 = 6e-3,
        /// A linear filter runs beside the net, whose weights follow the signal: they move by 2^-rate of what would undo its error, 3 (fast) to
        /// 10. It takes 48 bytes of RAM a channel and half as many instructions a sample again as the small net; 0 leaves it out.
        filter_rate: u8 = 5,
    }
}
