//! What is done to training windows, so that the codec has seen more than was recorded.

use serde::{Deserialize, Serialize};

use super::section::{Section, section};
use super::validate::within;
use super::{Config, ConfigError};

section! {
    /// What is done to training windows, each drawn anew in every step; 0 leaves a change out, and all are left out by default: rate and
    /// distortion are best on signals like those that were recorded. Held-out frames are never changed.
    AugmentationConfig {
        /// Gains from 1/(1 + gain) to 1 + gain, the same for all channels: electrodes and amplifiers differ.
        gain: f64 = 0.0,
        /// Baseline wander: a slow sine of up to this many standard deviations, 0.05 to 0.5 Hz.
        wander: f64 = 0.0,
        /// Mains hum of up to this many standard deviations, with its third harmonic at a fifth of that.
        hum: f64 = 0.0,
        /// The mains' frequency in Hz; 0 takes 50 or 60 by chance.
        hum_frequency: f64 = 0.0,
        /// Time is stretched by factors from 1/(1 + stretch) to 1 + stretch: hearts and machines are faster and slower.
        stretch: f64 = 0.0,
        /// White noise of up to this many standard deviations.
        noise: f64 = 0.0,
        /// The part of the windows that are turned upside down: electrodes get exchanged.
        inversion: f64 = 0.0,
        /// The part of the windows that are mixed with the same time of another channel of their file, turned into each other by any angle: leads that
        /// were not recorded, of hearts that were. For data.single_channels.
        mixture: f64 = 0.0,
    }
}

impl AugmentationConfig {
    /// Whether any window is changed.
    #[must_use]
    pub fn changes(&self) -> bool {
        [self.gain, self.wander, self.hum, self.stretch, self.noise, self.inversion, self.mixture]
            .into_iter()
            .any(|amount| amount > 0.0)
    }
}

impl Config {
    pub(super) fn validate_augmentation(&self) -> Result<(), ConfigError> {
        let augmentation = &self.augmentation;
        within("augmentation.gain", augmentation.gain, 0.0, 10.0)?;
        within("augmentation.wander", augmentation.wander, 0.0, 10.0)?;
        within("augmentation.hum", augmentation.hum, 0.0, 10.0)?;
        within("augmentation.hum_frequency", augmentation.hum_frequency, 0.0, 1000.0)?;
        within("augmentation.stretch", augmentation.stretch, 0.0, 1.0)?;
        within("augmentation.noise", augmentation.noise, 0.0, 10.0)?;
        within("augmentation.inversion", augmentation.inversion, 0.0, 1.0)?;
        within("augmentation.mixture", augmentation.mixture, 0.0, 1.0)?;
        if augmentation.mixture > 0.0 && !self.data.single_channels {
            return Err(ConfigError::Value {
                key: "augmentation.mixture",
                what: "mixes channels that are trained on one by one; set data.single_channels = true, or leave it out"
                    .into(),
            });
        }
        Ok(())
    }
}
