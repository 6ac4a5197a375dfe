//! The recurrent prior of a model: at the end of `vq train`, and by itself in `vq train --prior-only`.

use std::path::Path;
use std::sync::atomic::AtomicBool;

use anyhow::Context as _;
use vq_core::{Model, Options};

use super::output;
use crate::codec::HostCodec;
use crate::config::PriorConfig;
use crate::data::Recording;
use crate::export::choice::with_tables_of;
use crate::export::container::{ContainerError, assemble};
use crate::export::disassemble::disassemble;
use crate::export::file::ModelBytes;
use crate::export::priors::recurrent::RecurrentSizes;
use crate::run::NamedTensors;
use crate::train::prior::{Fitted, PriorSettings, Sizes, fit, qualities};
use crate::train::{Divided, StageProgress};

/// Most samples of all recordings together that they are compared on.
pub(super) const MOST_COMPARED: usize = 60_000;

/// What a training of priors is told.
pub(super) struct Retraining<'a> {
    pub(super) config: &'a PriorConfig,
    pub(super) seed: u64,
    /// The qualities to train for; all where none is named.
    pub(super) qualities: &'a [u8],
    /// Tensors of a prior that was trained together with the nets; empty where there is none.
    pub(super) start: NamedTensors,
}

/// Trains a prior for the model in a file on recordings that fit it, and writes the model with it.
pub(super) fn run(
    model: &Path,
    output: &Path,
    retraining: &Retraining<'_>,
    stop: &AtomicBool,
    open: impl FnOnce(&HostCodec<'_>) -> anyhow::Result<Divided>,
) -> anyhow::Result<()> {
    let bytes = ModelBytes::open(model)?;
    let name = || model.display().to_string();
    let codec = HostCodec::new(&bytes).with_context(name)?;
    let Divided { training, held_out } = open(&codec)?;
    let training = joined(&training);
    let held_out = firsts(&held_out, MOST_COMPARED / codec.kind().channels.len());
    // The model's own tables may have seen what candidates are compared on, or other signals than these.
    let parts = disassemble(codec.model()).ok_or(ContainerError::Unreadable).with_context(name)?;
    let chooses = parts.choice.is_some();
    let bytes = assemble(&with_tables_of(parts, &training).with_context(name)?)?;
    let retrained = train(bytes.model()?, &training, &joined(&held_out), retraining, stop).with_context(name)?;
    // Where codes are chosen by the prior, bits are not all that differs.
    if !chooses {
        compare(&codec, &retrained, &held_out, &qualities(retraining.qualities))?;
    }
    retrained.write(output)?;
    println!("Wrote {}.", output.display());
    Ok(())
}

/// Says where the model's own prior was better than the one that was trained.
fn compare(own: &HostCodec<'_>, new: &ModelBytes, held_out: &[Recording], qualities: &[u8]) -> anyhow::Result<()> {
    let bytes = |codec: &HostCodec<'_>| {
        let mut bytes = 0;
        for (recording, quality) in held_out.iter().flat_map(|recording| qualities.iter().map(move |q| (recording, *q)))
        {
            bytes += codec.encode(recording, codec.with_room(Options::new().quality(quality)))?.code_bytes;
        }
        anyhow::Ok(bytes as f64)
    };
    let (own, new) = (bytes(own)?, bytes(&HostCodec::new(new)?)?);
    if own < new {
        let more = 100.0 * (new / own - 1.0);
        output::warn(&format!(
            "what is held out takes {more:.1} % more bits than with the model's own prior, which may have been trained on it: try more recordings or --prior-steps, or keep the model as it is"
        ));
    }
    Ok(())
}

/// The first frames of every recording, as many of each and all together not too many.
pub(super) fn firsts(recordings: &[Recording], most_frames: usize) -> Vec<Recording> {
    let share = most_frames / recordings.len().max(1);
    let some = recordings.iter().filter(|recording| recording.frames() > 0);
    some.map(|recording| recording.slice(0..recording.frames().min(share))).collect()
}

/// Their samples, one behind the other.
pub(super) fn joined(recordings: &[Recording]) -> Vec<i32> {
    recordings.iter().flat_map(|recording| recording.samples.iter().copied()).collect()
}

/// The model with the best of the priors that are asked for. Prints what was measured.
pub(super) fn train(
    model: Model<'_>,
    training: &[i32],
    held_out: &[i32],
    retraining: &Retraining<'_>,
    stop: &AtomicBool,
) -> anyhow::Result<ModelBytes> {
    let settings = PriorSettings {
        sizes: Sizes::Latents(RecurrentSizes { hidden: 0, units: 0, skip: true, reach: 1, scale_rate: 0 }),
        steps: retraining.config.steps,
        learning_rate: retraining.config.learning_rate,
        seed: retraining.seed,
        qualities: qualities(retraining.qualities),
        start: retraining.start.clone(),
    };
    let mut parts = disassemble(model).ok_or(ContainerError::Unreadable)?;
    let mut progress = StageProgress::new(["prior", "hop"], 2, stop);
    let fitted = fit(&parts, training, held_out, retraining.config, &settings, &mut progress)?;
    output::print(&table(&fitted))?;
    warn_of_worse(&fitted);
    parts.priors = parts.priors.with_recurrent(fitted.recurrent, &parts.symbols);
    Ok(assemble(&parts.calibrate(training)?)?)
}

/// Says so where the prior that was asked for needs more bits than tables would.
fn warn_of_worse(fitted: &Fitted) {
    let [tables, others @ ..] = fitted.candidates.as_slice() else { return };
    let Some(best) = others.iter().min_by(|a, b| a.price().total_cmp(&b.price())) else { return };
    if fitted.recurrent.is_some() && best.bits > tables.bits {
        output::warn(&format!(
            "the trained prior needs {:.0} % more bits than tables would: train it longer with vq train --prior-only and more --prior-steps, or take --prior best, which keeps what is better",
            100.0 * (best.bits / tables.bits - 1.0)
        ));
    }
}

/// What was measured, a row for each prior.
fn table(fitted: &Fitted) -> String {
    let heading = ["prior", "against tables", "integers lose", "flash", "MACs per frame"].map(str::to_owned).to_vec();
    let tables = fitted.candidates.first().map_or(1.0, |tables| tables.bits);
    let rows = fitted.candidates.iter().map(|candidate| {
        vec![
            candidate.kind.map_or_else(|| "tables".to_owned(), |kind| format!("{kind:?}").to_lowercase()),
            format!("{:+.2} %", 100.0 * (candidate.bits / tables - 1.0)),
            format!("{:+.2} %", 100.0 * candidate.integer_loss),
            format!("{} bytes", candidate.flash),
            format!("{:.0}", candidate.macs_per_frame),
        ]
    });
    let rows: Vec<Vec<String>> = [heading].into_iter().chain(rows).collect();
    let [adapting, still] = fitted.adapting;
    let learned = 100.0 * (adapting / still - 1.0);
    format!("{}\nTables that also learned in every packet would need {learned:+.2} %.", output::table(&rows))
}
