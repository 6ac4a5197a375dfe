//! `vq train`: recordings or images to a run folder.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use anyhow::{Context as _, ensure};
use clap::Args;

use super::arguments::SignalArguments;
use super::interrupt::{is_stop, stop_on_interrupt};
use super::output;
use super::train_prior::{self, MOST_COMPARED, Retraining, firsts, joined};
use super::{train_config, train_images, train_predictor, train_sweep};
use crate::budget::BudgetRequest;
use crate::codec::HostCodec;
use crate::config::{Config, DataConfig, ModelKind, PredictorKind, Preset, PriorKind, QuantizerKind};
use crate::data::files::can_replace;
use crate::data::{Channel, OpenOptions, RatePolicy, Recording, StoredRecording, fit_stored, open_stored};
use crate::export::from_run::{TrainedRun, unfinished};
use crate::images::is_images;
use crate::run::{MetricsLog, NamedTensors, QuantizerRecord, Record, RunRecord, Validation, now_rfc3339};
use crate::train::prior::is_foreseeable;
use crate::train::{Divided, Job, Outcome, Place, Progress, Source, divide, files, prepare_process, set_threads};

/// The part of recordings that priors and predictors of a finished model are compared on.
const COMPARED: f64 = 0.1;

/// Hops to train priors and predictors on that are worth a warning, were they fewer: those of a minute of a slow signal.
const FEW_HOPS: usize = 500;

/// Train a codec on recordings of one kind of signal, or on images.
///
/// Images are PNG and JPEG files, folders of them, and IDX files such as Fashion-MNIST's; their defaults depend on their size: `vq train
/// --print-config IMAGES` shows them.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Recordings to train on, or images, or a folder of them.
    #[arg(value_name = "RECORD", required_unless_present_any = ["resume", "print_config"])]
    pub(super) records: Vec<PathBuf>,
    /// Recordings to hold out whole, to measure on; if none is named, the configuration's data.split says what is.
    #[arg(long, value_name = "RECORD", num_args = 1..)]
    pub(super) held_out: Vec<PathBuf>,
    /// Configuration: the keys that differ from what the recordings suggest; one that names a model, nets or a quantizer starts from the defaults that
    /// `--print-config` shows without recordings.
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// The class of signals whose defaults the configuration starts from; otherwise the recordings' rate says which.
    #[arg(long, value_name = "CLASS")]
    pub(super) preset: Option<Preset>,
    /// What the device has, such as flash=40K,ram=6K,core=m4,mips=2: the nets are made smaller until they fit.
    #[arg(long, value_name = "LIMITS")]
    pub(super) budget: Option<BudgetRequest>,
    /// Optimizer steps, instead of the configuration's.
    #[arg(long, value_name = "N")]
    pub(super) steps: Option<usize>,
    /// Seed of every random choice, instead of the configuration's.
    #[arg(long, value_name = "N")]
    pub(super) seed: Option<u64>,
    /// How latents become codes, instead of the configuration's; its sizes are in the configuration.
    #[arg(long, value_name = "KIND")]
    pub(super) quantizer: Option<QuantizerKind>,
    /// Compute the nets in bfloat16 until their weights are lowered to int8 (those of images in all steps); for large nets on a GPU.
    #[arg(long)]
    pub(super) bf16: bool,
    /// Where to compute: cpu, cuda, cuda:1.
    #[arg(long, default_value = "cpu")]
    pub(super) device: String,
    /// Folder of the run; a new one under runs/ if not given. With --prior-only and --residual-only, the model to write.
    #[arg(short, long, value_name = "RUN")]
    pub(super) output: Option<PathBuf>,
    /// Trains a family of models, one for each λ, in folders under --output: λ is rate.distortion_weight where the rate is in the loss, vector.rate_weight
    /// of codebooks, vae.divergence of a VAE. The same command goes on with an interrupted sweep.
    #[arg(long, value_name = "λ,λ,…", value_delimiter = ',', conflicts_with_all = ["resume", "prior_only", "residual_only"])]
    sweep: Vec<f64>,
    /// Goes on with an interrupted run, with its own recordings and configuration.
    #[arg(long, value_name = "RUN", conflicts_with_all = ["records", "held_out", "config", "preset", "budget", "steps", "seed", "quantizer", "output"])]
    resume: Option<PathBuf>,
    /// Trains another prior for this model, tables and what --prior says, and writes the model with the better of them to --output.
    #[arg(long, value_name = "M.vqm", requires = "output", conflicts_with_all = ["resume", "budget"])]
    prior_only: Option<PathBuf>,
    /// Which prior to train, instead of the configuration's.
    #[arg(long, value_name = "KIND")]
    pub(super) prior: Option<PriorKind>,
    /// Optimizer steps of the prior, instead of the configuration's.
    #[arg(long, value_name = "N")]
    pub(super) prior_steps: Option<usize>,
    /// Qualities that the prior is trained for, all if not given; at the others the tables hold.
    #[arg(long, value_name = "1,2,…", value_delimiter = ',', value_parser = clap::value_parser!(u8).range(1..=9))]
    prior_qualities: Vec<u8>,
    /// Trains another predictor of bounded and lossless packets for this model, and writes the model with it to --output.
    #[arg(long, value_name = "M.vqm", requires = "output", conflicts_with_all = ["resume", "prior_only", "budget"])]
    residual_only: Option<PathBuf>,
    /// Which predictor to train, instead of the configuration's.
    #[arg(long, value_name = "KIND")]
    pub(super) residual: Option<PredictorKind>,
    /// Optimizer steps of the predictor, instead of the configuration's.
    #[arg(long, value_name = "N")]
    pub(super) residual_steps: Option<usize>,
    /// Prints the configuration that these recordings would be trained with, every key explained, and trains nothing.
    #[arg(long)]
    print_config: bool,
    #[command(flatten)]
    pub(super) signal: SignalArguments,
}

