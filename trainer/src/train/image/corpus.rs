//! Batches of images, and the measurement of those that are held out.

use rand::RngExt;
use rand::rngs::ChaCha8Rng;
use tch::{Device, Kind, Tensor};

use super::PreparedImages;
use super::evaluate::Measurement;
use crate::config::{Config, ImageDistortion};
use crate::images::{ImageSet, ImageShape};
use crate::run::{Normalization, QuantizerRecord, Validation};
use crate::train::Codec;
use crate::train::distortion::Distorted;

/// More images than this are not named one by one.
const IMAGES_NAMED: usize = 8;
/// So many held-out images are measured while training, evenly chosen; the run's end measures all.
const MOST_MEASURED: usize = 1024;

/// Levels of pixels as the nets take them, and back.
#[derive(Debug)]
pub(super) struct Levels {
    /// `[channels, 1, 1]`: the level that becomes 0.
    offset: Tensor,
    /// `[channels, 1, 1]`: levels per network unit.
    scale: Tensor,
}

impl Levels {
    pub(super) fn new(normalization: &Normalization, device: Device) -> Self {
        let offset: Vec<f32> = normalization.offset.iter().map(|&offset| offset as f32).collect();
        let column = |values: &[f32]| Tensor::from_slice(values).to_device(device).view([-1, 1, 1]);
        Self { offset: column(&offset), scale: column(&normalization.scale) }
    }

    /// Bytes to network units.
    pub(super) fn units(&self, bytes: &Tensor) -> Tensor {
        (bytes.to_kind(Kind::Float) - &self.offset) / &self.scale
    }

    /// Network units to levels from 0 to 255, not rounded.
    pub(super) fn levels(&self, units: &Tensor) -> Tensor {
        (units * &self.scale + &self.offset).clamp(0.0, 255.0)
    }

    /// Network units limited to what bytes hold. The gradient passes as if they were not: what is beyond an end would never come back.
    fn limited(&self, units: &Tensor) -> Tensor {
        let fixed = units.detach();
        let within = (self.levels(&fixed) - &self.offset) / &self.scale;
        units + (within - fixed)
    }
}

/// Images as a tensor of bytes, `[images, channels, rows, columns]`, on a device.
pub(super) fn bytes(images: &ImageSet, device: Device) -> Tensor {
    let ImageShape { channels, height, width } = images.shape;
    let sizes = [images.len(), channels, height, width].map(|size| size as i64);
    Tensor::from_slice(&images.pixels).view(sizes).to_device(device)
}

/// All images of a run.
#[derive(Debug)]
pub(in crate::train) struct ImageCorpus {
    training: Tensor,
    names: Vec<String>,
    /// Some of the held-out images; `None` if there are none.
    held_out: Option<Tensor>,
    levels: Levels,
    quantizer: QuantizerRecord,
    distortion: ImageDistortion,
    mirror: bool,
}

impl ImageCorpus {
    pub(in crate::train) fn new(prepared: &PreparedImages, config: &Config, device: Device) -> Self {
        let stride = prepared.held_out.len().div_ceil(MOST_MEASURED).max(1);
        let some = prepared.held_out.filter(|index| index % stride == 0);
        Self {
            training: bytes(&prepared.training, device),
            names: prepared.training.names.clone(),
            held_out: (!some.is_empty()).then(|| bytes(&some, device)),
            levels: Levels::new(&prepared.normalization, device),
            quantizer: config.quantizer_record(),
            distortion: config.image.distortion,
            mirror: config.image.mirror,
        }
    }

    /// `batch` random images, `[batch, channels, rows, columns]`, in network units.
    pub(in crate::train) fn draw(&self, batch: usize, random: &mut ChaCha8Rng) -> Tensor {
        let chosen = self.drawn(batch, random);
        let images = self.training.index_select(0, &Tensor::from_slice(&chosen).to_device(self.training.device()));
        let units = self.levels.units(&images);
        if !self.mirror {
            return units;
        }
        let mirrored: Vec<bool> = (0..batch).map(|_| random.random()).collect();
        let mirrored = Tensor::from_slice(&mirrored).to_device(units.device()).view([-1, 1, 1, 1]);
        units.flip([3]).where_self(&mirrored, &units)
    }

    /// The images that [`draw`](Self::draw) draws from the same generator, in words.
    pub(in crate::train) fn describe(&self, batch: usize, random: &mut ChaCha8Rng) -> String {
        let chosen = self.drawn(batch, random).into_iter().take(IMAGES_NAMED);
        let named: Vec<&str> = chosen.map(|index| self.names[index as usize].as_str()).collect();
        let more = match batch.saturating_sub(IMAGES_NAMED) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        format!("{batch} images: {}{more}", named.join(", "))
    }

