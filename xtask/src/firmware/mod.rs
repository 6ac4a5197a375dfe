//! The firmware: built for a model, measured, run in the emulator, and compared with the host bit for bit.

mod boards;
mod compare;
mod emulator;
mod image;
pub(crate) mod surface;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use clap::{Args, ValueEnum};

pub(crate) use boards::{
    BOARDS, Board, CORTEX_M0, CORTEX_M0_LARGE, CORTEX_M3_LARGE, CORTEX_M4F, CORTEX_M4F_SMALL, CORTEX_M7, CORTEX_M33,
    CORTEX_M33_DSP, RISC_V, builds,
};
pub(crate) use emulator::{Counts, run as emulate};
pub(crate) use image::{Sizes, sections};

use crate::models;
use crate::process::{cargo, run};
use crate::project::Project;
use crate::setup::{self, Toolchain};

/// One of the programs of `firmware/qemu`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Program {
    /// Samples to packets and back to samples.
    Codec,
    /// Samples to packets.
    Encoder,
    /// Packets to samples.
    Decoder,
    /// Both at once, a small step of each in turn: says how long a step is at most.
    Duplex,
}

impl Program {
    fn name(self) -> &'static str {
        match self {
            Self::Codec => "codec",
            Self::Encoder => "encoder",
            Self::Decoder => "decoder",
            Self::Duplex => "duplex",
        }
    }
}

/// Seed and number of the comparisons of kernels: enough for every shape to come up, in seconds.
const KERNEL_SEED: &str = "1";
const KERNEL_TILES: &str = "300000";

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The emulated board
    #[arg(long, value_name = "NAME", default_value = CORTEX_M4F.name, value_parser = boards::by_name)]
    board: Board,
    /// What the image does
    #[arg(long, value_name = "NAME", default_value = "codec")]
    program: Program,
    /// Model to carry: a file, or the name of one that ships [default: the demo's]
    #[arg(long, value_name = "FILE|NAME")]
    model: Option<String>,
    /// Only link, with a panic handler that cannot be linked: fails if any panic is reachable
    #[arg(long, conflicts_with = "check")]
    no_panic: bool,
    /// Run in the emulator on FOLDER/samples.bin, and compare with the packets.bin and decoded.bin that `vq vectors` wrote there
    #[arg(long, value_name = "FOLDER")]
    check: Option<PathBuf>,
    /// On every emulated board: link without panics, run on the recording that ships with the project, and compare with the host
    #[arg(long, conflicts_with_all = ["board", "program", "model", "no_panic", "check"])]
    every_board: bool,
}

/// `cargo xtask firmware`
pub(crate) fn task(project: &Project, arguments: &Arguments) -> Result<()> {
    if arguments.every_board {
        let toolchain = setup::device(project, &BOARDS, false)?;
        let vectors = Vectors::make(project)?;
        return builds().try_for_each(|board| same_as_host(project, &toolchain, &board, &vectors));
    }
    let (board, program) = (&arguments.board, arguments.program);
    let toolchain = setup::device(project, std::slice::from_ref(board), false)?;
    let model = match &arguments.model {
        Some(model) => models::file_of(project, model)?,
        None => default_model(project)?,
    };
    if arguments.no_panic {
        link_without_panic(project, &toolchain, board, &model)?;
        println!("  no panic is reachable");
        return Ok(());
    }
    let image = build(project, &toolchain, board, program, &model)?;
    println!("  image: {}\n  {}", project.relative(&image).display(), image::sizes(&image)?);
    if let Some(folder) = &arguments.check {
        println!("  {}: {}", board.name, check(board, program, &image, folder)?);
    }
    Ok(())
}

/// Builds a program's image for a board around a model, and returns its path. The next build for the same target takes its place.
pub(crate) fn build(
    project: &Project,
    toolchain: &Toolchain,
    board: &Board,
    program: Program,
    model: &Path,
) -> Result<PathBuf> {
    let program = BoardProgram { package: "firmware-qemu", name: program.name(), options: &[] };
    build_program(project, toolchain, board, &program, Some(model))
}

