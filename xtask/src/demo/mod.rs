//! The demo: from a recording to a microcontroller and back, with one command.

mod table;

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::firmware::{self, CORTEX_M4F, Counts, Program, Sizes};
use crate::process::{cargo, output, run};
use crate::project::Project;
use crate::setup::{self, Toolchain};
use crate::stages::Stages;

/// The recording: five minutes of ECG, one lead.
const RECORD: &str = "data/mitdb-208";

/// How it is trained: on the first four minutes, in under four minutes on two cores.
const CONFIG: &str = "trainer/configs/demo.toml";

/// How much of the last minute the README shows.
const PICTURE_SECONDS: &str = "8";

/// Where the last minute, which training does not see, begins.
const LAST_MINUTE: &str = "240s";

/// `cargo xtask demo`
pub(crate) fn task(project: &Project) -> Result<()> {
    println!(
        "An ECG through a learned codec on an emulated Cortex-M4F. The recording is of one patient, who is also the"
    );
    println!("one it is tested on: this shows how the parts fit together, not how well they do for other hearts.");
    let demo = Demo { project, folder: project.root.join("demo") };
    let mut stages = Stages::new(7);
    let toolchain = stages.run("Set-up", || setup::all(project, &[CORTEX_M4F], false))?;
    stages.run("Building `vq`", || demo.build_vq())?;
    stages.run("Training on the first four minutes", || demo.train())?;
    stages.run("Exporting to integers", || demo.export())?;
    let evaluated = stages.run("Evaluating on the last minute", || demo.evaluate())?;
    let (sizes, counts) = stages.run("Running the firmware on the last minute", || demo.run_firmware(&toolchain))?;
    stages.run("Writing the report", || demo.report(&evaluated, sizes, counts))
}

struct Demo<'p> {
    project: &'p Project,
    folder: PathBuf,
}

impl Demo<'_> {
    fn build_vq(&self) -> Result<()> {
        // The profile of `cargo test`, which optimises too, and the features of the whole workspace: what one command
        // builds, the other finds.
        let arguments = ["build", "--locked", "--workspace", "--bin", "vq"];
        run(cargo(self.project, &self.project.root).args(arguments))
    }

    fn train(&self) -> Result<()> {
        if self.folder.exists() {
            // A run folder is never mixed with an older one.
            fs::remove_dir_all(&self.folder).with_context(|| format!("cannot empty {}", self.folder.display()))?;
        }
        fs::create_dir_all(&self.folder).with_context(|| format!("cannot make {}", self.folder.display()))?;
        run(self.vq("train").args([RECORD, "--config", CONFIG, "-o"]).arg(self.run_folder()))
    }

    fn export(&self) -> Result<()> {
        run(self.vq("export").arg(self.run_folder()).arg("-o").arg(self.model()))
    }

    fn evaluate(&self) -> Result<Value> {
        let mut command = self.vq("eval");
        command.arg("--model").arg(self.model()).args([RECORD, "--from", LAST_MINUTE, "--json"]);
        serde_json::from_str(&output(&mut command)?).context("`vq eval --json` printed no JSON")
    }

    fn run_firmware(&self, toolchain: &Toolchain) -> Result<(Sizes, Counts)> {
        let image = firmware::build(self.project, toolchain, &CORTEX_M4F, Program::Codec, &self.model())?;
        let sizes = firmware::sizes(&image)?;
        println!("  {sizes}");
        let vectors = self.folder.join("vectors");
        let mut command = self.vq("vectors");
        run(command.arg("--model").arg(self.model()).args([RECORD, "--from", LAST_MINUTE, "-o"]).arg(&vectors))?;
        let counts = firmware::check(&CORTEX_M4F, Program::Codec, &image, &vectors)?;
        println!("  {counts}");
        println!("  packets and decoded samples of device and host are the same, bit for bit");
        Ok((sizes, counts))
    }

    fn report(&self, evaluated: &Value, sizes: Sizes, counts: Counts) -> Result<()> {
        let record = evaluated.pointer("/records/0").context("`vq eval --json` lists no record")?;
        let device = table::device_rows(sizes, counts);
        let path = self.folder.join("table.json");
        fs::write(&path, serde_json::to_string_pretty(&table::json(&device))?)
            .with_context(|| format!("cannot write {}", path.display()))?;
        let html = self.folder.join("report.html");
        let picture = self.folder.join("ecg.svg");
        let mut command = self.vq("report");
        command.arg(self.run_folder()).arg("-o").arg(&html).arg("--table").arg(&path);
        run(command.arg("--picture").arg(&picture).args(["--picture-seconds", PICTURE_SECONDS]))?;
        let text = format!(
            "The last minute of record 208, one patient, trained on the four minutes before:\n\n{}",
            table::text(&[table::codec_rows(record)?, device].concat())
        );
        // `cargo xtask results` takes it over into the README.
        let path = self.folder.join("table.txt");
        fs::write(&path, &text).with_context(|| format!("cannot write {}", path.display()))?;
        print!("\n{text}");
        println!("\nReport: {}", self.project.relative(&html).display());
        Ok(())
    }

    fn vq(&self, subcommand: &str) -> Command {
        let mut command = Command::new(self.project.programs().join("vq"));
        command.current_dir(&self.project.root).arg(subcommand);
        command
    }

    fn run_folder(&self) -> PathBuf {
        self.folder.join("run")
    }

    fn model(&self) -> PathBuf {
        self.folder.join("ecg.vqm")
    }
}
