//! `cargo xtask models`: makes the models that ship from public recordings, and measures them.

mod facts;
mod recipes;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use clap::Args;

pub(crate) use facts::Facts;
pub(crate) use recipes::{Recipe, Signal, file_of, read as signals};

use crate::process::{cargo, run};
use crate::project::Project;
use crate::results;
use crate::setup;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The models, by name, and opponents that are models; all, if none is named
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    /// Folder of public recordings, one inside for each set; what is missing is fetched into it
    #[arg(long, value_name = "DIR", default_value = results::DATA)]
    data: PathBuf,
    /// Export this finished run in place of training one
    #[arg(long, value_name = "RUN")]
    run: Option<PathBuf>,
}

/// A model to make.
struct Job<'a> {
    signal: &'a Signal,
    name: &'a str,
    short: &'a str,
    config: &'a str,
    file: PathBuf,
}

/// `cargo xtask models`: true when nothing that was to be measured was left out.
pub(crate) fn task(project: &Project, arguments: &Arguments) -> Result<bool> {
    let signals = recipes::read(project)?;
    let jobs: Vec<Job<'_>> = signals.iter().flat_map(|signal| jobs(project, signal)).collect();
    for name in &arguments.names {
        let names = || jobs.iter().map(|job| job.name).collect::<Vec<_>>().join(", ");
        ensure!(jobs.iter().any(|job| job.is_called(name)), "there is no model {name}; the models are {}", names());
    }
    let is_meant =
        |job: &&Job<'_>| arguments.names.is_empty() || arguments.names.iter().any(|name| job.is_called(name));
    let meant: Vec<&Job<'_>> = jobs.iter().filter(is_meant).collect();
    ensure!(arguments.run.is_none() || meant.len() == 1, "a run is one model's: name the model with --run");
    println!("  libtorch: {}", setup::training(project)?);
    build_vq(project)?;
    for job in meant {
        println!("\n{}: {}", job.name, job.signal.title);
        let folder = match &arguments.run {
            Some(run) => run.clone(),
            None => job.train(project, &arguments.data)?,
        };
        run(vq(project).arg("export").arg(folder).arg("-o").arg(&job.file))?;
    }
    results::write(project, &arguments.data)
}

fn jobs<'a>(project: &Project, signal: &'a Signal) -> Vec<Job<'a>> {
    let models = signal.models.iter().map(|recipe| {
        let file = recipe.file(project);
        Job { signal, name: &recipe.name, short: &recipe.short, config: &recipe.config, file }
    });
    let opponents = signal.opponents.iter().map(|opponent| {
        let file = opponent.file(project);
        Job { signal, name: &opponent.name, short: &opponent.name, config: &opponent.config, file }
    });
    models.chain(opponents).collect()
}

impl Job<'_> {
    fn is_called(&self, name: &str) -> bool {
        [self.name, self.short].contains(&name)
    }

    /// Fetches what is missing and trains; returns the run's folder.
    fn train(&self, project: &Project, data: &Path) -> Result<PathBuf> {
        let signal = self.signal;
        if !signal.is_fetched(&project.root.join(data)) {
            run(vq(project).args(["data", &signal.data, "-o"]).arg(data.join(&signal.data)))?;
        }
        let folder = Path::new("runs").join("models").join(self.name);
        let existing = project.root.join(&folder);
        if existing.exists() {
            // A run folder is never mixed with an older one.
            fs::remove_dir_all(&existing).with_context(|| format!("cannot empty {}", existing.display()))?;
        }
        let mut command = vq(project);
        command.arg("train").args(signal.files(data, &signal.train)).args(&signal.reading);
        run(command.args(["--config", self.config, "-o"]).arg(&folder))?;
        Ok(folder)
    }
}

/// Builds `vq` as the tests do: what one command builds, the other finds.
pub(crate) fn build_vq(project: &Project) -> Result<()> {
    run(cargo(project, &project.root).args(["build", "--quiet", "--locked", "--workspace", "--bin", "vq"]))
}

/// `vq` in the project's folder.
pub(crate) fn vq(project: &Project) -> Command {
    let mut command = Command::new(project.programs().join("vq"));
    command.current_dir(&project.root);
    command
}
