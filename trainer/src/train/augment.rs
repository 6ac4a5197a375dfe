//! Windows that were not recorded but could have been: other gains, slow baselines, mains hum, other speeds, noise, turned round.
//!
//! Everything is drawn from the step's own generator, after the windows themselves, so a resumed run sees the same windows.

use std::f64::consts::TAU;

use rand::RngExt;
use rand::rngs::ChaCha8Rng;
use tch::{Kind, Tensor};

use crate::config::AugmentationConfig;
use crate::random::normal;

/// Hertz between which baselines wander.
const WANDER: (f64, f64) = (0.05, 0.5);
/// The third harmonic of mains hum, as a part of the first.
const THIRD_HARMONIC: f64 = 0.2;

/// What is done to the windows of a signal.
#[derive(Debug)]
pub(super) struct Augmentation {
    settings: AugmentationConfig,
    /// Frames per second.
    rate: f64,
}

impl Augmentation {
    pub(super) fn new(settings: &AugmentationConfig, rate_millihertz: u64) -> Self {
        Self { settings: settings.clone(), rate: rate_millihertz as f64 / 1000.0 }
    }

    /// By how much longer than a window the stretch of signal is that each of `batch` windows is made of; 1 where time stays as it is.
    pub(super) fn stretches(&self, batch: usize, random: &mut ChaCha8Rng) -> Vec<f64> {
        let most = (1.0 + self.settings.stretch).ln();
        let stretch = |_| if most > 0.0 { (most * symmetric(random)).exp() } else { 1.0 };
        (0..batch).map(stretch).collect()
    }

    /// The angles, in radians, by which windows are turned towards another channel of their file, `[batch, 1, 1]`; 0 for those that are not mixed, `None`
    /// if none ever is.
    pub(super) fn angles(&self, batch: usize, random: &mut ChaCha8Rng) -> Option<Tensor> {
        if self.settings.mixture == 0.0 {
            return None;
        }
        let mut angle = || {
            let (chance, angle) = (random.random::<f64>(), symmetric(random) * TAU / 4.0);
            if chance < self.settings.mixture { angle as f32 } else { 0.0 }
        };
        let angles: Vec<f32> = (0..batch).map(|_| angle()).collect();
        Some(Tensor::from_slice(&angles).view([-1, 1, 1]))
    }

    /// Changes the values of windows `[batch, channels, frames]` in network units.
    pub(super) fn apply(&self, windows: Tensor, random: &mut ChaCha8Rng) -> Tensor {
        let settings = &self.settings;
        let (batch, channels, frames) = windows.size3().unwrap_or_default();
        let device = windows.device();
        let each = |random: &mut ChaCha8Rng, draw: &dyn Fn(f64) -> f64, channels: i64| {
            let values: Vec<f32> = (0..batch * channels).map(|_| draw(symmetric(random)) as f32).collect();
            Tensor::from_slice(&values).view([batch, channels, 1]).to_device(device)
        };
        let time = Tensor::arange(frames, (Kind::Float, device)) * (TAU / self.rate);
        let sine = |random: &mut ChaCha8Rng, amplitude: f64, frequency: &Tensor| {
            let amplitudes = each(random, &|x| amplitude * x, channels);
            let phases = each(random, &|x| x * TAU / 2.0, channels);
            amplitudes * (&time * frequency + phases).sin()
        };
        let mut windows = windows;
        if settings.gain > 0.0 {
            let most = (1.0 + settings.gain).ln();
            windows = &windows * each(random, &|x| (most * x).exp(), 1);
        }
        if settings.inversion > 0.0 {
            windows = &windows * each(random, &|x| if (x + 1.0) / 2.0 < settings.inversion { -1.0 } else { 1.0 }, 1);
        }
        if settings.wander > 0.0 {
            let (low, high) = WANDER;
            let frequency = each(random, &|x| low * (high / low).powf((x + 1.0) / 2.0), 1);
            windows = &windows + sine(random, settings.wander, &frequency);
        }
        if settings.hum > 0.0 {
            let mains = |x: f64| match settings.hum_frequency {
                0.0 if x < 0.0 => 50.0,
                0.0 => 60.0,
                frequency => frequency,
            };
            let frequency = each(random, &mains, 1);
            windows = &windows + sine(random, settings.hum, &frequency);
            windows = &windows + sine(random, settings.hum * THIRD_HARMONIC, &(frequency * 3.0));
        }
        if settings.noise > 0.0 {
            let amplitude = each(random, &|x| settings.noise * (x + 1.0) / 2.0, 1);
            windows = &windows + normal(&[batch, channels, frames], random).to_device(device) * amplitude;
        }
        windows
    }
}

