//! The model container: parsed once, then read in place.
//!
//! A file is a fixed [`header`], then one postcard message whose last field is a blob of *tables*. A device needs the
//! header and the tables alone. [`Model::parse`] checks everything; a [`Model`] is a few words, its records are read from flash.

mod check;
pub mod choice;
mod directory;
mod error;
pub mod header;
pub mod layout;
#[cfg(feature = "metadata")]
pub mod metadata;
pub mod plan;
pub mod predictor;
pub mod priors;
pub mod records;
pub mod recurrent;

pub use directory::Directory;
pub use error::{ModelError, Part};

use crate::bytes::{i16_at, u8_at, words, words_at};
use crate::codec::Options;
use crate::kernels::{Arithmetic, quotient};
use header::{Header, Sizes};
use plan::Line;
use records::{Layer, Net, Scaling, Step, Symbol, SymbolKind};

/// Number of qualities, 1 (fewest bits) to 9 (best).
pub const QUALITIES: usize = 9;
/// Where in the quality table what the decoder is told begins.
const TOLD: usize = 20;

/// A checked model, borrowed from flash. Copies are cheap.
#[derive(Debug, Clone, Copy)]
pub struct Model<'a> {
    file: &'a [u8],
    tables: &'a [u8],
    /// The first words of the file.
    header: &'a [u32; header::WORDS],
    /// The first words of the tables.
    directory: &'a [u32; Directory::WORDS],
}

impl<'a> Model<'a> {
    /// Checks a model file and gives access to it.
    ///
    /// # Errors
    /// A [`ModelError`] that names the part that is wrong: alignment, lengths, checksum, shapes, ranges, and any memory
    /// size or buffer place that does not follow from the layers. After `Ok` nothing about the model can fail.
    pub fn parse(file: &'a [u8]) -> Result<Self, ModelError> {
        let model = Self::trusted(file)?;
        check::model(&model)?;
        Ok(model)
    }

    /// Gives access to a model file that [`Model::parse`] took elsewhere, such as in the build script of the firmware that embeds it: checks that it
    /// is whole and unchanged, but not again whether its layers, symbols and priors fit together, the code for which is a third of an
    /// encoder's.
    ///
    /// A model that `parse` would refuse, whose checksum is right nevertheless, makes an encoder or decoder that computes anything or never ends
    /// a hop. It cannot panic, nor reach memory that is not its own.
    ///
    /// # Errors
    /// A [`ModelError`] for a file that is misaligned, truncated, damaged, of another version, or no model at all.
    pub fn trusted(file: &'a [u8]) -> Result<Self, ModelError> {
        if file.as_ptr().align_offset(8) != 0 {
            return Err(ModelError::Misaligned);
        }
        let header_words = header::check(file)?;
        let header = Header::from_words(header_words);
        let outside = ModelError::Bounds(Part::Header);
        let tables = file.get(header.tables_offset as usize..).ok_or(outside)?;
        let tables = tables.get(..header.tables_length as usize).ok_or(outside)?;
        if !header.tables_offset.is_multiple_of(8) || (header.tables_offset as usize) < header::HEADER_BYTES {
            return Err(outside);
        }
        let directory = words(tables, 0).ok_or(ModelError::Bounds(Part::Directory))?;
        Ok(Self { file, tables, header: header_words, directory })
    }

    /// The fixed header.
    #[must_use]
    #[inline(always)]
    pub fn header(&self) -> Header {
        Header::from_words(self.header)
    }

    /// The tables' directory.
    #[must_use]
    #[inline(always)]
    pub fn directory(&self) -> Directory {
        Directory::from_words(self.directory)
    }

