//! Links for a board, and puts the model and some packets of it where the programs look.

use std::path::Path;
use std::{env, process};

fn main() {
    println!("cargo:rustc-link-arg-bins=-Tlink.x");
    println!("cargo:rerun-if-env-changed=VQ_MODEL");
    if let Err(problem) = place_model() {
        eprintln!("{problem}");
        process::exit(1);
    }
}

/// The packets are in a file of the model's name that ends in `.packets`; a model without one has none.
fn place_model() -> Result<(), String> {
    let model = env::var_os("VQ_MODEL").ok_or("set VQ_MODEL to the absolute path of a model")?;
    let model = Path::new(&model);
    let model = model.canonicalize().map_err(|error| format!("there is no model at {}: {error}", model.display()))?;
    let none = Path::new(env!("CARGO_MANIFEST_DIR")).join("none.packets");
    let beside = model.with_extension("packets");
    let packets = if beside.is_file() { beside } else { none };
    for (name, path) in [("VQ_MODEL", &model), ("VQ_PACKETS", &packets)] {
        println!("cargo:rustc-env={name}={}", path.display());
        println!("cargo:rerun-if-changed={}", path.display());
    }
    Ok(())
}
