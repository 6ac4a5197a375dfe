//! NumPy arrays, `.npy`: integers are counts, real numbers are put on a lattice as those of a text table are.
//!
//! An array is `[time]` or `[time, channels]`, and carries neither a rate nor a unit.

use std::io::Cursor;
use std::ops::Range;
use std::path::Path;

use npyz::{DType, Endianness, NpyHeader, Order, TypeChar};

use super::bytes::Bytes;
use super::columns::Precision;
use super::frames::{Arrangement, Frames, Grid, blocks};
use super::reals::{RealFrames, on_lattices};
use super::{Channel, DataError, OpenOptions, Recording, stored::StoredRecording};

/// A header ends before this: NumPy's have a few lines.
const LONGEST_HEADER: usize = 1 << 16;

/// How an array stores a number.
#[derive(Debug, Clone, Copy)]
struct Element {
    kind: TypeChar,
    big_endian: bool,
}

/// The numbers of an array, `[time, channels]`.
#[derive(Debug)]
struct Array {
    grid: Grid,
    element: Element,
}

/// Reads an array.
pub(super) fn open(path: &Path, name: String, options: &OpenOptions) -> Result<StoredRecording, DataError> {
    let bytes = Bytes::open(path)?;
    let file = bytes.name().to_owned();
    let mut header = Cursor::new(bytes.beginning(LONGEST_HEADER)?);
    let array = NpyHeader::from_reader(&mut header).map_err(|error| unreadable(&file, &error))?;
    let shape = array.shape().to_vec();
    let (frames, width) = match *shape.as_slice() {
        [frames] => (frames, 1),
        [frames, channels] => (frames, channels),
        _ => (0, 0),
    };
    if frames == 0 || width == 0 || width > frames {
        return Err(DataError::unsuitable(
            &file,
            format!("an array of shape {shape:?} is no recording"),
            "save it as [time] or [time, channels], longer than it is wide",
        ));
    }
    let (element, sample_bytes) = element(&file, &array.dtype())?;
    let start = header.position();
    let needed = frames.checked_mul(width).and_then(|numbers| numbers.checked_mul(sample_bytes as u64));
    if needed.is_none_or(|needed| needed > bytes.len() - start) {
        return Err(unreadable(&file, &format!("it ends before its {frames} × {width} numbers")));
    }
    let (frames, width) = (frames as usize, width as usize);
    let arrangement = match array.order() {
        Order::C => Arrangement::Interleaved(width),
        Order::Fortran => {
            let column = |channel: usize| (channel * frames * sample_bytes) as u64;
            Arrangement::Blocks { frames, stride: 0, channels: (0..width).map(column).collect() }
        }
    };
    let rate_millihertz = options
        .rate_millihertz
        .ok_or_else(|| DataError::unsuitable(&file, "an array says nothing of its sampling rate", "give --rate HZ"))?;
    let array = Array { grid: Grid { bytes, start, sample_bytes, frames, arrangement }, element };
    let (channels, samples, comments, remarks) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut like = Recording { name, rate_millihertz, channels, samples, start_time: None, comments, remarks };
    if element.kind == TypeChar::Float {
        let precision = if sample_bytes == 4 { Precision::Single } else { Precision::Double };
        return on_lattices(&file, like, array, (None, precision), options);
    }
    if options.lsb.is_some() {
        return Err(DataError::unsuitable(&file, "--lsb is for real numbers", "leave it out"));
    }
    like.channels = array.channels(&file, options.unit.as_deref())?;
    Ok(StoredRecording::new(like, array))
}

