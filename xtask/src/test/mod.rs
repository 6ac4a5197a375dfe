//! Every check that a change must pass, in one command. It goes on after a failure, so that one run tells everything.

mod tally;

use std::env;
use std::path::Path;
use std::process::Command;

use anyhow::Result;
use clap::Args;

use crate::bench;
use crate::boards;
use crate::firmware::{self, BOARDS, Board, CORTEX_M0, CORTEX_M4F};
use crate::process::{cargo, run};
use crate::project::Project;
use crate::setup::{self, Toolchain};
use crate::size;
use crate::stages::Stages;
use crate::toolchains;
use tally::Tally;

/// vq-core's features, in every set that one may build for a device.
const CORE_FEATURES: [&str; 16] = [
    "",
    "choice",
    "levels",
    "budget",
    "priors,prediction,choice,levels,budget",
    "f32",
    "micromath,prediction",
    "metadata,priors,depthwise",
    "index-priors",
    "f32,metadata",
    "heapless",
    "embedded-io",
    "defmt",
    "small-kernels",
    "std",
    "heapless,embedded-io,defmt",
];
/// The cores that each of them is checked for: the smallest and the most usual one.
const CORE_TARGETS: [Board; 2] = [CORTEX_M0, CORTEX_M4F];

/// What follows clippy's own arguments.
const DENY: [&str; 3] = ["--", "-D", "warnings"];

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Only format, lints, and the tests that need no device
    #[arg(long)]
    quick: bool,
    /// Without the images for real boards, whose first build takes minutes
    #[arg(long)]
    skip_boards: bool,
}

/// `cargo xtask test`: true when everything passed.
pub(crate) fn task(project: &Project, arguments: &Arguments) -> Result<bool> {
    let with_boards = !arguments.quick && !arguments.skip_boards;
    let mut stages = Stages::new(if arguments.quick { 4 } else { 8 + usize::from(with_boards) });
    let toolchain = stages.run("Set-up", || setup::all(project, &BOARDS, false))?;
    let mut checks = Checks { project, toolchain, tally: Tally::default() };
    stages.run("Format", || checks.format())?;
    stages.run("Lints", || checks.lints())?;
    if arguments.quick {
        stages.run("Tests", || checks.tests(&["--workspace"]))?;
    } else {
        stages.run("Builds and tests with fewer features", || checks.fewer_features())?;
        stages.run("The oldest compiler, and Miri", || checks.other_compilers())?;
        stages.run("Documentation", || checks.documentation())?;
        stages.run("Firmware", || checks.firmware())?;
        if with_boards {
            stages.run("Images for real boards", || checks.boards())?;
        }
        stages.run("Tests on the host and on the device", || {
            checks.tests(&["--workspace", "--features", "vq-tests/device"])
        })?;
    }
    println!("\n{}", checks.tally.line());
    Ok(checks.tally.is_clean())
}

struct Checks<'p> {
    project: &'p Project,
    toolchain: Toolchain,
    tally: Tally,
}