impl Arguments {
    /// Whether the records are images.
    pub(super) fn are_images(&self) -> bool {
        self.records.first().is_some_and(|path| is_images(path))
    }
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    if arguments.print_config {
        return output::print(&to_print(arguments)?.to_commented_toml());
    }
    prepare_process(&arguments.device)?;
    let stop = stop_on_interrupt()?;
    if let Some(model) = &arguments.prior_only {
        return retrain(model, arguments, &stop);
    }
    if let Some(model) = &arguments.residual_only {
        return retrain_predictor(model, arguments, &stop);
    }
    if !arguments.sweep.is_empty() {
        return train_sweep::run(arguments, &arguments.sweep, &stop);
    }
    let mut job = match &arguments.resume {
        Some(folder) => Job::resume(folder, &arguments.device)?,
        None => start(arguments, None, None)?,
    };
    carry_out(&mut job, arguments, &stop).map(drop)
}

/// The configuration that a run of these arguments would have.
fn to_print(arguments: &Arguments) -> anyhow::Result<Config> {
    let given = train_config::given(arguments)?;
    if arguments.records.is_empty() || arguments.are_images() {
        return Ok(given);
    }
    train_config::for_recordings(arguments, &sources(arguments, &given.data)?)
}

/// Trains a run to its end, or until it is told to stop, and says what came of it.
pub(super) fn carry_out(job: &mut Job, arguments: &Arguments, stop: &AtomicBool) -> anyhow::Result<Outcome> {
    describe(job)?;
    let config = job.session().config();
    let before = job.record().made().training_seconds;
    let steps = config.training.steps;
    let mut progress = Progress::new(steps, job.session().step(), before);
    let outcome = job.train(&mut progress, stop);
    progress.finish();
    let outcome = match outcome? {
        Outcome::Finished => finish(job, arguments, stop)?,
        Outcome::Interrupted => Outcome::Interrupted,
    };
    if outcome == Outcome::Interrupted {
        let (step, folder) = (job.session().step(), job.folder().root().display());
        let rest = if step < steps { "" } else { ", the last, before what follows it was trained" };
        println!("Stopped after step {step}{rest}. Go on with: vq train --resume {folder}");
    }
    Ok(outcome)
}

