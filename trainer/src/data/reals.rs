//! Files of floating-point samples, put on lattices without being held in memory: one pass looks at all values, then each range is read as counts.

use std::ops::Range;

use super::columns::{Column, Missing, Precision, count};
use super::frames::{Frames, blocks, value_before};
use super::{Channel, DataError, OpenOptions, Recording, stored::StoredRecording};

/// The step of a channel is looked for in so many different values, the first ones, and in the extreme ones.
const DISTINCT: usize = 1 << 20;

/// Real samples that can be read from any frame on.
pub(super) trait RealFrames: std::fmt::Debug + Send + Sync {
    /// How many frames there are.
    fn frames(&self) -> usize;

    /// Channels of a frame.
    fn width(&self) -> usize;

    /// The values of a range of frames, `[time, channels]`.
    ///
    /// # Errors
    /// If the file cannot be read there.
    fn values(&self, range: Range<usize>) -> Result<Vec<f64>, DataError>;
}

/// What a pass over a channel sees.
#[derive(Debug, Clone, Default)]
struct Survey {
    gaps: Missing,
    /// The first value that is a number.
    first: Option<f64>,
    /// The first that is none, and its frame.
    missing: Option<(usize, f64)>,
    least: Option<(usize, f64)>,
    greatest: Option<(usize, f64)>,
    /// The different values that were seen, and the last ones as they came.
    seen: Vec<f64>,
    /// There are more than are looked at.
    full: bool,
}

impl Survey {
    fn see(&mut self, frame: usize, value: f64) {
        self.gaps.count(value);
        if !value.is_finite() {
            self.missing.get_or_insert((frame, value));
            return;
        }
        self.first.get_or_insert(value);
        if self.least.is_none_or(|(_, least)| value < least) {
            self.least = Some((frame, value));
        }
        if self.greatest.is_none_or(|(_, greatest)| value > greatest) {
            self.greatest = Some((frame, value));
        }
        if !self.full {
            self.seen.push(value);
            if self.seen.len() == 2 * DISTINCT {
                self.tidy();
                self.full = self.seen.len() >= DISTINCT;
            }
        }
    }

    /// Leaves each value once.
    fn tidy(&mut self) {
        self.seen.sort_unstable_by(f64::total_cmp);
        self.seen.dedup();
    }

    /// Different values that show the step.
    fn distinct(mut self) -> Vec<f64> {
        self.seen.extend(self.least.iter().chain(&self.greatest).map(|(_, value)| value));
        self.tidy();
        self.seen
    }
}

/// Counts of real samples.
#[derive(Debug)]
struct OnLattices<R> {
    reals: R,
    counts_per_unit: Vec<f64>,
    /// What stands where no value is before a gap, and whether there are gaps, for each channel.
    first: Vec<(f64, bool)>,
}

impl<R: RealFrames> Frames for OnLattices<R> {
    fn frames(&self) -> usize {
        self.reals.frames()
    }

    fn read(&self, range: Range<usize>) -> Result<Vec<i32>, DataError> {
        let width = self.reals.width();
        let mut values = self.reals.values(range.clone())?;
        let gaps = self.first.iter().enumerate().filter(|(_, (_, has_gaps))| *has_gaps);
        for (channel, &(first, _)) in gaps {
            let mut last = None;
            for value in values.iter_mut().skip(channel).step_by(width) {
                if !value.is_finite() {
                    let is_missing = |value: f64| !value.is_finite();
                    let before = || {
                        let read = |range| self.reals.values(range);
                        value_before((range.start, channel, width), first, is_missing, read)
                    };
                    *value = last.map_or_else(before, Ok)?;
                }
                last = Some(*value);
            }
        }
        // The pass has seen that the extreme values fit; a file that was changed since saturates.
        let counts = values.iter().zip(self.counts_per_unit.iter().cycle());
        Ok(counts.map(|(value, per_unit)| count(*value, *per_unit).unwrap_or((value * per_unit) as i32)).collect())
    }
}

/// A recording of real samples, on the lattice of `options.lsb` or the one that the values show. `like` has all but samples and channels.
///
/// # Errors
/// If values are missing and not to be filled, no step can be found, or a value is too large.
pub(super) fn on_lattices(
    file: &str,
    mut like: Recording,
    reals: impl RealFrames + 'static,
    (unit, precision): (Option<&str>, Precision),
    options: &OpenOptions,
) -> Result<StoredRecording, DataError> {
    let surveys = survey(&reals)?;
    let mut first = Vec::with_capacity(surveys.len());
    for (channel, survey) in surveys.into_iter().enumerate() {
        let name = format!("channel {}", channel + 1);
        match survey.missing {
            Some(_) if options.fill_gaps => like.remarks.extend(survey.gaps.remark(file, &name)?),
            Some((frame, value)) => {
                return Err(DataError::malformed(
                    file,
                    format!("frame {frame}, column `{name}`"),
                    format!("`{value}` is no sample"),
                    "give --fill-gaps to hold the value before, or cut the recording there",
                ));
            }
            None => {}
        }
        first.push((survey.first.unwrap_or_default(), survey.missing.is_some()));
        let extremes = [survey.least, survey.greatest];
        let values = survey.distinct();
        let column = Column { name: &name, unit, values: &values, precision };
        let described = column.channel(file, options.lsb, options.unit.as_deref(), &mut like.remarks)?;
        for (frame, value) in extremes.into_iter().flatten() {
            if count(value, described.counts_per_unit).is_none() {
                return Err(column.too_many_steps(file, &format!("frame {frame}"), value, &described));
            }
        }
        like.channels.push(described);
    }
    let counts_per_unit = like.channels.iter().map(|channel: &Channel| channel.counts_per_unit).collect();
    Ok(StoredRecording::new(like, OnLattices { reals, counts_per_unit, first }))
}

fn survey(reals: &impl RealFrames) -> Result<Vec<Survey>, DataError> {
    let (frames, width) = (reals.frames(), reals.width());
    let mut surveys = vec![Survey::default(); width];
    for block in blocks(0..frames, width) {
        let values = reals.values(block.clone())?;
        for (time, frame) in block.zip(values.chunks_exact(width)) {
            surveys.iter_mut().zip(frame).for_each(|(survey, value)| survey.see(time, *value));
        }
    }
    Ok(surveys)
}
