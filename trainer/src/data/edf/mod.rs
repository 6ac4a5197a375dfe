//! EDF, EDF+ and BDF, the exchange format of sleep and brain laboratories: signals of 16 or 24 bits in records of fixed duration.

mod header;

use std::ops::Range;
use std::path::Path;

use super::bytes::Bytes;
use super::frames::{Arrangement, Frames, Grid};
use super::{Channel, DataError, OpenOptions, Recording, recording::find_name, stored::StoredRecording};
use header::{Header, Signal};

/// Most that the times of two records may be off, as a share of a record.
const RECORD_TOLERANCE: f64 = 0.01;

/// Bytes of the longest header that there is: 9999 signals.
const LONGEST_HEADER: usize = 256 * 10_000;

/// Reads a file's signals of one rate: those that the user names, or all but the annotations.
pub(super) fn open(path: &Path, name: String, options: &OpenOptions) -> Result<StoredRecording, DataError> {
    let bytes = Bytes::open(path)?;
    let file = bytes.name().to_owned();
    let header = header::parse(&file, &bytes.beginning(LONGEST_HEADER)?)?;
    let layout = Layout::new(&file, &header, bytes.len())?;
    let mut remarks = Vec::new();
    let chosen = choose(&file, &header, &options.columns, &mut remarks)?;
    if header.discontinuous {
        check_times(&bytes, &header, &layout)?;
    }
    if let Some(stated) = header.records.filter(|stated| *stated != layout.records) {
        remarks.push(format!("the header says {stated} records; {} are there", layout.records));
    }
    let per_record = header.signals[chosen[0]].samples;
    let rate_millihertz = (per_record as f64 / header.record_seconds * 1000.0).round() as u64;
    if rate_millihertz == 0 {
        return Err(DataError::unsuitable(&file, "its rate is below a millihertz", "name signals with --columns"));
    }
    let (mut channels, mut signs) = (Vec::with_capacity(chosen.len()), Vec::with_capacity(chosen.len()));
    for &index in &chosen {
        let (channel, sign) = channel(&file, &header.signals[index], header.sample_bytes, &mut remarks)?;
        channels.push(channel);
        signs.push(sign);
    }
    let (samples, start_time, comments) = (Vec::new(), header.start_time, Vec::new());
    let like = Recording { name, rate_millihertz, channels, samples, start_time, comments, remarks };
    let arrangement = Arrangement::Blocks {
        frames: per_record,
        stride: layout.record_bytes as u64,
        channels: chosen.iter().map(|&index| layout.starts[index] as u64).collect(),
    };
    let (start, frames) = (header.bytes as u64, layout.records * per_record);
    let grid = Grid { bytes, start, sample_bytes: header.sample_bytes, frames, arrangement };
    Ok(StoredRecording::new(like, Signals { grid, signs }))
}

/// The chosen signals in their records.
#[derive(Debug)]
struct Signals {
    grid: Grid,
    /// −1 for those that are upside down.
    signs: Vec<i32>,
}

impl Frames for Signals {
    fn frames(&self) -> usize {
        self.grid.frames
    }

    fn read(&self, range: Range<usize>) -> Result<Vec<i32>, DataError> {
        let mut samples = self.grid.read(range, |bytes| {
            let value = bytes.iter().rev().fold(0u32, |value, byte| value << 8 | u32::from(*byte));
            let above = 32 - 8 * bytes.len() as u32;
            ((value << above) as i32) >> above
        })?;
        samples.iter_mut().zip(self.signs.iter().cycle()).for_each(|(sample, sign)| *sample *= sign);
        Ok(samples)
    }
}

/// Where signals lie in a record.
struct Layout {
    /// First byte of each signal in a record.
    starts: Vec<usize>,
    record_bytes: usize,
    /// Whole records in the file.
    records: usize,
}

impl Layout {
    fn new(file: &str, header: &Header, length: u64) -> Result<Self, DataError> {
        let mut record_bytes = 0;
        let starts = header.signals.iter().map(|signal| {
            let start = record_bytes;
            record_bytes += signal.samples * header.sample_bytes;
            start
        });
        let starts = starts.collect();
        let present = (length - header.bytes as u64).checked_div(record_bytes as u64).unwrap_or(0) as usize;
        let records = header.records.map_or(present, |stated| stated.min(present));
        if records == 0 || header.record_seconds <= 0.0 {
            return Err(DataError::unsuitable(
                file,
                format!("{present} records of {} s are no recording", header.record_seconds),
                "the file seems to be cut: fetch it again",
            ));
        }
        Ok(Self { starts, record_bytes, records })
    }
}

