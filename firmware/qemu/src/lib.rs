//! What the programs share besides the board: samples and packets in the host's files, why a program failed, and what it
//! counted.
#![no_std]

pub mod counts;
pub mod failure;
pub mod samples;

use vq_core::Mode;

/// What packets of the codec promise: best effort, or with the feature `lossless` every sample.
pub const MODE: Mode = if cfg!(feature = "lossless") { Mode::Lossless } else { Mode::BestEffort };