/// What follows the last step.
fn finish(job: &Job, arguments: &Arguments, stop: &AtomicBool) -> anyhow::Result<Outcome> {
    match job.record() {
        Record::Image(_) => train_images::finish(job, &arguments.device)?,
        Record::Signal(record) => match foresee(job, stop) {
            Err(error) if is_stop(&error) => return Ok(Outcome::Interrupted),
            foreseen => {
                foreseen?;
                summarise(job, record, job.session().config().model == ModelKind::VqVae)?;
            }
        },
    }
    Ok(Outcome::Finished)
}

/// Whether all of a run is there: its steps, and the prior and the predictor that follow them.
pub(super) fn is_done(job: &Job) -> bool {
    let (config, step) = (job.session().config(), job.session().step());
    match job.record() {
        Record::Signal(_) => unfinished(job.folder(), config, step).is_none(),
        Record::Image(_) => step >= config.training.steps,
    }
}

/// Trains the recurrent prior of a run's model, where its codes can have one, and its predictor, and keeps both in the run's folder.
fn foresee(job: &Job, stop: &AtomicBool) -> anyhow::Result<()> {
    let config = job.session().config();
    let (has_prior, has_predictor) = config.foresees();
    if !has_prior && !has_predictor {
        return Ok(());
    }
    let run = TrainedRun { recurrent: None, predictor: None, ..TrainedRun::load(job.folder())? };
    let exported = run.export("prior").context("cannot export the run to train its prior and predictor")?;
    let mut bytes = exported.integer;
    if has_prior && is_foreseeable(bytes.model()?) {
        let channels = run.record.signal.channels.len();
        let held_out = joined(&firsts(run.held_out(), MOST_COMPARED / channels));
        let start = run.prior.clone();
        let qualities: Vec<u8> = config.qualities().collect();
        let retraining = Retraining { config: &config.prior, seed: config.training.seed, qualities: &qualities, start };
        bytes = train_prior::train(bytes.model()?, &run.training_samples(), &held_out, &retraining, stop)?;
    }
    if has_predictor {
        let seed = config.training.seed;
        bytes = train_predictor::train(bytes.model()?, &run.training, run.held_out(), &config.residual, seed, stop)?;
    }
    Ok(bytes.write(&job.folder().prior())?)
}

/// The file that a model with another prior or predictor goes to, known to be writable before the training.
fn retrained_file(model: &Path, arguments: &Arguments) -> anyhow::Result<PathBuf> {
    let output = arguments.output.clone().unwrap_or_else(|| model.to_path_buf());
    for record in &arguments.records {
        output::keep_inputs(&output, record, model)?;
    }
    can_replace(&output).with_context(|| format!("{}: cannot write", output.display()))?;
    Ok(output)
}

/// Another predictor for a finished model.
fn retrain_predictor(model: &Path, arguments: &Arguments, stop: &AtomicBool) -> anyhow::Result<()> {
    let config = train_config::given(arguments)?;
    set_threads(config.training.threads);
    let output = retrained_file(model, arguments)?;
    train_predictor::run(model, &output, &config.residual, config.training.seed, stop, |codec| {
        open(codec, arguments, &config.data)
    })
}

/// The recordings, as a model takes them, and those of them that candidates are compared on: of others than what is trained on, where there are several.
fn open(codec: &HostCodec<'_>, arguments: &Arguments, data: &DataConfig) -> anyhow::Result<Divided> {
    let sources = sources(arguments, data)?;
    let numbers = files(sources.iter().map(|source| source.path.as_path()));
    let held_out = sources.iter().map(|source| source.held_out);
    let places: Vec<Place> =
        numbers.into_iter().zip(held_out).map(|(file, held_out)| Place { file, held_out }).collect();
    let fitted = sources.into_iter().map(|source| fit_stored(source.recording, codec.kind(), RatePolicy::Refuse));
    let recordings = fitted.collect::<Result<Vec<StoredRecording>, _>>()?;
    let data = DataConfig { validation_fraction: COMPARED, ..data.clone() };
    let divided = divide(&recordings, &places, &data)?;
    check_signal(&divided.training, codec)?;
    let named: Vec<&str> = divided.held_out.iter().map(|recording| recording.name.as_str()).collect();
    output::note(&format!("candidates are compared on what is held out: {}", named.join(", ")));
    Ok(divided)
}

