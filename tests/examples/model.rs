//! Writes models that `cargo xtask` builds firmware around into a folder, training nothing: with `--boards` those that every emulated board
//! codes the recording with, beside what the host makes of it; with `--demo` those of the demo's shapes, with priors and without, each with some
//! packets; with `--rungs` one for each rung of the priors and predictors.

use std::error::Error;
use std::fs;
use std::path::Path;
use std::process::ExitCode;

use vq_tests::{demo, device, rungs};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let written = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["--boards", folder] => device::write_boards(Path::new(folder)),
        ["--demo", folder] => write_demo(Path::new(folder)),
        ["--rungs", folder] => rungs::write(Path::new(folder)),
        _ => Err("say --boards, --demo or --rungs, and name a folder".into()),
    };
    match written {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn write_demo(folder: &Path) -> Result<(), Box<dyn Error>> {
    let priors = demo::model();
    for (name, model) in [("uniform", demo::without_priors(&priors)), ("priors", priors)] {
        model.write(&folder.join(name).with_extension("vqm"))?;
        fs::write(folder.join(name).with_extension("packets"), demo::packets(&model))?;
    }
    Ok(())
}
