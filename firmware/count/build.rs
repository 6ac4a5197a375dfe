//! Links for a board, and puts the models where `include_model!` looks.

use std::path::PathBuf;
use std::{env, process};

/// A model for each case of the program, in the folder that VQ_MODELS names.
const MODELS: [&str; 8] = [
    "demo",
    "prior-tables",
    "prior-linear",
    "prior-small",
    "prior-standard",
    "predictor-adaptive",
    "predictor-small",
    "predictor-standard",
];

fn main() {
    println!("cargo:rustc-link-arg-bins=-Tlink.x");
    println!("cargo:rerun-if-env-changed=VQ_MODELS");
    println!("cargo:rerun-if-env-changed=VQ_MODEL");
    for name in MODELS {
        match model(name) {
            Ok(path) => {
                println!("cargo:rerun-if-changed={}", path.display());
                println!("cargo:rustc-env=VQ_{}={}", name.to_uppercase().replace('-', "_"), path.display());
            }
            Err(problem) => {
                eprintln!("{problem}");
                process::exit(1);
            }
        }
    }
}

/// A case's model. Where no folder is named, as for lints, any model will do.
fn model(name: &str) -> Result<PathBuf, String> {
    let path = match (env::var_os("VQ_MODELS"), env::var_os("VQ_MODEL")) {
        (Some(folder), _) => PathBuf::from(folder).join(name).with_extension("vqm"),
        (None, Some(model)) => PathBuf::from(model),
        (None, None) => return Err("set VQ_MODELS to the absolute path of a folder that the example `model` wrote with --rungs".into()),
    };
    path.canonicalize().map_err(|error| format!("there is no model at {}: {error}", path.display()))
}
