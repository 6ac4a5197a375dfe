//! What builds firmware: the compiler at hand with the targets' `core` from rustup, or, where rustup cannot get one of
//! them, a compiler that has the source of `core` beside it and builds it on the way.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::packages::{self, Package};
use crate::process::{self, find_program, probe, run_within};
use crate::project::Project;

/// The oldest compiler that builds the project: the workspace's `rust-version`.
pub(crate) const OLDEST_MINOR: u32 = 88;

/// A download of some 15 MB per target that takes longer than this is not going to end.
const DOWNLOAD_LIMIT: Duration = Duration::from_secs(180);

/// How firmware is built on this machine.
#[derive(Debug)]
pub(crate) struct Toolchain {
    /// What `rustc --version` says.
    pub(crate) version: String,
    /// Set where `core` is built from source: the compiler and the linker to use.
    from_source: Option<(PathBuf, PathBuf)>,
}

impl Toolchain {
    /// Cargo's `subcommand`, for the target `triple`, in `folder`.
    pub(crate) fn cargo(&self, project: &Project, folder: &Path, subcommand: &str, triple: &str) -> Command {
        let mut command = process::cargo(project, folder);
        command.args([subcommand, "--target", triple, "--target-dir"]).arg(self.target_folder(project));
        if let Some((rustc, linker)) = &self.from_source {
            // RUSTC_BOOTSTRAP lets a stable compiler take -Z options: on this command alone, as it would also hide any
            // use of an unstable feature.
            command.arg("-Zbuild-std=core").env("RUSTC", rustc).env("RUSTC_BOOTSTRAP", "1");
            let variable = triple.to_uppercase().replace(['-', '.'], "_");
            command.env(format!("CARGO_TARGET_{variable}_LINKER"), linker);
        }
        command
    }

    /// The folder in which cargo puts what it builds: its usual one, or another one for the other compiler, because
    /// cargo would rebuild everything each time that compilers change.
    pub(crate) fn target_folder(&self, project: &Project) -> PathBuf {
        let usual = project.firmware().join("target");
        if self.from_source.is_some() { usual.join("build-std") } else { usual }
    }

