//! What can be wrong with a recording, said with the file, the place and what to do.

use std::path::Path;

/// Why a recording could not be read, written or used.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// The operating system refused.
    #[error("{file}: cannot {action}")]
    Io {
        /// The file as the user named it; `-` for a pipe.
        file: String,
        /// What was tried: "read" or "write".
        action: &'static str,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A folder where a recording is needed.
    #[error("{file} is a folder: name the recordings in it, one by one or with the shell's {file}/*.csv")]
    Folder {
        /// The folder as the user named it.
        file: String,
    },
    /// The format follows the name's ending, and this ending is none that is known.
    #[error(
        "{file}: the format does not follow from the name: end it with .hea or .dat (WFDB), .wav, .csv, .npy, .edf or .raw, or give --format"
    )]
    UnknownFormat {
        /// The file as the user named it.
        file: String,
    },
    /// The file breaks its format, or holds something that is not supported.
    #[error("{file}: {place}: {what}; {remedy}")]
    Malformed {
        /// The file as the user named it.
        file: String,
        /// Where in the file: "line 2", "row 14, column `ecg`".
        place: String,
        /// What is wrong there.
        what: String,
        /// What to do about it.
        remedy: String,
    },
    /// The file is sound, but cannot be used as it is.
    #[error("{file}: {what}; {remedy}")]
    Unsuitable {
        /// The file as the user named it.
        file: String,
        /// What is wrong.
        what: String,
        /// What to do about it.
        remedy: String,
    },
}

impl DataError {
    pub(crate) fn io(path: &Path, action: &'static str, source: std::io::Error) -> Self {
        Self::Io { file: path.display().to_string(), action, source }
    }

    pub(crate) fn malformed(
        file: &str,
        place: impl Into<String>,
        what: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self::Malformed { file: file.to_owned(), place: place.into(), what: what.into(), remedy: remedy.into() }
    }

    pub(crate) fn unsuitable(file: &str, what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::Unsuitable { file: file.to_owned(), what: what.into(), remedy: remedy.into() }
    }
}
