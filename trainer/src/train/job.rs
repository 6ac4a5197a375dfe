//! A training run from its command to its folder: started, interrupted, resumed, finished.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::TrainError;
use super::checkpoint::Extent;
use super::environment::{device, set_threads, torch_version};
use super::prepare::Prepared;
use super::session::Session;
use crate::config::Config;
use crate::data::{OpenOptions, Recording};
use crate::run::{MetricsLine, MetricsLog, RecordingRecord, RunFolder, RunRecord, now_rfc3339, write_atomically};

/// A recording and where it came from.
#[derive(Debug)]
pub struct Source {
    /// The file, as it can be opened again.
    pub path: PathBuf,
    /// How it was opened.
    pub options: OpenOptions,
    /// What was read.
    pub recording: Recording,
}

/// Sees every line of metrics as it is written.
pub trait Watcher {
    /// Called once per logged step.
    fn line(&mut self, line: &MetricsLine);
}

/// How a call of [`Job::train`] ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// All steps are done.
    Finished,
    /// It was told to stop; `latest` holds everything to go on from.
    Interrupted,
}

/// A run with its folder.
#[derive(Debug)]
pub struct Job {
    session: Session,
    folder: RunFolder,
    record: RunRecord,
}

impl Job {
    /// Starts a run in a new folder. `command` is the command line, for the record.
    ///
    /// # Errors
    /// If the recordings or the configuration cannot be used, there is no such device, or the folder cannot be made.
    pub fn start(
        sources: Vec<Source>,
        config: &Config,
        root: &Path,
        device_name: &str,
        command: Vec<String>,
    ) -> Result<Self, TrainError> {
        config.validate()?;
        let device = device(device_name)?;
        set_threads(config.training.threads);
        let mut recordings = Vec::new();
        let mut origins = Vec::new();
        for Source { path, options, recording } in sources {
            origins.push((path, options, recording.sha256()));
            recordings.push(recording);
        }
        let prepared = Prepared::new(recordings, config)?;
        let session = Session::new(config, &prepared, device)?;
        let recordings =
            origins.into_iter().zip(&prepared.parts).map(|((path, options, sha256), part)| RecordingRecord {
                path,
                options,
                name: part.recording.name.clone(),
                frames: part.recording.frames(),
                train: [part.train.start, part.train.end],
                validation: [part.validation.start, part.validation.end],
                sha256,
            });
        let record = RunRecord {
            program_version: env!("CARGO_PKG_VERSION").into(),
            command,
            seed: config.training.seed,
            torch_version: torch_version(),
            device: device_name.into(),
            started: now_rfc3339(),
            recordings: recordings.collect(),
            signal: prepared.signal.clone(),
            normalization: prepared.normalization.clone(),
            encoder: session.codec().encoder.spec().clone(),
            decoder: session.codec().decoder.spec().clone(),
            quantizer: config.quantizer_record(),
            training_seconds: 0.0,
        };
        let folder = RunFolder::create(root)?;
        write_atomically(&folder.config(), config.to_commented_toml().as_bytes())?;
        // The checkpoint comes before the record that makes the folder a run: whatever ends the run, it can be resumed.
        session.save(&folder.latest_checkpoint(), Extent::Whole)?;
        record.save(&folder.record())?;
        Ok(Self { session, folder, record })
    }

    /// Opens a run to go on from its latest checkpoint, with the configuration that it was started with.
    ///
    /// # Errors
    /// If the folder holds no run with a checkpoint, or a recording cannot be read or has changed.
    pub fn resume(root: &Path, device_name: &str) -> Result<Self, TrainError> {
        let folder = RunFolder::new(root);
        let record = RunRecord::load(&folder.record())?;
        let config = Config::load(&folder.config())?;
        let device = device(device_name)?;
        set_threads(config.training.threads);
        let recordings = record.recordings.iter().map(RecordingRecord::reopen).collect::<Result<Vec<_>, _>>()?;
        let prepared = Prepared::new(recordings, &config)?;
        let mut session = Session::new(&config, &prepared, device)?;
        session.restore(&folder.latest_checkpoint())?;
        Ok(Self { session, folder, record })
    }

    /// The state of the run.
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// Its folder.
    pub fn folder(&self) -> &RunFolder {
        &self.folder
    }

    /// Its record.
    pub fn record(&self) -> &RunRecord {
        &self.record
    }

    /// Trains until all steps are done or `stop` becomes true, whichever is first.
    ///
    /// # Errors
    /// If the run folder cannot be written, or the training diverged; then the last checkpoint stays as it is.
    pub fn train(&mut self, watcher: &mut dyn Watcher, stop: &AtomicBool) -> Result<Outcome, TrainError> {
        let steps = self.session.config().training.steps;
        let settings = self.session.config().run.clone();
        let between_saves = Duration::from_secs_f64(settings.checkpoint_seconds);
        let mut log = MetricsLog::open(&self.folder.metrics(), self.session.step())?;
        let (started, before) = (Instant::now(), self.session.seconds);
        let mut saved = started;
        while self.session.step() < steps && !stop.load(Ordering::Relaxed) {
            self.session.advance();
            self.session.seconds = before + started.elapsed().as_secs_f64();
            let step = self.session.step();
            let validates = step.is_multiple_of(settings.validate_every) || step == steps;
            if validates || step.is_multiple_of(settings.log_every) {
                self.report(validates, &mut log, watcher)?;
            }
            if saved.elapsed() >= between_saves {
                self.save()?;
                saved = Instant::now();
            }
        }
        self.save()?;
        Ok(if self.session.step() < steps { Outcome::Interrupted } else { Outcome::Finished })
    }

    /// Writes the line of the last step; if it `validates`, measures the held-out frames and keeps the best codec.
    fn report(&mut self, validates: bool, log: &mut MetricsLog, watcher: &mut dyn Watcher) -> Result<(), TrainError> {
        let Some(mut line) = self.session.numbers()? else { return Ok(()) };
        if validates {
            let (validation, better) = self.session.validate();
            line.validation = validation;
            if better {
                self.session.save(&self.folder.best_checkpoint(), Extent::Model)?;
            }
        }
        log.append(&line)?;
        watcher.line(&line);
        Ok(())
    }

    /// Saves everything to go on from, unless the last step ended in numbers that are not finite.
    fn save(&mut self) -> Result<(), TrainError> {
        self.session.numbers()?;
        self.session.save(&self.folder.latest_checkpoint(), Extent::Whole)?;
        self.record.training_seconds = self.session.seconds;
        Ok(self.record.save(&self.folder.record())?)
    }
}
