//! Text tables: a row per frame, a column per channel, times in a column of their own or a rate from the user.

mod layout;
mod memory;
mod rows;
mod times;
mod write;

use std::path::Path;

use super::columns::{Column, Precision, fill_gaps};
use super::{DataError, OpenOptions, Recording, files, recording::find_name};
use layout::Layout;
use times::Times;

pub(super) use layout::Number;
pub(super) use write::{print, save};

/// Reads a text table.
pub(super) fn open(path: &Path, name: String, options: &OpenOptions) -> Result<Recording, DataError> {
    let file = path.display().to_string();
    memory::check(path)?;
    let bytes = files::read(path)?;
    // With one end of line the places of rows are told alike, whatever stands before it.
    let text = String::from_utf8_lossy(bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&bytes)).replace("\r\n", "\n");
    let comments = text.lines().filter_map(|line| line.strip_prefix('#')).map(|line| line.trim().to_owned()).collect();
    let text = layout::spaces_to_tabs(text);
    let layout = Layout::sniff(&text).ok_or_else(|| {
        DataError::unsuitable(&file, "the file holds no rows", "it should hold a row of numbers per frame")
    })?;
    let mut remarks = Vec::new();
    let roles = Roles::assign(&file, &layout, options, &mut remarks)?;
    let mut columns: Vec<rows::Column> = roles.signals.into_iter().map(rows::Column::new).collect();
    let mut times = roles.time.map(|index| (index, Times::new()));
    let rows = rows::read(&file, &text, &layout, &mut columns, times.as_mut(), options.fill_gaps)?;
    if rows.is_empty() {
        return Err(DataError::unsuitable(
            &file,
            "the file holds no rows of numbers",
            "it should hold one for each frame",
        ));
    }

    let rate_millihertz = rate(&file, &layout, times.as_ref(), &rows, options, &mut remarks)?;
    let start_time = times.and_then(|(_, times)| times.start);
    let width = columns.len();
    let mut samples = vec![0; rows.len() * width];
    let mut channels = Vec::with_capacity(width);
    for (number, column) in columns.iter_mut().enumerate() {
        if options.fill_gaps {
            fill_gaps(&file, &layout.names[column.index], &mut column.values, &mut remarks)?;
        }
        let real = Column {
            name: &layout.names[column.index],
            unit: layout.units[column.index].as_deref(),
            values: &column.values,
            precision: Precision::Decimals(column.decimals),
        };
        let place = |frame| format!("row {}", rows[frame]);
        let (counts, channel) = real.counts(&file, options.lsb, options.unit.as_deref(), place, &mut remarks)?;
        samples.iter_mut().skip(number).step_by(width).zip(counts).for_each(|(sample, count)| *sample = count);
        channels.push(channel);
    }
    Ok(Recording { name, rate_millihertz, channels, samples, start_time, comments, remarks })
}

/// Which columns are signals, and which one is the time.
struct Roles {
    signals: Vec<usize>,
    time: Option<usize>,
}

impl Roles {
    fn assign(
        file: &str,
        layout: &Layout,
        options: &OpenOptions,
        remarks: &mut Vec<String>,
    ) -> Result<Self, DataError> {
        let named = |wanted: &String, option: &str| column_named(file, layout, wanted, option);
        let chosen =
            options.columns.iter().map(|wanted| named(wanted, "--columns")).collect::<Result<Vec<usize>, _>>()?;
        if let Some(wanted) = &options.time_column {
            let time = named(wanted, "--time")?;
            return Self { signals: chosen, time: Some(time) }.or_all_but(time, file, layout);
        }
        // A column that is called time holds no signal, unless the user says that it does.
        let usual = layout.names.iter().position(|name| times::is_usual_name(name));
        match usual.filter(|index| !chosen.contains(index)) {
            None if chosen.is_empty() => Ok(Self { signals: (0..layout.names.len()).collect(), time: None }),
            None => Ok(Self { signals: chosen, time: None }),
            Some(usual) => {
                let time = Some(usual).filter(|_| options.rate_millihertz.is_none());
                if time.is_none() {
                    let name = &layout.names[usual];
                    remarks.push(format!(
                        "column `{name}`: not read, as --rate says the rate; --time {name} holds it against the column"
                    ));
                }
                Self { signals: chosen, time }.or_all_but(usual, file, layout)
            }
        }
    }

    /// Takes all columns but the one of times for signals, if the user named none.
    fn or_all_but(mut self, time: usize, file: &str, layout: &Layout) -> Result<Self, DataError> {
        if self.signals.is_empty() {
            self.signals = (0..layout.names.len()).filter(|&index| index != time).collect();
        }
        if self.signals.is_empty() {
            return Err(DataError::unsuitable(
                file,
                format!("the only column, `{}`, holds times", layout.names[time]),
                "name a file with a column of samples, or this column with --columns if it is one",
            ));
        }
        Ok(self)
    }
}

