//! Which frames are trained on and which are held out.
//!
//! Frames of one patient, or of one session, are alike: a codec that has seen some of them is not judged by the others. So whole recordings
//! are held out where there are several, and only a single patient's recordings are cut in time.

use std::collections::BTreeMap;
use std::ops::Range;

use super::TrainError;
use crate::config::{DataConfig, Split};
use crate::data::{Recording, StoredRecording};

/// From so many patients on whole recordings are held out unless the configuration says otherwise.
const SEVERAL: usize = 3;

/// Frames of a recording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ranges {
    /// Frames to train on.
    pub(super) train: Range<usize>,
    /// Frames held out.
    pub(super) validation: Range<usize>,
}

impl Ranges {
    fn whole(frames: usize, held_out: bool) -> Self {
        let (train, validation) = if held_out { (0..0, 0..frames) } else { (0..frames, frames..frames) };
        Self { train, validation }
    }
}

/// What is known of a recording beside its samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The number of its file: channels of one file that are trained on as recordings of their own stay together.
    pub file: usize,
    /// Whether the user holds it out whole.
    pub held_out: bool,
}

/// A recording as far as its place depends on it.
struct Candidate<'a> {
    name: &'a str,
    file: usize,
    /// Its frames before those that are kept for a test.
    frames: usize,
    sha256: String,
}

impl<'a> Candidate<'a> {
    fn new(recording: &'a StoredRecording, place: &Place, data: &DataConfig) -> Result<Self, TrainError> {
        Ok(Self {
            name: &recording.name,
            file: place.file,
            frames: cut(recording.frames(), data.test_fraction).train.end,
            sha256: recording.sha256()?,
        })
    }
}

/// The ranges of every recording. Those that the user holds out are held out whole, if there are any; else the configuration says which are.
///
/// # Errors
/// If a recording would be trained on and held out, or a group names a recording that is not there.
pub(super) fn split(
    recordings: &[StoredRecording],
    places: &[Place],
    data: &DataConfig,
) -> Result<Vec<Ranges>, TrainError> {
    let candidates = (recordings.iter().zip(places))
        .map(|(recording, place)| Candidate::new(recording, place, data))
        .collect::<Result<Vec<Candidate<'_>>, TrainError>>()?;
    let named: Vec<bool> = places.iter().map(|place| place.held_out).collect();
    let groups = groups(&candidates, data)?;
    if named.contains(&true) {
        refuse_leaks(&candidates, &groups, &named)?;
        return Ok(candidates.iter().zip(&named).map(|(one, &held_out)| Ranges::whole(one.frames, held_out)).collect());
    }
    let whole = match data.split {
        Split::Auto => groups.len() >= SEVERAL,
        Split::Recordings => true,
        Split::Time => false,
    };
    if data.validation_fraction == 0.0 || !whole {
        return Ok(candidates.iter().map(|one| cut(one.frames, data.validation_fraction)).collect());
    }
    if groups.len() < 2 {
        return Err(TrainError::Unsuitable {
            what: "data.split = \"recordings\" needs recordings of two patients at least: give more, or set it to \"time\"".into(),
        });
    }
    let held_out = chosen(&candidates, groups, data.validation_fraction);
    Ok(candidates.iter().enumerate().map(|(index, one)| Ranges::whole(one.frames, held_out.contains(&index))).collect())
}

/// Recordings, or stretches of them, to train on and to compare on: all that there is, or as much as memory holds.
#[derive(Debug, Default)]
pub struct Divided {
    /// To train on.
    pub training: Vec<Recording>,
    /// Held out.
    pub held_out: Vec<Recording>,
}

/// Divides recordings as a run is: whole ones are held out where the user says so, or where there are several patients; else the end of each.
///
/// # Errors
/// If a recording would be trained on and held out, a group names a recording that is not there, or a file cannot be read.
pub fn divide(recordings: &[StoredRecording], places: &[Place], data: &DataConfig) -> Result<Divided, TrainError> {
    let mut divided = Divided::default();
    for (recording, ranges) in recordings.iter().zip(split(recordings, places, data)?) {
        divided.training.extend(recording.excerpts(ranges.train, recordings.len())?);
        divided.held_out.extend(recording.beginning(ranges.validation, recordings.len())?);
    }
    Ok(divided)
}

/// The last part of a recording held out.
fn cut(frames: usize, fraction: f64) -> Ranges {
    let held_out = (frames as f64 * fraction).round() as usize;
    let train = 0..frames - held_out.min(frames);
    Ranges { validation: train.end..frames, train }
}

