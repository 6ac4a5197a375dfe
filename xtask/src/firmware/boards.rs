//! The emulated boards that firmware is built for and run on.

use std::path::Path;
use std::process::Command;

use crate::project::Project;
use crate::setup::{Emulator, Toolchain};

/// A board, and what its image is built with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Board {
    /// Its name on the command line and in tables.
    pub(crate) name: &'static str,
    /// Its core, for people.
    pub(crate) core: &'static str,
    /// The target.
    pub(crate) triple: &'static str,
    /// The features of the image.
    pub(crate) features: &'static [&'static str],
    /// The kernels that the image must carry.
    pub(crate) form: &'static str,
    /// RAM of the chip, in KiB.
    pub(crate) ram_kibibytes: u32,
    /// The program that emulates it.
    pub(crate) emulator: Emulator,
    /// Its name to the emulator.
    machine: &'static str,
    /// VQ_BOARD for the image, where it is not the target's first board; see `firmware/board`.
    image: &'static str,
}

const fn arm(
    name: &'static str,
    core: &'static str,
    triple: &'static str,
    form: &'static str,
    machine: &'static str,
) -> Board {
    Board { name, core, triple, features: &[], form, ram_kibibytes: 64, emulator: Emulator::Arm, machine, image: "" }
}

/// The board of the demo.
pub(crate) const CORTEX_M4F: Board = arm("mps2-an386", "Cortex-M4F", "thumbv7em-none-eabihf", "arm-dsp", "mps2-an386");
/// The same one with less code and more instructions.
pub(crate) const CORTEX_M4F_SMALL: Board = Board {
    name: "mps2-an386-small",
    core: "Cortex-M4F, small kernels",
    features: &["small-kernels"],
    form: "arm-dsp-small",
    ..CORTEX_M4F
};
/// It runs the image of [`CORTEX_M4F`].
pub(crate) const CORTEX_M7: Board = arm("mps2-an500", "Cortex-M7", CORTEX_M4F.triple, "arm-dsp", "mps2-an500");
/// A Cortex-M33 whose DSP instructions are not used.
pub(crate) const CORTEX_M33: Board =
    arm("mps2-an505", "Cortex-M33", "thumbv8m.main-none-eabihf", "armv7m", "mps2-an505");
/// The same one with them.
pub(crate) const CORTEX_M33_DSP: Board = Board {
    name: "mps2-an505-dsp",
    core: "Cortex-M33 with DSP",
    features: &["cortex-m33-dsp"],
    form: "arm-dsp",
    ..CORTEX_M33
};
/// The smallest: 8 KiB of RAM.
pub(crate) const CORTEX_M3: Board = Board {
    ram_kibibytes: 8,
    ..arm("stm32vldiscovery", "Cortex-M3", "thumbv7m-none-eabi", "armv7m", "stm32vldiscovery")
};
/// One with more RAM, for programs that need it.
pub(crate) const CORTEX_M3_LARGE: Board =
    Board { name: "mps2-an385", machine: "mps2-an385", image: "mps2-an385", ram_kibibytes: 64, ..CORTEX_M3 };
/// A Cortex-M0's image on a board with more RAM, to count: the instructions are the same.
pub(crate) const CORTEX_M0_LARGE: Board =
    Board { name: "mps2-an385-m0", machine: "mps2-an385", image: "mps2-an385", ram_kibibytes: 64, ..CORTEX_M0 };
/// A Cortex-M0.
pub(crate) const CORTEX_M0: Board =
    Board { ram_kibibytes: 16, ..arm("microbit", "Cortex-M0", "thumbv6m-none-eabi", "armv6m", "microbit") };
/// RISC-V without the vector and bit extensions.
pub(crate) const RISC_V: Board =
    Board { emulator: Emulator::RiscV32, ..arm("virt", "RV32IMAC", "riscv32imac-unknown-none-elf", "rv32im", "virt") };

/// Every board.
pub(crate) const BOARDS: [Board; 9] = [
    CORTEX_M4F,
    CORTEX_M4F_SMALL,
    CORTEX_M7,
    CORTEX_M33,
    CORTEX_M33_DSP,
    CORTEX_M3,
    CORTEX_M3_LARGE,
    CORTEX_M0,
    RISC_V,
];

/// The boards without those whose images another one's are: one board for every way of building.
pub(crate) fn builds() -> impl Iterator<Item = Board> {
    BOARDS.into_iter().filter(|board| ![CORTEX_M7, CORTEX_M3_LARGE].contains(board))
}

impl Board {
    /// Cargo's `subcommand` for this board in the firmware's workspace.
    pub(crate) fn cargo(&self, project: &Project, toolchain: &Toolchain, subcommand: &str) -> Command {
        let mut command = toolchain.cargo(project, &project.firmware(), subcommand, self.triple);
        if self.image.is_empty() {
            command.env_remove("VQ_BOARD");
        } else {
            command.env("VQ_BOARD", self.image);
        }
        if !self.features.is_empty() {
            command.args(["--features", &self.features.join(",")]);
        }
        command
    }

    /// The emulator with this board and an image on it. One instruction takes one virtual nanosecond; `words` are the
    /// program's command line.
    pub(crate) fn emulate(&self, image: &Path, words: &[&str]) -> Command {
        self.emulate_with(&["-icount", "shift=0"], image, words)
    }

    /// The same with other options than those for counting, which would cut the blocks of a trace at odd places.
    pub(crate) fn emulate_with(&self, options: &[&str], image: &Path, words: &[&str]) -> Command {
        // The host's files and terminal are open to the image.
        let semihosting =
            words.iter().fold("enable=on,target=native".to_owned(), |so_far, word| so_far + ",arg=" + word);
        let mut command = Command::new(self.emulator.program());
        command.args(["-M", self.machine, "-nographic", "-monitor", "none", "-serial", "null"]).args(options);
        if self.emulator == Emulator::RiscV32 {
            // Without firmware of its own: the image is all there is.
            command.args(["-bios", "none"]);
        }
        command.args(["-semihosting-config", &semihosting]).arg("-kernel").arg(image);
        command
    }
}

/// A board by its name on the command line.
pub(crate) fn by_name(name: &str) -> Result<Board, String> {
    let names = || BOARDS.map(|board| board.name).join(", ");
    BOARDS.into_iter().find(|board| board.name == name).ok_or_else(|| format!("the boards are {}", names()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::describe;

    #[test]
    fn every_board_has_a_name_of_its_own() {
        for board in BOARDS {
            assert_eq!(by_name(board.name), Ok(board));
        }
        assert!(by_name("toaster").unwrap_err().contains("microbit, virt"));
    }

    #[test]
    fn an_emulator_gets_the_board_the_words_and_the_image() {
        let command = describe(&RISC_V.emulate(Path::new("image"), &["one", "two"]));
        assert!(command.starts_with("qemu-system-riscv32 -M virt "), "{command}");
        assert!(
            command.ends_with(",arg=one,arg=two -kernel image") && command.contains("-icount shift=0"),
            "{command}"
        );
        assert!(describe(&CORTEX_M33_DSP.emulate(Path::new("image"), &[])).contains("-M mps2-an505 "));
    }
}
