//! From images to what a run trains on: a split and a normalization.

use crate::config::Config;
use crate::images::{ImageSet, Opened};
use crate::run::Normalization;
use crate::train::TrainError;

/// Everything that a run trains on.
#[derive(Debug)]
pub struct PreparedImages {
    /// The images to train on.
    pub training: ImageSet,
    /// The images held out; none of them is among those to train on.
    pub held_out: ImageSet,
    /// How levels become network units.
    pub normalization: Normalization,
    /// Images that would have been held out, but are to be trained on too.
    pub duplicates: usize,
}

impl PreparedImages {
    /// Splits and measures images. A test set that came with them is what is held out; without one, data.validation_fraction of the
    /// images, evenly spread.
    ///
    /// # Errors
    /// If there is no image to train on, or all are of one level.
    pub fn new(opened: Opened, config: &Config) -> Result<Self, TrainError> {
        let (training, held_out) = match opened.test {
            Some(test) => (opened.images, test),
            None => opened.images.split(config.data.validation_fraction),
        };
        if training.is_empty() {
            let what = "there is no image to train on; give more, or lower data.validation_fraction".into();
            return Err(TrainError::Unsuitable { what });
        }
        let distinct = held_out.without(&training);
        let duplicates = held_out.len() - distinct.len();
        let normalization = normalization(&training)?;
        Ok(Self { training, held_out: distinct, normalization, duplicates })
    }
}

/// Mean and standard deviation of every channel over all pixels.
fn normalization(images: &ImageSet) -> Result<Normalization, TrainError> {
    let (mut offset, mut scale) = (Vec::new(), Vec::new());
    for channel in 0..images.shape.channels {
        let mut counts = [0u64; 256];
        for pixels in images.pixels.chunks_exact(images.shape.pixels()).skip(channel).step_by(images.shape.channels) {
            pixels.iter().for_each(|&level| counts[usize::from(level)] += 1);
        }
        let total = counts.iter().sum::<u64>() as f64;
        let moment = |of: &dyn Fn(f64) -> f64| {
            counts.iter().enumerate().map(|(level, &count)| of(level as f64) * count as f64).sum::<f64>() / total
        };
        let mean = moment(&|level| level);
        let variance = moment(&|level| (level - mean).powi(2));
        // One grey channel of a colour image may be constant; the whole may not.
        scale.push(variance.sqrt().max(1.0) as f32);
        offset.push(mean.round() as i32);
    }
    let first = images.pixels.first();
    if images.pixels.iter().all(|level| Some(level) == first) {
        let what = "all images are of one level: there is nothing to learn; check the files".into();
        return Err(TrainError::Unsuitable { what });
    }
    Ok(Normalization { offset, scale })
}

#[cfg(test)]
pub(in crate::train) mod tests {
    use super::*;
    use crate::images::ImageShape;

    /// Images of slanted waves, all different.
    pub(in crate::train) fn waves(count: usize, shape: ImageShape) -> ImageSet {
        let level = |image: usize, channel: usize, y: usize, x: usize| {
            let phase = (image * 7 + channel) as f64 * 0.37;
            let wave = (x as f64 * (0.2 + 0.01 * (image % 17) as f64) + y as f64 * 0.3 + phase).sin();
            (128.0 + 100.0 * wave) as u8
        };
        let mut pixels = Vec::new();
        for image in 0..count {
            for (channel, y) in (0..shape.channels).flat_map(|channel| (0..shape.height).map(move |y| (channel, y))) {
                pixels.extend((0..shape.width).map(|x| level(image, channel, y, x)));
            }
        }
        ImageSet { shape, pixels, names: (0..count).map(|index| format!("wave {index}")).collect() }
    }

    #[test]
    fn channels_are_measured_apart_and_on_the_training_images() {
        let shape = ImageShape { channels: 2, height: 1, width: 2 };
        let images =
            ImageSet { shape, pixels: vec![10, 14, 100, 100, 10, 14, 102, 98], names: vec!["a".into(), "b".into()] };
        let Normalization { offset, scale } = normalization(&images).unwrap();
        assert_eq!(offset, [12, 100]);
        assert!((scale[0] - 2.0).abs() < 1e-6 && (scale[1] - 2.0f32.sqrt()).abs() < 1e-6, "{scale:?}");
    }

    #[test]
    fn a_test_set_is_what_is_held_out_and_images_in_both_are_left_out_of_it() {
        let shape = ImageShape { channels: 1, height: 4, width: 4 };
        let (images, test) = (waves(20, shape), waves(22, shape));
        let opened = Opened { images: images.clone(), test: Some(test), remarks: Vec::new() };
        let prepared = PreparedImages::new(opened, &Config::default()).unwrap();
        assert_eq!((prepared.training.len(), prepared.held_out.len(), prepared.duplicates), (20, 2, 20));
        let opened = Opened { images, test: None, remarks: Vec::new() };
        let prepared = PreparedImages::new(opened, &Config::default()).unwrap();
        assert_eq!((prepared.training.len(), prepared.held_out.len(), prepared.duplicates), (16, 4, 0));
    }

    #[test]
    fn images_of_one_level_and_none_are_refused() {
        let shape = ImageShape { channels: 1, height: 4, width: 4 };
        let flat = ImageSet { pixels: vec![9; 32], ..waves(2, shape) };
        let refuse = |images| {
            let opened = Opened { images, test: None, remarks: Vec::new() };
            PreparedImages::new(opened, &Config::default()).unwrap_err().to_string()
        };
        assert!(refuse(flat).contains("nothing to learn"));
        assert!(refuse(waves(0, shape)).contains("no image"));
    }
}
