//! Which recurrent prior a model gets: each that is asked for is trained, lowered and measured on frames that were held out; the one whose
//! bits, flash and instructions cost least stays, if it costs less than the tables.

use tch::{Kind, Tensor};
use vq_core::model::QUALITIES;
use vq_core::{Encoder, Model, Options, packet_codes};

use super::{PriorSession, PriorSettings, Sizes, is_foreseeable, is_of_indices, limit};
use crate::config::{PriorConfig, PriorKind};
use crate::export::container::{ContainerError, ModelParts, assemble};
use crate::export::file::HostMemory;
use crate::export::priors::PriorError;
use crate::export::priors::adapting::{AdaptingTables, RATES};
use crate::export::priors::recurrent::{RecurrentParts, RecurrentSizes};
use crate::export::received::squared_error;
use crate::train::StageProgress;

/// Bits that a KiB of flash must save at least, as a share.
const FLASH_PRICE_PER_KIB: f64 = 0.002;
/// Bits that a thousand multiply-accumulates per frame must save at least, as a share.
const MACS_PRICE_PER_THOUSAND: f64 = 0.001;
/// Most frames that candidates are measured on.
const MEASURED_FRAMES: usize = 60_000;
/// By what share of the bits two errors may differ.
const LARGEST_DIFFERENCE: f64 = 0.25;
/// Steps between two reports.
const REPORT_EVERY: usize = 50;

/// Why a prior could not be fitted.
#[derive(Debug, thiserror::Error)]
pub enum FitError {
    /// Only indices and integer latents have a recurrent prior.
    #[error(
        "this model's codes are neither indices nor integer latents of one width: only those have a recurrent prior, its tables stay as they are"
    )]
    Unsuitable,
    /// The codes cannot be had.
    #[error(transparent)]
    Codes(#[from] PriorError),
    /// The model with the prior is not sound.
    #[error(transparent)]
    Container(#[from] ContainerError),
    /// An accumulator could overflow.
    #[error("the trained prior cannot be brought into integers: train with a lower prior.learning_rate")]
    Overflow,
    /// It was told to stop.
    #[error("stopped before the prior was trained")]
    Stopped,
}

/// What a candidate costs on held-out frames, in packets of 244 bytes.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// Which one; `None` for the tables.
    pub kind: Option<PriorKind>,
    /// Code bits of all qualities that were trained for; of codes that are chosen by the prior as they would be at the tables' error.
    pub bits: f64,
    /// By how much the integers need more bits than the floats, as a share.
    pub integer_loss: f64,
    /// Bytes of flash, those of the tables among them where they stay.
    pub flash: usize,
    /// Multiply-accumulates per frame.
    pub macs_per_frame: f64,
}

impl Candidate {
    /// Bits, with what the flash and the instructions are worth.
    #[must_use]
    pub fn price(&self) -> f64 {
        let flash = FLASH_PRICE_PER_KIB * self.flash as f64 / 1024.0;
        self.bits * (1.0 + flash + MACS_PRICE_PER_THOUSAND * self.macs_per_frame / 1000.0)
    }
}

/// What a training of priors found.
#[derive(Debug)]
pub struct Fitted {
    /// The prior to use; `None` where the tables are the best.
    pub recurrent: Option<RecurrentParts>,
    /// Everything that was measured, the tables first.
    pub candidates: Vec<Candidate>,
    /// Ideal bits of the tables' rows if they also learned on the fly, less their headers and rounding; and of the tables as they are.
    pub adapting: [f64; 2],
}

impl PriorConfig {
    /// The prior that is trained together with the nets, where there is one.
    fn in_training(&self) -> Self {
        let kind = if self.kind == PriorKind::Best { PriorKind::Standard } else { self.kind };
        Self { kind, ..self.clone() }
    }

    /// Its sizes.
    #[must_use]
    pub fn sizes_in_training(&self) -> Option<RecurrentSizes> {
        self.in_training().candidates().first().map(|(_, sizes)| *sizes)
    }

    /// The same with kind and units of the prior that is trained together with the nets, so that a run that is resumed has them whatever a later version
    /// would choose.
    #[must_use]
    pub fn settled(&self) -> Self {
        let units = match self.units {
            0 => self.sizes_in_training().map_or(0, |sizes| sizes.hidden),
            units => units,
        };
        Self { units, ..self.in_training() }
    }
}

