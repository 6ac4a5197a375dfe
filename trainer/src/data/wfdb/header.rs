//! The text of a `.hea` file: a record line, a line per signal, comments.

use std::fmt::Write as _;

use super::super::{Channel, DataError, clock};
use super::samples::SampleFormat;

/// Frames per second of a record whose header gives none, from the format's definition.
const DEFAULT_RATE: f64 = 250.0;
/// Counts per unit of a signal whose header gives none, from the format's definition.
const DEFAULT_GAIN: f64 = 200.0;

/// A parsed header.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Header {
    pub(super) name: String,
    pub(super) rate_millihertz: u64,
    /// Samples per signal; `None` if the header leaves it to the signal file's length.
    pub(super) frames: Option<usize>,
    pub(super) start_time: Option<i64>,
    pub(super) signals: Vec<Signal>,
    pub(super) comments: Vec<String>,
    pub(super) remarks: Vec<String>,
}

/// A signal line.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Signal {
    pub(super) file: String,
    pub(super) format: SampleFormat,
    /// Bytes of the signal file before its first sample.
    pub(super) byte_offset: usize,
    pub(super) channel: Channel,
    /// The first sample.
    pub(super) initial: Option<i32>,
    /// The sum of all samples, in 16 bits.
    pub(super) checksum: Option<i16>,
}

/// What is wrong in a line, and what to do about it.
type Wrong = (String, String);

fn wrong(what: impl Into<String>) -> Wrong {
    (what.into(), "correct the header".into())
}

/// Reads a header; `file` is for messages.
pub(super) fn parse(file: &str, text: &str) -> Result<Header, DataError> {
    let at = |line: usize| {
        move |(what, remedy): Wrong| DataError::malformed(file, format!("line {}", line + 1), what, remedy)
    };
    let comments =
        text.lines().filter_map(|line| line.trim().strip_prefix('#')).map(|line| line.trim().to_owned()).collect();
    let mut lines = text
        .lines()
        .enumerate()
        .map(|(number, line)| (number, line.trim()))
        .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    let (number, line) = lines.next().ok_or_else(|| {
        DataError::unsuitable(file, "the header is empty", "it should begin with the record's name and signal count")
    })?;
    let (mut header, signals) = parse_record_line(line).map_err(at(number))?;
    header.comments = comments;
    for _ in 0..signals {
        let (number, line) = lines.next().ok_or_else(|| {
            DataError::unsuitable(
                file,
                format!("{} of {signals} signal lines are missing", signals - header.signals.len()),
                "the file seems to be cut: fetch it again",
            )
        })?;
        let name = format!("signal {}", header.signals.len() + 1);
        let signal = parse_signal_line(line, &name, &mut header.remarks).map_err(at(number))?;
        header.signals.push(signal);
    }
    Ok(header)
}

/// `name signals [rate[/counter…] [samples [time [date]]]]`
fn parse_record_line(line: &str) -> Result<(Header, usize), Wrong> {
    let mut fields = line.split_whitespace();
    let name = fields.next().unwrap_or_default();
    if let Some((_, segments)) = name.split_once('/') {
        return Err((format!("the record has {segments} segments"), "name one of its segments instead".into()));
    }
    let count = fields.next().ok_or_else(|| wrong("the number of signals is missing"))?;
    let signals: usize = count.parse().map_err(|_| wrong(format!("`{count}` is not a number of signals")))?;
    if signals == 0 {
        return Err(("the record has no signal".into(), "name a record with signals".into()));
    }
    let rate = match fields.next() {
        None => DEFAULT_RATE,
        Some(field) => {
            let rate = field.split(['/', '(']).next().unwrap_or(field);
            rate.parse().map_err(|_| wrong(format!("`{rate}` is not a sampling rate")))?
        }
    };
    let rate_millihertz = millihertz(rate).ok_or_else(|| wrong(format!("{rate} Hz is not a sampling rate")))?;
    let frames = match fields.next() {
        None | Some("0") => None,
        Some(field) => Some(field.parse().map_err(|_| wrong(format!("`{field}` is not a number of samples")))?),
    };
    let start_time = match fields.next() {
        None => None,
        Some(time) => {
            let seconds = clock::seconds_from_clock(time).ok_or_else(|| wrong(format!("`{time}` is not a time")))?;
            let days = match fields.next() {
                None => 0,
                Some(date) => {
                    days_from(date).ok_or_else(|| wrong(format!("`{date}` is not a date (day/month/year)")))?
                }
            };
            Some(days * clock::DAY + (seconds * 1000.0).round() as i64)
        }
    };
    let (signal_lines, comments, remarks) = (Vec::new(), Vec::new(), Vec::new());
    let header =
        Header { name: name.to_owned(), rate_millihertz, frames, start_time, signals: signal_lines, comments, remarks };
    Ok((header, signals))
}

