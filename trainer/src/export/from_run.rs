//! A run folder as something to export: weights from its checkpoint, signal from its recordings.

use std::path::PathBuf;

use super::container::{ChannelParts, MetadataParts};
use super::disassemble::disassemble;
use super::file::{ModelBytes, ModelFileError};
use super::predictor::PredictorParts;
use super::priors::recurrent::RecurrentParts;
use super::trained::{Codebook, NodeWeights, Normalization, Search, TrainedModel, TrainedNet, TrainedQuantizer};
use super::{ExportError, Exported, export};
use crate::architecture::NetSpec;
use crate::data::Recording;
use crate::run::{QuantizerRecord, RunError, RunFolder, RunRecord, TensorFile};

/// A finished (or interrupted) training run, read back.
#[derive(Debug)]
pub struct TrainedRun {
    /// What `run.json` says.
    pub record: RunRecord,
    /// The nets and codes of the best checkpoint.
    pub trained: TrainedModel,
    /// The recurrent prior that was trained at the run's end.
    pub recurrent: Option<RecurrentParts>,
    /// The predictor of bounded and lossless packets that was trained at the run's end.
    pub predictor: Option<PredictorParts>,
    /// The frames that were trained on, one recording each.
    pub training: Vec<Recording>,
    /// The frames that were held out, one recording each.
    pub validation: Vec<Recording>,
}

