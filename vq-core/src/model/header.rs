//! The fixed header of a model file: what a `const fn` needs to size memory, and where the tables lie.
//!
//! | offset | type | what |
//! |---|---|---|
//! | 0 | 4 bytes | magic `VQM1` |
//! | 4 | u16 | format version |
//! | 6 | u8 | arithmetic: 0 integer, 1 float |
//! | 7 | u8 | zero |
//! | 8 | u32 | length of the whole file |
//! | 12 | u32 | CRC-32 (ISO-HDLC) of the file without these four bytes |
//! | 16 | 16 bytes | identity: the first half of the SHA-256 of the file from offset 32 up to the self-test packet |
//! | 32 | u32 | tables, offset from the file's start (a multiple of 8) |
//! | 36 | u32 | tables, length |
//! | 40 | u32 | bytes of the encoder's block of line buffers (a multiple of 8) |
//! | 44 | u32 | bytes of the decoder's block of line buffers (a multiple of 8) |
//! | 48 | u16 | hop: frames per step of the net |
//! | 50 | u16 | channels of a frame |
//! | 52 | u16 | symbols per hop |
//! | 54 | u16 | memory of the recurrent prior in units of 8 bytes; 0 without one |
//! | 56 | u16 | memory of the recurrent predictor in units of 8 bytes; 0 without one |
//! | 58 | u16 | memory of the choice of codes in units of 8 bytes; 0 without one |
//! | 60 | u16 | `r`: the offset of a level moves over `2^r` frames; 0 if it jumps |
//! | 62 | u16 | zero |

use super::ModelError;
use crate::bytes::{byte, high, low, put, u16_at, u32_at, words};
use crate::features::{CHOICE, FLOAT, PREDICTION};
use crate::kernels::{Arithmetic, quotient};
use crate::residual;

/// Length of the header; the postcard message starts here.
pub const HEADER_BYTES: usize = 64;
/// Its length in words.
pub(super) const WORDS: usize = HEADER_BYTES / 4;
/// The first four bytes of a model file.
pub const MAGIC: [u8; 4] = *b"VQM1";
/// The format version that this crate reads and its exporter writes.
pub const FORMAT_VERSION: u16 = 1;

/// CRC-32 as in zip and Ethernet, computed without a table: it is used once per start, a table would stay in flash.
pub(crate) const CRC_32: crc::Crc<u32, crc::NoTable> = crc::Crc::<u32, crc::NoTable>::new(&crc::CRC_32_ISO_HDLC);

/// The header's fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Whether the tables hold integers or floats.
    pub arithmetic: Arithmetic,
    /// Length of the whole file in bytes.
    pub length: u32,
    /// Names the model: the first half of a SHA-256. Checked by the exporter and by host tools, used by the device.
    pub identity: [u8; 16],
    /// Where the tables start, from the file's start.
    pub tables_offset: u32,
    /// Length of the tables in bytes.
    pub tables_length: u32,
    /// Bytes of the encoder's line buffers.
    pub encoder_line_bytes: u32,
    /// Bytes of the decoder's line buffers.
    pub decoder_line_bytes: u32,
    /// Frames per step of the net.
    pub hop: u16,
    /// Channels of a frame.
    pub channels: u16,
    /// Symbols of a hop at the best quality.
    pub symbols_per_hop: u16,
    /// Memory of the recurrent prior, in units of 8 bytes; 0 without one.
    pub recurrent_units: u16,
    /// Memory of the recurrent predictor, in units of 8 bytes; 0 without one.
    pub predictor_units: u16,
    /// Memory of the choice of codes, in units of 8 bytes; 0 without one.
    pub choice_units: u16,
    /// `r`: the offset of a [level](crate::Level) moves over `2^r` frames; 0 if it jumps.
    pub level_ramp: u16,
}

