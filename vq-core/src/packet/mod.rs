//! Framing: a short header, the codes, and a checksum that only packets of the same model pass.
//!
//! | bytes | what |
//! |---|---|
//! | 1 | bits 0–3 quality 1..=9, bits 4–5 mode (0: best effort), bits 6–7 zero |
//! | 3 | index of the first hop, modulo 2^24, little-endian |
//! | 1–3 | number of hops, at least 1, LEB128 |
//! | n | codes of the range coder; the last byte is not zero |
//! | 2 | CRC-16 (IBM-3740) of the model's identity followed by all bytes before, little-endian |
//!
//! The packet's own length is not in it: every link states one.

mod stream_header;

use core::fmt;

pub use stream_header::stream_header;

use crate::bytes::{array_at, u8_at, u16_at};
use crate::model::QUALITIES;

/// Bytes of the checksum at a packet's end.
pub const CHECKSUM_BYTES: usize = 2;
/// The longest header.
pub const MAX_HEADER_BYTES: usize = 7;
/// Most hops in a packet: what three LEB128 bytes hold.
pub const MAX_HOPS: u32 = (1 << 21) - 1;
/// Hop indices count modulo this.
pub const HOP_INDEX_MODULUS: u32 = 1 << 24;

const CRC_16: crc::Crc<u16, crc::NoTable> = crc::Crc::<u16, crc::NoTable>::new(&crc::CRC_16_IBM_3740);

/// What a packet says about itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Row of the model's quality table, 1..=9.
    pub quality: u8,
    /// Index of the first hop, modulo [`HOP_INDEX_MODULUS`].
    pub first_hop: u32,
    /// Number of hops, 1..=[`MAX_HOPS`].
    pub hops: u32,
}

/// Why a packet was refused. A refused packet leaves the decoder as it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum PacketError {
    /// Fewer bytes than the smallest packet.
    TooShort,
    /// The checksum does not match: damaged, truncated, or of another model.
    Checksum,
    /// A quality, mode or hop count that does not exist.
    Header,
    /// The codes are longer than the number of hops can need, or end in a byte that no encoder writes.
    Length,
    /// Its hops were decoded before, or come before one that was: repeated or too late.
    Stale {
        /// The packet's first hop.
        first_hop: u32,
        /// The hop that the decoder expects next, modulo 2^24.
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
            Self::Length => f.write_str("the packet's codes are longer than its hops can need"),
            Self::Stale { first_hop, expected } => {
                write!(f, "the packet starts at hop {first_hop}, hop {expected} comes next: repeated or out of order")
            }
        }
    }
}

impl core::error::Error for PacketError {}

impl Header {
    /// Bytes of a header for this number of hops.
    #[must_use]
    pub const fn bytes(hops: u32) -> usize {
        match hops {
            0..0x80 => 5,
            0x80..0x4000 => 6,
            _ => MAX_HEADER_BYTES,
        }
    }

    /// Checks a packet against the model's identity; gives its header and its codes.
    ///
    /// # Errors
    /// [`PacketError::TooShort`], [`PacketError::Checksum`] or [`PacketError::Header`].
    pub fn parse<'p>(packet: &'p [u8], identity: &[u8; 16]) -> Result<(Self, &'p [u8]), PacketError> {
        let body_length = packet.len().checked_sub(CHECKSUM_BYTES).ok_or(PacketError::TooShort)?;
        let body = packet.get(..body_length).ok_or(PacketError::TooShort)?;
        if body_length < Self::bytes(1) {
            return Err(PacketError::TooShort);
        }
        if Checksum::new(identity).with(body).value() != u16_at(packet, body_length) {
            return Err(PacketError::Checksum);
        }
        let quality = u8_at(body, 0);
        if !(1..=QUALITIES as u8).contains(&quality) {
            return Err(PacketError::Header);
        }
        let [low, middle, high] = array_at::<3>(body, 1);
        let (hops, length) = leb128(body.get(4..).unwrap_or_default()).ok_or(PacketError::Header)?;
        if hops == 0 || Self::bytes(hops) != 4 + length {
            return Err(PacketError::Header);
        }
        let header = Self { quality, first_hop: u32::from_le_bytes([low, middle, high, 0]), hops };
        Ok((header, body.get(4 + length..).unwrap_or_default()))
    }

    /// Writes the header so that it ends just before `buffer[MAX_HEADER_BYTES]`; gives where it starts.
    pub(crate) fn write(&self, buffer: &mut [u8]) -> usize {
        let start = MAX_HEADER_BYTES - Self::bytes(self.hops);
        let [low, middle, high, _] = self.first_hop.to_le_bytes();
        let fixed = [self.quality, low, middle, high];
        let mut rest = self.hops;
        let count = (0..MAX_HEADER_BYTES - start - fixed.len()).map(|_| {
            let group = (rest & 0x7f) as u8;
            rest >>= 7;
            if rest > 0 { group | 0x80 } else { group }
        });
        let target = buffer.get_mut(start..).unwrap_or_default();
        target.iter_mut().zip(fixed.into_iter().chain(count)).for_each(|(byte, value)| *byte = value);
        start
    }
}

/// The checksum of a packet's bytes under a model's identity, which may come in pieces.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Checksum(u16);

impl Checksum {
    /// That of no bytes.
    pub(crate) fn new(identity: &[u8; 16]) -> Self {
        Self(CRC_16.algorithm.init).with(identity)
    }

    /// That of more bytes.
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

/// A number of at most three LEB128 bytes, and how many it took.
fn leb128(bytes: &[u8]) -> Option<(u32, usize)> {
    let mut value = 0u32;
    for (index, byte) in bytes.iter().take(3).enumerate() {
        value |= u32::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return Some((value, index + 1));
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

    proptest! {
        #[test]
        fn a_header_survives(quality in 1u8..=9, first_hop in 0..HOP_INDEX_MODULUS, hops in 1..=MAX_HOPS, codes: Vec<u8>) {
            let header = Header { quality, first_hop, hops };
            let bytes = packet(&header, &codes);
            prop_assert_eq!(bytes.len(), Header::bytes(hops) + codes.len() + CHECKSUM_BYTES);
            prop_assert_eq!(Header::parse(&bytes, &IDENTITY), Ok((header, codes.as_slice())));
        }

        #[test]
        fn any_bytes_parse_or_are_refused(bytes: Vec<u8>) {
            let _ = Header::parse(&bytes, &IDENTITY);
        }

        #[test]
        fn every_single_flip_is_detected(codes in prop::collection::vec(any::<u8>(), 0..64), bit in 0usize..500) {
            let mut bytes = packet(&Header { quality: 9, first_hop: 77, hops: 3 }, &codes);
            let bit = bit % (bytes.len() * 8);
            bytes[bit / 8] ^= 1 << (bit % 8);
            prop_assert_eq!(Header::parse(&bytes, &IDENTITY), Err(PacketError::Checksum));
        }
    }

    #[test]
    fn a_packet_of_another_model_fails_its_checksum() {
        let bytes = packet(&Header { quality: 9, first_hop: 0, hops: 1 }, &[1, 2, 3]);
        assert_eq!(Header::parse(&bytes, b"another identity"), Err(PacketError::Checksum));
    }
}