/// Trains and measures priors for the model of `parts`, whose own recurrent prior is left out.
///
/// # Errors
/// A model that cannot have one, or cannot encode the samples; or that `progress` was told to stop.
pub fn fit(
    parts: &ModelParts,
    training: &[i32],
    held_out: &[i32],
    config: &PriorConfig,
    settings: &PriorSettings,
    progress: &mut StageProgress<'_>,
) -> Result<Fitted, FitError> {
    let mut parts = parts.clone();
    parts.priors.recurrent = None;
    let base = assemble(&parts)?;
    let model = base.model().map_err(ContainerError::from)?;
    let of_indices = is_of_indices(model);
    if !is_foreseeable(model) {
        return Err(FitError::Unsuitable);
    }
    let held_out = &held_out[..held_out.len().min(MEASURED_FRAMES * model.channels())];
    let mut of_tables = Vec::new();
    let mut adapting = [0.0; RATES.len()];
    for quality in &settings.qualities {
        let mut learners = RATES.map(|rate| AdaptingTables::new(model, *quality, rate));
        of_tables.push(Spent::measure(model, held_out, *quality, Watched::Tables(&mut learners, &mut adapting))?);
    }
    let sum = |part: fn(&Spent) -> f64| of_tables.iter().map(part).sum::<f64>();
    let (sent, ideal) = (sum(|spent| spent.sent), sum(|spent| spent.ideal));
    let least_adapting = adapting.iter().copied().fold(f64::INFINITY, f64::min);
    let tables =
        Candidate { kind: None, bits: sent, integer_loss: 0.0, flash: parts.priors.table_bytes(), macs_per_frame: 0.0 };
    let mut fitted = Fitted { recurrent: None, candidates: vec![tables], adapting: [least_adapting, ideal] };
    let mut least = if config.kind == PriorKind::Best { fitted.candidates[0].price() } else { f64::INFINITY };
    // Where there is one to begin with, only that one.
    let config = if settings.start.is_empty() { config.clone() } else { config.in_training() };
    for (kind, sizes) in candidates(&config, of_indices) {
        let mut session = PriorSession::new(model, training, PriorSettings { sizes, ..settings.clone() })?;
        train(&mut session, kind, progress)?;
        let mut recurrent = session.lower().ok_or(FitError::Overflow)?;
        let mut with = with_recurrent(parts.clone(), &recurrent);
        if parts.choice.is_some() {
            // Codes are chosen by the prior, which now learns those that it would have.
            let bytes = assemble(&with)?;
            session.collect_again(bytes.model().map_err(ContainerError::from)?, training)?;
            train(&mut session, kind, progress)?;
            recurrent = session.lower().ok_or(FitError::Overflow)?;
            with = with_recurrent(parts.clone(), &recurrent);
        }
        let bytes = assemble(&with)?;
        let model = bytes.model().map_err(ContainerError::from)?;
        let mut spent = Spent::default();
        let mut bits = 0.0;
        for (quality, of_tables) in settings.qualities.iter().zip(&of_tables) {
            let at_quality = Spent::measure(model, held_out, *quality, Watched::Recurrent(&session))?;
            recurrent.expected[usize::from(*quality) - 1] =
                (at_quality.ideal / at_quality.hops.max(1.0) * 256.0) as u32;
            bits += at_quality.sent_at(of_tables, model);
            spent.add(&at_quality);
        }
        let candidate = Candidate {
            kind: Some(kind),
            bits,
            integer_loss: spent.ideal / spent.float - 1.0,
            flash: recurrent.bytes() + with.priors.table_bytes(),
            macs_per_frame: recurrent.record.multiply_accumulates() as f64 / model.hop() as f64,
        };
        if candidate.price() < least {
            least = candidate.price();
            fitted.recurrent = Some(recurrent);
        }
        fitted.candidates.push(candidate);
    }
    Ok(fitted)
}

/// Takes all steps that are left.
fn train(session: &mut PriorSession, kind: PriorKind, progress: &mut StageProgress<'_>) -> Result<(), FitError> {
    let mut recent = 0.0;
    while session.step() < session.steps() {
        if progress.stops() {
            return Err(FitError::Stopped);
        }
        recent += session.advance();
        if session.step().is_multiple_of(REPORT_EVERY) {
            progress.line(&kind, [session.step(), session.steps()], recent / REPORT_EVERY as f64);
            recent = 0.0;
        }
    }
    Ok(())
}

/// The priors that are tried for indices or for integer latents.
fn candidates(config: &PriorConfig, of_indices: bool) -> Vec<(PriorKind, Sizes)> {
    if of_indices {
        return config.index_candidates().into_iter().map(|(kind, sizes)| (kind, Sizes::Indices(sizes))).collect();
    }
    config.candidates().into_iter().map(|(kind, sizes)| (kind, Sizes::Latents(sizes))).collect()
}

/// The parts with a recurrent prior.
fn with_recurrent(mut parts: ModelParts, recurrent: &RecurrentParts) -> ModelParts {
    parts.priors = parts.priors.with_recurrent(Some(recurrent.clone()), &parts.symbols);
    parts
}

