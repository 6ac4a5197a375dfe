//! Words and numbers as a page shows them.

/// Stands for a value that is missing or not finite.
pub(super) const NO_VALUE: &str = "–";

/// Groups of three digits are parted by a narrow space that does not break.
const GROUP_SPACE: char = '\u{202f}';

/// `text` for HTML and SVG: between tags or inside a quoted attribute.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            // XML, and so a stand-alone SVG, cannot hold these even when escaped.
            '\0'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => {
                escaped.push('\u{fffd}');
            }
            other => escaped.push(other),
        }
    }
    escaped
}

/// `value` with `digits` significant digits; whole numbers keep all of theirs.
pub(super) fn number(value: f64, digits: usize) -> String {
    if !value.is_finite() {
        return NO_VALUE.into();
    }
    let magnitude = value.abs();
    let sign = if value < 0.0 { "−" } else { "" };
    if magnitude.fract() == 0.0 && magnitude < 1e15 {
        return format!("{sign}{}", count(magnitude as u64));
    }
    let exponent = magnitude.log10().floor();
    if !(-5.0..15.0).contains(&exponent) {
        return format!("{sign}{magnitude:.*e}", digits.saturating_sub(1)).replace("e-", "e−");
    }
    let decimals = (digits as i64 - 1 - exponent as i64).max(0) as usize;
    let rounded = format!("{magnitude:.decimals$}");
    match rounded.split_once('.') {
        Some((whole, fraction)) => format!("{sign}{}.{fraction}", group(whole)),
        None => format!("{sign}{}", group(&rounded)),
    }
}

/// A round value, such as an axis has, with no more digits than it needs.
pub(super) fn round_number(value: f64) -> String {
    let digits = number(value, 6);
    match digits.split_once('.') {
        Some(_) => digits.trim_end_matches('0').trim_end_matches('.').into(),
        None => digits,
    }
}

/// A whole number in groups of three digits.
pub(super) fn count(value: u64) -> String {
    group(&value.to_string())
}

/// A length of time with its unit.
pub(super) fn duration(seconds: f64) -> String {
    let (value, unit) = match seconds {
        short if short < 120.0 => (short, "s"),
        medium if medium < 7_200.0 => (medium / 60.0, "min"),
        long => (long / 3_600.0, "h"),
    };
    format!("{}\u{a0}{unit}", number(value, 3))
}

fn group(digits: &str) -> String {
    let mut grouped = String::with_capacity(digits.len() * 2);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(GROUP_SPACE);
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escaping_leaves_nothing_that_html_reads() {
        assert_eq!(escape(r#"<b title='x' id="y">&"#), "&lt;b title=&#39;x&#39; id=&quot;y&quot;&gt;&amp;");
        assert_eq!(escape("a\u{7}b\tµV"), "a\u{fffd}b\tµV");
    }

    #[test]
    fn numbers_keep_significant_digits() {
        assert_eq!(number(0.766_6, 3), "0.767");
        assert_eq!(number(8.043_2, 3), "8.04");
        assert_eq!(number(14.35, 2), "14");
        assert_eq!(number(-0.05, 3), "−0.0500");
        assert_eq!(number(1_234.56, 3), "1\u{202f}235");
        assert_eq!(number(1_234.56, 6), "1\u{202f}234.56");
        assert_eq!(number(1_234_567.0, 3), "1\u{202f}234\u{202f}567");
        assert_eq!(number(1.25e-7, 3), "1.25e−7");
        assert_eq!(number(0.0, 3), "0");
    }

    #[test]
    fn round_numbers_have_no_needless_digits() {
        let values = [0.0, 3.0 * 0.1, 0.001, 1.5, 20.0, 1_500.0];
        assert_eq!(values.map(round_number), ["0", "0.3", "0.001", "1.5", "20", "1\u{202f}500"]);
    }

    #[test]
    fn what_is_no_number_is_a_dash() {
        for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert_eq!(number(value, 3), NO_VALUE);
        }
    }

    #[test]
    fn durations_choose_their_unit() {
        assert_eq!(duration(60.0), "60\u{a0}s");
        assert_eq!(duration(300.0), "5\u{a0}min");
        assert_eq!(duration(9_000.0), "2.50\u{a0}h");
        assert_eq!(duration(2.5), "2.50\u{a0}s");
    }
}
