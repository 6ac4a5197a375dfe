//! `vq train --sweep`: a family of models, each trained at another price of bits, in folders of its own.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use super::output;
use super::train::{Arguments, best_validation, carry_out, default_folder, is_done, start};
use crate::run::{MetricsLog, Record, RunFolder};
use crate::train::{Job, Outcome};

/// Trains a model for each of `lambdas`. Runs that are there already are gone on with, and left alone if they are done.
pub(super) fn run(arguments: &Arguments, lambdas: &[f64], stop: &AtomicBool) -> anyhow::Result<()> {
    let family = arguments.output.clone().unwrap_or_else(|| default_folder("sweep"));
    let mut rows = Vec::new();
    for (number, &lambda) in lambdas.iter().enumerate() {
        let root = member(&family, lambda);
        eprintln!("sweep {} of {}: λ = {lambda}", number + 1, lambdas.len());
        let begun = RunFolder::new(&root).record().exists();
        let mut job =
            if begun { Job::resume(&root, &arguments.device)? } else { start(arguments, Some(&root), Some(lambda))? };
        if !is_done(&job) && carry_out(&mut job, arguments, stop)? == Outcome::Interrupted {
            println!("The same command goes on with the sweep.");
            return Ok(());
        }
        rows.push(row(&job, lambda)?);
    }
    let heading = ["λ", "held out, PRDN", "bits per sample", "training", "run"].map(str::to_owned).to_vec();
    let table = output::table(&[vec![heading], rows].concat());
    output::print(&table)
}

/// The folder of a member of the family.
fn member(family: &Path, lambda: f64) -> PathBuf {
    family.join(format!("lambda-{lambda}"))
}

/// What came of a run, in words.
fn row(job: &Job, lambda: f64) -> anyhow::Result<Vec<String>> {
    let best = best_validation(job)?;
    let or_none = |value: Option<String>| value.unwrap_or_else(|| "–".to_owned());
    let bits = entropy(job)?.or(best.map(|best| best.bits_per_sample));
    Ok(vec![
        lambda.to_string(),
        or_none(best.map(|best| format!("{:.2} %", best.prdn_percent))),
        or_none(bits.map(|bits| format!("{bits:.4}"))),
        format!("{:.0} s", job.record().made().training_seconds),
        job.folder().root().display().to_string(),
    ])
}

/// Bits per sample of a signal's codebooks by how often their codes were chosen at the end; of others the validation says more.
fn entropy(job: &Job) -> anyhow::Result<Option<f64>> {
    let config = job.session().config();
    let Record::Signal(record) = job.record() else { return Ok(None) };
    if !config.quantizer.kind.has_codebooks() {
        return Ok(None);
    }
    let lines = MetricsLog::read(&job.folder().metrics())?;
    let last = lines.iter().rev().find(|line| !line.entropy_bits.is_empty());
    let samples = (record.encoder.input_rows * record.signal.channels.len()) as f64;
    Ok(last.map(|line| line.entropy_bits.iter().sum::<f64>() / samples))
}
