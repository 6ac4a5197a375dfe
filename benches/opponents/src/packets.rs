//! Packets that decode alone, filled until the next unit does not fit, and what is in them besides the code.
//!
//! A packet is what one of microvq is, byte for byte of its costs: a byte for the channel, three for the number of its first unit, the
//! number of its units as LEB128, the code, and a CRC-16 of the stream's identity and all bytes before.

use std::ops::Range;

use crc::{CRC_16_IBM_3740, Crc};

pub(crate) const CRC_16: Crc<u16> = Crc::<u16>::new(&CRC_16_IBM_3740);

/// How much may depend on what was sent before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// Everything: one packet, however long.
    Stream,
    /// Nothing beyond a packet of at most this many bytes, header and checksum included.
    PacketBytes(usize),
}

/// The code of a packet.
#[derive(Debug, Clone, PartialEq)]
pub struct Body {
    /// What is sent.
    pub bytes: Vec<u8>,
    /// What its decisions are worth, −log₂ of their probabilities; all bits that are sent, where the coder knows none.
    pub ideal_bits: f64,
}

/// A signal on its way out: a sequence of units, each coded after those before it in its packet.
pub trait Sending {
    /// Number of units.
    fn units(&self) -> usize;

    /// Forgets what was coded: the next unit is the first of a packet. It may be one that was coded already.
    fn start_packet(&mut self);

    /// Codes units behind those of the packet, and gives its code as if it ended there.
    fn add(&mut self, units: Range<usize>) -> Body;
}

/// A signal on its way in.
pub trait Receiving {
    /// Decodes the code of the next packet; units that lie beyond the signal are ignored.
    fn packet(&mut self, units: Range<usize>, code: &[u8]);

    /// The samples, when all packets have come, `[time]`.
    fn samples(self: Box<Self>) -> Vec<i32>;
}

/// What a stream's packets have in common.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Link {
    pub(crate) identity: [u8; 16],
    pub(crate) channel: u8,
}

/// All units in packets, and the ideal length of all codes in bits. A unit that alone is longer than a packet gets one of its own length.
pub(crate) fn send(mut sending: Box<dyn Sending + '_>, limit: Limit, link: Link) -> (Vec<Vec<u8>>, f64) {
    let packets = match limit {
        Limit::Stream => {
            let units = 0..sending.units();
            sending.start_packet();
            vec![(units.clone(), sending.add(units))]
        }
        Limit::PacketBytes(bytes) => fill(&mut *sending, bytes, link),
    };
    let ideal_bits = packets.iter().map(|(_, body)| body.ideal_bits).sum();
    (packets.into_iter().map(|(units, body)| link.packet(&units, &body.bytes)).collect(), ideal_bits)
}

fn fill(sending: &mut dyn Sending, most: usize, link: Link) -> Vec<(Range<usize>, Body)> {
    let mut packets: Vec<(Range<usize>, Body)> = Vec::new();
    for unit in 0..sending.units() {
        if let Some((units, body)) = packets.last_mut() {
            let longer = units.start..unit + 1;
            let more = sending.add(unit..unit + 1);
            if link.overhead(&longer) + more.bytes.len() <= most {
                (*units, *body) = (longer, more);
                continue;
            }
        }
        sending.start_packet();
        packets.push((unit..unit + 1, sending.add(unit..unit + 1)));
    }
    packets
}

/// What packets decode to, or the number of the first one that is damaged, of another stream or not the next.
pub(crate) fn receive(
    mut receiving: Box<dyn Receiving + '_>,
    packets: &[Vec<u8>],
    link: Link,
) -> Result<Vec<i32>, usize> {
    let mut next = 0;
    for (number, packet) in packets.iter().enumerate() {
        let (units, code) = link.opened(packet, next).ok_or(number)?;
        next = units.end;
        receiving.packet(units, code);
    }
    Ok(receiving.samples())
}

impl Link {
    const INDEX_BYTES: usize = 3;
    const CHECK_BYTES: usize = 2;

    fn packet(self, units: &Range<usize>, code: &[u8]) -> Vec<u8> {
        let mut packet = vec![self.channel];
        packet.extend_from_slice(&units.start.to_le_bytes()[..Self::INDEX_BYTES]);
        leb128(units.len() as u64, &mut packet);
        packet.extend_from_slice(code);
        packet.extend_from_slice(&self.check(&packet).to_le_bytes());
        packet
    }

    /// Bytes of a packet that are not code.
    fn overhead(self, units: &Range<usize>) -> usize {
        self.packet(units, &[]).len()
    }

