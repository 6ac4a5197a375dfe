//! Puts the memory map where the linker looks, and the model where `include_model!` looks.

use std::path::{Path, PathBuf};
use std::{env, fs, process};

/// The model to carry unless VQ_MODEL names another: the demo's; relative to this folder.
const DEFAULT_MODEL: &str = "../../demo/ecg.vqm";

fn main() {
    if let Err(problem) = place_memory_map().and_then(|()| place_model()) {
        eprintln!("{problem}");
        process::exit(1);
    }
}

fn place_memory_map() -> Result<(), String> {
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("cargo did not set OUT_DIR")?);
    fs::copy("memory.x", out.join("memory.x")).map_err(|error| format!("cannot copy memory.x: {error}"))?;
    println!("cargo:rustc-link-search={}", out.display());
    println!("cargo:rustc-link-arg-bins=-Tlink.x");
    println!("cargo:rerun-if-changed=memory.x");
    Ok(())
}

fn place_model() -> Result<(), String> {
    let named = env::var_os("VQ_MODEL");
    let model = named.as_deref().map_or(Path::new(DEFAULT_MODEL), Path::new);
    let model = model.canonicalize().map_err(|error| {
        let advice = "`cargo xtask demo` makes one; or set VQ_MODEL to the absolute path of what `vq export` wrote";
        format!("there is no model at {} ({error}): {advice}", model.display())
    })?;
    println!("cargo:rustc-env=VQ_MODEL={}", model.display());
    println!("cargo:rerun-if-env-changed=VQ_MODEL");
    println!("cargo:rerun-if-changed={}", model.display());
    Ok(())
}
