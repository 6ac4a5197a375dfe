//! Writes a small model to the file that is named: what `cargo xtask test` builds firmware around, training nothing.

use std::path::Path;
use std::process::ExitCode;

use vq_tests::Recipe;

fn main() -> ExitCode {
    let Some(path) = std::env::args().nth(1) else {
        eprintln!("name the file to write");
        return ExitCode::from(2);
    };
    let recipe =
        Recipe { width: 8, latents: 4, strides: vec![4, 2], extra: vec![4, 2], stages: Some(2), ..Recipe::small(1) };
    match recipe.export().integer.write(Path::new(&path)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
