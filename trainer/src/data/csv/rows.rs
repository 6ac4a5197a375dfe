//! The rows of a table: every field checked, and read into its column.

use super::super::DataError;
use super::layout::{self, Layout, Number};
use super::times::{self, Times};

/// One signal column while it is read.
pub(super) struct Column {
    pub(super) index: usize,
    pub(super) values: Vec<f64>,
    /// The most decimals that a value was written with.
    pub(super) decimals: i32,
}

impl Column {
    pub(super) fn new(index: usize) -> Self {
        Self { index, values: Vec::new(), decimals: 0 }
    }
}

/// Reads all rows into the columns; returns their line numbers. With `gaps`, fields that hold no sample are not a number.
pub(super) fn read(
    file: &str,
    text: &str,
    layout: &Layout,
    columns: &mut [Column],
    mut times: Option<&mut (usize, Times)>,
    gaps: bool,
) -> Result<Vec<u64>, DataError> {
    let mut rows = Vec::new();
    let width = layout.names.len();
    let time_scale = times.as_ref().map_or(1.0, |&&mut (index, _)| {
        times::seconds_per_number(&layout.names[index], layout.units[index].as_deref())
    });
    for record in layout::reader(text, layout.delimiter).into_records().skip(layout.header_rows) {
        let record = record.map_err(|error| {
            DataError::unsuitable(file, format!("not a readable table: {error}"), "correct the file there")
        })?;
        let (row, blank) = record.position().map_or((0, false), |position| line_of_record(text, position));
        if blank && !rows.is_empty() {
            return Err(DataError::malformed(
                file,
                format!("row {}", row - 1),
                "the row is empty, and what follows would move in time",
                "fill the gap, delete the line, or cut the file there",
            ));
        }
        let trailing = record.iter().skip(width).all(str::is_empty);
        if record.len() < width || !trailing {
            return Err(DataError::malformed(
                file,
                format!("row {row}"),
                format!("{} fields where {width} are expected", record.len()),
                "complete the row, or cut the file there",
            ));
        }
        let field = |index: usize| layout::clean(record.get(index).unwrap_or_default());
        for column in columns.iter_mut() {
            let Number { value, decimals } =
                parse_field(field(column.index), layout.decimal_comma, gaps).map_err(|(what, remedy)| {
                    let name = &layout.names[column.index];
                    DataError::malformed(file, format!("row {row}, column `{name}`"), what, remedy)
                })?;
            column.values.push(value);
            column.decimals = column.decimals.max(decimals);
        }
        if let Some((index, times)) = &mut times
            && !times.push(field(*index), layout.decimal_comma, time_scale)
        {
            return Err(DataError::malformed(
                file,
                format!("row {row}, column `{}`", layout.names[*index]),
                format!("`{}` is not a time", shown(field(*index))),
                "write seconds, a clock reading or a date and a clock reading, or give --rate HZ and --columns",
            ));
        }
        rows.push(row);
    }
    Ok(rows)
}

/// The line that a record is on, and whether there is a blank line above it: its position is told from before the blank
/// lines and comments above it.
fn line_of_record(text: &str, position: &csv::Position) -> (u64, bool) {
    let rest = usize::try_from(position.byte()).ok().and_then(|start| text.get(start..)).unwrap_or_default();
    let above = || rest.lines().take_while(|line| line.is_empty() || line.starts_with('#'));
    (position.line() + above().count() as u64, above().any(str::is_empty))
}

/// A sample, or what is wrong with the field and what to do.
fn parse_field(field: &str, decimal_comma: bool, gaps: bool) -> Result<Number, (String, &'static str)> {
    let gap = "give --fill-gaps to hold the value before, or cut the file there";
    match Number::parse(field, decimal_comma) {
        Some(number) if number.value.is_finite() => Ok(number),
        Some(_) if gaps => Ok(Number { value: f64::NAN, decimals: 0 }),
        None if gaps && field.is_empty() => Ok(Number { value: f64::NAN, decimals: 0 }),
        Some(_) => Err((format!("`{}` is no sample", shown(field)), gap)),
        None if field.is_empty() => Err(("the field is empty".into(), gap)),
        None => Err((
            format!("`{}` is not a number", shown(field)),
            "correct it, or choose the signals with --columns and the times with --time",
        )),
    }
}

/// The start of a field as it can be printed, whatever is in it.
fn shown(field: &str) -> String {
    const LONGEST: usize = 40;
    let start: String = field.chars().take(LONGEST).collect();
    let dots = if start.len() < field.len() { "…" } else { "" };
    format!("{}{dots}", start.escape_debug())
}
