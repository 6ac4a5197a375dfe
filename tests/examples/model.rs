//! Writes models that `cargo xtask` builds firmware around, training nothing: a small one to the file that is named, or with
//! `--demo` and a folder those of the demo's shapes, with priors and without, each with some packets.

use std::error::Error;
use std::fs;
use std::path::Path;
use std::process::ExitCode;

use vq_tests::{Recipe, demo};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let written = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["--demo", folder] => write_demo(Path::new(folder)),
        [file] => small().export().integer.write(Path::new(file)).map_err(Into::into),
        _ => Err("name the file to write, or --demo and a folder".into()),
    };
    match written {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn small() -> Recipe {
    Recipe { width: 8, latents: 4, strides: vec![4, 2], extra: vec![4, 2], stages: Some(2), ..Recipe::small(1) }
}

fn write_demo(folder: &Path) -> Result<(), Box<dyn Error>> {
    let priors = demo::model();
    for (name, model) in [("uniform", demo::without_priors(&priors)), ("priors", priors)] {
        model.write(&folder.join(name).with_extension("vqm"))?;
        fs::write(folder.join(name).with_extension("packets"), demo::packets(&model))?;
    }
    Ok(())
}
