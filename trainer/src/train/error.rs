//! Why a training run could not start or go on.

use std::path::PathBuf;

use crate::architecture::ArchitectureError;
use crate::config::ConfigError;
use crate::data::DataError;
use crate::run::RunError;

/// Why a training run could not start or go on.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// A recording does not fit the others.
    #[error(transparent)]
    Data(#[from] DataError),
    /// A configuration that cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Nets that cannot be built.
    #[error(transparent)]
    Architecture(#[from] ArchitectureError),
    /// The run folder cannot be read or written.
    #[error(transparent)]
    Run(#[from] RunError),
    /// There is too little to learn from.
    #[error("cannot train: {what}")]
    Unsuitable {
        /// What is wrong and what to do.
        what: String,
    },
    /// The device is not there.
    #[error("cannot train on `{device}`: {what}")]
    Device {
        /// The device as the user named it.
        device: String,
        /// What is wrong and what to do.
        what: String,
    },
    /// The checkpoint is not of this run.
    #[error("{file}: {what}")]
    Checkpoint {
        /// The checkpoint.
        file: PathBuf,
        /// What is wrong and what to do.
        what: String,
    },
    /// A loss or gradient became infinite or NaN.
    #[error(
        "training diverged: at step {step} the {what} is not a finite number. Lower training.learning_rate (it is \
         {learning_rate}) or training.gradient_clip. The last checkpoint was left as it is"
    )]
    Diverged {
        /// Steps done.
        step: usize,
        /// Which number.
        what: &'static str,
        /// The configured learning rate.
        learning_rate: f64,
    },
}
