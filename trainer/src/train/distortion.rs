//! What training minimises of the errors of a signal: the mean squared error, and what the configuration puts beside it.
//!
//! The distance of spectra is that of Yamamoto, Song and Kim, "Parallel WaveGAN" (2020), equations 4 to 6: spectral convergence and the distance of
//! logarithms, over several lengths of window.

use tch::{Device, Kind, Tensor};

use super::TrainError;
use crate::config::DistortionConfig;

/// Magnitudes are not told apart below this part of what white noise of the signal's variance has: 60 dB below it.
const FLOOR: f64 = 1e-3;
/// Keeps the gradient of a root finite where there is no error.
const TINY: f64 = 1e-12;

/// The distortion that a configuration asks for.
#[derive(Debug)]
pub(super) struct Distortion {
    config: DistortionConfig,
    /// Weights of the channels, 1 on average, `[channels, 1]`; `None` where all are alike.
    channel_weights: Option<Tensor>,
    /// Hann windows, and the magnitudes below which spectra of theirs are not told apart.
    windows: Vec<(Tensor, f64)>,
}

/// What a batch misses.
#[derive(Debug)]
pub(super) struct Distorted {
    /// What is minimised, of every window, `[batch]`.
    pub(super) total: Tensor,
    /// The mean squared error of the batch.
    pub(super) squared: Tensor,
    /// The weighted squared error, the derivative's and the distance of spectra, means of the batch; `None` where one does not count.
    pub(super) terms: [Option<Tensor>; 3],
}

impl Distorted {
    /// One term alone, of every window.
    pub(super) fn plain(total: Tensor, squared: Tensor) -> Self {
        Self { total, squared, terms: [None, None, None] }
    }

    /// The same without a graph behind it.
    pub(super) fn detach(&self) -> Self {
        let terms = self.terms.each_ref().map(|term| term.as_ref().map(Tensor::detach));
        Self { total: self.total.detach(), squared: self.squared.detach(), terms }
    }

    /// Of two batches as one, whose means `mean` takes.
    pub(super) fn and(self, other: Self, mean: impl Fn(&Tensor, &Tensor) -> Tensor) -> Self {
        let pairs = self.terms.iter().zip(&other.terms).map(|(one, two)| Some(mean(one.as_ref()?, two.as_ref()?)));
        let mut terms = [None, None, None];
        terms.iter_mut().zip(pairs).for_each(|(term, both)| *term = both);
        Self { total: Tensor::cat(&[self.total, other.total], 0), squared: mean(&self.squared, &other.squared), terms }
    }
}

impl Distortion {
    /// The distortion of signals of `channels` channels in training windows of `frames` frames.
    ///
    /// # Errors
    /// If the configuration weighs another number of channels, or has windows longer than those that are trained on.
    pub(super) fn new(
        config: &DistortionConfig,
        channels: usize,
        frames: usize,
        device: Device,
    ) -> Result<Self, TrainError> {
        let weights = &config.channel_weights;
        if !weights.is_empty() && weights.len() != channels {
            return Err(TrainError::Unsuitable {
                what: format!(
                    "distortion.channel_weights has {} numbers, and the signal has {channels} channels: give one for each",
                    weights.len()
                ),
            });
        }
        let spectral = if config.spectral > 0.0 { config.spectral_windows.as_slice() } else { &[] };
        if let Some(long) = spectral.iter().find(|&&window| window > frames) {
            return Err(TrainError::Unsuitable {
                what: format!(
                    "distortion.spectral_windows has {long} frames, and the loss sees {frames} at a time: leave that one out, or \
                     raise data.window_hops"
                ),
            });
        }
        let channel_weights = (!weights.is_empty()).then(|| {
            let mean = weights.iter().sum::<f64>() / channels as f64;
            let scaled: Vec<f32> = weights.iter().map(|weight| (weight / mean) as f32).collect();
            Tensor::from_slice(&scaled).to_device(device).unsqueeze(1)
        });
        let hann = |&frames: &usize| {
            let window = Tensor::hann_window(frames as i64, (Kind::Float, device));
            // The sum of the squares of a Hann window is 3/8 of its length.
            (window, FLOOR * (0.375 * frames as f64).sqrt())
        };
        Ok(Self { config: config.clone(), channel_weights, windows: spectral.iter().map(hann).collect() })
    }