impl Array {
    /// Channels of counts without a scale, after a pass over all of them.
    fn channels(&self, file: &str, unit: Option<&str>) -> Result<Vec<Channel>, DataError> {
        let (frames, width) = (self.grid.frames, self.grid.width());
        let mut spans = vec![(i64::MAX, i64::MIN); width];
        for block in blocks(0..frames, width) {
            let from = block.start;
            let counts = self.integers(block)?;
            for (index, count) in counts.into_iter().enumerate() {
                if i32::try_from(count).is_err() {
                    return Err(DataError::malformed(
                        file,
                        format!("frame {}, column `channel {}`", from + index / width, index % width + 1),
                        format!("{count} does not fit 32 bits"),
                        "take the constant part out of the channel",
                    ));
                }
                let (least, greatest) = &mut spans[index % width];
                (*least, *greatest) = ((*least).min(count), (*greatest).max(count));
            }
        }
        let channel = |(index, (least, greatest)): (usize, (i64, i64))| Channel {
            name: format!("channel {}", index + 1),
            unit: unit.unwrap_or(Channel::COUNTS).to_owned(),
            counts_per_unit: 1.0,
            offset: 0,
            source_bits: Some(super::lattice::bits((greatest - least) as f64)),
        };
        Ok(spans.into_iter().enumerate().map(channel).collect())
    }

    fn integers(&self, range: Range<usize>) -> Result<Vec<i64>, DataError> {
        self.grid.read(range, |bytes| self.element.integer(bytes))
    }
}

impl Frames for Array {
    fn frames(&self) -> usize {
        self.grid.frames
    }

    fn read(&self, range: Range<usize>) -> Result<Vec<i32>, DataError> {
        // The pass has seen that all fit.
        Ok(self.integers(range)?.into_iter().map(|count| count as i32).collect())
    }
}

impl RealFrames for Array {
    fn frames(&self) -> usize {
        self.grid.frames
    }

    fn width(&self) -> usize {
        self.grid.width()
    }

    fn values(&self, range: Range<usize>) -> Result<Vec<f64>, DataError> {
        self.grid.read(range, |bytes| self.element.real(bytes))
    }
}

impl Element {
    /// The bits of a number, whatever its size.
    fn bits(self, bytes: &[u8]) -> u64 {
        let push = |bits: u64, byte: &u8| bits << 8 | u64::from(*byte);
        if self.big_endian { bytes.iter().fold(0, push) } else { bytes.iter().rev().fold(0, push) }
    }

    fn integer(self, bytes: &[u8]) -> i64 {
        let above = 64 - 8 * bytes.len() as u32;
        let bits = self.bits(bytes);
        if self.kind == TypeChar::Int { ((bits << above) as i64) >> above } else { bits as i64 }
    }

    fn real(self, bytes: &[u8]) -> f64 {
        match bytes.len() {
            4 => f64::from(f32::from_bits(self.bits(bytes) as u32)),
            _ => f64::from_bits(self.bits(bytes)),
        }
    }
}

/// How numbers of a type are stored, and in how many bytes.
fn element(file: &str, kind: &DType) -> Result<(Element, usize), DataError> {
    let DType::Plain(kind) = kind else { return Err(wrong_type(file, "records of several fields")) };
    let element = Element { kind: kind.type_char(), big_endian: kind.endianness() == Endianness::Big };
    match (kind.type_char(), kind.size_field()) {
        (TypeChar::Int, size @ (1 | 2 | 4 | 8)) | (TypeChar::Uint, size @ (1 | 2 | 4)) => Ok((element, size as usize)),
        (TypeChar::Float, size @ (4 | 8)) => Ok((element, size as usize)),
        _ => Err(wrong_type(file, &kind.to_string())),
    }
}

fn wrong_type(file: &str, found: &str) -> DataError {
    DataError::unsuitable(
        file,
        format!("the array holds {found}"),
        "save it as integers of up to 32 bits or as float32 or float64",
    )
}

fn unreadable(file: &str, error: &dyn std::fmt::Display) -> DataError {
    DataError::unsuitable(file, format!("not a readable .npy array: {error}"), "save it again with numpy.save")
}

#[cfg(test)]
mod tests {
    use npyz::WriterBuilder;

    use super::super::open;
    use super::super::stored::tests::check_ranges;
    use super::*;

