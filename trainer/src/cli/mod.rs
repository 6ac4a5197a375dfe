//! The subcommands of `vq`, one file each.
//!
//! Results go to the standard output; notes, warnings and errors to the standard error. Exit codes: 0 done, 1 failed, 2
//! wrongly called.

mod arguments;
mod bench;
mod bench_bounds;
mod bench_models;
mod bench_priors;
mod data;
mod decode;
mod encode;
mod eval;
#[cfg(feature = "train")]
mod eval_images;
mod export;
mod inspect;
#[cfg(feature = "train")]
mod interrupt;
mod output;
mod report;
#[cfg(feature = "train")]
mod train;
#[cfg(feature = "train")]
mod train_config;
#[cfg(feature = "train")]
mod train_images;
#[cfg(feature = "train")]
mod train_predictor;
#[cfg(feature = "train")]
mod train_prior;
#[cfg(feature = "train")]
mod train_sweep;
mod vectors;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

pub use arguments::{SignalArguments, StretchArguments};
pub use output::{print, table};

/// Train, export and run learned codecs for the signals of small sensors.
///
/// File formats follow the names' endings: .hea or .dat (WFDB), .wav, .csv for recordings, .vqm for models, .vqs for
/// encoded streams. A single `-` is the standard input or output, and needs --format where it is a recording.
#[derive(Debug, Parser)]
#[command(name = "vq", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    #[cfg(feature = "train")]
    Train(train::Arguments),
    Export(export::Arguments),
    Encode(encode::Arguments),
    Decode(decode::Arguments),
    Eval(eval::Arguments),
    Inspect(inspect::Arguments),
    Report(report::Arguments),
    Bench(bench::Arguments),
    Data(data::Arguments),
    Vectors(vectors::Arguments),
}

impl Command {
    fn run(self) -> anyhow::Result<()> {
        match self {
            #[cfg(feature = "train")]
            Self::Train(arguments) => train::run(&arguments),
            Self::Export(arguments) => export::run(&arguments),
            Self::Encode(arguments) => encode::run(&arguments),
            Self::Decode(arguments) => decode::run(&arguments),
            Self::Eval(arguments) => eval::run(&arguments),
            Self::Inspect(arguments) => inspect::run(&arguments),
            Self::Report(arguments) => report::run(&arguments),
            Self::Bench(arguments) => bench::run(&arguments),
            Self::Data(arguments) => data::run(&arguments),
            Self::Vectors(arguments) => vectors::run(&arguments),
        }
    }
}

/// Runs the program on the process's arguments.
pub fn main() -> ExitCode {
    exit_code(Cli::parse().command.run())
}

/// Reads a command line, the program's name included, and does nothing: for those who write commands down.
///
/// # Errors
/// What clap says of it.
pub fn parse<'w>(words: impl IntoIterator<Item = &'w str>) -> Result<(), clap::Error> {
    Cli::try_parse_from(words).map(|_| ())
}

/// Tells what went wrong, if anything did, and how the process ends.
pub fn exit_code(result: anyhow::Result<()>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever reads our output has seen enough.
        Err(error) if output::is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{}", output::describe(&error));
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arguments_are_sound() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }
}
