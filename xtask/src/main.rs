//! `cargo xtask`: what the project does to itself. It builds on a machine that has nothing but Rust.

mod bench;
mod boards;
mod demo;
mod firmware;
mod models;
mod process;
mod project;
mod results;
mod setup;
mod size;
mod stages;
mod test;
mod toolchains;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use project::Project;

#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", about = "Sets up, demonstrates and tests microvq", version)]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Fetch what is missing: libtorch, the targets of the boards, QEMU (`demo` and `test` do it by themselves)
    Setup,
    /// Train on an ECG, put the codec on an emulated Cortex-M4F, and compare device and host bit for bit
    Demo,
    /// Run every check and test
    Test(test::Arguments),
    /// Build the firmware for a board, show its sizes, and compare it with the host in the emulator
    Firmware(firmware::Arguments),
    /// Build the examples for real boards and show their sizes
    Boards(boards::Arguments),
    /// Run the definition of all results under Miri, which finds undefined behaviour; needs a nightly compiler, and fetches it
    Miri,
    /// Count what the codec costs on the emulated cores
    Bench(bench::Arguments),
    /// Make the models that ship from public recordings: fetch, train, export, measure
    Models(models::Arguments),
    /// Make the tables and plots of the documentation anew, or check that they still hold
    Results(results::Arguments),
    /// Weigh the codec: text, constants, RAM and stack on every core, with every set of features
    Size(size::Arguments),
}

fn main() -> ExitCode {
    match run(&Arguments::parse().task, &Project::new()) {
        Ok(true) => ExitCode::SUCCESS,
        // What failed was said where it failed.
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(task: &Task, project: &Project) -> Result<bool> {
    match task {
        Task::Setup => {
            setup::all(project, &firmware::BOARDS, true)?;
            // The emulated boards have another compiler where rustup fails; without it the real ones are left out.
            if let Err(error) = boards::ensure_targets(project, boards::all(), false) {
                println!("  {error:#}");
            }
            Ok(true)
        }
        Task::Demo => demo::task(project).map(|()| true),
        Task::Test(arguments) => test::task(project, arguments),
        Task::Firmware(arguments) => firmware::task(project, arguments).map(|()| true),
        Task::Boards(arguments) => boards::task(project, arguments).map(|()| true),
        Task::Miri => process::run(&mut toolchains::miri(project, true)?).map(|()| true),
        Task::Bench(arguments) => bench::task(project, arguments).map(|()| true),
        Task::Models(arguments) => models::task(project, arguments),
        Task::Results(arguments) => results::task(project, arguments),
        Task::Size(arguments) => size::task(project, arguments).map(|()| true),
    }
}
