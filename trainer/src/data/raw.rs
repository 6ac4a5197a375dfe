//! Integers without a header, frame by frame: what a converter or a logger writes. The user says what they are.

use std::ops::Range;
use std::path::Path;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::bytes::Bytes;
use super::frames::{Arrangement, Frames, Grid};
use super::{Channel, DataError, OpenOptions, Recording, stored::StoredRecording};

/// How one integer is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct SampleType {
    /// Bits of a sample: 8, 16, 24 or 32.
    pub bits: u8,
    /// Whether samples have a sign.
    pub signed: bool,
    /// Whether the first byte is the highest.
    pub big_endian: bool,
}

impl Default for SampleType {
    fn default() -> Self {
        Self { bits: 16, signed: true, big_endian: false }
    }
}

impl FromStr for SampleType {
    type Err = String;

    /// `i16` or `u8`, with `be` behind it where the first byte is the highest.
    fn from_str(text: &str) -> Result<Self, String> {
        let (name, big_endian) = match text.strip_suffix("be") {
            Some(name) => (name, true),
            None => (text.strip_suffix("le").unwrap_or(text), false),
        };
        let (signed, bits) = match name {
            "i8" => (true, 8),
            "i16" => (true, 16),
            "i24" => (true, 24),
            "i32" => (true, 32),
            "u8" => (false, 8),
            "u16" => (false, 16),
            "u24" => (false, 24),
            _ => return Err("give i8, i16, i24, i32, u8, u16 or u24, with `be` behind it for big-endian".into()),
        };
        Ok(Self { bits, signed, big_endian })
    }
}

impl From<SampleType> for String {
    fn from(SampleType { bits, signed, big_endian }: SampleType) -> Self {
        format!("{}{bits}{}", if signed { 'i' } else { 'u' }, if big_endian { "be" } else { "" })
    }
}

impl TryFrom<String> for SampleType {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl SampleType {
    fn bytes(self) -> usize {
        usize::from(self.bits / 8)
    }

    fn sample(self, bytes: &[u8]) -> i32 {
        let push = |value: u32, byte: &u8| value << 8 | u32::from(*byte);
        let value = if self.big_endian { bytes.iter().fold(0, push) } else { bytes.iter().rev().fold(0, push) };
        let above = 32 - u32::from(self.bits);
        if self.signed { ((value << above) as i32) >> above } else { value as i32 }
    }
}

/// Reads raw integers.
pub(super) fn open(path: &Path, name: String, options: &OpenOptions) -> Result<StoredRecording, DataError> {
    let file = path.display().to_string();
    let (Some(rate_millihertz), Some(width)) = (options.rate_millihertz, options.channels) else {
        return Err(DataError::unsuitable(
            &file,
            "raw integers say nothing of their rate and channels",
            "give --rate HZ and --channels N, and --sample-type if they are not i16",
        ));
    };
    let (kind, width) = (options.sample_type.unwrap_or_default(), usize::from(width));
    let bytes = Bytes::open(path)?;
    let frame = kind.bytes() * width;
    if bytes.len() == 0 {
        return Err(DataError::unsuitable(&file, "the file is empty", "check what was to write it"));
    }
    if !bytes.len().is_multiple_of(frame as u64) {
        return Err(DataError::unsuitable(
            &file,
            format!("{} bytes are not a whole number of frames of {frame} bytes", bytes.len()),
            "check --channels and --sample-type, or cut the last frame off",
        ));
    }
    let unit = options.unit.as_deref().unwrap_or(Channel::COUNTS);
    let channels = (1..=width)
        .map(|number| Channel {
            name: format!("channel {number}"),
            unit: unit.to_owned(),
            counts_per_unit: 1.0,
            offset: 0,
            source_bits: Some(kind.bits),
        })
        .collect();
    let remarks = match options.sample_type {
        Some(_) => Vec::new(),
        None => vec!["the integers are read as i16, the lowest byte first; --sample-type says otherwise".to_owned()],
    };
    let (samples, start_time, comments) = (Vec::new(), None, Vec::new());
    let like = Recording { name, rate_millihertz, channels, samples, start_time, comments, remarks };
    let (sample_bytes, arrangement) = (kind.bytes(), Arrangement::Interleaved(width));
    let frames = (bytes.len() / frame as u64) as usize;
    Ok(StoredRecording::new(like, Integers { grid: Grid { bytes, start: 0, sample_bytes, frames, arrangement }, kind }))
}

/// Integers of one type in a file.
#[derive(Debug)]
struct Integers {
    grid: Grid,
    kind: SampleType,
}

impl Frames for Integers {
    fn frames(&self) -> usize {
        self.grid.frames
    }

    fn read(&self, range: Range<usize>) -> Result<Vec<i32>, DataError> {
        self.grid.read(range, |bytes| self.kind.sample(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::super::open;
    use super::super::stored::tests::check_ranges;
    use super::*;

    fn read(bytes: &[u8], channels: u16, kind: Option<&str>) -> Result<Vec<i32>, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.raw");
        std::fs::write(&path, bytes).unwrap();
        let options = OpenOptions {
            rate_millihertz: Some(100_000),
            channels: Some(channels),
            sample_type: kind.map(|kind| kind.parse().unwrap()),
            ..OpenOptions::default()
        };
        let recording = open(&path, &options).map_err(|error| error.to_string())?;
        check_ranges(&path, &options);
        Ok(recording.samples)
    }

    #[test]
    fn every_type_has_its_extremes() {
        assert_eq!(read(&[0xff, 0x7f, 0x00, 0x80], 2, None).unwrap(), [32_767, -32_768]);
        assert_eq!(read(&[0xff, 0x7f, 0x00, 0x80], 1, Some("u16be")).unwrap(), [0xff7f, 0x80]);
        assert_eq!(read(&[0xff, 0x7f], 1, Some("i8")).unwrap(), [-1, 127]);
        assert_eq!(read(&[0xff, 0x7f], 1, Some("u8")).unwrap(), [255, 127]);
        assert_eq!(read(&[0, 0, 0x80, 0xff, 0xff, 0x7f], 1, Some("i24")).unwrap(), [-(1 << 23), (1 << 23) - 1]);
        assert_eq!(read(&[0x80, 0, 0, 0], 1, Some("i32be")).unwrap(), [i32::MIN]);
        assert_eq!(read(&[0xff, 0xff, 0xff], 1, Some("u24")).unwrap(), [0xff_ffff]);
    }

    #[test]
    fn types_are_written_as_they_are_read() {
        for name in ["i8", "i16", "i24", "i32", "u8", "u16be", "u24"] {
            assert_eq!(String::from(name.parse::<SampleType>().unwrap()), name);
        }
        assert!("u32".parse::<SampleType>().is_err());
        assert!("float".parse::<SampleType>().is_err());
    }

    #[test]
    fn a_cut_file_and_missing_facts_are_refused() {
        assert!(read(&[1, 2, 3], 1, None).unwrap_err().contains("3 bytes are not a whole number of frames of 2"));
        assert!(read(&[], 1, None).unwrap_err().contains("the file is empty"));
        let error = open(Path::new("a.raw"), &OpenOptions::default()).unwrap_err().to_string();
        assert!(error.contains("--rate HZ and --channels N"), "{error}");
    }
}
