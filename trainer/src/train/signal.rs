//! The frames that windows are cut from: in one tensor on the device, or in their files where memory does not hold them.

use std::ops::Range;

use tch::{Device, Kind, Tensor};

use super::TrainError;
use super::prepare::Prepared;
use crate::data::{DataError, StoredRecording};
use crate::run::Normalization;

/// All training frames, one recording after the other, in network units.
#[derive(Debug)]
pub(super) enum Signal {
    /// `[channels, frames]`, on the device.
    Tensor(Tensor),
    /// Where they were read from; what a batch needs is read for it.
    Files(Files),
}

/// Training frames that stay in their files.
#[derive(Debug)]
pub(super) struct Files {
    /// The training part of each recording, and its first frame in the signal.
    parts: Vec<(usize, StoredRecording)>,
    normalization: Normalization,
    device: Device,
}

impl Signal {
    /// The training frames of `prepared`: in a tensor if all of its recordings are in memory.
    pub(super) fn new(prepared: &Prepared, device: Device) -> Result<Self, TrainError> {
        let normalization = &prepared.normalization;
        if prepared.parts.iter().all(|part| part.recording.is_in_memory()) {
            let units = |part: &super::prepare::Part| network_units(&part.recording, part.train.clone(), normalization);
            let signals = prepared.parts.iter().map(units).collect::<Result<Vec<Tensor>, _>>()?;
            return Ok(Self::Tensor(Tensor::cat(&signals, 1).to_device(device)));
        }
        let mut first = 0;
        let part = |part: &super::prepare::Part| {
            let begin = first;
            first += part.train.len();
            (begin, part.recording.stretch(part.train.clone()))
        };
        let parts = prepared.parts.iter().map(part).collect();
        Ok(Self::Files(Files { parts, normalization: normalization.clone(), device }))
    }

    /// Where its tensors are.
    pub(super) fn device(&self) -> Device {
        match self {
            Self::Tensor(signal) => signal.device(),
            Self::Files(files) => files.device,
        }
    }

    /// Runs of `length` frames, each from one of `begin` on: `[channels, runs · length]`.
    ///
    /// # Errors
    /// If a file cannot be read.
    pub(super) fn runs(&self, begin: &[i64], length: usize) -> Result<Tensor, TrainError> {
        match self {
            Self::Tensor(signal) => {
                let offsets = Tensor::arange(length as i64, (Kind::Int64, signal.device()));
                let frames = Tensor::from_slice(begin).to_device(signal.device()).unsqueeze(1) + offsets;
                Ok(signal.index_select(1, &frames.flatten(0, -1)))
            }
            Self::Files(files) => {
                let frames: Vec<i64> = begin.iter().flat_map(|begin| *begin..*begin + length as i64).collect();
                files.read(&frames, length)
            }
        }
    }

    /// The frames at `places`, of which `together` at a time lie near each other in one recording: `[channels, places]`.
    ///
    /// # Errors
    /// If a file cannot be read.
    pub(super) fn at(&self, places: &[i64], together: usize) -> Result<Tensor, TrainError> {
        match self {
            Self::Tensor(signal) => Ok(signal.index_select(1, &Tensor::from_slice(places).to_device(signal.device()))),
            Self::Files(files) => files.read(places, together),
        }
    }
}

impl Files {
    fn read(&self, places: &[i64], together: usize) -> Result<Tensor, TrainError> {
        let channels = self.normalization.offset.len();
        let mut values = vec![0f32; channels * places.len()];
        for (window, near) in places.chunks(together).enumerate() {
            let (least, greatest) = near.iter().fold((i64::MAX, 0), |(a, b), place| (a.min(*place), b.max(*place)));
            let part = self.parts.partition_point(|(first, _)| *first as i64 <= least) - 1;
            let (first, recording) = &self.parts[part];
            let from = least as usize - first;
            let counts = recording.samples(from..greatest as usize - first + 1)?;
            for (index, place) in near.iter().enumerate() {
                let frame = &counts[(place - least) as usize * channels..][..channels];
                for (channel, count) in frame.iter().enumerate() {
                    values[channel * places.len() + window * together + index] =
                        unit(*count, channel, &self.normalization);
                }
            }
        }
        Ok(Tensor::from_slice(&values).view([channels as i64, -1]).to_device(self.device))
    }
}

/// A count of a channel in network units.
fn unit(count: i32, channel: usize, normalization: &Normalization) -> f32 {
    let (offset, scale) = (normalization.offset[channel], normalization.scale[channel]);
    ((f64::from(count) - f64::from(offset)) / f64::from(scale)) as f32
}

/// Frames of a recording as the nets take them: `[channels, frames]`.
///
/// # Errors
/// If the recording's file cannot be read.
pub(super) fn network_units(
    recording: &StoredRecording,
    frames: Range<usize>,
    normalization: &Normalization,
) -> Result<Tensor, DataError> {
    let (channels, length) = (recording.channels.len(), frames.len());
    let counts = recording.samples(frames)?;
    let mut values = Vec::with_capacity(counts.len());
    for channel in 0..channels {
        let of_channel = counts.iter().skip(channel).step_by(channels);
        values.extend(of_channel.map(|count| unit(*count, channel, normalization)));
    }
    Ok(Tensor::from_slice(&values).view([channels as i64, length as i64]))
}
