//! `vq report`: one self-contained page for one or several runs.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;
use serde::Deserialize;

use crate::export::from_run::TrainedRun;
use crate::images::ImageEvaluation;
use crate::report::data::{ReportData, ResultRow, RunReport};
use crate::report::gather::gather;
use crate::report::gather_measured::{gather_images, gather_vae};
use crate::report::series::Series;
use crate::report::{page, picture};
use crate::run::{QuantizerRecord, Record, RunFolder, write_atomically};

/// Show training runs on one page: waveforms, curves, code usage, results.
///
/// The page loads nothing from the network. Everything that it says about a codec comes from the exported integer model
/// run over the held-out frames; of runs on images and of VAEs, from what training measured on those held out.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The runs' folders.
    #[arg(value_name = "RUN", required = true)]
    runs: Vec<PathBuf>,
    /// The page to write; `report.html` in the first run's folder if not given.
    #[arg(short, long, value_name = "REPORT.html")]
    output: Option<PathBuf>,
    /// More results for the first run's table, measured elsewhere: a JSON list of {"label", "value", "unit", "note"}.
    #[arg(long, value_name = "TABLE.json")]
    table: Option<PathBuf>,
    /// Draw a few seconds of the first run as an SVG too.
    #[arg(long, value_name = "PICTURE.svg")]
    picture: Option<PathBuf>,
    /// Where the picture starts, in seconds of the recording; the first held-out frame if not given.
    #[arg(long, value_name = "SECONDS", requires = "picture")]
    picture_from: Option<f64>,
    /// How long the picture is.
    #[arg(long, value_name = "SECONDS", default_value_t = 6.0, requires = "picture")]
    picture_seconds: f64,
}

/// A row of `--table`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TableRow {
    label: String,
    value: f64,
    #[serde(default)]
    unit: String,
    #[serde(default)]
    note: String,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let mut runs = Vec::new();
    for folder in &arguments.runs {
        runs.push(report(folder).with_context(|| format!("{}: cannot report on the run", folder.display()))?);
    }
    if let (Some(path), Some(first)) = (&arguments.table, runs.first_mut()) {
        first.results.extend(read_table(path)?);
    }
    let title = runs.iter().map(|run| run.name.as_str()).collect::<Vec<_>>().join(", ");
    let data = ReportData { title, program_version: env!("CARGO_PKG_VERSION").into(), runs };
    let output = arguments.output.clone().unwrap_or_else(|| RunFolder::new(&arguments.runs[0]).report());
    write_atomically(&output, page(&data).as_bytes())?;
    eprintln!("wrote {}", output.display());
    if let Some(path) = &arguments.picture {
        let start = |run: &RunReport| run.waveform.as_ref().map(|wave| wave.first_frame as f64 / wave.rate());
        let from = arguments.picture_from.or_else(|| data.runs.first().and_then(start)).unwrap_or(0.0);
        let drawing = picture(&data, from, arguments.picture_seconds).with_context(|| {
            format!("the first run has no held-out frames at {from} s to draw; give --picture-from")
        })?;
        write_atomically(path, drawing.as_bytes())?;
        eprintln!("wrote {}", path.display());
    }
    Ok(())
}

fn report(folder: &Path) -> anyhow::Result<RunReport> {
    let files = RunFolder::new(folder);
    let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let record = Record::load(&files.record())?;
    let series = Series::read(&files.metrics())?;
    let settings = std::fs::read_to_string(files.config()).with_context(|| files.config().display().to_string())?;
    match record {
        Record::Image(record) => {
            let evaluation = files.evaluation().exists().then(|| read_evaluation(&files.evaluation())).transpose()?;
            let pictures = std::fs::read(files.reconstructions()).ok();
            Ok(gather_images(&name, &record, evaluation.as_ref(), pictures, series, settings))
        }
        Record::Signal(record) if matches!(record.quantizer, QuantizerRecord::Gaussian { .. }) => {
            Ok(gather_vae(&name, &record, series, settings))
        }
        Record::Signal(_) => {
            let run = TrainedRun::load(&files)?;
            let exported = run.export(&name)?;
            Ok(gather(&name, &run, &exported, series, settings)?)
        }
    }
}

fn read_evaluation(path: &Path) -> anyhow::Result<ImageEvaluation> {
    let name = || format!("{}: cannot read the evaluation; remove it, or train again", path.display());
    let text = std::fs::read_to_string(path).with_context(name)?;
    serde_json::from_str(&text).with_context(name)
}

fn read_table(path: &Path) -> anyhow::Result<Vec<ResultRow>> {
    let text = std::fs::read_to_string(path).with_context(|| format!("{}: cannot read the table", path.display()))?;
    let rows: Vec<TableRow> =
        serde_json::from_str(&text).with_context(|| format!("{}: not a table of results", path.display()))?;
    Ok(rows.iter().map(|row| ResultRow::new(&row.label, row.value, &row.unit, &row.note)).collect())
}