impl Header {
    #[inline(always)]
    pub(super) fn from_words(words: &[u32; WORDS]) -> Self {
        // No loop: it would stay where nobody asks for the identity.
        let identity = bytemuck::cast([words[4], words[5], words[6], words[7]].map(u32::to_le));
        // What is neither `check` refuses, and a float where there are none.
        let is_float = FLOAT && byte(words[1], 2) != 0;
        Self {
            arithmetic: if is_float { Arithmetic::Float } else { Arithmetic::Integer },
            length: words[2],
            identity,
            tables_offset: words[8],
            tables_length: words[9],
            encoder_line_bytes: words[10],
            decoder_line_bytes: words[11],
            hop: low(words[12]),
            channels: high(words[12]),
            symbols_per_hop: low(words[13]),
            recurrent_units: high(words[13]),
            predictor_units: low(words[14]),
            choice_units: high(words[14]),
            level_ramp: low(words[15]),
        }
    }

    /// The header's bytes with a zero CRC; [`seal`] fills it in when the file is complete.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        put(&mut bytes, 0, MAGIC);
        put(&mut bytes, 4, FORMAT_VERSION.to_le_bytes());
        put(&mut bytes, 6, [self.arithmetic as u8]);
        put(&mut bytes, 8, self.length.to_le_bytes());
        put(&mut bytes, 16, self.identity);
        put(&mut bytes, 32, self.tables_offset.to_le_bytes());
        put(&mut bytes, 36, self.tables_length.to_le_bytes());
        put(&mut bytes, 40, self.encoder_line_bytes.to_le_bytes());
        put(&mut bytes, 44, self.decoder_line_bytes.to_le_bytes());
        put(&mut bytes, 48, self.hop.to_le_bytes());
        put(&mut bytes, 50, self.channels.to_le_bytes());
        put(&mut bytes, 52, self.symbols_per_hop.to_le_bytes());
        put(&mut bytes, 54, self.recurrent_units.to_le_bytes());
        put(&mut bytes, 56, self.predictor_units.to_le_bytes());
        put(&mut bytes, 58, self.choice_units.to_le_bytes());
        put(&mut bytes, 60, self.level_ramp.to_le_bytes());
        bytes
    }
}

/// Checks the header and the whole file's CRC; gives the header's words.
///
/// # Errors
/// [`ModelError`] for a file that is short, foreign, of another version, of the wrong length, damaged, or of an arithmetic that this build has not.
pub(super) fn check(file: &[u8]) -> Result<&[u32; WORDS], ModelError> {
    let too_short = ModelError::TooShort { have: file.len() };
    let words: &[u32; WORDS] = words(file, 0).ok_or(too_short)?;
    let &[magic, version, stated, crc, .., last] = words;
    if magic != u32::from_le_bytes(MAGIC) {
        return Err(ModelError::Magic);
    }
    if low(version) != FORMAT_VERSION {
        return Err(ModelError::Version { found: low(version) });
    }
    if stated as usize != file.len() {
        return Err(ModelError::Length { stated, have: file.len() });
    }
    if crc != checksum(file) {
        return Err(ModelError::Checksum);
    }
    match byte(version, 2) {
        0 => {}
        1 if FLOAT => {}
        1 => return Err(ModelError::FloatUnsupported),
        _ => return Err(ModelError::Arithmetic),
    }
    if byte(version, 3) != 0 || high(last) != 0 { Err(ModelError::Reserved) } else { Ok(words) }
}

/// The CRC-32 of a model file, its own four bytes left out.
fn checksum(file: &[u8]) -> u32 {
    let mut digest = CRC_32.digest();
    for part in [file.get(..12), file.get(16..)] {
        digest.update(part.unwrap_or_default());
    }
    digest.finalize()
}

/// Writes the CRC-32 of a complete model file into its header.
pub fn seal(file: &mut [u8]) {
    let crc = checksum(file);
    put(file, 12, crc.to_le_bytes());
}

