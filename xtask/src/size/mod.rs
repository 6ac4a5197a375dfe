//! `cargo xtask size`: what the codec takes of a chip, on every core and with every set of vq-core's features.
//!
//! The images are those of `firmware/size`. They hold a model of the demo's shapes whose weights nobody trained, which they see only at
//! run time, and they link with a panic handler that does not exist: weighing them proves that no panic is reachable in them.

mod committed;
mod table;
mod weigh;

use anyhow::{Context, Result};
use clap::Args;

use crate::bench::Versions;
use crate::bench::targets::{self, TARGETS, Target};
use crate::project::Project;
use crate::setup::{self, Toolchain};
use weigh::Models;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Print an array of objects instead of tables
    #[arg(long)]
    json: bool,
    /// Only this core; may be given several times
    #[arg(long = "target", value_name = "NAME", value_parser = targets::by_name)]
    targets: Vec<Target>,
    /// Write the sizes to firmware/size/sizes, which `cargo xtask test` compares with
    #[arg(long, conflicts_with = "check")]
    save: bool,
    /// Only compare with those sizes, as `cargo xtask test` does
    #[arg(long, conflicts_with = "json")]
    check: bool,
}

/// `cargo xtask size`
pub(crate) fn task(project: &Project, arguments: &Arguments) -> Result<()> {
    let targets = if arguments.targets.is_empty() { TARGETS.to_vec() } else { arguments.targets.clone() };
    let boards: Vec<_> = targets.iter().map(|target| target.board).collect();
    let toolchain = setup::device_quietly(project, &boards, false)?;
    let models = Models::make(project)?;
    let mut rows = Vec::new();
    for target in &targets {
        eprintln!("  weighing on {}", target.board.core);
        let weighed = weigh::target(project, &toolchain, target, &models)?;
        let versions = Versions::of(&toolchain, target)?;
        if arguments.save {
            let path = committed::write(project, target, &versions, &weighed)?;
            eprintln!("  written to {}", project.relative(&path).display());
        }
        if arguments.check {
            committed::check(project, target, &versions, &weighed)
                .with_context(|| format!("sizes on {}", target.board.core))?;
            println!("  {}: nothing has grown", target.board.core);
        }
        rows.extend(weighed);
    }
    if arguments.json {
        println!("{}", serde_json::to_string_pretty(&table::json(&rows))?);
    } else if !arguments.check {
        print!("{}", table::text(&rows));
    }
    Ok(())
}

/// Makes the models that images are weighed with.
pub(crate) fn models(project: &Project) -> Result<Models> {
    Models::make(project)
}

/// Whether there are sizes of a target to compare with: `cargo xtask size --save` writes them.
pub(crate) fn are_committed(project: &Project, target: &Target) -> bool {
    committed::exist(project, target)
}

/// The sizes that are committed, a row for every core and set of features: those of an encoder, and of both sides together.
pub(crate) fn committed_table(project: &Project) -> Result<String> {
    let mut weighed = Vec::new();
    for target in TARGETS {
        if committed::exist(project, &target) {
            weighed.push((target.board.core, committed::read_target(project, &target)?));
        }
    }
    anyhow::ensure!(!weighed.is_empty(), "no sizes are committed: `cargo xtask size --save` writes them");
    Ok(table::markdown(&weighed))
}

/// Fails if an image of a target does not link without panics, or takes more than what is committed.
pub(crate) fn check(project: &Project, toolchain: &Toolchain, target: &Target, models: &Models) -> Result<()> {
    let weighed = weigh::target(project, toolchain, target, models)?;
    committed::check(project, target, &Versions::of(toolchain, target)?, &weighed)
}
