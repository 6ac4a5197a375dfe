//! A run folder as something to export: weights from its checkpoint, signal from its recordings.

use std::ops::RangeInclusive;
use std::path::PathBuf;

use super::container::{ChannelParts, MetadataParts};
use super::disassemble::disassemble;
use super::file::{ModelBytes, ModelFileError};
use super::predictor::PredictorParts;
use super::priors::recurrent::RecurrentParts;
use super::trained::{
    Codebook, NodeWeights, Normalization, Search, TrainedModel, TrainedNet, TrainedQuantizer, half_octaves,
};
use super::{ExportError, Exported, export_within};
use crate::architecture::NetSpec;
use crate::config::{BudgetConfig, Config, ConfigError};
use crate::data::Recording;
use crate::run::{NamedTensors, PlainTensor, QuantizerRecord, RunError, RunFolder, RunRecord, TensorFile};

/// What a trained prior or predictor takes in a model beside its weights: its record, and the ends that parts are filled up to.
const RECORD_BYTES: usize = 512;

/// A finished (or interrupted) training run, read back.
#[derive(Debug)]
pub struct TrainedRun {
    /// What `run.json` says.
    pub record: RunRecord,
    /// The nets and codes of the best checkpoint.
    pub trained: TrainedModel,
    /// The large decoder for hosts, if the run trained one.
    pub host_decoder: Option<TrainedNet>,
    /// What the device has, as the run's configuration says.
    pub budget: BudgetConfig,
    /// The qualities that the run trained for.
    pub qualities: RangeInclusive<u8>,
    /// The prior in floats that was trained together with the nets, by the names of its tensors; empty where none was.
    pub prior: NamedTensors,
    /// The recurrent prior that was trained at the run's end.
    pub recurrent: Option<RecurrentParts>,
    /// The predictor of bounded and lossless packets that was trained at the run's end.
    pub predictor: Option<PredictorParts>,
    /// The frames that were trained on, one recording each; of recordings longer than memory, stretches.
    pub training: Vec<Recording>,
    /// The frames that were held out, one recording each; of recordings longer than memory, the first ones.
    pub validation: Vec<Recording>,
}

