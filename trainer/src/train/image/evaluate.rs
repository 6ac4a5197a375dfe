//! What an image codec does to images: distortion, rate, and use of codes.

use tch::{Device, Kind, Tensor};

use super::corpus::{Levels, bytes};
use crate::images::{ImageEvaluation, ImageSet, ImageShape, Pair, SymbolUse};
use crate::nn::Precision;
use crate::quantizer::Quantized;
use crate::random::for_beginning;
use crate::run::{ImageValidation, Normalization, QuantizerRecord, Validation};
use crate::train::Codec;

/// Pixels that go through the nets at once: enough to be quick, few enough to fit beside anything else.
const CHUNK_PIXELS: usize = 1 << 20;
/// Levels of a byte, from the lowest to the highest, and half of them: where they are put to go from −1 to 1.
const HIGHEST: f64 = 255.0;
const HALF: f64 = 127.5;

/// Sums over images, on the way to an evaluation.
#[derive(Debug)]
pub(super) struct Measurement<'a> {
    levels: &'a Levels,
    quantizer: &'a QuantizerRecord,
    shape: Option<ImageShape>,
    images: usize,
    /// Sums over all values of: squared error of whole levels, the same of network units, absolute error of levels, levels, squared levels.
    sums: [f64; 5],
    /// Bits of the latents' divergence from their prior, of a VAE.
    divergence_bits: f64,
    positions: usize,
    /// How often each code was chosen, per symbol.
    counts: Vec<Tensor>,
}

impl<'a> Measurement<'a> {
    pub(super) fn new(levels: &'a Levels, quantizer: &'a QuantizerRecord) -> Self {
        let count = |&codes: &usize| Tensor::zeros([codes as i64], (Kind::Int64, Device::Cpu));
        Self {
            levels,
            quantizer,
            shape: None,
            images: 0,
            sums: [0.0; 5],
            divergence_bits: 0.0,
            positions: 0,
            counts: quantizer.alphabets().iter().map(count).collect(),
        }
    }

    /// Runs the codec over images, `[images, channels, rows, columns]` in bytes, and gives back the first that it rebuilt, as levels.
    /// `quantized` is false while there are no codes yet.
    pub(super) fn add(&mut self, codec: &Codec, images: &Tensor, quantized: bool) -> Option<Tensor> {
        let sizes = images.size();
        let [_, channels, height, width] = sizes[..] else { return None };
        let shape = ImageShape { channels: channels as usize, height: height as usize, width: width as usize };
        self.shape = Some(shape);
        let chunk = (CHUNK_PIXELS / shape.pixels().max(1)).max(1);
        let rebuilt = images.split(chunk as i64, 0).into_iter().map(|images| self.add_chunk(codec, &images, quantized));
        rebuilt.reduce(|first, _| first)
    }

    fn add_chunk(&mut self, codec: &Codec, images: &Tensor, quantized: bool) -> Tensor {
        let units = self.levels.units(images);
        let rebuilt = tch::no_grad(|| {
            let latents = codec.encode_inner(&units, Precision::Float);
            let latents = if quantized {
                let rounding = codec.quantizer.measuring(&latents, &mut for_beginning(self.images as u64));
                let quantized = codec.quantizer.forward(&latents, &rounding);
                self.count(&quantized, &latents);
                quantized.latents
            } else {
                codec.quantizer.unquantized(&latents)
            };
            codec.decode_inner(&latents, Precision::Float)
        });
        let (levels, original) = (self.levels.levels(&rebuilt), images.to_kind(Kind::Float));
        let sum = |values: Tensor| values.sum(Kind::Double).double_value(&[]);
        let whole = levels.round() - &original;
        let in_units = self.levels.units(&levels) - &units;
        let sums = [
            sum(whole.square()),
            sum(in_units.square()),
            sum((&levels - &original).abs()),
            sum(original.shallow_clone()),
            sum(original.square()),
        ];
        self.sums.iter_mut().zip(sums).for_each(|(total, sum)| *total += sum);
        self.images += images.size()[0] as usize;
        levels
    }

    fn count(&mut self, quantized: &Quantized, latents: &Tensor) {
        let sizes = latents.size();
        let positions = sizes[0] * sizes[2];
        self.positions += positions as usize;
        self.divergence_bits += quantized.divergence.double_value(&[]) * positions as f64 / std::f64::consts::LN_2;
        for (symbol, counts) in self.counts.iter_mut().enumerate() {
            let codes = quantized.codes.select(1, symbol as i64).to_device(Device::Cpu);
            *counts += codes.bincount(None::<Tensor>, counts.size()[0]);
        }
    }

    /// The figures; `None` where nothing was measured.
    pub(super) fn evaluation(&self) -> Option<ImageEvaluation> {
        let shape = self.shape.filter(|_| self.images > 0)?;
        let (values, pixels) = ((self.images * shape.bytes()) as f64, (self.images * shape.pixels()) as f64);
        let [whole, _, absolute, total, squares] = self.sums;
        let deviation = squares - total * total / values;
        let symbols: Vec<SymbolUse> = self
            .counts
            .iter()
            .map(|counts| {
                let counts = Vec::<i64>::try_from(counts).unwrap_or_default();
                SymbolUse::new(counts.into_iter().map(|count| count.unsigned_abs()).collect())
            })
            .collect();
        let per_position = f64::from(self.quantizer.bits_per_hop());
        let entropy: f64 = symbols.iter().map(|symbol| symbol.entropy_bits).sum();
        let positions = self.positions as f64 / pixels;
        Some(ImageEvaluation {
            images: self.images,
            shape,
            psnr_db: 10.0 * (HIGHEST.powi(2) * values / whole.max(f64::MIN_POSITIVE)).log10(),
            l1: absolute / values / HALF,
            prdn_percent: 100.0 * (whole / deviation.max(f64::MIN_POSITIVE)).sqrt(),
            bits_per_pixel: per_position * positions + self.divergence_bits / pixels,
            entropy_bits_per_pixel: (!symbols.is_empty()).then_some(entropy * positions),
            symbols,
        })
    }

    /// The same as a line of metrics has it.
    pub(super) fn validation(&self) -> Option<Validation> {
        let evaluation = self.evaluation()?;
        let values = (self.images * evaluation.shape.bytes()) as f64;
        Some(Validation {
            prdn_percent: evaluation.prdn_percent,
            mse_normalized: self.sums[1] / values,
            bits_per_sample: evaluation.bits_per_pixel / evaluation.shape.channels as f64,
            cost: None,
            image: Some(ImageValidation { psnr_db: evaluation.psnr_db, l1: evaluation.l1 }),
        })
    }
}

/// Measures a trained codec on images, and gives the first `shown` of them beside what came back.
pub(super) fn evaluate(
    codec: &Codec,
    images: &ImageSet,
    normalization: &Normalization,
    quantizer: &QuantizerRecord,
    shown: usize,
) -> Option<(ImageEvaluation, Vec<Pair>)> {
    let device = codec.variables.device();
    let levels = Levels::new(normalization, device);
    let mut measurement = Measurement::new(&levels, quantizer);
    let rebuilt = measurement.add(codec, &bytes(images, device), true)?;
    let rebuilt = rebuilt.round().to_kind(Kind::Uint8).to_device(Device::Cpu);
    let count = shown.min(rebuilt.size()[0] as usize);
    let pair = |index: usize| Pair {
        original: images.image(index).to_vec(),
        rebuilt: Vec::try_from(rebuilt.get(index as i64).flatten(0, -1)).unwrap_or_default(),
    };
    Some((measurement.evaluation()?, (0..count).map(pair).collect()))
}