    /// The record of the encoder net, 0, or of the decoder net, 1.
    pub(crate) fn net_words(&self, place: usize) -> &'a [u32; Net::WORDS] {
        let rest = self.directory.get(place * Net::WORDS..).unwrap_or_default();
        rest.first_chunk().unwrap_or(&[0; Net::WORDS])
    }

    /// The whole file.
    #[must_use]
    pub fn file(&self) -> &'a [u8] {
        self.file
    }

    /// The tables, which all offsets in records count from.
    #[must_use]
    pub fn tables(&self) -> &'a [u8] {
        self.tables
    }

    /// Names the model: packets of other models fail their checksum.
    #[must_use]
    pub fn identity(&self) -> [u8; 16] {
        self.header().identity
    }

    /// Frames per step of the net.
    #[must_use]
    pub fn hop(&self) -> usize {
        usize::from(self.header().hop)
    }

    /// Samples of a frame.
    #[must_use]
    pub fn channels(&self) -> usize {
        usize::from(self.header().channels)
    }

    /// Bits of a hop's codes as plain numbers at a quality (clamped to 1..=9): what they would take without a prior.
    #[must_use]
    pub fn bits_per_hop(&self, quality: u8) -> u32 {
        self.symbols(quality).map(|symbol| u32::from(symbol.bits)).sum()
    }

    /// The symbols of a hop that are sent at a quality (clamped to 1..=9), in the order in which they are sent.
    pub fn symbols(&self, quality: u8) -> impl Iterator<Item = Symbol> + use<'a> {
        self.numbered_symbols(quality).map(|(_, symbol)| symbol)
    }

    /// The same, each with its number among all of the model's symbols.
    pub fn numbered_symbols(&self, quality: u8) -> impl Iterator<Item = (usize, Symbol)> + use<'a> {
        let (model, mut next) = (*self, 0);
        core::iter::from_fn(move || {
            let (index, symbol) = model.next_symbol(quality, next)?;
            next = index + 1;
            Some((index, symbol))
        })
    }

    /// The first symbol from number `from` on that is sent at a quality (clamped to 1..=9), and its number.
    #[must_use]
    #[inline(always)]
    pub fn next_symbol(&self, quality: u8, from: usize) -> Option<(usize, Symbol)> {
        self.next_symbol_words(quality, from).map(|(index, words)| (index, Symbol::from_words(words)))
    }

    /// Its record: the callers read what they need of it.
    #[inline(never)]
    fn next_symbol_words(&self, quality: u8, from: usize) -> Option<(usize, &'a [u32; Symbol::WORDS])> {
        let stages = self.stages(quality);
        let mut index = from;
        loop {
            let words = self.symbol_words(index)?;
            if Symbol::stage_of(words) < stages {
                return Some((index, words));
            }
            index += 1;
        }
    }

    /// A symbol by its number.
    #[must_use]
    pub fn symbol(&self, index: usize) -> Option<Symbol> {
        self.symbol_words(index).map(Symbol::from_words)
    }

    #[inline(always)]
    fn symbol_words(&self, index: usize) -> Option<&'a [u32; Symbol::WORDS]> {
        let directory = self.directory();
        if index >= usize::from(directory.symbol_count) {
            return None;
        }
        words(self.tables, (directory.symbols as usize).wrapping_add(index.wrapping_mul(Symbol::BYTES)))
    }

    /// What the last latent of every row is to the decoder at a quality (clamped to 1..=9), an element of the model's arithmetic; `None` if it is one that
    /// symbols say.
    #[must_use]
    pub fn told(&self, quality: u8) -> Option<&'a [u8]> {
        let directory = self.directory();
        if directory.told == 0 {
            return None;
        }
        let element = self.header().arithmetic.element_bytes();
        let row = usize::from(quality.clamp(1, QUALITIES as u8) - 1);
        let first = (directory.quality as usize).saturating_add(TOLD);
        self.tables.get(first.saturating_add(row * element as usize)..)?.get(..element as usize)
    }

    /// A byte of the quality table.
    fn quality_byte(&self, place: usize) -> u8 {
        u8_at(self.tables, (self.directory().quality as usize).saturating_add(place))
    }

    /// Bytes of the tables, or nothing.
    fn bytes(&self, offset: u32, length: usize) -> &'a [u8] {
        slice(self.tables, offset, length)
    }

    /// Stages that are sent at a quality (clamped to 1..=9).
    #[must_use]
    pub fn stages(&self, quality: u8) -> u8 {
        self.quality_byte(usize::from(quality.clamp(1, QUALITIES as u8) - 1))
    }

    /// The bits of a hop, as the [running mean](crate::running_mean) of an encoder, above which the signal at a quality (clamped to 1..=9) is none that
    /// the model knows; 0 for no limit.
    #[must_use]
    pub fn surprise_limit(&self, quality: u8) -> u16 {
        let row = usize::from(quality.clamp(1, QUALITIES as u8) - 1);
        self.directory().surprise_limits.get(row).copied().unwrap_or(0)
    }

    /// The scaling of a channel's samples.
    #[must_use]
    pub fn scaling(&self, channel: usize) -> Scaling {
        let at = (self.directory().scaling as usize).saturating_add(channel.wrapping_mul(Scaling::BYTES));
        Scaling::from_words(words_at(self.tables, at))
    }

    /// A layer of a net of this model; one of no elements past the tables.
    #[must_use]
    pub fn layer(&self, net: &Net, index: usize) -> Layer {
        Layer::from_words(self.layer_words(net.layers, index))
    }

    /// The record of a layer of the net whose layers these are.
    pub(crate) fn layer_words(&self, layers: u32, index: usize) -> &'a [u32; Layer::WORDS] {
        words_at(self.tables, (layers as usize).saturating_add(index.wrapping_mul(Layer::BYTES)))
    }

    /// A line of a net: 0 is its input, `i + 1` what layer `i` writes.
    #[must_use]
    pub fn line(&self, net: &Net, index: usize) -> Line {
        match index.checked_sub(1) {
            None => Line::of_input(net),
            Some(layer) => Line::of_words(self.layer_words(net.layers, layer)),
        }
    }

    /// A line of the net of a record.
    #[inline(never)]
    pub(crate) fn line_of(&self, net: &[u32; Net::WORDS], index: usize) -> Line {
        self.line(&Net::from_words(net), index)
    }

    /// The steps of an integer latent at a quality (clamped to 1..=9).
    #[must_use]
    pub fn step(&self, symbol: &Symbol, quality: u8) -> Step {
        let row = usize::from(quality.clamp(1, QUALITIES as u8) - 1);
        let at = (symbol.table as usize).saturating_add(row * Step::BYTES);
        Step::from_words(words_at(self.tables, at))
    }

    /// The bytes of a symbol's codebook or step table.
    #[must_use]
    pub fn symbol_table(&self, symbol: &Symbol) -> &'a [u8] {
        slice(self.tables, symbol.table, symbol_table_bytes(symbol, self.header().arithmetic).unwrap_or(0))
    }

    /// The weight stream of a layer.
    #[must_use]
    pub fn weights(&self, layer: &Layer) -> &'a [u8] {
        slice(self.tables, layer.weights, layer.weights_length as usize)
    }

    /// The self-test's frames, packet and the CRC-32 of the decoded samples.
    pub(crate) fn self_test(&self) -> (&'a [u8], &'a [u8], u32) {
        let directory = self.directory();
        let frames = usize::from(directory.test_frame_count) * self.channels() * 2;
        (
            slice(self.tables, directory.test_frames, frames),
            slice(self.tables, directory.test_packet, usize::from(directory.test_packet_length)),
            directory.test_samples_crc,
        )
    }

    /// The self-test's frames, each sample less its channel's offset, `[time, channels]`.
    pub fn test_frames(&self) -> impl Iterator<Item = i16> + use<'a> {
        let (frames, _, _) = self.self_test();
        frames.chunks_exact(2).map(|pair| i16_at(pair, 0))
    }

    /// The packet limit that an encoder's memory must allow for its self-test.
    #[must_use]
    pub fn self_test_packet_bytes(&self) -> usize {
        self.least_packet_bytes(QUALITIES as u8).max(usize::from(self.directory().test_packet_length))
    }

    /// Hops that the encoder sends beyond the last sample, so that the decoder's look-ahead is covered.
    #[must_use]
    pub fn closing_hops(&self) -> usize {
        let decoder = self.directory().decoder;
        self.hops_of(usize::from(decoder.delay))
    }

    /// Hops that hold so many frames.
    pub(crate) fn hops_of(&self, frames: usize) -> usize {
        let hop = u32::from(self.header().hop).max(1);
        quotient((frames as u32).saturating_add(hop - 1), hop) as usize
    }

    /// Hops of frames that the encoder reads before the latents of hop 0 are complete.
    #[must_use]
    pub fn look_ahead_hops(&self) -> usize {
        let directory = self.directory();
        quotient(u32::from(directory.encoder.delay), u32::from(directory.decoder.rows)) as usize
    }

    /// Frames between a sample and the packet hop that holds it, and between that hop and the decoded sample:
    /// the encoder's look-ahead (in frames), a hop, and the decoder's look-ahead (in frames).
    #[must_use]
    pub fn delay(&self) -> Delay {
        Delay {
            encoder_frames: self.look_ahead_hops() * self.hop(),
            hop_frames: self.hop(),
            decoder_frames: usize::from(self.directory().decoder.delay),
        }
    }

    /// Latent rows per hop.
    #[must_use]
    pub fn latent_rows(&self) -> usize {
        usize::from(self.directory().decoder.rows)
    }

    /// Multiply-accumulates per hop of a net, those with padded channels and taps not counted.
    #[must_use]
    pub fn multiply_accumulates(&self, net: &Net) -> u64 {
        (0..usize::from(net.count))
            .map(|index| {
                let layer = self.layer(net, index);
                let input = self.line(net, usize::from(layer.input));
                let windows = u64::from(layer.rows).checked_div(u64::from(layer.upsample)).unwrap_or(0);
                match layer.kind {
                    records::Kind::Add => 0,
                    records::Kind::Depthwise => windows * u64::from(layer.channels) * u64::from(layer.kernel),
                    records::Kind::Convolution => {
                        windows
                            * u64::from(layer.upsample)
                            * u64::from(layer.channels)
                            * u64::from(layer.kernel)
                            * u64::from(input.channels)
                    }
                }
            })
            .sum()
    }

    /// The bytes that an encoder needs, see [`encoder_memory`](crate::encoder_memory).
    #[must_use]
    pub fn encoder_memory(&self, options: Options) -> usize {
        options.encoder_bytes(&self.sizes())
    }

    /// The bytes that a decoder needs, see [`decoder_memory`](crate::decoder_memory).
    #[must_use]
    pub fn decoder_memory(&self) -> usize {
        self.sizes().decoder_bytes()
    }

    /// The bytes that a prior remembers things in, which [`packet_codes`](crate::packet_codes) needs: a part of the memory of encoders and decoders.
    #[must_use]
    pub fn prior_memory(&self) -> usize {
        self.sizes().prior_bytes
    }

    /// Bytes of the state that bounded and lossless packets are predicted with; it shares the place of the nets' lines.
    #[must_use]
    pub fn predictor_memory(&self) -> usize {
        self.sizes().predictor_bytes
    }

    /// What the sizes of memory follow from.
    pub(crate) fn sizes(&self) -> Sizes {
        let directory = self.directory();
        Sizes::new(self.header, directory.encoder.delay, directory.decoder.rows)
    }

    /// The smallest limit of bounded and lossless packets with these options: room for a hop of samples as they are.
    #[must_use]
    pub fn least_predicted_bytes(&self, options: Options) -> usize {
        options.least_predicted_bytes(self.sizes().hop_samples)
    }
}