/// Why a run cannot be read back.
#[derive(Debug, thiserror::Error)]
pub enum TrainedRunError {
    /// The run's configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A file of the run folder, or one of its recordings.
    #[error(transparent)]
    Run(#[from] RunError),
    /// The model with the run's prior.
    #[error(transparent)]
    Prior(#[from] ModelFileError),
    /// There are no codes to send.
    #[error(
        "{}: the run's model is a VAE, whose latents are continuous: there are no codes for a device to send, so it cannot be exported. \
         `vq report` compares it with runs that can; train one with model = \"vq-vae\"", folder.display()
    )]
    Continuous {
        /// The run.
        folder: PathBuf,
    },
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
        if matches!(record.quantizer, QuantizerRecord::Gaussian { .. }) {
            return Err(TrainedRunError::Continuous { folder: folder.root().to_path_buf() });
        }
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
        let host_decoder = record.host_decoder.as_ref().map(|spec| checkpoint.net("host_decoder", spec)).transpose()?;
        let config = Config::load(&folder.config())?;
        let (budget, qualities) = (config.budget.clone(), config.qualities());
        let of_prior =
            |(name, tensor): (&String, &PlainTensor)| Some((name.strip_prefix("prior.")?.into(), tensor.clone()));
        let prior = checkpoint.file.tensors.iter().filter_map(of_prior).collect();
        let (training, validation) = (Vec::new(), Vec::new());
        let mut run = Self {
            record,
            trained,
            host_decoder,
            budget,
            qualities,
            prior,
            recurrent,
            predictor,
            training,
            validation,
        };
        for source in &run.record.recordings {
            let recording = source.reopen()?;
            let (train, validation) = source.ranges();
            let recordings = run.record.recordings.len();
            let failed = |error| RunError::Recording { path: source.path.clone(), source: error };
            run.training.extend(recording.excerpts(train, recordings).map_err(failed)?);
            run.validation.extend(recording.beginning(validation, recordings).map_err(failed)?);
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
            run: self.record.identity(),
        }
    }

    /// The model in both arithmetics, under a name, with the recurrent prior and the predictor if there are any.
    ///
    /// # Errors
    /// What cannot be exported.
    pub fn export(&self, name: &str) -> Result<Exported, ExportError> {
        // What a budget leaves for tables of frequencies.
        let trained_bytes = self.recurrent.as_ref().map_or(0, |recurrent| recurrent.bytes() + RECORD_BYTES)
            + self.predictor.as_ref().map_or(0, |predictor| predictor.bytes() + RECORD_BYTES);
        let most = (self.budget.flash > 0).then(|| self.budget.flash.saturating_sub(trained_bytes));
        let samples = self.training_samples();
        let exported = export_within(&self.trained, &samples, &self.metadata(name), most)?;
        match (&self.recurrent, &self.predictor) {
            (None, None) => Ok(exported),
            (recurrent, predictor) => exported.with_trained(recurrent.as_ref(), predictor.as_ref(), &samples),
        }
    }

    /// The same model with the large decoder: it decodes what the model of [`export`](Self::export) encodes. `None` if the run trained none.
    ///
    /// # Errors
    /// What cannot be exported.
    pub fn export_for_host(&self, name: &str) -> Result<Option<Exported>, ExportError> {
        let Some(decoder) = &self.host_decoder else { return Ok(None) };
        let trained = TrainedModel { decoder: decoder.clone(), ..self.trained.clone() };
        let large = export_within(&trained, &self.training_samples(), &self.metadata(name), None)?;
        self.export(name)?.with_decoder_of(&large).map(Some)
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

/// What a run of recordings has not come to behind so many steps, in words; `None` of one that ended.
#[must_use]
pub fn unfinished(folder: &RunFolder, config: &Config, step: usize) -> Option<String> {
    let steps = config.training.steps;
    if step < steps {
        return Some(format!("the run stopped at step {step} of {steps}"));
    }
    let has_more = config.foresees() != (false, false) && !folder.prior().exists();
    has_more.then(|| "the run stopped before what follows its last step was trained: prior or predictor".into())
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
                    // Only runs that charge for bits have it.
                    let charges = self.file.tensors.get(&format!("quantizer.{number}.charge"));
                    Ok(Codebook {
                        vectors,
                        size: shape.first().copied().unwrap_or(0),
                        stage: (number / parts) as u8,
                        first: number % parts * channels,
                        channels,
                        search: match charges {
                            Some(charges) => Search::Charged(charges.values.clone()),
                            None if *cosine => Search::Direction,
                            None => Search::Distance,
                        },
                    })
                };
                let codebooks = (0..stages.len() * parts).map(codebook).collect::<Result<_, TrainedRunError>>()?;
                Ok(TrainedQuantizer::Vectors { codebooks })
            }
            QuantizerRecord::Finite { levels } => {
                let levels = levels.iter().enumerate().map(|(channel, &count)| Codebook::levels(channel, count));
                Ok(TrainedQuantizer::Vectors { codebooks: levels.collect() })
            }
            // Refused before: it has no codes.
            QuantizerRecord::Gaussian { .. } => Ok(TrainedQuantizer::Vectors { codebooks: Vec::new() }),
            QuantizerRecord::Scalar { bits, .. } => {
                let steps = self.values("quantizer.step")?.1;
                let wider = self.values("quantizer.wider")?.1;
                let latents = steps.len();
                let octaves = |row: usize, latent: usize| wider.get(row * latents + latent).copied().unwrap_or(0.0);
                let widened = |(latent, step): (usize, &f32)| {
                    let even = half_octaves(*step);
                    std::array::from_fn(|row| even[row] * octaves(row, latent).exp2())
                };
                let steps = steps.iter().enumerate().map(widened).collect();
                let told = self.values("quantizer.told").ok().and_then(|(_, told)| told.try_into().ok());
                Ok(TrainedQuantizer::Scalar { steps, bits: *bits as u8, told })
            }
        }
    }
}
