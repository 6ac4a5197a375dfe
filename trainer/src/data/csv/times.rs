//! A column of times: read in any of the usual notations, checked for even spacing, turned into a rate.

use super::super::{DataError, clock};
use super::layout::Number;

/// Names that a column of times has when nobody says which one it is.
const USUAL_NAMES: [&str; 6] = ["time", "t", "timestamp", "elapsed time", "time_s", "time_ms"];
/// How far an interval may be from the mean interval, as a part of it.
const JITTER: f64 = 0.05;

/// Times of the rows, as they are read.
#[derive(Debug)]
pub(super) struct Times {
    /// Seconds from a zero that all rows share.
    seconds: Vec<f64>,
    /// The least difference that the most precise row shows, in seconds.
    resolution: f64,
    /// Milliseconds since 1970-01-01 of the first row, if the notation has a date.
    pub(super) start: Option<i64>,
}

/// Whether a column of this name holds times.
pub(super) fn is_usual_name(name: &str) -> bool {
    USUAL_NAMES.iter().any(|usual| usual.eq_ignore_ascii_case(name))
}

/// Seconds in one of a column's numbers, from its unit or the end of its name.
pub(super) fn seconds_per_number(name: &str, unit: Option<&str>) -> f64 {
    let ending = name.rsplit_once('_').map(|(_, ending)| ending);
    match unit.or(ending) {
        Some("ms" | "msec" | "milliseconds") => 1e-3,
        Some("us" | "µs" | "μs" | "usec" | "microseconds") => 1e-6,
        Some("ns" | "nanoseconds") => 1e-9,
        Some("min" | "minutes") => 60.0,
        _ => 1.0,
    }
}

impl Times {
    pub(super) fn new() -> Self {
        Self { seconds: Vec::new(), resolution: f64::INFINITY, start: None }
    }

    /// Takes the next row's time: a number, a clock reading, or date and clock. `false` if it is none of them.
    pub(super) fn push(&mut self, field: &str, decimal_comma: bool, seconds_per_number: f64) -> bool {
        if let Some(Number { value, decimals }) = Number::parse(field, decimal_comma) {
            self.resolution = self.resolution.min(seconds_per_number * 10_f64.powi(-decimals));
            self.seconds.push(value * seconds_per_number);
            return value.is_finite();
        }
        let (date, time) = match field.split_once(['T', ' ']) {
            Some((date, time)) => (Some(date), time.trim_end_matches('Z')),
            None => (None, field),
        };
        let days = match date {
            None => Some(0),
            Some(date) => days_from(date),
        };
        let (Some(days), Some(seconds)) = (days, clock::seconds_from_clock(time)) else { return false };
        let decimals = time.split_once('.').map_or(0, |(_, fraction)| fraction.len());
        self.resolution = self.resolution.min(0.1_f64.powi(decimals as i32));
        let day_seconds = clock::DAY as f64 / 1000.0;
        self.seconds.push(days as f64 * day_seconds + seconds);
        if self.seconds.len() == 1 && date.is_some() {
            self.start = Some(days * clock::DAY + (seconds * 1000.0).round() as i64);
        }
        true
    }

    /// The rate in millihertz, if the rows are evenly spaced. `row` gives the number of the row with an index.
    pub(super) fn rate(&self, file: &str, column: &str, row: impl Fn(usize) -> u64) -> Result<u64, DataError> {
        let [first, .., last] = self.seconds[..] else {
            return Err(DataError::unsuitable(file, "one row has no rate", "give --rate HZ instead of --time"));
        };
        let intervals: Vec<f64> = self.seconds.windows(2).map(|pair| pair[1] - pair[0]).collect();
        let mean = (last - first) / intervals.len() as f64;
        if let Some((index, usual)) = self.first_uneven(&intervals).filter(|_| !self.is_rounded_grid(mean)) {
            return Err(DataError::malformed(
                file,
                format!("row {}, column `{column}`", row(index + 1)),
                format!(
                    "{:.6} s after the row before, where rows are usually {usual:.6} s apart; \
                     more than {} % of jitter cannot be taken for even sampling",
                    intervals[index],
                    JITTER * 100.0
                ),
                "resample the file to even times, or cut it at the gap, or give --rate HZ and leave the column out",
            ));
        }
        // The notation rounds both ends: a whole rate inside what that leaves open is the rate.
        let rate = 1.0 / mean;
        let open = rate * self.resolution / (last - first);
        let rate = if (rate - rate.round()).abs() <= open { rate.round() } else { rate };
        let millihertz = (rate * 1000.0).round();
        if !(1.0..1e15).contains(&millihertz) {
            return Err(DataError::unsuitable(file, format!("{rate} Hz is not a rate"), "give --rate HZ"));
        }
        Ok(millihertz as u64)
    }

