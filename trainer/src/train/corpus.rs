//! What a run draws its batches from, and what it holds out.

use rand::rngs::ChaCha8Rng;
use tch::Tensor;

use super::TrainError;
use super::codec::Codec;
use super::distortion::Distorted;
use super::image::ImageCorpus;
use super::validation::ValidationSet;
use super::windows::Windows;
use crate::run::Validation;

/// Everything that a run learns from and is measured on.
#[derive(Debug)]
pub(super) enum Corpus {
    /// Recordings. What is large is boxed.
    Signal { windows: Windows, validation: Box<ValidationSet> },
    /// Images.
    Image(ImageCorpus),
}

impl Corpus {
    /// `batch` samples to train on, as the nets take them: `[batch, channels, …]`.
    ///
    /// # Errors
    /// If a recording that stays in its file cannot be read.
    pub(super) fn draw(&self, batch: usize, random: &mut ChaCha8Rng) -> Result<Tensor, TrainError> {
        match self {
            Self::Signal { windows, .. } => windows.draw(batch, random),
            Self::Image(images) => Ok(images.draw(batch, random)),
        }
    }

    /// The samples that [`draw`](Self::draw) draws from the same generator, in words.
    pub(super) fn describe(&self, batch: usize, random: &mut ChaCha8Rng) -> String {
        match self {
            Self::Signal { windows, .. } => windows.describe(batch, random),
            Self::Image(images) => images.describe(batch, random),
        }
    }

    /// What `rebuilt` misses of `target`, both in network units.
    pub(super) fn distortion(&self, rebuilt: &Tensor, target: &Tensor) -> Distorted {
        match self {
            Self::Signal { validation, .. } => validation.distortion.of(rebuilt, target),
            Self::Image(images) => images.distortion(rebuilt, target),
        }
    }

    /// Measures the codec on what is held out; `quantized` is false while there are no codes yet. `None` if nothing is held out,
    /// or it is constant.
    pub(super) fn measure(&self, codec: &Codec, quantized: bool) -> Option<Validation> {
        match self {
            Self::Signal { validation, .. } => validation.measure(codec, quantized),
            Self::Image(images) => images.measure(codec, quantized),
        }
    }
}
