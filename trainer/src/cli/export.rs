//! `vq export`: from a training run to a model file.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use clap::Args;

use super::output;
use crate::budget::Cost;
use crate::config::Config;
use crate::export::Exported;
use crate::export::from_run::{TrainedRun, unfinished};
use crate::export::summary::{ExportSummary, Following, LoweringCost};
use crate::run::{MetricsLog, RunFolder};

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
    /// Which of the decoders that the run trained: the device's, or the large one of hosts, which decodes the same packets.
    #[arg(long, value_name = "WHICH", default_value = "device")]
    decoder: Decoder,
    /// Write the float model in place of the integer one: a reference for workstations.
    #[arg(long)]
    float: bool,
    /// Print JSON in place of the table.
    #[arg(long)]
    json: bool,
}

/// A decoder of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Decoder {
    Device,
    Host,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    keep_run(&arguments.run, &arguments.output)?;
    let folder = RunFolder::new(&arguments.run);
    let run = TrainedRun::load(&folder)?;
    warn_unfinished(&folder)?;
    let name = arguments.name.clone().unwrap_or_else(|| stem(&arguments.output));
    let context = || format!("{}: cannot export the run", arguments.run.display());
    let exported = match arguments.decoder {
        Decoder::Device => run.export(&name).with_context(context)?,
        Decoder::Host => run.export_for_host(&name).with_context(context)?.with_context(|| {
            format!(
                "{}: the run trained no decoder for hosts; give network.host_decoder its layers",
                arguments.run.display()
            )
        })?,
    };
    if arguments.decoder == Decoder::Device {
        warn_over_budget(&run, &exported)?;
    }
    let (summary, _) = ExportSummary::measure(&exported, run.held_out(), run.qualities.clone())?;
    let model = if arguments.float { &exported.float } else { &exported.integer };
    model.write(&arguments.output)?;
    if summary.lowering_cost_percent > ACCEPTED_COST_PERCENT {
        output::warn(&format!(
            "integer lowering raised the mean squared error by {:.1} %: train longer with fake quantization",
            summary.lowering_cost_percent
        ));
    }
    if run.qualities.start() == run.qualities.end() {
        let quality = summary.quality;
        output::note(&format!("the run trained for quality {quality} alone: use the model with --quality {quality}"));
    }
    if arguments.json {
        return output::print(&serde_json::to_string(&summary)?);
    }
    output::print(&table(&summary, &arguments.output))
}

/// Refuses to write over a file of the run, such as its configuration; models there are the user's.
fn keep_run(run: &Path, output: &Path) -> anyhow::Result<()> {
    let there = |path: &Path| path.canonicalize().ok();
    let (Some(run), Some(written)) = (there(run), there(output)) else { return Ok(()) };
    let is_model = written.extension().is_some_and(|ending| ending == "vqm") && written != RunFolder::new(&run).prior();
    ensure!(
        is_model || !written.starts_with(&run),
        "{}: that file is a part of the run, and it would be lost: give -o another name, one that ends in .vqm",
        output.display()
    );
    Ok(())
}

/// Tells what the run has not come to.
fn warn_unfinished(folder: &RunFolder) -> anyhow::Result<()> {
    let step = MetricsLog::read(&folder.metrics())?.last().map_or(0, |line| line.step);
    if let Some(unfinished) = unfinished(folder, &Config::load(&folder.config())?, step) {
        output::warn(&format!("{unfinished}; go on with: vq train --resume {}", folder.root().display()));
    }
    Ok(())
}

/// Tells where the model is over the budget of the run's configuration after all.
fn warn_over_budget(run: &TrainedRun, exported: &Exported) -> anyhow::Result<()> {
    if !run.budget.limits() {
        return Ok(());
    }
    let model = exported.integer.model()?;
    let nets = [&run.record.encoder, &run.record.decoder];
    let cost = Cost::of_model(&model, nets, run.record.signal.rate_millihertz, &run.budget);
    cost.excesses(&run.budget).iter().for_each(|excess| output::warn(excess));
    output::note(&cost.line());
    Ok(())
}

/// A file's name without its ending.
fn stem(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

fn table(summary: &ExportSummary, path: &Path) -> String {
    let percent = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), |value| format!("{value:.2} %"));
    let quality = summary.quality;
    let cost_label = format!("integers cost, MSE of nearest codes, quality {quality}");
    let following_label = format!("following an input that moves costs, quality {quality}");
    let most = |cost: Option<LoweringCost>, value: fn(&LoweringCost) -> f64| match cost
        .map(|cost| (value(&cost), cost.quality))
    {
        None => "–".to_owned(),
        Some((percent, quality)) if percent > 0.0 => format!("{percent:+.2} % (quality {quality})"),
        Some((percent, quality)) => format!("nothing: {percent:+.2} % (quality {quality})"),
    };
    let mut rows = vec![
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
        ("MSE, integer model", format!("{:.3} LSB²", summary.mse_lsb2)),
        (&*cost_label, format!("{:+.2} %", summary.lowering_cost_percent)),
        (
            "integers cost at most, MSE, a stretch at every quality",
            most(summary.dearest_in_error(), |cost| cost.mse_percent),
        ),
        (
            "integers cost at most, bits, a stretch at every quality",
            most(summary.dearest_in_bits(), |cost| cost.bits_percent),
        ),
    ];
    if let Some(Following { moved_packets, packets, mse_percent, bits_percent }) = summary.following {
        let value =
            format!("{mse_percent:+.2} % MSE, {bits_percent:+.2} % bits; {moved_packets} of {packets} packets moved");
        rows.push((&*following_label, value));
    }
    let rows: Vec<Vec<String>> = rows.into_iter().map(|(label, value)| vec![label.to_owned(), value]).collect();
    output::table(&rows)
}
