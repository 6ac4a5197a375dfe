//! What a run is on: recordings or images, as they are named when it begins, and as its record names them when it goes on.

use std::path::PathBuf;

use tch::Device;

use super::image::PreparedImages;
use super::prepare::Prepared;
use super::session::Session;
use super::{ImageSources, TrainError};
use crate::config::Config;
use crate::data::{OpenOptions, Recording};
use crate::run::{ImageRunRecord, ImagesRecord, Provenance, Record, RecordingRecord, RunRecord, sha256};

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

/// What a run is to be on.
#[derive(Debug)]
pub enum Sources {
    /// Recordings of one kind of signal.
    Recordings(Vec<Source>),
    /// Images of one size.
    Images(ImageSources),
}

impl From<Vec<Source>> for Sources {
    fn from(recordings: Vec<Source>) -> Self {
        Self::Recordings(recordings)
    }
}

impl From<ImageSources> for Sources {
    fn from(images: ImageSources) -> Self {
        Self::Images(images)
    }
}

impl Sources {
    /// A session before its first step, and the record of a run that is `made` so.
    pub(super) fn begin(
        self,
        config: &Config,
        device: Device,
        made: Provenance,
    ) -> Result<(Session, Record), TrainError> {
        match self {
            Self::Recordings(sources) => begin_on_recordings(sources, config, device, made),
            Self::Images(sources) => begin_on_images(sources, config, device, made),
        }
    }
}

fn begin_on_recordings(
    sources: Vec<Source>,
    config: &Config,
    device: Device,
    made: Provenance,
) -> Result<(Session, Record), TrainError> {
    let mut recordings = Vec::new();
    let mut origins = Vec::new();
    for Source { path, options, recording } in sources {
        origins.push((path, options, recording.sha256()));
        recordings.push(recording);
    }
    let prepared = Prepared::new(recordings, config)?;
    let session = Session::on_signals(config, &prepared, device)?;
    let (encoder, decoder) = config.network_plan().assemble(prepared.channels())?;
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
        quantizer: config.quantizer_record(),
    };
    Ok((session, Record::Signal(record)))
}

fn begin_on_images(
    sources: ImageSources,
    config: &Config,
    device: Device,
    made: Provenance,
) -> Result<(Session, Record), TrainError> {
    if config.is_rated() {
        let what = "the rate in the loss is for signals; set rate.enabled = false for images".into();
        return Err(TrainError::Unsuitable { what });
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
    Ok((session, Record::Image(record)))
}

/// A session of a run that was begun, before its first step.
pub(super) fn reopen(record: &Record, config: &Config, device: Device) -> Result<Session, TrainError> {
    match record {
        Record::Signal(record) => {
            let recordings = record.recordings.iter().map(RecordingRecord::reopen).collect::<Result<Vec<_>, _>>()?;
            Session::on_signals(config, &Prepared::new(recordings, config)?, device)
        }
        Record::Image(record) => {
            Session::on_images(config, &PreparedImages::new(record.images.reopen()?, config)?, device)
        }
    }
}
