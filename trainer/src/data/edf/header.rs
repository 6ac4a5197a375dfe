//! The header of an EDF or BDF file: fixed-width fields of printable ASCII.
//!
//! Kemp et al. 1992, "A simple format for exchange of digitized polygraphic recordings"; Kemp & Olivan 2003 for EDF+;
//! BDF is the same with samples of 24 bits.

use super::super::DataError;
use super::super::clock::{DAY, days_from_date};

/// Bytes of the header's part that is there once, and of the part of every signal.
pub(super) const FIXED_BYTES: usize = 256;
const SIGNAL_BYTES: usize = 256;
/// What a signal that holds annotations is called.
const ANNOTATIONS: [&str; 2] = ["EDF Annotations", "BDF Annotations"];

/// What the header says.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Header {
    /// Bytes of a sample: 2 in EDF, 3 in BDF.
    pub(super) sample_bytes: usize,
    /// Length of the header.
    pub(super) bytes: usize,
    /// Milliseconds since 1970 on the recorder's clock.
    pub(super) start_time: Option<i64>,
    /// Whether records may not follow each other in time.
    pub(super) discontinuous: bool,
    /// Number of records; `None` if the recorder did not fill it in.
    pub(super) records: Option<usize>,
    /// Seconds of a record.
    pub(super) record_seconds: f64,
    pub(super) signals: Vec<Signal>,
}

/// One signal, as its fields say.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Signal {
    pub(super) label: String,
    pub(super) unit: String,
    pub(super) physical: [f64; 2],
    pub(super) digital: [f64; 2],
    /// Samples in a record.
    pub(super) samples: usize,
}

impl Signal {
    pub(super) fn is_annotations(&self) -> bool {
        ANNOTATIONS.contains(&self.label.as_str())
    }
}

/// Fields of ASCII, read one after the other.
struct Fields<'a> {
    file: &'a str,
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Fields<'a> {
    fn text(&mut self, width: usize) -> &'a str {
        let field = self.bytes.get(self.at..self.at + width).unwrap_or_default();
        self.at += width;
        str::from_utf8(field).unwrap_or_default().trim_matches([' ', '\0'])
    }

    fn number(&mut self, width: usize, what: &str) -> Result<f64, DataError> {
        let at = self.at;
        let text = self.text(width);
        text.parse().ok().filter(|number: &f64| number.is_finite()).ok_or_else(|| {
            DataError::malformed(
                self.file,
                format!("byte {at}"),
                format!("`{text}` is no {what}"),
                "the header is damaged: fetch the file again",
            )
        })
    }

    fn count(&mut self, width: usize, what: &str) -> Result<usize, DataError> {
        let at = self.at;
        let number = self.number(width, what)?;
        if number < 0.0 || number.fract() != 0.0 {
            return Err(DataError::malformed(
                self.file,
                format!("byte {at}"),
                format!("{number} is no {what}"),
                "the header is damaged: fetch the file again",
            ));
        }
        Ok(number as usize)
    }
}

/// Reads the header.
pub(super) fn parse(file: &str, bytes: &[u8]) -> Result<Header, DataError> {
    let sample_bytes = match bytes.get(..8) {
        Some(b"0       ") => 2,
        Some(b"\xffBIOSEMI") => 3,
        _ => {
            return Err(DataError::unsuitable(
                file,
                "not an EDF or BDF file: it does not begin with a version",
                "name the format with --format if it is another one",
            ));
        }
    };
    let mut fields = Fields { file, bytes, at: 168 };
    let (date, time) = (fields.text(8), fields.text(8));
    let start_time = start_time(date, time);
    let stated = fields.count(8, "length of a header")?;
    let reserved = fields.text(44);
    let discontinuous = reserved.starts_with("EDF+D") || reserved.starts_with("BDF+D");
    let records = fields.number(8, "number of records")?;
    let records = (records >= 0.0).then_some(records as usize);
    let record_seconds = fields.number(8, "duration of a record")?;
    let count = fields.count(4, "number of signals")?;
    if count == 0 || bytes.len() < FIXED_BYTES + count * SIGNAL_BYTES || stated != FIXED_BYTES + count * SIGNAL_BYTES {
        return Err(DataError::unsuitable(
            file,
            format!(
                "a header of {stated} bytes with {count} signals does not add up in a file of {} bytes",
                bytes.len()
            ),
            "the file seems to be cut: fetch it again",
        ));
    }
    let signals = signals(&mut fields, count)?;
    Ok(Header { sample_bytes, bytes: stated, start_time, discontinuous, records, record_seconds, signals })
}

/// The signals' fields: all labels, then all transducers, and so on.
fn signals(fields: &mut Fields<'_>, count: usize) -> Result<Vec<Signal>, DataError> {
    let texts = |fields: &mut Fields<'_>, width| (0..count).map(|_| fields.text(width).to_owned()).collect::<Vec<_>>();
    let numbers = |fields: &mut Fields<'_>, what: &str| {
        (0..count).map(|_| fields.number(8, what)).collect::<Result<Vec<f64>, DataError>>()
    };
    let labels = texts(fields, 16);
    texts(fields, 80);
    let units = texts(fields, 8);
    let physical_least = numbers(fields, "physical minimum")?;
    let physical_most = numbers(fields, "physical maximum")?;
    let digital_least = numbers(fields, "digital minimum")?;
    let digital_most = numbers(fields, "digital maximum")?;
    texts(fields, 80);
    let samples =
        (0..count).map(|_| fields.count(8, "number of samples")).collect::<Result<Vec<usize>, DataError>>()?;
    let signal = |(index, (label, unit))| Signal {
        label,
        unit,
        physical: [physical_least[index], physical_most[index]],
        digital: [digital_least[index], digital_most[index]],
        samples: samples[index],
    };
    Ok(labels.into_iter().zip(units).enumerate().map(signal).collect())
}

/// `dd.mm.yy` and `hh.mm.ss`; years from 85 on are of the last century.
fn start_time(date: &str, time: &str) -> Option<i64> {
    let parts = |text: &str| -> Option<[i64; 3]> {
        let parts: Vec<i64> = text.split('.').map(|part| part.parse().ok()).collect::<Option<_>>()?;
        parts.try_into().ok()
    };
    let ([day, month, year], [hours, minutes, seconds]) = (parts(date)?, parts(time)?);
    let year = if year >= 85 { 1900 + year } else { 2000 + year };
    let days = days_from_date(year, month, day)?;
    let in_day = (hours * 3600 + minutes * 60 + seconds) * 1000;
    (0..DAY).contains(&in_day).then_some(days * DAY + in_day)
}
