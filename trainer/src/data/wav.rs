//! RIFF WAVE: integer samples, read at 8 to 32 bits, written at 16 or 24.

use std::io::Cursor;
use std::path::Path;

use super::{Channel, DataError, Recording, files};

/// Reads a WAV file. Its samples are counts without a unit.
pub(super) fn open(path: &Path, name: String) -> Result<Recording, DataError> {
    let file = path.display().to_string();
    let bytes = files::read(path)?;
    let reader = hound::WavReader::new(Cursor::new(bytes)).map_err(|error| unreadable(&file, &error))?;
    let spec = reader.spec();
    if spec.sample_format != hound::SampleFormat::Int {
        return Err(DataError::unsuitable(
            &file,
            "the samples are floating-point numbers",
            "convert the file to 16 or 24 bits",
        ));
    }
    let samples: Vec<i32> =
        reader.into_samples().collect::<Result<_, _>>().map_err(|error| unreadable(&file, &error))?;
    let width = usize::from(spec.channels);
    if samples.is_empty() || !samples.len().is_multiple_of(width) || spec.sample_rate == 0 {
        return Err(DataError::unsuitable(
            &file,
            format!("{} samples in {width} channels at {} Hz are no recording", samples.len(), spec.sample_rate),
            "the file seems to be cut: fetch it again",
        ));
    }
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
        let spec = hound::WavSpec {
            channels: 1,
            sample_rate: 8000,
            bits_per_sample: 32,
            sample_format: hound::SampleFormat::Float,
        };
        let mut bytes = Cursor::new(Vec::new());
        let mut writer = hound::WavWriter::new(&mut bytes, spec).unwrap();
        writer.write_sample(0.5_f32).unwrap();
        writer.finalize().unwrap();
        assert!(refusal(&bytes.into_inner()).contains("floating-point"));
        let mut bytes = Cursor::new(Vec::new());
        hound::WavWriter::new(&mut bytes, spec_of_integers()).unwrap().finalize().unwrap();
        assert!(refusal(&bytes.into_inner()).contains("0 samples"));
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
