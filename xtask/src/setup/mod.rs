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
pub(crate) use target::Toolchain;

use crate::firmware::Board;
use crate::project::Project;

/// Everything that training and firmware for these boards need. `again` tries once more what failed and was worked around.
pub(crate) fn all(project: &Project, boards: &[Board], again: bool) -> Result<Toolchain> {
    compiler::ensure().context("set-up of the C++ compiler")?;
    println!("  libtorch: {}", libtorch::ensure(project).context("set-up of libtorch")?);
    device(project, boards, again)
}

/// What firmware for these boards needs.
pub(crate) fn device(project: &Project, boards: &[Board], again: bool) -> Result<Toolchain> {
    let mut triples: Vec<&str> = boards.iter().map(|board| board.triple).collect();
    triples.sort_unstable();
    triples.dedup();
    let toolchain = target::ensure(project, &triples, again).context("set-up of the boards' targets")?;
    println!("  firmware: {} by {}", triples.join(", "), toolchain.describe());
    for board in boards {
        qemu::ensure(board.emulator).context("set-up of QEMU")?;
    }
    Ok(toolchain)
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
