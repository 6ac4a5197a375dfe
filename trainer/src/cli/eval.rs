//! `vq eval`: what a model costs and what it keeps.

use std::ops::Range;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use serde_json::Value;

use super::arguments::{CodingArguments, FitArguments, ModelArgument, SignalArguments, StretchArguments};
use super::output;
use crate::codec::HostCodec;
use crate::data::StoredRecording;
use crate::evaluate::{Evaluations, evaluate_stored};
use crate::laboratory::known_to_model;

/// Measure a model's rate and distortion on recordings.
///
/// Every figure is computed from the bytes that `vq encode` writes, headers included, and the samples that `vq decode`
/// returns. PRDN is 100·‖error‖/‖signal − mean‖, PRD is 100·‖error‖/‖signal − zero‖; samples are counted per channel,
/// bits per sample of a channel. Of speech there are the segmental SNR and the log-spectral distance too. Surprisal is the
/// bits that a packet's codes take in percent of what the model expects of ordinary signal: an anomaly score, of every packet in --json. A
/// run on images is measured on images with --run in place of --model.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The recordings.
    #[arg(value_name = "RECORDS", required = true)]
    records: Vec<PathBuf>,
    #[command(flatten)]
    model: Option<ModelArgument>,
    /// The folder of a run on images, in place of a model; then the records are images.
    #[arg(long, value_name = "RUN", required_unless_present = "model", conflicts_with = "model")]
    run: Option<PathBuf>,
    /// Where to run the nets of a run: cpu, cuda, cuda:1.
    #[arg(long, default_value = "cpu", requires = "run")]
    device: String,
    /// Print JSON in place of the table.
    #[arg(long)]
    json: bool,
    /// Measure on recordings that the model was trained on too.
    #[arg(long, conflicts_with = "run")]
    on_training_data: bool,
    #[command(flatten)]
    stretch: StretchArguments,
    #[command(flatten)]
    fit: FitArguments,
    #[command(flatten)]
    coding: CodingArguments,
    #[command(flatten)]
    signal: SignalArguments,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let Some(model) = &arguments.model else { return measure_run(arguments) };
    let bytes = model.read()?;
    let codec = model.codec(&bytes)?;
    let mut rows = Vec::new();
    for path in &arguments.records {
        let whole = arguments.signal.open_stored(path)?;
        let stretch = arguments.stretch.range(&whole)?;
        if !arguments.on_training_data {
            refuse_known(&codec, &whole, &stretch)?;
        }
        let recording = arguments.fit.admit_stored(whole.stretch(stretch), &codec)?;
        let options = arguments.coding.options(&codec, &recording.channels, recording.frames());
        let context = || path.display().to_string();
        rows.push(evaluate_stored(&codec, &recording, options.with_context(context)?).with_context(context)?);
    }
    let evaluations = Evaluations::new(rows);
    match arguments.json {
        true => output::print(&serde_json::to_string(&evaluations)?),
        false => output::print(&table(&evaluations)?),
    }
}

/// Refuses a stretch that the model was trained on: what it keeps of that says nothing of other recordings.
fn refuse_known(codec: &HostCodec<'_>, whole: &StoredRecording, stretch: &Range<usize>) -> anyhow::Result<()> {
    let known = known_to_model(&codec.model(), &whole.name, &whole.sha256()?, stretch);
    let Some(known) = known else { return Ok(()) };
    anyhow::bail!(
        "frames {} to {} of {} are among what this model was trained on: give other recordings or --from, or --on-training-data to \
         measure on them nevertheless",
        known.frames.start,
        known.frames.end,
        known.record
    )
}

#[cfg(feature = "train")]
fn measure_run(arguments: &Arguments) -> anyhow::Result<()> {
    let Some(run) = &arguments.run else { anyhow::bail!("give a model with --model, or a run on images with --run") };
    super::eval_images::run(run, &arguments.records, &arguments.device, arguments.json)
}

#[cfg(not(feature = "train"))]
fn measure_run(_: &Arguments) -> anyhow::Result<()> {
    anyhow::bail!("--run needs libtorch, and this program was built without it (--no-default-features)")
}

/// Key in the JSON, heading, decimals.
type Column = (&'static str, &'static str, usize);

const COLUMNS: [Column; 13] = [
    ("samples", "samples", 0),
    ("bits_per_sample", "bits/sample", 4),
    ("compression_ratio", "CR", 2),
    ("prdn_percent", "PRDN %", 2),
    ("prd_percent", "PRD %", 2),
    ("rmse_lsb", "RMSE LSB", 2),
    ("max_error_lsb", "max LSB", 0),
    ("snr_db", "SNR dB", 2),
    ("segmental_snr_db", "segmental SNR dB", 2),
    ("log_spectral_distance_db", "LSD dB", 2),
    ("delay_seconds", "delay s", 3),
    ("surprisal_percent", "surprisal %", 0),
    ("surprisal_max_percent", "highest %", 0),
];

fn table(evaluations: &Evaluations) -> anyhow::Result<String> {
    let is_speech = evaluations.records.iter().any(|row| row.log_spectral_distance_db.is_some());
    let of_speech = ["segmental_snr_db", "log_spectral_distance_db"];
    let columns: Vec<Column> = COLUMNS.into_iter().filter(|(key, ..)| is_speech || !of_speech.contains(key)).collect();
    let headings = ["record"].into_iter().chain(columns.iter().map(|(_, heading, _)| *heading)).chain(["RMSE"]);
    let mut rows = vec![headings.map(str::to_owned).collect::<Vec<String>>()];
    for row in &evaluations.records {
        rows.push(cells(&columns, &row.name, &serde_json::to_value(row)?));
    }
    if evaluations.records.len() > 1 {
        rows.push(cells(&columns, "mean", &Value::Object(evaluations.mean.clone())));
    }
    Ok(output::table(&rows))
}

fn cells(columns: &[Column], name: &str, row: &Value) -> Vec<String> {
    let number = |key: &str, decimals: usize| match row[key].as_f64() {
        Some(value) => format!("{value:.decimals$}"),
        None => "–".to_owned(),
    };
    let error = match row["unit"].as_str() {
        Some(unit) => format!("{} {unit}", number("rmse", 5)),
        None => "–".to_owned(),
    };
    let figures = columns.iter().map(|(key, _, decimals)| number(key, *decimals));
    [name.to_owned()].into_iter().chain(figures).chain([error]).collect()
}