/// Refuses training frames in which nothing ever changes, and warns of few.
fn check_signal(training: &[Recording], codec: &HostCodec<'_>) -> anyhow::Result<()> {
    let width = codec.kind().channels.len();
    for (channel, Channel { name, .. }) in codec.kind().channels.iter().enumerate() {
        let mut own = training.iter().flat_map(|recording| recording.samples.iter().skip(channel).step_by(width));
        let first = own.next();
        ensure!(
            own.any(|sample| Some(sample) != first),
            "channel `{name}` has the same value in all training frames: there is nothing to learn; check that the sensor was connected, or name other recordings"
        );
    }
    let hops = training.iter().map(Recording::frames).sum::<usize>() / codec.model().hop();
    if hops < FEW_HOPS {
        output::warn(&format!(
            "there are no more than {hops} hops to train on: what is learned of them holds for little else; name more or longer recordings"
        ));
    }
    Ok(())
}

/// Another prior for a finished model.
fn retrain(model: &Path, arguments: &Arguments, stop: &AtomicBool) -> anyhow::Result<()> {
    let config = train_config::given(arguments)?;
    set_threads(config.training.threads);
    let output = retrained_file(model, arguments)?;
    let retraining = Retraining {
        config: &config.prior,
        seed: config.training.seed,
        qualities: &arguments.prior_qualities,
        start: NamedTensors::new(),
    };
    train_prior::run(model, &output, &retraining, stop, |codec| open(codec, arguments, &config.data))
}

/// A run in `output`, or where the arguments say; with a `lambda`, at that price of bits.
pub(super) fn start(arguments: &Arguments, output: Option<&Path>, lambda: Option<f64>) -> anyhow::Result<Job> {
    let mut given = train_config::given(arguments)?;
    let command = std::env::args_os().map(|argument| argument.to_string_lossy().into_owned()).collect();
    let output = output.map(Path::to_path_buf).or_else(|| arguments.output.clone());
    let folder = |name: &str| output.clone().unwrap_or_else(|| default_folder(name));
    if arguments.are_images() {
        lambda.map_or(Ok(()), |lambda| given.set_lambda(lambda))?;
        let sources = train_images::open(arguments, &given)?;
        let name = arguments.records.first().and_then(|path| path.file_stem()).unwrap_or_default().to_string_lossy();
        return Ok(Job::start(sources, &given, &folder(&name), &arguments.device, command)?);
    }
    let sources = sources(arguments, &given.data)?;
    let mut config = train_config::for_recordings(arguments, &sources)?;
    lambda.map_or(Ok(()), |lambda| config.set_lambda(lambda))?;
    let folder = folder(sources.first().map_or("run", |source| source.recording.name.as_str()));
    Ok(Job::start(sources, &config, &folder, &arguments.device, command)?)
}

/// What is named to train on and to hold out: recordings, or every channel of theirs by itself.
fn sources(arguments: &Arguments, data: &DataConfig) -> anyhow::Result<Vec<Source>> {
    let mut sources = Vec::new();
    let trained = arguments.records.iter().map(|path| (path, false));
    for (path, held_out) in trained.chain(arguments.held_out.iter().map(|path| (path, true))) {
        let recording = arguments.signal.open_stored(path)?;
        // The run may be resumed from another folder.
        let path = std::path::absolute(path).unwrap_or_else(|_| path.clone());
        let options = arguments.signal.options();
        if data.single_channels {
            let channels = recording.channels.iter().map(|channel| channel.name.clone()).collect::<Vec<_>>();
            for name in channels {
                let options = OpenOptions { columns: vec![name], ..options.clone() };
                let recording = open_stored(&path, &options)?;
                sources.push(Source { path: path.clone(), options, recording, held_out });
            }
        } else {
            sources.push(Source { path, options, recording, held_out });
        }
    }
    Ok(sources)
}

