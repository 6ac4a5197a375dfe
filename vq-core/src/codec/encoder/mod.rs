//! Samples in, packets out.
//!
//! The encoder works in small steps (`work`), each of them far shorter than a hop. [`Encoder::push`] takes them all at once,
//! [`Encoder::poll`] one per call. They are the same steps in the same order, and so are the bytes.

mod budget;
mod error;
mod follow;
mod input;
mod packing;
mod predict;
mod surprise;
mod work;

pub(super) use budget::Budget;
pub use error::EncoderError;
pub(super) use follow::WORDS as LEVEL_WORDS;
pub use surprise::running_mean;

use super::level::worst_level_bytes;
use super::{Frames, Options, Surprisal};
use crate::bytes::zero;
use crate::codebook::Paths;
use crate::coder::range::RangeEncoder;
use crate::features::{BUDGET, CHOICE, LEVELS, Optional, PREDICTION};
use crate::kernels::memory::clear;
use crate::model::{Model, QUALITIES};
use crate::nn::Stream;
use crate::packet::{Header, Mode};
use crate::prior::Prior;
use crate::residual::Predictor;
use budget::Account;
use packing::Seal;
use surprise::Surprise;
use work::{Step, Work};

/// What came of a call of [`Encoder::poll`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress<'p> {
    /// A packet to send.
    Packet(&'p [u8]),
    /// Something was done and more may be to do: poll again.
    Working,
    /// Nothing to do until more frames are fed: a main loop may sleep.
    Idle,
}

/// Turns frames into packets. Memory and work per frame are bounded; the same frames always give the same bytes.
///
/// Frames come by [`push`](Encoder::push), which does all the work that a frame brings, or through a
/// [`FrameQueue`](crate::FrameQueue) that an interrupt feeds and [`poll`](Encoder::poll) takes from, a bounded piece of work per call.
#[derive(Debug)]
// In this order, because a Cortex-M0 reaches what lies near with shorter instructions: bytes within the first 32, words within 128.
#[repr(C)]
pub struct Encoder<'a> {
    /// The quality of the packet under construction.
    quality: u8,
    /// The quality that was asked for, or the best that the budget may choose.
    chosen_quality: u8,
    /// Stages of the symbols of the newest hop that were found.
    found: u8,
    /// Whether the newest hop did not fit in the packet before and waits to be the first of this one.
    waiting: bool,
    /// Whether a frame was taken since the stream, or its part after a loss, began.
    started: bool,
    /// Whether a poll may have left work undone.
    polling: bool,
    /// Whether that end is a loss, after which the stream goes on.
    cut: bool,
    /// Whether a sample of the hop under construction is beyond what the nets can represent.
    beyond: bool,
    /// Whether a channel of the packet under construction is not where it was trained.
    moved: bool,
    /// Hops that are still to be clear of saturation until best effort goes on; 0 where it does.
    fallen: u8,
    /// What is to be done next.
    work: Work,
    /// Frames in the hop under construction.
    filled: usize,
    /// Index of the first hop of the packet under construction.
    hop: u32,
    /// Hops in the packet under construction.
    hops: u32,
    /// Hops still to run before the first latents are those of hop 0: the encoder's look-ahead.
    skip: usize,
    /// Hops of the last frame that are still to be run, once the stream, or its part before a loss, is at its end.
    closing: Option<usize>,
    model: Model<'a>,
    stream: Stream<'a>,
    /// The packet under construction, behind room for the longest header.
    packet: &'a mut [u8],
    /// Line buffers, by whole words; in bounded and lossless packets the predictor's state.
    lines: &'a mut [i32],
    /// The coder after the last hop of the packet under construction.
    coder: RangeEncoder,
    /// The same with what is coded of the next hop.
    trial: RangeEncoder,
    /// The packet that is sealed.
    seal: Seal,
    options: Options,
    /// The mode of the packet under construction.
    mode: Mode,
    /// The mode that was asked for.
    chosen_mode: Mode,
    /// The prior, which also holds the codes of the newest hop.
    prior: Prior<'a>,
    /// Frames that were taken before a loss and came too late for a packet.
    unsent: usize,
    /// Frames to drop until one is the first of a hop again, after a loss.
    dropping: usize,
    /// The header of the newest packet, and how many bytes its codes have.
    sent: Option<(Header, usize)>,
    /// The smallest limit of packets of these options.
    least_packet_bytes: usize,
    /// Samples beyond what the net's input can hold.
    saturated: u64,
    /// Frames that were fed and are not in the stream.
    lost: u64,
    /// Hops of samples, a ring of `[hops, frames, channels]`: those that are in no packet yet, and the one that is filled. Empty if only
    /// the nets run.
    kept: &'a mut [i32],
    /// The place of the oldest hop that is kept, and how many are whole.
    oldest: usize,
    pending: usize,
    /// What bounded and lossless packets are predicted with.
    predictor: Optional<Predictor<'a>, { PREDICTION as usize }>,
    /// Among which codes are chosen, if the model does not say the nearest.
    paths: Optional<Paths<'a>, { CHOICE as usize }>,
    /// What was sent against the budget, if there is one.
    account: Optional<Account, { BUDGET as usize }>,
    /// Levels of the channels, and what was seen of their samples.
    levels: &'a mut [i32],
    /// Hops in the block that the levels are judged by.
    block_hops: usize,
    /// Hops that are still to be packed before the first one that was taken at another level.
    hops_to_level: Option<usize>,
    /// How surprising the newest hops of best effort were.
    surprise: Surprise,
    /// Times that best effort fell back, and how many of them because of a surprise.
    fallbacks: u64,
    surprises: u64,
}