    fn drawn(&self, batch: usize, random: &mut ChaCha8Rng) -> Vec<i64> {
        (0..batch).map(|_| random.random_range(0..self.names.len()) as i64).collect()
    }

    /// What reconstructions miss, in network units; beyond the ends of the levels nothing is missed.
    fn error(&self, rebuilt: &Tensor, images: &Tensor) -> Tensor {
        self.levels.limited(rebuilt) - images
    }

    /// The distortion that the configuration asks for.
    pub(in crate::train) fn distortion(&self, rebuilt: &Tensor, images: &Tensor) -> Distorted {
        let error = self.error(rebuilt, images);
        let mean = |values: &Tensor| values.mean_dim([1i64, 2, 3].as_slice(), false, Kind::Float);
        let squares = mean(&error.square());
        let squared = squares.mean(Kind::Float);
        let total = match self.distortion {
            ImageDistortion::Squared => squares,
            ImageDistortion::Absolute => mean(&error.abs()),
        };
        Distorted::plain(total, squared)
    }

    /// Measures the codec on some of the held-out images.
    pub(in crate::train) fn measure(&self, codec: &Codec, quantized: bool) -> Option<Validation> {
        let mut measurement = Measurement::new(&self.levels, &self.quantizer);
        measurement.add(codec, self.held_out.as_ref()?, quantized);
        measurement.validation()
    }
}

#[cfg(test)]
mod tests {
    use super::super::prepare::tests::waves;
    use super::*;
    use crate::images::Opened;
    use crate::random::for_step;

    fn corpus(mirror: bool) -> (ImageCorpus, PreparedImages) {
        let shape = ImageShape { channels: 3, height: 4, width: 6 };
        let mut config = Config::for_images(shape);
        config.image.mirror = mirror;
        let opened = Opened { images: waves(30, shape), test: None, remarks: Vec::new() };
        let prepared = PreparedImages::new(opened, &config).unwrap();
        (ImageCorpus::new(&prepared, &config, Device::Cpu), prepared)
    }

    #[test]
    fn batches_are_training_images_in_network_units_and_named() {
        let (corpus, prepared) = corpus(false);
        let batch = corpus.draw(5, &mut for_step(1, 2));
        let words = corpus.describe(5, &mut for_step(1, 2));
        let levels = corpus.levels.levels(&batch).round().to_kind(Kind::Uint8);
        for (index, name) in words.split_once(": ").unwrap().1.split(", ").enumerate() {
            let source = prepared.training.names.iter().position(|other| other == name).unwrap();
            let wanted = prepared.training.image(source);
            assert_eq!(Vec::<u8>::try_from(levels.get(index as i64).flatten(0, -1)).unwrap(), wanted);
        }
        assert!(corpus.describe(20, &mut for_step(1, 2)).ends_with(" and 12 more"));
    }

    #[test]
    fn mirrored_images_are_whole_images_turned() {
        let (corpus, _) = corpus(true);
        let (mirrored, plain) = (corpus.draw(40, &mut for_step(1, 2)), corpus_of(&corpus, 40));
        let turned = plain.flip([3]);
        let mut seen = [false; 2];
        for index in 0..40 {
            let [got, as_is, turned] = [&mirrored, &plain, &turned].map(|images| images.get(index));
            let which = usize::from(got.equal(&turned));
            assert!(which == 1 || got.equal(&as_is));
            seen[which] = true;
        }
        assert_eq!(seen, [true; 2]);
    }

    fn corpus_of(corpus: &ImageCorpus, batch: usize) -> Tensor {
        let chosen = corpus.drawn(batch, &mut for_step(1, 2));
        corpus.levels.units(&corpus.training.index_select(0, &Tensor::from_slice(&chosen)))
    }

    #[test]
    fn beyond_the_ends_nothing_is_missed_and_gradients_come_back() {
        let (corpus, _) = corpus(false);
        let images = corpus.levels.units(&Tensor::from_slice(&[0u8, 255, 40]).view([1, 3, 1, 1]));
        let beyond = Tensor::from_slice(&[-99.0f32, 99.0, -99.0]).view([1, 3, 1, 1]).set_requires_grad(true);
        let error = corpus.error(&beyond, &images);
        let errors = Vec::<f32>::try_from(error.detach().flatten(0, -1)).unwrap();
        assert!(errors[0].abs() < 1e-5 && errors[1].abs() < 1e-5 && errors[2] < -0.1, "{errors:?}");
        corpus.distortion(&beyond, &images).total.mean(Kind::Float).backward();
        let gradient = Vec::<f32>::try_from(beyond.grad().flatten(0, -1)).unwrap();
        assert!(gradient[0].abs() < 1e-5 && gradient[2] < -0.01, "{gradient:?}");
    }
}
