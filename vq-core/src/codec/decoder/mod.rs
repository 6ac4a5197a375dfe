//! Packets in, samples out.

mod blocks;
mod error;
mod levels;
mod order;

pub use blocks::{Blocks, Piece};
pub use error::DecoderError;
pub(crate) use levels::WORDS as LEVEL_WORDS;

use blocks::{Break, Work};
use levels::Levels;
use order::{Order, Place};

use super::codes::check_length;
use crate::coder::range::RangeDecoder;
use crate::features::{LEVELS, Optional, PREDICTION};
use crate::kernels::memory::clear;
use crate::model::Model;
use crate::nn::Stream;
use crate::packet::{Header, Mode, PacketError, checksum_of};
use crate::prior::Prior;
use crate::residual::Predictor;

/// How far samples can be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Status {
    /// Every code that they depend on arrived.
    Complete,
    /// Within the receptive field of lost packets, or of the start of a stream that was joined late.
    Degraded,
    /// Lost: there are no samples for this many frames.
    Gap {
        /// Frames that are missing.
        frames: u64,
    },
    /// The device began a new stream: positions count anew from here on, and how much was lost before is not known. There are no samples.
    NewStream,
}

/// A run of frames, or of missing ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Block<'b> {
    /// Position of the first frame: hop index of the stream times frames per hop.
    pub first_frame: u64,
    /// The samples, `[frame, channel]`; empty for a gap and where a stream begins anew.
    pub frames: &'b [i32],
    /// How far they can be trusted.
    pub status: Status,
}

/// Turns packets into frames, and says exactly what was lost.
///
/// The samples of a packet come out one look-ahead later, with the next packet or with [`Decoder::finish`].
#[derive(Debug)]
pub struct Decoder<'a> {
    model: Model<'a>,
    stream: Stream<'a>,
    /// The prior, which also holds the codes of the newest hop.
    prior: Prior<'a>,
    /// What bounded and lossless packets are predicted with.
    predictor: Optional<Predictor<'a>, { PREDICTION as usize }>,
    /// Line buffers, by whole words; between bounded and lossless hops the predictor's state.
    lines: &'a mut [i32],
    /// Levels of the channels.
    levels: Levels<'a>,
    /// One hop of frames.
    frames: &'a mut [i32],
    order: Order,
    /// First hop whose latents belong to the run of packets that is being decoded: nothing before it is known.
    run_start: u64,
    /// The position of the first frame that was not handed out yet.
    next_frame: u64,
    /// Whether the newest hop was predicted, so that no frames wait in the net.
    predicting: bool,
}

impl<'a> Decoder<'a> {
    /// A decoder before the first packet, over memory of at least [`Model::decoder_memory`] bytes.
    ///
    /// # Errors
    /// Too little or unaligned memory.
    pub fn new(model: Model<'a>, memory: &'a mut [u8]) -> Result<Self, DecoderError> {
        if memory.as_ptr().align_offset(8) != 0 {
            return Err(DecoderError::Misaligned);
        }
        let (need, have) = (model.decoder_memory(), memory.len());
        let too_small = DecoderError::MemoryTooSmall { need, have };
        let memory = memory.get_mut(..need).ok_or(too_small)?;
        let sizes = model.sizes();
        let (lines, memory) = memory.split_at_mut_checked(sizes.decoder_work_bytes()).ok_or(too_small)?;
        let (codes, memory) = memory.split_at_mut_checked(sizes.prior_bytes).ok_or(too_small)?;
        let (levels, frames) = memory.split_at_mut_checked(sizes.decoder_level_bytes()).ok_or(too_small)?;
        let lines = bytemuck::try_cast_slice_mut(lines).map_err(|_| too_small)?;
        let frames = bytemuck::try_cast_slice_mut(frames).map_err(|_| too_small)?;
        clear::<i32>(lines);
        let codes = bytemuck::try_cast_slice_mut(codes).map_err(|_| too_small)?;
        let levels = bytemuck::try_cast_slice_mut(levels).map_err(|_| too_small)?;
        let prior = Prior::new(&model, codes);
        let stream = Stream::decoder(&model);
        Ok(Self {
            model,
            stream,
            prior,
            predictor: Optional::new(|| Some(Predictor::new(model))),
            lines,
            levels: Levels::new(levels),
            frames,
            order: Order::default(),
            run_start: 0,
            next_frame: 0,
            predicting: false,
        })
    }