    /// Whether it is the mean squared error alone.
    pub(super) fn is_plain(&self) -> bool {
        self.config.is_plain()
    }

    /// What `rebuilt` misses of `target`, both `[batch, channels, frames]` in network units.
    pub(super) fn of(&self, rebuilt: &Tensor, target: &Tensor) -> Distorted {
        let error = rebuilt - target;
        let squares = error.square();
        let per_window = mean_of_windows(&squares);
        let squared = per_window.mean(Kind::Float);
        let weighted = self.config.is_weighted().then(|| self.weighted(&squares, target));
        let mut total = weighted.as_ref().unwrap_or(&per_window) * self.config.squared;
        let derivative = (self.config.derivative > 0.0).then(|| mean_of_windows(&difference(&error).square()) / 2.0);
        if let Some(derivative) = &derivative {
            total = &total + derivative * self.config.derivative;
        }
        let spectral = (self.config.spectral > 0.0).then(|| self.spectral(rebuilt, target));
        if let Some(spectral) = &spectral {
            total = &total + spectral * self.config.spectral;
        }
        let terms = [weighted, derivative, spectral].map(|term| term.map(|term| term.mean(Kind::Float)));
        Distorted { total, squared, terms }
    }

    /// The mean of squared errors by the weights of their channels and of the signal's movement.
    fn weighted(&self, squares: &Tensor, target: &Tensor) -> Tensor {
        let mut weighted = squares.shallow_clone();
        if self.config.activity > 0.0 {
            let movement = difference(target).square();
            // The first sample moves as the second does.
            let movement = Tensor::cat(&[movement.narrow(2, 0, 1), movement], 2);
            let mean = movement.mean_dim(2, true, Kind::Float).clamp_min(TINY);
            let weights = movement / mean * self.config.activity + 1.0;
            let even = weights.mean_dim(2, true, Kind::Float);
            weighted = weighted * weights / even;
        }
        if let Some(weights) = &self.channel_weights {
            weighted = &weighted * weights;
        }
        mean_of_windows(&weighted)
    }

    /// The distance of magnitudes of short-time spectra, the mean over lengths of window that fit.
    fn spectral(&self, rebuilt: &Tensor, target: &Tensor) -> Tensor {
        let frames = target.size()[2];
        let mut sum = Tensor::zeros(&target.size()[..1], (Kind::Float, target.device()));
        let fitting = self.windows.iter().filter(|(window, _)| window.size()[0] <= frames);
        let mut count = 0.0;
        for (window, floor) in fitting {
            let length = window.size()[0];
            let magnitudes = |signal: &Tensor| {
                let pieces = signal.unfold(2, length, length / 4) * window;
                pieces.fft_rfft(None::<i64>, -1, "backward").abs()
            };
            let (missed, wanted) = (magnitudes(rebuilt), magnitudes(target));
            let power =
                |magnitudes: &Tensor| magnitudes.square().sum_dim_intlist([1i64, 2, 3].as_slice(), false, Kind::Float);
            let pieces = (wanted.numel() as f64 / wanted.size()[0] as f64).max(1.0);
            let least = floor * floor * pieces;
            let convergence = (power(&(&missed - &wanted)) + TINY).sqrt() / power(&wanted).clamp_min(least).sqrt();
            let logarithms = (missed.clamp_min(*floor).log() - wanted.clamp_min(*floor).log()).abs();
            sum = sum + convergence + logarithms.mean_dim([1i64, 2, 3].as_slice(), false, Kind::Float);
            count += 1.0;
        }
        sum / f64::max(count, 1.0)
    }
}

/// Differences of neighbouring frames, `[batch, channels, frames − 1]`.
fn difference(signal: &Tensor) -> Tensor {
    let frames = signal.size()[2] - 1;
    signal.narrow(2, 1, frames) - signal.narrow(2, 0, frames)
}

