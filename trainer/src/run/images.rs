//! `run.json` of a run on images.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::record::{self, Provenance, RunRecord};
use super::{Normalization, QuantizerRecord, RunError};
use crate::architecture::ImageNetSpec;
use crate::images::{self, ImageShape, Opened, WantedShape};

/// Everything that `run.json` holds of a run on images.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ImageRunRecord {
    /// How the run was made.
    #[serde(flatten)]
    pub made: Provenance,
    /// What was trained on.
    pub images: ImagesRecord,
    /// How levels map to network units.
    pub normalization: Normalization,
    /// The encoder net.
    pub encoder: ImageNetSpec,
    /// The decoder net.
    pub decoder: ImageNetSpec,
    /// What turns latents into codes.
    pub quantizer: QuantizerRecord,
}

/// Images and their split.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ImagesRecord {
    /// The files and folders that they were read from.
    pub paths: Vec<PathBuf>,
    /// The size that was asked for.
    pub wanted: WantedShape,
    /// The size that they have.
    pub shape: ImageShape,
    /// How many were trained on.
    pub training: usize,
    /// How many were held out.
    pub held_out: usize,
    /// SHA-256 of their bytes in hexadecimal; that of a test set, if there is one, behind that of the others.
    pub sha256: String,
}

impl ImagesRecord {
    /// Reads the images again, and checks that they are still the same.
    ///
    /// # Errors
    /// If they cannot be read where they were, or are others.
    pub fn reopen(&self) -> Result<Opened, RunError> {
        let opened = images::open(&self.paths, self.wanted).map_err(|source| RunError::Images { source })?;
        if sha256(&opened) != self.sha256 {
            return Err(RunError::Changed { path: self.paths.first().cloned().unwrap_or_default() });
        }
        Ok(opened)
    }
}

/// The checksum of everything that was opened.
#[must_use]
pub fn sha256(opened: &Opened) -> String {
    let test = opened.test.as_ref().map_or_else(String::new, images::ImageSet::sha256);
    opened.images.sha256() + &test
}

/// What `run.json` is of.
#[derive(Debug, Clone, PartialEq)]
pub enum Record {
    /// A run on recordings.
    Signal(RunRecord),
    /// A run on images.
    Image(ImageRunRecord),
}

impl Record {
    /// Reads `run.json`.
    ///
    /// # Errors
    /// If it cannot be read or is not a run's record.
    pub fn load(path: &Path) -> Result<Self, RunError> {
        if is_on_images(path)? {
            return Ok(Self::Image(record::load(path)?));
        }
        Ok(Self::Signal(record::load(path)?))
    }

    /// Writes `run.json`, whole or not at all.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn save(&self, path: &Path) -> Result<(), RunError> {
        match self {
            Self::Signal(record) => record::save(record, path),
            Self::Image(record) => record::save(record, path),
        }
    }

    /// How the run was made.
    #[must_use]
    pub fn made(&self) -> &Provenance {
        match self {
            Self::Signal(record) => &record.made,
            Self::Image(record) => &record.made,
        }
    }

    /// The same, to be brought up to date.
    pub fn made_mut(&mut self) -> &mut Provenance {
        match self {
            Self::Signal(record) => &mut record.made,
            Self::Image(record) => &mut record.made,
        }
    }

    /// The record of a run on recordings.
    #[must_use]
    pub fn signal(&self) -> Option<&RunRecord> {
        match self {
            Self::Signal(record) => Some(record),
            Self::Image(_) => None,
        }
    }

    /// The record of a run on images.
    #[must_use]
    pub fn image(&self) -> Option<&ImageRunRecord> {
        match self {
            Self::Signal(_) => None,
            Self::Image(record) => Some(record),
        }
    }
}

/// Whether a `run.json` is one of a run on images: only that has a key of this name.
pub(super) fn is_on_images(path: &Path) -> Result<bool, RunError> {
    let value: serde_json::Value = record::load(path)?;
    Ok(value.get("images").is_some())
}
