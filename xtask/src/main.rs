//! `cargo xtask`: what the project does to itself. It builds on a machine that has nothing but Rust.

mod process;
mod project;
mod setup;
mod stages;

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
    /// Fetch what is missing: libtorch, the Cortex-M target, QEMU (`demo` and `test` do it by themselves)
    Setup,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let project = Project::new();
    match arguments.task {
        Task::Setup => setup::all(&project, true).map(drop),
    }
}
