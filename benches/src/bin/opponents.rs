//! `opponents`: the rate and distortion of the classical codecs, in the terms of `vq eval`.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use vq_benches::comparison::{Comparison, Figures};
use vq_benches::wavelet;
use vq_trainer::cli::{self, SignalArguments, StretchArguments};
use vq_trainer::data::Recording;

/// Measure the classical opponent of learned codecs: a CDF 9/7 wavelet codec with adaptive contexts.
///
/// Bits are its ideal code length, headers not counted. PRDN is 100·‖error‖/‖signal − mean‖, PRD is
/// 100·‖error‖/‖signal − zero‖; CR is against the source's own bits.
#[derive(Debug, Parser)]
struct Arguments {
    /// The recordings.
    #[arg(value_name = "RECORDS", required = true)]
    records: Vec<PathBuf>,
    /// Quantizer steps in counts: larger ones cost fewer bits.
    #[arg(long, value_name = "A,B,…", value_delimiter = ',', value_parser = step,
          default_values_t = [6.0, 9.0, 13.0, 18.0, 25.0, 35.0, 50.0, 70.0, 100.0, 140.0])]
    steps: Vec<f64>,
    /// Print JSON in place of the tables.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    stretch: StretchArguments,
    #[command(flatten)]
    signal: SignalArguments,
}

fn step(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(step) if step >= wavelet::FINEST_STEP && step.is_finite() => Ok(step),
        _ => Err(format!("not a step: give a number of counts from {}", wavelet::FINEST_STEP)),
    }
}

fn main() -> ExitCode {
    cli::exit_code(run(&Arguments::parse()))
}

fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let open = |path: &PathBuf| arguments.stretch.slice(arguments.signal.open(path)?);
    let recordings = arguments.records.iter().map(open).collect::<anyhow::Result<Vec<Recording>>>()?;
    let comparisons = arguments.steps.iter().map(|&step| Comparison::of_wavelet(&recordings, step));
    if arguments.json {
        return cli::print(&serde_json::to_string(&comparisons.collect::<Vec<_>>())?);
    }
    cli::print("CDF 9/7 wavelet, adaptive contexts; bits are the ideal code length, headers not counted")?;
    for comparison in comparisons {
        cli::print(&format!("\nstep {} LSB\n{}", comparison.step, cli::table(&rows(&comparison))))?;
    }
    Ok(())
}

fn rows(comparison: &Comparison) -> Vec<Vec<String>> {
    let headings = ["record", "source bits", "bits/sample", "CR", "PRDN %", "PRD %", "RMSE LSB", "max LSB"];
    let mut rows = vec![headings.map(str::to_owned).to_vec()];
    for row in &comparison.records {
        rows.push(cells(&row.name, row.source_bits, &row.figures, 0));
    }
    if comparison.records.len() > 1 {
        rows.push(cells("mean", None, &comparison.mean, 1));
    }
    rows
}

fn cells(name: &str, source_bits: Option<f64>, figures: &Figures, max_error_decimals: usize) -> Vec<String> {
    let number = |value: Option<f64>, decimals: usize| match value {
        Some(value) => format!("{value:.decimals$}"),
        None => "–".to_owned(),
    };
    vec![
        name.to_owned(),
        source_bits.map_or(String::new(), |bits| bits.to_string()),
        number(figures.bits_per_sample, 4),
        number(figures.compression_ratio, 2),
        number(figures.prdn_percent, 2),
        number(figures.prd_percent, 2),
        number(figures.rmse_lsb, 2),
        number(figures.max_error_lsb, max_error_decimals),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arguments_are_sound() {
        use clap::CommandFactory;
        Arguments::command().debug_assert();
    }

    #[test]
    fn steps_are_positive_numbers_of_counts() {
        assert_eq!(step("12.5"), Ok(12.5));
        for wrong in ["0", "-6", "nan", "inf", "1e-9", "six"] {
            assert!(step(wrong).is_err(), "{wrong}");
        }
    }
}
