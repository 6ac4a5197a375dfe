//! `vq eval --run`: what a run's codec makes of images.

use std::path::{Path, PathBuf};

use super::output;
use crate::images::{ImageEvaluation, WantedShape, open};
use crate::run::RunFolder;
use crate::train::{TrainedImages, prepare_process};

/// Measures a run's best checkpoint on images.
pub(super) fn run(run: &Path, images: &[PathBuf], device: &str, json: bool) -> anyhow::Result<()> {
    prepare_process(device)?;
    let trained = TrainedImages::load(&RunFolder::new(run), device)?;
    let shape = trained.record().images.shape;
    let tiles = trained.record().images.wanted.tiles;
    let wanted = WantedShape { channels: shape.channels, height: shape.height, width: shape.width, multiple: 1, tiles };
    let opened = open(images, wanted)?;
    opened.remarks.iter().for_each(|remark| output::note(remark));
    // Of a folder with a test set, that is what a run may be measured on.
    let evaluation = trained.evaluate(opened.test.as_ref().unwrap_or(&opened.images))?;
    match json {
        true => output::print(&serde_json::to_string(&evaluation)?),
        false => output::print(&table(&evaluation)),
    }
}

/// The figures, a line each.
pub(super) fn table(evaluation: &ImageEvaluation) -> String {
    let mut rows = vec![
        ("images measured".to_owned(), format!("{} of {}", evaluation.images, evaluation.shape)),
        ("PSNR".to_owned(), format!("{:.2} dB", evaluation.psnr_db)),
        ("mean absolute error, levels from -1 to 1".to_owned(), format!("{:.4}", evaluation.l1)),
        ("PRDN".to_owned(), format!("{:.2} %", evaluation.prdn_percent)),
    ];
    match evaluation.entropy_bits_per_pixel {
        Some(entropy) => {
            rows.push(("bits per pixel, codes in whole bits".into(), format!("{:.4}", evaluation.bits_per_pixel)));
            rows.push(("bits per pixel, at the entropy of use".into(), format!("{entropy:.4}")));
        }
        None => rows.push(("bits per pixel, divergence".into(), format!("{:.4}", evaluation.bits_per_pixel))),
    }
    for (index, symbol) in evaluation.symbols.iter().enumerate() {
        let name = if evaluation.symbols.len() == 1 { String::new() } else { format!(" of code {}", index + 1) };
        rows.push((format!("perplexity{name}"), format!("{:.1} of {}", symbol.perplexity, symbol.counts.len())));
        rows.push((format!("codes in use{name}"), format!("{:.1} %", symbol.active_percent)));
    }
    output::table(&rows.into_iter().map(|(label, value)| vec![label, value]).collect::<Vec<_>>())
}
