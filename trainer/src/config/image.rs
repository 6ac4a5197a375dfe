//! The section of images, and the defaults that depend on their size.

use serde::{Deserialize, Serialize};

use super::section::{Section, section};
use super::{Config, QuantizerKind};
use crate::architecture::{ImageActivation, ImageEndPlan, ImageLayerPlan, ImagePlan};
use crate::images::ImageShape;

/// How reconstructions of images are compared with them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ImageDistortion {
    /// The mean squared error.
    Squared,
    /// The mean absolute error.
    Absolute,
}

section! {
    /// Used where images are trained on, in place of the layers of `network`; network.latents holds for both. `kernel` counts rows and
    /// columns of a filter. In the encoder `stride` and `resample` (the greatest of so many rows and columns, behind the convolution)
    /// divide the size; in the decoder `stride` (a transposed convolution) and `resample` (rows and columns repeated, before it)
    /// multiply it. `residual` puts that many residual blocks behind a layer.
    ImageConfig {
        /// Channels of the images: 1 is grey, 3 colour; 0 takes the first image's.
        channels: usize = 0,
        /// Rows of the images; 0 takes the first image's. Pictures of another size are scaled to cover it, and cropped.
        height: usize = 0,
        /// Columns of the images; 0 takes the first image's.
        width: usize = 0,
        /// Whether pictures that are larger are cut into pieces of the size, as many as fit, rather than scaled: for few large photographs. Pieces of one
        /// picture are held out together.
        tiles: bool = false,
        /// Every other image is mirrored, left to right, by chance.
        mirror: bool = false,
        /// "squared" or "absolute": how reconstructions are compared with images, which have a variance of 1 there.
        distortion: ImageDistortion = ImageDistortion::Squared,
        /// "relu" or "gelu", between the layers.
        activation: ImageActivation = ImageActivation::Relu,
        /// The encoder's layers.
        encoder: Vec<ImageLayerPlan> = vec![layer(4, 2, 32, 0), layer(4, 2, 64, 2)],
        /// The encoder's last layer, which makes the latents.
        latents: ImageEndPlan = ImageEndPlan { kernel: 1, stride: 1, resample: 1 },
        /// The decoder's layers.
        decoder: Vec<ImageLayerPlan> = vec![layer(3, 1, 64, 2), layer(4, 2, 32, 0)],
        /// The decoder's last layer, which makes the image.
        output: ImageEndPlan = ImageEndPlan { kernel: 4, stride: 2, resample: 1 },
    }
}

const fn layer(kernel: usize, stride: usize, channels: usize, residual: usize) -> ImageLayerPlan {
    ImageLayerPlan { kernel, stride, resample: 1, channels, residual }
}

/// Images with a side from this on are photographs rather than thumbnails.
const PHOTOGRAPH: usize = 96;

impl Config {
    /// The defaults for images of a size: thumbnails such as 28×28×1 become latents of a quarter of their rows and columns, photographs such
    /// as 256×256×3 of an eighth, with 16 channels.
    #[must_use]
    pub fn for_images(shape: ImageShape) -> Self {
        let mut config = Self::default();
        config.quantizer.kind = QuantizerKind::Vq;
        // The prior in that loss runs along a signal's hops.
        config.rate.enabled = false;
        config.training.learning_rate = 1e-3;
        config.training.unquantized = 0.05;
        config.vector.commitment = 0.25;
        config.network.latents = 16;
        // Nets of this size have work for all cores.
        config.training.threads = 0;
        if shape.height.min(shape.width) < PHOTOGRAPH {
            config.vector.codes = 256;
            config.training.batch = 64;
        } else {
            config.vector.codes = 512;
            config.training.batch = 8;
            config.training.steps = 20_000;
            config.image.mirror = true;
            config.image.encoder = vec![layer(4, 2, 32, 0), layer(4, 2, 64, 0), layer(4, 2, 128, 2)];
            config.image.decoder = vec![layer(3, 1, 128, 2), layer(4, 2, 64, 0), layer(4, 2, 32, 0)];
        }
        config
    }

    /// The plan of the nets of images.
    #[must_use]
    pub fn image_plan(&self) -> ImagePlan<'_> {
        let (image, latents) = (&self.image, self.network.latents);
        ImagePlan {
            encoded: self.encoded(),
            latents,
            activation: image.activation,
            encoder: &image.encoder,
            to_latents: &image.latents,
            decoder: &image.decoder,
            output: &image.output,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_make_the_classic_shapes() {
        for (shape, latents) in [([1, 28, 28], [16, 7, 7]), ([3, 256, 256], [16, 32, 32])] {
            let of = |[channels, height, width]: [usize; 3]| ImageShape { channels, height, width };
            let config = Config::for_images(of(shape));
            config.validate().unwrap();
            let (encoder, decoder) = config.image_plan().assemble(of(shape)).unwrap();
            assert_eq!((encoder.output(), decoder.output()), (of(latents), of(shape)));
        }
    }
}
