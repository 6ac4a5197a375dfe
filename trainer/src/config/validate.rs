//! The ranges of the configuration's values, checked before anything is built from them.

use vq_core::model::QUALITIES;

use super::{CodebookUpdate, Config, ConfigError, MOST_INTEGER_BITS, ModelKind, NetworkKind, QuantizerKind};
use crate::run::QuantizerRecord;

/// The largest sizes that a container holds and a microcontroller could run; they also keep arithmetic on them small.
const MAX_CHANNELS: usize = 1024;
const MAX_KERNEL: usize = 4096;
/// The most codes of a codebook.
const MAX_CODES: f64 = 4096.0;

impl Config {
    /// Checks every value's range.
    ///
    /// # Errors
    /// With the first key whose value cannot be used.
    pub fn validate(&self) -> Result<(), ConfigError> {
        self.validate_data()?;
        self.validate_augmentation()?;
        self.validate_network()?;
        self.validate_image()?;
        self.validate_quantizer()?;
        self.validate_vae()?;
        self.validate_distortion()?;
        self.validate_training()
    }

    fn validate_data(&self) -> Result<(), ConfigError> {
        let data = &self.data;
        within("data.window_hops", data.window_hops as f64, 1.0, 65536.0)?;
        within("data.test_fraction", data.test_fraction, 0.0, 0.9)?;
        within("data.validation_fraction", data.validation_fraction, 0.0, 0.9)
    }

    fn validate_network(&self) -> Result<(), ConfigError> {
        let network = &self.network;
        within("network.latents", network.latents as f64, 1.0, 256.0)?;
        within("network.look_ahead", network.look_ahead as f64, -1.0, 1e6)?;
        if network.kind == NetworkKind::Lapped {
            return Ok(());
        }
        within("network.linear_kernel", network.linear_kernel as f64, 0.0, MAX_KERNEL as f64)?;
        if network.encoder.is_empty() {
            return Err(refused("network.encoder", "has no layer; give at least one, its strides make the hop"));
        }
        let named = [
            ("network.encoder", &network.encoder),
            ("network.decoder", &network.decoder),
            ("network.host_decoder", &network.host_decoder),
        ];
        for (key, layer) in named.into_iter().flat_map(|(key, layers)| layers.iter().map(move |layer| (key, layer))) {
            within(key, layer.kernel as f64, 1.0, MAX_KERNEL as f64)?;
            within(key, layer.stride as f64, 1.0, 1024.0)?;
            within(key, layer.channels as f64, 1.0, MAX_CHANNELS as f64)?;
            within(key, layer.residual as f64, 0.0, 64.0)?;
            covers(key, layer.kernel, layer.stride)?;
        }
        covers("network.output", network.output.kernel, network.output.stride)?;
        covers("network.host_output", network.host_output.kernel, network.host_output.stride)?;
        within("network.host_output", network.host_output.kernel as f64, 1.0, MAX_KERNEL as f64)?;
        if network.linear_kernel > 0 {
            covers("network.linear_kernel", network.linear_kernel, self.network_plan().hop())?;
        }
        within("network.output", network.output.kernel as f64, 1.0, MAX_KERNEL as f64)?;
        within("network.output", network.output.stride as f64, 1.0, 1024.0)?;
        within("network.encoder: the hop, the product of its strides,", self.network_plan().hop() as f64, 1.0, 65536.0)
    }

    fn validate_image(&self) -> Result<(), ConfigError> {
        let image = &self.image;
        if ![0, 1, 3].contains(&image.channels) {
            return Err(refused("image.channels", "must be 1 (grey), 3 (colour) or 0 (as the first image)"));
        }
        within("image.height", image.height as f64, 0.0, 65536.0)?;
        within("image.width", image.width as f64, 0.0, 65536.0)?;
        let layers = [("image.encoder", &image.encoder), ("image.decoder", &image.decoder)];
        for (key, layer) in layers.into_iter().flat_map(|(key, layers)| layers.iter().map(move |layer| (key, layer))) {
            filter(key, layer.kernel, layer.stride, layer.resample)?;
            within(key, layer.channels as f64, 1.0, MAX_CHANNELS as f64)?;
            within(key, layer.residual as f64, 0.0, 64.0)?;
        }
        filter("image.latents", image.latents.kernel, image.latents.stride, image.latents.resample)?;
        filter("image.output", image.output.kernel, image.output.stride, image.output.resample)
    }

