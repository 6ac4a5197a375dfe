//! Whether a table fits into memory. Rows of text have no fixed size, so a table is read whole.

use std::path::Path;

use super::super::DataError;

/// Bytes that a table takes at most while it is read, for each byte of its text: the text, again while ends of line are made alike, and the numbers
/// with what finding their step takes. Two columns of six characters were measured at 7.4.
const BYTES_PER_BYTE: u64 = 8;

/// Refuses a table that would not fit into the memory that the system has left, where it says so.
pub(super) fn check(path: &Path) -> Result<(), DataError> {
    // A pipe has no length, and what cannot be looked at is said by who reads it.
    let Ok(found) = std::fs::metadata(path) else { return Ok(()) };
    refuse(&path.display().to_string(), found.len(), available())
}

fn refuse(file: &str, length: u64, available: Option<u64>) -> Result<(), DataError> {
    let needed = length.saturating_mul(BYTES_PER_BYTE);
    let Some(available) = available.filter(|available| needed > *available) else { return Ok(()) };
    let mib = |bytes: u64| bytes >> 20;
    Err(DataError::unsuitable(
        file,
        format!("reading this table takes about {} MiB of memory, and {} MiB are left", mib(needed), mib(available)),
        "text tables are read whole: save it as .npy, .wav, .edf or raw integers, which are read piece by piece, or split it",
    ))
}

/// Bytes of memory that programs can still have, as Linux tells it.
fn available() -> Option<u64> {
    available_in(&std::fs::read_to_string("/proc/meminfo").ok()?)
}

fn available_in(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib << 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_that_does_not_fit_is_refused_with_what_to_do() {
        let error = refuse("a.csv", 3 << 30, Some(8 << 30)).unwrap_err().to_string();
        assert!(error.contains("a.csv: ") && error.contains("24576 MiB") && error.contains("8192 MiB"), "{error}");
        assert!(error.contains(".npy"), "{error}");
        assert!(refuse("a.csv", 1 << 30, Some(8 << 30)).is_ok() && refuse("a.csv", 3 << 30, None).is_ok());
    }

    #[test]
    fn what_linux_says_is_read() {
        let text = "MemTotal:       16384000 kB\nMemFree:          100 kB\nMemAvailable:    8000000 kB\n";
        assert_eq!(available_in(text), Some(8_000_000 << 10));
        assert_eq!(available_in("MemTotal: 1 kB"), None);
    }
}
