//! The user's Python: it may have torch, and its pip fetches torch where it has not.

use std::path::PathBuf;
use std::process::Command;

use super::packages::{self, Package};
use crate::process::probe;

/// Prints where torch is, without importing it, which would take seconds.
const WHERE_IS_TORCH: &str = "import importlib.util as u; print(u.find_spec('torch').submodule_search_locations[0])";

/// Names that a Python goes by, the likelier one first; a virtual environment's is the first in the path.
const NAMES: [&str; 2] = ["python3", "python"];

/// The folders of the torch that each Python has, of whatever version.
pub(crate) fn torch_folders() -> impl Iterator<Item = PathBuf> {
    NAMES.into_iter().filter_map(|name| probe(Command::new(name).args(["-c", WHERE_IS_TORCH]))).map(PathBuf::from)
}

/// A command that runs pip, which is installed where that is possible.
pub(crate) fn pip() -> anyhow::Result<Command> {
    if let Some(pip) = find_pip() {
        return Ok(pip);
    }
    packages::install(&Package {
        what: "Python's pip (it fetches libtorch)",
        apt: &["python3-pip"],
        size: "about 60 MB",
        elsewhere: &["Fedora: sudo dnf install python3-pip", "Arch: sudo pacman -S python-pip"],
    })?;
    find_pip().ok_or_else(|| anyhow::anyhow!("python3-pip was installed, and still `python3 -m pip` does not run"))
}

fn find_pip() -> Option<Command> {
    NAMES.into_iter().find_map(|name| {
        probe(Command::new(name).args(["-m", "pip", "--version"]))?;
        let mut pip = Command::new(name);
        pip.args(["-m", "pip"]);
        Some(pip)
    })
}
