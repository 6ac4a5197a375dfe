//! The sizes that are committed, and what has grown since.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use super::weigh::Weight;
use crate::bench::Versions;
use crate::bench::targets::Target;
use crate::project::Project;

/// By which part a size may grow.
const GROWTH: f64 = 0.01;

/// Where a target's sizes are.
fn path(project: &Project, target: &Target) -> PathBuf {
    project.firmware().join("size").join("sizes").join(format!("{}.txt", target.name))
}

/// Whether there are sizes of a target to compare with.
pub(super) fn exist(project: &Project, target: &Target) -> bool {
    path(project, target).is_file()
}

/// Writes a target's sizes.
///
/// # Errors
/// The file cannot be written.
pub(super) fn write(project: &Project, target: &Target, versions: &Versions, weights: &[Weight]) -> Result<PathBuf> {
    let mut text = format!(
        "# {versions}, {}, {}\n# set program text rodata model ram stack\n",
        target.board.core, target.board.triple
    );
    for Weight { set, program, text: code, rodata, model, ram, stack, .. } in weights {
        writeln!(text, "{set} {program} {code} {rodata} {model} {ram} {stack}")?;
    }
    let path = path(project, target);
    fs::create_dir_all(path.parent().unwrap_or(&path))?;
    let beside = path.with_extension("tmp");
    fs::write(&beside, text).with_context(|| format!("cannot write {}", beside.display()))?;
    fs::rename(&beside, &path).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(path)
}

/// Fails if an image takes more than what is committed, and says which and by how much. Only of the same tools: sizes are the compiler's.
///
/// # Errors
/// That, or that there are no sizes.
pub(super) fn check(project: &Project, target: &Target, versions: &Versions, weights: &[Weight]) -> Result<()> {
    let path = path(project, target);
    let text = fs::read_to_string(&path).with_context(|| format!("there are no sizes in {}", path.display()))?;
    let of =
        Versions::read(&text).with_context(|| format!("the first line of {} names no versions", path.display()))?;
    if of != *versions {
        let file = project.relative(&path).display().to_string();
        println!("  {file}: the sizes are those of {of}, and these are of {versions}: they are not compared");
        return Ok(());
    }
    let grown = grown(&read(&path, target.name, &text)?, weights);
    if grown.is_empty() {
        return Ok(());
    }
    bail!("{}\n`cargo xtask size --save` takes them over", grown.join("\n"))
}

/// The committed sizes of a target.
///
/// # Errors
/// There are none, or they are none.
pub(super) fn read_target(project: &Project, target: &Target) -> Result<Vec<Weight>> {
    let path = path(project, target);
    let text = fs::read_to_string(&path).with_context(|| format!("there are no sizes in {}", path.display()))?;
    read(&path, target.name, &text)
}

fn read(path: &Path, target: &str, text: &str) -> Result<Vec<Weight>> {
    let weight = |line: &str| {
        let words: Vec<&str> = line.split(' ').collect();
        let &[set, program, ref numbers @ ..] = words.as_slice() else { return None };
        let numbers: Vec<u64> = numbers.iter().map_while(|number| number.parse().ok()).collect();
        let &[text, rodata, model, ram, stack] = numbers.as_slice() else { return None };
        Some(Weight {
            target: target.into(),
            set: set.into(),
            program: program.into(),
            text,
            rodata,
            model,
            ram,
            stack,
        })
    };
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| weight(line).with_context(|| format!("no sizes in `{line}` of {}", path.display()))).collect()
}

/// A line for everything that has grown.
fn grown(committed: &[Weight], weights: &[Weight]) -> Vec<String> {
    let mut lines = Vec::new();
    for now in weights {
        let name = format!("{} with {}", now.program, now.set);
        let Some(before) = committed.iter().find(|before| before.set == now.set && before.program == now.program)
        else {
            lines.push(format!("{name} has no committed sizes"));
            continue;
        };
        for (what, before, now) in [
            ("text", before.text, now.text),
            ("constants", before.rodata, now.rodata),
            ("model", before.model, now.model),
            ("static RAM", before.ram, now.ram),
            ("stack", before.stack, now.stack),
        ] {
            if now as f64 > before as f64 * (1.0 + GROWTH) {
                let percent = (now as f64 / before.max(1) as f64 - 1.0) * 100.0;
                lines.push(format!("{name}: {percent:.1} % more {what}: {now} bytes instead of {before}"));
            }
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::targets::{TARGETS, by_name};

    fn weight(text: u64, stack: u64) -> Weight {
        let [target, set, program] = ["m4", "nets", "encode"].map(str::to_owned);
        Weight { target, set, program, text, rodata: 0, model: 9, ram: 100, stack }
    }

    #[test]
    fn what_grows_by_more_than_a_hundredth_is_told() {
        let committed = [weight(10_000, 500)];
        assert!(grown(&committed, &[weight(10_100, 400)]).is_empty());
        let lines = grown(&committed, &[weight(10_150, 520)]);
        assert_eq!(lines[0], "encode with nets: 1.5 % more text: 10150 bytes instead of 10000");
        assert!(lines[1].contains("4.0 % more stack"), "{lines:?}");
        let other = Weight { set: "new".into(), ..weight(1, 1) };
        assert_eq!(grown(&committed, &[other]), ["encode with new has no committed sizes"]);
    }

    #[test]
    fn what_is_committed_reaches_the_goals() {
        for target in TARGETS.into_iter().filter(|target| exist(&Project::new(), target)) {
            let path = path(&Project::new(), &target);
            let weights = read(&path, target.name, &fs::read_to_string(&path).unwrap()).unwrap();
            let of = |set: &str, program: &str| {
                let weight = weights.iter().find(|weight| weight.set == set && weight.program == program);
                weight.unwrap_or_else(|| panic!("{set} {program} on {}", target.name)).clone()
            };
            for set in ["nets", "priors", "prediction", "all"] {
                assert!(of(set, "encode").ram <= 3 << 10, "{set} on {}", target.name);
                assert!(of(set, "decode").ram <= 6 << 10, "{set} on {}", target.name);
            }
            // The kernels of a Cortex-M4 that take two windows at a time are the one thing that does not fit.
            if ["m0", "m4-small"].contains(&target.name) {
                assert!(of("nets", "encode-trusted").text <= 8 << 10, "{}", target.name);
            }
            if ["m0", "m4", "m4-small"].contains(&target.name) {
                assert!(of("priors", "encode-trusted").text <= 14 << 10, "{}", target.name);
            }
        }
    }

    #[test]
    fn sizes_of_other_tools_are_not_compared() {
        let folder = std::env::temp_dir().join(format!("microvq-sizes-{}", std::process::id()));
        let project = Project { root: folder.clone(), exported_libtorch: None };
        let (target, versions) = (by_name("m4").unwrap(), Versions::named("1.95.0", "7.2.22"));
        write(&project, &target, &versions, &[weight(1000, 100)]).unwrap();
        check(&project, &target, &versions, &[weight(1009, 100)]).unwrap();
        let error = check(&project, &target, &versions, &[weight(1100, 100)]).unwrap_err();
        assert!(error.to_string().contains("10.0 % more text"), "{error}");
        check(&project, &target, &Versions::named("1.96.0", "7.2.22"), &[weight(1100, 100)]).unwrap();
        fs::remove_dir_all(folder).unwrap();
    }
}
