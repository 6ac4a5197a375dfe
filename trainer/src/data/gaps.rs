//! What stands where a decoded recording has nothing.

use std::ops::Range;
use std::path::Path;

use super::{DataError, Format, Recording, csv, files, format};

/// What stands in place of frames that were lost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum GapFill {
    /// The last frame before them.
    Hold,
    /// Physical zero.
    #[default]
    Zero,
    /// `nan` (CSV).
    Nan,
    /// Nothing, and a last column that says of every frame: 0 whole, 1 degraded, 2 lost (CSV).
    Mark,
}

/// Where a decoded recording is not whole.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Gaps {
    /// Frames that were lost, in order.
    pub lost: Vec<Range<usize>>,
    /// Frames that depend on lost ones and may be distorted, in order.
    pub degraded: Vec<Range<usize>>,
}

impl Gaps {
    /// How many frames were lost.
    #[must_use]
    pub fn lost_frames(&self) -> u64 {
        frames(&self.lost)
    }

    /// How many frames are degraded.
    #[must_use]
    pub fn degraded_frames(&self) -> u64 {
        frames(&self.degraded)
    }

    /// Adds those of a recording that follows one of `offset` frames.
    pub fn append(&mut self, offset: usize, other: &Self) {
        let moved = |range: &Range<usize>| range.start + offset..range.end + offset;
        self.lost.extend(other.lost.iter().map(moved));
        self.degraded.extend(other.degraded.iter().map(moved));
    }

    /// 0, 1 or 2 for each of so many frames, as [`GapFill::Mark`] says it.
    pub(super) fn states(&self, frames: usize) -> Vec<u8> {
        let mut states = vec![0; frames];
        for (ranges, state) in [(&self.degraded, 1), (&self.lost, 2)] {
            ranges.iter().for_each(|range| states[range.clone()].fill(state));
        }
        states
    }
}

/// Notes that a range of frames follows those before.
pub(crate) fn push(ranges: &mut Vec<Range<usize>>, range: Range<usize>) {
    match ranges.last_mut() {
        Some(last) if last.end == range.start => last.end = range.end,
        _ if range.is_empty() => {}
        _ => ranges.push(range),
    }
}

fn frames(ranges: &[Range<usize>]) -> u64 {
    ranges.iter().map(|range| range.len() as u64).sum()
}

/// Writes a decoded recording as [`save`](super::save) does, its gaps filled.
///
/// # Errors
/// If the format cannot hold the recording or what is to stand in its gaps, or the files cannot be written.
pub fn save_with_gaps(
    path: &Path,
    mut recording: Recording,
    format: Option<Format>,
    gaps: &Gaps,
    fill: GapFill,
) -> Result<(), DataError> {
    let format = format::output_format(path, format)?;
    let marked = matches!(fill, GapFill::Nan | GapFill::Mark);
    if marked && format != Format::Csv {
        return Err(DataError::unsuitable(
            &path.display().to_string(),
            "only a text table can leave lost frames out",
            "write .csv, or give --gap hold or --gap zero",
        ));
    }
    if marked {
        return files::write(path, csv::print(&recording, Some((gaps, fill))).as_bytes());
    }
    fill_gaps(&mut recording, gaps, fill);
    super::save(path, &recording, Some(format))
}

fn fill_gaps(recording: &mut Recording, gaps: &Gaps, fill: GapFill) {
    let width = recording.channels.len();
    let zero: Vec<i32> = recording.channels.iter().map(|channel| channel.offset).collect();
    for range in &gaps.lost {
        let held = range.start.checked_sub(1).filter(|_| fill == GapFill::Hold);
        let value = held.map_or_else(|| zero.clone(), |before| recording.frame(before).to_vec());
        for frame in recording.samples[range.start * width..range.end * width].chunks_exact_mut(width) {
            frame.copy_from_slice(&value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Channel;
    use super::*;

    fn recording() -> Recording {
        let channel =
            Channel { name: "a".into(), unit: "mV".into(), counts_per_unit: 2.0, offset: 10, source_bits: None };
        let (comments, remarks) = (Vec::new(), Vec::new());
        let samples = vec![10, 11, 12, 13, 14];
        Recording {
            name: "r".into(),
            rate_millihertz: 1000,
            channels: vec![channel],
            samples,
            start_time: None,
            comments,
            remarks,
        }
    }

    fn gaps() -> Gaps {
        Gaps { lost: vec![0..1, 2..4], degraded: vec![1..2, 4..5] }
    }

    fn written(fill: GapFill) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.csv");
        save_with_gaps(&path, recording(), None, &gaps(), fill).unwrap();
        std::fs::read_to_string(path).unwrap()
    }

    #[test]
    fn gaps_are_filled_as_chosen() {
        assert_eq!(written(GapFill::Zero), "time [s],a [mV]\n0,0\n1,0.5\n2,0\n3,0\n4,2\n");
        assert_eq!(written(GapFill::Hold), "time [s],a [mV]\n0,0\n1,0.5\n2,0.5\n3,0.5\n4,2\n");
        assert_eq!(written(GapFill::Nan), "time [s],a [mV]\n0,nan\n1,0.5\n2,nan\n3,nan\n4,2\n");
        assert_eq!(written(GapFill::Mark), "time [s],a [mV],gap\n0,,2\n1,0.5,1\n2,,2\n3,,2\n4,2,1\n");
    }

    #[test]
    fn what_a_format_cannot_hold_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        for fill in [GapFill::Nan, GapFill::Mark] {
            let error = save_with_gaps(&folder.path().join("a.wav"), recording(), None, &gaps(), fill).unwrap_err();
            assert!(error.to_string().contains("--gap hold"), "{error}");
        }
    }

    #[test]
    fn neighbouring_ranges_become_one() {
        let mut ranges = Vec::new();
        [0..2, 2..3, 3..3, 5..6].into_iter().for_each(|range| push(&mut ranges, range));
        assert_eq!(ranges, [0..3, 5..6]);
    }
}
