//! A recording as a text table.

use std::fmt::Write as _;
use std::path::Path;

use super::super::{Channel, DataError, Recording, files};

/// Writes a text table: the time in seconds, then a column per channel in its unit.
pub(in crate::data) fn save(path: &Path, recording: &Recording) -> Result<(), DataError> {
    let mut text = String::from("time [s]");
    for Channel { name, unit, .. } in &recording.channels {
        let label = format!("{name} [{unit}]").replace('"', "\"\"");
        // Brackets and quotes keep names with commas or line ends in their column.
        let _ = if label.contains([',', '"', '\n', '\r', '#']) {
            write!(text, ",\"{label}\"")
        } else {
            write!(text, ",{label}")
        };
    }
    text.push('\n');
    for time in 0..recording.frames() {
        let _ = write!(text, "{}", time as f64 * 1000.0 / recording.rate_millihertz as f64);
        for (&count, channel) in recording.frame(time).iter().zip(&recording.channels) {
            let value = (f64::from(count) - f64::from(channel.offset)) / channel.counts_per_unit;
            let _ = write!(text, ",{value}");
        }
        text.push('\n');
    }
    files::write(path, text.as_bytes())
}
