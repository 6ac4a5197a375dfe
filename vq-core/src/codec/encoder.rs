//! Samples in, packets out.

use core::fmt;

use super::{Options, with_lines};
use crate::codebook::Codebook;
use crate::coder::range::RangeEncoder;
use crate::kernels::Kernels;
use crate::model::Model;
use crate::model::header::code_bytes;
use crate::model::plan::row_elements;
use crate::nn::Stream;
use crate::packet::{CHECKSUM_BYTES, HOP_INDEX_MODULUS, Header, MAX_HEADER_BYTES, checksum};
use crate::prior::Prior;

/// Why an encoder cannot be made, or a frame not be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum EncoderError {
    /// The memory is not aligned to 8 bytes: use a [`Memory`](crate::Memory).
    Misaligned,
    /// The memory is smaller than [`Model::encoder_memory`] says.
    MemoryTooSmall {
        /// Bytes needed.
        need: usize,
        /// Bytes handed in.
        have: usize,
    },
    /// A packet of this many bytes cannot hold every hop that may come.
    PacketTooSmall {
        /// Bytes needed.
        need: usize,
        /// Bytes allowed.
        have: usize,
    },
    /// A frame with another number of samples than the model has channels.
    Channels {
        /// Channels of the model.
        model: usize,
        /// Samples of the frame.
        frame: usize,
    },
}

impl fmt::Display for EncoderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Misaligned => f.write_str("the encoder's memory is not aligned to 8 bytes: use vq_core::Memory"),
            Self::MemoryTooSmall { need, have } => {
                write!(f, "the encoder needs {need} bytes of memory and was given {have}")
            }
            Self::PacketTooSmall { need, have } => {
                write!(f, "a packet of {have} bytes cannot hold every hop of this model: allow at least {need}")
            }
            Self::Channels { model, frame } => write!(f, "a frame of {frame} samples for a model of {model} channels"),
        }
    }
}

impl core::error::Error for EncoderError {}

/// Turns frames into packets. Memory and work per frame are bounded; the same frames always give the same bytes.
#[derive(Debug)]
pub struct Encoder<'a> {
    model: Model<'a>,
    options: Options,
    codebook: Codebook<'a>,
    stream: Stream<'a>,
    /// The prior, which also holds the codes of the newest hop.
    prior: Prior<'a>,
    /// The coder after the last hop of the packet under construction.
    coder: RangeEncoder,
    /// Line buffers, of whole elements.
    lines: &'a mut [u8],
    /// The packet under construction, behind room for the longest header.
    packet: &'a mut [u8],
    /// Frames in the hop under construction.
    filled: usize,
    /// Samples beyond what the net's input can hold.
    saturated: u64,
    /// Index of the first hop of the packet under construction.
    hop: u32,
    /// Hops still to run before the first latents are those of hop 0: the encoder's look-ahead.
    skip: usize,
    /// Hops in the packet under construction.
    hops: u32,
    /// Whether the newest hop did not fit in the packet before and waits to be the first of this one.
    waiting: bool,
    /// Whether a frame was taken since the stream began.
    started: bool,
    /// Hops that `finish` has still to push, once it has begun.
    closing: Option<usize>,
}

impl<'a> Encoder<'a> {
    /// An encoder at the start of a stream, over memory of at least [`Model::encoder_memory`] bytes.
    ///
    /// # Errors
    /// Too little or unaligned memory, or packets too small for the longest hop.
    pub fn new(model: Model<'a>, memory: &'a mut [u8], options: Options) -> Result<Self, EncoderError> {
        if memory.as_ptr().align_offset(8) != 0 {
            return Err(EncoderError::Misaligned);
        }
        let (need, have) = (model.encoder_memory(options), memory.len());
        let quality = options.chosen_quality();
        let packet_need = model.least_packet_bytes(quality);
        if options.max_packet_bytes() < packet_need {
            return Err(EncoderError::PacketTooSmall { need: packet_need, have: options.max_packet_bytes() });
        }
        let too_small = EncoderError::MemoryTooSmall { need, have };
        let memory = memory.get_mut(..need).ok_or(too_small)?;
        let line_bytes = model.header().encoder_line_bytes as usize;
        let (lines, memory) = memory.split_at_mut_checked(line_bytes).ok_or(too_small)?;
        let code_bytes = code_bytes(model.header().symbols_per_hop);
        let (codes, packet) = memory.split_at_mut_checked(code_bytes).ok_or(too_small)?;
        lines.fill(0);
        let codes = bytemuck::try_cast_slice_mut(codes).map_err(|_| too_small)?;
        Ok(Self {
            model,
            options,
            codebook: Codebook::new(model, quality),
            stream: Stream::new(model, model.directory().encoder),
            prior: Prior::new(model, quality, codes),
            coder: RangeEncoder::new(),
            lines,
            packet,
            filled: 0,
            saturated: 0,
            hop: 0,
            skip: model.look_ahead_hops(),
            hops: 0,
            waiting: false,
            started: false,
            closing: None,
        })
    }

