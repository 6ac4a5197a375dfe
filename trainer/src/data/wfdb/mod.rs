//! PhysioNet's records: a text header `.hea` and one or more signal files, formats 16 and 212.

mod header;
mod record;
mod samples;

use std::path::{Path, PathBuf};

use super::{DataError, Recording, files, stored::StoredRecording};
use header::{Header, Signal};
use record::{Group, Record, checksum};
use samples::SampleFormat;

/// The header that a user means by `record`, `record.hea` or `record.dat`.
fn header_path(path: &Path) -> PathBuf {
    match path.extension() {
        Some(ending) if ending == "hea" || ending == "dat" => path.with_extension("hea"),
        _ => {
            let mut name = path.as_os_str().to_owned();
            name.push(".hea");
            name.into()
        }
    }
}

/// Whether `path` names a record: by its ending, or because a header of that name exists.
pub(super) fn is_record(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending == "hea" || ending == "dat") || header_path(path).is_file()
}

fn refuse_pipe(path: &Path) -> Result<(), DataError> {
    if files::is_pipe(path) {
        return Err(DataError::unsuitable(
            "-",
            "a WFDB record is two files and does not fit a pipe",
            "give a file name, or --format wav or csv",
        ));
    }
    Ok(())
}

/// Reads a record, and checks its sample count, first values and checksums against the header.
pub(super) fn open(path: &Path) -> Result<StoredRecording, DataError> {
    refuse_pipe(path)?;
    let path = header_path(path);
    let file = path.display().to_string();
    let text = files::read(&path)?;
    let Header { name, rate_millihertz, mut frames, start_time, signals, comments, mut remarks } =
        header::parse(&file, &String::from_utf8_lossy(&text))?;
    let mut groups = Vec::new();
    // Signals that share a file are on neighbouring lines, and their samples alternate in it.
    for lines in signals.chunk_by(|a, b| a.file == b.file) {
        let (mut group, found) = Group::open(&path, lines, frames)?;
        let frames = *frames.get_or_insert(found);
        if frames == 0 {
            return Err(DataError::unsuitable(&file, "the record has no samples", "name a record with samples"));
        }
        for (signal, seen) in lines.iter().zip(group.survey(lines, frames)?) {
            seen.verify(&file, signal)?;
            remarks.extend(seen.remark(signal));
            group.invalid.push((seen.invalid > 0).then(|| seen.first_valid.unwrap_or(signal.channel.offset)));
        }
        groups.push(group);
    }
    let channels = signals.into_iter().map(|signal| signal.channel).collect();
    let like = Recording { name, rate_millihertz, channels, samples: Vec::new(), start_time, comments, remarks };
    Ok(StoredRecording::new(like, Record { groups, frames: frames.unwrap_or(0) }))
}

/// Writes a record as a header and one signal file, in format 212 if all samples fit into it, else 16.
pub(super) fn save(path: &Path, recording: &Recording) -> Result<(), DataError> {
    refuse_pipe(path)?;
    let header_path = header_path(path);
    let signal_path = header_path.with_extension("dat");
    let file = header_path.display().to_string();
    let name = header_path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    if name.is_empty() || name.contains(char::is_whitespace) || name.contains('/') || name.starts_with('#') {
        return Err(DataError::unsuitable(&file, format!("`{name}` cannot name a record"), "leave out the spaces"));
    }
    let format = SampleFormat::for_samples(&recording.samples).ok_or_else(|| {
        DataError::unsuitable(
            &file,
            "the samples do not fit the 16 bits of a WFDB record",
            "write .wav or .csv instead",
        )
    })?;
    let signals = (0..recording.channels.len())
        .map(|channel| {
            let samples = recording.channel(channel);
            Signal {
                file: format!("{name}.dat"),
                format,
                byte_offset: 0,
                channel: recording.channels[channel].clone(),
                initial: samples.first().copied(),
                checksum: Some(checksum(&samples)),
            }
        })
        .collect();
    let header = Header {
        name,
        rate_millihertz: recording.rate_millihertz,
        frames: Some(recording.frames()),
        start_time: recording.start_time,
        signals,
        comments: recording.comments.clone(),
        remarks: Vec::new(),
    };
    files::write(&signal_path, &format.pack(&recording.samples))?;
    files::write(&header_path, header.print().as_bytes())
}

#[cfg(test)]
mod tests {
    use super::super::stored::tests::check_ranges;
    use super::super::{Channel, OpenOptions, open, save};
    use super::*;
    use proptest::prelude::*;