impl<'a> Encoder<'a> {
    /// An encoder at the start of a stream, over memory of at least [`Model::encoder_memory`] bytes.
    ///
    /// # Errors
    /// Too little or unaligned memory, packets too small for the longest hop, or what this build leaves out: a mode, a budget, a choice of codes.
    pub fn new(model: Model<'a>, memory: &'a mut [u8], options: Options) -> Result<Self, EncoderError> {
        if options.asks_for_prediction() && !PREDICTION {
            return Err(EncoderError::Mode);
        }
        if options.chosen_budget().is_some() && !BUDGET {
            return Err(EncoderError::Budget);
        }
        if !CHOICE && options.has_best_effort() && model.header().choice_units != 0 {
            return Err(EncoderError::Choice);
        }
        if memory.as_ptr().align_offset(8) != 0 {
            return Err(EncoderError::Misaligned);
        }
        let (need, have) = (model.encoder_memory(options), memory.len());
        let quality = options.chosen_quality();
        let sizes = model.sizes();
        let lowest = if BUDGET && options.chosen_budget().is_some() { 1 } else { quality };
        let worst = (lowest..=quality).map(|quality| model.worst_hop_bytes(quality)).max().unwrap_or(0);
        let best_effort = if options.has_best_effort() { options.least_packet_bytes(worst) } else { 0 };
        let predicted = if options.has_prediction() { options.least_predicted_bytes(sizes.hop_samples) } else { 0 };
        let packet_need = best_effort.max(predicted);
        if options.max_packet_bytes() < packet_need {
            return Err(EncoderError::PacketTooSmall { need: packet_need, have: options.max_packet_bytes() });
        }
        let too_small = EncoderError::MemoryTooSmall { need, have };
        let memory = memory.get_mut(..need).ok_or(too_small)?;
        let work_bytes = options.work_bytes(sizes.encoder_line_bytes, sizes.predictor_bytes);
        let (lines, memory) = memory.split_at_mut_checked(work_bytes).ok_or(too_small)?;
        let (codes, memory) = memory.split_at_mut_checked(sizes.prior_bytes).ok_or(too_small)?;
        let (kept, memory) = memory.split_at_mut_checked(options.kept_bytes(&sizes)).ok_or(too_small)?;
        let (levels, memory) = memory.split_at_mut_checked(Options::level_bytes(&sizes)).ok_or(too_small)?;
        let (paths, packet) = memory.split_at_mut_checked(options.choice_bytes(&sizes)).ok_or(too_small)?;
        let codes = bytemuck::try_cast_slice_mut(codes).map_err(|_| too_small)?;
        let lines = bytemuck::try_cast_slice_mut(lines).map_err(|_| too_small)?;
        let kept = bytemuck::try_cast_slice_mut(kept).map_err(|_| too_small)?;
        let levels = bytemuck::try_cast_slice_mut(levels).map_err(|_| too_small)?;
        clear::<i32>(levels);
        let zero = zero();
        // The stream begins in the first step: nothing is done with the encoder here, so that it is made where it goes, and not copied.
        Ok(Self {
            model,
            options,
            paths: Optional::new(|| Paths::new(model, paths)),
            stream: Stream::encoder(&model),
            prior: Prior::new(&model, codes),
            coder: RangeEncoder::new(),
            trial: RangeEncoder::new(),
            predictor: Optional::new(|| Some(Predictor::new(model))),
            lines,
            kept,
            levels,
            block_hops: zero,
            hops_to_level: None,
            moved: false,
            oldest: zero,
            pending: zero,
            packet,
            mode: options.chosen_mode(),
            chosen_mode: options.chosen_mode(),
            quality,
            chosen_quality: quality,
            found: 0,
            account: Optional::new(|| None),
            surprise: Surprise::default(),
            least_packet_bytes: packet_need,
            fallen: 0,
            fallbacks: zero as u64,
            surprises: zero as u64,
            beyond: false,
            work: Work::Begin,
            seal: Seal::default(),
            filled: zero,
            sent: None,
            saturated: zero as u64,
            lost: zero as u64,
            unsent: zero,
            dropping: zero,
            hop: zero as u32,
            skip: model.look_ahead_hops(),
            hops: zero as u32,
            waiting: false,
            started: false,
            polling: false,
            closing: None,
            cut: false,
        })
    }

