//! A recording whose samples stay where they are until they are asked for: longer ones than memory holds are trained on, measured and encoded.

use std::ops::Range;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::frames::{Frames, Selected, blocks};
use super::recording::{Recording, find_channels};
use super::{Channel, DataError};
use crate::hexadecimal::hexadecimal;

/// Samples of all recordings together that those who need them in memory take at most: exporters, priors, predictors, reports.
const MOST_SAMPLES: usize = 1 << 25;
/// Stretches that stand for a part of a recording which is longer.
const EXCERPTS: usize = 64;

/// A recording that is read range by range. Its samples are in memory, or in a file whose format has frames of fixed size; the values
/// are the same.
#[derive(Debug, Clone)]
pub struct StoredRecording {
    /// See [`Recording::name`].
    pub name: String,
    /// Frames per second, times 1000.
    pub rate_millihertz: u64,
    /// The channels, at least one.
    pub channels: Vec<Channel>,
    /// See [`Recording::start_time`].
    pub start_time: Option<i64>,
    /// See [`Recording::comments`].
    pub comments: Vec<String>,
    /// See [`Recording::remarks`].
    pub remarks: Vec<String>,
    pub(super) samples: Samples,
    /// The frames of `samples` that are this recording's.
    pub(super) range: Range<usize>,
}

#[derive(Debug, Clone)]
pub(super) enum Samples {
    Memory(Arc<Vec<i32>>),
    File(Arc<dyn Frames>),
}

impl From<Recording> for StoredRecording {
    fn from(recording: Recording) -> Self {
        let frames = recording.frames();
        let Recording { name, rate_millihertz, channels, samples, start_time, comments, remarks } = recording;
        let samples = Samples::Memory(Arc::new(samples));
        Self { name, rate_millihertz, channels, start_time, comments, remarks, samples, range: 0..frames }
    }
}

impl StoredRecording {
    /// A recording `like` another, whose samples are `frames`.
    pub(super) fn new(like: Recording, frames: impl Frames + 'static) -> Self {
        let range = 0..frames.frames();
        Self { samples: Samples::File(Arc::new(frames)), range, ..like.into() }
    }

    /// Samples per channel.
    #[must_use]
    pub fn frames(&self) -> usize {
        self.range.len()
    }

    /// Frames per second.
    #[must_use]
    pub fn rate(&self) -> f64 {
        self.rate_millihertz as f64 / 1000.0
    }

    /// The recording's length in seconds.
    #[must_use]
    pub fn seconds(&self) -> f64 {
        self.frames() as f64 / self.rate()
    }

    /// Whether the samples are in memory.
    #[must_use]
    pub fn is_in_memory(&self) -> bool {
        matches!(self.samples, Samples::Memory(_))
    }

    /// The samples of a range of frames, `[time, channels]`.
    ///
    /// # Errors
    /// If the file cannot be read there.
    ///
    /// # Panics
    /// If the range reaches past the end.
    pub fn samples(&self, range: Range<usize>) -> Result<Vec<i32>, DataError> {
        assert!(range.start <= range.end && range.end <= self.frames(), "{range:?} of {} frames", self.frames());
        let (from, to) = (self.range.start + range.start, self.range.start + range.end);
        match &self.samples {
            Samples::Memory(samples) => {
                let width = self.channels.len();
                Ok(samples[from * width..to * width].to_vec())
            }
            Samples::File(frames) => frames.read(from..to),
        }
    }

    /// The samples of a range of frames, block by block.
    pub fn blocks(&self, range: Range<usize>) -> impl Iterator<Item = Result<Vec<i32>, DataError>> {
        blocks(range, self.channels.len()).map(|block| self.samples(block))
    }

    /// The frames of `range` as a recording of their own, under the same name; nothing is read.
    ///
    /// # Panics
    /// If the range reaches past the end.
    #[must_use]
    pub fn stretch(&self, range: Range<usize>) -> Self {
        assert!(range.start <= range.end && range.end <= self.frames(), "{range:?} of {} frames", self.frames());
        let milliseconds = (range.start as f64 / self.rate() * 1000.0).round() as i64;
        let start_time = self.start_time.map(|start| start + milliseconds);
        Self { start_time, range: self.range.start + range.start..self.range.start + range.end, ..self.clone() }
    }