/// Why a run cannot be read back.
#[derive(Debug, thiserror::Error)]
pub enum TrainedRunError {
    /// A file of the run folder, or one of its recordings.
    #[error(transparent)]
    Run(#[from] RunError),
    /// The model with the run's prior.
    #[error(transparent)]
    Prior(#[from] ModelFileError),
    /// A tensor is missing from the checkpoint.
    #[error("{checkpoint} has no tensor `{tensor}`: it is not a checkpoint of this run's architecture")]
    Missing {
        /// The file.
        checkpoint: PathBuf,
        /// The tensor.
        tensor: String,
    },
}

impl TrainedRun {
    /// Reads `run.json`, the best checkpoint and the recordings.
    ///
    /// # Errors
    /// What is missing, unreadable or not what it was.
    pub fn load(folder: &RunFolder) -> Result<Self, TrainedRunError> {
        let record = RunRecord::load(&folder.record())?;
        let checkpoint =
            Checkpoint { file: TensorFile::load(&folder.checkpoint_to_use())?, path: folder.checkpoint_to_use() };
        let trained = TrainedModel {
            encoder: checkpoint.net("encoder", &record.encoder)?,
            decoder: checkpoint.net("decoder", &record.decoder)?,
            quantizer: checkpoint.quantizer(&record.quantizer)?,
            normalization: (record.normalization.offset.iter().zip(&record.normalization.scale))
                .map(|(offset, scale)| Normalization { offset: *offset, scale: *scale })
                .collect(),
        };
        let (recurrent, predictor) = if folder.prior().exists() {
            let model = ModelBytes::read(&folder.prior())?;
            let parts = model.model().ok().and_then(disassemble);
            parts.map_or((None, None), |parts| (parts.priors.recurrent, parts.predictor))
        } else {
            (None, None)
        };
        let mut run = Self { record, trained, recurrent, predictor, training: Vec::new(), validation: Vec::new() };
        for source in &run.record.recordings {
            let recording = source.reopen()?;
            run.training.push(recording.slice(source.train[0]..source.train[1]));
            if source.validation[0] < source.validation[1] {
                run.validation.push(recording.slice(source.validation[0]..source.validation[1]));
            }
        }
        Ok(run)
    }

    /// The metadata of the exported model, named `name`.
    #[must_use]
    pub fn metadata(&self, name: &str) -> MetadataParts {
        let channels = self.record.signal.channels.iter().map(|channel| ChannelParts {
            name: channel.name.clone(),
            unit: channel.unit.clone(),
            counts_per_unit: channel.counts_per_unit,
            offset: channel.offset,
            source_bits: channel.source_bits,
        });
        MetadataParts {
            name: name.into(),
            rate_millihertz: self.record.signal.rate_millihertz,
            channels: channels.collect(),
            run: self.identity(),
        }
    }

    /// What a shipped model says about its run: enough to repeat it, and nothing that differs when it is.
    fn identity(&self) -> String {
        let record = &self.record;
        let recordings = record.recordings.iter().map(|recording| {
            serde_json::json!({ "name": recording.name, "train": recording.train, "sha256": recording.sha256 })
        });
        serde_json::json!({
            "program_version": record.program_version,
            "torch_version": record.torch_version,
            "command": record.command,
            "seed": record.seed,
            "recordings": recordings.collect::<Vec<_>>(),
        })
        .to_string()
    }

    /// The model in both arithmetics, under a name, with the recurrent prior and the predictor if there are any.
    ///
    /// # Errors
    /// What cannot be exported.
    pub fn export(&self, name: &str) -> Result<Exported, ExportError> {
        let samples = self.training_samples();
        let exported = export(&self.trained, &samples, &self.metadata(name))?;
        match (&self.recurrent, &self.predictor) {
            (None, None) => Ok(exported),
            (recurrent, predictor) => exported.with_trained(recurrent.as_ref(), predictor.as_ref(), &samples),
        }
    }

    /// What to measure distortion on: the held-out frames, or the training frames of a run that held none out.
    #[must_use]
    pub fn held_out(&self) -> &[Recording] {
        if self.validation.is_empty() { &self.training } else { &self.validation }
    }

    /// Where the first of the [held-out](Self::held_out) stretches starts in its recording, in frames.
    #[must_use]
    pub fn held_out_from(&self) -> usize {
        let sources = &self.record.recordings;
        let held_out = sources.iter().map(|source| source.validation).find(|[from, to]| from < to);
        held_out.or_else(|| sources.first().map(|source| source.train)).map_or(0, |[from, _]| from)
    }

    /// The training frames of all recordings, one after the other, `[time, channels]`.
    #[must_use]
    pub fn training_samples(&self) -> Vec<i32> {
        self.training.iter().flat_map(|recording| recording.samples.iter().copied()).collect()
    }
}

/// A checkpoint's tensors by name.
struct Checkpoint {
    file: TensorFile,
    path: PathBuf,
}

impl Checkpoint {
    fn values(&self, tensor: &str) -> Result<(&[usize], Vec<f32>), TrainedRunError> {
        let missing = || TrainedRunError::Missing { checkpoint: self.path.clone(), tensor: tensor.into() };
        let tensor = self.file.tensors.get(tensor).ok_or_else(missing)?;
        Ok((&tensor.shape, tensor.values.clone()))
    }

    fn net(&self, name: &str, spec: &NetSpec) -> Result<TrainedNet, TrainedRunError> {
        let mut weights = Vec::with_capacity(spec.nodes.len());
        for node in &spec.nodes {
            weights.push(if node.operation.has_weights() {
                NodeWeights {
                    weight: self.values(&format!("{name}.{}.weight", node.name))?.1,
                    bias: self.values(&format!("{name}.{}.bias", node.name))?.1,
                }
            } else {
                NodeWeights { weight: Vec::new(), bias: Vec::new() }
            });
        }
        Ok(TrainedNet { spec: spec.clone(), weights })
    }

    fn quantizer(&self, record: &QuantizerRecord) -> Result<TrainedQuantizer, TrainedRunError> {
        match record {
            QuantizerRecord::Vector { dimension, stages, parts, cosine } => {
                let channels = dimension / parts;
                let codebook = |number: usize| {
                    let (shape, vectors) = self.values(&format!("quantizer.{number}.codebook"))?;
                    Ok(Codebook {
                        vectors,
                        size: shape.first().copied().unwrap_or(0),
                        stage: (number / parts) as u8,
                        first: number % parts * channels,
                        channels,
                        search: if *cosine { Search::Direction } else { Search::Distance },
                    })
                };
                let codebooks = (0..stages.len() * parts).map(codebook).collect::<Result<_, TrainedRunError>>()?;
                Ok(TrainedQuantizer::Vectors { codebooks })
            }
            QuantizerRecord::Finite { levels } => {
                let levels = levels.iter().enumerate().map(|(channel, &count)| Codebook::levels(channel, count));
                Ok(TrainedQuantizer::Vectors { codebooks: levels.collect() })
            }
            QuantizerRecord::Scalar { bits, .. } => {
                let steps = self.values("quantizer.step")?.1;
                Ok(TrainedQuantizer::Scalar { steps, bits: *bits as u8 })
            }
        }
    }
}
