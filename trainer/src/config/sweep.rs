//! The price of a bit against error, whichever part of a configuration holds it.

use super::{Config, ConfigError, ModelKind};

impl Config {
    /// Sets the price that trades bits for error: of a sweep.
    ///
    /// # Errors
    /// If nothing trades them, or the price is out of range.
    pub fn set_lambda(&mut self, lambda: f64) -> Result<(), ConfigError> {
        if self.model == ModelKind::Vae {
            self.vae.divergence = lambda;
        } else if self.is_rated() {
            self.rate.distortion_weight = lambda;
        } else if self.quantizer.kind.has_codebooks() {
            self.vector.rate_weight = lambda;
        } else {
            return Err(ConfigError::Value {
                key: "quantizer.kind",
                what:
                    "nothing trades bits for error in this configuration, so there is no λ to sweep; use codebooks, or \
                       \"scalar\" with rate.enabled = true and a prior other than \"tables\", whose bits the loss counts"
                        .into(),
            });
        }
        self.validate()
    }
}
