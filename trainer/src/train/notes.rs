//! What a user should know of the recordings before training on them.

use std::cmp::Ordering;

use super::prepare::Part;
use crate::data::{Channel, DataError};

/// More than this part of a channel's samples at its own largest or smallest value is told.
const CLIPPED: f64 = 0.01;
/// Samples at the limit count from the third in a row on: a peak that touches its largest value is not clipped.
const RUN: usize = 3;
/// Names of a sentence; more are counted.
const NAMED: usize = 8;

/// A sentence for each thing.
///
/// # Errors
/// If a recording cannot be read.
pub(super) fn notes(parts: &[Part]) -> Result<Vec<String>, DataError> {
    let mut notes: Vec<String> = held_out(parts).into_iter().collect();
    for part in parts {
        notes.extend(clipping(part)?);
    }
    Ok(notes)
}

/// Which recordings are held out whole.
fn held_out(parts: &[Part]) -> Option<String> {
    let whole: Vec<&str> = (parts.iter().filter(|part| part.train.is_empty() && !part.validation.is_empty()))
        .map(|part| part.recording.name.as_str())
        .collect();
    if whole.is_empty() {
        return None;
    }
    let named = whole[..whole.len().min(NAMED)].join(", ");
    let more = match whole.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    Some(format!("held out whole, {} of {} recordings: {named}{more}", whole.len(), parts.len()))
}

/// Channels that rest at a limit of their values.
fn clipping(part: &Part) -> Result<Vec<String>, DataError> {
    let recording = &part.recording;
    let width = recording.channels.len();
    let mut limits = vec![[Limit::default(); 2]; width];
    for block in recording.blocks(0..recording.frames()) {
        for frame in block?.chunks_exact(width) {
            for ([high, low], &sample) in limits.iter_mut().zip(frame) {
                high.see(sample, high.value.is_none_or(|value| sample > value));
                low.see(sample, low.value.is_none_or(|value| sample < value));
            }
        }
    }
    let told = |([high, low], channel): ([Limit; 2], &Channel)| {
        [(high, "largest"), (low, "smallest")].into_iter().find_map(|(limit, which)| {
            let (value, share) = (limit.value?, limit.resting as f64 / recording.frames() as f64);
            (share > CLIPPED).then(|| {
                format!(
                    "{}: {:.1} % of channel `{}` rest at its {which} value {value}: clipped, or the sensor was off. The codec \
                     learns that too; lower the amplifier's gain, or leave those stretches out",
                    recording.name,
                    100.0 * share,
                    channel.name
                )
            })
        })
    };
    Ok(limits.into_iter().zip(&recording.channels).filter_map(told).collect())
}

/// An extreme value of a channel, and how often it rests there.
#[derive(Debug, Clone, Copy, Default)]
struct Limit {
    value: Option<i32>,
    /// Samples at it in a row up to now.
    run: usize,
    /// Samples of all runs that count.
    resting: usize,
}

impl Limit {
    /// The next sample, and whether it lies beyond the limit.
    fn see(&mut self, sample: i32, is_beyond: bool) {
        if is_beyond {
            *self = Self { value: Some(sample), ..Self::default() };
        }
        self.run = if self.value == Some(sample) { self.run + 1 } else { 0 };
        self.resting += match self.run.cmp(&RUN) {
            Ordering::Less => 0,
            Ordering::Equal => RUN,
            Ordering::Greater => 1,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::super::prepare::Prepared;
    use super::super::prepare::tests::recording;
    use crate::config::Config;

    #[test]
    fn clipped_stretches_are_told_and_peaks_are_not() {
        let wave = |limit: i32| -> Vec<i32> {
            (0..4000).map(|t| ((f64::from(t) * 0.05).sin() * 1000.0).round().min(f64::from(limit)) as i32).collect()
        };
        let notes = |samples| Prepared::new(vec![recording(samples, 1)], &Config::default()).unwrap().notes;
        assert!(notes(wave(1000)).is_empty());
        let [note] = notes(wave(900)).try_into().unwrap();
        assert!(note.contains("largest value 900") && note.contains("`c0`"), "{note}");
    }

    #[test]
    fn what_is_held_out_whole_is_named() {
        let one = |k: i32| crate::data::Recording {
            name: format!("r{k}"),
            ..recording((0..200).map(|t| t * k % 97).collect(), 1)
        };
        let prepared = Prepared::new((1..=5).map(one).collect(), &Config::default()).unwrap();
        let held_out = prepared.parts.iter().find(|part| part.train.is_empty()).unwrap();
        assert_eq!(prepared.notes, [format!("held out whole, 1 of 5 recordings: {}", held_out.recording.name)]);
    }
}