/// `file format[xN][:skew][+offset] [gain[(baseline)][/unit] [bits [zero [initial [checksum [block [name]]]]]]]`
fn parse_signal_line(line: &str, default_name: &str, remarks: &mut Vec<String>) -> Result<Signal, Wrong> {
    let mut rest = line;
    let mut field = || {
        let (first, after) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
        rest = after.trim_start();
        (!first.is_empty()).then_some(first)
    };
    let file = field().unwrap_or_default().to_owned();
    let (format, byte_offset) = parse_format(field().ok_or_else(|| wrong("the signal's format is missing"))?)?;
    let gain_field = field();
    let (gain, baseline, unit) = parse_gain(gain_field.unwrap_or("0"))?;
    let number = |text: Option<&str>, what: &str| match text {
        None => Ok(None),
        Some(text) => text.parse::<i64>().map(Some).map_err(|_| wrong(format!("`{text}` is not {what}"))),
    };
    let bits = number(field(), "an ADC resolution in bits")?.unwrap_or(0);
    let zero = number(field(), "an ADC zero")?.unwrap_or(0);
    let initial = number(field(), "an initial value")?;
    let checksum = number(field(), "a checksum")?;
    number(field(), "a block size")?;
    let name = if rest.is_empty() { default_name.to_owned() } else { rest.to_owned() };

    let small = |value: i64, what: &str| {
        i32::try_from(value).map_err(|_| wrong(format!("{value} is not {what}: it does not fit 32 bits")))
    };
    let offset = small(baseline.unwrap_or(zero), "a baseline")?;
    let source_bits = match u8::try_from(bits) {
        Ok(0) => {
            remarks
                .push(format!("{name}: the header gives no resolution; taken as the format's {} bits", format.bits()));
            format.bits()
        }
        Ok(bits) if bits <= 32 => bits,
        _ => return Err(wrong(format!("{bits} is not an ADC resolution in bits"))),
    };
    let counts_per_unit = if gain == 0.0 {
        remarks.push(format!("{name}: the signal is not calibrated; taken as {DEFAULT_GAIN} counts per {unit}"));
        DEFAULT_GAIN
    } else {
        gain
    };
    let channel = Channel { name, unit, counts_per_unit, offset, source_bits: Some(source_bits) };
    let initial = initial.map(|value| small(value, "an initial value")).transpose()?;
    // Written as a signed word by most programs, as an unsigned one by some.
    let checksum = match checksum {
        Some(sum) if !(-32_768..65_536).contains(&sum) => return Err(wrong(format!("{sum} is not a 16-bit checksum"))),
        sum => sum.map(|sum| sum as i16),
    };
    Ok(Signal { file, format, byte_offset, channel, initial, checksum })
}

