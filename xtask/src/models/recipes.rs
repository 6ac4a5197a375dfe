//! What the models that ship are made of and measured on: `models/models.toml`.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::project::Project;

/// A kind of signal, with the recordings of its models.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Signal {
    /// Its name in places of results.
    pub(crate) name: String,
    /// What it is, for people.
    pub(crate) title: String,
    /// The set of `vq data`.
    pub(crate) data: String,
    /// The set's licence, and whom to cite.
    pub(crate) terms: String,
    /// How the recordings' files end.
    ending: String,
    /// Recordings that models are trained on.
    pub(crate) train: Vec<String>,
    /// Recordings that they are measured on.
    pub(crate) test: Vec<String>,
    /// Options of `vq` that say how the files are read, in training and in measuring.
    #[serde(default)]
    pub(crate) reading: Vec<String>,
    /// Channels that they are measured on; all, if none is named.
    #[serde(default)]
    columns: Vec<String>,
    /// The stretch of the training recordings that opponents learn from, in frames, if not the one that is measured on.
    #[serde(default)]
    train_stretch: Option<[u64; 2]>,
    /// What they are measured on, in words: other people, or a later part of the same recording.
    pub(crate) held_out: String,
    /// The stretch of a recording that they are measured on, in frames: from the first, and to the last, if not told otherwise.
    #[serde(default)]
    pub(crate) from: u64,
    #[serde(default)]
    pub(crate) to: Option<u64>,
    /// Bits per sample between which rates are compared at equal error.
    #[serde(default = "usual_rates")]
    pub(crate) between: [f64; 2],
    /// The opponent that cards compare with beside the wavelet, where it is the stronger one.
    #[serde(default)]
    pub(crate) rival: Option<String>,
    /// A recording of another kind than those that they are trained and measured on, which the cards compare with the wavelet on.
    #[serde(default)]
    pub(crate) elsewhere: Option<Elsewhere>,
    /// What models of this signal cannot do, a sentence each.
    pub(crate) limits: Vec<String>,
    /// Its models, the standard one first.
    #[serde(rename = "model")]
    pub(crate) models: Vec<Recipe>,
    /// Models of codebooks that they are measured against; they do not ship.
    #[serde(rename = "opponent", default)]
    pub(crate) opponents: Vec<Opponent>,
}

const fn usual_rates() -> [f64; 2] {
    [0.15, 1.2]
}

/// A recording on which a model is no better than it has to be.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Elsewhere {
    /// The recording, of the signal's set.
    pub(crate) record: String,
    /// Options of `vq` that say how it is read.
    pub(crate) reading: Vec<String>,
    /// What it is, in the words of a card's sentence.
    pub(crate) what: String,
}

/// How a model is made.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Recipe {
    /// Its name, and its file's.
    pub(crate) name: String,
    /// A shorter name.
    pub(crate) short: String,
    /// The training's configuration, from the project's folder.
    pub(crate) config: String,
}

/// How an opponent is made.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Opponent {
    /// Its name, and its file's.
    pub(crate) name: String,
    /// The training's configuration, from the project's folder.
    pub(crate) config: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Recipes {
    signal: Vec<Signal>,
}

/// All signals.
pub(crate) fn read(project: &Project) -> Result<Vec<Signal>> {
    let path = project.models().join("models.toml");
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let recipes: Recipes = toml::from_str(&text).with_context(|| path.display().to_string())?;
    Ok(recipes.signal)
}

/// The file of a model that is named by its path, or by a name of one that ships.
pub(crate) fn file_of(project: &Project, name: &str) -> Result<PathBuf> {
    let path = PathBuf::from(name);
    if path.is_file() {
        return Ok(path);
    }
    let signals = read(project)?;
    let recipes: Vec<&Recipe> = signals.iter().flat_map(|signal| &signal.models).collect();
    match recipes.iter().find(|recipe| recipe.name == name || recipe.short == name) {
        Some(recipe) => Ok(recipe.file(project)),
        None => {
            let names: Vec<&str> = recipes.iter().map(|recipe| recipe.short.as_str()).collect();
            bail!(
                "there is no model {name}: no file is called so, and no model that ships; those are {}",
                names.join(", ")
            )
        }
    }
}

impl Recipe {
    /// The model's file.
    pub(crate) fn file(&self, project: &Project) -> PathBuf {
        project.models().join(format!("{}.vqm", self.name))
    }
}

impl Opponent {
    /// The model's file.
    pub(crate) fn file(&self, project: &Project) -> PathBuf {
        project.root.join("benches").join("models").join(format!("{}.vqm", self.name))
    }
}

impl Signal {
    /// The files of recordings below the folder of all sets.
    pub(crate) fn files(&self, data: &Path, names: &[String]) -> Vec<PathBuf> {
        names.iter().map(|name| data.join(&self.data).join(format!("{name}.{}", self.ending))).collect()
    }

    /// Whether all recordings are there.
    pub(crate) fn is_fetched(&self, data: &Path) -> bool {
        let all = [self.train.as_slice(), self.test.as_slice()].concat();
        self.files(data, &all).iter().all(|file| file.is_file())
    }

    /// The options of `vq` that choose what is measured.
    pub(crate) fn stretch(&self) -> Vec<String> {
        let mut words = vec!["--from".into(), self.from.to_string()];
        words.extend(self.to.iter().flat_map(|to| ["--to".into(), to.to_string()]));
        words.extend_from_slice(&self.reading);
        if !self.columns.is_empty() {
            words.extend(["--columns".into(), self.columns.join(",")]);
        }
        words
    }

    /// The options of `vq bench rd` that choose what opponents learn from.
    pub(crate) fn train_stretch(&self) -> Vec<String> {
        let Some([from, to]) = self.train_stretch else { return Vec::new() };
        vec!["--train-from".into(), from.to_string(), "--train-to".into(), to.to_string()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_measured_on_is_not_trained_on() {
        for signal in read(&Project::new()).unwrap() {
            let is_later = signal.train_stretch.is_some_and(|[_, to]| to <= signal.from);
            assert!(is_later || signal.test.iter().all(|name| !signal.train.contains(name)), "{}", signal.name);
            let opponents = signal.opponents.iter().map(|opponent| &opponent.config);
            for config in signal.models.iter().map(|recipe| &recipe.config).chain(opponents) {
                assert!(Project::new().root.join(config).is_file(), "{config}");
            }
        }
    }

    #[test]
    fn models_are_found_by_their_names_and_files_go_first() {
        let project = Project::new();
        assert_eq!(file_of(&project, "ecg").unwrap(), project.models().join("ecg-360hz.vqm"));
        assert_eq!(file_of(&project, "ecg-360hz-small").unwrap(), project.models().join("ecg-360hz-small.vqm"));
        let manifest = project.root.join("Cargo.toml");
        assert_eq!(file_of(&project, manifest.to_str().unwrap()).unwrap(), manifest);
        assert!(file_of(&project, "toaster").unwrap_err().to_string().contains("ecg-small"));
    }
}
