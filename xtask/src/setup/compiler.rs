//! The C++ compiler, for the thin layer between Rust and libtorch.

use std::env;

use anyhow::Result;

use super::packages::{self, Package};
use crate::process::find_program;

/// Sees to it that there is a C++ compiler.
pub(crate) fn ensure() -> Result<()> {
    if env::var_os("CXX").is_some() || find_program("c++").is_some() {
        return Ok(());
    }
    packages::install(&Package {
        what: "a C++ compiler (the layer between Rust and libtorch is C++)",
        apt: &["g++"],
        size: "about 190 MB",
        elsewhere: &["macOS: xcode-select --install", "Fedora: sudo dnf install gcc-c++", "Arch: sudo pacman -S gcc"],
    })
}
