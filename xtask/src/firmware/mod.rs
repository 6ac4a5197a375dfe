//! The firmware: built for a model, measured, run in the emulator, and compared with the host bit for bit.

mod compare;
mod emulator;
mod image;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use clap::Args;

pub(crate) use emulator::Counts;
pub(crate) use image::Sizes;

use crate::process::{cargo, run};
use crate::project::Project;
use crate::setup::{self, Toolchain};

/// The example and its package.
const EXAMPLE: [&str; 4] = ["--package", "firmware-qemu", "--bin", "codec"];

/// Seed and number of the comparisons of kernels: enough for every shape to come up, in seconds.
const KERNEL_SEED: &str = "1";
const KERNEL_TILES: &str = "100000";

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Model to carry [default: the demo's]
    #[arg(long, value_name = "FILE")]
    model: Option<PathBuf>,
    /// Only link, with a panic handler that cannot be linked: fails if any panic is reachable
    #[arg(long, conflicts_with = "check")]
    no_panic: bool,
    /// Run in the emulator on FOLDER/samples.bin, and compare with the packets.bin and decoded.bin that `vq vectors` wrote there
    #[arg(long, value_name = "FOLDER")]
    check: Option<PathBuf>,
}

/// `cargo xtask firmware`
pub(crate) fn task(project: &Project, arguments: &Arguments) -> Result<()> {
    let toolchain = setup::device(project, false)?;
    let model = match &arguments.model {
        Some(model) => model.clone(),
        None => default_model(project)?,
    };
    if arguments.no_panic {
        link_without_panic(project, &toolchain, &model)?;
        println!("  no panic is reachable");
        return Ok(());
    }
    let image = build(project, &toolchain, &model)?;
    println!("  image: {}\n  {}", project.relative(&image).display(), image::sizes(&image)?);
    if let Some(folder) = &arguments.check {
        println!("  {}", check(&image, folder)?);
    }
    Ok(())
}

/// Builds the example's image around a model, and returns its path.
pub(crate) fn build(project: &Project, toolchain: &Toolchain, model: &Path) -> Result<PathBuf> {
    run(release(project, toolchain, model)?.args(EXAMPLE))?;
    Ok(program(project, toolchain, "codec"))
}

fn program(project: &Project, toolchain: &Toolchain, name: &str) -> PathBuf {
    toolchain.target_folder(project).join(setup::TRIPLE).join("release").join(name)
}

/// Links the example's image with a panic handler that calls a function nobody defines.
pub(crate) fn link_without_panic(project: &Project, toolchain: &Toolchain, model: &Path) -> Result<()> {
    run(release(project, toolchain, model)?.args(EXAMPLE).args(["--features", "no-panic"]))
        .context("a panic is reachable in the firmware, if the linker missed `this_image_can_panic` above")
}

/// Compares the kernels that the target gets with their definition, on random shapes and values.
pub(crate) fn compare_kernels(project: &Project, toolchain: &Toolchain) -> Result<()> {
    let mut command = toolchain.cargo(project, &project.firmware(), "build");
    run(command.args(["--quiet", "--release", "--package", "firmware-kernels", "--bin", "kernels-compare"]))?;
    let image = program(project, toolchain, "kernels-compare");
    let printed = emulator::run(&image, &project.root, &["kernels-compare", KERNEL_SEED, KERNEL_TILES])?;
    print!("{printed}");
    Ok(())
}

/// Lints the firmware's workspace.
pub(crate) fn lint(project: &Project, toolchain: &Toolchain, model: &Path) -> Result<()> {
    let (subcommand, deny) = toolchain.strictest_check();
    let mut command = toolchain.cargo(project, &project.firmware(), subcommand);
    run(command.args(["--quiet", "--workspace"]).env("VQ_MODEL", absolute(model)?).args(deny))
}

/// An image's sizes in flash and RAM.
pub(crate) fn sizes(image: &Path) -> Result<Sizes> {
    image::sizes(image)
}

/// Runs an image on `folder`/samples.bin, and fails unless its packets and decoded samples are those in `folder`.
pub(crate) fn check(image: &Path, folder: &Path) -> Result<Counts> {
    let counts = emulator::run_codec(image, folder)?;
    compare::packets(folder).context("the device's packets are not the host's")?;
    compare::samples(folder).context("the device's decoded samples are not the host's")?;
    Ok(counts)
}

/// `cargo build --release` in the firmware's workspace, for an image that carries `model`.
fn release(project: &Project, toolchain: &Toolchain, model: &Path) -> Result<Command> {
    let mut command = toolchain.cargo(project, &project.firmware(), "build");
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

/// A small model that is made in a moment, for checks of the firmware that do not ask which model it carries.
pub(crate) fn test_model(project: &Project) -> Result<PathBuf> {
    fs::create_dir_all(project.scratch())?;
    let model = project.scratch().join("test-model.vqm");
    // Of the whole workspace, as the tests are: nothing is built twice.
    run(cargo(project, &project.root).args(["build", "--quiet", "--workspace", "--example", "model"]))?;
    run(Command::new(project.programs().join("examples").join("model")).arg(&model))?;
    Ok(model)
}
