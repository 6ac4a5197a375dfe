//! The examples for real boards: built and measured. Whether they do on hardware what they are built for is not known here.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use clap::Args;

use crate::firmware::{self, Sizes};
use crate::models;
use crate::process::{cargo, probe, run_within};
use crate::project::Project;
use crate::setup;
use crate::stages::spoken;

/// A build takes a minute or two from nothing; what takes this long hangs.
const LIMIT: Duration = Duration::from_secs(20 * 60);

/// A model of one channel that is always there. It was trained on nothing.
const TEST_MODEL: &str = "tests/vectors/scalar.vqm";

/// A real board.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Board {
    /// Its folder in `firmware/boards`; its package has the same name with `microvq-` in front.
    name: &'static str,
    chip: &'static str,
    triple: &'static str,
}

const BOARDS: [Board; 4] = [
    Board { name: "pico", chip: "RP2040, Cortex-M0+", triple: "thumbv6m-none-eabi" },
    Board { name: "nrf52840-dk", chip: "nRF52840, Cortex-M4F", triple: "thumbv7em-none-eabihf" },
    Board { name: "nucleo-f411re", chip: "STM32F411, Cortex-M4F", triple: "thumbv7em-none-eabihf" },
    Board { name: "esp32-c3", chip: "ESP32-C3, RV32IMC", triple: "riscv32imc-unknown-none-elf" },
];

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Boards to build [default: all]
    #[arg(value_name = "NAME", value_parser = by_name)]
    boards: Vec<Board>,
    /// Model to carry, of one channel: a file, or the name of one that ships [default: the demo's, or one for tests]
    #[arg(long, value_name = "FILE|NAME")]
    model: Option<String>,
}

/// `cargo xtask boards`
pub(crate) fn task(project: &Project, arguments: &Arguments) -> Result<()> {
    let boards = if arguments.boards.is_empty() { &BOARDS[..] } else { &arguments.boards };
    ensure_targets(project, boards, true)?;
    let model = match &arguments.model {
        Some(model) => models::file_of(project, model)?,
        None => default_model(project),
    };
    println!("  model: {}", project.relative(&model).display());
    let mut table = String::new();
    for board in boards {
        println!("  {} ({})", board.name, board.chip);
        let start = Instant::now();
        let sizes = board.build(project, &model)?;
        let took = spoken(start.elapsed());
        writeln!(table, "  {:<14} {:<22} {:>8} {:>8}  {took}", board.name, board.chip, sizes.flash, sizes.ram)?;
    }
    println!("\n  {:<14} {:<22} {:>8} {:>8}  built in", "board", "chip", "flash", "RAM");
    print!("{table}");
    println!(
        "\nBytes; flash with the model, RAM without the stack. Built, not run: firmware/boards/README.md says how to flash."
    );
    Ok(())
}

/// Sees to it that rustup has the boards' targets. `again` asks it even if it failed before.
pub(crate) fn ensure_targets(project: &Project, boards: &[Board], again: bool) -> Result<()> {
    let mut triples: Vec<&str> = boards.iter().map(|board| board.triple).collect();
    triples.sort_unstable();
    triples.dedup();
    setup::rustup_targets(project, &triples, again)
}

/// Every board.
pub(crate) fn all() -> &'static [Board] {
    &BOARDS
}

/// The folders of the boards' workspaces.
pub(crate) fn folders(project: &Project) -> impl Iterator<Item = PathBuf> {
    BOARDS.iter().map(|board| board.folder(project))
}

/// Builds a board's image around the test model.
pub(crate) fn build_for_test(project: &Project, board: &Board) -> Result<Sizes> {
    board.build(project, &project.root.join(TEST_MODEL))
}

/// Tests on the host what the boards share.
pub(crate) fn test_command(project: &Project) -> Result<Command> {
    let version = probe(Command::new("rustc").arg("-vV")).context("there is no rustc")?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: ")).context("rustc does not say its host")?;
    let mut command = cargo(project, &project.firmware());
    command.args(["test", "--quiet", "--package", "firmware-sender", "--target", host]);
    command.env("VQ_MODEL", project.root.join(TEST_MODEL));
    Ok(command)
}

impl Board {
    /// The board's name.
    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    fn folder(&self, project: &Project) -> PathBuf {
        project.firmware().join("boards").join(self.name)
    }

    fn build(&self, project: &Project, model: &Path) -> Result<Sizes> {
        let model = model.canonicalize().with_context(|| format!("there is no model at {}", model.display()))?;
        let folder = self.folder(project);
        let mut command = cargo(project, &folder);
        // Where its image is looked for below, whatever the caller's CARGO_TARGET_DIR.
        command.args(["build", "--quiet", "--release", "--target-dir", "target"]).env("VQ_MODEL", model);
        run_within(&mut command, LIMIT).with_context(|| format!("the image for {} was not built", self.name))?;
        let image = folder.join("target").join(self.triple).join("release").join(format!("microvq-{}", self.name));
        firmware::sizes(&image)
    }
}

fn default_model(project: &Project) -> PathBuf {
    let demo = project.root.join("demo/ecg.vqm");
    if demo.is_file() { demo } else { project.root.join(TEST_MODEL) }
}

fn by_name(name: &str) -> Result<Board, String> {
    let names = BOARDS.map(|board| board.name).join(", ");
    BOARDS.into_iter().find(|board| board.name == name).ok_or_else(|| format!("the boards are {names}"))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn every_board_is_a_workspace_for_its_target() {
        let project = Project::new();
        for board in all() {
            let folder = board.folder(&project);
            let manifest = fs::read_to_string(folder.join("Cargo.toml")).unwrap();
            assert!(
                manifest.contains(&format!("name = \"microvq-{}\"", board.name)) && manifest.contains("[workspace]")
            );
            let config = fs::read_to_string(folder.join(".cargo/config.toml")).unwrap();
            assert!(config.contains(&format!("target = \"{}\"", board.triple)) && config.contains("runner = "));
            assert!(folder.join("Cargo.lock").is_file());
        }
        let folders = fs::read_dir(project.firmware().join("boards")).unwrap().flatten();
        let workspaces = folders.filter(|folder| folder.path().join(".cargo").is_dir());
        assert_eq!(workspaces.count(), BOARDS.len());
    }

    #[test]
    fn unknown_boards_are_refused_with_the_known_ones() {
        assert_eq!(by_name("pico").map(|board| board.triple), Ok("thumbv6m-none-eabi"));
        assert!(by_name("uno").unwrap_err().contains("pico, nrf52840-dk"));
    }
}