    /// The units and the code of a packet that should begin at the unit `next`.
    fn opened(self, packet: &[u8], next: usize) -> Option<(Range<usize>, &[u8])> {
        let (before, check) = packet.split_last_chunk::<{ Self::CHECK_BYTES }>()?;
        let (channel, rest) = before.split_first()?;
        let (index, rest) = rest.split_first_chunk::<{ Self::INDEX_BYTES }>()?;
        let length = rest.iter().position(|byte| byte & 0x80 == 0)? + 1;
        let (count, code) = rest.split_at(length);
        let count = count.iter().rev().fold(0, |count: usize, byte| count << 7 | usize::from(byte & 0x7f));
        let expected = *channel == self.channel && index[..] == next.to_le_bytes()[..Self::INDEX_BYTES];
        (expected && self.check(before) == u16::from_le_bytes(*check)).then(|| (next..next.saturating_add(count), code))
    }

    fn check(self, bytes: &[u8]) -> u16 {
        let mut digest = CRC_16.digest();
        digest.update(&self.identity);
        digest.update(bytes);
        digest.finalize()
    }
}

/// A number in groups of seven bits, the lowest first.
pub(crate) fn leb128(mut number: u64, bytes: &mut Vec<u8>) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINK: Link = Link { identity: [7; 16], channel: 3 };

    /// Units of a byte each, the first of a packet of two.
    struct Bytes {
        units: usize,
        packet: Vec<u8>,
    }

    impl Sending for Bytes {
        fn units(&self) -> usize {
            self.units
        }

        fn start_packet(&mut self) {
            self.packet = vec![0xaa];
        }

        fn add(&mut self, units: Range<usize>) -> Body {
            self.packet.extend(units.map(|unit| unit as u8));
            Body { bytes: self.packet.clone(), ideal_bits: 7.0 }
        }
    }

    /// What [`Bytes`] sends.
    struct Back(Vec<i32>);

    impl Receiving for Back {
        fn packet(&mut self, units: Range<usize>, code: &[u8]) {
            assert_eq!(code.len(), units.len() + 1);
            self.0.extend(code[1..].iter().map(|&byte| i32::from(byte)));
        }

        fn samples(self: Box<Self>) -> Vec<i32> {
            self.0
        }
    }

    fn sent(units: usize, limit: Limit) -> Vec<Vec<u8>> {
        send(Box::new(Bytes { units, packet: Vec::new() }), limit, LINK).0
    }

    fn lengths(units: usize, limit: Limit) -> Vec<usize> {
        sent(units, limit).iter().map(Vec::len).collect()
    }

    #[test]
    fn a_stream_is_one_packet() {
        assert_eq!(lengths(5, Limit::Stream), [1 + 3 + 1 + 6 + 2]);
        assert_eq!(lengths(0, Limit::Stream), [1 + 3 + 1 + 1 + 2]);
        assert_eq!(lengths(200, Limit::Stream), [1 + 3 + 2 + 201 + 2]);
    }

    #[test]
    fn packets_are_filled_to_the_last_byte() {
        // Four bytes of code fit behind a header of five and before a checksum of two.
        assert_eq!(lengths(3, Limit::PacketBytes(11)), [11]);
        assert_eq!(lengths(4, Limit::PacketBytes(11)), [11, 9]);
        assert_eq!(lengths(6, Limit::PacketBytes(11)), [11, 11]);
        // From 128 units on the header is a byte longer.
        assert_eq!(lengths(128, Limit::PacketBytes(7 + 129)), [7 + 128, 9]);
        assert_eq!(lengths(128, Limit::PacketBytes(8 + 129)), [8 + 129]);
    }

    #[test]
    fn what_fits_no_packet_travels_alone() {
        assert_eq!(lengths(2, Limit::PacketBytes(8)), [9, 9]);
        assert!(lengths(0, Limit::PacketBytes(8)).is_empty());
    }

    #[test]
    fn ideal_lengths_are_of_what_was_sent() {
        let bytes = Bytes { units: 6, packet: Vec::new() };
        assert_eq!(send(Box::new(bytes), Limit::PacketBytes(11), LINK).1, 14.0);
    }

    #[test]
    fn only_undamaged_packets_of_the_stream_in_order_are_taken() {
        let receive = |packets: &[Vec<u8>], link| receive(Box::new(Back(Vec::new())), packets, link);
        let packets = sent(200, Limit::PacketBytes(100));
        assert_eq!(receive(&packets, LINK), Ok((0..200).collect()));
        assert_eq!(receive(&packets, Link { channel: 4, ..LINK }), Err(0));
        assert_eq!(receive(&packets, Link { identity: [8; 16], ..LINK }), Err(0));
        assert_eq!(receive(&packets[1..], LINK), Err(0));
        for byte in 0..packets[1].len() {
            let mut damaged = packets.clone();
            damaged[1][byte] ^= 0x10;
            assert_eq!(receive(&damaged, LINK), Err(1));
        }
        assert_eq!(receive(&[Vec::new()], LINK), Err(0));
    }
}
