//! How a text table is laid out, found by looking at it: delimiter, header, units, decimal comma.

use super::super::clock;

/// Rows that are looked at.
const SNIFFED_ROWS: usize = 50;

/// The layout of a text table.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Layout {
    pub(super) delimiter: u8,
    pub(super) decimal_comma: bool,
    /// Rows before the first row of data: 0, 1 (names) or 2 (names, units).
    pub(super) header_rows: usize,
    /// The columns as the header calls them, without their units; `column 1`… if there is no header.
    pub(super) names: Vec<String>,
    /// The columns' units, where the header gives them.
    pub(super) units: Vec<Option<String>>,
}

/// A number as it is written: its value, and how many decimals it shows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::data) struct Number {
    pub(in crate::data) value: f64,
    pub(in crate::data) decimals: i32,
}

impl Number {
    /// Reads a number; `None` for anything else. The value may be infinite or not a number.
    pub(in crate::data) fn parse(text: &str, decimal_comma: bool) -> Option<Self> {
        let with_point;
        let text = if decimal_comma {
            with_point = text.replacen(',', ".", 1);
            &with_point
        } else {
            text
        };
        let value: f64 = text.parse().ok()?;
        let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
        let shown = mantissa.split_once('.').map_or(0, |(_, fraction)| fraction.len());
        let decimals = i32::try_from(shown).ok()?.saturating_sub(exponent.parse().unwrap_or(0));
        Some(Self { value, decimals })
    }
}

/// A field without the space and the quotes around it.
pub(super) fn clean(field: &str) -> &str {
    let field = field.trim();
    field.strip_prefix('\'').and_then(|inner| inner.strip_suffix('\'')).unwrap_or(field).trim()
}

/// The rows of a table, comments left out.
pub(super) fn reader(text: &str, delimiter: u8) -> csv::Reader<&[u8]> {
    csv::ReaderBuilder::new()
        .delimiter(delimiter)
        .has_headers(false)
        .flexible(true)
        .comment(Some(b'#'))
        .from_reader(text.as_bytes())
}

