//! The `vq` program: see [`vq_trainer::cli`].

use std::process::ExitCode;

fn main() -> ExitCode {
    vq_trainer::cli::main()
}
