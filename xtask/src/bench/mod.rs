//! `cargo xtask bench`: what the codec costs on the device, in instructions, words and an estimate of cycles.

mod codec;
mod committed;
mod cycles;
pub(crate) mod goals;
mod instruction;
mod listing;
mod measure;
pub(crate) mod rungs;
mod table;
pub(crate) mod targets;
mod trace;

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};

use crate::firmware::{self, BoardProgram};
use crate::project::Project;
use crate::setup::{self, Toolchain};
pub(crate) use codec::{Models, sample_costs};
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
    /// Count the instructions of layers and of whole models on every emulated core
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
    /// Write the counts to firmware/kernels/counts and firmware/count/counts, which `cargo xtask test` compares with
    #[arg(long)]
    save: bool,
    /// Only compare with those counts, as `cargo xtask test` does
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
    let models = Models::make(project)?;
    if arguments.check {
        for target in &targets {
            check(project, &toolchain, target, &models).with_context(|| target.board.core)?;
            println!("  {}: nothing has grown", target.board.core);
        }
        return Ok(());
    }
    let mut rows = Vec::new();
    for target in &targets {
        eprintln!("  counting on {}", target.board.core);
        let layers = layers(project, &toolchain, target)?;
        let codec = models.rows(project, &toolchain, target)?;
        if arguments.save {
            let versions = Versions::of(&toolchain, target)?;
            for (place, rows) in [(committed::LAYERS, &layers), (committed::CODEC, &codec)] {
                let path = committed::write(project, place, target, &versions, rows)?;
                eprintln!("  written to {}", project.relative(&path).display());
            }
        }
        rows.extend(layers);
        rows.extend(codec);
    }
    if arguments.json {
        println!("{}", serde_json::to_string_pretty(&table::json(&rows))?);
    } else {
        print!("{}", table::text(&rows));
        println!(
            "\nInstructions are counted by QEMU and are not cycles; words are registers moved from or to memory; cycles are"
        );
        println!(
            "estimated from the tables of docs/cycles.md. Rows named `-sample` are the mean of a stretch of ECG, those of polls the worst single one."
        );
    }
    Ok(())
}

/// Fails if a layer or a model takes more instructions on a target than what is committed.
pub(crate) fn check(project: &Project, toolchain: &Toolchain, target: &Target, models: &Models) -> Result<()> {
    let image = firmware::build_program(project, toolchain, &target.board, &PROGRAM, None)?;
    let (cases, _) = measure::count(target, &image, &project.root)?;
    let layers: Vec<Row> = cases.iter().map(|case| row(target, case, None)).collect();
    let versions = Versions::of(toolchain, target)?;
    committed::check(project, committed::LAYERS, target, &versions, &layers)?;
    committed::check(project, committed::CODEC, target, &versions, &models.count(project, toolchain, target)?)
}

/// The targets that [`check`] is for: the M7 runs the image of the M4.
pub(crate) fn checked_targets() -> impl Iterator<Item = Target> {
    TARGETS.into_iter().filter(|target| target.name != "m7")
}

/// Every layer's counts on a target.
fn layers(project: &Project, toolchain: &Toolchain, target: &Target) -> Result<Vec<Row>> {
    let image = firmware::build_program(project, toolchain, &target.board, &PROGRAM, None)?;
    let (counted, _) = measure::count(target, &image, &project.root)?;
    let (_, trace) = measure::trace(target, &image, &project.root, &[])?;
    let costs = (0..).map(|index| measure::cost(target, &trace, index));
    Ok(counted.iter().zip(costs).map(|(case, cost)| row(target, case, Some(&cost))).collect())
}

fn row(target: &Target, case: &Counted, cost: Option<&Cost>) -> Row {
    Row {
        target: target.name,
        case: case.name.clone(),
        code: case.code,
        instructions: case.instructions as f64,
        macs: Some(case.macs as f64),
        words: cost.map(|cost| cost.words as f64),
        cycles: cost.filter(|_| target.cycles.is_some()).map(|cost| cost.cycles as f64),
    }
}

/// Prints the inner loop of a layer, or of a whole model.
fn disassemble(project: &Project, toolchain: &Toolchain, targets: &[Target], name: &str) -> Result<()> {
    // Made where a target has no layer of that name: layers are looked at without models.
    let mut models = None;
    for target in targets {
        let image = firmware::build_program(project, toolchain, &target.board, &PROGRAM, None)?;
        let (layers, trace) = measure::trace(target, &image, &project.root, &[])?;
        if print_inner_loop(target, &layers, &trace, name) {
            continue;
        }
        let models = match &mut models {
            Some(models) => models,
            none => none.insert(Models::make(project)?),
        };
        let (cases, trace) = models.trace(project, toolchain, target)?;
        if !print_inner_loop(target, &cases, &trace, name) {
            let names: Vec<_> = layers.iter().chain(&cases).map(|case| case.name.as_str()).collect();
            bail!("there is no case {name}; the cases are\n  {}", names.join("\n  "));
        }
    }
    Ok(())
}

/// `false` if there is no such case.
fn print_inner_loop(target: &Target, cases: &[Counted], trace: &Trace, name: &str) -> bool {
    let Some(index) = cases.iter().position(|case| case.name == name) else { return false };
    println!("\n{}, {}", target.name, listing::inner_loop(&cases[index], trace, index, target.cycles.as_ref()));
    true
}
