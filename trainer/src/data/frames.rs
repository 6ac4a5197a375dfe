//! Where a recording's samples come from: memory, or a file that is read a range of frames at a time.

use std::fmt::Debug;
use std::ops::Range;

use super::DataError;
use super::bytes::Bytes;

/// Samples of all channels that a pass over a recording holds at once.
const BLOCK_SAMPLES: usize = 1 << 18;

/// A range of frames of so many channels in the blocks that a pass takes it in.
pub(super) fn blocks(range: Range<usize>, channels: usize) -> impl Iterator<Item = Range<usize>> {
    let step = (BLOCK_SAMPLES / channels).max(1);
    let end = range.end;
    range.step_by(step).map(move |from| from..(from + step).min(end))
}

/// Samples that can be read from any frame on.
pub(super) trait Frames: Debug + Send + Sync {
    /// How many frames there are.
    fn frames(&self) -> usize;

    /// The frames of `range`, `[time, channels]`.
    ///
    /// # Errors
    /// If the file cannot be read there, or holds what is no sample.
    fn read(&self, range: Range<usize>) -> Result<Vec<i32>, DataError>;
}

/// Samples of one size in a file, in places that follow from their frame and channel.
#[derive(Debug)]
pub(super) struct Grid {
    pub(super) bytes: Bytes,
    /// The first sample's byte.
    pub(super) start: u64,
    pub(super) sample_bytes: usize,
    pub(super) frames: usize,
    pub(super) arrangement: Arrangement,
}

/// In which order samples lie.
#[derive(Debug)]
pub(super) enum Arrangement {
    /// Frame by frame, of so many channels.
    Interleaved(usize),
    /// In blocks, and in a block channel by channel.
    Blocks {
        /// Frames of a block.
        frames: usize,
        /// Bytes from one block to the next.
        stride: u64,
        /// For each channel the first byte of its samples in a block.
        channels: Vec<u64>,
    },
}

impl Grid {
    /// Channels of a frame.
    pub(super) fn width(&self) -> usize {
        match &self.arrangement {
            Arrangement::Interleaved(width) => *width,
            Arrangement::Blocks { channels, .. } => channels.len(),
        }
    }

    /// The frames of `range`, `[time, channels]`, each sample as `decode` reads its bytes.
    pub(super) fn read<T: Copy + Default>(
        &self,
        range: Range<usize>,
        decode: impl Fn(&[u8]) -> T,
    ) -> Result<Vec<T>, DataError> {
        let (width, size) = (self.width(), self.sample_bytes);
        match &self.arrangement {
            Arrangement::Interleaved(_) => {
                let at = self.start + (range.start * width * size) as u64;
                let bytes = self.bytes.read(at, range.len() * width * size)?;
                Ok(bytes.chunks_exact(size).map(decode).collect())
            }
            Arrangement::Blocks { frames, stride, channels } => {
                let mut samples = vec![T::default(); range.len() * width];
                let mut time = range.start;
                while time < range.end {
                    let (block, within) = (time / frames, time % frames);
                    let run = (frames - within).min(range.end - time);
                    for (channel, first) in channels.iter().enumerate() {
                        let at = self.start + block as u64 * stride + first + (within * size) as u64;
                        let bytes = self.bytes.read(at, run * size)?;
                        let places = samples[(time - range.start) * width..].iter_mut().skip(channel).step_by(width);
                        places.zip(bytes.chunks_exact(size)).for_each(|(sample, bytes)| *sample = decode(bytes));
                    }
                    time += run;
                }
                Ok(samples)
            }
        }
    }
}

/// Some channels of others' frames, in an order of their own.
#[derive(Debug)]
pub(super) struct Selected<F> {
    pub(super) of: F,
    /// Channels of `of`.
    pub(super) width: usize,
    pub(super) chosen: Vec<usize>,
}

impl<F: Frames> Frames for Selected<F> {
    fn frames(&self) -> usize {
        self.of.frames()
    }

    fn read(&self, range: Range<usize>) -> Result<Vec<i32>, DataError> {
        let samples = self.of.read(range)?;
        let frames = samples.chunks_exact(self.width);
        Ok(frames.flat_map(|frame| self.chosen.iter().map(|&index| frame[index])).collect())
    }
}

/// Frames that a search for the value before a gap looks at in one go.
const SEARCHED: usize = 4096;

/// What stands in place of a missing sample that is the first of a range: the last of its channel that is not missing, or `first` if there is none.
///
/// # Errors
/// Of `read`, which gives the samples of a range of frames, `[time, channels]`.
pub(super) fn value_before<T: Copy>(
    (from, channel, width): (usize, usize, usize),
    first: T,
    is_missing: impl Fn(T) -> bool,
    read: impl Fn(Range<usize>) -> Result<Vec<T>, DataError>,
) -> Result<T, DataError> {
    let mut end = from;
    while end > 0 {
        let begin = end.saturating_sub(SEARCHED);
        let samples = read(begin..end)?;
        let mut backwards = samples.iter().skip(channel).step_by(width).rev().copied();
        if let Some(found) = backwards.find(|sample| !is_missing(*sample)) {
            return Ok(found);
        }
        end = begin;
    }
    Ok(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grid(arrangement: Arrangement, frames: usize, bytes: &[u8]) -> (tempfile::TempDir, Grid) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.raw");
        std::fs::write(&path, bytes).unwrap();
        (folder, Grid { bytes: Bytes::open(&path).unwrap(), start: 1, sample_bytes: 2, frames, arrangement })
    }

    #[test]
    fn ranges_of_blocks_are_those_of_frames() {
        // Blocks of three frames: channel 7 × 3, two unused bytes, channel 9 × 3.
        let mut bytes = vec![0xff];
        for block in 0..3u8 {
            (0..3).for_each(|t| bytes.extend([block * 3 + t, 7]));
            bytes.extend([0xee; 2]);
            (0..3).for_each(|t| bytes.extend([block * 3 + t, 9]));
        }
        let (_folder, grid) = grid(Arrangement::Blocks { frames: 3, stride: 14, channels: vec![8, 0] }, 9, &bytes);
        let read = |range: Range<usize>| grid.read(range, |bytes| u16::from_le_bytes([bytes[0], bytes[1]])).unwrap();
        let wanted: Vec<u16> = (0..9).flat_map(|t| [0x900 + t, 0x700 + t]).collect();
        assert_eq!(read(0..9), wanted);
        assert_eq!(read(2..7), wanted[4..14]);
        assert_eq!(read(4..5), wanted[8..10]);
        assert!(read(3..3).is_empty());
    }

    #[test]
    fn the_value_before_a_gap_is_found_however_long_it_is() {
        let mut samples = vec![-1; 30_000];
        samples[7] = 5;
        let read = |range: Range<usize>| Ok(samples[range.start * 2..range.end * 2].to_vec());
        let found = |from, channel| value_before((from, channel, 2), 9, |sample| sample < 0, read).unwrap();
        assert_eq!((found(15_000, 1), found(4, 1), found(3, 1), found(15_000, 0)), (5, 5, 9, 9));
    }
}
