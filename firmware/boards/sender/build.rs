//! Puts the model where `include_model!` looks.

use std::path::Path;
use std::{env, process};

/// The model to carry unless VQ_MODEL names another: the demo's; relative to this folder.
const DEFAULT_MODEL: &str = "../../../demo/ecg.vqm";

fn main() {
    println!("cargo:rerun-if-env-changed=VQ_MODEL");
    let named = env::var_os("VQ_MODEL");
    let model = named.as_deref().map_or(Path::new(DEFAULT_MODEL), Path::new);
    match model.canonicalize() {
        Ok(model) => {
            println!("cargo:rustc-env=VQ_MODEL={}", model.display());
            println!("cargo:rerun-if-changed={}", model.display());
        }
        Err(error) => {
            let advice = "`cargo xtask demo` makes one; or set VQ_MODEL to the absolute path of what `vq export` wrote";
            eprintln!("there is no model at {} ({error}): {advice}", model.display());
            process::exit(1);
        }
    }
}
