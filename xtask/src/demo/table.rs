//! The demo's result, as one table.

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use crate::firmware::{Counts, Sizes};

/// A row: what, how much, in what, and how it was measured.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    label: &'static str,
    value: f64,
    /// Digits after the point.
    digits: usize,
    unit: String,
    note: &'static str,
}

impl Row {
    fn new(label: &'static str, value: f64, digits: usize, unit: &str, note: &'static str) -> Self {
        Self { label, value, digits, unit: unit.to_owned(), note }
    }
}

/// What `vq eval --json` says of a record.
pub(crate) fn codec_rows(record: &Value) -> Result<Vec<Row>> {
    let number = |name: &str| {
        let value = record.get(name).and_then(Value::as_f64);
        value.with_context(|| format!("`vq eval --json` gives no number {name}"))
    };
    let against = format!("to 1, against {} bits", number("source_bits")?);
    let microvolts_per_count = microvolts(record)? * number("rmse")? / number("rmse_lsb")?.max(f64::MIN_POSITIVE);
    Ok(vec![
        Row::new("Rate", number("bits_per_sample")?, 3, "bits per sample", "every byte sent, headers included"),
        Row::new("Compression", number("compression_ratio")?, 1, &against, ""),
        Row::new("PRDN", number("prdn_percent")?, 2, "%", "error against the signal without its mean"),
        Row::new("PRD", number("prd_percent")?, 2, "%", "error against the signal from its zero"),
        Row::new("RMSE", number("rmse_lsb")? * microvolts_per_count, 1, "µV", ""),
        Row::new("Largest error", number("max_error_lsb")? * microvolts_per_count, 0, "µV", ""),
        Row::new("Delay", number("delay_seconds")?, 2, "s", "from a sample to its decoded value, packets filled up"),
    ])
}

/// What the image and the emulator say.
pub(crate) fn device_rows(sizes: Sizes, counts: Counts) -> Vec<Row> {
    const BY_QEMU: &str = "Cortex-M4F, counted by QEMU";
    vec![
        Row::new("Encoding", counts.encode_instructions, 0, "instructions per sample", BY_QEMU),
        Row::new("Decoding", counts.decode_instructions, 0, "instructions per sample", BY_QEMU),
        Row::new("Flash", sizes.flash as f64, 0, "bytes", "code and model, to encode and to decode"),
        Row::new("RAM", sizes.ram as f64, 0, "bytes", "static, to encode and to decode"),
        Row::new(
            "Stack",
            counts.stack_bytes as f64,
            0,
            "bytes",
            "the most in use, the example's file buffers included",
        ),
    ]
}

/// Microvolts per unit of the record.
fn microvolts(record: &Value) -> Result<f64> {
    match record.get("unit").and_then(Value::as_str) {
        Some("V") => Ok(1e6),
        Some("mV") => Ok(1e3),
        Some("uV" | "µV") => Ok(1.0),
        unit => bail!("`vq eval --json` gives the unit {unit:?}, not a voltage"),
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

    fn record() -> Value {
        json!({"source_bits": 11, "bits_per_sample": 0.7654, "compression_ratio": 14.371, "prdn_percent": 8.43,
            "prd_percent": 8.2, "rmse": 0.02, "rmse_lsb": 4.0, "unit": "mV", "max_error_lsb": 70, "delay_seconds": 6.4})
    }

    fn device() -> Vec<Row> {
        let counts = Counts {
            frames: 21_600,
            encode_instructions: 1234.4,
            decode_instructions: 999.6,
            stack_bytes: 4000,
            polls: None,
        };
        device_rows(Sizes { flash: 60_000, ram: 8000 }, counts)
    }

    #[test]
    fn the_table_is_aligned_and_in_its_units() {
        let text = text(&[codec_rows(&record()).unwrap(), device()].concat());
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[0].starts_with("  Rate           0.765 bits per sample"), "{text}");
        assert!(lines[1].contains(" 14.4 to 1, against 11 bits"), "{text}");
        assert!(lines[4].contains(" 20.0 µV"), "{text}");
        assert!(lines[5].contains(" 350 µV"), "{text}");
        assert!(lines[7].contains(" 1234 instructions per sample"), "{text}");
    }

    #[test]
    fn the_report_gets_the_devices_rows() {
        let json = json(&device());
        assert_eq!(json.pointer("/0/label"), Some(&json!("Encoding")));
        assert_eq!(
            json.pointer("/2"),
            Some(&json!({"label": "Flash", "value": 60_000.0, "unit": "bytes",
            "note": "code and model, to encode and to decode"}))
        );
    }

    #[test]
    fn what_is_missing_or_no_voltage_is_named() {
        let without = |name: &str| {
            let mut record = record();
            record.as_object_mut().unwrap().remove(name);
            codec_rows(&record).unwrap_err().to_string()
        };
        assert!(without("bits_per_sample").contains("bits_per_sample"));
        assert!(without("unit").contains("not a voltage"));
    }
}
