//! What a run draws its batches from, and what it holds out.

use rand::rngs::ChaCha8Rng;
use tch::Tensor;

use super::codec::Codec;
use super::distortion::Distorted;
use super::image::ImageCorpus;
use super::loader::{Drawn, Loader};
use super::validation::ValidationSet;
use crate::run::Validation;

/// Everything that a run learns from and is measured on.
#[derive(Debug)]
pub(super) enum Corpus {
    /// Recordings. What is large is boxed.
    Signal { windows: Box<Loader>, validation: Box<ValidationSet> },
    /// Images.
    Image(ImageCorpus),
}

impl Corpus {
    /// `batch` samples to train on, as the nets take them, `[batch, channels, …]`, and the generator as they leave it.
    ///
    /// # Errors
    /// If a recording that stays in its file cannot be read.
    pub(super) fn draw(&mut self, batch: usize, mut random: ChaCha8Rng) -> Drawn {
        match self {
            Self::Signal { windows, .. } => windows.draw(batch, random),
            Self::Image(images) => Ok((images.draw(batch, &mut random), random)),
        }
    }

    /// Begins a batch that may be drawn next, from the generator that `random` makes, beside whatever is done until then. Images lie on the device: a
    /// batch of them is but a choice.
    pub(super) fn prepare(&mut self, batch: usize, random: impl Fn() -> ChaCha8Rng) {
        if let Self::Signal { windows, .. } = self {
            windows.prepare(batch, random);
        }
    }

    /// The samples that [`draw`](Self::draw) draws from the same generator, in words.
    pub(super) fn describe(&self, batch: usize, mut random: ChaCha8Rng) -> String {
        match self {
            Self::Signal { windows, .. } => windows.describe(batch, random),
            Self::Image(images) => images.describe(batch, &mut random),
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
