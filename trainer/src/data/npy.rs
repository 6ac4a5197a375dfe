//! NumPy arrays, `.npy`: integers are counts, real numbers are put on a lattice as those of a text table are.
//!
//! An array is `[time]` or `[time, channels]`, and carries neither a rate nor a unit.

use std::path::Path;

use npyz::{DType, NpyFile, Order, TypeChar};

use super::columns::{Column, Precision, fill_gaps};
use super::{Channel, DataError, OpenOptions, Recording, files};

/// An array's numbers, `[time, channels]`.
enum Numbers {
    Counts(Vec<i64>),
    Real(Vec<f64>, Precision),
}

/// Reads an array.
pub(super) fn open(path: &Path, name: String, options: &OpenOptions) -> Result<Recording, DataError> {
    let file = path.display().to_string();
    let bytes = files::read(path)?;
    let array = NpyFile::new(&bytes[..]).map_err(|error| unreadable(&file, &error))?;
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
    let (frames, width) = (frames as usize, width as usize);
    let order = array.order();
    let numbers = numbers(&file, array)?;
    let rate_millihertz = options
        .rate_millihertz
        .ok_or_else(|| DataError::unsuitable(&file, "an array says nothing of its sampling rate", "give --rate HZ"))?;
    let element = |time: usize, channel: usize| match order {
        Order::C => time * width + channel,
        Order::Fortran => channel * frames + time,
    };
    let mut remarks = Vec::new();
    let mut samples = vec![0; frames * width];
    let mut channels = Vec::with_capacity(width);
    for channel in 0..width {
        let name = format!("channel {}", channel + 1);
        let place = |time: usize| format!("frame {time}");
        let (counts, described) = match &numbers {
            Numbers::Counts(all) => {
                if options.lsb.is_some() {
                    return Err(DataError::unsuitable(&file, "--lsb is for real numbers", "leave it out"));
                }
                let column = (0..frames).map(|time| all[element(time, channel)]);
                integers(&file, name, column, options.unit.as_deref())?
            }
            Numbers::Real(all, precision) => {
                let mut values: Vec<f64> = (0..frames).map(|time| all[element(time, channel)]).collect();
                if options.fill_gaps {
                    fill_gaps(&file, &name, &mut values, &mut remarks)?;
                }
                let column = Column { name: &name, unit: None, values: &values, precision: *precision };
                column.check_finite(&file, place)?;
                column.counts(&file, options.lsb, options.unit.as_deref(), place, &mut remarks)?
            }
        };
        samples.iter_mut().skip(channel).step_by(width).zip(counts).for_each(|(sample, count)| *sample = count);
        channels.push(described);
    }
    Ok(Recording { name, rate_millihertz, channels, samples, start_time: None, comments: Vec::new(), remarks })
}

/// A channel of counts without a scale.
fn integers(
    file: &str,
    name: String,
    column: impl Iterator<Item = i64>,
    unit: Option<&str>,
) -> Result<(Vec<i32>, Channel), DataError> {
    let narrow = |(time, count): (usize, i64)| {
        i32::try_from(count).map_err(|_| {
            DataError::malformed(
                file,
                format!("frame {time}, column `{name}`"),
                format!("{count} does not fit 32 bits"),
                "take the constant part out of the channel",
            )
        })
    };
    let counts = column.enumerate().map(narrow).collect::<Result<Vec<i32>, DataError>>()?;
    let source_bits = Some(super::lattice::bits_of(&counts));
    let unit = unit.unwrap_or(Channel::COUNTS).to_owned();
    Ok((counts, Channel { name, unit, counts_per_unit: 1.0, offset: 0, source_bits }))
}

fn numbers(file: &str, array: NpyFile<&[u8]>) -> Result<Numbers, DataError> {
    let kind = match array.dtype() {
        DType::Plain(kind) => kind,
        _ => return Err(wrong_type(file, "records of several fields")),
    };
    let cut = |error: std::io::Error| unreadable(file, &error);
    macro_rules! integers {
        ($type:ty) => {
            Numbers::Counts(array.into_vec::<$type>().map_err(cut)?.into_iter().map(i64::from).collect())
        };
    }
    Ok(match (kind.type_char(), kind.size_field()) {
        (TypeChar::Int, 1) => integers!(i8),
        (TypeChar::Int, 2) => integers!(i16),
        (TypeChar::Int, 4) => integers!(i32),
        (TypeChar::Int, 8) => Numbers::Counts(array.into_vec().map_err(cut)?),
        (TypeChar::Uint, 1) => integers!(u8),
        (TypeChar::Uint, 2) => integers!(u16),
        (TypeChar::Uint, 4) => integers!(u32),
        (TypeChar::Float, 4) => {
            Numbers::Real(array.into_vec::<f32>().map_err(cut)?.into_iter().map(f64::from).collect(), Precision::Single)
        }
        (TypeChar::Float, 8) => Numbers::Real(array.into_vec().map_err(cut)?, Precision::Double),
        _ => return Err(wrong_type(file, &kind.to_string())),
    })
}

fn wrong_type(file: &str, found: &str) -> DataError {
    DataError::unsuitable(
        file,
        format!("the array holds {found}"),
        "save it as integers of up to 32 bits or as float32 or float64",
    )
}

fn unreadable(file: &str, error: &std::io::Error) -> DataError {
    DataError::unsuitable(file, format!("not a readable .npy array: {error}"), "save it again with numpy.save")
}

#[cfg(test)]
mod tests {
    use npyz::WriterBuilder;

    use super::super::open;
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
        open(&path, options).map_err(|error| error.to_string())
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
