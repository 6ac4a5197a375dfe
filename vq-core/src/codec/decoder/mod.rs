//! Packets in, samples out.

mod blocks;
mod error;

pub use blocks::{Blocks, Piece};
pub use error::DecoderError;

use blocks::Work;

use super::Surprisal;
use super::codes::check_length;
use crate::codebook::Codebook;
use crate::coder::range::RangeDecoder;
use crate::model::Model;
use crate::nn::Stream;
use crate::packet::{HOP_INDEX_MODULUS, Header, PacketError};
use crate::prior::Prior;

/// How far samples can be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
}

/// A run of frames, or of missing ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Block<'b> {
    /// Position of the first frame: hop index of the stream times frames per hop.
    pub first_frame: u64,
    /// The samples, `[frame, channel]`; empty for a gap.
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
    /// Line buffers, of whole elements.
    lines: &'a mut [u8],
    /// One hop of frames.
    frames: &'a mut [u8],
    /// The hop that is expected next; `None` before the first packet.
    next_hop: Option<u64>,
    /// First hop whose latents belong to the run of packets that is being decoded: nothing before it is known.
    run_start: u64,
    /// The position of the first frame that was not handed out yet.
    next_frame: u64,
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
        let line_bytes = model.header().decoder_line_bytes as usize;
        let (lines, memory) = memory.split_at_mut_checked(line_bytes).ok_or(too_small)?;
        let (codes, frames) = memory.split_at_mut_checked(model.prior_memory()).ok_or(too_small)?;
        lines.fill(0);
        let codes = bytemuck::try_cast_slice_mut(codes).map_err(|_| too_small)?;
        let prior = Prior::new(model, 1, codes);
        let stream = Stream::new(model, model.directory().decoder);
        Ok(Self { model, stream, prior, lines, frames, next_hop: None, run_start: 0, next_frame: 0 })
    }

    /// The model that this decoder runs.
    #[must_use]
    pub fn model(&self) -> &Model<'a> {
        &self.model
    }

    /// Takes one packet; its samples are read from the blocks that come back, which must be drained.
    ///
    /// # Errors
    /// A packet that is damaged, of another model, repeated or out of order; the decoder stays as it was.
    pub fn packet<'d>(&'d mut self, packet: &'d [u8]) -> Result<Blocks<'d, 'a>, PacketError> {
        let (header, codes) = Header::parse(packet, &self.model.identity())?;
        check_length(&self.model, &header, codes)?;
        let first_hop = match self.next_hop {
            None => u64::from(header.first_hop),
            Some(next) => {
                let expected = (next % u64::from(HOP_INDEX_MODULUS)) as u32;
                let ahead = header.first_hop.wrapping_sub(expected) % HOP_INDEX_MODULUS;
                if ahead >= HOP_INDEX_MODULUS / 2 {
                    return Err(PacketError::Stale { first_hop: header.first_hop, expected });
                }
                next + u64::from(ahead)
            }
        };
        self.prior.start_packet(header.quality);
        let gap = self.next_hop.filter(|next| *next < first_hop);
        if self.next_hop.is_none() {
            self.begin_run(first_hop);
        }
        Ok(Blocks {
            flush: gap.map_or(0, |_| self.model.closing_hops()),
            flushed_hop: gap.unwrap_or(first_hop),
            gap_before: gap.map(|_| first_hop),
            hops: header.hops,
            hop: first_hop,
            codebook: Codebook::new(self.model, header.quality),
            codes: RangeDecoder::new(codes),
            surprisal: Surprisal::new(&self.model, &header, codes.len()),
            last: false,
            work: Work::Begin,
            decoder: self,
        })
    }

    /// Ends the stream: gives the samples that waited for the decoder's look-ahead (those after the last sample that
    /// the encoder took, if it closed the stream). The decoder is then before a first packet again.
    pub fn finish(&mut self) -> Blocks<'_, 'a> {
        Blocks {
            flush: self.next_hop.map_or(0, |_| self.model.closing_hops()),
            flushed_hop: self.next_hop.unwrap_or(0),
            gap_before: None,
            hops: 0,
            hop: 0,
            codebook: Codebook::new(self.model, 1),
            codes: RangeDecoder::new(&[]),
            surprisal: Surprisal::default(),
            last: true,
            work: Work::Begin,
            decoder: self,
        }
    }

    /// Starts a run of packets that follow each other: the net knows nothing of what was before.
    fn begin_run(&mut self, hop: u64) {
        self.lines.fill(0);
        self.run_start = hop;
        self.next_frame = hop * self.model.hop() as u64;
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

    /// Whether what the net gave for a hop depends on nothing before the run.
    fn status(&self, hop: u64) -> Status {
        let known = hop + 1 >= self.run_start + u64::from(self.model.directory().decoder.receptive_hops);
        if self.run_start == 0 || known { Status::Complete } else { Status::Degraded }
    }

    /// Forgets the stream.
    fn restart(&mut self) {
        self.next_hop = None;
        self.begin_run(0);
    }
}