    fn validate_quantizer(&self) -> Result<(), ConfigError> {
        within("quantizer.dead_below", self.quantizer.dead_below, 0.0, 1.0)?;
        within("quantizer.decay", self.quantizer.decay, 0.0, 0.99999)?;
        let (vector, scalar) = (&self.vector, &self.scalar);
        within("vector.codes", vector.codes as f64, 2.0, MAX_CODES)?;
        stages("vector.stages", &vector.stages)?;
        stages("vector.part_stages", &vector.part_stages)?;
        within("vector.parts", vector.parts as f64, 1.0, 256.0)?;
        within("vector.stage_dropout", vector.stage_dropout, 0.0, 1.0)?;
        within("vector.commitment", vector.commitment, 0.0, 100.0)?;
        within("vector.rate_weight", vector.rate_weight, 0.0, 100.0)?;
        within("vector.kmeans_rounds", vector.kmeans_rounds as f64, 0.0, 10_000.0)?;
        within("vector.kmeans_latents", vector.kmeans_latents as f64, 1.0, 1e7)?;
        within("vector.restart_every", vector.restart_every as f64, 1.0, 1e9)?;
        within("vector.restart_until", vector.restart_until, 0.0, 1.0)?;
        within("scalar.bits", f64::from(scalar.bits), 2.0, f64::from(MOST_INTEGER_BITS))?;
        within("scalar.range", scalar.range, 0.1, 100.0)?;
        within("scalar.step", scalar.step, 0.0, 100.0)?;
        within("scalar.noise_until", scalar.noise_until, 0.0, 1.0)?;
        self.fsq.levels.iter().try_for_each(|&levels| within("fsq.levels", levels as f64, 3.0, 256.0))?;
        match self.quantizer.kind {
            QuantizerKind::Vq | QuantizerKind::Rvq | QuantizerKind::Product => self.validate_codebooks(),
            QuantizerKind::Fsq => self.validate_levels(),
            QuantizerKind::Scalar => Ok(()),
        }
    }

    fn validate_codebooks(&self) -> Result<(), ConfigError> {
        let (kind, vector, latents) = (self.quantizer.kind, &self.vector, self.network.latents);
        if let QuantizerRecord::Vector { stages, .. } = self.quantizer_record() {
            let most = stages.into_iter().max().unwrap_or(1);
            if vector.kmeans_latents < most {
                return Err(ConfigError::Value {
                    key: "vector.kmeans_latents",
                    what: format!("{} latents cannot start a codebook of {most} codes; make it at least that", {
                        vector.kmeans_latents
                    }),
                });
            }
        }
        if kind == QuantizerKind::Product && !latents.is_multiple_of(vector.parts) {
            return Err(ConfigError::Value {
                key: "vector.parts",
                what: format!("{latents} latents do not split into {} equal parts; change either", vector.parts),
            });
        }
        let stages = kind == QuantizerKind::Rvq || (kind == QuantizerKind::Product && vector.part_stages.len() > 1);
        if vector.cosine && stages {
            return Err(refused(
                "vector.cosine",
                "compares directions, and what a stage leaves has none worth coding; use \"vq\", or \"product\" with one stage",
            ));
        }
        if vector.cosine && vector.codebook_update == CodebookUpdate::Gradient {
            return Err(refused("vector.cosine", "needs vector.codebook_update = \"moving-average\""));
        }
        if vector.cosine && vector.rate_weight > 0.0 {
            return Err(refused(
                "vector.rate_weight",
                "needs distances, and directions have none; set vector.cosine = false",
            ));
        }
        if vector.cosine && latents / if kind == QuantizerKind::Product { vector.parts } else { 1 } < 2 {
            return Err(refused("vector.cosine", "a single latent has no direction; use fewer parts or more latents"));
        }
        Ok(())
    }

    fn validate_levels(&self) -> Result<(), ConfigError> {
        let (given, latents) = (self.fsq.levels.len(), self.network.latents);
        if given == 1 || given == latents {
            return Ok(());
        }
        Err(ConfigError::Value {
            key: "fsq.levels",
            what: format!("has {given} numbers for {latents} latents; give one for each, or a single one for all"),
        })
    }

    fn validate_vae(&self) -> Result<(), ConfigError> {
        within("vae.divergence", self.vae.divergence, 0.0, 1e6)?;
        within("vae.divergence_warmup", self.vae.divergence_warmup, 0.0, 1.0)?;
        if self.model == ModelKind::VqVae {
            return Ok(());
        }
        if self.network.kind == NetworkKind::Lapped {
            return Err(refused("model", "a VAE learns its latents' variance; set network.kind = \"learned\""));
        }
        if !self.network.host_decoder.is_empty() {
            return Err(refused("model", "a VAE has no codes that hosts could decode; leave network.host_decoder out"));
        }
        if self.budget.limits() {
            return Err(refused("model", "a VAE runs on no device, so no [budget] limits it; leave that out"));
        }
        Ok(())
    }

