//! The training loop: losses, schedule, checkpoints, resume, metrics.
//!
//! [`Prepared`] makes recordings into one signal with a split; a [`Session`] holds all state and takes single steps; a
//! [`Job`] takes them until the end or until it is told to stop, and keeps the run folder up to date.

mod adam;
mod augment;
mod checkpoint;
mod codec;
mod collapse;
mod corpus;
mod distortion;
mod environment;
mod error;
mod image;
mod job;
mod loader;
mod notes;
pub mod predictor;
mod prepare;
pub mod prior;
mod progress;
mod rate;
mod rated;
mod schedule;
mod session;
mod signal;
mod sources;
mod split;
mod validation;
mod windows;
mod worker;

pub use adam::{Adam, Parameter};
pub use checkpoint::Extent;
pub use codec::{Codec, Margins, Nets, SignalNets};
pub use environment::{device, prepare_process, set_threads, torch_version};
pub use error::TrainError;
pub use image::{ImageNets, ImageSources, PreparedImages, TrainedImages};
pub use job::{Job, Outcome, Watcher};
pub use prepare::{Part, Prepared};
pub use progress::{Progress, StageProgress};
pub use rate::{Cost, RateDistortion};
pub use schedule::learning_rate;
pub use session::Session;
pub use sources::files;
pub use sources::{Source, Sources};
pub use split::{Divided, Place, divide};
pub use windows::Windows;
