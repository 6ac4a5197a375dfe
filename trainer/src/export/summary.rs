//! What an exported model costs and keeps: the numbers that `vq export` prints and the report shows.

use std::ops::RangeInclusive;

use serde::Serialize;
use vq_core::Options;

use super::Exported;
use super::container::ContainerError;
use crate::codec::{CodecError, HostCodec};
use crate::data::Recording;
use crate::evaluate::{Evaluated, Evaluation, evaluate};

/// Frames of all recordings together that the qualities are compared on.
const FRAMES_OF_A_QUALITY: usize = 40_000;

/// Why an exported model cannot be measured.
#[derive(Debug, thiserror::Error)]
pub enum SummaryError {
    /// It cannot be taken apart or put together.
    #[error(transparent)]
    Container(#[from] ContainerError),
    /// Encoding or decoding refuses something.
    #[error(transparent)]
    Codec(#[from] CodecError),
}

/// What integers cost at a quality, against the float model of the same priors. Both take the nearest codes and, where nothing is clipped, follow no input
/// that moves: what only encoders of integers can do is not counted as what integers do.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct LoweringCost {
    /// The quality.
    pub quality: u8,
    /// By how many percent the mean squared error is higher.
    pub mse_percent: f64,
    /// By how many percent more bits are sent.
    pub bits_percent: f64,
}

/// What following an input that moves changes at the best quality, choice of codes included.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Following {
    /// Packets that were at another level than the sensor's.
    pub moved_packets: usize,
    /// All packets.
    pub packets: usize,
    /// By how many percent the mean squared error is higher than without.
    pub mse_percent: f64,
    /// By how many percent more bits are sent.
    pub bits_percent: f64,
}

/// Costs and distortion of an exported model. Bits, distortion and delay are means over the recordings measured.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ExportSummary {
    /// The quality of what follows, where nothing else is said: the best that the model is trained for.
    pub quality: u8,
    /// The model file, as it lies in flash.
    pub model_bytes: usize,
    /// Memory of an encoder with packets of 244 bytes.
    pub encoder_memory_bytes: usize,
    /// Memory of a decoder.
    pub decoder_memory_bytes: usize,
    /// Multiply-accumulates of the encoder net per frame.
    pub encoder_macs_per_frame: f64,
    /// Multiply-accumulates of the decoder net per frame.
    pub decoder_macs_per_frame: f64,
    /// From a sample's arrival to its decoded value.
    pub delay_seconds: f64,
    /// Bits per sample of a channel, all bytes counted.
    pub bits_per_sample: f64,
    /// PRDN of the float model.
    pub float_prdn_percent: Option<f64>,
    /// PRDN of the integer model: what ships.
    pub prdn_percent: Option<f64>,
    /// Mean squared error of the float model, in squared counts.
    pub float_mse_lsb2: f64,
    /// Mean squared error of the integer model.
    pub mse_lsb2: f64,
    /// By how many percent the mean squared error of integers is higher, both models with nearest codes.
    pub lowering_cost_percent: f64,
    /// What integers cost at each quality, on the first stretches of the recordings.
    pub lowering: Vec<LoweringCost>,
    /// What following cost where the encoder did; `None` where it never had to.
    pub following: Option<Following>,
}

impl ExportSummary {
    /// Runs both models over recordings at the `qualities` that they are trained for; gives also what the integer model made of each at the best.
    ///
    /// # Errors
    /// What the codec refuses, and a model that cannot be taken apart.
    pub fn measure(
        exported: &Exported,
        recordings: &[Recording],
        qualities: RangeInclusive<u8>,
    ) -> Result<(Self, Vec<Evaluated>), SummaryError> {
        let quality = *qualities.end();
        let options = Options::new().quality(quality);
        let (codec, float_codec) = (HostCodec::new(&exported.integer)?, HostCodec::new(&exported.float)?);
        let nearest = exported.integer_of_nearest_codes()?;
        let nearest_codec = HostCodec::new(&nearest)?;
        let (integer, float) = (run(&codec, recordings, options)?, run(&float_codec, recordings, options)?);
        let most = FRAMES_OF_A_QUALITY / recordings.len().max(1);
        let stretches: Vec<Recording> = recordings.iter().map(|recording| beginning(recording, most)).collect();
        let lowering = qualities.map(|quality| lowering_cost(&nearest_codec, &float_codec, &stretches, quality));
        let nearest = run_in_place(&nearest_codec, recordings, options)?;
        let model = codec.model();
        let directory = model.directory();
        let per_frame = |net| model.multiply_accumulates(net) as f64 / model.hop() as f64;
        let summary = Self {
            quality,
            model_bytes: exported.integer.bytes().len(),
            encoder_memory_bytes: model.encoder_memory(codec.with_room(options)),
            decoder_memory_bytes: model.decoder_memory(),
            encoder_macs_per_frame: per_frame(&directory.encoder),
            decoder_macs_per_frame: per_frame(&directory.decoder),
            delay_seconds: mean(&integer, |row| Some(row.delay_seconds)).unwrap_or(f64::NAN),
            bits_per_sample: mean(&integer, |row| row.bits_per_sample).unwrap_or(f64::NAN),
            float_prdn_percent: mean(&float, |row| row.prdn_percent),
            prdn_percent: mean(&integer, |row| row.prdn_percent),
            float_mse_lsb2: mean(&float, mse).unwrap_or(f64::NAN),
            mse_lsb2: mean(&integer, mse).unwrap_or(f64::NAN),
            lowering_cost_percent: percent_more(&nearest, &float, mse),
            lowering: lowering.collect::<Result<_, CodecError>>()?,
            following: following(&codec, recordings, options, &integer)?,
        };
        Ok((summary, integer))
    }

