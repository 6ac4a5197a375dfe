//! The folder a training run leaves behind: what is in it and how it is read back. Nothing here needs libtorch.
//!
//! ```text
//! RUN/config.toml                      the configuration as used, every key explained
//! RUN/run.json                         what was trained on, with what, how counts map to network units: `RunRecord`
//! RUN/metrics.jsonl                    one line per logged step: `MetricsLine`
//! RUN/tensorboard/                      the same numbers for TensorBoard: `EventFile`
//! RUN/checkpoints/latest.safetensors   weights, codebooks, optimizer and counters: what `--resume` continues from
//! RUN/checkpoints/best.safetensors     weights and codebooks at the lowest validation error so far
//! RUN/prior.vqm                        the model with the recurrent prior that was trained for it at the run's end, if any
//! RUN/evaluation.json                  of a run on images: what the best checkpoint makes of those held out, `ImageEvaluation`
//! RUN/reconstructions.png              of a run on images: some of them over what came back
//! RUN/report.html                      written by `vq report`
//! ```

mod event_file;
mod images;
mod metrics_log;
mod record;
mod tensors;

use std::path::{Path, PathBuf};

pub use event_file::EventFile;
pub use images::{ImageRunRecord, ImagesRecord, Record, sha256};
pub use metrics_log::{DistortionTerms, ImageValidation, MetricsLine, MetricsLog, Validation};
pub use record::{
    ChannelRecord, Normalization, Provenance, QuantizerRecord, RecordingRecord, RunRecord, SignalRecord, now_rfc3339,
};
pub use tensors::{NamedTensors, PlainTensor, TensorFile};

use crate::data::{DataError, files};
use crate::images::ImageError;

/// Why a run folder could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The operating system refused.
    #[error("{file}: cannot {action}: {source}")]
    Io {
        /// The file or folder.
        file: PathBuf,
        /// What was tried.
        action: &'static str,
        /// The system's reason.
        source: std::io::Error,
    },
    /// There is no record of a run.
    #[error("there is no run in {}: it has no run.json; name a folder that `vq train` made", folder.display())]
    NoRun {
        /// What was named.
        folder: PathBuf,
    },
    /// A recording of the run is not where it was.
    #[error("the run's recording {path} cannot be read: {source}; run this where `vq train` ran, or put the file back")]
    Recording {
        /// The path in `run.json`.
        path: PathBuf,
        /// Why.
        source: DataError,
    },
    /// The images of the run are not where they were.
    #[error("the run's images cannot be read: {source}; run this where `vq train` ran, or put the files back")]
    Images {
        /// Why.
        source: ImageError,
    },
    /// A run on images where one on recordings is needed.
    #[error(
        "{}: the run is on images, and nets of two dimensions do not run on devices yet: it cannot be exported, and so neither encode \
         nor decode; `vq eval --run` measures it on images, `vq report` shows it", file.display()
    )]
    OnImages {
        /// The run's record.
        file: PathBuf,
    },
    /// A recording of the run holds other samples than it did.
    #[error(
        "{path} has changed since the run was trained on it: its samples have another SHA-256; put the old file back, or \
         start a new run"
    )]
    Changed {
        /// The path in `run.json`.
        path: PathBuf,
    },
    /// A file of the folder does not hold what it should.
    #[error("{file}: {what}")]
    Malformed {
        /// The file.
        file: PathBuf,
        /// What is wrong and what to do.
        what: String,
    },
}

/// The paths of a run folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunFolder {
    root: PathBuf,
}

impl RunFolder {
    /// The run folder at `root`, which need not exist yet.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// Creates the folder and the one for checkpoints.
    ///
    /// # Errors
    /// If the system refuses, or a run is in the folder already.
    pub fn create(root: impl Into<PathBuf>) -> Result<Self, RunError> {
        let folder = Self::new(root);
        if folder.record().exists() {
            return Err(RunError::Malformed {
                file: folder.root.clone(),
                what: "holds a run already: continue it with --resume, or give another folder with -o".into(),
            });
        }
        let checkpoints = folder.root.join("checkpoints");
        std::fs::create_dir_all(&checkpoints).map_err(|source| RunError::Io {
            file: checkpoints,
            action: "create the folder",
            source,
        })?;
        Ok(folder)
    }

    /// The folder itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The configuration as used.
    pub fn config(&self) -> PathBuf {
        self.root.join("config.toml")
    }

    /// The [`RunRecord`].
    pub fn record(&self) -> PathBuf {
        self.root.join("run.json")
    }

    /// The [`MetricsLine`]s.
    pub fn metrics(&self) -> PathBuf {
        self.root.join("metrics.jsonl")
    }

    /// The folder of [`EventFile`]s.
    pub fn tensorboard(&self) -> PathBuf {
        self.root.join("tensorboard")
    }

    /// Weights, codebooks, optimizer and counters of the last save.
    pub fn latest_checkpoint(&self) -> PathBuf {
        self.root.join("checkpoints/latest.safetensors")
    }

    /// Weights and codebooks at the lowest validation error.
    pub fn best_checkpoint(&self) -> PathBuf {
        self.root.join("checkpoints/best.safetensors")
    }

    /// The checkpoint to use: the best one, or the latest where validation never ran on a quantized model.
    pub fn checkpoint_to_use(&self) -> PathBuf {
        let best = self.best_checkpoint();
        if best.exists() { best } else { self.latest_checkpoint() }
    }

    /// The run's model with the recurrent prior that was trained for it.
    pub fn prior(&self) -> PathBuf {
        self.root.join("prior.vqm")
    }

    /// What the best checkpoint of a run on images makes of those held out.
    pub fn evaluation(&self) -> PathBuf {
        self.root.join("evaluation.json")
    }

    /// Some held-out images over what came back of them.
    pub fn reconstructions(&self) -> PathBuf {
        self.root.join("reconstructions.png")
    }

    /// The page that `vq report` writes.
    pub fn report(&self) -> PathBuf {
        self.root.join("report.html")
    }
}

/// Writes a file so that it appears whole or not at all: to a temporary file in the same folder, then renamed.
///
/// # Errors
/// If the system refuses.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> Result<(), RunError> {
    files::replace(path, bytes).map_err(|source| RunError::Io { file: path.to_path_buf(), action: "write", source })
}

pub(crate) fn read(path: &Path) -> Result<Vec<u8>, RunError> {
    std::fs::read(path).map_err(|source| RunError::Io { file: path.to_path_buf(), action: "read", source })
}
