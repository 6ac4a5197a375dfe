//! What a packet decodes to, a block at a time, in steps.

use core::ops::Range;

use super::{Block, Decoder, Status};
use crate::codebook;
use crate::codec::Surprisal;
use crate::codec::with_lines;
use crate::coder::range::RangeDecoder;
use crate::features::PREDICTION;
use crate::kernels::Kernels;
use crate::kernels::memory::clear;
use crate::model::plan::row_elements;
use crate::packet::Header;
use crate::residual::{Place, decode_point};

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
    pub(super) codes: RangeDecoder<'d>,
    /// The header of the packet, and how many bytes its codes have; nothing at a stream's end.
    pub(super) received: Option<(Header, usize)>,
    /// Hops of zeros to feed for the samples that wait for the look-ahead, and the position of the next of them.
    pub(super) flush: usize,
    pub(super) flushed_hop: u64,
    /// What lies between the hops before and those of this packet, until it was reported.
    pub(super) before: Option<Break>,
    /// Hops still to decode, and the position of the next of them.
    pub(super) hops: u32,
    pub(super) hop: u64,
    /// Whether the stream ends here.
    pub(super) last: bool,
    /// The most by which samples may differ, if the packet says so: then its hops are predicted.
    pub(super) bound: Option<u32>,
    /// Whether the codes begin with the channels' levels.
    pub(super) moved: bool,
    /// Whether no hop of the packet was begun, and whether no predicted hop was finished.
    pub(super) fresh: bool,
    pub(super) first_samples: bool,
    pub(super) work: Work,
}

/// What ends a run of packets, and the first hop behind it.
#[derive(Debug, Clone, Copy)]
pub(super) enum Break {
    Gap(u64),
    NewStream(u64),
    /// Another mode: nothing is missing.
    Mode(u64),
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
    /// Finds out how a hop was predicted, if at all.
    Kind,
    /// Decodes this sample of a hop: predicted, or raw in so many bits.
    Sample(usize, Option<u8>),
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
    /// How surprising the packet is.
    #[must_use]
    pub fn surprisal(&self) -> Surprisal {
        let new = |(header, codes): (Header, usize)| Surprisal::new(&self.decoder.model, &header, codes);
        self.received.map_or(Surprisal::default(), new)
    }

