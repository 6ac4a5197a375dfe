//! Sees to it that everything is there that training, firmware and tests need. What is there is found in milliseconds;
//! what is missing is fetched, and said.

mod compiler;
mod libtorch;
mod packages;
mod python;
mod qemu;
mod target;
mod wheels;

use anyhow::{Context, Result, bail};

pub(crate) use qemu::Emulator;
pub(crate) use target::{OLDEST_MINOR, Toolchain};

use crate::firmware::Board;
use crate::project::Project;

/// Everything that training and firmware for these boards need. `again` tries once more what failed and was worked around.
pub(crate) fn all(project: &Project, boards: &[Board], again: bool) -> Result<Toolchain> {
    println!("  libtorch: {}", training(project)?);
    device(project, boards, again)
}

/// What training needs; says where libtorch is.
pub(crate) fn training(project: &Project) -> Result<String> {
    compiler::ensure().context("set-up of the C++ compiler")?;
    libtorch::ensure(project).context("set-up of libtorch")
}

/// What firmware for these boards needs.
pub(crate) fn device(project: &Project, boards: &[Board], again: bool) -> Result<Toolchain> {
    let toolchain = device_quietly(project, boards, again)?;
    println!("  firmware: {} by {}", triples(boards).join(", "), toolchain.describe());
    Ok(toolchain)
}

/// The same for a task whose output is for programs: nothing is said unless something is fetched.
pub(crate) fn device_quietly(project: &Project, boards: &[Board], again: bool) -> Result<Toolchain> {
    let toolchain = target::ensure(project, &triples(boards), again).context("set-up of the boards' targets")?;
    for board in boards {
        qemu::ensure(board.emulator).context("set-up of QEMU")?;
    }
    Ok(toolchain)
}

fn triples(boards: &[Board]) -> Vec<&'static str> {
    let mut triples: Vec<&str> = boards.iter().map(|board| board.triple).collect();
    triples.sort_unstable();
    triples.dedup();
    triples
}

/// Targets that rustup must have; `again` asks it even if it failed to get them before.
///
/// The other compiler, which builds the library from its source, was not tried on the packages of real boards.
pub(crate) fn rustup_targets(project: &Project, triples: &[&str], again: bool) -> Result<()> {
    if target::from_rustup(project, triples, again)?.is_none() {
        bail!("real boards need targets that rustup could not add: rustup target add {}", triples.join(" "));
    }
    Ok(())
}
