//! A run on images, read back: its best codec, and what that makes of images.

use tch::nn::VarStore;

use super::evaluate::evaluate;
use super::{ImageNets, PreparedImages};
use crate::config::Config;
use crate::images::{ImageEvaluation, ImageSet, Pair, grid};
use crate::random::for_beginning;
use crate::run::{ImageRunRecord, Record, RunError, RunFolder, write_atomically};
use crate::train::{Codec, Nets, TrainError, device, set_threads};

/// Images in the picture of a run's reconstructions, in rows of [`COLUMNS`].
const SHOWN: usize = 16;
const COLUMNS: usize = 8;

/// The best codec of a run on images.
#[derive(Debug)]
pub struct TrainedImages {
    folder: RunFolder,
    config: Config,
    record: ImageRunRecord,
    codec: Codec,
}

impl TrainedImages {
    /// Reads a run's record, configuration and best checkpoint.
    ///
    /// # Errors
    /// If the folder holds no run on images, or it cannot be read.
    pub fn load(folder: &RunFolder, device_name: &str) -> Result<Self, TrainError> {
        let record = match Record::load(&folder.record())? {
            Record::Image(record) => record,
            Record::Signal(_) => {
                return Err(TrainError::Unsuitable {
                    what: format!(
                        "{} is a run on recordings: export it, and measure the model with `vq eval --model`",
                        folder.root().display()
                    ),
                });
            }
        };
        let config = Config::load(&folder.config())?;
        set_threads(config.training.threads);
        let variables = VarStore::new(device(device_name)?);
        let shape = record.images.shape;
        let nets = ImageNets::new(&config, shape, &variables.root(), &mut for_beginning(config.training.seed))?;
        let mut codec = Codec::new(&config, variables, Nets::Image(nets), None);
        codec.load(&folder.checkpoint_to_use())?;
        Ok(Self { folder: folder.clone(), config, record, codec })
    }

    /// The run's record.
    pub fn record(&self) -> &ImageRunRecord {
        &self.record
    }

    /// Measures the codec on images of the run's size.
    ///
    /// # Errors
    /// If they are of another size, or there is none.
    pub fn evaluate(&self, images: &ImageSet) -> Result<ImageEvaluation, TrainError> {
        Ok(self.measured(images)?.0)
    }

    fn measured(&self, images: &ImageSet) -> Result<(ImageEvaluation, Vec<Pair>), TrainError> {
        let shape = self.record.images.shape;
        let measured = match images.shape == shape {
            true => evaluate(&self.codec, images, &self.record.normalization, &self.record.quantizer, SHOWN),
            false => None,
        };
        measured.ok_or_else(|| TrainError::Unsuitable {
            what: format!("there are {} images of {}; the run's are {shape}", images.len(), images.shape),
        })
    }

    /// Measures the codec on all images that the run held out (those that it trained on, if it held none out), and leaves the figures
    /// and a picture in the run's folder.
    ///
    /// # Errors
    /// If the images cannot be read as they were, or the files cannot be written.
    pub fn finish(&self) -> Result<ImageEvaluation, TrainError> {
        let prepared = PreparedImages::new(self.record.images.reopen()?, &self.config)?;
        let images = if prepared.held_out.is_empty() { &prepared.training } else { &prepared.held_out };
        let (evaluation, pairs) = self.measured(images)?;
        let malformed =
            |error: serde_json::Error| RunError::Malformed { file: self.folder.evaluation(), what: error.to_string() };
        let json = serde_json::to_vec_pretty(&evaluation).map_err(malformed)?;
        write_atomically(&self.folder.evaluation(), &json)?;
        write_atomically(&self.folder.reconstructions(), &grid(&pairs, self.record.images.shape, COLUMNS))?;
        Ok(evaluation)
    }
}
