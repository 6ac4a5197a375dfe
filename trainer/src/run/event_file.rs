//! TensorBoard's event files: every line of metrics as scalars, beside `metrics.jsonl`.
//!
//! A file is a row of records: the length of the data (u64), its checksum, the data, their checksum. The data are a protobuf
//! message `Event`, of whose fields only those are written that scalars need.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use crc::{CRC_32_ISCSI, Crc};

use super::{MetricsLine, RunError};

const CRC: Crc<u32> = Crc::<u32>::new(&CRC_32_ISCSI);
/// What every file begins with.
const VERSION: &str = "brain.Event:2";

/// Keys of protobuf fields: the field's number and how its value is laid out.
const WALL_TIME: u8 = 1 << 3 | 1;
const STEP: u8 = 2 << 3;
const FILE_VERSION: u8 = 3 << 3 | 2;
const SUMMARY: u8 = 5 << 3 | 2;
const VALUE: u8 = 1 << 3 | 2;
const TAG: u8 = 1 << 3 | 2;
const SIMPLE_VALUE: u8 = 2 << 3 | 5;

/// An event file, open for appending.
#[derive(Debug)]
pub struct EventFile {
    path: PathBuf,
    file: File,
}

impl EventFile {
    /// A new file in `folder`, which is made if need be. TensorBoard shows all files of a folder as one run, and of steps that
    /// are there twice, as after a resumption, the later.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn create(folder: &Path) -> Result<Self, RunError> {
        let failed = |file: &Path, action| {
            let file = file.to_path_buf();
            move |source| RunError::Io { file, action, source }
        };
        std::fs::create_dir_all(folder).map_err(failed(folder, "create the folder"))?;
        let name = format!("events.out.tfevents.{:010}.vq.{}", now().as_secs(), std::process::id());
        let path = folder.join(name);
        let file = File::options().create(true).append(true).open(&path).map_err(failed(&path, "create"))?;
        let mut events = Self { path, file };
        events.append(&[field(FILE_VERSION, VERSION.as_bytes())])?;
        Ok(events)
    }

    /// Appends the numbers of a line.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn line(&mut self, line: &MetricsLine) -> Result<(), RunError> {
        let values: Vec<u8> =
            scalars(line).into_iter().flat_map(|(tag, value)| field(VALUE, &scalar(&tag, value))).collect();
        let mut step = vec![STEP];
        variable_length(line.step as u64, &mut step);
        self.append(&[step, field(SUMMARY, &values)])
    }

    /// Appends an event of these fields that happens now.
    fn append(&mut self, fields: &[Vec<u8>]) -> Result<(), RunError> {
        let mut event = vec![WALL_TIME];
        event.extend(now().as_secs_f64().to_le_bytes());
        event.extend(fields.concat());
        let failed = |source| RunError::Io { file: self.path.clone(), action: "append to", source };
        self.file.write_all(&record(&event)).map_err(failed)
    }
}

fn now() -> std::time::Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// The numbers of a line under the names that TensorBoard groups by.
fn scalars(line: &MetricsLine) -> Vec<(String, f64)> {
    let mut scalars: Vec<(String, f64)> = [
        ("loss/total", line.loss),
        ("loss/reconstruction", line.reconstruction),
        ("loss/codebook", line.codebook),
        ("loss/commitment", line.commitment),
        ("training/learning_rate", line.learning_rate),
        ("training/gradient_norm", line.gradient_norm),
    ]
    .map(|(tag, value)| (tag.to_string(), value))
    .into();
    scalars.extend(line.rate.map(|bits| ("loss/rate".to_string(), bits)));
    let terms = line.distortion.unwrap_or_default();
    for (tag, term) in [("weighted", terms.weighted), ("derivative", terms.derivative), ("spectral", terms.spectral)] {
        scalars.extend(term.map(|value| (format!("loss/{tag}"), value)));
    }
    let mut symbols = |name: &str, values: &mut dyn Iterator<Item = f64>| {
        scalars.extend(values.enumerate().map(|(symbol, value)| (format!("{name}/{}", symbol + 1), value)));
    };
    symbols("perplexity", &mut line.perplexity.iter().copied());
    symbols("entropy_bits", &mut line.entropy_bits.iter().copied());
    symbols("dead_codes", &mut line.dead_codes.iter().map(|&dead| dead as f64));
    if let Some(validation) = &line.validation {
        scalars.push(("validation/prdn_percent".into(), validation.prdn_percent));
        scalars.push(("validation/mse_normalized".into(), validation.mse_normalized));
        if let Some(image) = &validation.image {
            scalars.push(("validation/psnr_db".into(), image.psnr_db));
            scalars.push(("validation/l1".into(), image.l1));
        }
    }
    scalars
}

fn scalar(tag: &str, value: f64) -> Vec<u8> {
    let mut message = field(TAG, tag.as_bytes());
    message.push(SIMPLE_VALUE);
    message.extend((value as f32).to_le_bytes());
    message
}

/// A field whose length goes in front.
fn field(key: u8, bytes: &[u8]) -> Vec<u8> {
    let mut field = vec![key];
    variable_length(bytes.len() as u64, &mut field);
    field.extend(bytes);
    field
}

/// Seven bits a byte, the lowest first; all but the last with the highest bit.
fn variable_length(mut value: u64, bytes: &mut Vec<u8>) {
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

fn record(data: &[u8]) -> Vec<u8> {
    let length = (data.len() as u64).to_le_bytes();
    [&length[..], &masked(&length), data, &masked(data)].concat()
}

/// The checksum as the format stores it, so that a checksum of checksums says something.
fn masked(bytes: &[u8]) -> [u8; 4] {
    CRC.checksum(bytes).rotate_right(15).wrapping_add(0xa282_ead8).to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_those_of_tensorboard() {
        // Written by tensorboard 2.20.0: RecordWriter of Event(step=300, summary with loss/total = 0.5 and a = -1).
        let wanted = include_bytes!("../../tests/reference/event.tfrecord");
        let values = [field(VALUE, &scalar("loss/total", 0.5)), field(VALUE, &scalar("a", -1.0))].concat();
        let mut event = vec![STEP];
        variable_length(300, &mut event);
        event.extend(field(SUMMARY, &values));
        assert_eq!(record(&event), wanted);
    }

    #[test]
    fn every_line_is_an_event_with_its_step() {
        let folder = tempfile::tempdir().unwrap();
        let mut events = EventFile::create(&folder.path().join("tensorboard")).unwrap();
        let text = r#"{"step":7,"seconds":1,"loss":2,"reconstruction":1,"codebook":1,"commitment":0,"learning_rate":0.1,
            "perplexity":[3.5,2],"entropy_bits":[1.8,1],"dead_codes":[0,4],"gradient_norm":9}"#;
        events.line(&serde_json::from_str(text).unwrap()).unwrap();
        let mut bytes = std::fs::read(&events.path).unwrap();
        let mut records = Vec::new();
        while !bytes.is_empty() {
            let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
            let rest = bytes.split_off(16 + length);
            records.push(String::from_utf8_lossy(&bytes[12..12 + length]).into_owned());
            bytes = rest;
        }
        assert_eq!(records.len(), 2);
        assert!(records[0].contains(VERSION), "{records:?}");
        for tag in ["loss/total", "perplexity/2", "entropy_bits/1", "dead_codes/2", "training/gradient_norm"] {
            assert!(records[1].contains(tag), "{tag}: {records:?}");
        }
        assert!(!records[1].contains("validation"), "{records:?}");
    }
}