/// The signals to take, all of one rate.
fn choose(file: &str, header: &Header, wanted: &[String], remarks: &mut Vec<String>) -> Result<Vec<usize>, DataError> {
    let names: Vec<&str> = header.signals.iter().map(|signal| signal.label.as_str()).collect();
    let offered = || {
        let signals = header.signals.iter().filter(|signal| !signal.is_annotations());
        let rate = |signal: &Signal| signal.samples as f64 / header.record_seconds;
        signals.map(|signal| format!("{} ({} Hz)", signal.label, rate(signal))).collect::<Vec<_>>().join(", ")
    };
    let named = wanted.iter().map(|wanted| {
        find_name(names.iter().copied(), wanted).filter(|index| !header.signals[*index].is_annotations()).ok_or_else(
            || {
                let what = format!("there is no signal `{wanted}`");
                DataError::unsuitable(file, what, format!("give --columns one of {}", offered()))
            },
        )
    });
    let mut chosen = named.collect::<Result<Vec<usize>, DataError>>()?;
    let all_wanted = chosen.is_empty();
    if all_wanted {
        chosen = (0..names.len()).filter(|index| !header.signals[*index].is_annotations()).collect();
    }
    let Some(samples) = chosen.first().map(|index| header.signals[*index].samples).filter(|samples| *samples > 0)
    else {
        return Err(DataError::unsuitable(file, "the file holds annotations and no signal", "name another file"));
    };
    if chosen.iter().any(|index| header.signals[*index].samples != samples) {
        let what = "the signals have different rates".to_owned();
        return Err(DataError::unsuitable(
            file,
            what,
            format!("name signals of one rate with --columns: {}", offered()),
        ));
    }
    if all_wanted && chosen.len() < names.len() {
        remarks.push("the annotations are left out".to_owned());
    }
    Ok(chosen)
}

/// What a signal's counts mean, and −1 if they are upside down: a physical maximum below the minimum is how EDF inverts.
fn channel(
    file: &str,
    signal: &Signal,
    sample_bytes: usize,
    remarks: &mut Vec<String>,
) -> Result<(Channel, i32), DataError> {
    let [[low, high], [least, most]] = [signal.physical, signal.digital];
    let counts_per_unit = (most - least) / (high - low);
    if !counts_per_unit.is_finite() || counts_per_unit == 0.0 {
        return Err(DataError::unsuitable(
            file,
            format!("signal {}: {least}..{most} counts for {low}..{high} {} is no scale", signal.label, signal.unit),
            "correct the header, or leave the signal out with --columns",
        ));
    }
    let sign = if counts_per_unit < 0.0 { -1 } else { 1 };
    if sign < 0 {
        remarks.push(format!("signal {}: recorded upside down, and turned over", signal.label));
    }
    let zero = (least - low * counts_per_unit) * f64::from(sign);
    let channel = Channel {
        name: signal.label.clone(),
        unit: if signal.unit.is_empty() { Channel::COUNTS.into() } else { signal.unit.clone() },
        counts_per_unit: counts_per_unit.abs(),
        offset: zero.round() as i32,
        source_bits: Some((((most - least).abs() + 1.0).log2().ceil() as u8).clamp(1, 8 * sample_bytes as u8)),
    };
    Ok((channel, sign))
}

