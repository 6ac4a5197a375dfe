//! Which format a file has, and what the user says about it that it does not say itself.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{Channel, DataError, Recording, SampleType, StoredRecording, csv, edf, files, npy, raw, wav, wfdb};

/// The file formats of recordings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// PhysioNet's record: a `.hea` header and a `.dat` signal file.
    Wfdb,
    /// RIFF WAVE, 16 or 24 bits, or floating point.
    Wav,
    /// Text with a row per frame.
    Csv,
    /// NumPy array `[time]` or `[time, channels]`; read only.
    Npy,
    /// EDF, EDF+ or BDF; read only.
    Edf,
    /// Integers without a header; read only.
    Raw,
}

/// How to read a recording, where the file does not say it all.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct OpenOptions {
    /// The format, if not by the file name's ending; needed for `-`.
    pub format: Option<Format>,
    /// Frames per second times 1000, for files that carry no rate.
    pub rate_millihertz: Option<u64>,
    /// The columns or signals to keep, by name or by number from 1, in this order; all if empty.
    pub columns: Vec<String>,
    /// The column that holds the time (CSV).
    pub time_column: Option<String>,
    /// The value of one count in the file's units, for real numbers (CSV, NPY, float WAV).
    pub lsb: Option<f64>,
    /// Channels of raw integers.
    pub channels: Option<u16>,
    /// How raw integers are stored; `i16` if not given.
    pub sample_type: Option<SampleType>,
    /// The unit of the samples, for files that do not say it.
    pub unit: Option<String>,
    /// Whether the value before stands in for samples that are missing (CSV, NPY, float WAV); they are refused if not.
    pub fill_gaps: bool,
}

impl Format {
    /// The format that a file's name stands for.
    fn of(path: &Path) -> Option<Self> {
        let ending = path.extension().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
        match ending.as_str() {
            "wav" => Some(Self::Wav),
            "csv" | "tsv" | "txt" => Some(Self::Csv),
            "npy" => Some(Self::Npy),
            "edf" | "bdf" => Some(Self::Edf),
            "raw" | "bin" => Some(Self::Raw),
            _ if wfdb::is_record(path) => Some(Self::Wfdb),
            _ => None,
        }
    }
}

/// Reads a recording. `-` is the standard input, and needs `options.format`.
///
/// # Errors
/// If the file cannot be read, breaks its format, or needs an option that was not given.
pub fn open(path: &Path, options: &OpenOptions) -> Result<Recording, DataError> {
    open_stored(path, options)?.whole()
}

/// Opens a recording whose samples stay in its file: those of every format but text tables, which are read whole. Files of the other
/// formats have frames of fixed size. One pass over them checks what the format says of itself, and finds gaps and steps.
///
/// # Errors
/// As [`open`].
pub fn open_stored(path: &Path, options: &OpenOptions) -> Result<StoredRecording, DataError> {
    let file = path.display().to_string();
    let unknown = || match path.is_dir() {
        true => DataError::Folder { file: file.clone() },
        false => DataError::UnknownFormat { file: file.clone() },
    };
    let format = options.format.or_else(|| Format::of(path)).ok_or_else(unknown)?;
    let name = match files::is_pipe(path) {
        true => "stdin".to_owned(),
        false => path.file_stem().unwrap_or_default().to_string_lossy().into_owned(),
    };
    options.check(&file, format)?;
    let mut recording = match format {
        Format::Csv => return csv::open(path, name, options).map(StoredRecording::from),
        Format::Wfdb => wfdb::open(path)?,
        Format::Wav => wav::open(path, name, options)?,
        Format::Npy => npy::open(path, name, options)?,
        Format::Edf => edf::open(path, name, options)?,
        Format::Raw => raw::open(path, name, options)?,
    };
    if options.rate_millihertz.is_some_and(|rate| rate != recording.rate_millihertz) {
        return Err(DataError::unsuitable(
            &file,
            format!("the file says that its rate is {} Hz", recording.rate()),
            "leave --rate out, or give --assume-rate if the file is wrong",
        ));
    }
    if let Some(unit) = &options.unit {
        for channel in recording.channels.iter_mut().filter(|channel| channel.unit == Channel::COUNTS) {
            channel.unit.clone_from(unit);
        }
    }
    // An EDF file has signals of several rates: its reader has selected.
    let selected = options.columns.is_empty() || format == Format::Edf;
    if selected { Ok(recording) } else { recording.select(&options.columns) }
}

impl OpenOptions {
    /// Refuses what does not apply to a format, rather than ignore it.
    fn check(&self, file: &str, format: Format) -> Result<(), DataError> {
        let real_numbers = matches!(format, Format::Csv | Format::Npy | Format::Wav);
        let refused = [
            (self.time_column.is_some() && format != Format::Csv, "--time is for text tables"),
            (self.lsb.is_some() && !real_numbers, "--lsb is for real numbers: text tables, arrays and float WAV"),
            (self.fill_gaps && !real_numbers, "--fill-gaps is for real numbers: text tables, arrays and float WAV"),
            (self.channels.is_some() && format != Format::Raw, "--channels is for raw integers"),
            (self.sample_type.is_some() && format != Format::Raw, "--sample-type is for raw integers"),
        ];
        match refused.into_iter().find(|(applies, _)| *applies) {
            Some((_, what)) => Err(DataError::unsuitable(file, what, "leave it out")),
            None => Ok(()),
        }
    }
}

/// Writes a recording, in `format` or in that of the file name's ending. `-` is the standard output, and needs
/// `format`. Every file appears whole or not at all.
///
/// # Errors
/// If the format cannot hold the recording, or the files cannot be written.
pub fn save(path: &Path, recording: &Recording, format: Option<Format>) -> Result<(), DataError> {
    match output_format(path, format)? {
        Format::Wfdb => wfdb::save(path, recording),
        Format::Wav => wav::save(path, recording),
        Format::Csv => csv::save(path, recording),
        Format::Npy | Format::Edf | Format::Raw => Err(DataError::unsuitable(
            &path.display().to_string(),
            "the format is read, not written",
            "write .csv, .wav or .hea",
        )),
    }
}

/// The format that a recording is written in: `format`, or that of the file name's ending.
pub(super) fn output_format(path: &Path, format: Option<Format>) -> Result<Format, DataError> {
    format
        .or_else(|| if files::is_pipe(path) { None } else { Format::of(path) })
        .ok_or_else(|| DataError::UnknownFormat { file: path.display().to_string() })
}
