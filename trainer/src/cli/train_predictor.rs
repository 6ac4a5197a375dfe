//! The predictor of bounded and lossless packets: at the end of `vq train`, and by itself in `vq train --residual-only`.

use std::path::Path;
use std::sync::atomic::AtomicBool;

use anyhow::Context as _;
use vq_core::{Model, Options};

use super::output;
use super::train_prior::firsts;
use crate::codec::HostCodec;
use crate::config::ResidualConfig;
use crate::data::Recording;
use crate::export::container::{ContainerError, assemble};
use crate::export::disassemble::disassemble;
use crate::export::file::ModelBytes;
use crate::train::predictor::{Candidate, Fitted, PredictorSettings, fit};
use crate::train::{Divided, StageProgress};

/// Most frames of all recordings together that they are compared on.
const MOST_COMPARED: usize = 60_000;

/// Trains a predictor for the model in a file on recordings that fit it, and writes the model with it.
pub(super) fn run(
    model: &Path,
    output: &Path,
    config: &ResidualConfig,
    seed: u64,
    stop: &AtomicBool,
    open: impl FnOnce(&HostCodec<'_>) -> anyhow::Result<Divided>,
) -> anyhow::Result<()> {
    let bytes = ModelBytes::open(model)?;
    let name = || model.display().to_string();
    let codec = HostCodec::new(&bytes).with_context(name)?;
    let Divided { training, held_out } = open(&codec)?;
    let retrained = train(codec.model(), &training, &held_out, config, seed, stop);
    retrained.with_context(name)?.write(output)?;
    println!("Wrote {}.", output.display());
    Ok(())
}

/// The model with the best of the predictors that are asked for. Prints what was measured.
pub(super) fn train(
    model: Model<'_>,
    training: &[Recording],
    held_out: &[Recording],
    config: &ResidualConfig,
    seed: u64,
    stop: &AtomicBool,
) -> anyhow::Result<ModelBytes> {
    let ResidualConfig { steps, learning_rate, filter_rate, .. } = *config;
    let settings = PredictorSettings { steps, learning_rate, filter_rate, seed };
    let mut parts = disassemble(model).ok_or(ContainerError::Unreadable)?;
    let held_out = firsts(held_out, MOST_COMPARED);
    let mut progress = StageProgress::new(["predictor", "sample"], 3, stop);
    let fitted = fit(&parts, training, &held_out, config.kind, settings, &mut progress)?;
    let bytes = Options::new().max_packet_bytes();
    output::print(&format!("Bits per sample as one stream / in packets of {bytes} bytes:\n{}", table(&fitted)))?;
    parts.predictor = fitted.predictor;
    Ok(assemble(&parts)?)
}

/// What was measured, a row for each predictor.
fn table(fitted: &Fitted) -> String {
    let heading = ["predictor", "lossless", "±1 LSB", "±5 LSB", "integers lose", "flash", "MACs per sample"];
    let row = |candidate: &Candidate| {
        let pairs = candidate.stream.into_iter().zip(candidate.packets);
        let bits = pairs.map(|(stream, packets)| format!("{stream:.3} / {packets:.3}"));
        let loss = candidate.integer_loss.map_or_else(|| "–".to_owned(), |loss| format!("{:+.2} %", 100.0 * loss));
        let rest = [loss, format!("{} bytes", candidate.flash), candidate.macs.to_string()];
        [format!("{:?}", candidate.kind).to_lowercase()].into_iter().chain(bits).chain(rest).collect()
    };
    let rows: Vec<Vec<String>> =
        [heading.map(str::to_owned).to_vec()].into_iter().chain(fitted.candidates.iter().map(row)).collect();
    output::table(&rows)
}
