//! Calendar and clock readings as recorders write them, without time zones.

/// Milliseconds in a day.
pub(super) const DAY: i64 = 86_400_000;

/// Days from 1970-01-01 to a day of the Gregorian calendar; `None` if there is no such day.
pub(super) fn days_from_date(year: i64, month: i64, day: i64) -> Option<i64> {
    if !(1..=12).contains(&month) || !(1..=9999).contains(&year) {
        return None;
    }
    // Years that begin in March end with the leap day, so that months have fixed lengths before it.
    let (shifted_year, shifted_month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let day_of_year = (153 * shifted_month + 2) / 5 + day - 1;
    let days = shifted_year * 365 + shifted_year.div_euclid(4) - shifted_year.div_euclid(100)
        + shifted_year.div_euclid(400)
        + day_of_year
        - 719_468;
    (date_from_days(days) == (year, month, day)).then_some(days)
}

/// Year, month and day, so many days after 1970-01-01.
pub(super) fn date_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (era * 400 + year_of_era + i64::from(month <= 2), month, day)
}

/// Seconds in a clock reading `[[hours:]minutes:]seconds[.fraction]`; hours may pass 23, for elapsed time.
pub(super) fn seconds_from_clock(text: &str) -> Option<f64> {
    let parts: Vec<&str> = text.split(':').collect();
    let (seconds, whole) = parts.split_last()?;
    if whole.len() > 2 || !seconds.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let mut total = 0.0;
    for part in whole {
        total = (total + f64::from(part.parse::<u32>().ok()?)) * 60.0;
    }
    let seconds = seconds.parse::<f64>().ok()?;
    (seconds.is_finite() && (whole.is_empty() || seconds < 60.0)).then_some(total + seconds)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_days() {
        assert_eq!(days_from_date(1970, 1, 1), Some(0));
        assert_eq!(days_from_date(2000, 3, 1), Some(11_017));
        assert_eq!(days_from_date(1975, 12, 31), Some(2_190));
        assert_eq!(days_from_date(2023, 2, 29), None);
        assert_eq!(days_from_date(2023, 13, 1), None);
        assert_eq!(days_from_date(2023, 4, 0), None);
    }

    #[test]
    fn known_clock_readings() {
        assert_eq!(seconds_from_clock("13:05:25.150"), Some(47_125.15));
        assert_eq!(seconds_from_clock("0:00.003"), Some(0.003));
        assert_eq!(seconds_from_clock("7"), Some(7.0));
        for wrong in ["", "1:60", "1:2:3:4", "1:-2", "a:3", "1:nan", "-1"] {
            assert_eq!(seconds_from_clock(wrong), None, "{wrong:?}");
        }
    }

    proptest! {
        #[test]
        fn date_and_back(days in -700_000i64..2_900_000) {
            let (year, month, day) = date_from_days(days);
            prop_assert_eq!(days_from_date(year, month, day), Some(days));
        }
    }
}
