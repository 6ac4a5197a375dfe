//! What lies between encoder and decoder: codes, or the continuous latents that they are compared with.

use serde::{Deserialize, Serialize};

use super::Config;
use super::section::{Section, section};

/// What lies between encoder and decoder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ModelKind {
    /// Codes.
    #[default]
    VqVae,
    /// Latents with a normal distribution each, of which a sample goes on: the continuous model that codes are compared with.
    Vae,
}

section! {
    /// Used where model = "vae".
    VaeConfig {
        /// β: what a nat of the latents' divergence from their prior costs, spread over the samples of a hop, against the mean squared
        /// error over the signal's variance. Twice the error's wanted variance gives the evidence lower bound.
        divergence: f64 = 0.02,
        /// The part of the steps over which β rises from 0, so that latents learn something before they cost something.
        divergence_warmup: f64 = 0.1,
    }
}

impl ModelKind {
    /// The key as TOML, explained.
    pub(super) fn commented(self) -> String {
        let word = toml::Value::try_from(self).map_or_else(|_| String::new(), |word| word.to_string());
        format!(
            "# \"vq-vae\": codes, as [quantizer] says. \"vae\": continuous latents with a normal distribution each (Kingma & Welling 2013), the\n\
             # baseline that codes are compared with, which cannot be exported.\nmodel = {word}\n"
        )
    }
}

impl Config {
    /// Channels that the encoder gives: the latents, or, of a VAE, their means and then the logarithms of their variances.
    pub(super) fn encoded(&self) -> usize {
        match self.model {
            ModelKind::VqVae => self.network.latents,
            ModelKind::Vae => 2 * self.network.latents,
        }
    }

    /// What a nat of divergence costs at `step`, counted from 0.
    #[must_use]
    pub fn divergence_weight(&self, step: usize) -> f64 {
        let rise = self.step_at(self.vae.divergence_warmup);
        self.vae.divergence * if step < rise { (step + 1) as f64 / (rise + 1) as f64 } else { 1.0 }
    }
}