fn parse_format(field: &str) -> Result<(SampleFormat, usize), Wrong> {
    let number_end = field.find(|c: char| !c.is_ascii_digit()).unwrap_or(field.len());
    let (number, mut rest) = field.split_at(number_end);
    let format = SampleFormat::from_number(number).ok_or_else(|| {
        (
            format!("signal format `{number}` is not supported"),
            "convert the record to format 16 or 212, or to CSV".to_owned(),
        )
    })?;
    let mut byte_offset = 0;
    while let Some(mark) = rest.chars().next() {
        let after = &rest[mark.len_utf8()..];
        let (value, next) = after.split_at(after.find(['x', ':', '+']).unwrap_or(after.len()));
        let value: usize = value.parse().map_err(|_| wrong(format!("`{field}` is not a signal format")))?;
        match (mark, value) {
            ('x', 0 | 1) | (':', 0) => {}
            ('x', _) => {
                return Err((
                    format!("the signal has {value} samples in every frame"),
                    "resample the record to one sample per frame".into(),
                ));
            }
            (':', _) => {
                return Err((format!("the signal is skewed by {value} samples"), "align the record's signals".into()));
            }
            ('+', _) => byte_offset = value,
            _ => return Err(wrong(format!("`{field}` is not a signal format"))),
        }
        rest = next;
    }
    Ok((format, byte_offset))
}

/// Gain (0 if not calibrated), baseline and unit of `200(1024)/mV`.
fn parse_gain(field: &str) -> Result<(f64, Option<i64>, String), Wrong> {
    let bad = || wrong(format!("`{field}` is not a gain such as 200(1024)/mV"));
    let (number, unit) = field.split_once('/').unwrap_or((field, "mV"));
    let (gain, baseline) = match number.split_once('(') {
        None => (number, None),
        Some((gain, baseline)) => {
            let baseline = baseline.strip_suffix(')').ok_or_else(bad)?;
            (gain, Some(baseline.parse().map_err(|_| bad())?))
        }
    };
    let gain: f64 = gain.parse().map_err(|_| bad())?;
    if !gain.is_finite() || gain < 0.0 || unit.is_empty() {
        return Err(bad());
    }
    Ok((gain, baseline, unit.to_owned()))
}

fn days_from(date: &str) -> Option<i64> {
    let mut parts = date.split('/').map(|part| part.parse().ok());
    let (day, month, year) = (parts.next()??, parts.next()??, parts.next()??);
    if parts.next().is_some() {
        return None;
    }
    clock::days_from_date(year, month, day)
}

/// A rate as the header holds it; `None` if it is no rate.
pub(super) fn millihertz(hertz: f64) -> Option<u64> {
    let millihertz = (hertz * 1000.0).round();
    (1.0..=1e15).contains(&millihertz).then_some(millihertz as u64)
}

