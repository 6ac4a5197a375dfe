//! Puts the memory map where the linker looks, and the model where `include_model!` looks.

use std::path::PathBuf;
use std::{env, fs, io};

/// The model to carry; relative to this folder.
const DEFAULT_MODEL: &str = "../../models/ecg-360hz.vqm";

fn main() -> io::Result<()> {
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    fs::copy("memory.x", out.join("memory.x"))?;
    println!("cargo:rustc-link-search={}", out.display());
    println!("cargo:rustc-link-arg-bins=-Tlink.x");
    println!("cargo:rerun-if-changed=memory.x");

    let model = env::var_os("VQ_MODEL").map_or_else(|| PathBuf::from(DEFAULT_MODEL), PathBuf::from);
    let model = model.canonicalize().map_err(|error| {
        let advice = "set VQ_MODEL to the absolute path of a model that `vq export` wrote";
        io::Error::new(error.kind(), format!("no model at {}: {advice}", model.display()))
    })?;
    println!("cargo:rustc-env=VQ_MODEL={}", model.display());
    println!("cargo:rerun-if-env-changed=VQ_MODEL");
    println!("cargo:rerun-if-changed={}", model.display());
    Ok(())
}