/// Where a program's image lies once it is built.
pub(crate) fn image_path(project: &Project, toolchain: &Toolchain, board: &Board, name: &str) -> PathBuf {
    toolchain.target_folder(project).join(board.triple).join("release").join(name)
}

/// Links the programs' images with a panic handler that calls a function nobody defines.
pub(crate) fn link_without_panic(project: &Project, toolchain: &Toolchain, board: &Board, model: &Path) -> Result<()> {
    run(release(project, toolchain, board, model)?.args(["--package", "firmware-qemu", "--features", "no-panic"]))
        .with_context(|| {
            format!("a panic is reachable on {}, if the linker missed `this_image_can_panic` above", board.core)
        })
}

/// Compares the kernels that a board's target gets with their definition, on random shapes and values.
pub(crate) fn compare_kernels(project: &Project, toolchain: &Toolchain, board: &Board) -> Result<()> {
    let program = BoardProgram { package: "firmware-kernels", name: "kernels-compare", options: &[] };
    let image = build_program(project, toolchain, board, &program, None)?;
    let printed = emulator::run(board, &image, &project.root, &["kernels-compare", KERNEL_SEED, KERNEL_TILES])?;
    print!("{printed}");
    Ok(())
}

/// A program of the firmware's workspace.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BoardProgram {
    /// Its package.
    pub(crate) package: &'static str,
    /// Its name.
    pub(crate) name: &'static str,
    /// What else cargo is told.
    pub(crate) options: &'static [&'static str],
}

/// Builds a program for a board, and returns its image, which carries `model` if it carries one.
pub(crate) fn build_program(
    project: &Project,
    toolchain: &Toolchain,
    board: &Board,
    program: &BoardProgram,
    model: Option<&Path>,
) -> Result<PathBuf> {
    let mut command = board.cargo(project, toolchain, "build");
    command.args(["--quiet", "--release", "--package", program.package, "--bin", program.name]).args(program.options);
    if let Some(model) = model {
        command.env("VQ_MODEL", absolute(model)?);
    }
    run(&mut command)?;
    Ok(image_path(project, toolchain, board, program.name))
}

/// Builds the program that counts what every rung costs, around the models in a folder, and returns its image.
pub(crate) fn build_rungs_count(
    project: &Project,
    toolchain: &Toolchain,
    board: &Board,
    models: &Path,
) -> Result<PathBuf> {
    let mut command = board.cargo(project, toolchain, "build");
    command.args(["--quiet", "--release", "--package", "firmware-count", "--bin", "rungs-count"]);
    run(command.env_remove("VQ_MODEL").env("VQ_MODELS", absolute(models)?))?;
    Ok(image_path(project, toolchain, board, "rungs-count"))
}

/// Lints the firmware's workspace, as it is built for a board.
pub(crate) fn lint(project: &Project, toolchain: &Toolchain, board: &Board, model: &Path) -> Result<()> {
    let (subcommand, deny) = toolchain.strictest_check();
    let mut command = board.cargo(project, toolchain, subcommand);
    run(command.args(["--quiet", "--workspace"]).env("VQ_MODEL", absolute(model)?).args(deny))
}

/// An image's sizes in flash and RAM.
pub(crate) fn sizes(image: &Path) -> Result<Sizes> {
    image::sizes(image)
}

/// Runs a program's image in `folder`, and fails unless the packets and samples that it makes are those in `folder`.
pub(crate) fn check(board: &Board, program: Program, image: &Path, folder: &Path) -> Result<Counts> {
    let counts = emulator::run_program(board, image, folder)?;
    if program != Program::Decoder {
        compare::packets(folder).context("the device's packets are not the host's")?;
    }
    if program != Program::Encoder {
        compare::samples(folder).context("the device's decoded samples are not the host's")?;
    }
    Ok(counts)
}

