//! What is known of a model beside its file: the commit that it was put in place at, and what it costs on emulated cores. It is kept beside the
//! model, so that who has no emulator has the figures; a model with another identity is counted anew.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::{Recipe, Signal, vq};
use crate::bench::targets::{TARGETS, Target};
use crate::bench::{Versions, sample_costs};
use crate::process::{probe, run};
use crate::project::Project;
use crate::setup;

/// The cores that models are counted on.
const CORES: [&str; 2] = ["m4", "m0"];

/// The content of `models/NAME.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Facts {
    /// The model's identity in hexadecimal.
    pub(crate) identity: String,
    /// The project's commit when the model was counted.
    pub(crate) commit: String,
    /// The compiler and the emulator that counted.
    pub(crate) tools: String,
    /// Instructions per sample, by core.
    pub(crate) instructions: BTreeMap<String, PerSample>,
}

/// Instructions per sample at quality 9, streamed.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PerSample {
    pub(crate) encode: f64,
    pub(crate) decode: f64,
}

impl Facts {
    /// What is written of the model of this identity, or is found out and written now.
    pub(crate) fn of(project: &Project, signal: &Signal, recipe: &Recipe, identity: &str, data: &Path) -> Result<Self> {
        let path = path(project, recipe);
        if let Some(written) = read(&path)?.filter(|facts| facts.identity == identity) {
            return Ok(written);
        }
        let facts = Self::count(project, signal, recipe, identity, data)?;
        let beside = path.with_extension("tmp");
        fs::write(&beside, serde_json::to_string_pretty(&facts)? + "\n")
            .with_context(|| format!("cannot write {}", beside.display()))?;
        fs::rename(&beside, &path).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(facts)
    }

    /// What is written, if it is of the model of this identity.
    pub(crate) fn written(project: &Project, recipe: &Recipe, identity: &str) -> Result<Option<Self>> {
        Ok(read(&path(project, recipe))?.filter(|facts| facts.identity == identity))
    }

    fn count(project: &Project, signal: &Signal, recipe: &Recipe, identity: &str, data: &Path) -> Result<Self> {
        let targets: Vec<Target> = TARGETS.into_iter().filter(|target| CORES.contains(&target.name)).collect();
        let boards: Vec<_> = targets.iter().map(|target| target.board).collect();
        let toolchain = setup::device_quietly(project, &boards, false)?;
        let vectors = project.scratch().join("models").join(&recipe.name);
        let record = signal.files(data, &signal.test[..1]);
        let mut command = vq(project);
        command.arg("vectors").arg("--model").arg(recipe.file(project)).args(record).args(signal.stretch());
        run(command.arg("-o").arg(&vectors))?;
        let mut instructions = BTreeMap::new();
        let mut tools = String::new();
        for target in &targets {
            eprintln!("  counting {} on {}", recipe.name, target.board.core);
            let [encode, decode] = sample_costs(project, &toolchain, target, &recipe.file(project), &vectors)?;
            instructions.insert(target.name.to_owned(), PerSample { encode, decode });
            tools = Versions::of(&toolchain, target)?.to_string();
        }
        let commit = probe(Command::new("git").args(["rev-parse", "--short=12", "HEAD"]).current_dir(&project.root));
        let commit = commit.unwrap_or_else(|| "unknown".to_owned());
        Ok(Self { identity: identity.to_owned(), commit, tools, instructions })
    }
}

fn path(project: &Project, recipe: &Recipe) -> PathBuf {
    project.models().join(format!("{}.json", recipe.name))
}

fn read(path: &Path) -> Result<Option<Facts>> {
    if !path.is_file() {
        return Ok(None);
    }
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_str(&text).map(Some).with_context(|| path.display().to_string())
}
