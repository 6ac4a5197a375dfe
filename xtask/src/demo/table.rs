//! The demo's result, as one table.

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::firmware::{Counts, Sizes};

/// A row: what, how much, in what, and how it was measured.
#[derive(Debug)]
pub(crate) struct Row {
    label: &'static str,
    value: f64,
    /// Digits after the point.
    digits: usize,
    unit: String,
    note: &'static str,
}

/// The rows, from what `vq export` and `vq eval` say, the image and the emulator.
pub(crate) fn rows(record: &Value, sizes: Sizes, counts: Counts) -> Result<Vec<Row>> {
    let number = |name: &str| {
        let value = record.get(name).and_then(Value::as_f64);
        value.with_context(|| format!("`vq eval --json` gives no number {name}"))
    };
    let row = |label, value, digits, unit: &str, note| Row { label, value, digits, unit: unit.into(), note };
    let bits = record.get("source_bits").and_then(Value::as_u64).context("`vq eval --json` gives no source_bits")?;
    Ok(vec![
        row("Rate", number("bits_per_sample")?, 3, "bits per sample", "packet headers included"),
        Row {
            unit: format!("to 1, against {bits} bits"),
            ..row("Compression", number("compression_ratio")?, 1, "", "")
        },
        row("PRDN", number("prdn_percent")?, 2, "%", "error against the signal without its mean"),
        row("PRD", number("prd_percent")?, 2, "%", "error against the signal with its mean"),
        row("RMSE", microvolts(record, number("rmse")?)?, 1, "µV", ""),
        row("Largest error", microvolts(record, largest(record)?)?, 0, "µV", ""),
        row("Encoding", counts.encode_instructions, 0, "instructions per sample", "Cortex-M4F, counted by QEMU"),
        row("Decoding", counts.decode_instructions, 0, "instructions per sample", "Cortex-M4F, counted by QEMU"),
        row("Flash", sizes.flash as f64, 0, "bytes", "code and model, encoder and decoder"),
        row("RAM", sizes.ram as f64, 0, "bytes", "static, encoder and decoder"),
        row("Stack", counts.stack_bytes as f64, 0, "bytes", "the most in use, with the example's file buffers"),
        row("Delay", number("delay_seconds")?, 2, "s", "sample in to sample out, packets filled up"),
    ])
}

/// The largest error in the record's unit.
fn largest(record: &Value) -> Result<f64> {
    let number = |name| record.get(name).and_then(Value::as_f64);
    // The ratio of the two RMSE is the size of a count.
    let count = number("rmse")
        .zip(number("rmse_lsb"))
        .map(|(rmse, rmse_lsb)| if rmse_lsb > 0.0 { rmse / rmse_lsb } else { 0.0 });
    let largest = number("max_error_lsb").zip(count).map(|(largest, count)| largest * count);
    largest.context("`vq eval --json` gives no numbers max_error_lsb, rmse and rmse_lsb")
}

fn microvolts(record: &Value, value: f64) -> Result<f64> {
    match record.get("unit").and_then(Value::as_str) {
        Some("mV") => Ok(value * 1e3),
        Some("uV" | "µV") => Ok(value),
        Some("V") => Ok(value * 1e6),
        unit => anyhow::bail!("the recording's unit is {unit:?}, not a voltage"),
    }
}

/// The rows for the terminal.
pub(crate) fn text(rows: &[Row]) -> String {
    let values: Vec<String> = rows.iter().map(|row| format!("{:.*}", row.digits, row.value)).collect();
    let label_width = rows.iter().map(|row| row.label.chars().count()).max().unwrap_or(0);
    let value_width = values.iter().map(String::len).max().unwrap_or(0);
    let unit_width = rows.iter().map(|row| row.unit.chars().count()).max().unwrap_or(0);
    let line = |(row, value): (&Row, &String)| {
        let line =
            format!("  {:label_width$}  {value:>value_width$} {:unit_width$}  {}", row.label, row.unit, row.note);
        format!("{}\n", line.trim_end())
    };
    rows.iter().zip(&values).map(line).collect()
}

/// The rows as `vq report --table` reads them.
pub(crate) fn json(rows: &[Row]) -> Value {
    let row = |row: &Row| json!({"label": row.label, "value": row.value, "unit": row.unit, "note": row.note});
    rows.iter().map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn demo_rows() -> Vec<Row> {
        let record = json!({"source_bits": 11, "bits_per_sample": 0.7654, "compression_ratio": 14.371, "prdn_percent": 8.43,
            "prd_percent": 8.2, "rmse": 0.02, "rmse_lsb": 4.0, "unit": "mV", "max_error_lsb": 70, "delay_seconds": 6.4});
        let counts =
            Counts { frames: 21_600, encode_instructions: 1234.4, decode_instructions: 999.6, stack_bytes: 4000 };
        rows(&record, Sizes { flash: 60_000, ram: 8000 }, counts).unwrap()
    }

    #[test]
    fn the_table_is_aligned_and_in_its_units() {
        let text = text(&demo_rows());
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[0].starts_with("  Rate           0.765 bits per sample"), "{text}");
        assert!(lines[1].contains(" 14.4 to 1, against 11 bits"), "{text}");
        assert!(lines[4].contains(" 20.0 µV"), "{text}");
        assert!(lines[5].contains(" 350 µV"), "{text}");
        assert!(lines[6].contains(" 1234 instructions per sample"), "{text}");
    }

    #[test]
    fn the_report_gets_the_same_rows() {
        let json = json(&demo_rows());
        assert_eq!(json.pointer("/0/label"), Some(&json!("Rate")));
        assert_eq!(json.pointer("/8/value"), Some(&json!(60_000.0)));
    }

    #[test]
    fn what_is_missing_is_named() {
        let error = rows(
            &json!({"source_bits": 11}),
            Sizes { flash: 0, ram: 0 },
            Counts { frames: 0, encode_instructions: 0.0, decode_instructions: 0.0, stack_bytes: 0 },
        );
        assert!(error.unwrap_err().to_string().contains("bits_per_sample"));
    }
}