    /// The subcommand that finds the most mistakes, and its last arguments: there is no clippy for the other compiler.
    pub(crate) fn strictest_check(&self) -> (&'static str, &'static [&'static str]) {
        if self.from_source.is_some() { ("check", &[]) } else { ("clippy", &["--", "-D", "warnings"]) }
    }

    /// For the reader: which compiler, and whose `core`.
    pub(crate) fn describe(&self) -> String {
        let core = if self.from_source.is_some() { "core built from source" } else { "rustup's core" };
        format!("{}, {core}", self.version)
    }
}

/// Sees to it that firmware for these targets can be built.
///
/// `again` asks rustup even if it failed to get them before.
pub(crate) fn ensure(project: &Project, triples: &[&str], again: bool) -> Result<Toolchain> {
    if let Some(toolchain) = from_rustup(project, triples, again)?.or_else(from_source) {
        return Ok(toolchain);
    }
    packages::install(&SOURCE)?;
    from_source().with_context(|| {
        format!(
            "{} installed, and still no compiler from 1.{OLDEST_MINOR} on has the library's source",
            SOURCE.apt.join(" ")
        )
    })
}

/// The compiler at hand, if it has the targets' libraries or rustup can add them.
///
/// `again` asks rustup even if it failed to get them before.
pub(super) fn from_rustup(project: &Project, triples: &[&str], again: bool) -> Result<Option<Toolchain>> {
    let missing: Vec<&str> = triples.iter().copied().filter(|triple| !is_installed(triple)).collect();
    if missing.is_empty() {
        return installed().map(Some);
    }
    let failures: Vec<PathBuf> =
        missing.iter().map(|triple| project.scratch().join(format!("rustup-has-no-{triple}"))).collect();
    if !again && failures.iter().any(|failure| failure.exists()) {
        return Ok(None);
    }
    match add_targets(&missing) {
        Ok(()) if missing.iter().all(|triple| is_installed(triple)) => return installed().map(Some),
        Ok(()) => bail!("rustup added {}, and rustc does not find them", missing.join(", ")),
        Err(error) => println!("  {error:#}"),
    }
    fs::create_dir_all(project.scratch())?;
    for failure in failures {
        fs::write(&failure, "Remove this file to let `cargo xtask` ask rustup again.\n")?;
    }
    Ok(None)
}

/// The fallback's packages, on Debian's side of the world.
const SOURCE: Package = Package {
    what: "a Rust compiler with its library's source (rustup could not fetch the targets' libraries)",
    apt: &["rustc-web", "rust-web-src"],
    size: "about 500 MB",
    elsewhere: &["with the network back, the same command again: rustup then fetches what is missing"],
};

/// The compiler at hand.
fn installed() -> Result<Toolchain> {
    let version = probe(Command::new("rustc").arg("--version")).context("there is no rustc")?;
    Ok(Toolchain { version, from_source: None })
}

/// Whether the compiler at hand has a target's library.
fn is_installed(triple: &str) -> bool {
    let libraries = probe(Command::new("rustc").args(["--print", "target-libdir", "--target", triple]));
    let files = libraries.and_then(|folder| fs::read_dir(folder).ok());
    files.is_some_and(|files| files.flatten().any(|entry| is_core(&entry.file_name().to_string_lossy())))
}

fn is_core(file_name: &str) -> bool {
    file_name.starts_with("libcore-") && file_name.ends_with(".rlib")
}

fn add_targets(triples: &[&str]) -> Result<()> {
    let names = triples.join(" ");
    if find_program("rustup").is_none() {
        bail!("{names}: there is no rustup to add them");
    }
    println!("  {names}: asking rustup to add them (15 MB download, 80 MB in its toolchain's folder each)");
    run_within(Command::new("rustup").args(["target", "add"]).args(triples), DOWNLOAD_LIMIT)
}

/// A compiler with the library's source, and a linker for every target.
fn from_source() -> Option<Toolchain> {
    let linker = linker()?;
    let compilers = ["rustc", "/usr/bin/rustc"].map(PathBuf::from);
    compilers.into_iter().find_map(|rustc| {
        let sysroot = PathBuf::from(probe(Command::new(&rustc).args(["--print", "sysroot"]))?);
        let version = probe(Command::new(&rustc).arg("--version"))?;
        let has_source = sysroot.join("lib/rustlib/src/rust/library/core/src/lib.rs").is_file();
        let linker = linker.clone();
        (has_source && is_recent(&version)).then_some(Toolchain { version, from_source: Some((rustc, linker)) })
    })
}

/// The linker that comes with rustup's compilers, or another one that links for every target.
fn linker() -> Option<PathBuf> {
    let sysroot = probe(Command::new("rustc").args(["--print", "sysroot"]));
    let hosts = sysroot.and_then(|sysroot| fs::read_dir(Path::new(&sysroot).join("lib/rustlib")).ok());
    let bundled = hosts.into_iter().flatten().flatten().map(|host| host.path().join("bin/rust-lld"));
    let found = ["rust-lld", "ld.lld"].into_iter().filter_map(find_program);
    bundled.chain(found).find(|path| path.is_file())
}

/// Whether `rustc 1.MINOR.PATCH (…)` is new enough.
fn is_recent(version: &str) -> bool {
    let minor = version.strip_prefix("rustc 1.").and_then(|rest| rest.split('.').next()?.parse::<u32>().ok());
    minor.is_some_and(|minor| minor >= OLDEST_MINOR)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compilers_are_compared_with_the_oldest() {
        assert!(is_recent("rustc 1.88.0 (abc 2025-06-23)") && is_recent("rustc 1.110.0"));
        assert!(!is_recent("rustc 1.87.1") && !is_recent("gcc 1.99.0") && !is_recent("rustc 0.99.0"));
        let manifest = fs::read_to_string(Project::new().root.join("Cargo.toml")).unwrap();
        assert!(manifest.contains(&format!("rust-version = \"1.{OLDEST_MINOR}\"")));
    }

    #[test]
    fn only_the_fallback_takes_unstable_options() {
        let project = Project::new();
        let ordinary = Toolchain { version: "rustc 1.90.0".into(), from_source: None };
        let command = ordinary.cargo(&project, &project.firmware(), "build", "thumbv8m.main-none-eabihf");
        assert!(!process::describe(&command).contains("-Z"));
        let paths = (PathBuf::from("/usr/bin/rustc"), PathBuf::from("/lld"));
        let fallback = Toolchain { version: "rustc 1.90.0".into(), from_source: Some(paths) };
        let command = fallback.cargo(&project, &project.firmware(), "build", "thumbv8m.main-none-eabihf");
        assert!(process::describe(&command).contains("-Zbuild-std=core"));
        let names: Vec<_> = command.get_envs().map(|(name, _)| name.to_string_lossy().into_owned()).collect();
        assert!(names.contains(&"CARGO_TARGET_THUMBV8M_MAIN_NONE_EABIHF_LINKER".to_owned()), "{names:?}");
        assert_ne!(ordinary.target_folder(&project), fallback.target_folder(&project));
    }
}