    fn validate_training(&self) -> Result<(), ConfigError> {
        let training = &self.training;
        within("training.steps", training.steps as f64, 1.0, 1e9)?;
        within("training.batch", training.batch as f64, 1.0, 65536.0)?;
        within("training.parts", training.parts as f64, 1.0, 1024.0)?;
        within("training.learning_rate", training.learning_rate, 1e-9, 1.0)?;
        within("training.learning_rate_warmup", training.learning_rate_warmup, 0.0, 1.0)?;
        within("training.learning_rate_final", training.learning_rate_final, 0.0, 1.0)?;
        within("training.beta1", training.beta1, 0.0, 0.99999)?;
        within("training.beta2", training.beta2, 0.0, 0.99999)?;
        within("training.gradient_clip", training.gradient_clip, 1e-9, 1e9)?;
        within("training.unquantized", training.unquantized, 0.0, 1.0)?;
        within("training.latent_noise", training.latent_noise, 0.0, 1e3)?;
        within("training.int8_from", training.int8_from, 0.0, 1.0)?;
        within("training.threads", training.threads as f64, 0.0, 1024.0)?;
        within("rate.distortion_weight", self.rate.distortion_weight, 1e-3, 1e9)?;
        within("rate.balance", self.rate.balance, 0.0, 1.0)?;
        within("rate.quality", self.rate.quality.into(), 0.0, QUALITIES as f64)?;
        within("prior.units", self.prior.units as f64, 0.0, 128.0)?;
        if !self.prior.units.is_multiple_of(4) {
            return Err(refused("prior.units", "is no multiple of 4; the device computes four at a time"));
        }
        within("prior.steps", self.prior.steps as f64, 1.0, 1e9)?;
        within("prior.learning_rate", self.prior.learning_rate, 1e-9, 1.0)?;
        within("prior.scale_rate", f64::from(self.prior.scale_rate), 0.0, 15.0)?;
        within("residual.steps", self.residual.steps as f64, 1.0, 1e9)?;
        within("residual.learning_rate", self.residual.learning_rate, 1e-9, 1.0)?;
        within("residual.filter_rate", f64::from(self.residual.filter_rate), 0.0, 15.0)?;
        within("run.log_every", self.run.log_every as f64, 1.0, 1e9)?;
        within("run.validate_every", self.run.validate_every as f64, 1.0, 1e9)?;
        within("run.checkpoint_seconds", self.run.checkpoint_seconds, 0.0, 1e9)?;
        if self.unquantized_steps() >= training.steps {
            return Err(refused("training.unquantized", "leaves no step for training with codes; lower it"));
        }
        if self.quantizer.kind == QuantizerKind::Scalar
            && !self.is_rated()
            && self.scalar.noise_until < training.unquantized
        {
            return Err(refused(
                "scalar.noise_until",
                "ends before training.unquantized does; raise it to at least that",
            ));
        }
        Ok(())
    }
}

fn stages(key: &'static str, stages: &[usize]) -> Result<(), ConfigError> {
    if stages.is_empty() || stages.len() > 64 {
        return Err(refused(key, "has none or more than 64 stages; give the number of codes of each"));
    }
    stages.iter().try_for_each(|&codes| within(key, codes as f64, 2.0, MAX_CODES))
}

pub(super) fn refused(key: &'static str, what: &str) -> ConfigError {
    ConfigError::Value { key, what: what.into() }
}

/// The ranges of a filter of an image's net.
fn filter(key: &'static str, kernel: usize, stride: usize, resample: usize) -> Result<(), ConfigError> {
    within(key, kernel as f64, 1.0, 64.0)?;
    within(key, stride as f64, 1.0, 64.0)?;
    within(key, resample as f64, 1.0, 64.0)?;
    covers(key, kernel, stride)?;
    if (kernel - stride).is_multiple_of(2) {
        return Ok(());
    }
    Err(ConfigError::Value {
        key,
        what: format!("a kernel of {kernel} at stride {stride} has no middle; make both odd or both even"),
    })
}

fn covers(key: &'static str, kernel: usize, stride: usize) -> Result<(), ConfigError> {
    if kernel >= stride {
        return Ok(());
    }
    Err(ConfigError::Value {
        key,
        what: format!("a kernel of {kernel} skips rows at stride {stride}; make it at least that"),
    })
}

