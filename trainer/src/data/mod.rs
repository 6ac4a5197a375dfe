//! Signals in and out: every file format is read into a [`Recording`] of integer counts, and written from one.

mod bytes;
mod clock;
mod columns;
mod csv;
mod edf;
mod error;
pub(crate) mod files;
mod fit;
mod format;
mod frames;
pub(crate) mod gaps;
mod lattice;
mod npy;
mod raw;
mod reals;
mod recording;
mod resample;
mod stored;
mod wav;
mod wfdb;

pub use error::DataError;
use fit::rates_differ;
pub use fit::{Mismatch, RatePolicy, SignalKind, admit, admit_stored, fit, fit_stored};
pub use format::{Format, OpenOptions, open, open_stored, save};
pub use gaps::{GapFill, Gaps, save_with_gaps};
pub use raw::SampleType;
pub use recording::{Channel, Recording};
pub use resample::resample;
pub use stored::StoredRecording;