/// Refuses a file whose records leave time out, which their first annotation says.
fn check_times(bytes: &Bytes, header: &Header, layout: &Layout) -> Result<(), DataError> {
    let file = bytes.name();
    let Some(times) = header.signals.iter().position(Signal::is_annotations) else {
        return Err(DataError::unsuitable(file, "records without times may have gaps", "convert the file to EDF+C"));
    };
    let mut expected = None;
    let length = header.signals[times].samples * header.sample_bytes;
    for record in 0..layout.records {
        let at = header.bytes + record * layout.record_bytes + layout.starts[times];
        let block = bytes.read(at as u64, length)?;
        let onset = block.split(|byte| matches!(byte, 0x14 | 0x15)).next().unwrap_or_default();
        let place = || format!("record {record}");
        let onset: f64 = str::from_utf8(onset).ok().and_then(|text| text.parse().ok()).ok_or_else(|| {
            DataError::malformed(file, place(), "its time is missing", "the file is damaged: fetch it again")
        })?;
        let expected_onset = *expected.get_or_insert(onset);
        if (onset - expected_onset).abs() > RECORD_TOLERANCE * header.record_seconds {
            return Err(DataError::malformed(
                file,
                place(),
                format!("it begins at {onset} s where {expected_onset} s follow on: there is a gap"),
                "split the file at its gaps",
            ));
        }
        expected = Some(onset + header.record_seconds);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::open;
    use super::super::stored::tests::check_ranges;
    use super::*;

    /// A file of signals `(label, unit, physical range, samples per record)` and records of their samples.
    fn file(reserved: &str, signals: &[(&str, &str, [i32; 2], usize)], records: &[Vec<Vec<u8>>]) -> Vec<u8> {
        let mut text = format!("{:<8}{:<80}{:<80}{:<8}{:<8}", "0", "patient", "recording", "24.11.26", "05.30.01");
        let count = signals.len();
        text += &format!("{:<8}{reserved:<44}{:<8}{:<8}{count:<4}", 256 * (count + 1), records.len(), "0.5");
        let mut field = |width: usize, value: &dyn Fn(usize) -> String| {
            (0..count).for_each(|index| text += &format!("{:<width$}", value(index)));
        };
        field(16, &|index| signals[index].0.into());
        field(80, &|_| String::new());
        field(8, &|index| signals[index].1.into());
        field(8, &|index| signals[index].2[0].to_string());
        field(8, &|index| signals[index].2[1].to_string());
        field(8, &|_| "-2048".into());
        field(8, &|_| "2047".into());
        field(80, &|_| String::new());
        field(8, &|index| signals[index].3.to_string());
        field(32, &|_| String::new());
        let mut bytes = text.into_bytes();
        records.iter().flatten().for_each(|block| bytes.extend(block));
        bytes
    }

    fn counts(values: &[i16]) -> Vec<u8> {
        values.iter().flat_map(|value| value.to_le_bytes()).collect()
    }

    fn time(text: &str) -> Vec<u8> {
        let mut bytes = format!("{text}\u{14}\u{14}\0").into_bytes();
        bytes.resize(16, 0);
        bytes
    }

    /// Reads a file whole and, if that can be, in pieces.
    fn read(bytes: &[u8], columns: &[&str]) -> Result<Recording, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.edf");
        std::fs::write(&path, bytes).unwrap();
        let columns = columns.iter().map(|&column| column.into()).collect();
        let options = OpenOptions { columns, ..OpenOptions::default() };
        let recording = open(&path, &options).map_err(|error| error.to_string())?;
        check_ranges(&path, &options);
        Ok(recording)
    }

    const EEG: (&str, &str, [i32; 2], usize) = ("EEG Fpz-Cz", "uV", [-1024, 1023], 3);
    const SLOW: (&str, &str, [i32; 2], usize) = ("Temp rectal", "degC", [40, 34], 1);
    const NOTES: (&str, &str, [i32; 2], usize) = ("EDF Annotations", "", [-1, 1], 8);

    #[test]
    fn records_become_one_signal_with_its_scale_and_start() {
        let records = [vec![counts(&[1, 2, 3]), time("+0")], vec![counts(&[-4, 5, -2048]), time("+0.5")]];
        for reserved in ["EDF+C", "EDF+D"] {
            let recording = read(&file(reserved, &[EEG, NOTES], &records), &[]).unwrap();
            assert_eq!(recording.samples, [1, 2, 3, -4, 5, -2048]);
            assert_eq!((recording.rate_millihertz, recording.start_time), (6000, Some(1_795_498_201_000)));
            let Channel { name, unit, counts_per_unit, offset, source_bits } = &recording.channels[0];
            assert_eq!((name.as_str(), unit.as_str(), *offset, *source_bits), ("EEG Fpz-Cz", "uV", 1, Some(12)));
            assert!((counts_per_unit - 4095.0 / 2047.0).abs() < 1e-12);
        }
    }

    #[test]
    fn signals_of_different_rates_are_chosen_by_name_and_an_inverted_one_is_turned() {
        let records = [vec![counts(&[1, 2, 3]), counts(&[2047])], vec![counts(&[4, 5, 6]), counts(&[-2048])]];
        let bytes = file("", &[EEG, SLOW], &records);
        let error = read(&bytes, &[]).unwrap_err();
        assert!(error.contains("different rates") && error.contains("Temp rectal (2 Hz)"), "{error}");
        let slow = read(&bytes, &["temp rectal"]).unwrap();
        assert_eq!((slow.samples.as_slice(), slow.rate_millihertz), ([-2047, 2048].as_slice(), 2000));
        let channel = &slow.channels[0];
        let degrees = |count: i32| f64::from(count - channel.offset) / channel.counts_per_unit;
        assert!((degrees(-2047) - 34.0).abs() < 0.01 && (degrees(2048) - 40.0).abs() < 0.01);
    }

    #[test]
    fn gaps_and_damage_are_refused_with_their_place() {
        let records = [vec![counts(&[1, 2, 3]), time("+0")], vec![counts(&[4, 5, 6]), time("+7")]];
        let bytes = file("EDF+D", &[EEG, NOTES], &records);
        let error = read(&bytes, &[]).unwrap_err();
        assert!(error.contains("record 1: it begins at 7 s where 0.5 s follow on"), "{error}");
        assert!(read(&bytes[..300], &[]).unwrap_err().contains("does not add up"));
        assert!(read(&bytes[..780], &[]).unwrap_err().contains("0 records"));
        assert!(read(b"RIFF", &[]).unwrap_err().contains("not an EDF"));
        assert!(read(&file("", &[NOTES], &[vec![time("+0")]]), &[]).unwrap_err().contains("no signal"));
        let error = read(&bytes, &["EDF Annotations"]).unwrap_err();
        assert!(error.contains("no signal `EDF Annotations`"), "{error}");
        let mut damaged = bytes;
        damaged[236] = b'x';
        assert!(read(&damaged, &[]).unwrap_err().contains("byte 236: `x"), "a field that is no number");
    }
}
