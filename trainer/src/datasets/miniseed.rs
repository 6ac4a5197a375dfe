//! Ground motion out of MiniSEED: records of one channel, whole numbers in Steim's second compression (SEED 2.4 manual, appendix B), big-endian.

use std::path::Path;

use super::{DatasetError, malformed};
use crate::data::{self, Channel, Recording};

/// The files that are converted, and their recordings.
const FILES: [(&str, &str); 2] = [("ref_STS2", "sts2"), ("ref_unknown", "unknown")];
/// Bytes of a fixed header, and of a frame of compressed differences.
const HEADER: usize = 48;
const FRAME: usize = 64;
/// Steim's second compression, as a record's blockette 1000 numbers it.
const STEIM_2: u8 = 11;

/// Writes a WFDB record beside each file. Means are taken out: a sensor's offset is no motion.
pub(super) fn convert(folder: &Path) -> Result<(), DatasetError> {
    for (file, name) in FILES {
        let path = folder.join(file);
        let bytes = std::fs::read(&path).map_err(DatasetError::io(&path, "read"))?;
        let Samples { rate_millihertz, mut counts } = read(&bytes).map_err(malformed(&path))?;
        let sum: i64 = counts.iter().copied().map(i64::from).sum();
        let mean = (sum as f64 / counts.len() as f64).round() as i32;
        counts.iter_mut().for_each(|count| *count -= mean);
        let channel = Channel {
            name: "vertical".into(),
            unit: Channel::COUNTS.into(),
            counts_per_unit: 1.0,
            offset: 0,
            source_bits: Some(16),
        };
        let recording = Recording {
            name: name.into(),
            rate_millihertz,
            channels: vec![channel],
            samples: counts,
            start_time: None,
            comments: Vec::new(),
            remarks: Vec::new(),
        };
        data::save(&folder.join(name).with_extension("hea"), &recording, None)?;
    }
    Ok(())
}

/// What a file holds.
#[derive(Debug, PartialEq)]
struct Samples {
    rate_millihertz: u64,
    counts: Vec<i32>,
}

fn read(bytes: &[u8]) -> Result<Samples, String> {
    let mut samples = Samples { rate_millihertz: 0, counts: Vec::new() };
    let mut rest = bytes;
    // A file may be filled up with zeros.
    while rest.first().is_some_and(|byte| *byte != 0) {
        let half = |at: usize| {
            rest.get(at..at + 2).map(|bytes| u16::from_be_bytes([bytes[0], bytes[1]])).ok_or("is cut in a header")
        };
        let (count, rate, data) = (usize::from(half(30)?), half(32)?, usize::from(half(44)?));
        let blockette = rest.get(HEADER..HEADER + 8).ok_or("is cut in a header")?;
        if half(34)? != 1 || blockette[..2] != 1000u16.to_be_bytes() || blockette[4..6] != [STEIM_2, 1] {
            return Err(format!(
                "has a record that is not in big-endian Steim 2, behind sample {}",
                samples.counts.len()
            ));
        }
        let length = 1usize.checked_shl(u32::from(blockette[6])).ok_or("has a record of an impossible length")?;
        let frames = rest.get(data..length).ok_or("is cut in a record")?;
        samples.counts.extend(decompress(frames, count)?);
        samples.rate_millihertz = u64::from(rate) * 1000;
        rest = &rest[length..];
    }
    if samples.counts.is_empty() { Err("holds no samples".into()) } else { Ok(samples) }
}