impl Checks<'_> {
    fn format(&mut self) -> Result<()> {
        let own = [self.project.root.clone(), self.project.firmware()];
        for folder in own.into_iter().chain(boards::folders(self.project)) {
            let result = run(cargo(self.project, &folder).args(["fmt", "--all", "--check"]));
            self.tally.check(&format!("format in {}", folder.display()), result);
        }
        Ok(())
    }

    fn lints(&mut self) -> Result<()> {
        let lint = ["clippy", "--quiet", "--workspace", "--all-targets"];
        let result = run(self.cargo().args(lint).args(DENY));
        self.tally.check("lints", result);
        Ok(())
    }

    /// A gateway has no libtorch, and a device picks the features of vq-core.
    fn fewer_features(&mut self) -> Result<()> {
        let lint = ["clippy", "--quiet", "--package", "vq-trainer", "--no-default-features", "--all-targets"];
        let result = run(self.cargo().args(lint).args(DENY));
        self.tally.check("lints without libtorch", result);
        for features in CORE_FEATURES {
            let core = ["--quiet", "--package", "vq-core", "--no-default-features", "--features", features];
            let result = run(self.cargo().arg("clippy").args(core).arg("--all-targets").args(DENY));
            self.tally.check(&format!("lints of vq-core with features \"{features}\""), result);
            for target in CORE_TARGETS {
                let (subcommand, deny) = self.toolchain.strictest_check();
                let mut check = self.toolchain.cargo(self.project, &self.project.root, subcommand, target.triple);
                let name = format!("vq-core for {} with features \"{features}\"", target.core);
                self.tally.check(&name, run(check.args(core).args(deny)));
            }
        }
        self.tests(&["--package", "vq-core", "--no-default-features"])?;
        self.tests(&["--package", "vq-core", "--no-default-features", "--features", "heapless,embedded-io"])?;
        self.tests(&["--package", "vq-trainer", "--no-default-features"])
    }

    /// Both are fetched where that is possible; elsewhere the check is skipped.
    fn other_compilers(&mut self) -> Result<()> {
        let name = "build with the oldest compiler";
        match toolchains::oldest(self.project, false) {
            Ok(mut command) => self.tally.check(name, run(&mut command)),
            Err(reason) => self.tally.skip(name, &reason),
        }
        match toolchains::miri(self.project, false) {
            Ok(mut command) => self.tally.run(&mut command),
            Err(reason) => {
                self.tally.skip("the definition under Miri", &reason);
                Ok(())
            }
        }
    }

    fn documentation(&mut self) -> Result<()> {
        let document = ["doc", "--quiet", "--workspace", "--no-deps"];
        let result = run(self.cargo().args(document).env("RUSTDOCFLAGS", "-D warnings"));
        self.tally.check("documentation", result);
        Ok(())
    }

    fn firmware(&mut self) -> Result<()> {
        let vectors = firmware::Vectors::make(self.project)?;
        for board in &firmware::builds().collect::<Vec<_>>() {
            let result = firmware::lint(self.project, &self.toolchain, board, &vectors.model());
            self.tally.check(&format!("lints of the firmware for {}", board.name), result);
            let result = firmware::same_as_host(self.project, &self.toolchain, board, &vectors);
            let name = format!(
                "no panic is reachable on {}, and the recording's packets and samples are the host's",
                board.name
            );
            self.tally.device_check(&name, result);
            let result = firmware::surface::link(self.project, &self.toolchain, board);
            self.tally.device_check(&format!("no public function of vq-core can panic on {}", board.name), result);
            let result = firmware::compare_kernels(self.project, &self.toolchain, board);
            self.tally.device_check(&format!("the kernels of {} compute what they are defined to", board.name), result);
        }
        let result = firmware::surface::refuse_a_panic(self.project, &self.toolchain, &CORTEX_M4F);
        self.tally.device_check("an image with a panic does not link", result);
        let models = size::models(self.project)?;
        for target in bench::checked_targets() {
            if !size::are_committed(self.project, &target) {
                let reason = anyhow::anyhow!("no sizes are committed: `cargo xtask size --save` writes them");
                self.tally.skip(&format!("the sizes on {}", target.board.core), &reason);
                continue;
            }
            let result = size::check(self.project, &self.toolchain, &target, &models);
            let name =
                format!("the codec on {} panics nowhere and takes no more bytes than is committed", target.board.core);
            self.tally.device_check(&name, result);
        }
        let models = bench::Models::make(self.project)?;
        for target in bench::checked_targets() {
            let result = bench::check(self.project, &self.toolchain, &target, &models);
            let name =
                format!("layers and models on {} take no more instructions than is committed", target.board.core);
            self.tally.device_check(&name, result);
        }
        Ok(())
    }

    fn boards(&mut self) -> Result<()> {
        self.tally.run(&mut boards::test_command(self.project)?)?;
        if let Err(error) = boards::ensure_targets(self.project, boards::all(), false) {
            println!("  left out: {error:#}");
            return Ok(());
        }
        for board in boards::all() {
            let result = boards::build_for_test(self.project, board);
            let name = match &result {
                Ok(sizes) => format!("an image for {}: {sizes}", board.name()),
                Err(_) => format!("an image for {}", board.name()),
            };
            self.tally.device_check(&name, result.map(|_| ()));
        }
        Ok(())
    }

    fn tests(&mut self, selection: &[&str]) -> Result<()> {
        let mut command = self.cargo();
        command.args(["test", "--no-fail-fast"]).args(selection);
        if env::var_os("OMP_NUM_THREADS").is_none() {
            // Tests run beside each other already; OpenMP's threads would spin and take the cores from them.
            command.env("OMP_NUM_THREADS", "1");
        }
        self.tally.run(&mut command)
    }

    fn cargo(&self) -> Command {
        cargo(self.project, Path::new(&self.project.root))
    }
}
