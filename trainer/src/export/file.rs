//! Model files on the host: read whole, at an aligned address; written whole or not at all.

use std::path::{Path, PathBuf};

use vq_core::{Model, ModelError};

use crate::data::files;
use crate::shipped;

/// Why a model file cannot be used or written.
#[derive(Debug, thiserror::Error)]
pub enum ModelFileError {
    /// It cannot be read.
    #[error("cannot read the model {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It is a folder.
    #[error("{path} is a folder and no model; if it is one that `vq train` made: vq export {path} -o NAME.vqm")]
    Folder {
        /// What was named.
        path: PathBuf,
    },
    /// There is no such file, and no model of that name ships.
    #[error("there is no model {path}: no file is called so, and no model that ships; those are {}", shipped::names())]
    Unknown {
        /// What the user asked for.
        path: PathBuf,
    },
    /// It cannot be written.
    #[error("cannot write the model {path}: {source}")]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It is not a sound model.
    #[error("{path} cannot be used: {source}")]
    Model {
        /// The file.
        path: PathBuf,
        /// Why.
        source: ModelError,
    },
}

/// The bytes of a model, aligned to 8.
#[derive(Debug, Clone)]
pub struct ModelBytes {
    words: Vec<u64>,
    length: usize,
}

impl ModelBytes {
    /// Copies a model's bytes to an aligned place.
    #[must_use]
    pub fn new(bytes: &[u8]) -> Self {
        let mut words = vec![0u64; bytes.len().div_ceil(8)];
        bytemuck::cast_slice_mut(&mut words)[..bytes.len()].copy_from_slice(bytes);
        Self { words, length: bytes.len() }
    }

    /// Reads a file and checks that it is a model.
    ///
    /// # Errors
    /// That it cannot be read, or what [`Model::parse`] found.
    pub fn read(path: &Path) -> Result<Self, ModelFileError> {
        if path.is_dir() {
            return Err(ModelFileError::Folder { path: path.into() });
        }
        let bytes = std::fs::read(path).map_err(|source| ModelFileError::Read { path: path.into(), source })?;
        let this = Self::new(&bytes);
        this.model().map_err(|source| ModelFileError::Model { path: path.into(), source })?;
        Ok(this)
    }

    /// Reads the file of a name or, where there is none, takes the [`shipped`] model that is called so.
    ///
    /// # Errors
    /// As [`read`](Self::read), and that there is neither.
    pub fn open(name: &Path) -> Result<Self, ModelFileError> {
        let Some(shipped) = shipped::named(name) else {
            return if name.exists() { Self::read(name) } else { Err(ModelFileError::Unknown { path: name.into() }) };
        };
        let this = Self::new(shipped.bytes);
        this.model().map_err(|source| ModelFileError::Model { path: name.into(), source })?;
        Ok(this)
    }

    /// The bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &bytemuck::cast_slice(&self.words)[..self.length]
    }

    /// The model.
    ///
    /// # Errors
    /// What is wrong with the bytes.
    pub fn model(&self) -> Result<Model<'_>, ModelError> {
        Model::parse(self.bytes())
    }

    /// Writes the file, by way of a temporary one beside it.
    ///
    /// # Errors
    /// That it cannot be written; an earlier file of that name is then untouched.
    pub fn write(&self, path: &Path) -> Result<(), ModelFileError> {
        files::replace(path, self.bytes()).map_err(|source| ModelFileError::Write { path: path.into(), source })
    }
}

/// Zeroed memory for an encoder or decoder, aligned to 8.
#[derive(Debug, Clone)]
pub struct HostMemory(Vec<u64>);

impl HostMemory {
    /// At least `bytes` bytes.
    #[must_use]
    pub fn new(bytes: usize) -> Self {
        Self(vec![0; bytes.div_ceil(8)])
    }

    /// The memory.
    pub fn bytes(&mut self) -> &mut [u8] {
        bytemuck::cast_slice_mut(&mut self.0)
    }
}
