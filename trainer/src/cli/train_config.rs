//! The configuration of a run: a preset, a file over it, options over that, and a budget that makes the nets smaller.

use super::output;
use super::train::Arguments;
use crate::budget;
use crate::config::{Config, Preset, PriorKind, QuantizerKind};
use crate::images::first_shape;
use crate::run::{ChannelRecord, SignalRecord};
use crate::train::{Source, torch_version};

/// More latents than these a configuration may not have.
const MOST_LATENTS: usize = 256;

/// Where keys come from that no file names, where no preset applies.
const RECIPE: &str = "what is not named is as `vq train --print-config` without recordings has it";

/// The configuration that the arguments say by themselves. Its defaults are those of the images, if the records are some; of recordings, which are
/// not opened, those of the preset that is named.
pub(super) fn given(arguments: &Arguments) -> anyhow::Result<Config> {
    if arguments.are_images() {
        return effective(arguments, Config::for_images(first_shape(&arguments.records)?));
    }
    effective(arguments, defaults(arguments, arguments.preset))
}

/// The configuration for recordings. Without a preset, and without a file that names nets, the recordings' rate and channels choose the preset; with a
/// budget in the arguments, the nets are made as small as it asks for. Both are told.
pub(super) fn for_recordings(arguments: &Arguments, sources: &[Source]) -> anyhow::Result<Config> {
    let Some(first) = sources.first().map(|source| &source.recording) else { return given(arguments) };
    let units: Vec<&str> = first.channels.iter().map(|channel| channel.unit.as_str()).collect();
    let suggested = || Preset::of_signal(first.rate_millihertz, &units);
    let has_nets = arguments.config.as_deref().map(Config::names_nets).transpose()?.unwrap_or(false);
    let chosen = arguments.preset.or_else(|| (!has_nets).then(suggested));
    let is_plain = arguments.config.is_none() && chosen == Some(Preset::Biosignal);
    let (rate, channels) = (first.rate(), first.channels.len());
    let name = |preset: Preset| format!("{preset:?}").to_lowercase();
    match (arguments.preset, chosen) {
        (Some(preset), _) if has_codebooks(arguments) => {
            output::note(&format!("--preset {} is for integer latents, not for --quantizer; {RECIPE}", name(preset)));
        }
        _ if has_codebooks(arguments) => {
            output::note(&format!("no preset is for --quantizer, but for integer latents; {RECIPE}"));
        }
        (None, None) => output::note(&format!(
            "the file of --config names nets, a quantizer or a model, so it is a recipe of its own: {RECIPE}. --preset {} starts from the integer latents that suit this signal",
            name(suggested())
        )),
        (None, Some(preset)) if !is_plain => {
            eprintln!("{channels} channel(s) at {rate} Hz: starting from --preset {}", name(preset));
        }
        _ => {}
    }
    let mut defaults = defaults(arguments, chosen);
    if chosen.is_some() && defaults.quantizer.kind == QuantizerKind::Scalar {
        // A transform that loses nothing has as many latents as its hop has samples, over all channels.
        defaults.network.latents = (defaults.network.latents * first.channels.len()).min(MOST_LATENTS);
    }
    let config = effective(arguments, defaults)?;
    if config.prior.kind == PriorKind::Linear && !config.foresees().0 {
        output::note("a linear prior is for integer latents; these codes have tables");
    }
    if arguments.budget.is_none() {
        return Ok(config);
    }
    let channels = first.channels.iter().map(ChannelRecord::from).collect();
    let signal = SignalRecord { rate_millihertz: first.rate_millihertz, channels };
    let rung = budget::fitting(&config, &signal, &run_text(sources, config.training.seed))?;
    eprintln!("budget: rung {} of the ladder, {}\nbudget: {}", rung.number, rung.what, rung.cost.line());
    Ok(rung.config)
}

/// What a preset says, unless the quantizer that is asked for needs other nets: those of codebooks are not those of integer latents.
fn defaults(arguments: &Arguments, preset: Option<Preset>) -> Config {
    match preset {
        Some(_) if has_codebooks(arguments) => Config::default(),
        Some(preset) => preset.config(),
        None => Config::default(),
    }
}

/// Whether a quantizer is asked for that has codebooks, or levels.
fn has_codebooks(arguments: &Arguments) -> bool {
    arguments.quantizer.is_some_and(|kind| kind != QuantizerKind::Scalar)
}

fn effective(arguments: &Arguments, defaults: Config) -> anyhow::Result<Config> {
    let mut config = match &arguments.config {
        Some(path) => Config::read_over(path, &defaults)?,
        None => defaults,
    };
    config.training.steps = arguments.steps.unwrap_or(config.training.steps);
    config.training.seed = arguments.seed.unwrap_or(config.training.seed);
    config.training.bf16 |= arguments.bf16;
    if let Some(kind) = arguments.prior {
        // Units that a file says of one size are not those of another.
        let is_sized = matches!(config.prior.kind, PriorKind::Small | PriorKind::Standard);
        if is_sized && kind != config.prior.kind {
            config.prior.units = 0;
        }
        config.prior.kind = kind;
    }
    config.prior.steps = arguments.prior_steps.unwrap_or(config.prior.steps);
    config.residual.kind = arguments.residual.unwrap_or(config.residual.kind);
    config.residual.steps = arguments.residual_steps.unwrap_or(config.residual.steps);
    config.quantizer.kind = arguments.quantizer.unwrap_or(config.quantizer.kind);
    if let Some(request) = &arguments.budget {
        request.apply(&mut config.budget);
    }
    config.validate()?;
    Ok(config)
}

/// As long a text as the model will say of its run.
fn run_text(sources: &[Source], seed: u64) -> String {
    let recordings = sources.iter().map(|source| {
        let recording = &source.recording;
        serde_json::json!({ "name": recording.name, "train": [0, recording.frames()], "sha256": "0".repeat(64) })
    });
    serde_json::json!({
        "program_version": env!("CARGO_PKG_VERSION"),
        "torch_version": torch_version(),
        "command": std::env::args_os().map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>(),
        "seed": seed,
        "recordings": recordings.collect::<Vec<_>>(),
    })
    .to_string()
}