    /// The quality at which that is most.
    #[must_use]
    pub fn dearest_in_error(&self) -> Option<LoweringCost> {
        self.lowering.iter().copied().max_by(|a, b| a.mse_percent.total_cmp(&b.mse_percent))
    }

    /// The quality at which integers cost most bits.
    #[must_use]
    pub fn dearest_in_bits(&self) -> Option<LoweringCost> {
        self.lowering.iter().copied().max_by(|a, b| a.bits_percent.total_cmp(&b.bits_percent))
    }
}

fn run(codec: &HostCodec<'_>, recordings: &[Recording], options: Options) -> Result<Vec<Evaluated>, CodecError> {
    recordings.iter().map(|recording| evaluate(codec, recording, codec.with_room(options))).collect()
}

/// Integers where floats are: at the sensor's level, unless something is beyond their range there, of which floats have none.
fn run_in_place(
    codec: &HostCodec<'_>,
    recordings: &[Recording],
    options: Options,
) -> Result<Vec<Evaluated>, CodecError> {
    let still = run(codec, recordings, options.follow_input(false))?;
    if still.iter().all(|evaluated| evaluated.encoded.clipped_samples == 0) {
        return Ok(still);
    }
    run(codec, recordings, options)
}

fn lowering_cost(
    integer: &HostCodec<'_>,
    float: &HostCodec<'_>,
    recordings: &[Recording],
    quality: u8,
) -> Result<LoweringCost, CodecError> {
    let options = Options::new().quality(quality);
    let (integer, float) = (run_in_place(integer, recordings, options)?, run(float, recordings, options)?);
    let percent = |value| percent_more(&integer, &float, value);
    Ok(LoweringCost { quality, mse_percent: percent(mse), bits_percent: percent(|row| row.bits_per_sample) })
}

/// What following changed, given what came of recordings with it.
fn following(
    codec: &HostCodec<'_>,
    recordings: &[Recording],
    options: Options,
    followed: &[Evaluated],
) -> Result<Option<Following>, CodecError> {
    let moved_packets = followed.iter().map(|evaluated| evaluated.row.moved_packets).sum();
    if moved_packets == 0 {
        return Ok(None);
    }
    let still = run(codec, recordings, options.follow_input(false))?;
    let percent = |value| percent_more(followed, &still, value);
    Ok(Some(Following {
        moved_packets,
        packets: followed.iter().map(|evaluated| evaluated.row.packets).sum(),
        mse_percent: percent(mse),
        bits_percent: percent(|row| row.bits_per_sample),
    }))
}

/// By how many percent the mean of a figure is higher; 0 where it is not defined.
fn percent_more(one: &[Evaluated], other: &[Evaluated], value: fn(&Evaluation) -> Option<f64>) -> f64 {
    match (mean(one, value), mean(other, value)) {
        (Some(one), Some(other)) if other > 0.0 => 100.0 * (one / other - 1.0),
        _ => 0.0,
    }
}

/// The first frames of a recording.
fn beginning(recording: &Recording, frames: usize) -> Recording {
    let samples = recording.samples[..recording.samples.len().min(frames * recording.channels.len())].to_vec();
    Recording { samples, ..recording.clone() }
}

fn mse(row: &Evaluation) -> Option<f64> {
    Some(row.rmse_lsb * row.rmse_lsb)
}

/// The mean of what is defined.
fn mean(evaluated: &[Evaluated], value: impl Fn(&Evaluation) -> Option<f64>) -> Option<f64> {
    let values: Vec<f64> = evaluated.iter().filter_map(|evaluated| value(&evaluated.row)).collect();
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}