impl Header {
    /// The text of the `.hea` file.
    pub(super) fn print(&self) -> String {
        let mut text = format!("{} {} {}", self.name, self.signals.len(), self.rate_millihertz as f64 / 1000.0);
        if let Some(frames) = self.frames {
            let _ = write!(text, " {frames}");
        }
        if let (Some(start), true) = (self.start_time, self.frames.is_some()) {
            let (days, time) = (start.div_euclid(clock::DAY), start.rem_euclid(clock::DAY));
            let (seconds, milliseconds) = (time / 1000, time % 1000);
            let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
            let _ = write!(text, " {hour:02}:{minute:02}:{second:02}.{milliseconds:03}");
            if days != 0 {
                let (year, month, day) = clock::date_from_days(days);
                let _ = write!(text, " {day:02}/{month:02}/{year:04}");
            }
        }
        text.push('\n');
        for signal in &self.signals {
            let Channel { name, unit, counts_per_unit, offset, source_bits } = &signal.channel;
            let _ = writeln!(
                text,
                "{} {} {counts_per_unit}({offset})/{} {} {offset} {} {} 0 {}",
                signal.file,
                signal.format.number(),
                unit.replace(char::is_whitespace, "_"),
                source_bits.unwrap_or(0),
                signal.initial.unwrap_or(0),
                signal.checksum.unwrap_or(0),
                name.split_whitespace().collect::<Vec<_>>().join(" "),
            );
        }
        for comment in &self.comments {
            let _ = writeln!(text, "# {comment}");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_every_field() {
        let text = "# before\nr1 2 128.5/250(3) 77 13:05:25.150 24/04/1989\n\
                    r1.dat 16:0+24 1e3(-5)/uV 24 7 -3 40000 0 left  arm\r\n\
                    other.dat 212\n\n#after \n";
        let header = parse("r1.hea", text).unwrap();
        assert_eq!((header.name.as_str(), header.rate_millihertz, header.frames), ("r1", 128_500, Some(77)));
        assert_eq!(header.start_time, Some(7_053 * clock::DAY + 47_125_150));
        assert_eq!(header.comments, ["before", "after"]);
        let [first, second] = &header.signals[..] else { panic!("two signals") };
        assert_eq!((first.format, first.byte_offset), (SampleFormat::Words, 24));
        assert_eq!((first.initial, first.checksum), (Some(-3), Some(40_000_u16 as i16)));
        let channel = Channel {
            name: "left  arm".into(),
            unit: "uV".into(),
            counts_per_unit: 1000.0,
            offset: -5,
            source_bits: Some(24),
        };
        assert_eq!(first.channel, channel);
        let channel = Channel {
            name: "signal 2".into(),
            unit: "mV".into(),
            counts_per_unit: 200.0,
            offset: 0,
            source_bits: Some(12),
        };
        assert_eq!((&second.channel, second.initial, second.checksum), (&channel, None, None));
        assert_eq!(header.remarks.len(), 2, "{:?}", header.remarks);
    }

    #[test]
    fn what_is_printed_reads_the_same() {
        let text = "r1 1 173.61 10 00:00:01.500 29/02/2000\nr1.dat 212 200.25(-7)/mV 11 -7 3 -9 0 V1\n# a comment\n";
        let header = parse("r1.hea", text).unwrap();
        assert_eq!(header.print(), text);
    }

    #[test]
    fn names_the_line_and_what_to_do() {
        for (text, expected) in [
            ("", "empty"),
            ("r1/3 2\n", "r1.hea: line 1: the record has 3 segments; name one of its segments"),
            ("r1 0\n", "no signal"),
            ("r1 x\n", "`x` is not a number of signals"),
            ("r1 1 -5\n", "line 1: -5 Hz is not a sampling rate"),
            ("r1 1 nan\n", "not a sampling rate"),
            ("r1 1 360 5 25:61\n", "`25:61` is not a time"),
            ("r1 1 360 5 1:00 31/02/2001\n", "`31/02/2001` is not a date"),
            ("r1 2 360\nr1.dat 16\n", "1 of 2 signal lines are missing"),
            ("r1 1 360\nr1.dat\n", "line 2: the signal's format is missing"),
            ("r1 1 360\nr1.dat 80\n", "format `80` is not supported; convert"),
            ("r1 1 360\nr1.dat 16x4\n", "4 samples in every frame"),
            ("r1 1 360\nr1.dat 16é3\n", "`16é3` is not a signal format"),
            ("r1 1 360\nr1.dat 16:3\n", "skewed by 3 samples"),
            ("r1 1 360\nr1.dat 16 200(10/mV\n", "`200(10/mV` is not a gain"),
            ("r1 1 360\nr1.dat 16 200 99\n", "99 is not an ADC resolution"),
            ("r1 1 360\nr1.dat 16 200 12 0 0 123456\n", "123456 is not a 16-bit checksum"),
            ("r1 1 360\nr1.dat 16 200 12 5000000000\n", "does not fit 32 bits"),
        ] {
            let error = parse("r1.hea", text).unwrap_err().to_string();
            assert!(error.contains(expected), "{text:?} gave {error:?}");
        }
    }
}
