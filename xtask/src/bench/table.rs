//! Rows for people and for programs.

use serde_json::{Value, json};

use super::measure::Code;

/// A case on a target.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Row {
    /// The target's name.
    pub(crate) target: &'static str,
    /// The case's name.
    pub(crate) case: String,
    /// Whose instructions.
    pub(crate) code: Code,
    /// Instructions.
    pub(crate) instructions: f64,
    /// Useful multiply-accumulates; none where nothing is multiplied.
    pub(crate) macs: Option<f64>,
    /// Registers moved from or to memory, where it was traced.
    pub(crate) words: Option<f64>,
    /// Cycles by the core's table, if it has one and it was traced.
    pub(crate) cycles: Option<f64>,
}

impl Row {
    /// Instructions per multiply-accumulate.
    pub(crate) fn per_mac(&self) -> Option<f64> {
        self.macs.filter(|macs| *macs > 0.0).map(|macs| self.instructions / macs)
    }
}

/// As `--json` prints them.
pub(crate) fn json(rows: &[Row]) -> Value {
    // A count is a whole number, a part of one per sample is not.
    let number = |value: f64| if value.fract() == 0.0 { json!(value as u64) } else { json!(value) };
    let row = |row: &Row| {
        json!({
            "target": row.target,
            "case": row.case,
            "instructions": number(row.instructions),
            "macs": row.macs.map(number),
            "instructions_per_mac": row.per_mac().map(|ratio| (ratio * 1000.0).round() / 1000.0),
            "words": row.words.map(number),
            "cycles_estimate": row.cycles.map(number),
        })
    };
    Value::Array(rows.iter().map(row).collect())
}

/// One table for each target, in the rows' order.
pub(crate) fn text(rows: &[Row]) -> String {
    let mut text = String::new();
    for (index, row) in rows.iter().enumerate() {
        if index.checked_sub(1).is_none_or(|before| rows[before].target != row.target) {
            text += &format!(
                "\n{:<32}{:>13}{:>13}{:>9}{:>13}{:>13}{:>9}\n",
                row.target, "instructions", "macs", "per mac", "words", "cycles", "per mac"
            );
        }
        let number = |value: Option<f64>, digits: usize| {
            value.map_or_else(|| "-".to_owned(), |value| format!("{value:.digits$}"))
        };
        let whole = |value: Option<f64>| number(value, usize::from(value.is_some_and(|value| value.fract() != 0.0)));
        let cycles_per_mac = row.macs.filter(|macs| *macs > 0.0).zip(row.cycles).map(|(macs, cycles)| cycles / macs);
        text += &format!(
            "{:<32}{:>13}{:>13}{:>9}{:>13}{:>13}{:>9}\n",
            row.case,
            whole(Some(row.instructions)),
            whole(row.macs),
            number(row.per_mac(), 3),
            whole(row.words),
            whole(row.cycles),
            number(cycles_per_mac, 2)
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_say_the_same_as_text_and_as_json() {
        let row = Row {
            target: "m4",
            case: "conv".into(),
            code: Code::Naked,
            instructions: 120.0,
            macs: Some(100.0),
            words: Some(40.0),
            cycles: None,
        };
        let sample = Row { case: "decode".into(), instructions: 12.5, macs: None, words: None, ..row.clone() };
        let value = json(&[row.clone(), sample.clone()]);
        assert_eq!(value[0]["instructions_per_mac"], json!(1.2));
        assert_eq!(value[0]["instructions"], json!(120));
        assert_eq!(value[0]["cycles_estimate"], Value::Null);
        assert_eq!(value[1]["instructions"], json!(12.5));
        let text = text(&[row, sample]);
        assert!(text.contains("1.200") && text.contains("12.5") && text.matches("instructions").count() == 1, "{text}");
    }
}
