//! `cargo xtask bench`: what the codec costs on the device, in instructions, words and an estimate of cycles.

mod codec;
mod committed;
mod cycles;
pub(crate) mod goals;
mod instruction;
mod listing;
mod measure;
mod table;
pub(crate) mod targets;
mod trace;

use anyhow::{Context, Result};
use clap::{Args, Subcommand};

use crate::firmware::{self, BoardProgram};
use crate::project::Project;
use crate::setup::{self, Toolchain};
use codec::Demo;
pub(crate) use codec::sample_costs;
pub(crate) use committed::Versions;
use measure::Counted;
use table::Row;
use targets::{TARGETS, Target};
use trace::{Cost, Trace};

/// Counts the instructions of the kernels.
const PROGRAM: BoardProgram = BoardProgram { package: "firmware-kernels", name: "kernels-count", options: &[] };

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Count the instructions of layers and of the demo's model on every emulated core
    Device(DeviceArguments),
}

#[derive(Debug, Args)]
struct DeviceArguments {
    /// Print an array of objects instead of tables
    #[arg(long)]
    json: bool,
    /// Only this core; may be given several times
    #[arg(long = "target", value_name = "NAME", value_parser = targets::by_name)]
    targets: Vec<Target>,
    /// Print the inner loop of a case and its mix of instructions instead
    #[arg(long, value_name = "CASE", conflicts_with_all = ["json", "save"])]
    disasm: Option<String>,
    /// Write the counts of the layers to firmware/kernels/counts, which `cargo xtask test` compares with
    #[arg(long)]
    save: bool,
    /// Only compare the layers with those counts, as `cargo xtask test` does
    #[arg(long, conflicts_with_all = ["json", "save", "disasm"])]
    check: bool,
}

/// `cargo xtask bench`
pub(crate) fn task(project: &Project, arguments: &Arguments) -> Result<()> {
    let What::Device(arguments) = &arguments.what;
    let targets = if arguments.targets.is_empty() { TARGETS.to_vec() } else { arguments.targets.clone() };
    let boards: Vec<_> = targets.iter().map(|target| target.board).collect();
    let toolchain = setup::device_quietly(project, &boards, false)?;
    if let Some(case) = &arguments.disasm {
        return disassemble(project, &toolchain, &targets, case);
    }
    if arguments.check {
        for target in &targets {
            check(project, &toolchain, target).with_context(|| format!("layers on {}", target.board.core))?;
            println!("  {}: nothing has grown", target.board.core);
        }
        return Ok(());
    }
    let demo = Demo::find(project);
    let mut rows = Vec::new();
    for target in &targets {
        eprintln!("  counting on {}", target.board.core);
        let cases = layers(project, &toolchain, target)?;
        if arguments.save {
            let versions = Versions::of(&toolchain, target)?;
            let path = committed::write(project, target, &versions, &cases)?;
            eprintln!("  written to {}", project.relative(&path).display());
        }
        rows.extend(cases.iter().map(|(case, cost)| row(target, case, cost)));
        if let Some(demo) = &demo {
            rows.extend(demo.rows(project, &toolchain, target)?);
        }
    }
    if arguments.json {
        println!("{}", serde_json::to_string_pretty(&table::json(&rows))?);
    } else {
        print!("{}", table::text(&rows));
        println!(
            "\nInstructions are counted by QEMU and are not cycles; words are registers moved from or to memory; cycles are"
        );
        println!(
            "estimated from the tables of docs/cycles.md. Rows of the demo are per sample, those of polls the worst single one."
        );
    }
    if demo.is_none() {
        eprintln!("  the rows of the demo's model are left out: `cargo xtask demo` trains it");
    }
    Ok(())
}

/// Fails if a layer takes more instructions on a target than what is committed.
pub(crate) fn check(project: &Project, toolchain: &Toolchain, target: &Target) -> Result<()> {
    let image = firmware::build_program(project, toolchain, &target.board, &PROGRAM, None)?;
    let (cases, _) = measure::count(target, &image, &project.root)?;
    committed::check(project, target, &Versions::of(toolchain, target)?, &cases)
}

/// The targets that [`check`] is for: the M7 runs the image of the M4.
pub(crate) fn checked_targets() -> impl Iterator<Item = Target> {
    TARGETS.into_iter().filter(|target| target.name != "m7")
}

/// Every layer's counts on a target.
fn layers(project: &Project, toolchain: &Toolchain, target: &Target) -> Result<Vec<(Counted, Cost)>> {
    let image = firmware::build_program(project, toolchain, &target.board, &PROGRAM, None)?;
    let (counted, _) = measure::count(target, &image, &project.root)?;
    let (_, trace) = measure::trace(target, &image, &project.root)?;
    Ok(counted.into_iter().enumerate().map(|(index, case)| (case, measure::cost(target, &trace, index))).collect())
}

fn row(target: &Target, case: &Counted, cost: &Cost) -> Row {
    Row {
        target: target.name,
        case: case.name.clone(),
        instructions: case.instructions as f64,
        macs: Some(case.macs as f64),
        words: Some(cost.words as f64),
        cycles: target.cycles.map(|_| cost.cycles as f64),
    }
}

fn disassemble(project: &Project, toolchain: &Toolchain, targets: &[Target], name: &str) -> Result<()> {
    for target in targets {
        let image = firmware::build_program(project, toolchain, &target.board, &PROGRAM, None)?;
        let (cases, trace): (Vec<Counted>, Trace) = measure::trace(target, &image, &project.root)?;
        let index = cases.iter().position(|case| case.name == name).with_context(|| {
            let names: Vec<_> = cases.iter().map(|case| case.name.as_str()).collect();
            format!("there is no case {name}; the cases are\n  {}", names.join("\n  "))
        })?;
        println!("\n{}, {}", target.name, listing::inner_loop(&cases[index], &trace, index, target.cycles.as_ref()));
    }
    Ok(())
}
