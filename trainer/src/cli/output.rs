//! What the user sees: results, notes, errors.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::ensure;

use crate::data::files;

/// Writes a result to the standard output.
///
/// # Errors
/// If it cannot be written, as when its reader went away.
pub fn print(text: &str) -> anyhow::Result<()> {
    let mut output = std::io::stdout().lock();
    output.write_all(text.as_bytes())?;
    if !text.ends_with('\n') {
        output.write_all(b"\n")?;
    }
    output.flush()?;
    Ok(())
}

/// Tells the user what was found out, assumed or done.
pub(super) fn note(text: &str) {
    eprintln!("note: {text}");
}

/// Tells the user what is wrong without being an obstacle.
pub(super) fn warn(text: &str) {
    eprintln!("warning: {text}");
}

/// Refuses to write over something that the same command reads: its input, either file of a WFDB record that is the input, or the model.
pub(super) fn keep_inputs(output: &Path, input: &Path, model: &Path) -> anyhow::Result<()> {
    let there = |path: &Path| path.canonicalize().ok().filter(|path| path.is_file());
    let Some(written) = there(output).filter(|_| !files::is_pipe(output)) else { return Ok(()) };
    let is_record = input.extension().is_none_or(|ending| ending == "hea" || ending == "dat");
    let record = ["hea", "dat"].map(|ending| input.with_extension(ending));
    let mut read = record.iter().map(PathBuf::as_path).filter(|_| is_record).chain([input, model]).filter_map(there);
    ensure!(
        !read.any(|path| path == written),
        "{}: this command reads that file too, and it would be lost: give -o another name",
        output.display()
    );
    Ok(())
}

/// An error and its causes, each said once.
pub(super) fn describe(error: &anyhow::Error) -> String {
    let mut text = format!("error: {error}");
    for cause in error.chain().skip(1) {
        let cause = cause.to_string();
        // Some errors repeat their cause in their own words.
        if !text.contains(&cause) {
            text.push_str("\n  because: ");
            text.push_str(&cause);
        }
    }
    text
}

/// Whether the reader of our output went away.
pub(super) fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause.downcast_ref::<std::io::Error>().is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
    })
}

/// Columns of text: the first one aligned to the left, the others to the right.
pub fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
    let mut text = String::new();
    for row in rows {
        let cells = row.iter().zip(&widths).enumerate().map(|(column, (cell, &width))| match column {
            0 => format!("{cell:width$}"),
            _ => format!("{cell:>width$}"),
        });
        text.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::Context as _;

    #[test]
    fn causes_are_said_once() {
        let error: anyhow::Error = std::io::Error::other("no room").into();
        assert_eq!(describe(&error.context("a.csv: cannot write")), "error: a.csv: cannot write\n  because: no room");
        let told: anyhow::Result<()> = Err(std::io::Error::other("no room").into());
        let error = told.context("a.csv: cannot write: no room").unwrap_err();
        assert_eq!(describe(&error), "error: a.csv: cannot write: no room");
    }

    #[test]
    fn what_is_read_is_not_written_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        for name in ["a.csv", "m.vqm", "r.hea", "r.dat", "r.vqs", "other.dat"] {
            std::fs::write(path(name), "x").unwrap();
        }
        let refused = |output: &str, input: &str| keep_inputs(&path(output), &path(input), &path("m.vqm")).is_err();
        assert!(refused("a.csv", "a.csv") && refused("m.vqm", "a.csv"));
        for record in ["r", "r.hea", "r.dat"] {
            assert!(refused("r.dat", record) && refused("r.hea", record), "{record}");
        }
        assert!(!refused("other.dat", "r") && !refused("new.vqs", "a.csv"));
        // What was decoded from a stream may be decoded again.
        assert!(!refused("r.hea", "r.vqs") && !refused("r.dat", "r.vqs"));
        assert!(keep_inputs(Path::new("/dev/null"), Path::new("/dev/null"), Path::new("ecg")).is_ok());
    }

    #[test]
    fn tables_line_up() {
        let row = |a: &str, b: &str| vec![a.to_owned(), b.to_owned()];
        assert_eq!(table(&[row("record", "µV"), row("a", "12.5")]), "record    µV\na       12.5\n");
    }
}