    /// The model that this encoder runs.
    #[must_use]
    pub fn model(&self) -> &Model<'a> {
        &self.model
    }

    /// How many samples so far were beyond the range of the net's input and were clipped to it.
    #[must_use]
    pub fn saturated_samples(&self) -> u64 {
        self.saturated
    }

    /// Takes one frame, a sample of every channel; gives a packet when one is full.
    ///
    /// # Errors
    /// A frame of the wrong number of channels; nothing is taken.
    pub fn push(&mut self, frame: &[i32]) -> Result<Option<&[u8]>, EncoderError> {
        if frame.len() != self.model.channels() {
            return Err(EncoderError::Channels { model: self.model.channels(), frame: frame.len() });
        }
        self.store(frame);
        self.started = true;
        if self.filled < self.model.hop() {
            return Ok(None);
        }
        Ok(self.complete_hop().then(|| self.close_packet()))
    }

    /// Ends the stream: fills up the last hop and the look-ahead by holding the last frame, and gives the remaining
    /// packets, one per call, until `None`. The encoder is then at the start of a new stream.
    pub fn finish(&mut self) -> Option<&[u8]> {
        let mut closing = match self.closing {
            Some(hops) => hops,
            None if self.started => self.hops_to_close(),
            None => 0,
        };
        while closing > 0 {
            self.hold_last_frame();
            closing -= 1;
            self.closing = Some(closing);
            if self.complete_hop() {
                return Some(self.close_packet());
            }
        }
        self.append_waiting_hop();
        if self.hops > 0 {
            self.closing = Some(0);
            return Some(self.close_packet());
        }
        self.restart();
        None
    }

    /// Hops to push until every sample is covered by codes and the decoder's look-ahead.
    fn hops_to_close(&self) -> usize {
        usize::from(self.filled > 0) + self.model.look_ahead_hops() + self.model.closing_hops()
    }

    fn restart(&mut self) {
        self.lines.fill(0);
        self.filled = 0;
        self.hop = 0;
        self.skip = self.model.look_ahead_hops();
        self.started = false;
        self.closing = None;
    }

    /// Scales a frame into the next row of the net's input.
    fn store(&mut self, frame: &[i32]) {
        let row = row_elements(self.model.header().channels) as usize;
        let saturated = with_lines!(self.model, self.lines, |K, lines| {
            let input = self.stream.input::<K>(lines);
            let target = input.get_mut(self.filled * row..).unwrap_or_default();
            let mut saturated = 0u64;
            for (channel, (element, sample)) in target.iter_mut().zip(frame).enumerate() {
                let scaling = self.model.scaling(channel);
                *element = K::scale_in(&scaling, *sample);
                saturated += u64::from(K::is_saturated(*element));
            }
            saturated
        });
        self.saturated = self.saturated.saturating_add(saturated);
        self.filled += 1;
    }

    /// Fills the rest of the hop by repeating the row before it (zeros where the line keeps no past).
    fn hold_last_frame(&mut self) {
        let row = row_elements(self.model.header().channels) as usize;
        let missing = (self.model.hop() - self.filled.min(self.model.hop())) * row;
        with_lines!(self.model, self.lines, |K, lines| {
            let input = self.stream.input_with_past::<K>(lines);
            for target in input.len().saturating_sub(missing)..input.len() {
                let held = target.checked_sub(row).and_then(|source| input.get(source)).copied().unwrap_or_default();
                if let Some(element) = input.get_mut(target) {
                    *element = held;
                }
            }
        });
        self.filled = self.model.hop();
    }

    /// Runs the net over a full hop and appends its codes; `true` when the packet is to be sent.
    fn complete_hop(&mut self) -> bool {
        self.filled = 0;
        with_lines!(self.model, self.lines, |K, lines| self.stream.run::<K>(lines));
        if self.skip > 0 {
            self.skip -= 1;
            return false;
        }
        self.append_waiting_hop();
        let (model, codebook) = (self.model, self.codebook);
        let codes = self.prior.codes_mut();
        with_lines!(self.model, self.lines, |K, lines| {
            let latents = self.stream.output::<K>(lines);
            for (index, symbol) in model.numbered_symbols(self.options.chosen_quality()) {
                let code = codebook.encode::<K>(&symbol, latents);
                if let Some(place) = codes.get_mut(index) {
                    *place = code;
                }
            }
        });
        self.waiting = !self.append_hop();
        self.waiting || self.hops >= self.options.max_packet_hops()
    }

    /// Appends the hop that did not fit in the packet before, if there is one. It fits in an empty packet, and a packet that
    /// may hold one hop only is sent before another can fail to fit.
    fn append_waiting_hop(&mut self) {
        if self.waiting {
            self.waiting = !self.append_hop();
        }
    }

    /// Appends the newest hop's codes; `false`, with the packet as it was, if they do not fit.
    fn append_hop(&mut self) -> bool {
        let mut coder = self.coder;
        let output = self.packet.get_mut(MAX_HEADER_BYTES..).unwrap_or_default();
        self.prior.encode(&mut coder, output);
        let length = Header::bytes(self.hops + 1) + coder.finish(output) + CHECKSUM_BYTES;
        let fits = length <= self.options.max_packet_bytes();
        if fits {
            self.coder = coder;
            self.hops += 1;
            self.prior.advance();
        }
        fits
    }

    /// Puts header and checksum around the codes and starts the next packet.
    fn close_packet(&mut self) -> &[u8] {
        let header =
            Header { quality: self.options.chosen_quality(), first_hop: self.hop % HOP_INDEX_MODULUS, hops: self.hops };
        let start = header.write(self.packet);
        let codes = self.coder.finish(self.packet.get_mut(MAX_HEADER_BYTES..).unwrap_or_default());
        let end = MAX_HEADER_BYTES + codes;
        self.hop = (self.hop + self.hops) % HOP_INDEX_MODULUS;
        self.hops = 0;
        self.coder = RangeEncoder::new();
        self.prior.start_packet(self.options.chosen_quality());
        let crc = checksum(&self.model.identity(), self.packet.get(start..end).unwrap_or_default());
        crate::bytes::put(self.packet, end, crc.to_le_bytes());
        self.packet.get(start..end + CHECKSUM_BYTES).unwrap_or_default()
    }
}
