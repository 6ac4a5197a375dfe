//! Signals in and out: recordings, their file formats, splits.

mod error;
mod recording;

pub use error::DataError;
pub use recording::{Channel, Format, OpenOptions, Recording, open, save};
