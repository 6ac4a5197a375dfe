//! What an error is, where it is more than its square.

use serde::{Deserialize, Serialize};

use super::section::{Section, section};
use super::validate::{refused, within};
use super::{Config, ConfigError};

section! {
    /// What is minimised of the errors of signals: a sum of terms, each with its weight. By default it is the mean squared error alone, in units
    /// of the signal's variance. The log and the report show every term that counts.
    DistortionConfig {
        /// Weight of the mean squared error.
        squared: f64 = 1.0,
        /// Weights of the channels in that error, one each, of which only the ratios count; none weighs all alike.
        channel_weights: Vec<f64> = Vec::new(),
        /// How much more that error counts where the signal moves quickly, such as in the beats of an ECG: an error is weighted by 1 + activity · d²,
        /// d² being the squared difference of neighbouring samples over its mean in the window.
        activity: f64 = 0.0,
        /// Weight of the error of the derivative: half of the mean squared difference of neighbouring errors. White errors count there as they do
        /// in the mean squared error, slow ones less, abrupt ones up to twice.
        derivative: f64 = 0.0,
        /// Weight of the distance of spectra: of the magnitudes of short-time Fourier transforms, without their phases. It is no squared error: weights
        /// of 0.001 to 0.01 are much.
        spectral: f64 = 0.0,
        /// Frames of the Hann windows of these transforms, 8 or more; each is moved by a quarter of its length.
        spectral_windows: Vec<usize> = vec![32, 128, 512],
    }
}

impl DistortionConfig {
    /// Whether it is the mean squared error, as by default.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        let Self { squared, channel_weights, activity, derivative, spectral, .. } = self;
        *squared == 1.0 && channel_weights.is_empty() && [activity, derivative, spectral].into_iter().all(|x| *x == 0.0)
    }

    /// Whether squared errors are weighted.
    #[must_use]
    pub fn is_weighted(&self) -> bool {
        self.activity > 0.0 || !self.channel_weights.is_empty()
    }
}

impl Config {
    pub(super) fn validate_distortion(&self) -> Result<(), ConfigError> {
        let distortion = &self.distortion;
        let terms = [
            ("distortion.squared", distortion.squared),
            ("distortion.derivative", distortion.derivative),
            ("distortion.spectral", distortion.spectral),
        ];
        terms.into_iter().try_for_each(|(key, weight)| within(key, weight, 0.0, 1e6))?;
        if terms.into_iter().all(|(_, weight)| weight == 0.0) {
            return Err(refused("distortion.squared", "no term has a weight: there would be nothing to learn from"));
        }
        within("distortion.activity", distortion.activity, 0.0, 1e6)?;
        for &weight in &distortion.channel_weights {
            within("distortion.channel_weights", weight, 0.0, 1e6)?;
        }
        if !distortion.channel_weights.is_empty() && distortion.channel_weights.iter().all(|weight| *weight == 0.0) {
            return Err(refused("distortion.channel_weights", "all are 0; give at least one channel a weight"));
        }
        if distortion.spectral > 0.0 && distortion.spectral_windows.is_empty() {
            return Err(refused("distortion.spectral_windows", "has none; give at least one, such as 64"));
        }
        let windows = distortion.spectral_windows.iter();
        windows.copied().try_for_each(|frames| within("distortion.spectral_windows", frames as f64, 8.0, 65_536.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_minimised_is_refused_by_name() {
        let refuse = |keys: &str| {
            let text = format!("[distortion]\n{keys}");
            toml::from_str::<Config>(&text).unwrap().validate().unwrap_err().to_string()
        };
        assert!(refuse("squared = 0.0").contains("no term has a weight"));
        assert!(refuse("derivative = -1.0").contains("distortion.derivative"));
        assert!(refuse("channel_weights = [0.0, 0.0]").contains("distortion.channel_weights"));
        assert!(refuse("spectral = 0.1\nspectral_windows = []").contains("distortion.spectral_windows"));
        assert!(refuse("spectral_windows = [4]").contains("4 is out of range"));
    }

    #[test]
    fn the_default_is_the_mean_squared_error() {
        assert!(DistortionConfig::default().is_plain());
        for keys in ["squared = 2.0", "activity = 1.0", "derivative = 0.5", "spectral = 0.1", "channel_weights = [1.0]"]
        {
            assert!(!toml::from_str::<DistortionConfig>(keys).unwrap().is_plain(), "{keys}");
        }
    }
}
