//! RIFF WAVE: integer samples, read at 8 to 32 bits, or in floating point; written at 16 or 24 bits.

use std::io::{Cursor, Read as _};
use std::ops::Range;
use std::path::Path;

use hound::WavReader;

use super::bytes::Bytes;
use super::columns::Precision;
use super::frames::Frames;
use super::reals::{RealFrames, on_lattices};
use super::{Channel, DataError, OpenOptions, Recording, files, stored::StoredRecording};

/// The unit of floating-point samples.
const FULL_SCALE: &str = "FS";
/// The header and what may stand before the samples, such as names and comments.
const LONGEST_HEADER: usize = 1 << 20;

/// A WAV file, read from any frame on.
#[derive(Debug)]
struct Wave {
    bytes: Bytes,
    /// All that stands before the samples: with it, any stretch of samples is a file that `hound` reads.
    header: Vec<u8>,
    width: usize,
    frame_bytes: usize,
    frames: usize,
}

/// Reads a WAV file. Its samples are counts without a unit; in floating point, where 1 is full scale, steps of `options.lsb` or of the step that
/// the data show.
pub(super) fn open(path: &Path, name: String, options: &OpenOptions) -> Result<StoredRecording, DataError> {
    let bytes = Bytes::open(path)?;
    let file = bytes.name().to_owned();
    let (wave, spec) = Wave::new(bytes)?;
    let rate_millihertz = u64::from(spec.sample_rate) * 1000;
    let (channels, samples, comments, remarks) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut like = Recording { name, rate_millihertz, channels, samples, start_time: None, comments, remarks };
    if spec.sample_format == hound::SampleFormat::Float {
        return on_lattices(&file, like, wave, (Some(FULL_SCALE), Precision::Single), options);
    }
    if options.lsb.is_some() || options.fill_gaps {
        return Err(DataError::unsuitable(
            &file,
            "--lsb and --fill-gaps are for real numbers, and these are integers",
            "leave it out",
        ));
    }
    let channel = |number| Channel {
        name: format!("channel {number}"),
        unit: Channel::COUNTS.into(),
        counts_per_unit: 1.0,
        offset: 0,
        source_bits: u8::try_from(spec.bits_per_sample).ok(),
    };
    like.channels = (1..=wave.width).map(channel).collect();
    Ok(StoredRecording::new(like, wave))
}

impl Wave {
    fn new(bytes: Bytes) -> Result<(Self, hound::WavSpec), DataError> {
        let file = bytes.name().to_owned();
        let mut beginning = Cursor::new(bytes.beginning(LONGEST_HEADER)?);
        let reader = WavReader::new(&mut beginning).map_err(|error| unreadable(&file, &error))?;
        let (spec, samples) = (reader.spec(), reader.len() as usize);
        let start = beginning.position() as usize;
        let mut header = beginning.into_inner();
        header.truncate(start);
        // The last field of the header is how many bytes of samples follow.
        let stated = header.last_chunk().map_or(0, |length| u32::from_le_bytes(*length)) as usize;
        let width = usize::from(spec.channels);
        if samples == 0 || !samples.is_multiple_of(width) || spec.sample_rate == 0 {
            return Err(DataError::unsuitable(
                &file,
                format!("{samples} samples in {width} channels at {} Hz are no recording", spec.sample_rate),
                "the file seems to be cut: fetch it again",
            ));
        }
        let frames = samples / width;
        let wave = Self { frame_bytes: stated / frames, bytes, header, width, frames };
        // What is cut has no last frame, and what `hound` does not read no first one.
        for frame in [0, frames - 1] {
            match spec.sample_format {
                hound::SampleFormat::Float => wave.decode::<f32>(frame..frame + 1).map(drop)?,
                hound::SampleFormat::Int => wave.decode::<i32>(frame..frame + 1).map(drop)?,
            }
        }
        Ok((wave, spec))
    }

    fn decode<S: hound::Sample>(&self, range: Range<usize>) -> Result<Vec<S>, DataError> {
        let at = (self.header.len() + range.start * self.frame_bytes) as u64;
        let samples = self.bytes.read(at, range.len() * self.frame_bytes)?;
        let unreadable = |error| unreadable(self.bytes.name(), &error);
        let reader = WavReader::new(self.header.chain(samples.as_slice())).map_err(unreadable)?;
        reader.into_samples().take(range.len() * self.width).collect::<Result<_, _>>().map_err(unreadable)
    }
}

impl Frames for Wave {
    fn frames(&self) -> usize {
        self.frames
    }

    fn read(&self, range: Range<usize>) -> Result<Vec<i32>, DataError> {
        self.decode(range)
    }
}

impl RealFrames for Wave {
    fn frames(&self) -> usize {
        self.frames
    }

    fn width(&self) -> usize {
        self.width
    }

    fn values(&self, range: Range<usize>) -> Result<Vec<f64>, DataError> {
        Ok(self.decode::<f32>(range)?.into_iter().map(f64::from).collect())
    }
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
    use super::super::stored::tests::check_ranges;
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
    fn samples_in_wider_places_and_a_cut_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.wav");
        // 24 bits in four bytes each, as some recorders write them: in the extensible form of the header.
        let mut bytes =
            b"RIFF\x5c\0\0\0WAVEfmt \x28\0\0\0\xfe\xff\x02\0\x40\x1f\0\0\0\xfa\0\0\x08\0\x20\0\x16\0\x18\0\x03\0\0\0"
                .to_vec();
        bytes.extend(b"\x01\0\0\0\0\0\x10\0\x80\0\0\xaa\0\x38\x9b\x71data\x20\0\0\0");
        (0..8i32).for_each(|count| bytes.extend((count * 70_000 - 250_000).to_le_bytes()));
        std::fs::write(&path, &bytes).unwrap();
        let recording = open(&path, &OpenOptions::default()).unwrap();
        assert_eq!(recording.samples, (0..8).map(|count| count * 70_000 - 250_000).collect::<Vec<i32>>());
        check_ranges(&path, &OpenOptions::default());
        std::fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
        let error = open(&path, &OpenOptions::default()).unwrap_err().to_string();
        assert!(error.contains("a.wav: cannot read"), "{error}");
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
        check_ranges(&path, &OpenOptions::default());
        let nan = f32::NAN;
        let held: Vec<f32> = [nan, 0.5, 0.75, 0.25, nan].repeat(7);
        write(&held);
        let options = OpenOptions { fill_gaps: true, ..OpenOptions::default() };
        let recording = open(&path, &options).unwrap();
        assert_eq!(recording.samples[..12], [2, 2, 3, 1, 1, 1, 2, 3, 1, 1, 1, 2]);
        assert!(recording.remarks[0].contains("14 samples are missing, 2 in a row"), "{:?}", recording.remarks);
        check_ranges(&path, &options);
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
            check_ranges(&path, &OpenOptions::default());
        }
    }
}
