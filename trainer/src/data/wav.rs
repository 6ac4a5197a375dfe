//! RIFF WAVE: integer samples, read at 8 to 32 bits, or in floating point; written at 16 or 24 bits.

use std::io::Cursor;
use std::path::Path;

use super::columns::{Column, Precision, fill_gaps};
use super::{Channel, DataError, OpenOptions, Recording, files};

/// The unit of floating-point samples.
const FULL_SCALE: &str = "FS";

/// Reads a WAV file. Its samples are counts without a unit; in floating point, where 1 is full scale, steps of `options.lsb` or of the step that
/// the data show.
pub(super) fn open(path: &Path, name: String, options: &OpenOptions) -> Result<Recording, DataError> {
    let file = path.display().to_string();
    let bytes = files::read(path)?;
    let reader = hound::WavReader::new(Cursor::new(bytes)).map_err(|error| unreadable(&file, &error))?;
    let spec = reader.spec();
    if spec.sample_format == hound::SampleFormat::Float {
        return open_float(&file, name, reader, options);
    }
    if options.lsb.is_some() || options.fill_gaps {
        return Err(DataError::unsuitable(
            &file,
            "--lsb and --fill-gaps are for real numbers, and these are integers",
            "leave it out",
        ));
    }
    let samples: Vec<i32> =
        reader.into_samples().collect::<Result<_, _>>().map_err(|error| unreadable(&file, &error))?;
    let width = check_shape(&file, spec, samples.len())?;
    let channels = (1..=width)
        .map(|number| Channel {
            name: format!("channel {number}"),
            unit: Channel::COUNTS.into(),
            counts_per_unit: 1.0,
            offset: 0,
            source_bits: u8::try_from(spec.bits_per_sample).ok(),
        })
        .collect();
    Ok(Recording {
        name,
        rate_millihertz: u64::from(spec.sample_rate) * 1000,
        channels,
        samples,
        start_time: None,
        comments: Vec::new(),
        remarks: Vec::new(),
    })
}

/// The channels of a file that holds frames, and whole ones.
fn check_shape(file: &str, spec: hound::WavSpec, samples: usize) -> Result<usize, DataError> {
    let width = usize::from(spec.channels);
    if samples == 0 || !samples.is_multiple_of(width) || spec.sample_rate == 0 {
        return Err(DataError::unsuitable(
            file,
            format!("{samples} samples in {width} channels at {} Hz are no recording", spec.sample_rate),
            "the file seems to be cut: fetch it again",
        ));
    }
    Ok(width)
}

/// The rest of [`open`] for samples of 32-bit floating point.
fn open_float(
    file: &str,
    name: String,
    reader: hound::WavReader<Cursor<Vec<u8>>>,
    options: &OpenOptions,
) -> Result<Recording, DataError> {
    let spec = reader.spec();
    let values: Vec<f32> = reader.into_samples().collect::<Result<_, _>>().map_err(|error| unreadable(file, &error))?;
    let width = check_shape(file, spec, values.len())?;
    let (mut channels, mut remarks) = (Vec::with_capacity(width), Vec::new());
    let mut samples = vec![0; values.len()];
    for channel in 0..width {
        let channel_name = format!("channel {}", channel + 1);
        let mut of_channel: Vec<f64> = values.iter().skip(channel).step_by(width).map(|&value| value.into()).collect();
        if options.fill_gaps {
            fill_gaps(file, &channel_name, &mut of_channel, &mut remarks)?;
        }
        let column =
            Column { name: &channel_name, unit: Some(FULL_SCALE), values: &of_channel, precision: Precision::Single };
        let place = |frame: usize| format!("frame {frame}");
        column.check_finite(file, place)?;
        let (counts, described) = column.counts(file, options.lsb, None, place, &mut remarks)?;
        samples.iter_mut().skip(channel).step_by(width).zip(counts).for_each(|(sample, count)| *sample = count);
        channels.push(described);
    }
    let rate_millihertz = u64::from(spec.sample_rate) * 1000;
    Ok(Recording { name, rate_millihertz, channels, samples, start_time: None, comments: Vec::new(), remarks })
}

fn unreadable(file: &str, error: &hound::Error) -> DataError {
    DataError::unsuitable(file, format!("not a readable WAV file: {error}"), "convert it to 16 or 24 bits")
}