    /// The model that this decoder runs.
    #[must_use]
    pub fn model(&self) -> &Model<'a> {
        &self.model
    }

    /// Takes one packet; its samples are read from the blocks that come back, which must be drained.
    ///
    /// A device that restarts numbers its hops from 0 again. That is told from repeats: a first packet of a stream that is not the one of the stream
    /// at hand begins a new stream at once; if it was lost, the fourth of four old packets that follow each other does. What waited for the
    /// look-ahead then comes out, and [`Status::NewStream`] before the new stream's samples.
    ///
    /// # Errors
    /// A packet that is damaged, of another model, repeated, out of order, or of a mode that this build leaves out; the samples to come stay as they were.
    pub fn packet<'d>(&'d mut self, packet: &'d [u8]) -> Result<Blocks<'d, 'a>, PacketError> {
        let (header, codes) = Header::parse(packet, &self.model.identity())?;
        if (!PREDICTION && header.mode != Mode::BestEffort) || (!LEVELS && header.moved) {
            return Err(PacketError::Unsupported);
        }
        check_length(&self.model, &header, codes)?;
        let next = self.order.next();
        let place = self.order.place(&header, checksum_of(packet))?;
        let first_hop = place.hop();
        let predicted = PREDICTION && header.mode != Mode::BestEffort;
        let before = match place {
            Place::First(hop) => {
                self.begin_run(hop);
                None
            }
            // Behind a change of mode the net begins anew, and nothing is missing.
            Place::Next(hop) if self.predicting != predicted => Some(Break::Mode(hop)),
            Place::Next(_) => None,
            Place::AfterGap(hop) => Some(Break::Gap(hop)),
            Place::NewStream(hop) => Some(Break::NewStream(hop)),
        };
        self.prior.start_packet(&self.model, header.quality);
        Ok(Blocks {
            flush: before.map_or(0, |_| self.hops_in_net()),
            flushed_hop: next.unwrap_or(first_hop),
            before,
            hops: header.hops,
            hop: first_hop,
            codes: RangeDecoder::new(codes),
            received: Some((header, codes.len())),
            last: false,
            bound: header.mode.bound(),
            moved: header.moved,
            fresh: true,
            first_samples: true,
            work: Work::Begin,
            decoder: self,
        })
    }

    /// Ends the stream: gives the samples that waited for the decoder's look-ahead (those after the last sample that
    /// the encoder took, if it closed the stream). The decoder is then before a first packet again.
    pub fn finish(&mut self) -> Blocks<'_, 'a> {
        Blocks {
            flush: self.order.next().map_or(0, |_| self.hops_in_net()),
            flushed_hop: self.order.next().unwrap_or(0),
            before: None,
            hops: 0,
            hop: 0,
            codes: RangeDecoder::new(&[]),
            received: None,
            last: true,
            bound: None,
            moved: false,
            fresh: true,
            first_samples: true,
            work: Work::Begin,
            decoder: self,
        }
    }

    /// Starts a run of packets that follow each other: the net knows nothing of what was before.
    fn begin_run(&mut self, hop: u64) {
        clear(self.lines);
        self.levels.begin_run();
        self.predicting = false;
        self.run_start = hop;
        self.next_frame = hop * self.model.hop() as u64;
    }

    /// Hops of zeros to feed for the frames that wait in the net.
    fn hops_in_net(&self) -> usize {
        if PREDICTION && self.predicting { 0 } else { self.model.closing_hops() }
    }

    /// After the net ran for hop `hop`: the frames in the buffer that are due, before position `end`, as their first
    /// position and their place in the buffer.
    fn take_frames(&mut self, hop: u64, end: u64) -> Option<(u64, core::ops::Range<usize>)> {
        let hop_frames = self.model.hop() as u64;
        let delay = u64::from(self.model.directory().decoder.delay);
        let buffer_end = ((hop + 1) * hop_frames).checked_sub(delay)?.min(end);
        let first = self.next_frame;
        let count = buffer_end.checked_sub(first).filter(|count| *count > 0)?;
        let skipped = (first + delay).checked_sub(hop * hop_frames)? as usize;
        self.next_frame = buffer_end;
        let channels = self.model.channels();
        Some((first, skipped * channels..(skipped + count as usize) * channels))
    }

    /// Whether what the net gave for a hop depends on nothing before the run. Only a stream's very first hop is number 0: before it there is nothing.
    fn status(&self, hop: u64) -> Status {
        let known = hop + 1 >= self.run_start + u64::from(self.model.directory().decoder.receptive_hops);
        if self.run_start == 0 || known { Status::Complete } else { Status::Degraded }
    }

    /// Forgets the stream.
    fn restart(&mut self) {
        self.order = Order::default();
        self.begin_run(0);
    }
}
