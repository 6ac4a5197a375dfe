//! Why a training run could not start or go on.

use std::path::PathBuf;

use crate::architecture::ArchitectureError;
use crate::budget::BudgetError;
use crate::config::ConfigError;
use crate::data::DataError;
use crate::images::ImageError;
use crate::run::RunError;

/// Why a training run could not start or go on.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// A recording does not fit the others.
    #[error(transparent)]
    Data(#[from] DataError),
    /// Images that cannot be used.
    #[error(transparent)]
    Images(#[from] ImageError),
    /// A configuration that cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Nets that cannot be built.
    #[error(transparent)]
    Architecture(#[from] ArchitectureError),
    /// The model would not fit the device.
    #[error(transparent)]
    Budget(#[from] BudgetError),
    /// One of the threads that training windows are cut on, and parts of a batch computed.
    #[error("a thread of the training cannot be started or has ended: {0}")]
    Thread(#[from] std::io::Error),
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
        "training diverged: in step {step} the {what} is not a finite number for the first time. The batch: {batch}. Look \
         at these samples for spikes; if there are none, lower training.learning_rate (it is {learning_rate}) or \
         training.gradient_clip. The last checkpoint was left as it is"
    )]
    Diverged {
        /// The first step with such a number, counted from 1.
        step: usize,
        /// Which number.
        what: &'static str,
        /// What the step was trained on.
        batch: String,
        /// The configured learning rate.
        learning_rate: f64,
    },
    /// A step needs more memory than there is.
    #[error(
        "out of memory in step {step}, with a batch of {batch}. Lower training.batch or data.window_hops, or make the nets \
         smaller. The last checkpoint was left as it is ({what})"
    )]
    Memory {
        /// The step, counted from 1.
        step: usize,
        /// What the step was to be trained on.
        batch: String,
        /// What libtorch said.
        what: String,
    },
}
