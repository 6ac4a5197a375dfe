//! A training run from its command to its folder: started, interrupted, resumed, finished.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::TrainError;
use super::checkpoint::Extent;
use super::environment::{device, set_threads, torch_version};
use super::session::Session;
use super::sources::{Begun, Sources, reopen};
use crate::config::Config;
use crate::run::{EventFile, MetricsLine, MetricsLog, Provenance, Record, RunFolder, now_rfc3339, write_atomically};

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

/// Where lines of metrics go.
struct Logs {
    lines: MetricsLog,
    events: Option<EventFile>,
}

/// A step; one that libtorch has no memory for is an error, where it would be a panic.
fn advance(session: &mut Session) -> Result<(), TrainError> {
    let step = session.step();
    // A session whose step was cut short is not used again.
    let panic = match catch_unwind(AssertUnwindSafe(|| session.advance())) {
        Ok(done) => return done,
        Err(panic) => panic,
    };
    match panic.downcast_ref::<String>().and_then(|what| memory_error(what)) {
        Some(what) => Err(TrainError::Memory { step: step + 1, batch: session.batch(step), what }),
        None => resume_unwind(panic),
    }
}

/// What a message of libtorch says about memory that ran out, without what goes before and after.
fn memory_error(message: &str) -> Option<String> {
    let start = ["out of memory", "can't allocate memory"].iter().find_map(|words| message.find(words))?;
    let end = message[start..].find(['\\', '"', '\n']).map_or(message.len(), |length| start + length);
    Some(message[start..end].to_string())
}

/// A run with its folder.
#[derive(Debug)]
pub struct Job {
    session: Session,
    folder: RunFolder,
    record: Record,
    notes: Vec<String>,
}

impl Job {
    /// Starts a run in a new folder. `command` is the command line, for the record.
    ///
    /// # Errors
    /// If the recordings, the images or the configuration cannot be used, there is no such device, or the folder cannot be made.
    pub fn start(
        sources: impl Into<Sources>,
        config: &Config,
        root: &Path,
        device_name: &str,
        command: Vec<String>,
    ) -> Result<Self, TrainError> {
        config.validate()?;
        let prior = if config.is_rated() { config.prior.settled() } else { config.prior.clone() };
        let config = &Config { prior, ..config.clone() };
        let device = device(device_name)?;
        set_threads(config.training.threads);
        let made = Provenance {
            program_version: env!("CARGO_PKG_VERSION").into(),
            command,
            seed: config.training.seed,
            torch_version: torch_version(),
            device: device_name.into(),
            started: now_rfc3339(),
            training_seconds: 0.0,
        };
        let Begun { session, record, notes } = sources.into().begin(config, device, made)?;
        let folder = RunFolder::create(root)?;
        write_atomically(&folder.config(), config.to_commented_toml().as_bytes())?;
        // The checkpoint comes before the record that makes the folder a run: whatever ends the run, it can be resumed.
        session.save(&folder.latest_checkpoint(), Extent::Whole)?;
        record.save(&folder.record())?;
        Ok(Self { session, folder, record, notes })
    }

    /// Opens a run to go on from its latest checkpoint, with the configuration that it was started with.
    ///
    /// # Errors
    /// If the folder holds no run with a checkpoint, or a recording or an image cannot be read or has changed.
    pub fn resume(root: &Path, device_name: &str) -> Result<Self, TrainError> {
        let folder = RunFolder::new(root);
        let record = Record::load(&folder.record())?;
        let config = Config::load(&folder.config())?;
        let device = device(device_name)?;
        set_threads(config.training.threads);
        let (mut session, notes) = reopen(&record, &config, device)?;
        session.restore(&folder.latest_checkpoint())?;
        Ok(Self { session, folder, record, notes })
    }

    /// What a user should know of what is trained on, a sentence each.
    pub fn notes(&self) -> &[String] {
        &self.notes
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
    pub fn record(&self) -> &Record {
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
        let mut logs = Logs {
            lines: MetricsLog::open(&self.folder.metrics(), self.session.step())?,
            events: settings.tensorboard.then(|| EventFile::create(&self.folder.tensorboard())).transpose()?,
        };
        let (started, before) = (Instant::now(), self.session.seconds);
        let mut saved = started;
        while self.session.step() < steps && !stop.load(Ordering::Relaxed) {
            advance(&mut self.session)?;
            self.session.seconds = before + started.elapsed().as_secs_f64();
            let step = self.session.step();
            let validates = step.is_multiple_of(settings.validate_every) || step == steps;
            if validates || step.is_multiple_of(settings.log_every) {
                self.report(validates, &mut logs, watcher)?;
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
    fn report(&mut self, validates: bool, logs: &mut Logs, watcher: &mut dyn Watcher) -> Result<(), TrainError> {
        let Some(mut line) = self.session.numbers()? else { return Ok(()) };
        if validates {
            let (validation, better) = self.session.validate();
            line.validation = validation;
            if better {
                self.session.save(&self.folder.best_checkpoint(), Extent::Model)?;
            }
        }
        logs.lines.append(&line)?;
        if let Some(events) = &mut logs.events {
            events.line(&line)?;
        }
        watcher.line(&line);
        Ok(())
    }

    /// Saves everything to go on from, unless the last step ended in numbers that are not finite.
    fn save(&mut self) -> Result<(), TrainError> {
        self.session.numbers()?;
        self.session.save(&self.folder.latest_checkpoint(), Extent::Whole)?;
        self.record.made_mut().training_seconds = self.session.seconds;
        Ok(self.record.save(&self.folder.record())?)
    }
}

#[cfg(test)]
mod tests {
    use tch::{Device, Kind, Tensor};

    use super::*;

    #[test]
    fn what_libtorch_says_about_memory_is_told_from_other_errors() {
        let panic = catch_unwind(|| Tensor::zeros([1 << 48], (Kind::Float, Device::Cpu))).unwrap_err();
        let message = panic.downcast_ref::<String>().unwrap();
        let said = memory_error(message).unwrap_or_default();
        assert!(said.starts_with("can't allocate memory: you tried to allocate 1125899906842624 bytes"), "{message}");
        let cuda = "Torch(\"CUDA out of memory. Tried to allocate 2.00 GiB.\\nsomewhere\")";
        assert_eq!(memory_error(cuda).as_deref(), Some("out of memory. Tried to allocate 2.00 GiB."));
        let shapes = Tensor::from_slice(&[1.0f32, 2.0]).f_view([3]).unwrap_err();
        assert_eq!(memory_error(&shapes.to_string()), None);
    }
}
