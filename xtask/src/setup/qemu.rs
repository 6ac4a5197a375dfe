//! QEMU, which emulates the microcontroller.

use anyhow::Result;

use super::packages::{self, Package};
use crate::process::find_program;

/// The emulator's program.
pub(crate) const PROGRAM: &str = "qemu-system-arm";

/// Sees to it that QEMU's Arm emulator is there.
pub(crate) fn ensure() -> Result<()> {
    if find_program(PROGRAM).is_some() {
        return Ok(());
    }
    packages::install(&Package {
        what: "QEMU's Arm emulator (qemu-system-arm)",
        apt: &["qemu-system-arm"],
        size: "about 150 MB",
        elsewhere: &[
            "macOS: brew install qemu",
            "Fedora: sudo dnf install qemu-system-arm-core",
            "Arch: sudo pacman -S qemu-system-arm",
        ],
    })
}
