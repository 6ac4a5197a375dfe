//! Framing: a short header, the codes, and a checksum that only packets of the same model pass.
//!
//! | bytes | what |
//! |---|---|
//! | 1 | bits 0–3 quality 1..=9 or bound, bits 4–5 [mode](Mode): 0 best effort, 1 error bounded, 2 lossless, bit 6 short form, bit 7 [levels](crate::Level) in front of the codes, in mode 0 |
//! | 3, short form 2 | [index](IndexForm) of the first hop, little-endian |
//! | 1–3 | number of hops, at least 1, LEB128 |
//! | 0–3 | an error bound beyond what bits 0–3 can hold, LEB128 |
//! | n | codes of the range coder; the last byte is not zero |
//! | 2 | CRC-16 (IBM-3740) of the model's identity followed by all bytes before, little-endian |
//!
//! The packet's own length is not in it: every link states one.

pub mod cobs;
mod index;
mod mode;
#[cfg(feature = "heapless")]
mod queue;
mod stream_header;
#[cfg(feature = "embedded-io")]
mod writer;

use core::fmt;

pub use index::IndexForm;
pub use mode::{MAX_BOUND, Mode};
#[cfg(feature = "heapless")]
pub use queue::{PacketBuffer, PacketQueue, QueueError};
pub use stream_header::stream_header;
#[cfg(feature = "embedded-io")]
pub use writer::FrameWriter;

use crate::bytes::{array_at, u8_at, u16_at};

/// Bytes of the checksum at a packet's end.
pub const CHECKSUM_BYTES: usize = 2;
/// The longest header.
pub const MAX_HEADER_BYTES: usize = 10;
/// Most hops in a packet: what three LEB128 bytes hold.
pub const MAX_HOPS: u32 = (1 << 21) - 1;

/// Bits of the first byte that hold the quality, or a small bound.
const QUALITY_BITS: u8 = 0x0f;
/// The mode, above them.
const MODE_BITS: u8 = 0x30;
const BOUNDED: u8 = 0x10;
const LOSSLESS: u8 = 0x20;
/// The largest bound that the first byte holds.
const MOST_SHORT_BOUND: u32 = 5;
/// The bit of the first byte that says [`IndexForm::Short`].
const SHORT_FORM: u8 = 0x40;
/// The bit that says that channels are not where the model was trained.
const MOVED: u8 = 0x80;

const CRC_16: crc::Crc<u16, crc::NoTable> = crc::Crc::<u16, crc::NoTable>::new(&crc::CRC_16_IBM_3740);

/// What a packet says about itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Header {
    /// What it promises.
    pub mode: Mode,
    /// Row of the model's quality table, 1..=9, in [`Mode::BestEffort`]; 0 in the others.
    pub quality: u8,
    /// Whether the codes begin with the channels' [levels](crate::Level); only in [`Mode::BestEffort`].
    pub moved: bool,
    /// How the first hop is numbered.
    pub form: IndexForm,
    /// Index of the first hop.
    pub first_hop: u32,
    /// Number of hops, 1..=[`MAX_HOPS`].
    pub hops: u32,
}

/// Why a packet was refused. A refused packet leaves the decoder as it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum PacketError {
    /// Fewer bytes than the smallest packet.
    TooShort,
    /// The checksum does not match: damaged, truncated, or of another model.
    Checksum,
    /// A quality, mode or hop count that does not exist.
    Header,
    /// Bounded or lossless, or of an input that moved, and this build of vq-core cannot read that (features `prediction` and `levels`).
    Unsupported,
    /// The codes are longer than the number of hops can need, or end in a byte that no encoder writes.
    Length,
    /// Its hops were decoded before, or come before one that was: repeated or too late.
    Stale {
        /// The packet's first hop.
        first_hop: u32,
        /// The index that the decoder expects next.
        expected: u32,
    },
}

impl fmt::Display for PacketError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooShort => f.write_str("the packet is too short to be one"),
            Self::Checksum => {
                f.write_str("the packet's checksum does not match: damaged, or encoded with another model")
            }
            Self::Header => f.write_str("the packet's header names a quality, mode or length that does not exist"),
            Self::Unsupported => f.write_str(
                "a packet that this build of vq-core cannot read: bounded or lossless (its feature `prediction`), or of an input that moved (`levels`)",
            ),
            Self::Length => f.write_str("the packet's codes are longer than its hops can need"),
            Self::Stale { first_hop, expected } => {
                write!(f, "the packet starts at hop {first_hop}, hop {expected} comes next: repeated or out of order")
            }
        }
    }
}

