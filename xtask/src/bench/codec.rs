//! The rows of whole models: what a sample costs, streamed, with every rung of the priors and of the predictors, and the worst single polls.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::measure::{self, Counted};
use super::table::Row;
use super::targets::Target;
use super::trace::{Cost, Trace};
use crate::firmware::{self, BoardProgram};
use crate::project::Project;
use crate::setup::Toolchain;

/// Counts what a model costs.
const MODEL: BoardProgram = BoardProgram { package: "firmware-count", name: "model-count", options: &[] };

/// Models of the shapes that are counted, and the samples that they code.
#[derive(Debug)]
pub(crate) struct Models {
    folder: PathBuf,
}

impl Models {
    /// Makes them, in a moment.
    pub(crate) fn make(project: &Project) -> Result<Self> {
        let folder = project.scratch().join("rungs");
        firmware::write_models(project, "--rungs", &folder)?;
        Ok(Self { folder })
    }

    /// The rows of a target, without what a trace tells.
    pub(super) fn count(&self, project: &Project, toolchain: &Toolchain, target: &Target) -> Result<Vec<Row>> {
        let image = self.image(project, toolchain, target)?;
        let (cases, printed) = measure::count(target, &image, &self.folder)?;
        let frames = frames(&printed)?;
        Ok(cases.iter().map(|case| row(target, case, frames, None)).collect())
    }

    /// The rows of a target.
    pub(super) fn rows(&self, project: &Project, toolchain: &Toolchain, target: &Target) -> Result<Vec<Row>> {
        let (cases, printed, trace) = self.measure(project, toolchain, target)?;
        let frames = frames(&printed)?;
        let costs = (0..).map(|index| measure::cost(target, &trace, index));
        Ok(cases.iter().zip(costs).map(|(case, cost)| row(target, case, frames, Some(&cost))).collect())
    }

    /// The cases of a target, and their trace.
    pub(super) fn trace(
        &self,
        project: &Project,
        toolchain: &Toolchain,
        target: &Target,
    ) -> Result<(Vec<Counted>, Trace)> {
        let (cases, _, trace) = self.measure(project, toolchain, target)?;
        Ok((cases, trace))
    }

    /// Counts and traces the cases of a target; what else the program printed stands between.
    fn measure(
        &self,
        project: &Project,
        toolchain: &Toolchain,
        target: &Target,
    ) -> Result<(Vec<Counted>, String, Trace)> {
        let image = self.image(project, toolchain, target)?;
        let (cases, printed) = measure::count(target, &image, &self.folder)?;
        // Where the worst polls are, in the order of the cases.
        let places = printed.lines().filter_map(|line| line.strip_prefix("place "));
        let places: Vec<String> = places.map(str::to_owned).collect();
        let (_, trace) = measure::trace(target, &image, &self.folder, &places)?;
        Ok((cases, printed, trace))
    }

    fn image(&self, project: &Project, toolchain: &Toolchain, target: &Target) -> Result<PathBuf> {
        firmware::build_rungs_count(project, toolchain, &target.board, &self.folder)
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
    let image = firmware::build_program(project, toolchain, &target.board, &MODEL, Some(model))?;
    let (cases, printed) = measure::count(target, &image, folder)?;
    let frames = frames(&printed)?;
    let per_sample = |name: &str| -> Result<f64> {
        let case = cases.iter().find(|case| case.name == name);
        let case = case.with_context(|| format!("nothing was counted to {name} on {}", target.name))?;
        Ok((case.instructions as f64 / frames).round())
    };
    Ok([per_sample("model-encode")?, per_sample("model-decode")?])
}

fn frames(printed: &str) -> Result<f64> {
    let frames = printed.lines().find_map(|line| line.strip_prefix("frames ")?.parse().ok());
    frames.with_context(|| format!("the program did not print its frames, but:\n{printed}"))
}

/// A poll is one piece of work; other cases are of the whole stretch, and told per sample.
fn row(target: &Target, case: &Counted, frames: f64, cost: Option<&Cost>) -> Row {
    let is_poll = case.name.ends_with("-poll");
    let share = |total: u64| {
        if is_poll { total as f64 } else { (total as f64 / frames * 10.0).round() / 10.0 }
    };
    Row {
        target: target.name,
        case: if is_poll { case.name.clone() } else { format!("{}-sample", case.name) },
        code: case.code,
        instructions: share(case.instructions),
        macs: (case.macs > 0).then(|| share(case.macs)),
        words: cost.map(|cost| share(cost.words)),
        cycles: cost.filter(|_| target.cycles.is_some()).map(|cost| share(cost.cycles)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::measure::Code;
    use super::super::targets::by_name;
    use super::*;

    #[test]
    fn a_stretch_is_told_per_sample_and_a_poll_as_it_is() {
        let case = |name: &str| Counted { name: name.into(), code: Code::Compiler, instructions: 2050, macs: 0 };
        let cost = Cost { instructions: 2050, words: 1000, cycles: 3000 };
        let m4 = by_name("m4").unwrap();
        let stretch = row(&m4, &case("demo-encode"), 100.0, Some(&cost));
        assert_eq!(
            (stretch.case.as_str(), stretch.instructions, stretch.words),
            ("demo-encode-sample", 20.5, Some(10.0))
        );
        let poll = row(&m4, &case("demo-encode-poll"), 100.0, Some(&cost));
        assert_eq!((poll.case.as_str(), poll.instructions, poll.cycles), ("demo-encode-poll", 2050.0, Some(3000.0)));
        assert_eq!(row(&by_name("rv32").unwrap(), &case("demo-encode"), 1.0, Some(&cost)).cycles, None);
        assert!(frames("form x\n").is_err());
    }
}
