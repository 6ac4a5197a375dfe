//! Saving and restoring a session: one file holds all of it, so that it can never be half of one step and half of
//! another.
//!
//! | tensor | what |
//! |---|---|
//! | `encoder.{node}.weight`, `.bias`, `decoder.…` | weights, in float |
//! | `quantizer.{stage}.codebook` `[codes, latents]`, `.count`, `.sum` | codebooks and their moving averages |
//! | `quantizer.step` `[latents]`, `quantizer.count` | steps of integer latents |
//! | `optimizer.first_moment.{tensor}`, `optimizer.second_moment.{tensor}` | Adam's moments, in `latest` alone |
//!
//! The generator's state and the position in the data are the seed and the step, see [`crate::random`].

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};
use tch::{Device, Kind, Tensor};

use super::TrainError;
use super::codec::Codec;
use super::session::Session;
use crate::run::{NamedTensors, PlainTensor, TensorFile};

/// The numbers of a session that are no tensors.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct State {
    step: usize,
    seconds: f64,
    best: Option<f64>,
    /// Updates that each trained tensor had; empty in a checkpoint without optimizer.
    updates: BTreeMap<String, u64>,
}

/// How much a checkpoint holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// Weights and codes.
    Model,
    /// Everything that training goes on from.
    Whole,
}

impl Session {
    /// Writes a checkpoint, whole or not at all.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn save(&self, path: &Path, extent: Extent) -> Result<(), TrainError> {
        let mut tensors: NamedTensors =
            self.codec().variables.variables().iter().map(|(name, tensor)| (name.clone(), plain(tensor))).collect();
        let mut updates = BTreeMap::new();
        if extent == Extent::Whole {
            for parameter in self.adam().parameters() {
                let [first, second] = moment_names(&parameter.name);
                tensors.insert(first, plain(&parameter.first_moment));
                tensors.insert(second, plain(&parameter.second_moment));
                updates.insert(parameter.name.clone(), parameter.updates);
            }
        }
        let state = State { step: self.step, seconds: self.seconds, best: self.best, updates };
        let malformed =
            |error: serde_json::Error| TrainError::Checkpoint { file: path.into(), what: error.to_string() };
        let state = serde_json::to_string(&state).map_err(malformed)?;
        Ok(TensorFile { tensors, state }.save(path)?)
    }

    /// Restores what [`save`](Self::save) wrote with [`Extent::Whole`] into a session of the same configuration.
    ///
    /// # Errors
    /// If the file cannot be read, or is of another configuration; then the session is of no further use.
    pub fn restore(&mut self, path: &Path) -> Result<(), TrainError> {
        let wrong = |what: String| TrainError::Checkpoint { file: path.into(), what };
        let file = TensorFile::load(path)?;
        let state: State = serde_json::from_str(&file.state)
            .map_err(|error| wrong(format!("holds no state of a training run: {error}")))?;
        let put = |name: &str, into: &mut Tensor| put(&file, path, name, into);
        let (codec, adam) = self.parts_mut();
        for (name, mut variable) in codec.variables.variables() {
            put(&name, &mut variable)?;
        }
        for parameter in adam.parameters_mut() {
            let [first, second] = moment_names(&parameter.name);
            put(&first, &mut parameter.first_moment)?;
            put(&second, &mut parameter.second_moment)?;
            let missing = || wrong(format!("does not say how often `{}` was updated", parameter.name));
            parameter.updates = *state.updates.get(&parameter.name).ok_or_else(missing)?;
        }
        self.step = state.step;
        self.seconds = state.seconds;
        self.best = state.best;
        Ok(())
    }
}

impl Codec {
    /// Takes over the weights and codes of a checkpoint of the same configuration.
    ///
    /// # Errors
    /// If the file cannot be read, or is of another configuration; then the codec is of no further use.
    pub fn load(&mut self, path: &Path) -> Result<(), TrainError> {
        let file = TensorFile::load(path)?;
        for (name, mut variable) in self.variables.variables() {
            put(&file, path, &name, &mut variable)?;
        }
        Ok(())
    }
}

/// Copies a tensor of the checkpoint at `path`.
fn put(file: &TensorFile, path: &Path, name: &str, into: &mut Tensor) -> Result<(), TrainError> {
    let wrong = |what: String| TrainError::Checkpoint { file: path.into(), what };
    let missing = || wrong(format!("has no tensor `{name}`: it is not of this run's configuration"));
    let from = file.tensors.get(name).ok_or_else(missing)?;
    let shape: Vec<i64> = from.shape.iter().map(|&size| size as i64).collect();
    if shape != into.size() {
        let expected = into.size();
        return Err(wrong(format!("tensor `{name}` is {shape:?}, and this run's is {expected:?}")));
    }
    tch::no_grad(|| into.copy_(&Tensor::from_slice(&from.values).view(shape.as_slice())));
    Ok(())
}

fn moment_names(parameter: &str) -> [String; 2] {
    [format!("optimizer.first_moment.{parameter}"), format!("optimizer.second_moment.{parameter}")]
}

fn plain(tensor: &Tensor) -> PlainTensor {
    let values = tensor.detach().to_device(Device::Cpu).to_kind(Kind::Float).contiguous();
    PlainTensor {
        shape: tensor.size().iter().map(|&size| size as usize).collect(),
        values: Vec::try_from(values.flatten(0, -1)).unwrap_or_default(),
    }
}
