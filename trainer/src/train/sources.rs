//! What a run is on: recordings or images, as they are named when it begins, and as its record names them when it goes on.

use std::path::{Path, PathBuf};

use tch::Device;

use super::image::PreparedImages;
use super::prepare::Prepared;
use super::session::Session;
use super::split::Place;
use super::{ImageSources, TrainError};
use crate::budget;
use crate::config::Config;
use crate::data::{OpenOptions, StoredRecording};
use crate::run::{ImageRunRecord, ImagesRecord, Provenance, Record, RecordingRecord, RunRecord, sha256};

/// A recording and where it came from.
#[derive(Debug)]
pub struct Source {
    /// The file, as it can be opened again.
    pub path: PathBuf,
    /// How it was opened.
    pub options: OpenOptions,
    /// The recording, in memory or in its file.
    pub recording: StoredRecording,
    /// Whether it is held out whole. If no recording is, the configuration says what is held out.
    pub held_out: bool,
}

/// What a run is to be on.
#[derive(Debug)]
pub enum Sources {
    /// Recordings of one kind of signal.
    Recordings(Vec<Source>),
    /// Images of one size.
    Images(Box<ImageSources>),
}

impl From<Vec<Source>> for Sources {
    fn from(recordings: Vec<Source>) -> Self {
        Self::Recordings(recordings)
    }
}

impl From<ImageSources> for Sources {
    fn from(images: ImageSources) -> Self {
        Self::Images(Box::new(images))
    }
}

/// A run before its first step.
pub(super) struct Begun {
    /// Its state.
    pub(super) session: Session,
    /// Its record.
    pub(super) record: Record,
    /// What a user should know of what is trained on, a sentence each.
    pub(super) notes: Vec<String>,
}

impl Sources {
    /// A run that is `made` so, before its first step.
    pub(super) fn begin(self, config: &Config, device: Device, made: Provenance) -> Result<Begun, TrainError> {
        match self {
            Self::Recordings(sources) => begin_on_recordings(sources, config, device, made),
            Self::Images(sources) => begin_on_images(*sources, config, device, made),
        }
    }
}

fn begin_on_recordings(
    sources: Vec<Source>,
    config: &Config,
    device: Device,
    made: Provenance,
) -> Result<Begun, TrainError> {
    if config.rate.quality > 0 && !config.is_rated() {
        let what = "rate.quality is for integer latents whose rate is trained for (quantizer.kind = \"scalar\", rate.enabled, a prior.kind other than \"tables\"); leave it at 0";
        return Err(TrainError::Unsuitable { what: what.into() });
    }
    let mut recordings = Vec::new();
    let mut origins: Vec<(PathBuf, OpenOptions, String)> = Vec::new();
    let files = files(sources.iter().map(|source| source.path.as_path()));
    let mut places = Vec::new();
    for (Source { path, options, recording, held_out }, file) in sources.into_iter().zip(files) {
        places.push(Place { file, held_out });
        origins.push((path, options, recording.sha256()?));
        recordings.push(recording);
    }
    let prepared = Prepared::of_places(recordings, &places, config)?;
    let session = Session::on_signals(config, &prepared, device)?;
    let (encoder, decoder, host_decoder) = config.signal_nets(prepared.channels())?;
    let recordings = origins.into_iter().zip(&prepared.parts).map(|((path, options, sha256), part)| RecordingRecord {
        path,
        options,
        name: part.recording.name.clone(),
        frames: part.recording.frames(),
        train: [part.train.start, part.train.end],
        validation: [part.validation.start, part.validation.end],
        sha256,
    });
    let record = RunRecord {
        made,
        recordings: recordings.collect(),
        signal: prepared.signal.clone(),
        normalization: prepared.normalization.clone(),
        encoder,
        decoder,
        host_decoder,
        quantizer: config.quantizer_record(),
    };
    budget::check(config, &record.signal, &record.identity())?;
    Ok(Begun { session, record: Record::Signal(record), notes: prepared.notes })
}

/// Numbers of files, the same for the same path.
#[must_use]
pub fn files<'p>(paths: impl Iterator<Item = &'p Path>) -> Vec<usize> {
    let mut known = Vec::new();
    let number = |path| {
        let number = known.iter().position(|other| *other == path).unwrap_or(known.len());
        known.push(path);
        number
    };
    paths.map(number).collect()
}

fn begin_on_images(
    sources: ImageSources,
    config: &Config,
    device: Device,
    made: Provenance,
) -> Result<Begun, TrainError> {
    for (is_set, what) in [
        (config.is_rated(), "the rate in the loss is for signals; set rate.enabled = false for images"),
        (config.rate.quality > 0, "rate.quality is for signals; leave it at 0 for images"),
        (
            config.augmentation.changes(),
            "[augmentation] is for signals; leave it out for images, which image.mirror changes",
        ),
        (
            !config.distortion.is_plain(),
            "[distortion] is for signals; leave it out, image.distortion says what is minimised",
        ),
        (config.budget.limits(), "nets of images do not run on devices yet, so no [budget] limits them; leave it out"),
    ] {
        if is_set {
            return Err(TrainError::Unsuitable { what: what.into() });
        }
    }
    let ImageSources { paths, wanted, opened } = sources;
    let sha256 = sha256(&opened);
    let prepared = PreparedImages::new(opened, config)?;
    let session = Session::on_images(config, &prepared, device)?;
    let shape = prepared.training.shape;
    let (encoder, decoder) = config.image_plan().assemble(shape)?;
    let (training, held_out) = (prepared.training.len(), prepared.held_out.len());
    let record = ImageRunRecord {
        made,
        images: ImagesRecord { paths, wanted, shape, training, held_out, sha256 },
        normalization: prepared.normalization,
        encoder,
        decoder,
        quantizer: config.quantizer_record(),
    };
    Ok(Begun { session, record: Record::Image(record), notes: Vec::new() })
}

/// The session of a run that was begun, before its first step, and what a user should know of what it is on.
pub(super) fn reopen(record: &Record, config: &Config, device: Device) -> Result<(Session, Vec<String>), TrainError> {
    match record {
        Record::Signal(record) => {
            let recordings = record.recordings.iter().map(RecordingRecord::reopen).collect::<Result<Vec<_>, _>>()?;
            let ranges = record.recordings.iter().map(RecordingRecord::ranges).collect();
            let files = files(record.recordings.iter().map(|recording| recording.path.as_path()));
            let prepared = Prepared::resumed(recordings, &files, ranges, config)?;
            Ok((Session::on_signals(config, &prepared, device)?, prepared.notes))
        }
        Record::Image(record) => {
            let prepared = PreparedImages::new(record.images.reopen()?, config)?;
            Ok((Session::on_images(config, &prepared, device)?, Vec::new()))
        }
    }
}