/// Writes a WAV file: 16 bits if the source had no more and all samples fit, else 24. Names, units and start time
/// have no place in it.
pub(super) fn save(path: &Path, recording: &Recording) -> Result<(), DataError> {
    let file = path.display().to_string();
    let fits = |bits: u8| recording.samples.iter().all(|sample| (-1 << (bits - 1)..1 << (bits - 1)).contains(sample));
    let source_bits = recording.channels.iter().filter_map(|channel| channel.source_bits).max().unwrap_or(0);
    let bits_per_sample = match (fits(16) && source_bits <= 16, fits(24)) {
        (true, _) => 16,
        (false, true) => 24,
        (false, false) => {
            return Err(DataError::unsuitable(
                &file,
                "the samples do not fit the 24 bits of a WAV file",
                "write .csv instead",
            ));
        }
    };
    let whole_hertz = recording.rate_millihertz.is_multiple_of(1000);
    let sample_rate =
        u32::try_from(recording.rate_millihertz / 1000).ok().filter(|_| whole_hertz).ok_or_else(|| {
            DataError::unsuitable(
                &file,
                format!("the header of a WAV file cannot hold {} Hz", recording.rate()),
                "write .hea or .csv instead",
            )
        })?;
    let channels = u16::try_from(recording.channels.len()).map_err(|_| {
        DataError::unsuitable(
            &file,
            format!("a WAV file cannot hold {} channels", recording.channels.len()),
            "write .hea or .csv instead",
        )
    })?;
    let spec = hound::WavSpec { channels, sample_rate, bits_per_sample, sample_format: hound::SampleFormat::Int };
    let mut bytes = Cursor::new(Vec::new());
    let write = |bytes: &mut Cursor<Vec<u8>>| {
        let mut writer = hound::WavWriter::new(bytes, spec)?;
        for &sample in &recording.samples {
            writer.write_sample(sample)?;
        }
        writer.finalize()
    };
    write(&mut bytes)
        .map_err(|error| DataError::unsuitable(&file, format!("cannot be written: {error}"), "write .csv instead"))?;
    files::write(path, &bytes.into_inner())
}

#[cfg(test)]
mod tests {
    use super::super::{OpenOptions, open, save};
    use super::*;
    use proptest::prelude::*;

    fn recording(source_bits: u8, samples: Vec<i32>) -> Recording {
        let channel = |number| Channel {
            name: format!("channel {number}"),
            unit: "LSB".into(),
            counts_per_unit: 1.0,
            offset: 0,
            source_bits: Some(source_bits),
        };
        Recording {
            name: "a".into(),
            rate_millihertz: 8_000_000,
            channels: vec![channel(1), channel(2)],
            samples,
            start_time: None,
            comments: Vec::new(),
            remarks: Vec::new(),
        }
    }

    #[test]
    fn what_a_wav_file_cannot_hold_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let refusal =
            |recording: Recording| save(&folder.path().join("a.wav"), &recording, None).unwrap_err().to_string();
        let error = refusal(recording(24, vec![0, 1 << 23]));
        assert!(error.contains("24 bits") && error.contains(".csv"), "{error}");
        let error = refusal(Recording { rate_millihertz: 173_610, ..recording(16, vec![0, 1]) });
        assert!(error.contains("173.61 Hz"), "{error}");
    }

    #[test]
    fn other_files_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.wav");
        let refusal = |bytes: &[u8]| {
            std::fs::write(&path, bytes).unwrap();
            open(&path, &OpenOptions::default()).unwrap_err().to_string()
        };
        assert!(refusal(b"not a wave file").contains("a.wav: not a readable WAV file"));
        let mut bytes = Cursor::new(Vec::new());
        hound::WavWriter::new(&mut bytes, spec_of_integers()).unwrap().finalize().unwrap();
        assert!(refusal(&bytes.into_inner()).contains("0 samples"));
    }

    #[test]
    fn floating_point_has_the_step_of_the_converter_it_came_from() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.wav");
        let write = |values: &[f32]| {
            let spec = hound::WavSpec {
                channels: 1,
                sample_rate: 8000,
                bits_per_sample: 32,
                sample_format: hound::SampleFormat::Float,
            };
            let mut writer = hound::WavWriter::create(&path, spec).unwrap();
            values.iter().for_each(|&value| writer.write_sample(value).unwrap());
            writer.finalize().unwrap();
        };
        write(&[0.0, 1.0 / 32768.0, -1.0, 0.25]);
        let recording = open(&path, &OpenOptions::default()).unwrap();
        assert_eq!(recording.samples, [0, 1, -32768, 8192]);
        assert_eq!((recording.channels[0].unit.as_str(), recording.channels[0].counts_per_unit), ("FS", 32768.0));
        let steps = OpenOptions { lsb: Some(1.0 / 16.0), ..OpenOptions::default() };
        assert_eq!(open(&path, &steps).unwrap().samples, [0, 0, -16, 4]);
        write(&[0.0, f32::INFINITY]);
        let error = open(&path, &OpenOptions::default()).unwrap_err().to_string();
        assert!(error.contains("frame 1, column `channel 1`: `inf` is no sample"), "{error}");
    }

    fn spec_of_integers() -> hound::WavSpec {
        hound::WavSpec { channels: 1, sample_rate: 8000, bits_per_sample: 16, sample_format: hound::SampleFormat::Int }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn what_is_written_reads_the_same(
            wide: bool,
            frames in prop::collection::vec(prop::array::uniform2(-(1i32 << 23)..1 << 23), 1..20),
        ) {
            let samples = frames.concat().into_iter().map(|sample| if wide { sample } else { sample >> 8 }).collect();
            let recording = recording(if wide { 24 } else { 16 }, samples);
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("a.wav");
            save(&path, &recording, None).unwrap();
            prop_assert_eq!(open(&path, &OpenOptions::default()).unwrap(), recording);
        }
    }
}
