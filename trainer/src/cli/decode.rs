//! `vq decode`: a `.vqs` stream to a recording.

use std::path::PathBuf;

use anyhow::{Context as _, bail};
use clap::Args;

use super::arguments::ModelArgument;
use super::output;
use crate::codec::Decoded;
use crate::data::{self, Format, GapFill, Gaps, Recording, files};
use crate::stream;

/// Decode a stream with the model that encoded it.
///
/// Damaged and lost packets are reported and skipped, with the frames that they cost. Streams that were joined into one
/// file become one recording.
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
    /// What stands in place of lost frames.
    #[arg(long, value_enum, default_value_t)]
    gap: GapFill,
}

/// Pieces of a file that are told one by one if they cannot be read.
const MOST_WARNINGS: usize = 20;

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    output::keep_inputs(&arguments.output, &arguments.input, arguments.model.path())?;
    let bytes = arguments.model.read()?;
    let codec = arguments.model.codec(&bytes)?;
    let input = arguments.input.display().to_string();
    let file = stream::parse(&files::read(&arguments.input)?);
    for damage in file.damage.iter().take(MOST_WARNINGS) {
        output::warn(&format!("{input}: byte {}: {}; skipped", damage.offset, damage.what));
    }
    if let Some(more) = file.damage.len().checked_sub(MOST_WARNINGS).filter(|more| *more > 0) {
        output::warn(&format!("{input}: {more} more pieces could not be read; `vq inspect` lists all of a .vqs file"));
    }
    let name = match files::is_pipe(&arguments.input) {
        true => "stdin".into(),
        false => arguments.input.file_stem().unwrap_or_default().to_string_lossy(),
    };
    let mut joined: Option<Recording> = None;
    let mut gaps = Gaps::default();
    for (number, segment) in (1..).zip(&file.segments) {
        let decoded = codec.decode(segment, &name).with_context(|| format!("{input}: stream {number}"))?;
        tell_losses(&input, number, &decoded);
        gaps.append(joined.as_ref().map_or(0, Recording::frames), &decoded.gaps);
        joined = Some(match joined {
            None => decoded.recording,
            Some(before) => join(before, decoded.recording).with_context(|| format!("{input}: stream {number}"))?,
        });
    }
    match joined {
        Some(recording) if recording.frames() as u64 > gaps.lost_frames() => {
            Ok(data::save_with_gaps(&arguments.output, recording, arguments.format, &gaps, arguments.gap)?)
        }
        _ => {
            bail!("{input}: no packet of model `{}` is in this file; is it a .vqs stream of that model?", codec.name())
        }
    }
}

fn tell_losses(input: &str, number: usize, decoded: &Decoded) {
    for (offset, error) in &decoded.refused {
        output::warn(&format!("{input}: byte {offset}: {error}; skipped"));
    }
    let rate = decoded.recording.rate();
    for lost in &decoded.gaps.lost {
        output::warn(&format!(
            "{input}: stream {number}: frames {} to {} are lost ({} frames from {:.3} s on)",
            lost.start,
            lost.end - 1,
            lost.len(),
            lost.start as f64 / rate
        ));
    }
    if decoded.missing_at_end > 0 {
        output::warn(&format!(
            "{input}: stream {number}: the stream ends at frame {}; {} more that its header promises are lost, more than all that arrived, and are not filled in",
            decoded.recording.frames(),
            decoded.missing_at_end
        ));
    }
    for frame in &decoded.new_streams {
        output::warn(&format!(
            "{input}: stream {number}: at frame {frame} the device began anew; how long it was silent is not known"
        ));
    }
    let (lost, degraded) = (decoded.gaps.lost_frames() + decoded.missing_at_end, decoded.gaps.degraded_frames());
    if lost > 0 || degraded > 0 {
        output::warn(&format!(
            "{input}: stream {number}: {lost} frames are lost, and {degraded} beside them are degraded"
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