impl core::error::Error for PacketError {}

impl Header {
    /// Bytes of a header in this mode, for this number of hops.
    #[must_use]
    pub const fn bytes(mode: Mode, form: IndexForm, hops: u32) -> usize {
        let bound = match mode {
            Mode::Bounded(bound) if bound > MOST_SHORT_BOUND => leb128_bytes(bound),
            _ => 0,
        };
        1 + form.bytes() + leb128_bytes(hops) + bound
    }

    /// Checks a packet against the model's identity; gives its header and its codes.
    ///
    /// # Errors
    /// [`PacketError::TooShort`], [`PacketError::Checksum`] or [`PacketError::Header`].
    pub fn parse<'p>(packet: &'p [u8], identity: &[u8; 16]) -> Result<(Self, &'p [u8]), PacketError> {
        let body_length = packet.len().checked_sub(CHECKSUM_BYTES).ok_or(PacketError::TooShort)?;
        let body = packet.get(..body_length).ok_or(PacketError::TooShort)?;
        if body_length < Self::bytes(Mode::Lossless, IndexForm::Short, 1) {
            return Err(PacketError::TooShort);
        }
        if Checksum::new(identity).with(body).value() != u16_at(packet, body_length) {
            return Err(PacketError::Checksum);
        }
        let first = u8_at(body, 0);
        let moved = first & MOVED != 0;
        if moved && first & MODE_BITS != 0 {
            return Err(PacketError::Header);
        }
        let form = if first & SHORT_FORM == 0 { IndexForm::Long } else { IndexForm::Short };
        let first_hop = match form {
            IndexForm::Long => {
                let [low, middle, high] = array_at::<3>(body, 1);
                u32::from_le_bytes([low, middle, high, 0])
            }
            IndexForm::Short => u32::from(u16_at(body, 1)),
        };
        let rest = body.get(1 + form.bytes()..).unwrap_or_default();
        let (hops, rest) = leb128(rest).filter(|(hops, _)| *hops > 0).ok_or(PacketError::Header)?;
        let (mode, quality, codes) = match (first & MODE_BITS, first & QUALITY_BITS) {
            (0, quality @ 1..=9) => (Mode::BestEffort, quality, rest),
            (BOUNDED, 0) => {
                let beyond = leb128(rest).filter(|(bound, _)| *bound > MOST_SHORT_BOUND);
                let (bound, rest) = beyond.ok_or(PacketError::Header)?;
                (Mode::Bounded(bound), 0, rest)
            }
            (BOUNDED, bound @ 1..=5) => (Mode::Bounded(u32::from(bound)), 0, rest),
            (LOSSLESS, 0) => (Mode::Lossless, 0, rest),
            _ => return Err(PacketError::Header),
        };
        Ok((Self { mode, quality, moved, form, first_hop, hops }, codes))
    }

    /// Writes the header so that it ends just before `buffer[MAX_HEADER_BYTES]`; gives where it starts.
    pub(crate) fn write(&self, buffer: &mut [u8]) -> usize {
        let start = MAX_HEADER_BYTES - Self::bytes(self.mode, self.form, self.hops);
        let (first, bound) = match self.mode {
            Mode::BestEffort => (self.quality, None),
            Mode::Bounded(bound @ ..=MOST_SHORT_BOUND) => (BOUNDED | bound as u8, None),
            Mode::Bounded(bound) => (BOUNDED, Some(bound)),
            Mode::Lossless => (LOSSLESS, None),
        };
        let short = if self.form == IndexForm::Short { SHORT_FORM } else { 0 };
        let moved = if self.moved { MOVED } else { 0 };
        let mut place = start;
        let mut write = |byte: u8| {
            if let Some(target) = buffer.get_mut(place) {
                *target = byte;
            }
            place += 1;
        };
        write(first | short | moved);
        for index in 0..self.form.bytes() {
            write((self.first_hop >> (8 * index)) as u8);
        }
        let mut write_number = |mut number: u32| {
            while number >= 0x80 {
                write(number as u8 | 0x80);
                number >>= 7;
            }
            write(number as u8);
        };
        write_number(self.hops);
        if let Some(bound) = bound {
            write_number(bound);
        }
        start
    }
}

