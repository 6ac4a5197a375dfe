//! The two nets of an image codec. Between them latents are a sequence of positions, row by row.

use rand::rngs::ChaCha8Rng;
use tch::{Tensor, nn};

use crate::config::Config;
use crate::images::ImageShape;
use crate::nn::{ImageNet, Precision};
use crate::train::TrainError;

/// The nets of images of one size.
#[derive(Debug)]
pub struct ImageNets {
    /// Images to latents.
    pub encoder: ImageNet,
    /// Latents to images.
    pub decoder: ImageNet,
}

impl ImageNets {
    /// Nets for images of a size under `root`, with fresh weights from `random`.
    ///
    /// # Errors
    /// If the configuration's nets do not fit that size.
    pub fn new(
        config: &Config,
        shape: ImageShape,
        root: &nn::Path<'_>,
        random: &mut ChaCha8Rng,
    ) -> Result<Self, TrainError> {
        let (encoder, decoder) = config.image_plan().assemble(shape)?;
        Ok(Self {
            encoder: ImageNet::new(&(root / "encoder"), &encoder, random),
            decoder: ImageNet::new(&(root / "decoder"), &decoder, random),
        })
    }

    /// Positions of an image's latents: rows times columns.
    pub fn positions(&self) -> usize {
        self.decoder.spec().input.pixels()
    }

    /// Images, `[batch, channels, rows, columns]`, to latents, `[batch, latents, positions]`.
    pub(in crate::train) fn encode(&self, images: &Tensor, precision: Precision) -> Tensor {
        self.encoder.forward(images, precision).flatten(2, 3)
    }

    /// Latents, `[batch, latents, positions]`, to images.
    pub(in crate::train) fn decode(&self, latents: &Tensor, precision: Precision) -> Tensor {
        let grid = self.decoder.spec().input;
        let sizes = latents.size();
        let latents = latents.reshape([sizes[0], sizes[1], grid.height as i64, grid.width as i64]);
        self.decoder.forward(&latents, precision)
    }
}