    /// The next run of frames; `None` when there are no more.
    #[allow(clippy::should_implement_trait)] // a lending iterator: its items borrow from it
    pub fn next(&mut self) -> Option<Block<'_>> {
        let (first_frame, place, status) = self.advance()?;
        Some(self.block(first_frame, place, status))
    }

    /// Does one bounded piece of work: decodes one symbol or predicted sample, runs one layer, or scales a hop of frames.
    pub fn poll(&mut self) -> Piece<'_> {
        match self.step() {
            Step::Working => Piece::Working,
            Step::Block(first_frame, place, status) => Piece::Block(self.block(first_frame, place, status)),
            Step::End => Piece::End,
        }
    }

    fn block(&self, first_frame: u64, place: Range<usize>, status: Status) -> Block<'_> {
        Block { first_frame, frames: self.decoder.frames.get(place).unwrap_or_default(), status }
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
            Work::Kind | Work::Sample(..) if !PREDICTION => self.work = Work::Begin,
            Work::Kind => self.kind(),
            Work::Sample(index, width) => return self.sample(index, width),
        }
        Step::Working
    }

    fn begin(&mut self) -> Step {
        if self.flush > 0 {
            self.flush -= 1;
            self.begin_latents();
            self.work = Work::Layer(0, Hop::Flushed(self.flushed_hop));
            self.flushed_hop += 1;
        } else if let Some(before) = self.before.take() {
            let end = self.decoder.next_frame;
            let (Break::Gap(hop) | Break::NewStream(hop) | Break::Mode(hop)) = before;
            self.decoder.begin_run(hop);
            let start = self.decoder.next_frame;
            return match before {
                Break::Gap(_) => Step::Block(end, 0..0, Status::Gap { frames: start.saturating_sub(end) }),
                Break::NewStream(_) => Step::Block(start, 0..0, Status::NewStream),
                Break::Mode(_) => Step::Working,
            };
        } else if self.hops > 0 {
            self.hops -= 1;
            self.begin_coded();
        } else {
            if self.last {
                self.decoder.restart();
            }
            return Step::End;
        }
        Step::Working
    }

    fn begin_coded(&mut self) {
        let fresh = core::mem::replace(&mut self.fresh, false);
        let Some(bound) = self.bound.filter(|_| PREDICTION) else {
            if fresh {
                let codes = if self.moved { Some(&mut self.codes) } else { None };
                let from = self.hop.saturating_mul(self.decoder.model.hop() as u64);
                self.decoder.levels.take(codes, from, self.hop == self.decoder.run_start);
            }
            self.begin_latents();
            self.tell_quality();
            self.work = Work::Symbol(0);
            return;
        };
        if fresh {
            self.decoder.predicting = true;
            if let Some(predictor) = self.decoder.predictor.as_mut() {
                predictor.start_packet(self.decoder.lines, bound);
            }
        }
        self.work = Work::Kind;
    }

    fn kind(&mut self) {
        let width = self.decoder.predictor.as_mut().and_then(|predictor| predictor.raw_hops().decode(&mut self.codes));
        self.work = Work::Sample(0, width);
    }

    /// Decodes a sample; behind the last one of a hop gives its frames.
    fn sample(&mut self, index: usize, width: Option<u8>) -> Step {
        let decoder = &mut *self.decoder;
        let channels = decoder.model.channels();
        let samples = &mut *decoder.frames;
        let count = samples.len();
        if let Some((sample, predictor)) = samples.get_mut(index).zip(decoder.predictor.as_mut()) {
            let channel = index.checked_rem(channels).unwrap_or(0);
            let point = match width {
                None => {
                    let first = self.first_samples && index < channels;
                    predictor.decode(decoder.lines, Place { channel, first }, &mut self.codes)
                }
                Some(width) => {
                    let point = decode_point(&mut self.codes, width);
                    predictor.restart(decoder.lines, channel, point);
                    point
                }
            };
            *sample = predictor.sample(channel, point);
            self.work = Work::Sample(index + 1, width);
            return Step::Working;
        }
        self.first_samples = false;
        self.work = Work::Begin;
        let first = decoder.next_frame;
        self.hop += 1;
        decoder.order.advance(self.hop);
        decoder.next_frame = self.hop * decoder.model.hop() as u64;
        Step::Block(first, 0..count, Status::Complete)
    }

    fn begin_latents(&mut self) {
        let decoder = &mut *self.decoder;
        with_lines!(decoder.model, decoder.lines, |K, lines| {
            decoder.stream.begin_hop::<K>(&decoder.model, lines);
            clear(decoder.stream.input::<K>(lines));
        });
    }

    /// Sets the latents that no symbol says.
    fn tell_quality(&mut self) {
        let decoder = &mut *self.decoder;
        let Some(told) = decoder.model.told(decoder.prior.quality()) else { return };
        let channels = decoder.model.directory().latent_channels;
        with_lines!(decoder.model, decoder.lines, |K, lines| {
            let latents = decoder.stream.input::<K>(lines).iter_mut();
            let last = latents.skip(usize::from(channels).saturating_sub(1));
            last.step_by((row_elements(channels) as usize).max(1))
                .for_each(|latent| *latent = bytemuck::try_pod_read_unaligned(told).unwrap_or_default());
        });
    }

    fn decode(&mut self, from: usize) {
        let decoder = &mut *self.decoder;
        let Some((index, symbol)) = decoder.model.next_symbol(decoder.prior.quality(), from) else {
            decoder.prior.advance(&decoder.model);
            self.work = Work::Layer(0, Hop::Coded(self.hop));
            self.hop += 1;
            decoder.order.advance(self.hop);
            return;
        };
        let code = decoder.prior.decode_symbol(&decoder.model, index, &symbol, &mut self.codes, None);
        with_lines!(decoder.model, decoder.lines, |K, lines| {
            let latents = decoder.stream.input::<K>(lines);
            codebook::decode::<K>(&decoder.model, decoder.prior.quality(), &symbol, code, latents);
        });
        self.work = Work::Symbol(index + 1);
    }

    fn run_layer(&mut self, index: usize, hop: Hop) {
        let decoder = &mut *self.decoder;
        let more = with_lines!(decoder.model, decoder.lines, |K, lines| decoder.stream.run_layer::<K>(
            &decoder.model,
            index,
            lines
        ));
        self.work = if more { Work::Layer(index + 1, hop) } else { Work::Output(hop) };
    }

    /// Scales the hop of frames that the net gave, and gives those of them that are due.
    fn output(&mut self, hop: Hop) -> Step {
        let decoder = &mut *self.decoder;
        let row = row_elements(decoder.model.header().channels) as usize;
        let channels = decoder.model.channels();
        let samples = &mut *decoder.frames;
        let (Hop::Coded(number) | Hop::Flushed(number)) = hop;
        // Frames before a stream's first one are not given.
        let delay = u64::from(decoder.model.directory().decoder.delay);
        let first = number.saturating_mul(decoder.model.hop() as u64).saturating_sub(delay);
        with_lines!(decoder.model, decoder.lines, |K, lines| {
            // Not zipped: to know how many rows there are takes a division.
            let mut rows = decoder.stream.output::<K>(&decoder.model, lines).chunks(row.max(1));
            for (position, frame) in (first..).zip(samples.chunks_mut(channels.max(1))) {
                let elements = rows.next().unwrap_or_default();
                for (channel, (sample, element)) in frame.iter_mut().zip(elements).enumerate() {
                    let scaling = decoder.levels.scaling(&decoder.model, channel, position);
                    *sample = K::scale_out(&scaling, *element);
                }
            }
        });
        self.work = Work::Begin;
        let (hop, end, status) = match hop {
            Hop::Coded(hop) => (hop, u64::MAX, decoder.status(hop)),
            Hop::Flushed(hop) => {
                (hop, decoder.order.next().unwrap_or(0) * decoder.model.hop() as u64, Status::Degraded)
            }
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
