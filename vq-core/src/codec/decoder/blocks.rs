//! What a packet decodes to, a block at a time, in steps.

use core::ops::Range;

use super::{Block, Decoder, Status};
use crate::codebook::Codebook;
use crate::codec::with_lines;
use crate::coder::range::RangeDecoder;
use crate::kernels::Kernels;
use crate::model::plan::row_elements;

/// What came of a call of [`Blocks::poll`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Piece<'b> {
    /// A run of frames, or of missing ones.
    Block(Block<'b>),
    /// Something was done and more is to do: poll again.
    Working,
    /// There are no more blocks.
    End,
}

/// What one packet gave: blocks of at most one hop, in order. Read them with `while let Some(block) = blocks.next()`, or
/// piece by piece with [`Blocks::poll`]; those that are not read are decoded all the same, and dropped.
///
/// Not an [`Iterator`], because every block borrows the decoder's one hop of frames.
#[derive(Debug)]
pub struct Blocks<'d, 'a> {
    pub(super) decoder: &'d mut Decoder<'a>,
    pub(super) codebook: Codebook<'a>,
    pub(super) codes: RangeDecoder<'d>,
    /// Hops of zeros to feed for the samples that wait for the look-ahead, and the position of the next of them.
    pub(super) flush: usize,
    pub(super) flushed_hop: u64,
    /// The hop that follows a gap, until the gap was reported.
    pub(super) gap_before: Option<u64>,
    /// Hops still to decode, and the position of the next of them.
    pub(super) hops: u32,
    pub(super) hop: u64,
    /// Whether the stream ends here.
    pub(super) last: bool,
    pub(super) work: Work,
}

/// What is done next.
#[derive(Debug, Clone, Copy)]
pub(super) enum Work {
    /// Begins with the next hop.
    Begin,
    /// Decodes the first symbol from this number on, and adds what it says to the latents.
    Symbol(usize),
    /// Runs this layer.
    Layer(usize, Hop),
    /// Scales what came out of the net.
    Output(Hop),
}

/// The hop that the net runs for.
#[derive(Debug, Clone, Copy)]
pub(super) enum Hop {
    /// One of the packet.
    Coded(u64),
    /// One of zeros.
    Flushed(u64),
}

/// What came of a step.
enum Step {
    Working,
    /// A position, a place in the buffer of frames, and a status.
    Block(u64, Range<usize>, Status),
    End,
}

impl Blocks<'_, '_> {
    /// The next run of frames; `None` when there are no more.
    #[allow(clippy::should_implement_trait)] // a lending iterator: its items borrow from it
    pub fn next(&mut self) -> Option<Block<'_>> {
        let (first_frame, place, status) = self.advance()?;
        Some(self.block(first_frame, place, status))
    }

    /// Does one bounded piece of work: decodes one symbol, runs one layer, or scales a hop of frames.
    pub fn poll(&mut self) -> Piece<'_> {
        match self.step() {
            Step::Working => Piece::Working,
            Step::Block(first_frame, place, status) => Piece::Block(self.block(first_frame, place, status)),
            Step::End => Piece::End,
        }
    }

    fn block(&self, first_frame: u64, place: Range<usize>, status: Status) -> Block<'_> {
        let samples: &[i32] = bytemuck::try_cast_slice(self.decoder.frames).unwrap_or_default();
        Block { first_frame, frames: samples.get(place).unwrap_or_default(), status }
    }

    /// Works until there is something to report: a position, a place in the buffer, a status.
    fn advance(&mut self) -> Option<(u64, Range<usize>, Status)> {
        loop {
            match self.step() {
                Step::Working => {}
                Step::Block(first_frame, place, status) => return Some((first_frame, place, status)),
                Step::End => return None,
            }
        }
    }

    fn step(&mut self) -> Step {
        match self.work {
            Work::Begin => return self.begin(),
            Work::Symbol(from) => self.decode(from),
            Work::Layer(index, hop) => self.run_layer(index, hop),
            Work::Output(hop) => return self.output(hop),
        }
        Step::Working
    }

    fn begin(&mut self) -> Step {
        if self.flush > 0 {
            self.flush -= 1;
            self.begin_latents();
            self.work = Work::Layer(0, Hop::Flushed(self.flushed_hop));
            self.flushed_hop += 1;
        } else if let Some(hop) = self.gap_before.take() {
            let first = self.decoder.next_frame;
            self.decoder.begin_run(hop);
            let frames = self.decoder.next_frame.saturating_sub(first);
            return Step::Block(first, 0..0, Status::Gap { frames });
        } else if self.hops > 0 {
            self.hops -= 1;
            self.begin_latents();
            self.work = Work::Symbol(0);
        } else {
            if self.last {
                self.decoder.restart();
            }
            return Step::End;
        }
        Step::Working
    }

    fn begin_latents(&mut self) {
        let decoder = &mut *self.decoder;
        with_lines!(decoder.model, decoder.lines, |K, lines| {
            decoder.stream.begin_hop::<K>(lines);
            decoder.stream.input::<K>(lines).fill(Default::default());
        });
    }

    fn decode(&mut self, from: usize) {
        let decoder = &mut *self.decoder;
        let Some((index, symbol)) = decoder.model.next_symbol(decoder.prior.quality(), from) else {
            decoder.prior.advance();
            self.work = Work::Layer(0, Hop::Coded(self.hop));
            self.hop += 1;
            decoder.next_hop = Some(self.hop);
            return;
        };
        let code = decoder.prior.decode_symbol(index, &symbol, &mut self.codes);
        with_lines!(decoder.model, decoder.lines, |K, lines| {
            self.codebook.decode::<K>(&symbol, code, decoder.stream.input::<K>(lines));
        });
        self.work = Work::Symbol(index + 1);
    }

    fn run_layer(&mut self, index: usize, hop: Hop) {
        let decoder = &mut *self.decoder;
        let more = with_lines!(decoder.model, decoder.lines, |K, lines| decoder.stream.run_layer::<K>(index, lines));
        self.work = if more { Work::Layer(index + 1, hop) } else { Work::Output(hop) };
    }

    /// Scales the hop of frames that the net gave, and gives those of them that are due.
    fn output(&mut self, hop: Hop) -> Step {
        let decoder = &mut *self.decoder;
        let row = row_elements(decoder.model.header().channels) as usize;
        let channels = decoder.model.channels();
        let samples: &mut [i32] = bytemuck::try_cast_slice_mut(decoder.frames).unwrap_or_default();
        with_lines!(decoder.model, decoder.lines, |K, lines| {
            let output = decoder.stream.output::<K>(lines);
            for (frame, elements) in samples.chunks_mut(channels.max(1)).zip(output.chunks(row.max(1))) {
                for (channel, (sample, element)) in frame.iter_mut().zip(elements).enumerate() {
                    *sample = K::scale_out(&decoder.model.scaling(channel), *element);
                }
            }
        });
        self.work = Work::Begin;
        let (hop, end, status) = match hop {
            Hop::Coded(hop) => (hop, u64::MAX, decoder.status(hop)),
            Hop::Flushed(hop) => (hop, decoder.next_hop.unwrap_or(0) * decoder.model.hop() as u64, Status::Degraded),
        };
        match decoder.take_frames(hop, end) {
            Some((first, place)) => Step::Block(first, place, status),
            None => Step::Working,
        }
    }
}

impl Drop for Blocks<'_, '_> {
    fn drop(&mut self) {
        while self.advance().is_some() {}
    }
}