pub(super) fn default_folder(name: &str) -> PathBuf {
    // Colons are not allowed in names everywhere.
    Path::new("runs").join(format!("{name}-{}", now_rfc3339().replace(':', "-")))
}

fn describe(job: &Job) -> anyhow::Result<()> {
    let record = match job.record() {
        Record::Signal(record) => record,
        Record::Image(record) => {
            train_images::describe(record, job.folder());
            return Ok(());
        }
    };
    let hop = record.encoder.input_rows;
    let (train, held_out) = record.recordings.iter().fold((0, 0), |(train, held_out), part| {
        (train + part.train[1] - part.train[0], held_out + part.validation[1] - part.validation[0])
    });
    let rate = record.signal.rate_millihertz as f64 / 1000.0;
    eprintln!(
        "{} recording(s), {} channel(s) at {rate} Hz: {:.0} s to train on, {:.0} s held out; run folder {}",
        record.recordings.len(),
        record.signal.channels.len(),
        train as f64 / rate,
        held_out as f64 / rate,
        job.folder().root().display()
    );
    job.notes().iter().for_each(|sentence| output::note(sentence));
    eprintln!(
        "encoder {} weights, {} multiply-accumulates per frame; decoder {}, {}; {}, {:.4} bits per sample; hop {hop}",
        record.encoder.weights()?,
        record.encoder.multiply_accumulates()? / hop,
        record.decoder.weights()?,
        record.decoder.multiply_accumulates()? / hop,
        codes(&record.quantizer),
        f64::from(record.quantizer.bits_per_hop()) / (hop * record.signal.channels.len()) as f64,
    );
    Ok(())
}

/// What is between the nets, in words.
pub(super) fn codes(quantizer: &QuantizerRecord) -> String {
    match quantizer {
        QuantizerRecord::Vector { dimension, stages, parts: 1, .. } => {
            format!("codebooks of {stages:?} codes of {dimension}")
        }
        QuantizerRecord::Vector { dimension, stages, parts, .. } => {
            format!("{parts} parts with codebooks of {stages:?} codes of {}", dimension / parts)
        }
        QuantizerRecord::Gaussian { dimension } => format!("{dimension} continuous latents"),
        QuantizerRecord::Finite { levels } => format!("{} latents of {levels:?} levels", levels.len()),
        QuantizerRecord::Scalar { dimension, bits } => format!("{dimension} integers of {bits} bits"),
    }
}

/// The lowest error of a quantized codec on what is held out.
pub(super) fn best_validation(job: &Job) -> anyhow::Result<Option<Validation>> {
    let lines = MetricsLog::read(&job.folder().metrics())?;
    let quantized = lines.iter().filter(|line| !line.perplexity.is_empty() || line.rate.is_some());
    let measured = quantized.filter_map(|line| line.validation);
    Ok(measured.min_by(|a, b| a.mse_normalized.total_cmp(&b.mse_normalized)))
}

fn summarise(job: &Job, record: &RunRecord, has_codes: bool) -> anyhow::Result<()> {
    let best = best_validation(job)?;
    let folder = job.folder().root().display();
    println!("{} steps in {:.0} s.", job.session().step(), record.made.training_seconds);
    if let Some(best) = best {
        println!(
            "Held out, in float with int8 weights: PRDN {:.2} % at {:.4} bits per sample of {}.",
            best.prdn_percent,
            best.bits_per_sample,
            if has_codes { "codes" } else { "divergence" }
        );
    }
    match has_codes {
        true => println!("Go on with: vq export {folder} -o model.vqm"),
        false => println!("A VAE has no codes to export. Compare it with other runs: vq report {folder} RUN…"),
    }
    Ok(())
}