/// Recordings of one patient each: those that the configuration puts together, those of one file, and those that hold the same samples.
fn groups(candidates: &[Candidate<'_>], data: &DataConfig) -> Result<Vec<Vec<usize>>, TrainError> {
    let mut group_of: Vec<usize> = (0..candidates.len()).collect();
    let join = |group_of: &mut Vec<usize>, a: usize, b: usize| {
        let (from, to) = (group_of[a], group_of[b]);
        group_of.iter_mut().filter(|group| **group == from).for_each(|group| *group = to);
    };
    for names in &data.groups {
        let mut first = None;
        for name in names {
            let members: Vec<usize> = (0..candidates.len()).filter(|&index| candidates[index].name == name).collect();
            if members.is_empty() {
                let given: Vec<&str> = candidates.iter().map(|one| one.name).collect();
                let what = format!("data.groups names `{name}`, and the recordings are {}", given.join(", "));
                return Err(TrainError::Unsuitable { what });
            }
            for member in members {
                join(&mut group_of, member, *first.get_or_insert(member));
            }
        }
    }
    let (mut same, mut files) = (BTreeMap::new(), BTreeMap::new());
    for (index, one) in candidates.iter().enumerate() {
        join(&mut group_of, index, *same.entry(&one.sha256).or_insert(index));
        join(&mut group_of, index, *files.entry(one.file).or_insert(index));
    }
    let mut groups: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (index, group) in group_of.into_iter().enumerate() {
        groups.entry(group).or_default().push(index);
    }
    Ok(groups.into_values().collect())
}

fn refuse_leaks(candidates: &[Candidate<'_>], groups: &[Vec<usize>], named: &[bool]) -> Result<(), TrainError> {
    for group in groups {
        let held_out = group.iter().find(|&&index| named[index]);
        let trained = group.iter().find(|&&index| !named[index]);
        let (Some(&held_out), Some(&trained)) = (held_out, trained) else { continue };
        let (a, b) = (&candidates[trained], &candidates[held_out]);
        let why = match a.sha256 == b.sha256 {
            true => "they hold the same samples",
            false => "they are of one patient: of one file, or data.groups says so",
        };
        return Err(TrainError::Unsuitable {
            what: format!(
                "`{}` would be trained on and `{}` held out, and {why}: what is held out would be known. Leave one of them out",
                a.name, b.name
            ),
        });
    }
    if named.contains(&false) {
        return Ok(());
    }
    Err(TrainError::Unsuitable { what: "all recordings are held out: there is none to train on".into() })
}

/// The recordings of the groups that are held out: about `fraction` of all frames, one group at least and not all. The order in which groups
/// are taken follows from their samples, so it does not depend on the seed, nor on the order or the names of the files.
fn chosen(candidates: &[Candidate<'_>], mut groups: Vec<Vec<usize>>, fraction: f64) -> Vec<usize> {
    let frames = |group: &[usize]| group.iter().map(|&index| candidates[index].frames).sum::<usize>() as f64;
    groups.sort_by_key(|group| group.iter().map(|&index| candidates[index].sha256.clone()).min());
    let wanted = fraction * groups.iter().map(|group| frames(group)).sum::<f64>();
    let (mut held_out, mut so_far) = (Vec::new(), 0.0);
    for group in &groups[..groups.len() - 1] {
        if so_far > 0.0 && so_far + frames(group) / 2.0 > wanted {
            break;
        }
        so_far += frames(group);
        held_out.extend(group);
    }
    held_out
}

#[cfg(test)]
mod tests {
    use super::super::prepare::tests::recording;
    use super::*;

    fn stored(recordings: &[Recording]) -> Vec<StoredRecording> {
        recordings.iter().cloned().map(StoredRecording::from).collect()
    }

    fn split(recordings: &[Recording], places: &[Place], data: &DataConfig) -> Result<Vec<Ranges>, TrainError> {
        super::split(&stored(recordings), places, data)
    }

    fn divide(recordings: &[Recording], places: &[Place], data: &DataConfig) -> Result<Divided, TrainError> {
        super::divide(&stored(recordings), places, data)
    }

    fn recordings(lengths: &[usize]) -> Vec<Recording> {
        let one = |(index, &length): (usize, &usize)| Recording {
            name: format!("r{index}"),
            ..recording((0..length as i32).map(|t| t * (index as i32 + 1)).collect(), 1)
        };
        lengths.iter().enumerate().map(one).collect()
    }

    fn places(held_out: &[bool]) -> Vec<Place> {
        held_out.iter().enumerate().map(|(file, &held_out)| Place { file, held_out }).collect()
    }

    fn held_out(ranges: &[Ranges]) -> Vec<usize> {
        let whole = |(_, ranges): &(usize, &Ranges)| ranges.train.is_empty();
        ranges.iter().enumerate().filter(whole).map(|(index, _)| index).collect()
    }

    fn auto(recordings: &[Recording], data: &DataConfig) -> Vec<Ranges> {
        split(recordings, &places(&vec![false; recordings.len()]), data).unwrap()
    }

    #[test]
    fn several_recordings_are_held_out_whole_whatever_their_order() {
        let data = DataConfig::default();
        let mut recordings = recordings(&[100; 10]);
        let ranges = auto(&recordings, &data);
        assert_eq!(held_out(&ranges).len(), 2);
        assert!(ranges.iter().all(|ranges| ranges.train.is_empty() != ranges.validation.is_empty()));
        let names = |recordings: &[Recording]| {
            let mut names: Vec<String> =
                held_out(&auto(recordings, &data)).iter().map(|&index| recordings[index].name.clone()).collect();
            names.sort();
            names
        };
        let before = names(&recordings);
        recordings.reverse();
        assert_eq!(names(&recordings), before);
    }

    #[test]
    fn one_patient_is_cut_in_time() {
        let two = auto(&recordings(&[100, 50]), &DataConfig::default());
        assert_eq!((two[0].train.clone(), two[1].validation.clone()), (0..80, 40..50));
        let data = DataConfig { split: Split::Recordings, ..DataConfig::default() };
        assert_eq!(held_out(&auto(&recordings(&[100, 100]), &data)).len(), 1);
        let one = split(&recordings(&[100]), &places(&[false]), &data).unwrap_err().to_string();
        assert!(one.contains("\"time\""), "{one}");
    }

    #[test]
    fn what_is_kept_for_a_test_is_neither_trained_on_nor_watched() {
        let data = DataConfig { test_fraction: 0.2, ..DataConfig::default() };
        let cut = auto(&recordings(&[100, 50]), &data);
        assert_eq!(
            (cut[0].train.clone(), cut[0].validation.clone(), cut[1].validation.clone()),
            (0..64, 64..80, 32..40)
        );
        for ranges in auto(&recordings(&[100; 10]), &data) {
            let end = ranges.train.end.max(ranges.validation.end);
            assert_eq!((ranges.train.len() + ranges.validation.len(), end), (80, 80));
        }
    }

    #[test]
    fn recordings_of_a_group_and_copies_stay_together() {
        let mut recordings = recordings(&[100; 6]);
        recordings[5] = Recording { name: "copy".into(), ..recordings[0].clone() };
        let groups = vec![vec!["r1".to_owned(), "r2".to_owned(), "r3".to_owned()]];
        for fraction in [0.1, 0.3, 0.5, 0.7, 0.9] {
            let data = DataConfig { groups: groups.clone(), validation_fraction: fraction, ..DataConfig::default() };
            let out = held_out(&auto(&recordings, &data));
            assert!(!out.is_empty() && out.len() < 6, "{fraction}: {out:?}");
            assert_eq!(out.contains(&0), out.contains(&5), "{out:?}");
            assert_eq!(out.contains(&1), out.contains(&2), "{out:?}");
            assert_eq!(out.contains(&1), out.contains(&3), "{out:?}");
        }
        let data = DataConfig { groups: vec![vec!["r9".into()]], ..DataConfig::default() };
        let error = split(&recordings, &places(&[false; 6]), &data).unwrap_err().to_string();
        assert!(error.contains("`r9`") && error.contains("r0, r1"), "{error}");
    }

    #[test]
    fn a_recording_that_is_trained_on_cannot_be_held_out() {
        let mut recordings = recordings(&[100, 100, 100]);
        recordings[2] = Recording { name: "copy".into(), ..recordings[0].clone() };
        let data = DataConfig::default();
        let error = split(&recordings, &places(&[false, false, true]), &data).unwrap_err().to_string();
        assert!(error.contains("`r0`") && error.contains("`copy`") && error.contains("same samples"), "{error}");
        assert_eq!(held_out(&split(&recordings, &places(&[true, false, true]), &data).unwrap()), [0, 2]);
        let error = split(&recordings, &places(&[true; 3]), &data).unwrap_err().to_string();
        assert!(error.contains("none to train on"), "{error}");
    }

    #[test]
    fn recordings_are_divided_between_patients_where_there_are_several() {
        let names = |recordings: &[Recording]| recordings.iter().map(|one| one.name.clone()).collect::<Vec<_>>();
        let four = recordings(&[100; 4]);
        let divided = divide(&four, &places(&[false; 4]), &DataConfig::default()).unwrap();
        assert_eq!((divided.training.len(), divided.held_out.len()), (3, 1));
        assert!(!names(&divided.training).contains(&divided.held_out[0].name));
        assert!(divided.held_out[0].frames() == 100);
        let named = divide(&four, &places(&[false, true, true, false]), &DataConfig::default()).unwrap();
        assert_eq!(
            (names(&named.training), names(&named.held_out)),
            (vec!["r0".into(), "r3".into()], vec!["r1".into(), "r2".into()])
        );
        let one = divide(&four[..1], &places(&[false]), &DataConfig::default()).unwrap();
        assert_eq!((one.training[0].frames(), one.held_out[0].frames()), (80, 20));
        assert_eq!(one.held_out[0].samples, four[0].samples[80..]);
    }

    #[test]
    fn channels_of_one_file_stay_together() {
        let recordings = recordings(&[100; 8]);
        let two_channels: Vec<Place> = (0..8).map(|index| Place { file: index / 2, held_out: false }).collect();
        let out = held_out(&split(&recordings, &two_channels, &DataConfig::default()).unwrap());
        assert_eq!(out.len(), 2, "{out:?}");
        assert_eq!(out[0] / 2, out[1] / 2, "{out:?}");
    }
}
