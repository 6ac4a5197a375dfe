//! Arguments that several subcommands share.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::Context as _;
use clap::Args;
use vq_core::{Mode, Options};

use super::output;
use crate::bitrate::Bitrate;
use crate::bound::ErrorBound;
use crate::codec::HostCodec;
use crate::data::{
    self, Channel, DataError, Format, OpenOptions, RatePolicy, Recording, SampleType, SignalKind, StoredRecording,
};
use crate::export::file::{ModelBytes, ModelFileError};

/// How to read recordings.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Reading recordings")]
pub struct SignalArguments {
    /// Format of the recording, if not by the name's ending; needed for `-`.
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// Sampling rate of files that carry none (CSV, NPY, raw).
    #[arg(long, value_name = "HZ", value_parser = millihertz)]
    rate: Option<u64>,
    /// Channels to take, by name or by number from 1, in this order.
    #[arg(long, value_name = "A,B,…", value_delimiter = ',')]
    columns: Vec<String>,
    /// Column that holds the time, for the rate (CSV); it must be evenly spaced within 5 %.
    #[arg(long, value_name = "COLUMN")]
    time: Option<String>,
    /// Value of one count in the file's unit (CSV, NPY, float WAV); if not given, the finest step in the data.
    #[arg(long, value_name = "VALUE")]
    lsb: Option<f64>,
    /// Unit of the samples, for files that do not say it.
    #[arg(long)]
    unit: Option<String>,
    /// Hold the value before where samples are missing (empty fields, nan), instead of refusing the recording (CSV, NPY, float WAV).
    #[arg(long)]
    fill_gaps: bool,
    /// Channels of raw integers.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=64))]
    channels: Option<u16>,
    /// How raw integers are stored: i8, i16, i24, i32, u8, u16 or u24, with `be` behind it for big-endian.
    #[arg(long, value_name = "TYPE")]
    sample_type: Option<SampleType>,
}

impl SignalArguments {
    /// The same for the reader.
    pub(super) fn options(&self) -> OpenOptions {
        OpenOptions {
            format: self.format,
            rate_millihertz: self.rate,
            columns: self.columns.clone(),
            time_column: self.time.clone(),
            lsb: self.lsb,
            unit: self.unit.clone(),
            channels: self.channels,
            sample_type: self.sample_type,
            fill_gaps: self.fill_gaps,
        }
    }

    /// Reads a recording, and tells what the reader found out.
    ///
    /// # Errors
    /// What [`data::open`] refuses.
    pub fn open(&self, path: &Path) -> Result<Recording, DataError> {
        self.open_stored(path)?.whole()
    }

    /// Opens a recording that stays in its file where its format allows, and tells what the reader found out.
    ///
    /// # Errors
    /// What [`data::open_stored`] refuses.
    pub(super) fn open_stored(&self, path: &Path) -> Result<StoredRecording, DataError> {
        let recording = data::open_stored(path, &self.options())?;
        tell(&recording.name, &recording.remarks);
        Ok(recording)
    }
}

/// Prints a recording's remarks as notes.
fn tell(name: &str, remarks: &[String]) {
    for remark in remarks {
        output::note(&format!("{name}: {remark}"));
    }
}

fn millihertz(text: &str) -> Result<u64, String> {
    let hertz: f64 = text.parse().map_err(|_| "not a number of hertz".to_owned())?;
    let millihertz = (hertz * 1000.0).round();
    if (1.0..=1e15).contains(&millihertz) { Ok(millihertz as u64) } else { Err("not a sampling rate".to_owned()) }
}

/// A model, and what to do with recordings at another rate.
#[derive(Debug, Clone, Args)]
pub(super) struct FitArguments {
    /// Resample recordings whose rate is not the model's.
    #[arg(long, conflicts_with = "assume_rate")]
    resample: bool,
    /// Take recordings at another rate as if they were at the model's.
    #[arg(long)]
    assume_rate: bool,
}

impl FitArguments {
    /// Lets a recording be encoded with a model, and tells what had to be changed.
    pub(super) fn admit(&self, recording: Recording, codec: &HostCodec<'_>) -> Result<Recording, DataError> {
        self.admit_stored(recording.into(), codec)?.whole()
    }

    /// The same of a recording that stays in its file.
    pub(super) fn admit_stored(
        &self,
        recording: StoredRecording,
        codec: &HostCodec<'_>,
    ) -> Result<StoredRecording, DataError> {
        self.with(recording, codec, data::admit_stored)
    }

    /// Moves a recording to a model's scale too.
    pub(super) fn fit(&self, recording: Recording, codec: &HostCodec<'_>) -> Result<Recording, DataError> {
        self.with(recording.into(), codec, data::fit_stored)?.whole()
    }

