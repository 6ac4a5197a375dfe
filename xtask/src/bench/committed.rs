//! The counts that are committed, and what has grown since.

use std::collections::HashMap;
use std::fmt::{self, Display, Formatter, Write};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use super::measure::Code;
use super::table::Row;
use super::targets::Target;
use crate::project::Project;
use crate::setup::Toolchain;

/// By which part a count may grow.
const GROWTH: f64 = 0.01;

/// Instructions around a naked function that another compiler may need more: the checks of a call, and the calls of a case.
const CHECKS: f64 = 64.0;
/// A single poll is counted to this many instructions, the step of the slowest board's clock that counts.
const CLOCK_STEP: f64 = 50.0;

/// The folder in the firmware's workspace whose `counts` are those of layers.
pub(super) const LAYERS: &str = "kernels";
/// The one whose `counts` are those of models.
pub(super) const CODEC: &str = "count";

/// What the counts depend on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Versions {
    rustc: String,
    qemu: String,
}

impl Versions {
    /// Of the tools that are used.
    ///
    /// # Errors
    /// The emulator does not say.
    pub(crate) fn of(toolchain: &Toolchain, target: &Target) -> Result<Self> {
        let rustc = toolchain.version.split(' ').nth(1).unwrap_or("unknown").to_owned();
        Ok(Self { rustc, qemu: target.board.emulator.version()? })
    }

    /// Those in the first line of a file.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let first = text.lines().next()?;
        let version = |name: &str| {
            let (_, rest) = first.split_once(name)?;
            Some(rest.split(',').next()?.trim().to_owned())
        };
        version("rustc ").zip(version("QEMU ")).map(|(rustc, qemu)| Self { rustc, qemu })
    }

    /// Those with these numbers.
    #[cfg(test)]
    pub(crate) fn named(rustc: &str, qemu: &str) -> Self {
        Self { rustc: rustc.into(), qemu: qemu.into() }
    }
}

impl Display for Versions {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        write!(formatter, "rustc {}, QEMU {}", self.rustc, self.qemu)
    }
}

/// Where a target's counts are.
fn path(project: &Project, folder: &str, target: &Target) -> PathBuf {
    project.firmware().join(folder).join("counts").join(format!("{}.txt", target.name))
}

/// Writes a target's counts.
///
/// # Errors
/// The file cannot be written.
pub(crate) fn write(
    project: &Project,
    folder: &str,
    target: &Target,
    versions: &Versions,
    rows: &[Row],
) -> Result<PathBuf> {
    let mut text = format!("# {versions}, {}, {}\n", target.board.core, target.board.triple);
    text += "# case code instructions macs instructions_per_mac words cycles_estimate\n";
    let number = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |value| value.to_string());
    for row in rows {
        let code = if row.code == Code::Naked { "naked" } else { "compiler" };
        let per_mac = row.per_mac().map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.3}"));
        let [macs, words, cycles] = [row.macs, row.words, row.cycles].map(number);
        writeln!(text, "{} {code} {} {macs} {per_mac} {words} {cycles}", row.case, row.instructions)?;
    }
    let path = path(project, folder, target);
    fs::create_dir_all(path.parent().unwrap_or(&path))?;
    let beside = path.with_extension("tmp");
    fs::write(&beside, text).with_context(|| format!("cannot write {}", beside.display()))?;
    fs::rename(&beside, &path).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(path)
}

/// Fails if a case takes more instructions than what is committed, and says which and by how much.
///
/// # Errors
/// That, or that there are no counts.
pub(crate) fn check(project: &Project, folder: &str, target: &Target, versions: &Versions, rows: &[Row]) -> Result<()> {
    let path = path(project, folder, target);
    let committed = Committed::read(&path).with_context(|| format!("the counts in {}", path.display()))?;
    if committed.versions != *versions {
        println!(
            "  {}: the counts are those of {}, and these are {versions}: only naked functions are compared",
            project.relative(&path).display(),
            committed.versions
        );
    }
    let grown = committed.grown(versions, rows);
    if grown.is_empty() {
        return Ok(());
    }
    bail!("{}\n`cargo xtask bench device --save` takes them over", grown.join("\n"))
}

/// What is committed of a case.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct CommittedCount {
    /// The case.
    pub(crate) case: String,
    /// Its instructions.
    pub(crate) instructions: f64,
    /// Its useful multiply-accumulates; 0 where nothing is multiplied.
    pub(crate) macs: f64,
}

/// The committed counts of a target in a folder's `counts`, for tables.
///
/// # Errors
/// There are none, or they are none.
pub(crate) fn committed_counts(project: &Project, folder: &str, target: &Target) -> Result<Vec<CommittedCount>> {
    let path = path(project, folder, target);
    let text = fs::read_to_string(&path).with_context(|| format!("there are no counts in {}", path.display()))?;
    let count = |line: &str| {
        let words: Vec<&str> = line.split(' ').collect();
        let number = |index: usize| words.get(index).and_then(|word| word.parse().ok());
        let case = (*words.first()?).to_owned();
        Some(CommittedCount { case, instructions: number(2)?, macs: number(3).unwrap_or(0.0) })
    };
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| count(line).with_context(|| format!("no count in `{line}`"))).collect()
}