    fn shipped() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../data/mitdb-208.hea")
    }

    fn channel(name: &str) -> Channel {
        Channel { name: name.into(), unit: "mV".into(), counts_per_unit: 200.0, offset: 1024, source_bits: Some(11) }
    }

    #[test]
    fn the_recording_that_ships() {
        let recording = open(&shipped(), &OpenOptions::default()).unwrap();
        check_ranges(&shipped(), &OpenOptions::default());
        assert_eq!((recording.frames(), recording.rate_millihertz), (108_000, 360_000));
        assert_eq!(recording.channels, [channel("MLII")]);
        assert_eq!((recording.samples[0], recording.samples[107_999]), (975, 947));
        assert_eq!((recording.samples.iter().min(), recording.samples.iter().max()), (Some(&327), Some(&1754)));
        assert!(recording.remarks.is_empty(), "{:?}", recording.remarks);
    }

    #[test]
    fn the_recording_that_ships_is_written_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let copy = folder.path().join("mitdb-208.dat");
        save(&copy, &open(&shipped(), &OpenOptions::default()).unwrap(), None).unwrap();
        for ending in ["hea", "dat"] {
            let (original, copy) = (shipped().with_extension(ending), copy.with_extension(ending));
            assert_eq!(std::fs::read(original).unwrap(), std::fs::read(copy).unwrap(), ".{ending}");
        }
    }

    #[test]
    fn whole_records_of_the_database_have_their_checksums() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/mitdb");
        if !folder.is_dir() {
            println!("skipped: there is no copy of the MIT-BIH database beside the project");
            return;
        }
        for name in ["101", "114", "208", "230"] {
            let recording = open(&folder.join(name), &OpenOptions::default()).unwrap();
            assert_eq!((recording.frames(), recording.channels.len()), (650_000, 2), "{name}");
            assert!(!recording.comments.is_empty(), "{name}");
        }
        let chest = OpenOptions { columns: vec!["MLII".into()], ..OpenOptions::default() };
        let excerpt = open(&folder.join("208"), &chest).unwrap().slice(422_820..530_820);
        assert_eq!(excerpt.samples, open(&shipped(), &OpenOptions::default()).unwrap().samples);
    }

    /// A folder with a two-channel record `r`, and what one test changes in its header.
    fn altered(from: &str, to: &str) -> Result<Recording, String> {
        let folder = tempfile::tempdir().unwrap();
        let record = folder.path().join("r.hea");
        let recording = Recording {
            name: "r".into(),
            rate_millihertz: 250_000,
            channels: vec![channel("a"), channel("b")],
            samples: vec![1, 10, 2, 20, 3, 30],
            start_time: None,
            comments: Vec::new(),
            remarks: Vec::new(),
        };
        save(&record, &recording, None).unwrap();
        let header = std::fs::read_to_string(&record).unwrap();
        assert!(header.contains(from), "{header}");
        std::fs::write(&record, header.replacen(from, to, 1)).unwrap();
        open(&record, &OpenOptions::default()).map_err(|error| error.to_string())
    }

    #[test]
    fn damage_is_found_and_named() {
        for (from, to, expected) in [
            ("", "", None),
            (" 1 6 0 a", " 1 7 0 a", Some("the samples of a have the checksum 6 where the header says 7")),
            (" 10 60 0 b", " 11 60 0 b", Some("the first sample of b is 10 where the header says 11")),
            ("250 3", "250 4", Some("holds 3 samples of each signal where the header says 4")),
            ("r.dat 212", "r.dat 16", Some("have different formats")),
            ("r.dat 212", "gone.dat 212", Some("gone.dat: cannot read")),
        ] {
            let error = altered(from, to).err();
            assert_eq!(error.is_some(), expected.is_some(), "{error:?}");
            assert!(error.as_deref().unwrap_or_default().contains(expected.unwrap_or_default()), "{error:?}");
        }
        assert_eq!(altered("250 3", "250").unwrap().frames(), 3, "without a count the file's length tells it");
    }

    #[test]
    fn invalid_samples_are_held_and_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("r.hea");
        std::fs::write(&path, "r 2 100 5\nr.dat 212 10/mV 12 0 -2048\nr.dat 212 10/mV 12 0 1\n").unwrap();
        let stored = [[-2048, 1], [5, 2], [-2048, 3], [-2048, -2048], [6, 4]].concat();
        std::fs::write(folder.path().join("r.dat"), SampleFormat::Packed12.pack(&stored)).unwrap();
        let recording = open(&path, &OpenOptions::default()).unwrap();
        assert_eq!(recording.samples, [[5, 1], [5, 2], [5, 3], [5, 3], [6, 4]].concat());
        assert_eq!(recording.remarks[0], "signal 1: 3 samples are marked invalid; the value before is held");
        check_ranges(&path, &OpenOptions::default());
    }

    #[test]
    fn signals_may_lie_in_files_of_their_own() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, bytes: &[u8]| std::fs::write(folder.path().join(name), bytes).unwrap();
        write("r.hea", b"r 2 100 2\na.dat 16+1 10/mV 16 0 1 3 0 a\nb.dat 212 10/mV 12 0 -1 -3 0 b\n");
        write("a.dat", &[99, 1, 0, 2, 0]);
        write("b.dat", &SampleFormat::Packed12.pack(&[-1, -2]));
        let recording = open(&folder.path().join("r"), &OpenOptions::default()).unwrap();
        check_ranges(&folder.path().join("r"), &OpenOptions::default());
        assert_eq!(recording.samples, [1, -1, 2, -2]);
    }

    #[test]
    fn what_a_record_cannot_hold_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let mut recording = open(&shipped(), &OpenOptions::default()).unwrap().slice(0..2);
        recording.samples[1] = 40_000;
        let error = save(&folder.path().join("r.hea"), &recording, None).unwrap_err().to_string();
        assert!(error.contains("do not fit the 16 bits") && error.contains(".wav or .csv"), "{error}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn what_is_written_reads_the_same(
            frames in prop::collection::vec(prop::array::uniform3(-32767i32..32768), 1..20),
            narrow: bool,
            start_time in prop::option::of(0i64..2_000_000_000_000),
        ) {
            let samples = frames.concat().into_iter().map(|sample| if narrow { sample / 17 } else { sample }).collect();
            let recording = Recording {
                name: "three".into(),
                rate_millihertz: 173_610,
                channels: vec![channel("a"), channel("b c"), channel("d")],
                samples,
                start_time,
                comments: vec!["made by a test".into()],
                remarks: Vec::new(),
            };
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("three.hea");
            save(&path, &recording, None).unwrap();
            prop_assert_eq!(open(&path, &OpenOptions::default()).unwrap(), recording);
        }
    }
}