pub(super) fn within(key: &'static str, value: f64, low: f64, high: f64) -> Result<(), ConfigError> {
    // Written so that NaN is refused.
    if value >= low && value <= high {
        return Ok(());
    }
    Err(ConfigError::Value { key, what: format!("{value} is out of range; it goes from {low} to {high}") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_commented_default_is_the_default() {
        let text = Config::default().to_commented_toml();
        assert_eq!(toml::from_str::<Config>(&text).unwrap(), Config::default());
        assert!(text.contains("# Optimizer steps.\nsteps = "), "{text}");
        let documented = text.lines().filter(|line| line.starts_with("# ")).count();
        assert!(documented > 40, "only {documented} lines of documentation");
    }

    #[test]
    fn defaults_are_in_range_and_make_nets() {
        let config = Config::default();
        config.validate().unwrap();
        config.network_plan().assemble(1).unwrap();
    }

    #[test]
    fn unknown_keys_and_sections_are_refused_by_name() {
        for (text, name) in [("[training]\nstesp = 3", "stesp"), ("[trainings]\nsteps = 3", "trainings")] {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("wrong.toml");
            std::fs::write(&path, text).unwrap();
            let message = Config::load(&path).unwrap_err().to_string();
            assert!(message.contains(name) && message.contains("wrong.toml"), "{message}");
            assert!(message.contains("line 2") || message.contains("line 1"), "{message}");
        }
        let text = "[network]\nencoder = [{ kernel = 8, stride = 4, channels = 2, residuals = 1 }]";
        assert!(toml::from_str::<Config>(text).unwrap_err().to_string().contains("residuals"));
    }

    #[test]
    fn values_out_of_range_are_named() {
        let refuse = |text: &str| toml::from_str::<Config>(text).unwrap().validate().unwrap_err().to_string();
        assert!(refuse("[training]\nbatch = 0").contains("training.batch"));
        assert!(refuse("[vector]\nstages = [64, 1]").contains("vector.stages"));
        assert!(refuse("[vector]\nstages = []").contains("vector.stages"));
        assert!(refuse("[training]\nlearning_rate = nan").contains("learning_rate"));
        assert!(refuse("[training]\nunquantized = 1.0").contains("unquantized"));
        assert!(refuse("[network]\noutput = { kernel = 3, stride = 4 }").contains("network.output"));
        assert!(refuse("[network]\nencoder = []").contains("network.encoder"));
        assert!(refuse("[vector]\nkmeans_latents = 100").contains("128 codes"));
    }

    #[test]
    fn quantizers_that_do_not_fit_their_latents_are_refused_with_what_to_do() {
        let refuse = |text: &str| toml::from_str::<Config>(text).unwrap().validate().unwrap_err().to_string();
        let product = refuse("[quantizer]\nkind = \"product\"\n[vector]\nparts = 3");
        assert!(product.contains("8 latents") && product.contains("3 equal parts"), "{product}");
        let levels = refuse("[quantizer]\nkind = \"fsq\"\n[fsq]\nlevels = [8, 8]");
        assert!(levels.contains("2 numbers for 8 latents"), "{levels}");
        assert!(refuse("[fsq]\nlevels = [2]").contains("fsq.levels"));
        assert!(refuse("[vector]\ncosine = true").contains("\"product\""));
        let gradient = "[quantizer]\nkind = \"vq\"\n[vector]\ncosine = true\ncodebook_update = \"gradient\"";
        assert!(refuse(gradient).contains("moving-average"));
        let single = "[quantizer]\nkind = \"product\"\n[vector]\nparts = 8\ncosine = true";
        assert!(refuse(single).contains("no direction"));
        let bits = "[quantizer]\nkind = \"vq\"\n[vector]\ncosine = true\nrate_weight = 0.1";
        assert!(refuse(bits).contains("vector.rate_weight"));
    }

    #[test]
    fn images_and_the_vae_are_checked_too() {
        let refuse = |text: &str| toml::from_str::<Config>(text).unwrap().validate().unwrap_err().to_string();
        let even = refuse("[image]\nlatents = { kernel = 4 }");
        assert!(even.contains("image.latents") && even.contains("both even"), "{even}");
        assert!(refuse("[image]\nchannels = 2").contains("image.channels"));
        assert!(refuse("[image]\nencoder = [{ kernel = 2, stride = 4, channels = 8 }]").contains("skips rows"));
        assert!(refuse("model = \"vae\"\n[network]\nkind = \"lapped\"").contains("learned"));
        assert!(refuse("model = \"vae\"\n[budget]\nflash = 40000").contains("[budget]"));
        let host = "model = \"vae\"\n[network]\nhost_decoder = [{ kernel = 3, stride = 1, channels = 8 }]";
        assert!(refuse(host).contains("network.host_decoder"));
        assert!(refuse("[vae]\ndivergence = -1.0").contains("vae.divergence"));
    }

    #[test]
    fn the_old_name_of_residual_codebooks_is_read() {
        let config = toml::from_str::<Config>("[quantizer]\nkind = \"vector\"").unwrap();
        assert_eq!(config.quantizer.kind, QuantizerKind::Rvq);
    }
}
