//! The signal files of a record, read from any frame on.

use std::ops::Range;
use std::path::Path;

use super::super::DataError;
use super::super::bytes::Bytes;
use super::super::frames::{Frames, value_before};
use super::header::Signal;
use super::samples::SampleFormat;

/// Samples that a pass over a signal file holds at once.
const BLOCK_SAMPLES: usize = 1 << 18;

/// All signals of a record.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) groups: Vec<Group>,
    pub(super) frames: usize,
}

/// The signals that share one file, interleaved.
#[derive(Debug)]
pub(super) struct Group {
    bytes: Bytes,
    /// The first sample's byte.
    start: u64,
    format: SampleFormat,
    width: usize,
    /// For each signal with samples that are marked invalid what stands in place of those before its first valid one.
    pub(super) invalid: Vec<Option<i32>>,
}

impl Group {
    /// The file of some lines of a header, and how many frames are taken of it: so many, or all that it holds.
    pub(super) fn open(header: &Path, lines: &[Signal], frames: Option<usize>) -> Result<(Self, usize), DataError> {
        let Signal { file, format, byte_offset, .. } = &lines[0];
        if lines.iter().any(|signal| (signal.format, signal.byte_offset) != (*format, *byte_offset)) {
            return Err(DataError::unsuitable(
                &header.display().to_string(),
                format!("the signals in {file} have different formats"),
                "correct the header",
            ));
        }
        let bytes = Bytes::open(&header.with_file_name(file))?;
        let start = *byte_offset as u64;
        let width = lines.len();
        let held = format.samples(bytes.len().saturating_sub(start) as usize) / width;
        let frames = frames.unwrap_or(held);
        if held < frames {
            return Err(DataError::unsuitable(
                bytes.name(),
                format!("the file holds {held} samples of each signal where the header says {frames}"),
                "it seems to be cut: fetch it again",
            ));
        }
        Ok((Self { bytes, start, format: *format, width, invalid: Vec::new() }, frames))
    }

    /// The samples of a range of frames as they are stored, `[time, signals]`.
    fn stored(&self, range: Range<usize>) -> Result<Vec<i32>, DataError> {
        let (from, to) = (range.start * self.width, range.end * self.width);
        // Two samples of format 212 share three bytes.
        let first = from / 2 * 2;
        let at = self.start + self.format.bytes(first) as u64;
        let bytes = self.bytes.read(at, self.format.bytes(to) - self.format.bytes(first))?;
        let mut samples = self.format.unpack(&bytes);
        samples.truncate(to - first);
        Ok(samples.split_off(from - first))
    }

    /// Looks at all samples of every signal.
    pub(super) fn survey(&self, lines: &[Signal], frames: usize) -> Result<Vec<Seen>, DataError> {
        let mut seen = vec![Seen::default(); lines.len()];
        let (step, invalid) = ((BLOCK_SAMPLES / self.width).max(1), self.format.invalid());
        for from in (0..frames).step_by(step) {
            let samples = self.stored(from..(from + step).min(frames))?;
            for frame in samples.chunks_exact(self.width) {
                seen.iter_mut().zip(frame).for_each(|(seen, sample)| seen.see(*sample, invalid));
            }
        }
        Ok(seen)
    }

    /// The samples of a range of frames, `[time, signals]`, with the value before in place of what is marked invalid.
    fn read(&self, range: Range<usize>) -> Result<Vec<i32>, DataError> {
        let mut samples = self.stored(range.clone())?;
        let (width, invalid) = (self.width, self.format.invalid());
        let marked = self.invalid.iter().enumerate().filter_map(|(signal, first)| Some((signal, (*first)?)));
        for (signal, first) in marked {
            let mut last = None;
            for sample in samples.iter_mut().skip(signal).step_by(width) {
                if *sample == invalid {
                    let before = || {
                        let read = |range| self.stored(range);
                        value_before((range.start, signal, width), first, |sample| sample == invalid, read)
                    };
                    *sample = last.map_or_else(before, Ok)?;
                }
                last = Some(*sample);
            }
        }
        Ok(samples)
    }
}

impl Frames for Record {
    fn frames(&self) -> usize {
        self.frames
    }

    fn read(&self, range: Range<usize>) -> Result<Vec<i32>, DataError> {
        if let [group] = self.groups.as_slice() {
            return group.read(range);
        }
        let width: usize = self.groups.iter().map(|group| group.width).sum();
        let mut samples = vec![0; range.len() * width];
        let mut first = 0;
        for group in &self.groups {
            let of_group = group.read(range.clone())?;
            for (frame, values) in samples.chunks_exact_mut(width).zip(of_group.chunks_exact(group.width)) {
                frame[first..first + group.width].copy_from_slice(values);
            }
            first += group.width;
        }
        Ok(samples)
    }
}

/// What a pass over a signal saw.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Seen {
    checksum: i16,
    first: Option<i32>,
    pub(super) first_valid: Option<i32>,
    /// Samples that are marked invalid.
    pub(super) invalid: usize,
}

impl Seen {
    fn see(&mut self, sample: i32, invalid: i32) {
        self.checksum = self.checksum.wrapping_add(sample as i16);
        self.first.get_or_insert(sample);
        if sample == invalid {
            self.invalid += 1;
        } else {
            self.first_valid.get_or_insert(sample);
        }
    }

    /// Whether the header speaks of these samples.
    pub(super) fn verify(&self, file: &str, signal: &Signal) -> Result<(), DataError> {
        let remedy = "the record is damaged: fetch it again";
        let (name, found) = (&signal.channel.name, self.checksum);
        match (signal.checksum, signal.initial, self.first) {
            (Some(expected), ..) if expected != found => Err(DataError::unsuitable(
                file,
                format!("the samples of {name} have the checksum {found} where the header says {expected}"),
                remedy,
            )),
            (_, Some(initial), Some(first)) if initial != first => Err(DataError::unsuitable(
                file,
                format!("the first sample of {name} is {first} where the header says {initial}"),
                remedy,
            )),
            _ => Ok(()),
        }
    }

    /// What a user should know of invalid samples.
    pub(super) fn remark(&self, signal: &Signal) -> Option<String> {
        let (count, name) = (self.invalid, &signal.channel.name);
        (count > 0).then(|| format!("{name}: {count} samples are marked invalid; the value before is held"))
    }
}

/// The sum of the samples in 16 bits.
pub(super) fn checksum(samples: &[i32]) -> i16 {
    samples.iter().fold(0_i16, |sum, &sample| sum.wrapping_add(sample as i16))
}