    /// The first interval that is far from the usual one, and the usual one. Among times that the notation rounds
    /// coarsely, those are passed over that rounding explains, so that the row of the gap is named.
    fn first_uneven(&self, intervals: &[f64]) -> Option<(usize, f64)> {
        let mut sorted = intervals.to_vec();
        sorted.sort_unstable_by(f64::total_cmp);
        let usual = sorted[sorted.len() / 2];
        let beyond = |allowed: f64| intervals.iter().position(|interval| (interval - usual).abs() > allowed);
        let rounding = if usual >= 2.0 * self.resolution { self.resolution } else { 0.0 };
        let uneven = beyond(JITTER * usual + rounding).or_else(|| beyond(JITTER * usual))?;
        Some((uneven, usual))
    }

    /// Whether the times are those of an even grid, rounded to what the notation shows (2.8 ms is then 3 ms).
    fn is_rounded_grid(&self, mean: f64) -> bool {
        let even = |(index, time): (usize, &f64)| {
            (time - self.seconds[0] - index as f64 * mean).abs() <= 0.75 * self.resolution + 1e-9 * time.abs()
        };
        mean >= 2.0 * self.resolution && self.seconds.iter().enumerate().all(even)
    }
}

fn days_from(date: &str) -> Option<i64> {
    let mut parts = date.split(['-', '/']).map(|part| part.parse().ok());
    let (year, month, day) = (parts.next()??, parts.next()??, parts.next()??);
    if parts.next().is_some() {
        return None;
    }
    clock::days_from_date(year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(times: impl IntoIterator<Item = String>) -> Result<u64, String> {
        let mut column = Times::new();
        for time in times {
            assert!(column.push(&time, false, 1.0), "{time}");
        }
        column.rate("a.csv", "t", |index| index as u64 + 2).map_err(|error| error.to_string())
    }

    #[test]
    fn even_times_give_the_rate() {
        assert_eq!(rate((0..500).map(|t| format!("{}", f64::from(t) / 360.0))), Ok(360_000));
        assert_eq!(rate((0..500).map(|t| format!("{:.3}", f64::from(t) / 360.0))), Ok(360_000), "rounded to ms");
        assert_eq!(rate((0..500).map(|t| format!("{:.6}", f64::from(t) / 173.61))), Ok(173_610));
        assert_eq!(rate((0..90).map(|t| format!("0:{:02}.{:02}", t / 50, t % 50 * 2))), Ok(50_000));
        assert_eq!(rate((0..60).map(|t| format!("2024-02-29T23:59:{t:02}Z"))), Ok(1_000));
    }

    #[test]
    fn jitter_names_the_row() {
        let jittered =
            |part: f64| rate((0..100).map(|t| format!("{}", f64::from(t) + if t == 50 { part } else { 0.0 })));
        assert_eq!(jittered(0.04), Ok(1_000));
        let error = jittered(0.06).unwrap_err();
        assert!(error.contains("row 52, column `t`"), "{error}");
    }

    #[test]
    fn gaps_and_steps_back_are_jitter() {
        let error = rate((0..1000).map(|t| format!("{:.3}", f64::from(t + i32::from(t >= 500)) / 360.0))).unwrap_err();
        assert!(error.contains("row 502"), "{error}");
        let error = rate(["0", "1", "2", "1", "2"].map(String::from)).unwrap_err();
        assert!(error.contains("column `t`"), "{error}");
        assert!(rate(["1", "1", "1"].map(String::from)).is_err());
        assert!(rate(["1".to_owned()]).is_err());
    }

    #[test]
    fn notations() {
        let mut times = Times::new();
        assert!(times.push("2000-03-01 00:00:01.5", false, 1.0));
        assert_eq!(times.start, Some(11_017 * clock::DAY + 1_500));
        for wrong in ["", "yesterday", "2000-02-30 00:00", "nan"] {
            assert!(!times.push(wrong, false, 1.0), "{wrong}");
        }
        assert_eq!(seconds_per_number("time_ms", None), 1e-3);
        assert_eq!(seconds_per_number("t", Some("us")), 1e-6);
        assert_eq!(seconds_per_number("t", None), 1.0);
    }
}
