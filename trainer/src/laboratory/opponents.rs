//! The opponents in families, each with settings from fine to coarse.

use vq_opponents::Opponent;
use vq_opponents::adpcm::Adpcm;
use vq_opponents::dictionary::Dictionary;
use vq_opponents::lapped::Lapped;
use vq_opponents::linear_pieces::LinearPieces;
use vq_opponents::prediction::{Coder, Prediction, Predictor};
use vq_opponents::wavelet::Wavelet;

use crate::data::Recording;

/// Quantizer steps as fractions of the signal's standard deviation, so that the curves fit any signal.
const STEPS: [f64; 13] = [0.04, 0.06, 0.09, 0.13, 0.19, 0.28, 0.4, 0.57, 0.8, 1.15, 1.6, 2.2, 3.0];

/// Bounds in counts, 0 for lossless.
const BOUNDS: [u32; 5] = [0, 1, 2, 5, 10];

/// One codec at several settings.
pub struct Family {
    /// What it is.
    pub name: String,
    /// From fine to coarse.
    pub settings: Vec<Box<dyn Opponent>>,
}

impl std::fmt::Debug for Family {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Family").field("name", &self.name).field("settings", &self.settings.len()).finish()
    }
}

impl Family {
    fn new<S: Opponent + 'static>(name: &str, settings: impl IntoIterator<Item = S>) -> Self {
        let boxed = settings.into_iter().map(|setting| Box::new(setting) as Box<dyn Opponent>);
        Self { name: name.into(), settings: boxed.collect() }
    }
}

/// All families. Steps are in terms of `typical`'s standard deviation; whatever adapts starts as the `training` recordings leave it.
#[must_use]
pub fn families(typical: &[Recording], training: &[Recording]) -> Vec<Family> {
    let steps = steps(typical);
    let prediction = |predictor, coder| BOUNDS.map(|bound| Prediction::new(predictor, coder, bound));
    let mut families = vec![
        Family::new("CDF 9/7 wavelet", steps.iter().map(|&step| Wavelet::nine_seven(step))),
        Family::new("5/3 wavelet", steps.iter().map(|&step| Wavelet::five_three(step))),
        Family::new("MDCT", steps.iter().map(|&step| Lapped::new(step))),
        Family::new("delta, Rice", prediction(Predictor::Delta, Coder::Rice)),
        Family::new("delta, range coder", prediction(Predictor::Delta, Coder::Adaptive)),
        Family::new("NLMS, Rice", prediction(Predictor::Nlms, Coder::Rice)),
        Family::new("NLMS, range coder", prediction(Predictor::Nlms, Coder::Adaptive)),
        Family::new("LTC", BOUNDS.map(LinearPieces::new)),
        Family::new("IMA ADPCM", [Adpcm]),
        Family::new("heatshrink", [Dictionary::Heatshrink]),
        Family::new("LZ4", [Dictionary::Lz4]),
    ];
    for setting in families.iter_mut().flat_map(|family| &mut family.settings) {
        for recording in training {
            for (index, channel) in recording.channels.iter().enumerate() {
                setting.train(&recording.channel(index), channel.offset);
            }
        }
    }
    families
}

/// Steps in counts, to three digits.
fn steps(typical: &[Recording]) -> Vec<f64> {
    let deviations: Vec<f64> = typical.iter().map(deviation).collect();
    let mean = deviations.iter().sum::<f64>() / deviations.len().max(1) as f64;
    let three_digits = |step: f64| {
        let unit = 10f64.powf(step.log10().floor() - 2.0);
        (step / unit).round() * unit
    };
    STEPS.iter().map(|step| three_digits((step * mean).max(0.1))).collect()
}

/// Standard deviation of a recording's samples about their channels' means.
fn deviation(recording: &Recording) -> f64 {
    let squares = (0..recording.channels.len()).map(|index| {
        let samples = recording.channel(index);
        let mean = samples.iter().map(|&x| f64::from(x)).sum::<f64>() / samples.len().max(1) as f64;
        samples.iter().map(|&x| (f64::from(x) - mean).powi(2)).sum::<f64>()
    });
    (squares.sum::<f64>() / recording.samples.len().max(1) as f64).sqrt()
}
