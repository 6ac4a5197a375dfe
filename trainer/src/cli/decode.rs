//! `vq decode`: a `.vqs` stream to a recording.

use std::path::PathBuf;

use anyhow::{Context as _, bail};
use clap::Args;

use super::arguments::ModelArgument;
use super::output;
use crate::codec::Decoded;
use crate::data::{self, Format, Recording, files};
use crate::stream;

/// Decode a stream with the model that encoded it.
///
/// Damaged and lost packets are reported and skipped: their frames are at physical zero. Streams that were joined into
/// one file become one recording.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The stream, or `-` for the standard input.
    #[arg(value_name = "X.vqs")]
    input: PathBuf,
    #[command(flatten)]
    model: ModelArgument,
    /// The recording to write, in the format of its ending, or `-` for the standard output.
    #[arg(short, long, value_name = "OUT")]
    output: PathBuf,
    /// Format of the recording, if not by the name's ending; needed for `-`.
    #[arg(long, value_enum)]
    format: Option<Format>,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let bytes = arguments.model.read()?;
    let codec = arguments.model.codec(&bytes)?;
    let input = arguments.input.display().to_string();
    let file = stream::parse(&files::read(&arguments.input)?);
    for damage in &file.damage {
        output::warn(&format!("{input}: byte {}: {}; skipped", damage.offset, damage.what));
    }
    let name = match files::is_pipe(&arguments.input) {
        true => "stdin".into(),
        false => arguments.input.file_stem().unwrap_or_default().to_string_lossy(),
    };
    let mut joined: Option<Recording> = None;
    let mut received_frames = 0;
    for (number, segment) in (1..).zip(&file.segments) {
        let decoded = codec.decode(segment, &name).with_context(|| format!("{input}: stream {number}"))?;
        tell_losses(&input, number, &decoded);
        received_frames += decoded.recording.frames() as u64 - decoded.lost_frames;
        joined = Some(match joined {
            None => decoded.recording,
            Some(before) => join(before, decoded.recording).with_context(|| format!("{input}: stream {number}"))?,
        });
    }
    match joined {
        Some(recording) if received_frames > 0 => Ok(data::save(&arguments.output, &recording, arguments.format)?),
        _ => {
            bail!("{input}: no packet of model `{}` is in this file; is it a .vqs stream of that model?", codec.name())
        }
    }
}

fn tell_losses(input: &str, number: usize, decoded: &Decoded) {
    for (offset, error) in &decoded.refused {
        output::warn(&format!("{input}: byte {offset}: {error}; skipped"));
    }
    if decoded.lost_frames > 0 || decoded.degraded_frames > 0 {
        output::warn(&format!(
            "{input}: stream {number}: {} frames are lost, and {} beside them are degraded",
            decoded.lost_frames, decoded.degraded_frames
        ));
    }
}

/// One recording after another.
fn join(mut first: Recording, second: Recording) -> anyhow::Result<Recording> {
    if first.rate_millihertz != second.rate_millihertz || first.channels != second.channels {
        bail!("it has another rate or other channels than the streams before it: split the file and decode each part");
    }
    first.samples.extend(second.samples);
    Ok(first)
}