    /// All of it in memory.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn whole(self) -> Result<Recording, DataError> {
        let all = 0..self.frames();
        let samples = match self.samples {
            Samples::Memory(samples) if samples.len() == all.len() * self.channels.len() => {
                Arc::try_unwrap(samples).unwrap_or_else(|shared| shared.to_vec())
            }
            _ => self.samples(all)?,
        };
        let Self { name, rate_millihertz, channels, start_time, comments, remarks, .. } = self;
        Ok(Recording { name, rate_millihertz, channels, samples, start_time, comments, remarks })
    }

    /// The frames of `range` in memory, none if it is empty; of one of `recordings` that are too long for it, stretches spread evenly over the range.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn excerpts(&self, range: Range<usize>, recordings: usize) -> Result<Vec<Recording>, DataError> {
        let most = self.most_frames(recordings);
        if range.len() <= most {
            return self.beginning(range, recordings).map(|all| all.into_iter().collect());
        }
        let length = (most / EXCERPTS).max(1);
        let from = |number: usize| range.start + (range.len() - length) * number / (EXCERPTS - 1);
        (0..EXCERPTS).map(|number| self.stretch(from(number)..from(number) + length).whole()).collect()
    }

    /// The frames of `range` in memory, none if it is empty; of one of `recordings` that are too long for it, the first ones.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn beginning(&self, range: Range<usize>, recordings: usize) -> Result<Option<Recording>, DataError> {
        let frames = range.len().min(self.most_frames(recordings));
        if frames == 0 {
            return Ok(None);
        }
        self.stretch(range.start..range.start + frames).whole().map(Some)
    }

    fn most_frames(&self, recordings: usize) -> usize {
        MOST_SAMPLES / recordings.max(1) / self.channels.len()
    }

    /// SHA-256 of the samples as [`Recording::sha256`] gives it.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn sha256(&self) -> Result<String, DataError> {
        let mut hash = Sha256::new();
        for block in self.blocks(0..self.frames()) {
            hash.update(block?.iter().flat_map(|sample| sample.to_le_bytes()).collect::<Vec<u8>>());
        }
        Ok(hexadecimal(&hash.finalize()))
    }

    /// The channels that `wanted` names, as [`Recording::select`] does.
    ///
    /// # Errors
    /// If a channel is not there.
    pub fn select(self, wanted: &[String]) -> Result<Self, DataError> {
        let chosen = find_channels(&self.name, &self.channels, wanted)?;
        let channels = chosen.iter().map(|&index| self.channels[index].clone()).collect();
        let selected = Selected { width: self.channels.len(), of: self.clone(), chosen };
        self.through(channels, selected)
    }

    /// A recording like this one, of other `channels`, whose samples are `made` of this one's; in memory if this one's are.
    ///
    /// # Errors
    /// If what is in memory cannot be made so.
    pub(super) fn through(self, channels: Vec<Channel>, made: impl Frames + 'static) -> Result<Self, DataError> {
        let frames = 0..made.frames();
        if self.is_in_memory() {
            let samples = Samples::Memory(Arc::new(made.read(frames.clone())?));
            return Ok(Self { channels, samples, range: frames, ..self });
        }
        Ok(Self { channels, samples: Samples::File(Arc::new(made)), range: frames, ..self })
    }
}

impl Frames for StoredRecording {
    fn frames(&self) -> usize {
        self.range.len()
    }

    fn read(&self, range: Range<usize>) -> Result<Vec<i32>, DataError> {
        self.samples(range)
    }
}

#[cfg(test)]
pub(in crate::data) mod tests {
    use super::super::{OpenOptions, open, open_stored};
    use super::*;

    /// Holds ranges of a file against all of it: at its ends, in its middle, and across it.
    pub(in crate::data) fn check_ranges(path: &std::path::Path, options: &OpenOptions) {
        let (stored, whole) = (open_stored(path, options).unwrap(), open(path, options).unwrap());
        assert!(!stored.is_in_memory(), "{}", path.display());
        let (frames, width) = (whole.frames(), whole.channels.len());
        assert_eq!((stored.frames(), stored.channels.len()), (frames, width));
        let places = [0, 1, frames / 3, frames / 2, frames.saturating_sub(1), frames];
        for from in places {
            for to in places.into_iter().filter(|to| *to >= from) {
                assert_eq!(stored.samples(from..to).unwrap(), whole.samples[from * width..to * width], "{from}..{to}");
            }
        }
    }

    #[test]
    fn what_stays_in_its_file_is_what_is_read_whole() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../data/mitdb-208.hea");
        let options = OpenOptions::default();
        let (whole, stored) = (open(&path, &options).unwrap(), open_stored(&path, &options).unwrap());
        assert!(!stored.is_in_memory());
        assert_eq!((stored.frames(), stored.sha256().unwrap()), (whole.frames(), whole.sha256()));
        let part = stored.stretch(70_001..90_000).stretch(1000..1100);
        assert_eq!(part.samples(3..99).unwrap(), whole.samples[71_004..71_100]);
        assert_eq!(part.clone().whole().unwrap().samples, whole.samples[71_001..71_101]);
        let twice = stored.clone().select(&["1".into(), "MLII".into()]).unwrap().stretch(5..9);
        let pairs: Vec<i32> = whole.samples[5..9].iter().flat_map(|&sample| [sample; 2]).collect();
        assert_eq!((twice.is_in_memory(), twice.whole().unwrap().samples), (false, pairs.clone()));
        let twice = StoredRecording::from(whole).stretch(5..9).select(&["1".into(), "1".into()]).unwrap();
        assert_eq!((twice.is_in_memory(), twice.frames(), twice.whole().unwrap().samples), (true, 4, pairs));
    }

    #[test]
    fn blocks_are_all_frames_in_order() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../data/mitdb-208.hea");
        let stored = open_stored(&path, &OpenOptions::default()).unwrap();
        let long = Selected { of: stored.clone(), width: 1, chosen: vec![0; 9] };
        let channels = vec![stored.channels[0].clone(); 9];
        let long = stored.through(channels, long).unwrap();
        let blocks: Vec<Vec<i32>> = long.blocks(3..100_000).collect::<Result<_, _>>().unwrap();
        assert!(blocks.len() > 3);
        assert_eq!(blocks.concat(), long.samples(3..100_000).unwrap());
    }
}