/// Turns columns set apart by runs of spaces into columns set apart by tabs; other text stays as it is.
pub(super) fn spaces_to_tabs(text: String) -> String {
    let rows: Vec<&str> = sniffed_lines(&text).collect();
    let delimited = rows.iter().any(|row| row.contains(['\t', ';', ',', '|']));
    let columns = |row: &&str| row.split_whitespace().count();
    if delimited || rows.last().map_or(1, columns) < 2 {
        return text;
    }
    // Comments keep their spaces; every line keeps its number.
    let lines = text.lines().map(|line| match line.starts_with('#') {
        true => line.to_owned(),
        false => line.split_whitespace().collect::<Vec<_>>().join("\t"),
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn sniffed_lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#')).take(SNIFFED_ROWS)
}

/// Whether a field is neither a number, nor a time, nor empty.
fn is_text(field: &str) -> bool {
    !field.is_empty()
        && Number::parse(field, true).is_none()
        && clock::seconds_from_clock(field).is_none()
        && !field.starts_with(|c: char| c.is_ascii_digit())
}

impl Layout {
    /// Looks at the start of a table; `None` if it holds no row.
    pub(super) fn sniff(text: &str) -> Option<Self> {
        let delimiter = sniff_delimiter(text);
        let rows: Vec<Vec<String>> = reader(text, delimiter)
            .records()
            .take(SNIFFED_ROWS)
            .map_while(Result::ok)
            .map(|record| record.iter().map(|field| clean(field).to_owned()).collect())
            .collect();
        let first = rows.first()?;
        let all_text = |row: &Vec<String>| row.iter().all(|field| field.is_empty() || is_text(field));
        let units_row = rows.get(1).filter(|row| all_text(first) && all_text(row) && row.len() == first.len());
        let data = &rows[1 + usize::from(units_row.is_some()).min(rows.len() - 1)..];
        // A header differs from what stands below it; a column of labels is text all the way down.
        let is_header = match data.first() {
            None => all_text(first),
            Some(below) => first.iter().zip(below).any(|(name, value)| is_text(name) && !is_text(value)),
        };
        let header_rows = if is_header { 1 + usize::from(units_row.is_some()) } else { 0 };
        let data = &rows[header_rows..];
        let decimal_comma = delimiter != b','
            && data
                .iter()
                .flatten()
                .any(|field| field.contains(',') && !field.contains('.') && Number::parse(field, true).is_some());
        let mut width = first.len();
        let empty_end = |width: usize| data.iter().all(|row| row.get(width - 1).is_none_or(String::is_empty));
        // A delimiter at the end of every row is not a column.
        while width > 1 && empty_end(width) && (!is_header || first[width - 1].is_empty()) {
            width -= 1;
        }
        let (names, units) = (0..width)
            .map(|column| {
                let label = if is_header { first[column].as_str() } else { "" };
                let (name, unit) = split_unit(label);
                let below = units_row.filter(|_| is_header).map(|row| row[column].clone());
                let name = if name.is_empty() { format!("column {}", column + 1) } else { name.to_owned() };
                (name, below.or(unit.map(str::to_owned)).filter(|unit| !unit.is_empty()))
            })
            .unzip();
        Some(Self { delimiter, decimal_comma, header_rows, names, units })
    }
}

/// The delimiter that splits most rows into the same number of fields; the comma comes last but one, because it may be
/// the decimal point.
fn sniff_delimiter(text: &str) -> u8 {
    let agreeing_rows = |delimiter: char| {
        let counts: Vec<usize> = sniffed_lines(text).map(|line| line.matches(delimiter).count()).collect();
        counts
            .iter()
            .filter(|&&count| count > 0)
            .map(|count| counts.iter().filter(|other| *other == count).count())
            .max()
            .unwrap_or(0)
    };
    let mut best = (0, ',');
    for delimiter in ['\t', ';', ',', '|'] {
        let rows = agreeing_rows(delimiter);
        if rows > best.0 {
            best = (rows, delimiter);
        }
    }
    best.1 as u8
}

/// `MLII [mV]`, `MLII (mV)` or `MLII` as name and unit.
fn split_unit(label: &str) -> (&str, Option<&str>) {
    for (open, close) in [('[', ']'), ('(', ')')] {
        if let Some((name, unit)) = label.strip_suffix(close).and_then(|rest| rest.rsplit_once(open)) {
            return (name.trim(), Some(unit.trim()));
        }
    }
    (label, None)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sniff(text: &str) -> (char, bool, usize, String) {
        let layout = Layout::sniff(&spaces_to_tabs(text.to_owned())).unwrap();
        (layout.delimiter as char, layout.decimal_comma, layout.header_rows, layout.names.join("|"))
    }

    #[test]
    fn delimiters_headers_and_decimal_commas() {
        for (text, expected) in [
            ("t,ecg\n0,1.5\n1,2\n", (',', false, 1, "t|ecg")),
            ("1.5\n2.5\n", (',', false, 0, "column 1")),
            ("ecg\n2.5\n", (',', false, 1, "ecg")),
            ("1;2\n3;4\n", (';', false, 0, "column 1|column 2")),
            ("a;b\n1,5;2\n3;4,25\n", (';', true, 1, "a|b")),
            ("a\tb\n1,5\t2,5\n", ('\t', true, 1, "a|b")),
            ("a|b\n1|2\n", ('|', false, 1, "a|b")),
            ("  1.0   2.0\n  3.0  -4.0\n", ('\t', false, 0, "column 1|column 2")),
            ("# a, comment\n1,2,\n3,4,\n", (',', false, 0, "column 1|column 2")),
            ("'Elapsed time','MLII'\n'hh:mm:ss','mV'\n'0:00.000',-0.145\n", (',', false, 2, "Elapsed time|MLII")),
            ("2024-01-01 00:00:00,5\n2024-01-01 00:00:01,6\n", (',', false, 0, "column 1|column 2")),
            ("beat,ecg\nN,5\nN,6\n", (',', false, 1, "beat|ecg")),
            ("N,5\nN,6\n", (',', false, 0, "column 1|column 2")),
            ("nan,5\n4,6\n", (',', false, 0, "column 1|column 2")),
        ] {
            let (delimiter, comma, rows, names) = sniff(text);
            assert_eq!((delimiter, comma, rows, names.as_str()), expected, "{text:?}");
        }
        assert_eq!(Layout::sniff("# nothing\n\n"), None);
    }

    #[test]
    fn units_from_brackets_or_from_the_second_row() {
        let units = |text: &str| Layout::sniff(text).unwrap().units;
        assert_eq!(units("t [ms],a (uV),b\n1,2,3\n"), [Some("ms".into()), Some("uV".into()), None]);
        assert_eq!(units("t,a\n,mV\n1,2\n"), [None, Some("mV".into())]);
    }

    #[test]
    fn numbers_know_their_decimals() {
        let parse = |text| Number::parse(text, false).map(|number| (number.value, number.decimals));
        assert_eq!(parse("-0.145"), Some((-0.145, 3)));
        assert_eq!(parse("12"), Some((12.0, 0)));
        assert_eq!(parse("1.25e-3"), Some((0.001_25, 5)));
        assert_eq!(parse("1.25E2"), Some((125.0, 0)));
        assert_eq!(parse("1,5"), None);
        assert_eq!(Number::parse("1,5", true), Some(Number { value: 1.5, decimals: 1 }));
    }
}
