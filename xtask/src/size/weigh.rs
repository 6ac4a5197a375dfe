//! Builds the images, reads their sections, and runs them to see how deep their stacks go.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use crate::bench::targets::Target;
use crate::firmware;
use crate::process::run;
use crate::project::Project;
use crate::setup::Toolchain;

/// A set of vq-core's features.
#[derive(Debug, Clone, Copy)]
struct Set {
    name: &'static str,
    features: &'static str,
    /// Whether it codes the model with priors, or the one without.
    priors: bool,
}

/// Every set: the integer nets, quantizers and packets alone, and with more.
const SETS: [Set; 4] = [
    Set { name: "nets", features: "", priors: false },
    Set { name: "priors", features: "priors", priors: true },
    Set { name: "prediction", features: "prediction", priors: false },
    Set { name: "all", features: "index-priors,prediction,depthwise,choice,levels,budget", priors: true },
];

/// An image of `firmware/size`.
#[derive(Debug, Clone, Copy)]
struct Program {
    name: &'static str,
    /// Whether it carries packets to decode.
    decodes: bool,
}

const PROGRAMS: [Program; 4] = [
    Program { name: "encode-trusted", decodes: false },
    Program { name: "encode", decodes: false },
    Program { name: "decode", decodes: true },
    Program { name: "both", decodes: true },
];
/// What the others are weighed against.
const NOTHING: Program = Program { name: "nothing", decodes: true };

/// What the codec takes of a chip in one image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Weight {
    /// The target's name.
    pub(crate) target: String,
    /// The set of features.
    pub(crate) set: String,
    /// What the image does.
    pub(crate) program: String,
    /// Bytes of code, without those of a program that does nothing.
    pub(crate) text: u64,
    /// Bytes of constants, in the same way, without the model.
    pub(crate) rodata: u64,
    /// Bytes of the model.
    pub(crate) model: u64,
    /// Bytes of variables, the codec's memory among them.
    pub(crate) ram: u64,
    /// The most bytes of stack in use.
    pub(crate) stack: u64,
}

/// Models of the demo's shapes, and some packets of each.
#[derive(Debug)]
pub(crate) struct Models {
    folder: PathBuf,
}

impl Models {
    /// Makes them, in a moment.
    pub(crate) fn make(project: &Project) -> Result<Self> {
        let folder = project.scratch().join("size");
        firmware::write_models(project, "--demo", &folder)?;
        Ok(Self { folder })
    }

    fn path(&self, set: &Set) -> PathBuf {
        self.folder.join(if set.priors { "priors.vqm" } else { "uniform.vqm" })
    }
}

/// Weighs every image on a target.
pub(crate) fn target(
    project: &Project,
    toolchain: &Toolchain,
    target: &Target,
    models: &Models,
) -> Result<Vec<Weight>> {
    let mut weights = Vec::new();
    for set in &SETS {
        let model = models.path(set);
        build(project, toolchain, target, set, &model)?;
        let carried = [&model, &model.with_extension("packets")].map(fs::metadata);
        let [model_bytes, packet_bytes] = carried.map(|file| file.map(|file| file.len()));
        let (model_bytes, packet_bytes) = (model_bytes?, packet_bytes?);
        let own = |program: &Program| -> Result<(PathBuf, [u64; 3])> {
            let name = format!("size-{}", program.name);
            let image = firmware::image_path(project, toolchain, &target.board, &name);
            let sections = firmware::sections(&image, [".text", ".rodata", ".data", ".bss"])?;
            let [text, rodata, data, bss] = sections;
            let carried = model_bytes + if program.decodes { packet_bytes } else { 0 };
            Ok((image, [text, rodata.saturating_sub(carried), data + bss]))
        };
        let (_, nothing) = own(&NOTHING)?;
        for program in &PROGRAMS {
            let (image, [text, rodata, ram]) = own(program)?;
            weights.push(Weight {
                target: target.name.into(),
                set: set.name.into(),
                program: program.name.into(),
                text: text.saturating_sub(nothing[0]),
                rodata: rodata.saturating_sub(nothing[1]),
                model: model_bytes,
                ram,
                stack: stack(project, target, &image)?,
            });
        }
    }
    Ok(weights)
}

fn build(project: &Project, toolchain: &Toolchain, target: &Target, set: &Set, model: &Path) -> Result<()> {
    let mut command = target.board.cargo(project, toolchain, "build");
    command.args(["--quiet", "--release", "--package", "firmware-size"]).env("VQ_MODEL", model);
    if !set.features.is_empty() {
        command.args(["--features", set.features]);
    }
    run(&mut command).with_context(|| {
        format!(
            "an image with the features \"{}\" for {}: a panic is reachable, if the linker missed `this_image_can_panic` above",
            set.features, target.board.core
        )
    })
}

/// Runs an image, and reads how deep its stack went.
fn stack(project: &Project, target: &Target, image: &Path) -> Result<u64> {
    let printed = firmware::emulate(&target.board, image, &project.root, &[])?;
    let form = printed.lines().find_map(|line| line.strip_prefix("form ")).unwrap_or("no");
    ensure!(form == target.board.form, "the image for {} carries {form} kernels", target.name);
    let stack = printed.lines().find_map(|line| line.strip_prefix("stack_bytes 0x"));
    let stack = stack.and_then(|number| u64::from_str_radix(number, 16).ok());
    stack.with_context(|| format!("the image did not print its stack, but:\n{printed}"))
}
