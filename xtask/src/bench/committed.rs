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
pub(crate) fn check(
    project: &Project,
    folder: &str,
    target: &Target,
    versions: &Versions,
    rows: &[Row],
) -> Result<()> {
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
            instructions: [("conv", 10_000.0), ("gru", 10_000.0), ("a-poll", 500.0)].map(|(name, count)| (name.to_owned(), count)).into(),
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

    /// The goals per multiply-accumulate on M4, M3 and M0, each for some cases.
    const GOALS: [(&[&str], [f64; 3]); 6] = [
        (&BODIES, [1.12, 2.1, 4.4]),
        (&["conv-1-16-k7-s2"], [2.0, 3.5, 8.0]),
        (&["transposed-16-1-k4-s2"], [1.7, 3.0, 6.5]),
        (&["depthwise-32-k5"], [2.6, 4.0, 9.0]),
        (&["fully-connected-256-64", "gru-matrix-64-64"], [1.25, 2.4, 4.2]),
        // 3 800, 10 500 and 18 000 a search of 4 096.
        (&["nearest-256-16"], [0.9277, 2.5634, 4.3945]),
    ];
    const BODIES: [&str; 6] = [
        "conv-16-32-k5-s2",
        "conv-32-32-k3",
        "conv-32-64-k4-s2",
        "conv-64-16-k1",
        "transposed-64-32-k4-s2",
        "transposed-32-16-k4-s2",
    ];

    /// The committed instructions per multiply-accumulate of a case.
    fn committed_ratio(target: &str, case: &str) -> f64 {
        let [instructions, macs] = committed_numbers(LAYERS, target, case);
        instructions / macs
    }

    fn committed_numbers(folder: &str, target: &str, case: &str) -> [f64; 2] {
        let text = fs::read_to_string(path(&Project::new(), folder, &by_name(target).unwrap())).unwrap();
        let line = text.lines().find(|line| line.split(' ').next() == Some(case)).unwrap();
        let words: Vec<&str> = line.split(' ').collect();
        [words[2], words[3]].map(|word| word.parse().unwrap_or(f64::NAN))
    }

    #[test]
    fn what_is_committed_reaches_the_goals() {
        for (column, target) in ["m4", "m3", "m0"].into_iter().enumerate() {
            for (cases, goals) in GOALS {
                for case in cases {
                    let ratio = committed_ratio(target, case);
                    assert!(ratio <= goals[column], "{case} on {target}: {ratio}");
                }
            }
            for body in BODIES {
                let ratio = committed_ratio(target, &format!("{body}@1"));
                assert!(ratio <= [1.32, 2.5, 4.4][column], "{body}@1 on {target}: {ratio}");
            }
        }
        for body in BODIES {
            assert!(committed_ratio("rv32", body) <= 3.0, "{body} on RV32");
        }
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