    /// The model that this encoder runs.
    #[must_use]
    pub fn model(&self) -> &Model<'a> {
        &self.model
    }

    /// How surprising the packet was that was given last.
    #[must_use]
    pub fn surprisal(&self) -> Surprisal {
        self.sent.map_or(Surprisal::default(), |(header, codes)| Surprisal::new(&self.model, &header, codes))
    }

    /// How many samples so far were clipped: by the range of the nets' input, or in bounded and lossless packets by that of
    /// [`Options::sample_bits`].
    #[must_use]
    pub fn saturated_samples(&self) -> u64 {
        self.saturated
    }

    /// How many frames so far are not in the stream because the queue was full: those that it refused, and those that were
    /// dropped between the last whole hop before a loss and the first one after it.
    #[must_use]
    pub fn lost_frames(&self) -> u64 {
        self.lost
    }

    /// Changes what packets promise, from the next hop that is complete on. The packet under construction ends there.
    ///
    /// Between best effort and the other modes the decoder's net begins anew: of the samples before a change to prediction, as many as the
    /// decoder's look-ahead are degraded, and behind a change to best effort those within its receptive field.
    ///
    /// # Errors
    /// [`EncoderError::Mode`] unless [`Options::any_mode`] was chosen, or the mode is of the same kind as the one to start with.
    pub fn set_mode(&mut self, mode: Mode) -> Result<(), EncoderError> {
        let has = if mode == Mode::BestEffort { self.options.has_best_effort() } else { self.options.has_prediction() };
        if !has {
            return Err(EncoderError::Mode);
        }
        self.chosen_mode = mode;
        Ok(())
    }

    /// The mode of the packet under construction.
    #[must_use]
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// The same, known to the compiler where there is only one.
    fn packet_mode(&self) -> Mode {
        if PREDICTION { self.mode } else { Mode::BestEffort }
    }

    /// Whether the packet under construction is bounded or lossless.
    fn is_predicting(&self) -> bool {
        PREDICTION && self.mode != Mode::BestEffort
    }

    /// How often so far best effort fell back to [`Options::fallback`]: because samples were beyond what the nets can represent, or the signal was
    /// none that the model knows.
    #[must_use]
    pub fn fallbacks(&self) -> u64 {
        self.fallbacks
    }

    /// How many of the [`fallbacks`](Self::fallbacks) were of signal within range that took more bits than any where the model was trained.
    #[must_use]
    pub fn surprises(&self) -> u64 {
        self.surprises
    }

    /// Changes the quality (clamped to 1..=9), from the next packet on. With a budget it is the best that may be chosen.
    ///
    /// # Errors
    /// [`EncoderError::PacketTooSmall`] where a packet cannot hold every hop of this quality; the one before stays.
    pub fn set_quality(&mut self, quality: u8) -> Result<(), EncoderError> {
        let quality = quality.clamp(1, QUALITIES as u8);
        let need = self.options.least_packet_bytes(self.model.worst_hop_bytes(quality));
        // The levels have their place in every packet, if they may change.
        let need =
            need + if self.follows() || (LEVELS && self.moved) { worst_level_bytes(self.model.channels()) } else { 0 };
        if self.options.has_best_effort() && need > self.options.max_packet_bytes() {
            return Err(EncoderError::PacketTooSmall { need, have: self.options.max_packet_bytes() });
        }
        self.chosen_quality = quality;
        Ok(())
    }

    /// The quality of the packet under construction.
    #[must_use]
    pub fn quality(&self) -> u8 {
        self.quality
    }

    /// Takes one frame, a sample of every channel, and does all the work that it brings; gives a packet when one is full.
    ///
    /// # Errors
    /// A frame of the wrong number of channels, or, where packets may be bounded or lossless, [`EncoderError::Unfinished`]; nothing is taken.
    pub fn push(&mut self, frame: &[i32]) -> Result<Option<&[u8]>, EncoderError> {
        if frame.len() != self.model.channels() {
            return Err(EncoderError::Channels { model: self.model.channels(), frame: frame.len() });
        }
        if self.polling && self.options.has_prediction() {
            // What is left may need the place of this frame's samples until a packet is taken that is not ready.
            return Err(EncoderError::Unfinished);
        }
        // What `poll` may have left to do. It gives at most one packet, behind which nothing uses the net's input any more.
        let mut packet = self.work_off();
        // A hop that waits for the next packet may have to be searched again, which uses what the net gave.
        while matches!(self.work, Work::Search(_) | Work::Choose { .. }) {
            let _ = self.step();
        }
        self.take(frame.iter().copied());
        if packet.is_none() {
            packet = self.work_off();
        }
        Ok(packet.map(|(start, end)| self.packet.get(start..end).unwrap_or_default()))
    }

    /// Does one bounded piece of work: takes a frame from the queue, runs one layer, finds or codes one symbol or predicted sample, or
    /// adds some bytes to a checksum. So no poll is longer than the model's longest layer or search, whichever it is;
    /// `cargo xtask firmware --program duplex` counts the instructions on a board.
    ///
    /// Where frames were lost because the queue was full, the stream tells: it ends with the last hop that needs none of them and
    /// goes on with the first whole hop behind them. To a decoder that is a gap, as after lost packets.
    ///
    /// # Errors
    /// A queue whose frames have another number of channels than the model.
    pub fn poll(&mut self, frames: &Frames) -> Result<Progress<'_>, EncoderError> {
        if frames.channels() != self.model.channels() {
            return Err(EncoderError::Channels { model: self.model.channels(), frame: frames.channels() });
        }
        self.polling = true;
        Ok(match self.step() {
            Step::Packet { start, end } => Progress::Packet(self.packet.get(start..end).unwrap_or_default()),
            Step::Working => Progress::Working,
            Step::Idle if self.take_from(frames) => Progress::Working,
            Step::Idle => {
                self.polling = false;
                Progress::Idle
            }
        })
    }

    /// Ends the stream: fills up the last hop and the look-ahead by holding the last frame, and gives the remaining
    /// packets, one per call, until `None`. The encoder is then at the start of a new stream.
    ///
    /// Frames that wait in a queue are not part of it: poll until [`Progress::Idle`] first.
    pub fn finish(&mut self) -> Option<&[u8]> {
        loop {
            if let Some((start, end)) = self.work_off() {
                return Some(self.packet.get(start..end).unwrap_or_default());
            }
            if !self.started {
                self.restart(0);
                self.polling = false;
                (self.unsent, self.dropping) = (0, 0);
                return None;
            }
            self.closing = Some(self.hops_to_close());
        }
    }

    /// Works until a packet is ready, whose place it gives, or nothing is to do without another frame.
    fn work_off(&mut self) -> Option<(usize, usize)> {
        loop {
            match self.step() {
                Step::Packet { start, end } => return Some((start, end)),
                Step::Working => {}
                Step::Idle => return None,
            }
        }
    }

    /// Is at the start of a stream, or of its part after a loss, whose first hop has this index.
    fn restart(&mut self, hop: u32) {
        self.work = Work::Gather;
        self.filled = 0;
        self.forget_kept();
        self.hop = hop;
        self.beyond = false;
        if PREDICTION {
            self.fallen = 0;
        }
        if self.cut {
            self.forget_blocks();
        } else {
            self.begin_levels();
            let account = |budget| Account::new(budget, self.options.max_packet_bytes());
            self.account = Optional::new(|| self.options.chosen_budget().map(account));
        }
        self.begin_mode(self.chosen_mode);
        self.started = false;
        self.closing = None;
        self.cut = false;
    }
}
