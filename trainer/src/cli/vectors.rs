//! `vq vectors`: what a device must reproduce.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;

use super::arguments::{CodingArguments, FitArguments, ModelArgument, SignalArguments, StretchArguments};
use super::output;
use crate::vectors::Vectors;

/// Write what a device must make of a recording, bit for bit.
///
/// Makes three flat files: samples.bin (counts as little-endian 32-bit numbers, interleaved), packets.bin (each packet
/// after its length as a little-endian 16-bit number) and decoded.bin (like the samples, the filled-up end included).
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The recording, or `-` for the standard input.
    #[arg(value_name = "IN")]
    input: PathBuf,
    #[command(flatten)]
    model: ModelArgument,
    /// The folder to write to; it is made if it is not there.
    #[arg(short, long, value_name = "FOLDER")]
    output: PathBuf,
    #[command(flatten)]
    stretch: StretchArguments,
    #[command(flatten)]
    fit: FitArguments,
    #[command(flatten)]
    coding: CodingArguments,
    #[command(flatten)]
    signal: SignalArguments,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let bytes = arguments.model.read()?;
    let codec = arguments.model.codec(&bytes)?;
    let recording = arguments.stretch.slice(arguments.signal.open(&arguments.input)?)?;
    let recording = arguments.fit.fit(recording, &codec)?;
    let vectors =
        Vectors::make(&codec, &recording, arguments.coding.options(&codec, &recording.channels, recording.frames())?)
            .with_context(|| arguments.input.display().to_string())?;
    std::fs::create_dir_all(&arguments.output)
        .with_context(|| format!("{}: cannot make the folder", arguments.output.display()))?;
    vectors.write(&arguments.output)?;
    output::note(&format!(
        "{}: {} samples, {} packets, {} decoded samples in {}",
        recording.name,
        vectors.samples.len(),
        vectors.packets.len(),
        vectors.decoded.len(),
        arguments.output.display()
    ));
    Ok(())
}
