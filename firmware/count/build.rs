//! Links for a board, and puts models where `include_model!` looks: the one of `model-count`, which VQ_MODEL names, and one for each case of
//! `rungs-count`, in the folder that VQ_MODELS names. Where only one of the two is named, as for lints, it does for the other.

use std::path::{Path, PathBuf};
use std::{env, process};

/// The first one does where VQ_MODEL names none.
const RUNGS: [&str; 11] = [
    "demo",
    "prior-tables",
    "prior-linear",
    "prior-small",
    "prior-standard",
    "prior-following",
    "indices-small",
    "indices-standard",
    "predictor-adaptive",
    "predictor-small",
    "predictor-standard",
];

fn main() {
    println!("cargo:rustc-link-arg-bins=-Tlink.x");
    println!("cargo:rerun-if-env-changed=VQ_MODELS");
    println!("cargo:rerun-if-env-changed=VQ_MODEL");
    if let Err(problem) = place_models() {
        eprintln!("{problem}");
        process::exit(1);
    }
}

fn place_models() -> Result<(), String> {
    let [folder, model] = ["VQ_MODELS", "VQ_MODEL"].map(|name| env::var_os(name).map(PathBuf::from));
    let of_rung = |name: &str| folder.as_ref().map(|folder| folder.join(name).with_extension("vqm"));
    let first = model.clone().or_else(|| of_rung(RUNGS[0]));
    let first = first.ok_or("set VQ_MODEL to a model's absolute path, or VQ_MODELS to that of a folder that the example `model` wrote with --rungs")?;
    place("VQ_MODEL", &first)?;
    for name in RUNGS {
        let variable = format!("VQ_{}", name.to_uppercase().replace('-', "_"));
        place(&variable, &of_rung(name).unwrap_or_else(|| first.clone()))?;
    }
    Ok(())
}

fn place(variable: &str, model: &Path) -> Result<(), String> {
    let model = model.canonicalize().map_err(|error| format!("there is no model at {}: {error}", model.display()))?;
    println!("cargo:rerun-if-changed={}", model.display());
    println!("cargo:rustc-env={variable}={}", model.display());
    Ok(())
}