/// The rate in millihertz: from the column of times, from the user, or from both if they agree.
fn rate(
    file: &str,
    layout: &Layout,
    times: Option<&(usize, Times)>,
    rows: &[u64],
    options: &OpenOptions,
    remarks: &mut Vec<String>,
) -> Result<u64, DataError> {
    let Some((index, times)) = times else {
        return options.rate_millihertz.ok_or_else(|| {
            DataError::unsuitable(
                file,
                "the sampling rate is not known",
                "give --rate HZ, or --time COLUMN if a column holds the time",
            )
        });
    };
    let column = &layout.names[*index];
    let found = times.rate(file, column, |row| rows[row])?;
    match options.rate_millihertz {
        None => {
            remarks.push(format!("column `{column}`: the rate is {} Hz", found as f64 / 1000.0));
            Ok(found)
        }
        Some(given) if !super::rates_differ(given, found) => Ok(given),
        Some(given) => Err(DataError::unsuitable(
            file,
            format!(
                "the rate is {} Hz by column `{column}` and {} Hz by --rate",
                found as f64 / 1000.0,
                given as f64 / 1000.0
            ),
            "leave one of them out",
        )),
    }
}

fn column_named(file: &str, layout: &Layout, wanted: &str, option: &str) -> Result<usize, DataError> {
    find_name(layout.names.iter().map(String::as_str), wanted).ok_or_else(|| {
        DataError::unsuitable(
            file,
            format!("there is no column `{wanted}`"),
            format!("give {option} one of {}, or a number from 1", layout.names.join(", ")),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::super::{Channel, open, save};
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str, options: &OpenOptions) -> Result<Recording, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.csv");
        std::fs::write(&path, text).unwrap();
        open(&path, options).map_err(|error| error.to_string())
    }

    fn at_100_hertz() -> OpenOptions {
        OpenOptions { rate_millihertz: Some(100_000), ..OpenOptions::default() }
    }

    #[test]
    fn a_table_with_a_header_and_times() {
        let text = "time_ms,ecg [mV],label\n0,0.5,x\n2,-0.005,y\n4,0.01,x\n";
        let options = OpenOptions { columns: vec!["ecg".into()], ..OpenOptions::default() };
        let recording = read(text, &options).unwrap();
        assert_eq!((recording.rate_millihertz, recording.samples.as_slice()), (500_000, [100, -1, 2].as_slice()));
        let expected =
            Channel { name: "ecg".into(), unit: "mV".into(), counts_per_unit: 200.0, offset: 0, source_bits: Some(7) };
        assert_eq!(recording.channels, [expected]);
        assert_eq!(
            recording.remarks,
            ["column `time_ms`: the rate is 500 Hz", "column `ecg`: the finest step in the data is 0.005; 7 bits"]
        );
    }

    #[test]
    fn lines_that_end_as_on_windows_behind_comments_and_an_empty_last_field() {
        let text = "# OpenSignals Text File Format\r\n# EndOfHeader\r\n0\t10\t-3\t\r\n1\t11\t-4\t\r\n2\t13\t-4\t\r\n3\t10\t-1\t\r\n";
        let columns = vec!["2".into(), "3".into()];
        let recording = read(text, &OpenOptions { columns, ..at_100_hertz() }).unwrap();
        assert_eq!(recording.samples, [10, -3, 11, -4, 13, -4, 10, -1]);
        let blank = text.replace("1\t11\t-4\t\r\n", "\r\n");
        assert!(read(&blank, &at_100_hertz()).unwrap_err().contains("the row is empty"));
    }

    #[test]
    fn columns_by_name_and_number_in_the_users_order() {
        let options = OpenOptions { columns: vec!["3".into(), "a".into()], ..at_100_hertz() };
        let recording = read("a;b;c\n1,5;x;7\n2;y;9\n2,5;z;8\n", &options).unwrap();
        assert_eq!(recording.samples, [7, 3, 9, 4, 8, 5]);
        let units: Vec<&str> = recording.channels.iter().map(|channel| channel.unit.as_str()).collect();
        assert_eq!(units, ["LSB", "unit"]);
    }

    #[test]
    fn a_given_step_is_taken() {
        let options = OpenOptions { lsb: Some(0.005), unit: Some("mV".into()), ..at_100_hertz() };
        let recording = read("0.5\n0.5\n", &options).unwrap();
        assert_eq!(recording.samples, [100, 100]);
        let Channel { counts_per_unit, source_bits, unit, .. } = &recording.channels[0];
        assert_eq!((*counts_per_unit, *source_bits, unit.as_str()), (200.0, Some(1), "mV"));
    }

    #[test]
    fn a_named_time_column_is_checked_even_against_a_rate() {
        let timed = |rate: u64, text: &str| {
            let time_column = Some("x".to_owned());
            read(text, &OpenOptions { time_column, rate_millihertz: Some(rate), ..OpenOptions::default() })
        };
        let options = OpenOptions { rate_millihertz: Some(250_000), ..OpenOptions::default() };
        let usual = read("time,y\n0,1\n0.01,2\n0.02,3\n", &options).unwrap();
        assert!(usual.channels.len() == 1 && usual.remarks[0].contains("`time`: not read"), "{:?}", usual.remarks);
        assert_eq!(timed(100_500, "x,y\n0,1\n0.01,2\n0.02,3\n").unwrap().rate_millihertz, 100_500);
        let error = timed(250_000, "x,y\n0,1\n0.01,2\n0.02,3\n").unwrap_err();
        assert!(error.contains("100 Hz by column `x` and 250 Hz by --rate"), "{error}");
        let error = timed(100_000, "x,y\n0,1\n0.01,2\n0.03,3\n").unwrap_err();
        assert!(error.contains("row 3, column `x`"), "{error}");
    }

    #[test]
    fn errors_name_the_place_and_what_to_do() {
        for (text, expected) in [
            ("", "a.csv: the file holds no rows"),
            ("a,b\n", "no rows of numbers"),
            ("a,b\n1,2\n3,nan\n", "a.csv: row 3, column `b`: `nan` is no sample; give --fill-gaps"),
            ("a,b\n1,2\n# cut here\n3,\n", "row 4, column `b`: the field is empty; give --fill-gaps"),
            ("a\n1\n2\n\n4\n", "row 4: the row is empty"),
            ("a,b\n1,2\n3,oops\n", "row 3, column `b`: `oops` is not a number; correct it"),
            ("a,b\n1,2\n3\n", "row 3: 1 fields where 2 are expected; complete the row"),
            ("a,b\n1,2\n3,4,5\n", "row 3: 3 fields where 2 are expected"),
            ("a,b\n1,2\n2,2\n", "column `b`: every value is 2, so no step can be found; give --lsb"),
            ("time\n1\n2\n", "the only column, `time`, holds times"),
        ] {
            let error = read(text, &at_100_hertz()).unwrap_err();
            assert!(error.contains(expected), "{text:?} gave {error}");
        }
        let error = read("a\n1\n2\n", &OpenOptions::default()).unwrap_err();
        assert!(error.contains("give --rate HZ, or --time COLUMN"), "{error}");
        let error = read("a,b\n1,2\n", &OpenOptions { columns: vec!["c".into()], ..at_100_hertz() }).unwrap_err();
        assert!(error.contains("no column `c`; give --columns one of a, b"), "{error}");
        let error = read("a\n1\n5e9\n", &OpenOptions { lsb: Some(1.0), ..at_100_hertz() }).unwrap_err();
        assert!(error.contains("row 3, column `a`") && error.contains("larger --lsb"), "{error}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn what_is_written_reads_as_the_same_physical_values(
            counts in prop::collection::vec(prop::array::uniform2(-100_000i32..100_000), 40..80),
            rate_millihertz in prop::sample::select(vec![360_000, 173_610, 8_000_000]),
        ) {
            let channel = |name: &str, counts_per_unit, offset| Channel {
                name: name.into(), unit: "mV".into(), counts_per_unit, offset, source_bits: Some(24),
            };
            let recording = Recording {
                name: "a".into(),
                rate_millihertz,
                channels: vec![channel("left, upper", 200.0, 1024), channel("#2", 409.6, -3)],
                samples: counts.concat(),
                start_time: None,
                comments: Vec::new(),
                remarks: Vec::new(),
            };
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("a.csv");
            save(&path, &recording, None).unwrap();
            let again = open(&path, &OpenOptions::default()).unwrap();
            prop_assert_eq!(again.rate_millihertz, rate_millihertz);
            prop_assert_eq!(&again.channels[0].name, "left, upper");
            for (old, new) in recording.samples.iter().zip(&again.samples).enumerate().map(|(index, (old, new))| {
                let physical = |count: i32, of: &Recording| {
                    let channel = &of.channels[index % 2];
                    f64::from(count - channel.offset) / channel.counts_per_unit
                };
                (physical(*old, &recording), physical(*new, &again))
            }) {
                prop_assert!((old - new).abs() < 1e-6, "{old} {new}");
            }
        }
    }
}
