//! QEMU, which emulates the microcontrollers.

use std::process::Command;

use anyhow::{Context, Result, bail};

use super::packages::{self, Package};
use crate::process::{find_program, probe};

/// One of QEMU's programs: it has one per family of cores.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Emulator {
    /// Arm's cores.
    Arm,
    /// RISC-V cores of 32 bits.
    RiscV32,
}

impl Emulator {
    /// The program's name.
    pub(crate) fn program(self) -> &'static str {
        match self {
            Self::Arm => "qemu-system-arm",
            Self::RiscV32 => "qemu-system-riscv32",
        }
    }

    /// The version of the program that is installed, such as 7.2.22.
    pub(crate) fn version(self) -> Result<String> {
        let printed = probe(Command::new(self.program()).arg("--version")).unwrap_or_default();
        let version = printed.strip_prefix("QEMU emulator version ").and_then(|rest| rest.split_whitespace().next());
        version.map(str::to_owned).with_context(|| format!("`{} --version` names no version", self.program()))
    }

    /// Where the program may come from, the likeliest first.
    fn packages(self) -> &'static [Package] {
        match self {
            Self::Arm => &[Package {
                what: "QEMU's Arm emulator (qemu-system-arm)",
                apt: &["qemu-system-arm"],
                size: "about 150 MB",
                elsewhere: &[
                    "macOS: brew install qemu",
                    "Fedora: sudo dnf install qemu-system-arm-core",
                    "Arch: sudo pacman -S qemu-system-arm",
                ],
            }],
            Self::RiscV32 => &[
                Package {
                    what: "QEMU's RISC-V emulator (qemu-system-riscv32)",
                    apt: &["qemu-system-misc"],
                    size: "about 400 MB",
                    elsewhere: &[
                        "macOS: brew install qemu",
                        "Fedora: sudo dnf install qemu-system-riscv-core",
                        "Arch: sudo pacman -S qemu-system-riscv",
                    ],
                },
                // From Debian 13 on the program has a package of its own.
                Package {
                    what: "QEMU's RISC-V emulator (qemu-system-riscv32)",
                    apt: &["qemu-system-riscv"],
                    size: "about 100 MB",
                    elsewhere: &[],
                },
            ],
        }
    }
}

/// Sees to it that an emulator is there.
pub(crate) fn ensure(emulator: Emulator) -> Result<()> {
    for package in emulator.packages() {
        if find_program(emulator.program()).is_some() {
            return Ok(());
        }
        packages::install(package)?;
    }
    if find_program(emulator.program()).is_none() {
        bail!("{} is still missing", emulator.program());
    }
    Ok(())
}
