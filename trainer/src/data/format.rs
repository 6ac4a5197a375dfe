//! Which format a file has, and what the user says about it that it does not say itself.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{Channel, DataError, Recording, csv, files, wav, wfdb};

/// The file formats of recordings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// PhysioNet's record: a `.hea` header and a `.dat` signal file.
    Wfdb,
    /// RIFF WAVE, 16 or 24 bits.
    Wav,
    /// Text with a row per frame.
    Csv,
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
    /// The value of one count in the file's units (CSV).
    pub lsb: Option<f64>,
    /// The unit of the samples, for files that do not say it.
    pub unit: Option<String>,
}

impl Format {
    /// The format that a file's name stands for.
    fn of(path: &Path) -> Option<Self> {
        let ending = path.extension().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
        match ending.as_str() {
            "wav" => Some(Self::Wav),
            "csv" | "tsv" | "txt" => Some(Self::Csv),
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
    let file = path.display().to_string();
    let format =
        options.format.or_else(|| Format::of(path)).ok_or_else(|| DataError::UnknownFormat { file: file.clone() })?;
    let name = match files::is_pipe(path) {
        true => "stdin".to_owned(),
        false => path.file_stem().unwrap_or_default().to_string_lossy().into_owned(),
    };
    let mut recording = match format {
        Format::Csv => return csv::open(path, name, options),
        Format::Wfdb => wfdb::open(path)?,
        Format::Wav => wav::open(path, name)?,
    };
    if options.time_column.is_some() || options.lsb.is_some() {
        return Err(DataError::unsuitable(&file, "--time and --lsb are for text tables", "leave them out"));
    }
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
    if options.columns.is_empty() { Ok(recording) } else { recording.select(&options.columns) }
}

/// Writes a recording, in `format` or in that of the file name's ending. `-` is the standard output, and needs
/// `format`. Every file appears whole or not at all.
///
/// # Errors
/// If the format cannot hold the recording, or the files cannot be written.
pub fn save(path: &Path, recording: &Recording, format: Option<Format>) -> Result<(), DataError> {
    let format = format
        .or_else(|| if files::is_pipe(path) { None } else { Format::of(path) })
        .ok_or_else(|| DataError::UnknownFormat { file: path.display().to_string() })?;
    match format {
        Format::Wfdb => wfdb::save(path, recording),
        Format::Wav => wav::save(path, recording),
        Format::Csv => csv::save(path, recording),
    }
}