/// `cargo build --release` in the firmware's workspace, for images that carry `model`.
fn release(project: &Project, toolchain: &Toolchain, board: &Board, model: &Path) -> Result<Command> {
    let mut command = board.cargo(project, toolchain, "build");
    command.args(["--quiet", "--release"]).env("VQ_MODEL", absolute(model)?);
    Ok(command)
}

fn absolute(model: &Path) -> Result<PathBuf> {
    model.canonicalize().with_context(|| format!("there is no model at {}", model.display()))
}

/// The demo's model.
fn default_model(project: &Project) -> Result<PathBuf> {
    let model = project.root.join("demo/ecg.vqm");
    ensure!(model.is_file(), "there is no model yet: `cargo xtask demo` trains one, or name one with --model");
    Ok(model)
}

/// Folders of vectors on the recording that ships with the project: a model, and what the host makes of some seconds.
#[derive(Debug)]
pub(crate) struct Vectors {
    folder: PathBuf,
}

impl Vectors {
    /// Makes them, in a moment.
    pub(crate) fn make(project: &Project) -> Result<Self> {
        let folder = project.scratch().join("boards");
        write_models(project, "--boards", &folder)?;
        Ok(Self { folder })
    }

    /// The folder whose model has the demo's shapes.
    fn demo(&self) -> PathBuf {
        self.folder.join("demo")
    }

    /// The folder whose model has the standard recurrent prior.
    fn prior(&self) -> PathBuf {
        self.folder.join("prior")
    }

    /// The folder whose model needs less.
    fn small(&self) -> PathBuf {
        self.folder.join("small")
    }

    /// The folder whose packets are lossless and whose model has the small predictor.
    fn lossless(&self) -> PathBuf {
        self.folder.join("lossless")
    }

    /// A model, for checks that do not ask which.
    pub(crate) fn model(&self) -> PathBuf {
        self.small().join("model.vqm")
    }
}

/// Writes models of shapes that `what` names into `folder`.
pub(crate) fn write_models(project: &Project, what: &str, folder: &Path) -> Result<()> {
    fs::create_dir_all(folder)?;
    // Of the whole workspace, as the tests are: nothing is built twice.
    run(cargo(project, &project.root).args(["build", "--quiet", "--workspace", "--example", "model"]))?;
    run(Command::new(project.programs().join("examples").join("model")).arg(what).arg(folder))
}

/// Links every program for a board without panics, runs them on the recording, and fails unless packets and samples are the host's, bit for bit: of the
/// demo's shapes and of the standard prior. On a board that is too small for those the demo's shapes encode only, and a small model does both. Lossless
/// packets go both ways on every board.
pub(crate) fn same_as_host(project: &Project, toolchain: &Toolchain, board: &Board, vectors: &Vectors) -> Result<()> {
    let is_small = board.ram_kibibytes < 16;
    let first = if is_small { vectors.small() } else { vectors.demo() };
    link_without_panic(project, toolchain, board, &first.join("model.vqm"))?;
    let image = image_path(project, toolchain, board, Program::Codec.name());
    println!("  {}: {}", board.name, check(board, Program::Codec, &image, &first)?);
    if *board == CORTEX_M4F {
        // The same image.
        println!("  {}: {}", CORTEX_M7.name, check(&CORTEX_M7, Program::Codec, &image, &first)?);
    }
    let (program, what, folder) = if is_small {
        (Program::Encoder, "the demo's shapes", vectors.demo())
    } else {
        (Program::Codec, "the standard prior", vectors.prior())
    };
    let image = build(project, toolchain, board, program, &folder.join("model.vqm"))?;
    println!("  {}, {what}: {}", board.name, check(board, program, &image, &folder)?);
    let (program, folder) = (Program::Codec, vectors.lossless());
    let lossless =
        BoardProgram { package: "firmware-qemu", name: program.name(), options: &["--features", "lossless"] };
    let image = build_program(project, toolchain, board, &lossless, Some(&folder.join("model.vqm")))?;
    println!("  {}, lossless: {}", board.name, check(board, program, &image, &folder)?);
    Ok(())
}
