//! Checks that need another compiler than the one at hand: the kernels' definition under Miri, and a build with the oldest compiler that
//! the project supports. rustup fetches them; where it cannot, the check says so and is skipped.

use std::fs;
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, bail};

use crate::process::{find_program, probe, run_within};
use crate::project::Project;
use crate::setup::OLDEST_MINOR;

/// A download of some 200 MB that takes longer than this is not going to end.
const DOWNLOAD_LIMIT: Duration = Duration::from_secs(300);

/// What Miri runs of vq-core: the definition of every integer result, and the queue between an interrupt and the main loop.
const MIRI_TESTS: [&str; 2] = ["kernels::portable", "codec::frame_queue"];

/// Random cases of a property under Miri, which is a thousand times slower than a processor.
const MIRI_CASES: &str = "1";

/// A compiler that rustup has, or may have.
#[derive(Debug)]
struct Compiler {
    /// Its name to rustup.
    toolchain: String,
    /// What it needs beside the compiler and cargo.
    components: &'static [&'static str],
    /// The cargo subcommand that shows that it is there.
    subcommand: &'static str,
}

impl Compiler {
    /// Sees to it that the compiler is there; the error says why it is not. `again` asks rustup even if it failed before.
    fn ensure(&self, project: &Project, again: bool) -> Result<()> {
        if self.is_installed() {
            return Ok(());
        }
        let failure = project.scratch().join(format!("rustup-has-no-{}", self.toolchain));
        if failure.exists() && !again {
            bail!("rustup could not fetch {} before; remove {} to try again", self.name(), failure.display());
        }
        let fetched = self.fetch();
        if fetched.is_err() || !self.is_installed() {
            fs::create_dir_all(project.scratch())?;
            fs::write(&failure, "Remove this file to let `cargo xtask` ask rustup again.\n")?;
            fetched?;
            bail!("rustup fetched {} and it does not start", self.name());
        }
        Ok(())
    }

    fn fetch(&self) -> Result<()> {
        if find_program("rustup").is_none() {
            bail!("there is no rustup to fetch {} with", self.name());
        }
        println!("  {}: asking rustup for it (about 200 MB)", self.name());
        let mut command = Command::new("rustup");
        if probe(self.command("rustc").arg("--version")).is_some() {
            // Not `toolchain install`, which would also replace a compiler that is there by the newest.
            command.args(["component", "add", "--toolchain", &self.toolchain]).args(self.components);
        } else {
            command.args(["toolchain", "install", &self.toolchain, "--profile", "minimal", "--no-self-update"]);
            self.components.iter().for_each(|component| _ = command.args(["--component", component]));
        }
        run_within(&mut command, DOWNLOAD_LIMIT)
    }

    fn is_installed(&self) -> bool {
        probe(self.command("cargo").args([self.subcommand, "--version"])).is_some()
    }

    /// A program of this toolchain, without what a cargo around this process says about another one.
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new("rustup");
        command.args(["run", &self.toolchain, program]).env_remove("RUSTUP_TOOLCHAIN").env_remove("CARGO");
        command
    }

    fn name(&self) -> String {
        [&[self.toolchain.as_str()], self.components].concat().join(" with ")
    }
}

/// The tests of vq-core that define results, under Miri: no undefined behaviour, no overflow, no data race in any of them.
///
/// # Errors
/// Why Miri is not there.
pub(crate) fn miri(project: &Project, again: bool) -> Result<Command> {
    let compiler = Compiler { toolchain: "nightly".into(), components: &["miri", "rust-src"], subcommand: "miri" };
    compiler.ensure(project, again)?;
    let mut command = compiler.command("cargo");
    command.current_dir(&project.root).args(["miri", "test", "--locked", "--package", "vq-core", "--all-features"]);
    command.args(["--lib", "--target-dir"]).arg(project.root.join("target/miri")).arg("--").args(MIRI_TESTS);
    // The properties' random numbers come from the system, which Miri otherwise keeps out.
    command.env("MIRIFLAGS", "-Zmiri-disable-isolation").env("PROPTEST_CASES", MIRI_CASES);
    Ok(command)
}

/// A check of the codec and of what a gateway builds, with the oldest compiler.
///
/// # Errors
/// Why the compiler is not there.
pub(crate) fn oldest(project: &Project, again: bool) -> Result<Command> {
    let compiler = Compiler { toolchain: format!("1.{OLDEST_MINOR}"), components: &[], subcommand: "check" };
    compiler.ensure(project, again)?;
    let mut command = compiler.command("cargo");
    let packages = ["--package", "vq-core", "--package", "vq-trainer", "--no-default-features", "--lib", "--bins"];
    command.current_dir(&project.root).args(["check", "--locked", "--quiet"]).args(packages);
    command.arg("--target-dir").arg(project.root.join("target/oldest"));
    Ok(command)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_rustup_could_not_fetch_is_not_asked_for_again() {
        let project = Project::new();
        let absent = Compiler { toolchain: "0.0.1-engine-test".into(), components: &[], subcommand: "check" };
        let failure = project.scratch().join("rustup-has-no-0.0.1-engine-test");
        fs::create_dir_all(project.scratch()).unwrap();
        fs::write(&failure, "").unwrap();
        let error = absent.ensure(&project, false).unwrap_err().to_string();
        fs::remove_file(&failure).unwrap();
        assert!(error.contains("remove") && error.contains("0.0.1"), "{error}");
    }
}
