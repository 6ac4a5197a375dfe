//! libtorch, on which training runs: an exported one, that of the user's Python, or the official wheels.

use std::env::consts::{ARCH, DLL_SUFFIX, OS};
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};

use super::{python, wheels};
use crate::project::Project;

/// The version that the crate `tch` is made for; it compiles against no other.
pub(crate) const VERSION: &str = "2.11.0";

/// Sees to it that there is a libtorch, and says where.
pub(crate) fn ensure(project: &Project) -> Result<String> {
    if let Some(exported) = &project.exported_libtorch {
        check(exported).with_context(|| {
            format!("LIBTORCH={} cannot be used. Point it to a torch {VERSION}, or unset it", exported.display())
        })?;
        return Ok(format!("{} (LIBTORCH as exported)", exported.display()));
    }
    let own = project.libtorch();
    if let Err(problem) = check(&own) {
        // A link whose target went away, or was upgraded, is replaced; a folder that someone put there is not.
        ensure!(
            own.is_symlink() || !own.exists(),
            "{} cannot be used ({problem}). Remove it and run this command again",
            project.relative(&own).display()
        );
        provide(project, &own)?;
        check(&own)?;
    }
    let target = fs::canonicalize(&own)?;
    let shown = project.relative(&target);
    Ok(if target == own {
        own_name(project, &own)
    } else {
        format!("{} -> {}", own_name(project, &own), shown.display())
    })
}

fn own_name(project: &Project, own: &Path) -> String {
    project.relative(own).display().to_string()
}

/// Makes `.libtorch/torch` a link to the libtorch of a Python, or to one that is fetched.
fn provide(project: &Project, own: &Path) -> Result<()> {
    let folder = own.parent().context("libtorch's path has a parent")?;
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    if let Some(torch) = python::torch_folders().find(|torch| check(torch).is_ok()) {
        println!("  libtorch: this Python has torch {VERSION}; linking {} to it", own_name(project, own));
        return link(&torch, own);
    }
    ensure!((OS, ARCH) == ("linux", "x86_64"), "{}", by_hand());
    let unpacked = wheels::fetch(folder).with_context(by_hand)?;
    link(&unpacked, own)
}

fn by_hand() -> String {
    format!(
        "libtorch {VERSION} could not be fetched for this machine ({OS}, {ARCH}). By hand, either\n\
         \x20   python3 -m pip install torch=={VERSION}    (in a virtual environment that is active when you build)\n\
         and run this command again: it finds that torch; or unpack libtorch {VERSION} from https://pytorch.org and\n\
         \x20   export LIBTORCH=/path/to/libtorch"
    )
}

/// Puts a link to `target` at `place` in one step, over a link that may be there.
fn link(target: &Path, place: &Path) -> Result<()> {
    let temporary = place.with_extension(format!("link-{}", std::process::id()));
    // Inside the same folder a relative link survives that the project is moved.
    let inside = place.parent().and_then(|folder| target.strip_prefix(folder).ok());
    symlink(inside.unwrap_or(target), &temporary)?;
    fs::rename(&temporary, place).with_context(|| format!("cannot put a link at {}", place.display()))
}

#[cfg(unix)]
fn symlink(target: &Path, place: &Path) -> Result<()> {
    std::os::unix::fs::symlink(target, place).with_context(|| format!("cannot make the link {}", place.display()))
}

#[cfg(not(unix))]
fn symlink(_: &Path, _: &Path) -> Result<()> {
    bail!("{}", by_hand())
}

/// Whether `folder` holds a libtorch of the right version, and if not, why.
pub(super) fn check(folder: &Path) -> Result<()> {
    ensure!(folder.is_dir(), "there is no folder {}", folder.display());
    let library = Path::new("lib").join(format!("libtorch_cpu{DLL_SUFFIX}"));
    ensure!(folder.join(&library).is_file(), "{} has no {}", folder.display(), library.display());
    match version_in(folder) {
        Some(version) if version == VERSION => Ok(()),
        Some(version) => bail!("{} holds torch {version}, and {VERSION} is needed", folder.display()),
        None => bail!("the version of the libtorch in {} cannot be told", folder.display()),
    }
}

/// The version, without its build suffix: a wheel has it in version.py, the archive from pytorch.org in build-version.
fn version_in(folder: &Path) -> Option<String> {
    let from_wheel = fs::read_to_string(folder.join("version.py")).ok().and_then(|text| {
        let line = text.lines().find_map(|line| line.strip_prefix("__version__ = "))?;
        Some(line.trim_matches(['\'', '"']).to_owned())
    });
    let from_archive = || fs::read_to_string(folder.join("build-version")).ok();
    let version = from_wheel.or_else(from_archive)?;
    version.trim().split('+').next().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder that looks like libtorch, under cargo's folder for tests.
    fn folder(name: &str, files: &[(&str, &str)]) -> std::path::PathBuf {
        let folder = Project::new().scratch().join("tests").join(format!("{name}-{}", std::process::id()));
        fs::create_dir_all(folder.join("lib")).unwrap();
        for (file, text) in files {
            fs::write(folder.join(file), text).unwrap();
        }
        folder
    }

    #[test]
    fn versions_of_wheels_and_archives() {
        let library = format!("lib/libtorch_cpu{DLL_SUFFIX}");
        let wheel = folder("wheel", &[("version.py", "x = 1\n__version__ = '2.11.0+cu130'\n"), (&library, "")]);
        assert_eq!(version_in(&wheel).as_deref(), Some("2.11.0"));
        assert!(check(&wheel).is_ok());
        let archive = folder("archive", &[("build-version", "2.10.1+cpu\n"), (&library, "")]);
        assert_eq!(version_in(&archive).as_deref(), Some("2.10.1"));
        assert!(check(&archive).unwrap_err().to_string().contains("holds torch 2.10.1, and 2.11.0 is needed"));
        let empty = folder("empty", &[("version.py", "__version__ = '2.11.0'")]);
        assert!(check(&empty).unwrap_err().to_string().contains("libtorch_cpu"));
        for folder in [wheel, archive, empty] {
            fs::remove_dir_all(folder).unwrap();
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_link_replaces_a_link() {
        let folder = folder("link", &[("a", "1"), ("b", "2")]);
        let place = folder.join("torch");
        link(&folder.join("a"), &place).unwrap();
        link(&folder.join("b"), &place).unwrap();
        assert_eq!(fs::read_to_string(&place).unwrap(), "2");
        assert_eq!(fs::read_link(&place).unwrap(), Path::new("b"));
        fs::remove_dir_all(folder).unwrap();
    }
}