/// The checksum that a packet ends with.
pub(crate) fn checksum_of(packet: &[u8]) -> u16 {
    u16_at(packet, packet.len().saturating_sub(CHECKSUM_BYTES))
}

/// The checksum of a packet's bytes under a model's identity, which may come in pieces.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Checksum(u16);

impl Checksum {
    /// That of no bytes.
    pub(crate) fn new(identity: &[u8; 16]) -> Self {
        Self(CRC_16.algorithm.init).with(identity)
    }

    /// That of more bytes.
    #[inline(never)]
    pub(crate) fn with(self, bytes: &[u8]) -> Self {
        // The algorithm neither reflects nor inverts: its state between two bytes is its result.
        let mut digest = CRC_16.digest_with_initial(self.0);
        digest.update(bytes);
        Self(digest.finalize())
    }

    pub(crate) fn value(self) -> u16 {
        self.0
    }
}

/// LEB128 bytes of a number below 2^21.
const fn leb128_bytes(number: u32) -> usize {
    match number {
        0..0x80 => 1,
        0x80..0x4000 => 2,
        _ => 3,
    }
}

/// A number of at most three LEB128 bytes without padding, and what follows it.
fn leb128(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let mut value = 0u32;
    for (index, byte) in bytes.iter().take(3).enumerate() {
        value |= u32::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            let rest = bytes.get(index + 1..)?;
            return (leb128_bytes(value) == index + 1).then_some((value, rest));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const IDENTITY: [u8; 16] = *b"sixteen bytes id";

    /// A packet of `header` and `codes`, as the encoder assembles it.
    fn packet(header: &Header, codes: &[u8]) -> Vec<u8> {
        let mut buffer = vec![0; MAX_HEADER_BYTES];
        let start = header.write(&mut buffer);
        buffer.extend_from_slice(codes);
        let crc = Checksum::new(&IDENTITY).with(&buffer[start..]).value();
        buffer.extend_from_slice(&crc.to_le_bytes());
        buffer[start..].to_vec()
    }

    extern crate std;
    use std::{vec, vec::Vec};

    fn modes() -> impl Strategy<Value = (Mode, u8, bool)> {
        prop_oneof![
            (1u8..=9, any::<bool>()).prop_map(|(quality, moved)| (Mode::BestEffort, quality, moved)),
            prop_oneof![1u32..9, 1..=MAX_BOUND].prop_map(|bound| (Mode::Bounded(bound), 0, false)),
            Just((Mode::Lossless, 0, false)),
        ]
    }

    fn forms() -> impl Strategy<Value = IndexForm> {
        prop_oneof![Just(IndexForm::Long), Just(IndexForm::Short)]
    }

    proptest! {
        #[test]
        fn a_header_survives(
            (mode, quality, moved) in modes(),
            form in forms(),
            first_hop: u32,
            hops in prop_oneof![1u32..300, 1..=MAX_HOPS],
            codes: Vec<u8>,
        ) {
            let header = Header { mode, quality, moved, form, first_hop: first_hop & form.cycle(), hops };
            let bytes = packet(&header, &codes);
            prop_assert_eq!(bytes.len(), Header::bytes(mode, form, hops) + codes.len() + CHECKSUM_BYTES);
            prop_assert_eq!(Header::parse(&bytes, &IDENTITY), Ok((header, codes.as_slice())));
        }

        #[test]
        fn any_bytes_parse_or_are_refused(bytes: Vec<u8>) {
            let _ = Header::parse(&bytes, &IDENTITY);
        }

        #[test]
        fn every_single_flip_is_detected(form in forms(), codes in prop::collection::vec(any::<u8>(), 0..64), bit in 0usize..500) {
            let mut bytes = packet(&Header { mode: Mode::BestEffort, quality: 9, moved: false, form, first_hop: 77, hops: 3 }, &codes);
            let bit = bit % (bytes.len() * 8);
            bytes[bit / 8] ^= 1 << (bit % 8);
            prop_assert_eq!(Header::parse(&bytes, &IDENTITY), Err(PacketError::Checksum));
        }
    }

    #[test]
    fn a_packet_of_another_model_fails_its_checksum() {
        let bytes = packet(
            &Header { mode: Mode::Lossless, quality: 0, moved: false, form: IndexForm::Long, first_hop: 0, hops: 1 },
            &[1, 2, 3],
        );
        assert_eq!(Header::parse(&bytes, b"another identity"), Err(PacketError::Checksum));
    }
}
