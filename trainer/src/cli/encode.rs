//! `vq encode`: a recording to a `.vqs` stream.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;

use super::arguments::{CodingArguments, FitArguments, ModelArgument, SignalArguments};
use super::output;
use crate::codec::{CodecError, Encoded};
use crate::data::files;
use crate::metrics;

/// Encode a recording with a model.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The recording, or `-` for the standard input.
    #[arg(value_name = "IN")]
    input: PathBuf,
    #[command(flatten)]
    model: ModelArgument,
    /// The stream to write, or `-` for the standard output.
    #[arg(short, long, value_name = "X.vqs")]
    output: PathBuf,
    #[command(flatten)]
    fit: FitArguments,
    #[command(flatten)]
    coding: CodingArguments,
    #[command(flatten)]
    signal: SignalArguments,
}

/// A rate may be above --bitrate by so much: the average settles, and packets are whole.
const BITRATE_TOLERANCE: f64 = 1.1;

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    output::keep_inputs(&arguments.output, &arguments.input, arguments.model.path())?;
    let bytes = arguments.model.read()?;
    let codec = arguments.model.codec(&bytes)?;
    let recording = arguments.fit.admit_stored(arguments.signal.open_stored(&arguments.input)?, &codec)?;
    let input = || arguments.input.display().to_string();
    let options = arguments.coding.options(&codec, &recording.channels, recording.frames()).with_context(input)?;
    let encoded: Result<Encoded, CodecError> =
        files::write_pieces(&arguments.output, |write| codec.encode_to(&recording, options, write));
    let encoded = encoded.with_context(input)?;
    if encoded.clipped_samples > 0 {
        output::warn(&format!(
            "{}: {} samples are beyond what model `{}` can represent, and were clipped",
            recording.name,
            encoded.clipped_samples,
            codec.name()
        ));
    }
    if encoded.fallbacks > 0 {
        output::note(&format!(
            "{}: the signal left what model `{}` can represent {} times, and {} times took more bits than any that it was trained on; packets there keep the bound of --fallback",
            recording.name,
            codec.name(),
            encoded.fallbacks - encoded.surprises,
            encoded.surprises
        ));
    }
    if encoded.moved_packets > 0 {
        output::note(&format!(
            "{}: {} of {} packets say that the input is elsewhere than model `{}` was trained for: another amplifier, or a drift",
            recording.name,
            encoded.moved_packets,
            encoded.packets,
            codec.name()
        ));
    }
    let (frames, channels, size) = (recording.frames(), recording.channels.len(), encoded.file_bytes());
    let rate = metrics::bits_per_sample(size, frames, channels).unwrap_or_default();
    output::note(&format!(
        "{}: {frames} frames of {channels} channels in {size} bytes, {} packets; {rate:.4} bits per sample",
        recording.name, encoded.packets
    ));
    let wanted = arguments.coding.bitrate().map(|bitrate| bitrate.bits_per_sample(recording.rate_millihertz, channels));
    if let Some(wanted) = wanted.filter(|wanted| rate > BITRATE_TOLERANCE * wanted) {
        output::warn(&format!(
            "{}: that is more than the {wanted:.4} bits per sample of --bitrate: this signal takes more at the model's lowest quality",
            recording.name
        ));
    }
    Ok(())
}