/// Counts as they were committed.
#[derive(Debug)]
struct Committed {
    versions: Versions,
    instructions: HashMap<String, f64>,
}

impl Committed {
    fn read(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path)?;
        let instructions = text.lines().filter(|line| !line.starts_with('#')).map(|line| {
            let words: Vec<&str> = line.split(' ').collect();
            let count = words.get(2).and_then(|count| count.parse().ok());
            count.map(|count| (words[0].to_owned(), count)).with_context(|| format!("no count in `{line}`"))
        });
        Ok(Self {
            versions: Versions::read(&text).context("the first line names no versions")?,
            instructions: instructions.collect::<Result<_>>()?,
        })
    }

    /// A line for every case that has grown. With other tools than the committed ones the compiler's code is not compared, and
    /// the checks around a naked function may differ.
    fn grown(&self, versions: &Versions, rows: &[Row]) -> Vec<String> {
        let same = self.versions == *versions;
        let compared = rows.iter().filter(|row| same || row.code == Code::Naked);
        let lines = compared.filter_map(|row| {
            let (case, now) = (&row.case, row.instructions);
            let Some(&before) = self.instructions.get(case) else {
                return Some(format!("{case} has no committed count"));
            };
            let step = if case.ends_with("-poll") { CLOCK_STEP } else { 0.0 };
            let allowance = if same { step } else { CHECKS };
            (now > before * (1.0 + GROWTH) + allowance).then(|| {
                let percent = (now / before - 1.0) * 100.0;
                format!("{case} takes {percent:.1} % more instructions: {now} instead of {before}")
            })
        });
        lines.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::targets::by_name;
    use super::*;

    fn case(name: &str, code: Code, instructions: u32) -> Row {
        let [instructions, words] = [instructions, 40].map(f64::from);
        Row { target: "m4", case: name.into(), code, instructions, macs: Some(100.0), words: Some(words), cycles: None }
    }

    #[test]
    fn what_grows_by_more_than_a_hundredth_is_told() {
        let versions = |rustc: &str| Versions::named(rustc, "7.2.22");
        let committed = Committed {
            versions: versions("1.95.0"),
            instructions: [("conv", 10_000.0), ("gru", 10_000.0), ("a-poll", 500.0)]
                .map(|(name, count)| (name.to_owned(), count))
                .into(),
        };
        let cases = |conv, gru| [case("conv", Code::Naked, conv), case("gru", Code::Compiler, gru)];
        assert!(committed.grown(&versions("1.95.0"), &cases(10_100, 9_000)).is_empty());
        let grown = committed.grown(&versions("1.95.0"), &cases(10_150, 10_102));
        assert_eq!(grown.len(), 2);
        assert_eq!(grown[0], "conv takes 1.5 % more instructions: 10150 instead of 10000");
        // Another compiler: only naked functions count, and the checks around them may differ.
        assert_eq!(committed.grown(&versions("1.96.0"), &cases(10_160, 20_000)).len(), 0);
        assert_eq!(committed.grown(&versions("1.96.0"), &cases(10_200, 20_000)).len(), 1);
        assert_eq!(committed.grown(&versions("1.95.0"), &[case("new", Code::Naked, 1)]).len(), 1);
        // A poll may be counted a step longer.
        assert_eq!(committed.grown(&versions("1.95.0"), &[case("a-poll", Code::Compiler, 540)]).len(), 0);
        assert_eq!(committed.grown(&versions("1.95.0"), &[case("a-poll", Code::Compiler, 560)]).len(), 1);
    }

    #[test]
    fn what_is_written_is_read_back() {
        let folder = std::env::temp_dir().join(format!("microvq-counts-{}", std::process::id()));
        let project = Project { root: folder.clone(), exported_libtorch: None };
        let target = by_name("m4").unwrap();
        let versions = Versions::named("1.95.0", "7.2.22");
        let cases = [case("conv@1", Code::Naked, 123)];
        write(&project, LAYERS, &target, &versions, &cases).unwrap();
        check(&project, LAYERS, &target, &versions, &[case("conv@1", Code::Naked, 124)]).unwrap();
        let error = check(&project, LAYERS, &target, &versions, &[case("conv@1", Code::Naked, 130)]).unwrap_err();
        assert!(error.to_string().contains("5.7 % more"), "{error}");
        let read = Committed::read(&path(&project, LAYERS, &target)).unwrap();
        fs::remove_dir_all(folder).unwrap();
        assert_eq!(read.versions, versions);
    }
}