/// Look-ahead and block delay in frames; the filling of a packet comes on top.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delay {
    /// Look-ahead of the encoder net.
    pub encoder_frames: usize,
    /// One hop: samples wait until it is full.
    pub hop_frames: usize,
    /// Look-ahead of the decoder net.
    pub decoder_frames: usize,
}

/// `length` bytes of the tables at `offset`, or nothing.
fn slice(tables: &[u8], offset: u32, length: usize) -> &[u8] {
    tables.get(offset as usize..).and_then(|rest| rest.get(..length)).unwrap_or_default()
}

/// Bytes of a symbol's table: a codebook, or a [`Step`] for every quality.
///
/// Integer codebook: for each block of four vectors their half norms (i32), then for every pair of channels four words,
/// each the two negated components of one vector. Float codebook: the score offsets, `[alphabet]`, and the vectors, `[alphabet, channels]`.
#[must_use]
pub fn symbol_table_bytes(symbol: &Symbol, arithmetic: Arithmetic) -> Option<usize> {
    let (vectors, channels) = (usize::from(symbol.alphabet), usize::from(symbol.channels));
    match (symbol.kind, arithmetic) {
        (SymbolKind::Integer, _) => Some(QUALITIES * Step::BYTES),
        (SymbolKind::Index, Arithmetic::Integer) => {
            vectors.div_ceil(4).checked_mul(channels.div_ceil(2).checked_mul(16)?.checked_add(16)?)
        }
        (SymbolKind::Index, Arithmetic::Float) => vectors.checked_mul(channels.checked_add(1)?)?.checked_mul(4),
    }
}