/// The channels of a frame.
pub(crate) const fn channels(file: &[u8]) -> usize {
    u16_at(file, 50) as usize
}

/// What a prior remembers: two hops of codes, rounded up to keep what follows aligned, and what the recurrent prior works with.
const fn prior_bytes(symbols: u16, recurrent_units: u16) -> usize {
    (symbols as usize * 4).next_multiple_of(8) + recurrent_units as usize * 8
}

/// What the sizes of memory follow from: of a file that [`Model::parse`](super::Model::parse) took, or will refuse.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sizes {
    /// Bytes of the encoder's lines.
    pub(crate) encoder_line_bytes: usize,
    /// Bytes of the decoder's lines.
    pub(crate) decoder_line_bytes: usize,
    /// Bytes of what a prior remembers.
    pub(crate) prior_bytes: usize,
    /// Samples of a hop, over all channels.
    pub(crate) hop_samples: usize,
    /// Channels of a frame.
    pub(crate) channels: usize,
    /// Hops that the encoder reads ahead.
    pub(crate) look_ahead_hops: usize,
    /// Bytes of the state of a residual predictor.
    pub(crate) predictor_bytes: usize,
    /// Bytes of the paths of an encoder that chooses codes.
    pub(crate) choice_bytes: usize,
}

impl Sizes {
    /// Those of a model file.
    pub(crate) const fn of(file: &[u8]) -> Self {
        let (encoder, decoder) = (u32_at(file, 40), u32_at(file, 44));
        let (hop, symbols, predictor) = (u32_at(file, 48), u32_at(file, 52), u32_at(file, 56));
        let header = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, encoder, decoder, hop, symbols, predictor, 0];
        // The encoder's delay and the rows of a latent hop, in the directory's records of the two nets.
        let tables = u32_at(file, 32) as usize;
        Self::new(&header, u16_at(file, tables.saturating_add(12)), u16_at(file, tables.saturating_add(24 + 8)))
    }

    /// Those of a header, of an encoder with a delay of so many rows, and of so many rows of a latent hop.
    pub(super) const fn new(header: &[u32; WORDS], delay: u16, rows: u16) -> Self {
        let &[_, _, _, _, _, _, _, _, _, _, encoder_line_bytes, decoder_line_bytes, hop, symbols, predictor, _] =
            header;
        let (hop, channels) = (low(hop) as usize, high(hop) as usize);
        Self {
            encoder_line_bytes: encoder_line_bytes as usize,
            decoder_line_bytes: decoder_line_bytes as usize,
            prior_bytes: prior_bytes(low(symbols), high(symbols)),
            hop_samples: hop * channels,
            channels,
            look_ahead_hops: quotient(delay as u32, rows as u32) as usize,
            predictor_bytes: match low(predictor) {
                _ if !PREDICTION => 0,
                0 => residual::memory_bytes(channels),
                units => units as usize * 8,
            },
            choice_bytes: if CHOICE { high(predictor) as usize * 8 } else { 0 },
        }
    }

    /// Bytes for the decoder's lines or its predictor's state, whichever is more, for they are never needed at the same time.
    pub(crate) const fn decoder_work_bytes(&self) -> usize {
        if self.decoder_line_bytes < self.predictor_bytes { self.predictor_bytes } else { self.decoder_line_bytes }
    }

    /// Bytes of a decoder's levels, a multiple of 8.
    pub(crate) const fn decoder_level_bytes(&self) -> usize {
        self.channels.saturating_mul(crate::codec::DECODER_LEVEL_WORDS * 4)
    }

    /// A decoder's memory: lines or predictor, what the prior remembers, levels and one hop of frames.
    pub(crate) const fn decoder_bytes(&self) -> usize {
        self.decoder_work_bytes()
            .saturating_add(self.prior_bytes)
            .saturating_add(self.decoder_level_bytes())
            .saturating_add(self.hop_samples.saturating_mul(4))
    }
}
