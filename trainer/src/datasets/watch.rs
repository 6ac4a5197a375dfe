//! A wrist's six axes, out of the pickled array that seglearn carries: a WFDB record for each subject.

use std::collections::BTreeMap;
use std::path::Path;

use super::pickle;
use super::{DatasetError, malformed};
use crate::data::{self, Channel, Recording};

/// The file that is converted.
pub(super) const FILE: &str = "watch_dataset.npy";
const RATE_MILLIHERTZ: u64 = 50_000;
/// Name, unit, and counts per unit: 16 bits over ±16 g and ±2000 °/s, as such sensors give them.
const AXES: [(&str, &str, f64); 6] = [
    ("ax", "g", 2048.0),
    ("ay", "g", 2048.0),
    ("az", "g", 2048.0),
    ("wx", "rad/s", 938.0),
    ("wy", "rad/s", 938.0),
    ("wz", "rad/s", 938.0),
];

/// Writes `subject-01.hea` and so on beside the array, the exercises of each subject one after another.
pub(super) fn convert(folder: &Path) -> Result<(), DatasetError> {
    let path = folder.join(FILE);
    let bytes = std::fs::read(&path).map_err(DatasetError::io(&path, "read"))?;
    let subjects = subjects(&bytes).map_err(malformed(&path))?;
    for (subject, samples) in subjects {
        let name = format!("subject-{subject:02}");
        let channel = |(name, unit, counts_per_unit): (&str, &str, f64)| Channel {
            name: name.to_owned(),
            unit: unit.to_owned(),
            counts_per_unit,
            offset: 0,
            source_bits: Some(16),
        };
        let recording = Recording {
            name: name.clone(),
            rate_millihertz: RATE_MILLIHERTZ,
            channels: AXES.map(channel).to_vec(),
            samples,
            start_time: None,
            comments: Vec::new(),
            remarks: Vec::new(),
        };
        data::save(&folder.join(name).with_extension("hea"), &recording, None)?;
    }
    Ok(())
}

/// Samples in counts, `[time, axes]`, by subject.
fn subjects(bytes: &[u8]) -> Result<BTreeMap<i64, Vec<i32>>, String> {
    let header = bytes.get(8..10).ok_or("is cut")?;
    let start = 10 + usize::from(u16::from_le_bytes([header[0], header[1]]));
    let whole = pickle::read(bytes.get(start..).ok_or("is cut")?)?;
    let [set] = whole.array()?.content.list()? else { return Err("holds more than one object".into()) };
    let numbers = set.get("subject")?.array()?.bytes("i8")?.as_chunks().0;
    let exercises = set.get("X")?.list()?;
    if numbers.len() != exercises.len() {
        return Err("does not tell a subject for each exercise".into());
    }
    let mut subjects: BTreeMap<i64, Vec<i32>> = BTreeMap::new();
    for (number, exercise) in numbers.iter().zip(exercises) {
        let exercise = exercise.array()?;
        let values = exercise.bytes("f8")?.as_chunks().0;
        let frames = values.len() / AXES.len();
        if exercise.shape != [frames, AXES.len()] || values.len() != frames * AXES.len() {
            return Err(format!("holds an exercise of the shape {:?}", exercise.shape));
        }
        let samples = subjects.entry(i64::from_le_bytes(*number)).or_default();
        for (frame, axis) in (0..frames).flat_map(|frame| (0..AXES.len()).map(move |axis| (frame, axis))) {
            let place = if exercise.column_major { axis * frames + frame } else { frame * AXES.len() + axis };
            let value = f64::from_le_bytes(values[place]);
            let count = (value * AXES[axis].2).round_ties_even();
            if !(-32768.0..=32767.0).contains(&count) {
                return Err(format!("holds the value {value}, which no sensor of this range gives"));
            }
            samples.push(count as i32);
        }
    }
    Ok(subjects)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A text's opcode.
    fn text(bytes: &[u8]) -> Vec<u8> {
        let utf8: String = bytes.iter().map(|byte| char::from(*byte)).collect();
        [b"X".as_slice(), &(utf8.len() as u32).to_le_bytes(), utf8.as_bytes()].concat()
    }

    /// An array as NumPy pickles it.
    fn array(shape: &[u8], kind: &str, column_major: bool, bytes: &[u8]) -> Vec<u8> {
        let order = if column_major { 0x88 } else { 0x89 };
        let shape: Vec<u8> = shape.iter().flat_map(|length| [b'K', *length]).collect();
        let made = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\0\x85N\x87R(K\x01(".as_slice();
        let kind = [b"cnumpy\ndtype\n".as_slice(), &text(kind.as_bytes()), b"K\0K\x01\x87R(K\x03", &text(b"<"), b"tb"]
            .concat();
        let content = [b"c_codecs\nencode\n".as_slice(), &text(bytes), &text(b"latin1"), b"\x86R"].concat();
        [made, &shape, b"t", &kind, &[order], &content, b"tb"].concat()
    }

    fn file(exercises: &[(i64, &[f64])], column_major: bool) -> Vec<u8> {
        let header =
            b"\x93NUMPY\x01\0\x02\0{}\x80\x02cnumpy.core.multiarray\n_reconstruct\n)R(K\x01)cnumpy\ndtype\n".to_vec();
        let mut bytes = [header, text(b"O8"), b"\x85R\x89]}(".to_vec(), text(b"X"), b"](".to_vec()].concat();
        for (_, values) in exercises {
            let content: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
            bytes.extend(array(&[(values.len() / 6) as u8, 6], "f8", column_major, &content));
        }
        let numbers: Vec<u8> = exercises.iter().flat_map(|(subject, _)| subject.to_le_bytes()).collect();
        bytes
            .extend([b"e".to_vec(), text(b"subject"), array(&[exercises.len() as u8], "i8", false, &numbers)].concat());
        bytes.extend(b"uatb.");
        bytes
    }

    #[test]
    fn exercises_follow_one_another_by_subject() {
        let folder = tempfile::tempdir().unwrap();
        let (one, other) = ([1.0, 0.5, -1.0, 1.0, 0.0, -2.0], [0.0; 12]);
        std::fs::write(folder.path().join(FILE), file(&[(2, &one), (10, &other), (2, &other)], false)).unwrap();
        convert(folder.path()).unwrap();
        let open = |name: &str| data::open(&folder.path().join(name), &data::OpenOptions::default()).unwrap();
        let second = open("subject-02.hea");
        assert_eq!((second.frames(), second.rate_millihertz, second.channels[3].unit.as_str()), (3, 50_000, "rad/s"));
        assert_eq!(second.samples[..6], [2048, 1024, -2048, 938, 0, -1876]);
        assert_eq!(open("subject-10.hea").frames(), 2);
    }

    #[test]
    fn columns_may_come_one_after_another() {
        let axes = [[1.0, 2.0], [0.0, 0.5], [0.0; 2], [0.0; 2], [0.0; 2], [0.0, -1.0]].concat();
        let subjects = subjects(&file(&[(1, &axes)], true)).unwrap();
        assert_eq!(subjects[&1], [2048, 0, 0, 0, 0, 0, 4096, 1024, 0, 0, 0, -938]);
    }

    #[test]
    fn another_array_is_refused() {
        assert!(subjects(b"short").unwrap_err().contains("cut"));
        assert!(subjects(&file(&[(1, &[40.0, 0.0, 0.0, 0.0, 0.0, 0.0])], false)).unwrap_err().contains("40"));
        let whole = file(&[(1, &[0.0; 6])], false);
        assert!(subjects(&whole[..whole.len() - 3]).is_err());
    }
}