/// The mean of every window, `[batch, channels, frames]` to `[batch]`.
fn mean_of_windows(values: &Tensor) -> Tensor {
    values.mean_dim([1i64, 2].as_slice(), false, Kind::Float)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn distortion(keys: &str, channels: usize, frames: usize) -> Result<Distortion, TrainError> {
        Distortion::new(&toml::from_str(keys).unwrap(), channels, frames, Device::Cpu)
    }

    fn batch(values: &[f32], sizes: [i64; 3]) -> Tensor {
        Tensor::from_slice(values).view(sizes)
    }

    fn values(tensor: &Tensor) -> Vec<f64> {
        Vec::try_from(tensor.detach().to_kind(Kind::Double).flatten(0, -1)).unwrap()
    }

    fn assert_close(got: &[f64], wanted: &[f64]) {
        assert_eq!(got.len(), wanted.len());
        assert!(
            got.iter().zip(wanted).all(|(got, wanted)| (got - wanted).abs() < 1e-5),
            "{got:?} instead of {wanted:?}"
        );
    }

    #[test]
    fn squares_and_derivatives_by_hand() {
        let target = batch(&[0.0; 8], [2, 1, 4]);
        let rebuilt = batch(&[1.0, 1.0, 1.0, 1.0, 1.0, -1.0, 1.0, -1.0], [2, 1, 4]);
        // Both windows have a mean squared error of 1; a constant error has no derivative, an alternating one 2² / 2.
        let found = distortion("squared = 0.5\nderivative = 0.25", 1, 4).unwrap().of(&rebuilt, &target);
        assert_close(&values(&found.total), &[0.5, 0.5 + 0.25 * 2.0]);
        assert_close(&values(&found.squared), &[1.0]);
        assert_close(&values(found.terms[1].as_ref().unwrap()), &[1.0]);
        assert!(found.terms[0].is_none() && found.terms[2].is_none());
    }

    #[test]
    fn white_errors_count_in_the_derivative_as_in_the_square() {
        tch::manual_seed(3);
        let target = Tensor::zeros([1, 1, 100_000], (Kind::Float, Device::Cpu));
        let found = distortion("derivative = 1.0", 1, 100_000).unwrap().of(&target.randn_like(), &target);
        let [_, Some(derivative), _] = found.terms else { panic!("no derivative") };
        let ratio = derivative.double_value(&[]) / found.squared.double_value(&[]);
        assert!((ratio - 1.0).abs() < 0.02, "{ratio}");
    }

    #[test]
    fn weights_of_channels_and_movement_by_hand() {
        let target = batch(&[0.0, 0.0, 3.0, 3.0, 0.0, 0.0, 0.0, 0.0], [1, 2, 4]);
        let rebuilt = &target + batch(&[0.0, 0.0, 2.0, 0.0, 1.0, 1.0, 1.0, 1.0], [1, 2, 4]);
        // Mean squares of the channels: 1 and 1; weights 3 : 1 have the mean 2.
        let channels = distortion("channel_weights = [3.0, 1.0]", 2, 4).unwrap().of(&rebuilt, &target);
        assert_close(&values(&channels.total), &[(1.0 * 1.5 + 1.0 * 0.5) / 2.0]);
        // Squared movements 0, 0, 9, 0 have the mean 9/4: weights 1, 1, 1 + 4a, 1 with the mean 1 + a; a still channel has even ones.
        let movement = distortion("activity = 2.0", 2, 4).unwrap().of(&rebuilt, &target);
        assert_close(&values(&movement.total), &[(4.0 * 9.0 / 3.0 / 4.0 + 1.0) / 2.0]);
        assert_close(&values(&movement.squared), &[1.0]);
    }

    /// The magnitudes of one piece, by the sum that defines them.
    fn magnitudes(piece: &[f64]) -> Vec<f64> {
        let n = piece.len() as f64;
        let turn = |t: usize, k: usize| 2.0 * std::f64::consts::PI * (t * k) as f64 / n;
        let hann = |t: usize| 0.5 - 0.5 * (2.0 * std::f64::consts::PI * t as f64 / n).cos();
        let part = |k: usize, f: fn(f64) -> f64| {
            piece.iter().enumerate().map(|(t, x)| x * hann(t) * f(turn(t, k))).sum::<f64>()
        };
        (0..=piece.len() / 2).map(|k| part(k, f64::cos).hypot(part(k, f64::sin))).collect()
    }

    #[test]
    fn spectra_are_compared_as_the_definition_says() {
        let signal = |frequency: f64| -> Vec<f64> {
            (0..40).map(|t| (f64::from(t) * frequency).sin() + 0.2 * f64::from(t % 5)).collect()
        };
        let (target, rebuilt) = (signal(0.7), signal(0.9));
        let mut wanted = 0.0;
        for length in [8usize, 16] {
            let pieces = |signal: &[f64]| -> Vec<f64> {
                (0..=(40 - length))
                    .step_by(length / 4)
                    .flat_map(|from| magnitudes(&signal[from..from + length]))
                    .collect()
            };
            let (x, y) = (pieces(&target), pieces(&rebuilt));
            let power: f64 = (0..length)
                .map(|t| (0.5 - 0.5 * (2.0 * std::f64::consts::PI * t as f64 / length as f64).cos()).powi(2))
                .sum();
            let floor = 1e-3 * power.sqrt();
            let missed: f64 = x.iter().zip(&y).map(|(x, y)| (x - y).powi(2)).sum();
            let all: f64 = x.iter().map(|x| x * x).sum();
            let logarithms: f64 = x.iter().zip(&y).map(|(x, y)| (x.max(floor) / y.max(floor)).ln().abs()).sum();
            wanted += ((missed / all).sqrt() + logarithms / x.len() as f64) / 2.0;
        }
        let tensor = |signal: &[f64]| Tensor::from_slice(signal).to_kind(Kind::Float).view([1, 1, 40]);
        let keys = "squared = 0.0\nspectral = 2.0\nspectral_windows = [8, 16]";
        let found = distortion(keys, 1, 40).unwrap().of(&tensor(&rebuilt), &tensor(&target));
        let (got, twice) = (found.terms[2].as_ref().unwrap().double_value(&[]), found.total.double_value(&[0]));
        assert!(
            (got - wanted).abs() < 1e-4 * wanted && (twice - 2.0 * wanted).abs() < 2e-4 * wanted,
            "{got} for {wanted}"
        );
    }

    #[test]
    fn a_phase_costs_squares_and_no_spectrum_and_gradients_are_finite() {
        let wave = |phase: f64| {
            let samples: Vec<f32> = (0..1024).map(|t| (f64::from(t) * 0.4 + phase).sin() as f32).collect();
            batch(&samples, [1, 1, 1024])
        };
        let distortion = distortion("spectral = 1.0\nspectral_windows = [64, 256]", 1, 1024).unwrap();
        let found = distortion.of(&wave(1.5), &wave(0.0));
        let spectral = |found: &Distorted| found.terms[2].as_ref().unwrap().double_value(&[]);
        let louder = distortion.of(&(wave(0.0) * 2.0), &wave(0.0));
        assert!(found.squared.double_value(&[]) > 0.9 && spectral(&found) < 0.1 * spectral(&louder), "{found:?}");
        // Nothing is missed, and all is silent.
        for target in [wave(0.0), wave(0.0) * 0.0] {
            let rebuilt = target.copy().set_requires_grad(true);
            let found = distortion.of(&rebuilt, &target);
            assert!(spectral(&found) < 1e-3);
            found.total.mean(Kind::Float).backward();
            assert_eq!(rebuilt.grad().isfinite().all().int64_value(&[]), 1);
        }
    }

    #[test]
    fn channels_and_windows_that_do_not_fit_are_refused() {
        let channels = distortion("channel_weights = [1.0, 2.0]", 3, 64).unwrap_err().to_string();
        assert!(channels.contains("2 numbers") && channels.contains("3 channels"), "{channels}");
        let long = distortion("spectral = 0.1\nspectral_windows = [32, 128]", 1, 64).unwrap_err().to_string();
        assert!(long.contains("128 frames") && long.contains("data.window_hops"), "{long}");
        assert!(distortion("spectral_windows = [128]", 1, 64).is_ok());
    }
}
