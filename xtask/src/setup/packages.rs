//! Programs that the system's package manager has.

use std::process::Command;

use anyhow::{Result, bail};

use crate::process::{find_program, probe, run};

/// Something to install, and how.
#[derive(Debug)]
pub(crate) struct Package {
    /// What it is, and what for.
    pub(crate) what: &'static str,
    /// Debian's and Ubuntu's packages.
    pub(crate) apt: &'static [&'static str],
    /// Their size on disk with what they need, roughly.
    pub(crate) size: &'static str,
    /// What to do on other systems, a line each.
    pub(crate) elsewhere: &'static [&'static str],
}

/// Installs it where this process may; otherwise says what to type.
pub(crate) fn install(package: &Package) -> Result<()> {
    let has_apt = find_program("apt-get").is_some();
    if !has_apt || !is_root() {
        bail!("{}", by_hand(package, has_apt));
    }
    println!("  installing {}: {} ({}, system-wide, by apt-get)", package.what, package.apt.join(" "), package.size);
    // Fresh machines and containers have no package lists, or old ones that name versions which are gone.
    run(apt_get().args(["-qq", "update"]))?;
    run(apt_get().args(["install", "-y", "-qq", "--no-install-recommends"]).args(package.apt))
}

fn apt_get() -> Command {
    let mut command = Command::new("apt-get");
    command.env("DEBIAN_FRONTEND", "noninteractive");
    command
}

fn is_root() -> bool {
    probe(Command::new("id").arg("-u")).is_some_and(|id| id == "0")
}

/// What to type, and that it is to be typed before the same command again.
fn by_hand(package: &Package, has_apt: bool) -> String {
    let mut lines = vec![format!("{} is missing. Install it and run this command again:", package.what)];
    let apt = format!("sudo apt-get install --no-install-recommends {}", package.apt.join(" "));
    if has_apt {
        lines.push(format!("    {apt}"));
    } else {
        lines.extend(package.elsewhere.iter().map(|line| format!("    {line}")));
        lines.push(format!("    Debian, Ubuntu: {apt}"));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instructions_fit_the_system() {
        let package =
            Package { what: "a thing", apt: &["one", "two"], size: "1 MB", elsewhere: &["macOS: brew install one"] };
        assert!(by_hand(&package, true).ends_with("sudo apt-get install --no-install-recommends one two"));
        assert!(!by_hand(&package, true).contains("brew"));
        assert!(by_hand(&package, false).contains("brew install one"));
    }
}
