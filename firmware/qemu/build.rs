//! Links for a board, and puts the model where `include_model!` looks.

use std::path::Path;
use std::{env, process};

/// The model to carry unless VQ_MODEL names another: the demo's; relative to this folder.
const DEFAULT_MODEL: &str = "../../demo/ecg.vqm";

fn main() {
    println!("cargo:rustc-link-arg-bins=-Tlink.x");
    if let Err(problem) = place_model() {
        eprintln!("{problem}");
        process::exit(1);
    }
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
