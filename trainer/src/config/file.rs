//! A configuration from its file.

use std::path::{Path, PathBuf};

use super::Config;

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{file}: cannot read the configuration: {source}")]
    Io {
        /// The file.
        file: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The text is not TOML, has a key that does not exist, or a value of the wrong type.
    #[error("{file}: {source}\n`vq train --print-config` prints every key with its meaning and default")]
    Syntax {
        /// The file.
        file: PathBuf,
        /// What and where.
        source: toml::de::Error,
    },
    /// A value is out of its range.
    #[error("configuration, {key}: {what}")]
    Value {
        /// The key, with its section.
        key: &'static str,
        /// What is wrong and what to do.
        what: String,
    },
}

/// Keys of [network] that belong together: who sets one has a recipe of its own. The others go with the nets of any preset.
const NETS: [&str; 6] = ["kind", "latents", "linear_kernel", "encoder", "decoder", "output"];

impl Config {
    /// Reads and checks a configuration.
    ///
    /// # Errors
    /// If the file cannot be read, has an unknown key, or a value out of range.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let config = Self::read_over(path, &Self::default())?;
        config.validate()?;
        Ok(config)
    }

    /// Reads a configuration over defaults, those of a class of signals or of images; its values are checked later.
    ///
    /// # Errors
    /// If the file cannot be read, or has an unknown key.
    pub fn read_over(path: &Path, defaults: &Self) -> Result<Self, ConfigError> {
        let syntax = |source| ConfigError::Syntax { file: path.to_path_buf(), source };
        let text = text_of(path)?;
        // By itself first: mistakes of the file are told with their line, which a merged table has not.
        let alone: Self = toml::from_str(&text).map_err(syntax)?;
        if *defaults == Self::default() {
            return Ok(alone);
        }
        let given: toml::Table = toml::from_str(&text).map_err(syntax)?;
        let mut merged: toml::Table = toml::from_str(&defaults.to_commented_toml()).map_err(syntax)?;
        for (key, value) in given {
            match (merged.get_mut(&key), value) {
                (Some(toml::Value::Table(section)), toml::Value::Table(values)) => section.extend(values),
                (_, value) => drop(merged.insert(key, value)),
            }
        }
        merged.try_into().map_err(syntax)
    }

    /// Whether a file says itself what is trained: a model, nets or a quantizer. Otherwise it changes what the signal suggests.
    ///
    /// # Errors
    /// If the file cannot be read, or is no TOML.
    pub fn names_nets(path: &Path) -> Result<bool, ConfigError> {
        let given: toml::Table = toml::from_str(&text_of(path)?)
            .map_err(|source| ConfigError::Syntax { file: path.to_path_buf(), source })?;
        let in_network = |key: &&str| given.get("network").and_then(|network| network.get(*key)).is_some();
        Ok(given.contains_key("model") || given.contains_key("quantizer") || NETS.iter().any(in_network))
    }
}

fn text_of(path: &Path) -> Result<String, ConfigError> {
    std::fs::read_to_string(path).map_err(|source| ConfigError::Io { file: path.to_path_buf(), source })
}

#[cfg(test)]
mod tests {
    use super::super::{ModelKind, Preset};
    use super::*;
    use crate::images::ImageShape;

    #[test]
    fn what_goes_with_any_nets_is_no_recipe_of_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.toml");
        for (text, is_recipe) in [
            ("[network]\nlook_ahead = 0\n", false),
            ("[[network.host_decoder]]\nkernel = 3\nstride = 1\nchannels = 8\nresidual = 0\n", false),
            ("[training]\nsteps = 7\n", false),
            ("[network]\nkind = \"lapped\"\n", true),
            ("[quantizer]\nkind = \"vq\"\n", true),
            ("model = \"vae\"\n", true),
        ] {
            std::fs::write(&path, text).unwrap();
            assert_eq!(Config::names_nets(&path).unwrap(), is_recipe, "{text}");
        }
    }

    #[test]
    fn a_file_over_other_defaults_changes_what_it_names_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.toml");
        let thumbnails = Config::for_images(ImageShape { channels: 1, height: 28, width: 28 });
        for defaults in [Config::default(), Preset::Speech.config(), thumbnails] {
            std::fs::write(&path, "model = \"vae\"\n[network]\nlatents = 12\n[training]\nsteps = 7\n").unwrap();
            let mut wanted = defaults.clone();
            wanted.model = ModelKind::Vae;
            wanted.network.latents = 12;
            wanted.training.steps = 7;
            assert_eq!(Config::read_over(&path, &defaults).unwrap(), wanted);
            std::fs::write(&path, "[network]\nlatent = 12\n").unwrap();
            let error = Config::read_over(&path, &defaults).unwrap_err().to_string();
            assert!(error.contains("latent") && error.contains("line 2"), "{error}");
        }
    }
}