    fn with(
        &self,
        mut recording: StoredRecording,
        codec: &HostCodec<'_>,
        fit: fn(StoredRecording, &SignalKind, RatePolicy) -> Result<StoredRecording, DataError>,
    ) -> Result<StoredRecording, DataError> {
        let policy = match (self.resample, self.assume_rate) {
            (true, _) => RatePolicy::Resample,
            (_, true) => RatePolicy::Assume,
            _ => RatePolicy::Refuse,
        };
        // What was found in reading has been told.
        recording.remarks.clear();
        let fitted = fit(recording, codec.kind(), policy)?;
        tell(&fitted.name, &fitted.remarks);
        Ok(fitted)
    }
}

/// A model file.
#[derive(Debug, Clone, Args)]
pub(super) struct ModelArgument {
    /// The model: a .vqm file that `vq export` wrote, or the name of one that ships, such as `ecg`.
    #[arg(long, value_name = "M.vqm|NAME")]
    model: PathBuf,
}

impl ModelArgument {
    /// The file, or the name of one that ships.
    pub(super) fn path(&self) -> &Path {
        &self.model
    }

    /// Reads the file, or takes the model that ships.
    pub(super) fn read(&self) -> Result<ModelBytes, ModelFileError> {
        ModelBytes::open(&self.model)
    }

    /// The model in it.
    pub(super) fn codec<'b>(&self, bytes: &'b ModelBytes) -> anyhow::Result<HostCodec<'b>> {
        HostCodec::new(bytes).with_context(|| self.model.display().to_string())
    }
}

/// How to encode.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Encoding")]
pub(super) struct CodingArguments {
    /// Quality, from 1 (fewest bits) to 9 (best).
    #[arg(long, value_name = "1..9", default_value_t = 9, value_parser = clap::value_parser!(u8).range(1..=9))]
    quality: u8,
    /// Let quality move from packet to packet so that packets take this much on average: bits a second (300), or bits per sample of a channel
    /// (0.4/sample). --quality is then the best that is used.
    #[arg(long, value_name = "BITS|BITS/sample", allow_hyphen_values = true, conflicts_with_all = ["max_error", "lossless"])]
    bitrate: Option<Bitrate>,
    /// Keep every sample within this of the original, in counts (5lsb) or a unit (25uV).
    #[arg(long, value_name = "5lsb|25uV", allow_hyphen_values = true, conflicts_with = "quality")]
    max_error: Option<ErrorBound>,
    /// Keep every sample exactly.
    #[arg(long, conflicts_with_all = ["quality", "max_error"])]
    lossless: bool,
    /// Where samples are beyond what the model can represent, keep this bound instead of clipping them.
    #[arg(long, value_name = "5lsb|25uV", conflicts_with_all = ["max_error", "lossless"])]
    fallback: Option<ErrorBound>,
    /// Most bytes of a packet, or `none` for one stream.
    #[arg(long, value_name = "N|none", default_value = "244")]
    packet_bytes: PacketBytes,
    /// Most hops of a packet: a limit on how long a sample waits; as many as fit, if not given.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    packet_hops: Option<u32>,
    /// Number hops in 16 bits in place of 24: for links of 64 bytes or less.
    #[arg(long)]
    short_headers: bool,
}

/// Converters have no more bits.
const CONVERTER_BITS: u8 = Options::new().chosen_sample_bits();

impl CodingArguments {
    /// What packets shall take on average, if that is limited.
    pub(super) fn bitrate(&self) -> Option<Bitrate> {
        self.bitrate
    }

    /// The encoder's options for so many frames of these channels.
    ///
    /// # Errors
    /// A bound in another unit than the recording's, or too large a one; a bitrate without packets, or one that is none.
    pub(super) fn options(
        &self,
        codec: &HostCodec<'_>,
        channels: &[Channel],
        frames: usize,
    ) -> anyhow::Result<Options> {
        let mode = |bound: &Option<ErrorBound>| match bound {
            None => Ok(Mode::BestEffort),
            Some(bound) => bound.mode(channels),
        };
        anyhow::ensure!(
            self.bitrate.is_none() || self.packet_bytes != PacketBytes::None,
            "--bitrate moves the quality from packet to packet: give --packet-bytes a number"
        );
        let promise = if self.lossless { Mode::Lossless } else { mode(&self.max_error)? };
        if promise == Mode::Lossless && !self.lossless && matches!(self.max_error, Some(ErrorBound::Physical { .. })) {
            output::note("--max-error is less than one count of the recording: every sample will be exact");
        }
        let options = Options::new().mode(promise).fallback(mode(&self.fallback)?).quality(self.quality);
        let options = options.short_headers(self.short_headers).sample_bits(sample_bits(channels));
        let bytes = match self.packet_bytes {
            PacketBytes::Most(bytes) => usize::from(bytes),
            PacketBytes::None => codec.one_stream_bytes(frames, options),
        };
        let options = options.packet_bytes(bytes);
        let options = match self.bitrate {
            None => options,
            Some(bitrate) => {
                let (bits, frames) = bitrate.budget(codec.kind().rate_millihertz, channels.len())?;
                options.budget(bits, frames)
            }
        };
        Ok(self.packet_hops.map_or(options, |hops| options.packet_hops(hops)))
    }
}

