//! Sees to it that everything is there that training, firmware and tests need. What is there is found in milliseconds;
//! what is missing is fetched, and said.

mod compiler;
mod libtorch;
mod packages;
mod python;
mod qemu;
mod target;
mod wheels;

use anyhow::{Context, Result};

pub(crate) use qemu::PROGRAM as QEMU;
pub(crate) use target::{TRIPLE, Toolchain};

use crate::project::Project;

/// Everything. `again` tries once more what failed and was worked around.
pub(crate) fn all(project: &Project, again: bool) -> Result<Toolchain> {
    compiler::ensure().context("set-up of the C++ compiler")?;
    println!("  libtorch: {}", libtorch::ensure(project).context("set-up of libtorch")?);
    device(project, again)
}

/// What firmware needs.
pub(crate) fn device(project: &Project, again: bool) -> Result<Toolchain> {
    let toolchain = target::ensure(project, again).context("set-up of the Cortex-M target")?;
    println!("  firmware: {}", toolchain.describe());
    qemu::ensure().context("set-up of QEMU")?;
    Ok(toolchain)
}
