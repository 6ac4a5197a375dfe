//! `vq train --prior-only`: another prior for a model that there is.

use std::path::Path;

use anyhow::Context as _;

use super::output;
use crate::codec::HostCodec;
use crate::config::PriorConfig;
use crate::export::container::{ModelParts, assemble};
use crate::export::disassemble::disassemble;
use crate::export::file::ModelBytes;
use crate::export::priors::recurrent::RecurrentSizes;
use crate::train::prior::{Fitted, PriorSettings, fit, qualities};

/// The part of every recording, at its end, that priors are compared on.
const HELD_OUT: f64 = 0.1;

/// What [`run`] is told.
pub(super) struct Retraining<'a> {
    pub(super) model: &'a Path,
    pub(super) output: &'a Path,
    pub(super) config: &'a PriorConfig,
    pub(super) seed: u64,
    pub(super) qualities: &'a [u8],
}

/// Trains a prior for a model on recordings that fit it, and writes the model with it.
pub(super) fn run(
    retraining: &Retraining<'_>,
    mut open: impl FnMut(&HostCodec<'_>) -> anyhow::Result<Vec<crate::data::Recording>>,
) -> anyhow::Result<()> {
    let bytes = ModelBytes::read(retraining.model)?;
    let name = || retraining.model.display().to_string();
    let codec = HostCodec::new(&bytes).with_context(name)?;
    let recordings = open(&codec)?;
    let (mut training, mut held_out) = (Vec::new(), Vec::new());
    for recording in &recordings {
        let channels = recording.channels.len();
        let split = ((1.0 - HELD_OUT) * recording.frames() as f64) as usize * channels;
        training.extend_from_slice(&recording.samples[..split]);
        // All recordings have their share of what is measured, however long they are.
        let share = (recording.samples.len() - split).min(MOST_MEASURED / recordings.len() / channels * channels);
        held_out.extend_from_slice(&recording.samples[split..split + share]);
    }
    let mut parts = disassemble(codec.model()).with_context(name)?;
    let fitted = train(&parts, &training, &held_out, retraining).with_context(name)?;
    output::print(&table(&fitted))?;
    parts.priors.recurrent = fitted.recurrent;
    assemble(&parts)?.write(retraining.output)?;
    println!("Wrote {}.", retraining.output.display());
    Ok(())
}

/// Most frames of all recordings that priors are compared on.
const MOST_MEASURED: usize = 60_000;

fn train(
    parts: &ModelParts,
    training: &[i32],
    held_out: &[i32],
    retraining: &Retraining<'_>,
) -> anyhow::Result<Fitted> {
    let settings = PriorSettings {
        sizes: RecurrentSizes { hidden: 0, units: 0, skip: true, reach: 16 },
        steps: retraining.config.steps,
        learning_rate: retraining.config.learning_rate,
        seed: retraining.seed,
        qualities: qualities(retraining.qualities),
    };
    let report =
        |kind, step, bits: f64| eprintln!("prior {kind:?}: step {step}/{}  {bits:.2} bits a hop", settings.steps);
    Ok(fit(parts, training, held_out, retraining.config.kind, &settings, report)?)
}

/// What was measured, a row for each prior.
pub(super) fn table(fitted: &Fitted) -> String {
    let heading = ["prior", "against tables", "integers lose", "flash", "MACs per frame"].map(str::to_owned).to_vec();
    let tables = fitted.candidates.first().map_or(1.0, |tables| tables.bits);
    let rows = fitted.candidates.iter().map(|candidate| {
        let kind = candidate.kind.map_or_else(|| "tables".to_owned(), |kind| format!("{kind:?}").to_lowercase());
        vec![
            kind,
            format!("{:+.2} %", 100.0 * (candidate.bits / tables - 1.0)),
            format!("{:+.2} %", 100.0 * candidate.integer_loss),
            format!("{} bytes", candidate.flash),
            format!("{:.0}", candidate.macs_per_frame),
        ]
    });
    let rows: Vec<Vec<String>> = [heading].into_iter().chain(rows).collect();
    output::table(&rows)
}