/// What else codes are priced by, while they are measured.
enum Watched<'w, 'm> {
    /// Tables that learn, each at another rate, and their bits.
    Tables(&'w mut [AdaptingTables<'m>], &'w mut [f64]),
    /// A recurrent prior in floats.
    Recurrent(&'w PriorSession),
}

/// Bits of a stretch of signal at one quality.
#[derive(Debug, Default)]
struct Spent {
    /// As they are sent, in whole bytes of packets.
    sent: f64,
    /// Under the integer prior.
    ideal: f64,
    /// Under the float prior, on the same codes in the same packets.
    float: f64,
    hops: f64,
    /// Squared error of all samples, where codes are chosen by the prior; otherwise it is the same with any.
    error: f64,
}

impl Spent {
    fn add(&mut self, other: &Self) {
        self.sent += other.sent;
        self.ideal += other.ideal;
        self.float += other.float;
        self.hops += other.hops;
        self.error += other.error;
    }

    /// The bits, as they would be at the error of another one, at 6 dB for a bit of each latent: for small differences only.
    fn sent_at(&self, other: &Self, model: Model<'_>) -> f64 {
        if self.error <= 0.0 || other.error <= 0.0 {
            return self.sent;
        }
        let latents = model.latent_rows() * usize::from(model.directory().latent_channels);
        let difference = self.hops * latents as f64 / 2.0 * (self.error / other.error).log2();
        self.sent + difference.clamp(-LARGEST_DIFFERENCE * self.sent, LARGEST_DIFFERENCE * self.sent)
    }

    fn measure(
        model: Model<'_>,
        samples: &[i32],
        quality: u8,
        mut watched: Watched<'_, '_>,
    ) -> Result<Self, PriorError> {
        let least = model.least_packet_bytes(quality);
        let options = Options::new().quality(quality);
        let options = options.packet_bytes(options.max_packet_bytes().max(least));
        let mut memory = HostMemory::new(model.encoder_memory(options));
        let mut encoder = Encoder::new(model, memory.bytes(), options)?;
        let mut this = Self::default();
        // Where codes are chosen by the prior.
        let mut received = model.choice().map(|_| Vec::new());
        let mut take = |packet: &[u8]| -> Result<(), PriorError> {
            received.iter_mut().for_each(|received| received.push(packet.to_vec()));
            this.packet(model, packet, quality, &mut watched)
        };
        for frame in samples.chunks_exact(model.channels()) {
            if let Some(packet) = encoder.push(frame)? {
                take(packet)?;
            }
        }
        while let Some(packet) = encoder.finish() {
            take(packet)?;
        }
        if let Some(received) = received {
            this.error = squared_error(model, &received, samples).map_err(PriorError::from)?;
        }
        Ok(this)
    }

    fn packet(
        &mut self,
        model: Model<'_>,
        packet: &[u8],
        quality: u8,
        watched: &mut Watched<'_, '_>,
    ) -> Result<(), PriorError> {
        let mut memory = vec![0; model.prior_memory() / 2];
        let mut codes = packet_codes(model, packet, &mut memory)?;
        let hops = codes.header().hops;
        let limit = limit(model);
        let symbols = usize::from(model.header().symbols_per_hop);
        // A row of all symbols for each hop, those that are not sent as zeros.
        let mut sent: Vec<u16> = Vec::new();
        while let Some(hop) = codes.next_hop().map(|hop| hop.map(|(index, _, code)| (index, code)).collect::<Vec<_>>())
        {
            let first = sent.len();
            sent.resize(first + symbols, 0);
            hop.into_iter().for_each(|(index, code)| sent[first + index] = code);
            self.ideal += f64::from(codes.hop_cost()) / 256.0;
        }
        self.sent += packet.len() as f64 * 8.0;
        self.hops += f64::from(hops);
        match watched {
            Watched::Recurrent(session) => {
                let steps: Vec<i16> = sent.iter().map(|code| (*code as i16).wrapping_sub(limit)).collect();
                self.float += session.bits_of(&steps, hops as usize, quality);
            }
            Watched::Tables(learners, bits) => {
                for (learner, bits) in learners.iter_mut().zip(bits.iter_mut()) {
                    learner.start_packet();
                    *bits += sent.chunks_exact(symbols).map(|hop| learner.hop(hop)).sum::<f64>();
                }
            }
        }
        Ok(())
    }
}

impl PriorSession {
    /// Bits of a packet's codes, in steps, `[hops, symbols]`, under the floats with weights as they are after rounding to int8.
    fn bits_of(&self, steps: &[i16], hops: usize, quality: u8) -> f64 {
        let codes = Tensor::from_slice(steps).view([1, hops as i64, -1]).to_kind(Kind::Float);
        tch::no_grad(|| self.net.bits(&codes, quality, false).sum(Kind::Double).double_value(&[]))
    }
}

/// The qualities that a list names, all of them where it is empty.
#[must_use]
pub fn qualities(named: &[u8]) -> Vec<u8> {
    if named.is_empty() { (1..=QUALITIES as u8).collect() } else { named.to_vec() }
}
