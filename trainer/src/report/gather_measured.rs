//! Runs that no device codec measures, as a report shows them: on images, and of a VAE. Their figures are those that the trainer
//! left in the run's folder.

use super::data::{Fact, ResultRow, RunReport, StageUsage};
use super::gather::provenance;
use super::series::Series;
use super::text::number;
use crate::images::ImageEvaluation;
use crate::run::{ImageRunRecord, QuantizerRecord, RunRecord};

/// What a VAE's rate is, for those who compare it with bytes.
const DIVERGENCE: &str = "divergence of the latents from their prior; not coded";

/// Gathers a run on images: `evaluation` and the PNG `reconstructions` are there once it has finished.
#[must_use]
pub fn gather_images(
    name: &str,
    record: &ImageRunRecord,
    evaluation: Option<&ImageEvaluation>,
    reconstructions: Option<Vec<u8>>,
    series: Series,
    settings: String,
) -> RunReport {
    let mut facts = provenance(&record.made);
    let images = &record.images;
    facts.push(Fact::new(
        "images",
        format!("{}: {} trained on, {} held out", images.shape, images.training, images.held_out),
    ));
    let mut results = evaluation.map(rows).unwrap_or_default();
    let pixels = images.shape.pixels() as f64;
    let macs = |macs: usize| macs as f64 / pixels;
    results.extend([
        ResultRow::new("encoder", macs(record.encoder.multiply_accumulates()), "MAC/pixel", ""),
        ResultRow::new("decoder", macs(record.decoder.multiply_accumulates()), "MAC/pixel", ""),
        ResultRow::new("weights", (record.encoder.weights() + record.decoder.weights()) as u64, "", "of both nets"),
    ]);
    let symbols = evaluation.iter().flat_map(|evaluation| &evaluation.symbols);
    let usage = symbols.map(|symbol| match record.quantizer {
        QuantizerRecord::Scalar { .. } => StageUsage::from_integers(&symbol.counts),
        _ => StageUsage::from_counts(symbol.counts.clone()),
    });
    RunReport {
        name: name.into(),
        headline: Some(headline(record, evaluation)),
        reconstructions,
        results,
        usage: usage.collect(),
        series,
        command: record.made.command.clone(),
        settings,
        facts,
        ..RunReport::default()
    }
}

fn headline(record: &ImageRunRecord, evaluation: Option<&ImageEvaluation>) -> String {
    let (shape, latents) = (record.images.shape, record.decoder.input);
    let Some(evaluation) = evaluation else {
        return format!("Images of {shape} as latents of {latents}. Not evaluated yet: the run has not finished.");
    };
    format!(
        "{} held-out images of {shape} as latents of {latents}: {} bits per pixel, {} dB PSNR.",
        evaluation.images,
        number(evaluation.entropy_bits_per_pixel.unwrap_or(evaluation.bits_per_pixel), 3),
        number(evaluation.psnr_db, 4)
    )
}

fn rows(evaluation: &ImageEvaluation) -> Vec<ResultRow> {
    let has_codes = !evaluation.symbols.is_empty();
    let mut rows = vec![
        ResultRow::new("PSNR", evaluation.psnr_db, "dB", "whole levels, all pixels and channels"),
        ResultRow::new("mean absolute error", evaluation.l1, "", "levels from −1 to 1"),
        ResultRow::new("PRDN", evaluation.prdn_percent, "%", "100·‖x − x̂‖ / ‖x − mean x‖"),
        ResultRow::new(
            "bits per pixel",
            evaluation.entropy_bits_per_pixel.unwrap_or(evaluation.bits_per_pixel),
            "bit",
            "codes at the entropy of their use, or, of a VAE, divergence",
        ),
        ResultRow::new("rate counts", if has_codes { "codes" } else { DIVERGENCE }, "", ""),
    ];
    if has_codes {
        rows.push(ResultRow::new(
            "bits per pixel, whole bits",
            evaluation.bits_per_pixel,
            "bit",
            "each code by itself",
        ));
    }
    for (index, symbol) in evaluation.symbols.iter().enumerate() {
        let of = if evaluation.symbols.len() == 1 { String::new() } else { format!(", code {}", index + 1) };
        let codes = format!("of {}", symbol.counts.len());
        rows.push(ResultRow::new(&format!("perplexity{of}"), symbol.perplexity, "", &codes));
        rows.push(ResultRow::new(&format!("codes in use{of}"), symbol.active_percent, "%", "chosen at all"));
    }
    rows
}

/// Gathers a VAE's run on recordings, from the validation with the least error.
#[must_use]
pub fn gather_vae(name: &str, record: &RunRecord, series: Series, settings: String) -> RunReport {
    let best = series.best_validation().cloned().unwrap_or_default();
    let results = vec![
        ResultRow::new("bits per sample", best.bits_per_sample, "bit", ""),
        ResultRow::new("PRDN", best.prdn_percent, "%", "100·‖x − x̂‖ / ‖x − mean x‖"),
        ResultRow::new("rate counts", DIVERGENCE, "", "all other runs: every byte sent"),
    ];
    let headline = match (best.bits_per_sample, best.prdn_percent) {
        (Some(bits), Some(prdn)) => format!(
            "A VAE, which has no codes: {} bits of divergence per sample, {} % PRDN on the held-out frames.",
            number(bits, 3),
            number(prdn, 3)
        ),
        _ => "A VAE, which has no codes. Not measured yet.".into(),
    };
    RunReport {
        name: name.into(),
        headline: Some(headline),
        results,
        series,
        command: record.made.command.clone(),
        settings,
        facts: provenance(&record.made),
        ..RunReport::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::images::{ImageShape, SymbolUse};

    #[test]
    fn a_vae_and_codes_meet_in_the_same_rows() {
        let codes = ImageEvaluation {
            images: 4,
            shape: ImageShape { channels: 1, height: 8, width: 8 },
            psnr_db: 30.0,
            l1: 0.1,
            prdn_percent: 20.0,
            bits_per_pixel: 0.5,
            entropy_bits_per_pixel: Some(0.4),
            symbols: vec![SymbolUse::new(vec![1, 1, 2])],
        };
        let vae = ImageEvaluation { entropy_bits_per_pixel: None, symbols: Vec::new(), ..codes.clone() };
        let value = |evaluation: &ImageEvaluation, label: &str| {
            rows(evaluation).into_iter().find(|row| row.label == label).map(|row| row.value)
        };
        assert_eq!(value(&codes, "bits per pixel"), Some(0.4.into()));
        assert_eq!(value(&vae, "bits per pixel"), Some(0.5.into()));
        assert_eq!(value(&codes, "rate counts"), Some("codes".into()));
        assert_eq!((value(&codes, "codes in use"), value(&vae, "codes in use")), (Some(100.0.into()), None));
    }
}
