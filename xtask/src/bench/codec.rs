//! The rows of the demo's model: what a sample costs, streamed.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::measure::{self, Counted};
use super::table::Row;
use super::targets::Target;
use crate::firmware::{self, BoardProgram};
use crate::project::Project;
use crate::setup::Toolchain;

/// Counts the instructions of a stretch of the signal.
const PROGRAM: BoardProgram =
    BoardProgram { package: "firmware-qemu", name: "codec-count", options: &["--features", "count"] };

/// What `cargo xtask demo` left behind.
#[derive(Debug)]
pub(crate) struct Demo {
    model: PathBuf,
    /// Where samples.bin is.
    folder: PathBuf,
}

impl Demo {
    /// The demo's files, if they are there.
    pub(crate) fn find(project: &Project) -> Option<Self> {
        let demo = project.root.join("demo");
        let found = Self { model: demo.join("ecg.vqm"), folder: demo.join("vectors") };
        (found.model.is_file() && found.folder.join("samples.bin").is_file()).then_some(found)
    }

    /// The rows of a target: instructions per sample to encode and to decode, and of the worst single polls.
    pub(crate) fn rows(&self, project: &Project, toolchain: &Toolchain, target: &Target) -> Result<Vec<Row>> {
        let image = firmware::build_program(project, toolchain, &target.board, &PROGRAM, Some(&self.model))?;
        let counted = self.count(target, &image)?;
        let (_, trace) = measure::trace(target, &image, &self.folder)?;
        let frames = counted.frames as f64;
        let rows = counted.cases.iter().enumerate().map(|(index, case)| {
            let name = format!("demo-{}", case.name);
            if case.macs == 0 {
                let instructions = case.instructions as f64;
                return Row { target: target.name, case: name, instructions, macs: None, words: None, cycles: None };
            }
            let cost = measure::cost(target, &trace, index);
            let per_sample = |total: u64| (total as f64 / frames * 10.0).round() / 10.0;
            Row {
                target: target.name,
                case: format!("{name}-sample"),
                instructions: per_sample(case.instructions),
                macs: Some(per_sample(case.macs)),
                words: Some(per_sample(cost.words)),
                cycles: target.cycles.map(|_| per_sample(cost.cycles)),
            }
        });
        Ok(rows.collect())
    }

    fn count(&self, target: &Target, image: &Path) -> Result<CountedFrames> {
        let (cases, printed) = measure::count(target, image, &self.folder)?;
        let frames = printed.lines().find_map(|line| line.strip_prefix("frames ")?.parse().ok());
        Ok(CountedFrames { cases, frames: frames.unwrap_or(1) })
    }
}

/// Instructions per sample to encode and to decode with a model, streamed, on the samples.bin in `folder`.
pub(crate) fn sample_costs(
    project: &Project,
    toolchain: &Toolchain,
    target: &Target,
    model: &Path,
    folder: &Path,
) -> Result<[f64; 2]> {
    let demo = Demo { model: model.into(), folder: folder.into() };
    let image = firmware::build_program(project, toolchain, &target.board, &PROGRAM, Some(&demo.model))?;
    let counted = demo.count(target, &image)?;
    let per_sample = |name: &str| -> Result<f64> {
        let case = counted.cases.iter().find(|case| case.name == name);
        let case = case.with_context(|| format!("nothing was counted to {name} on {}", target.name))?;
        Ok((case.instructions as f64 / counted.frames as f64).round())
    };
    Ok([per_sample("encode")?, per_sample("decode")?])
}

struct CountedFrames {
    cases: Vec<Counted>,
    frames: u64,
}