    fn array<T: npyz::AutoSerialize + Copy>(shape: &[u64], order: Order, values: &[T]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let options = npyz::WriteOptions::new().default_dtype().order(order).shape(shape);
        let mut writer = options.writer(&mut bytes).begin_nd().unwrap();
        writer.extend(values.iter().copied()).unwrap();
        writer.finish().unwrap();
        bytes
    }

    fn read(bytes: &[u8], options: &OpenOptions) -> Result<Recording, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.npy");
        std::fs::write(&path, bytes).unwrap();
        let recording = open(&path, options).map_err(|error| error.to_string())?;
        check_ranges(&path, options);
        Ok(recording)
    }

    fn at_100_hertz() -> OpenOptions {
        OpenOptions { rate_millihertz: Some(100_000), ..OpenOptions::default() }
    }

    #[test]
    fn integers_are_counts_in_either_order() {
        let rows = read(&array(&[3, 2], Order::C, &[1i16, 10, 2, 20, 3, 30]), &at_100_hertz()).unwrap();
        assert_eq!(rows.samples, [1, 10, 2, 20, 3, 30]);
        assert_eq!((rows.channels.len(), rows.channels[1].source_bits), (2, Some(5)));
        let columns = read(&array(&[3, 2], Order::Fortran, &[1i64, 2, 3, 10, 20, 30]), &at_100_hertz()).unwrap();
        assert_eq!(columns.samples, rows.samples);
        let options = OpenOptions { columns: vec!["2".into()], unit: Some("g".into()), ..at_100_hertz() };
        let backwards: Vec<u8> = [1u16, 10, 2, 20, 3, 30].iter().flat_map(|count| count.to_be_bytes()).collect();
        let mut big_endian = array(&[3, 2], Order::C, &[0u16; 6]);
        let start = big_endian.len() - 12;
        let place = big_endian.windows(3).position(|bytes| bytes == b"<u2").unwrap();
        big_endian[place] = b'>';
        big_endian[start..].copy_from_slice(&backwards);
        assert_eq!(read(&big_endian, &at_100_hertz()).unwrap().samples, rows.samples);
        let second = read(&array(&[3, 2], Order::C, &[1u8, 10, 2, 20, 3, 30]), &options).unwrap();
        assert_eq!((second.samples.as_slice(), second.channels[0].unit.as_str()), ([10, 20, 30].as_slice(), "g"));
    }

    #[test]
    fn real_numbers_are_put_on_their_lattice() {
        let values: Vec<f32> = (0..40).map(|t| (t * t % 31) as f32 / 200.0).collect();
        let recording = read(&array(&[40], Order::C, &values), &at_100_hertz()).unwrap();
        assert_eq!(recording.channels[0].counts_per_unit, 200.0);
        assert_eq!(recording.samples[5], 25);
    }

    #[test]
    fn what_is_no_recording_is_refused() {
        let refusal = |bytes: &[u8]| read(bytes, &at_100_hertz()).unwrap_err();
        assert!(refusal(b"PK").contains("not a readable .npy array"));
        assert!(refusal(&array(&[1, 2, 2], Order::C, &[1i16; 4])).contains("[1, 2, 2] is no recording"));
        assert!(refusal(&array(&[2, 3], Order::C, &[1i16; 6])).contains("longer than it is wide"));
        assert!(refusal(&array(&[0], Order::C, &[1i16; 0])).contains("[0] is no recording"));
        assert!(refusal(&array(&[2], Order::C, &[1i64, 1 << 40])).contains("frame 1"));
        assert!(refusal(&array(&[2], Order::C, &[1.0, f64::NAN])).contains("frame 1, column `channel 1`: `NaN`"));
        let whole = array(&[2], Order::C, &[1i16, 2]);
        assert!(refusal(&whole[..whole.len() - 1]).contains("not a readable"));
        let error = read(&whole, &OpenOptions::default()).unwrap_err();
        assert!(error.contains("--rate"), "{error}");
    }
}