/// Bits that a promise has to hold for: of converters, unless a file says that its numbers are wider or does not say.
fn sample_bits(channels: &[Channel]) -> u8 {
    let is_of_converter = |channel: &Channel| channel.source_bits.is_some_and(|bits| bits <= CONVERTER_BITS);
    if channels.iter().all(is_of_converter) { CONVERTER_BITS } else { 32 }
}

/// A limit of a packet's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PacketBytes {
    Most(u16),
    None,
}

impl FromStr for PacketBytes {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.parse() {
            _ if text == "none" => Ok(Self::None),
            Ok(bytes @ 1..) => Ok(Self::Most(bytes)),
            _ => Err("neither a number of bytes from 1 to 65535 nor none".to_owned()),
        }
    }
}

/// A stretch of a recording.
#[derive(Debug, Clone, Args)]
pub struct StretchArguments {
    /// Begin here: a frame's number, or seconds with an `s` (240s).
    #[arg(long, value_name = "FRAME|SECONDS")]
    from: Option<Position>,
    /// End before here.
    #[arg(long, value_name = "FRAME|SECONDS")]
    to: Option<Position>,
}

impl StretchArguments {
    /// The stretch between two positions.
    pub(super) fn between(from: Option<Position>, to: Option<Position>) -> Self {
        Self { from, to }
    }

    /// The stretch of a recording; all of it, if not told otherwise.
    ///
    /// # Errors
    /// If it is empty, or not within the recording.
    pub fn slice(&self, recording: Recording) -> anyhow::Result<Recording> {
        let stretch = self.within(&recording.name, recording.frames(), recording.rate())?;
        Ok(if stretch == (0..recording.frames()) { recording } else { recording.slice(stretch) })
    }

    /// The frames of the stretch.
    ///
    /// # Errors
    /// If it is empty, or not within the recording.
    pub fn range(&self, recording: &StoredRecording) -> anyhow::Result<Range<usize>> {
        self.within(&recording.name, recording.frames(), recording.rate())
    }

    /// The frames of the stretch in a recording of a name, of so many frames at a rate in hertz.
    pub(super) fn within(&self, name: &str, frames: usize, rate: f64) -> anyhow::Result<Range<usize>> {
        let frame = |position: Position| position.frame(rate);
        let (from, to) = (self.from.map_or(0, frame), self.to.map_or(frames, frame));
        anyhow::ensure!(
            from < to && to <= frames,
            "{name}: frames {from} to {to} are no stretch of a recording of {frames} frames ({} s); give other --from and --to",
            frames as f64 / rate,
        );
        Ok(from..to)
    }
}

/// A place in a recording.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Position {
    Frame(usize),
    Seconds(f64),
}

impl Position {
    fn frame(self, rate: f64) -> usize {
        match self {
            Self::Frame(frame) => frame,
            Self::Seconds(seconds) => (seconds * rate).round() as usize,
        }
    }
}

impl FromStr for Position {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "neither a frame's number nor seconds such as 240s".to_owned();
        match text.strip_suffix('s') {
            None => text.parse().map(Self::Frame).map_err(|_| wrong()),
            Some(seconds) => match seconds.trim_end().parse() {
                Ok(seconds) if (0.0..1e12).contains(&seconds) => Ok(Self::Seconds(seconds)),
                _ => Err(wrong()),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_frames_or_seconds() {
        assert_eq!("86400".parse(), Ok(Position::Frame(86_400)));
        assert_eq!("240s".parse(), Ok(Position::Seconds(240.0)));
        assert_eq!("0.5 s".parse(), Ok(Position::Seconds(0.5)));
        for wrong in ["", "s", "-1", "1.5", "nans", "-1s", "1m"] {
            assert!(wrong.parse::<Position>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn rates_are_kept_to_the_millihertz() {
        assert_eq!(millihertz("173.61"), Ok(173_610));
        for wrong in ["0", "-1", "nan", "fast", "1e99"] {
            assert!(millihertz(wrong).is_err(), "{wrong}");
        }
    }
}
