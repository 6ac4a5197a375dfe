//! A recording as a text table.

use std::fmt::Write as _;
use std::path::Path;

use super::super::{Channel, DataError, GapFill, Gaps, Recording, files};

/// Writes a text table: the time in seconds, then a column per channel in its unit.
pub(in crate::data) fn save(path: &Path, recording: &Recording) -> Result<(), DataError> {
    files::write(path, print(recording, None).as_bytes())
}

/// The table, with `nan` in gaps or a column that marks them.
pub(in crate::data) fn print(recording: &Recording, gaps: Option<(&Gaps, GapFill)>) -> String {
    let (states, fill) = match gaps {
        Some((gaps, fill)) => (gaps.states(recording.frames()), Some(fill)),
        None => (Vec::new(), None),
    };
    let marked = fill == Some(GapFill::Mark);
    let missing = if marked { "" } else { "nan" };
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
    text.push_str(if marked { ",gap\n" } else { "\n" });
    for time in 0..recording.frames() {
        let _ = write!(text, "{}", time as f64 * 1000.0 / recording.rate_millihertz as f64);
        for (&count, channel) in recording.frame(time).iter().zip(&recording.channels) {
            if states.get(time) == Some(&2) {
                let _ = write!(text, ",{missing}");
                continue;
            }
            let value = (f64::from(count) - f64::from(channel.offset)) / channel.counts_per_unit;
            let _ = write!(text, ",{value}");
        }
        if let Some(state) = states.get(time).filter(|_| marked) {
            let _ = write!(text, ",{state}");
        }
        text.push('\n');
    }
    text
}
