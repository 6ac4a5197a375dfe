//! Which predictor a model gets: each that is asked for is trained, lowered and measured on recordings that were held out; the one whose
//! bits, flash and instructions cost least stays, if that is less than the adaptive one costs.

use vq_core::{Mode, Options};

use super::{PredictorSession, PredictorSettings};
use crate::codec::{CodecError, HostCodec};
use crate::config::PredictorKind;
use crate::data::Recording;
use crate::export::container::{ContainerError, ModelParts, assemble};
use crate::export::predictor::PredictorParts;
use crate::train::StageProgress;

/// Bits that a KiB of flash must save at least, as a share.
const FLASH_PRICE_PER_KIB: f64 = 0.002;
/// Bits that a thousand multiply-accumulates per sample must save at least, as a share.
const MACS_PRICE_PER_THOUSAND: f64 = 0.001;
/// Bounds that candidates are measured at.
const BOUNDS: [u32; 3] = [0, 1, 5];
/// Steps between two reports.
const REPORT_EVERY: usize = 50;

/// Why a predictor could not be fitted.
#[derive(Debug, thiserror::Error)]
pub enum FitError {
    /// The model cannot encode the recordings.
    #[error(transparent)]
    Codec(#[from] CodecError),
    /// The model with the predictor is not sound.
    #[error(transparent)]
    Container(#[from] ContainerError),
    /// An accumulator could overflow.
    #[error("the trained predictor cannot be brought into integers: train with a lower residual.learning_rate")]
    Overflow,
    /// It was told to stop.
    #[error("stopped before the predictor was trained")]
    Stopped,
}

/// What a candidate costs on held-out recordings.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// Which one.
    pub kind: PredictorKind,
    /// Bits per sample lossless, within ±1 and within ±5 counts, each as one stream.
    pub stream: [f64; 3],
    /// The same in packets of the usual length.
    pub packets: [f64; 3],
    /// By how much the integers need more bits than the floats, as a share; `None` of the adaptive one.
    pub integer_loss: Option<f64>,
    /// Bytes of flash.
    pub flash: usize,
    /// Multiply-accumulates per sample.
    pub macs: usize,
}

impl Candidate {
    /// Bits, with what the flash and the instructions are worth.
    #[must_use]
    pub fn price(&self) -> f64 {
        let flash = FLASH_PRICE_PER_KIB * self.flash as f64 / 1024.0;
        let bits = self.stream.iter().chain(&self.packets).sum::<f64>();
        bits * (1.0 + flash + MACS_PRICE_PER_THOUSAND * self.macs as f64 / 1000.0)
    }
}

/// What a training of predictors found.
#[derive(Debug)]
pub struct Fitted {
    /// The predictor to use; `None` where the adaptive one is the best.
    pub predictor: Option<PredictorParts>,
    /// Everything that was measured, the adaptive one first.
    pub candidates: Vec<Candidate>,
}

/// Trains and measures predictors for the model of `parts`, whose own is left out.
///
/// # Errors
/// A model that is not sound or cannot encode the recordings; or that `progress` was told to stop.
pub fn fit(
    parts: &ModelParts,
    training: &[Recording],
    held_out: &[Recording],
    kind: PredictorKind,
    settings: PredictorSettings,
    progress: &mut StageProgress<'_>,
) -> Result<Fitted, FitError> {
    let without = ModelParts { predictor: None, ..parts.clone() };
    let [stream, packets] = measure(&without, held_out)?;
    let adaptive = Candidate { kind: PredictorKind::Adaptive, stream, packets, integer_loss: None, flash: 0, macs: 0 };
    let mut least = if kind == PredictorKind::Best { adaptive.price() } else { f64::INFINITY };
    let mut fitted = Fitted { predictor: None, candidates: vec![adaptive] };
    let offsets: Vec<i32> = parts.scaling.iter().map(|scaling| scaling.offset).collect();
    for (kind, sizes) in kind.candidates(offsets.len(), settings.filter_rate) {
        let mut session = PredictorSession::new(sizes, training, offsets.clone(), settings);
        let mut recent = 0.0;
        while session.step() < settings.steps {
            if progress.stops() {
                return Err(FitError::Stopped);
            }
            recent += session.advance();
            if session.step().is_multiple_of(REPORT_EVERY) {
                progress.line(&kind, [session.step(), settings.steps], recent / REPORT_EVERY as f64);
                recent = 0.0;
            }
        }
        let predictor = session.trained().lower().ok_or(FitError::Overflow)?;
        let [stream, packets] = measure(&ModelParts { predictor: Some(predictor.clone()), ..parts.clone() }, held_out)?;
        let float: f64 = BOUNDS.iter().map(|bound| session.measure(held_out, *bound)).sum();
        let candidate = Candidate {
            kind,
            stream,
            packets,
            integer_loss: Some(stream.iter().sum::<f64>() / float - 1.0),
            flash: predictor.bytes(),
            macs: predictor.record.multiply_accumulates(),
        };
        if candidate.price() < least {
            least = candidate.price();
            fitted.predictor = Some(predictor);
        }
        fitted.candidates.push(candidate);
    }
    Ok(fitted)
}

/// Bits per sample of a model's codes, as one stream and in packets of the usual length, at each of [`BOUNDS`]: the mean of the recordings.
fn measure(parts: &ModelParts, recordings: &[Recording]) -> Result<[[f64; 3]; 2], FitError> {
    let bytes = assemble(parts)?;
    let codec = HostCodec::new(&bytes)?;
    let mut means = [[0.0; 3]; 2];
    for (place, bound) in BOUNDS.into_iter().enumerate() {
        let packets = codec.with_room(Options::new().mode(Mode::within(bound)));
        for recording in recordings {
            let stream = packets.packet_bytes(codec.one_stream_bytes(recording.frames(), packets));
            for (means, options) in means.iter_mut().zip([stream, packets]) {
                let bits = codec.encode(recording, options)?.code_bytes as f64 * 8.0;
                means[place] += bits / recording.samples.len().max(1) as f64 / recordings.len() as f64;
            }
        }
    }
    Ok(means)
}