/// A number evenly spread between −1 and 1.
fn symmetric(random: &mut ChaCha8Rng) -> f64 {
    random.random::<f64>() * 2.0 - 1.0
}

#[cfg(test)]
mod tests {
    use tch::Device;

    use super::*;
    use crate::random::for_step;

    fn changed(settings: AugmentationConfig, windows: &Tensor, step: usize) -> Tensor {
        Augmentation::new(&settings, 360_000).apply(windows.shallow_clone(), &mut for_step(1, step))
    }

    fn windows() -> Tensor {
        Tensor::randn([64, 2, 720], (Kind::Float, Device::Cpu))
    }

    #[test]
    fn nothing_is_changed_unless_asked_for() {
        let windows = windows();
        assert!(!AugmentationConfig::default().changes());
        assert!(changed(AugmentationConfig::default(), &windows, 0).equal(&windows));
    }

    #[test]
    fn a_step_always_changes_its_windows_alike_and_another_step_otherwise() {
        let windows = windows();
        let all = AugmentationConfig {
            gain: 0.5,
            wander: 0.5,
            hum: 0.2,
            hum_frequency: 0.0,
            stretch: 0.0,
            noise: 0.1,
            inversion: 0.5,
            mixture: 0.0,
        };
        let first = changed(all.clone(), &windows, 7);
        assert!(first.equal(&changed(all.clone(), &windows, 7)));
        assert!(!first.equal(&changed(all, &windows, 8)));
    }

    #[test]
    fn gains_and_inversions_are_within_their_range_and_the_same_for_all_channels() {
        let windows = windows();
        let settings = AugmentationConfig { gain: 1.0, inversion: 0.5, ..AugmentationConfig::default() };
        let ratio = changed(settings, &windows, 3) / &windows;
        let values = Vec::<f32>::try_from(ratio.amin([1i64, 2], false)).unwrap();
        let others = Vec::<f32>::try_from(ratio.amax([1i64, 2], false)).unwrap();
        assert!(values.iter().zip(&others).all(|(a, b)| (a - b).abs() < 1e-4));
        assert!(values.iter().all(|gain| (0.499..2.001).contains(&gain.abs())));
        let inverted = values.iter().filter(|gain| **gain < 0.0).count();
        assert!((16..48).contains(&inverted), "{inverted} of 64");
    }

    #[test]
    fn hum_is_at_the_mains_frequency_and_noise_is_white() {
        let still = Tensor::zeros([32, 1, 720], (Kind::Float, Device::Cpu));
        let hum =
            changed(AugmentationConfig { hum: 1.0, hum_frequency: 50.0, ..AugmentationConfig::default() }, &still, 0);
        // Two seconds: 50 Hz is the hundredth line of the spectrum, its third harmonic the three hundredth.
        let spectrum =
            hum.fft_rfft(None, 2, "backward").abs().square().sum_dim_intlist([0i64, 1].as_slice(), false, Kind::Float);
        let total = spectrum.sum(Kind::Float).double_value(&[]);
        let lines = [100i64, 300].map(|line| spectrum.double_value(&[line]) / total);
        assert!(lines[0] > 0.9 && lines[0] + lines[1] > 0.999, "{lines:?}");
        let noise = changed(AugmentationConfig { noise: 0.3, ..AugmentationConfig::default() }, &still, 0);
        let deviation = noise.std(false).double_value(&[]);
        // Amplitudes are even between 0 and 0.3: the mean square is 0.3² / 3.
        assert!((deviation - 0.3 / 3f64.sqrt()).abs() < 0.03, "{deviation}");
        let wander = changed(AugmentationConfig { wander: 2.0, ..AugmentationConfig::default() }, &still, 0);
        let slope = (wander.narrow(2, 1, 719) - wander.narrow(2, 0, 719)).abs().max().double_value(&[]);
        assert!(slope <= 2.0 * TAU * 0.5 / 360.0 + 1e-4 && wander.abs().max().double_value(&[]) > 0.5, "{slope}");
    }

    #[test]
    fn stretches_are_even_in_ratio() {
        let settings = AugmentationConfig { stretch: 0.25, ..AugmentationConfig::default() };
        let stretches = Augmentation::new(&settings, 360_000).stretches(1000, &mut for_step(2, 2));
        assert!(stretches.iter().all(|stretch| (0.8..=1.25).contains(stretch)));
        assert!((stretches.iter().map(|stretch| stretch.ln()).sum::<f64>() / 1000.0).abs() < 0.01);
        let none = Augmentation::new(&AugmentationConfig::default(), 360_000).stretches(3, &mut for_step(2, 2));
        assert_eq!(none, [1.0; 3]);
    }
}