/// The samples of a record, checked against the last one, which it tells.
fn decompress(frames: &[u8], count: usize) -> Result<Vec<i32>, String> {
    let (mut differences, mut ends) = (Vec::new(), [0; 2]);
    for (index, frame) in frames.as_chunks::<FRAME>().0.iter().enumerate() {
        let words: Vec<u32> = frame.as_chunks().0.iter().map(|bytes| u32::from_be_bytes(*bytes)).collect();
        for (place, &word) in words.iter().enumerate().skip(1) {
            if index == 0 && place <= 2 {
                ends[place - 1] = word.cast_signed();
                continue;
            }
            let (number, bits) = match ((words[0] >> (30 - 2 * place)) & 3, word >> 30) {
                (0, _) => continue,
                (1, _) => (4, 8),
                (2, 1) => (1, 30),
                (2, 2) => (2, 15),
                (2, 3) => (3, 10),
                (3, 0) => (5, 6),
                (3, 1) => (6, 5),
                (3, 2) => (7, 4),
                _ => return Err("has a word of an unknown kind".into()),
            };
            // The first difference is the highest; its sign is the field's highest bit.
            differences.extend(
                (0..number).rev().map(|field| (word << (32 - bits * (field + 1))).cast_signed() >> (32 - bits)),
            );
        }
    }
    if count == 0 || differences.len() < count {
        return Err("has a record of fewer samples than it says".into());
    }
    // The first difference is against the record before.
    let mut sample = ends[0];
    let following = differences[1..count].iter().map(|difference| {
        sample = sample.wrapping_add(*difference);
        sample
    });
    let samples: Vec<i32> = [ends[0]].into_iter().chain(following).collect();
    if samples.last() != Some(&ends[1]) {
        return Err("has a record whose last sample is not the one that it tells".into());
    }
    Ok(samples)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A record of 128 bytes: words of kinds, first and last sample, and packed differences.
    fn record(kinds: &[u32], count: u16, first: i32, last: i32, words: &[u32]) -> Vec<u8> {
        let mut bytes = vec![b'0'; HEADER];
        bytes[30..36].copy_from_slice(&[count.to_be_bytes(), 200u16.to_be_bytes(), 1u16.to_be_bytes()].concat());
        bytes[44..46].copy_from_slice(&64u16.to_be_bytes());
        bytes.extend([0x03, 0xe8, 0, 0, STEIM_2, 1, 7, 0]);
        bytes.resize(64, 0);
        let control = kinds.iter().enumerate().fold(0, |control, (index, kind)| control | kind << (24 - 2 * index));
        for word in [control, first.cast_unsigned(), last.cast_unsigned()].iter().chain(words) {
            bytes.extend(word.to_be_bytes());
        }
        bytes.resize(128, 0);
        bytes
    }

    #[test]
    fn differences_of_all_widths_are_read() {
        let fields = |kind: u32, bits: u32, values: &[i32]| {
            let mask = (1u32 << bits) - 1;
            values.iter().fold(0, |word, value| word << bits | (value.cast_unsigned() & mask)) | kind << 30
        };
        let bytes = 0x01ff_0203; // 1, -1, 2, 3
        let words = [
            bytes,
            fields(1, 30, &[-70_000]),
            fields(2, 15, &[9_000, -9_000]),
            fields(3, 10, &[400, -400, 5]),
            fields(0, 6, &[31, -32, 1, 2, 3]),
            fields(1, 5, &[15, -16, 1, 0, 0, 0]),
            fields(2, 4, &[7, -8, 1, 1, 1, 1, 1]),
        ];
        let differences = [
            1, -1, 2, 3, -70_000, 9_000, -9_000, 400, -400, 5, 31, -32, 1, 2, 3, 15, -16, 1, 0, 0, 0, 7, -8, 1, 1, 1,
            1, 1,
        ];
        let mut expected = vec![100];
        differences[1..].iter().for_each(|difference| expected.push(expected[expected.len() - 1] + difference));
        let last = expected[expected.len() - 1];
        let good = record(&[1, 2, 2, 2, 3, 3, 3], 28, 100, last, &words);
        assert_eq!(read(&good), Ok(Samples { rate_millihertz: 200_000, counts: expected.clone() }));
        // Several records, and zeros behind them.
        let twice = read(&[good.clone(), good.clone(), vec![0; 512]].concat()).unwrap();
        assert_eq!(twice.counts, expected.repeat(2));
        assert!(read(&record(&[1, 2, 2, 2, 3, 3, 3], 28, 100, last + 1, &words)).unwrap_err().contains("last sample"));
        assert!(read(&record(&[1], 28, 100, last, &words)).unwrap_err().contains("fewer"));
        assert!(read(&good[..100]).unwrap_err().contains("cut"));
    }

    #[test]
    fn recordings_have_no_offset() {
        let folder = tempfile::tempdir().unwrap();
        for (file, first) in [("ref_STS2", 1000), ("ref_unknown", -1000)] {
            std::fs::write(folder.path().join(file), record(&[1], 4, first, first + 4, &[0x00ff_0203])).unwrap();
        }
        convert(folder.path()).unwrap();
        let open = |name: &str| data::open(&folder.path().join(name), &data::OpenOptions::default()).unwrap();
        assert_eq!(open("sts2.hea").samples, [-1, -2, 0, 3]);
        assert_eq!((open("unknown.hea").samples, open("unknown.hea").rate_millihertz), (vec![-1, -2, 0, 3], 200_000));
        std::fs::write(folder.path().join("ref_STS2"), "").unwrap();
        assert!(convert(folder.path()).unwrap_err().to_string().contains("holds no samples"));
    }
}
