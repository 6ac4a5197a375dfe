//! `vq export`: from a training run to a model file.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;

use super::output;
use crate::export::from_run::TrainedRun;
use crate::export::summary::ExportSummary;
use crate::run::RunFolder;

/// Largest rise of the mean squared error by integer lowering that is not worth a warning, in percent.
const ACCEPTED_COST_PERCENT: f64 = 3.0;

/// Turn a training run into a model for the device.
///
/// Brings weights, activations and codes into integers, proves that no accumulator can overflow, and measures on the run's
/// held-out frames what that costs. The model file holds everything that a device or a gateway needs.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The run's folder.
    run: PathBuf,
    /// The model file to write.
    #[arg(short, long, value_name = "MODEL.vqm")]
    output: PathBuf,
    /// The model's name, which streams carry; the file's if not given.
    #[arg(long)]
    name: Option<String>,
    /// Write the float model in place of the integer one: a reference for workstations.
    #[arg(long)]
    float: bool,
    /// Print JSON in place of the table.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let run = TrainedRun::load(&RunFolder::new(&arguments.run))?;
    let name = arguments.name.clone().unwrap_or_else(|| stem(&arguments.output));
    let exported = run.export(&name).with_context(|| format!("{}: cannot export the run", arguments.run.display()))?;
    let (summary, _) = ExportSummary::measure(&exported, run.held_out())?;
    let model = if arguments.float { &exported.float } else { &exported.integer };
    model.write(&arguments.output)?;
    if summary.lowering_cost_percent() > ACCEPTED_COST_PERCENT {
        output::warn(&format!(
            "integer lowering raised the mean squared error by {:.1} %: train longer with fake quantization",
            summary.lowering_cost_percent()
        ));
    }
    if arguments.json {
        return output::print(&serde_json::to_string(&summary)?);
    }
    output::print(&table(&summary, &arguments.output))
}

/// A file's name without its ending.
fn stem(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

fn table(summary: &ExportSummary, path: &Path) -> String {
    let percent = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), |value| format!("{value:.2} %"));
    let rows = [
        ("model", path.display().to_string()),
        ("flash for the model", format!("{} bytes", summary.model_bytes)),
        ("RAM to encode (packets of 244 bytes)", format!("{} bytes", summary.encoder_memory_bytes)),
        ("RAM to decode", format!("{} bytes", summary.decoder_memory_bytes)),
        ("multiply-accumulates per sample, encoder", format!("{:.0}", summary.encoder_macs_per_frame)),
        ("multiply-accumulates per sample, decoder", format!("{:.0}", summary.decoder_macs_per_frame)),
        ("delay, packet filling included", format!("{:.3} s", summary.delay_seconds)),
        ("bits per sample, all bytes counted", format!("{:.4}", summary.bits_per_sample)),
        ("PRDN, float model", percent(summary.float_prdn_percent)),
        ("PRDN, integer model", percent(summary.prdn_percent)),
        ("MSE, float model", format!("{:.3} LSB²", summary.float_mse_lsb2)),
        ("MSE, integer model", format!("{:.3} LSB² ({:+.2} %)", summary.mse_lsb2, summary.lowering_cost_percent())),
    ];
    output::table(&rows.map(|(label, value)| vec![label.to_owned(), value]))
}
