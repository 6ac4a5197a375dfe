//! Packets over a serial line: [COBS](https://doi.org/10.1109/90.769765) frames, each followed by a zero byte.
//!
//! A frame has no zero in it, so that a reader which starts anywhere finds the next one. It costs one byte for every 254, and the zero.
//! Stream files are framed in the same way.

/// The most bytes that a packet takes on the line, the zero included.
#[must_use]
pub const fn framed_bytes(packet_bytes: usize) -> usize {
    packet_bytes.saturating_add(packet_bytes / 254).saturating_add(2)
}

/// A packet's frame and the zero behind it, byte by byte: no buffer is needed to send it.
#[must_use]
pub fn frame(packet: &[u8]) -> Frame<'_> {
    Frame { rest: packet, run: 0, begun: false, full: false, done: false }
}

/// See [`frame`].
#[derive(Debug, Clone)]
pub struct Frame<'p> {
    rest: &'p [u8],
    /// Bytes of this block that are still to be sent.
    run: usize,
    /// Whether a block was sent.
    begun: bool,
    /// Whether it was of the longest kind, which stands for no zero.
    full: bool,
    done: bool,
}

/// Most bytes of a block.
const BLOCK: usize = 254;

impl Iterator for Frame<'_> {
    type Item = u8;

    fn next(&mut self) -> Option<u8> {
        if self.run > 0 {
            self.run -= 1;
            let (byte, rest) = self.rest.split_first()?;
            self.rest = rest;
            return Some(*byte);
        }
        if self.begun && self.rest.is_empty() {
            return (!core::mem::replace(&mut self.done, true)).then_some(0);
        }
        // The zero that the block before stood for.
        if self.begun && !self.full {
            self.rest = self.rest.get(1..).unwrap_or_default();
        }
        self.run = self.rest.iter().take(BLOCK).take_while(|byte| **byte != 0).count();
        (self.begun, self.full) = (true, self.run == BLOCK);
        Some(self.run as u8 + 1)
    }
}

/// What a byte of the line meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Piece {
    /// Nothing yet.
    Nothing,
    /// A byte of the packet.
    Byte(u8),
    /// The packet is complete.
    End,
    /// The frame is cut or damaged; the next byte begins another one.
    Broken,
}

/// Takes frames apart, a byte at a time.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unframer {
    /// Bytes of the block that are still to come.
    run: u8,
    /// Whether the block stands for a zero, unless it is the last.
    zero: bool,
    begun: bool,
}

impl Unframer {
    /// Before a frame.
    #[must_use]
    pub const fn new() -> Self {
        Self { run: 0, zero: false, begun: false }
    }

    /// Takes a byte of the line.
    pub fn push(&mut self, byte: u8) -> Piece {
        if byte == 0 {
            let before = core::mem::take(self);
            return match (before.begun, before.run) {
                (false, _) => Piece::Nothing,
                (true, 0) => Piece::End,
                (true, _) => Piece::Broken,
            };
        }
        if self.run > 0 {
            self.run -= 1;
            return Piece::Byte(byte);
        }
        let zero = core::mem::replace(&mut self.zero, byte != 0xff);
        self.run = byte - 1;
        let begun = core::mem::replace(&mut self.begun, true);
        if begun && zero { Piece::Byte(0) } else { Piece::Nothing }
    }
}

/// Collects the packets of a serial line in a buffer of the caller's.
///
/// ```
/// use vq_core::cobs::{FrameReader, frame};
///
/// let mut buffer = [0; 64];
/// let mut reader = FrameReader::new(&mut buffer);
/// let mut packets = 0;
/// for byte in frame(&[9, 0, 7]) {
///     if let Some(packet) = reader.push(byte) {
///         assert_eq!(packet, [9, 0, 7]);
///         packets += 1;
///     }
/// }
/// assert_eq!(packets, 1);
/// ```
#[derive(Debug)]
pub struct FrameReader<'b> {
    buffer: &'b mut [u8],
    length: usize,
    unframer: Unframer,
    broken: u32,
}

impl<'b> FrameReader<'b> {
    /// A reader over a buffer for the longest packet.
    #[must_use]
    pub fn new(buffer: &'b mut [u8]) -> Self {
        Self { buffer, length: 0, unframer: Unframer::new(), broken: 0 }
    }

    /// Takes a byte of the line; gives a packet when it was the last of one. Frames that are cut, damaged or too long for the buffer are dropped
    /// and counted.
    pub fn push(&mut self, byte: u8) -> Option<&[u8]> {
        match self.unframer.push(byte) {
            Piece::Nothing => None,
            Piece::Byte(byte) => {
                if let Some(place) = self.buffer.get_mut(self.length) {
                    *place = byte;
                }
                self.length = self.length.saturating_add(1);
                None
            }
            end => {
                let packet = self.buffer.get(..core::mem::take(&mut self.length)).filter(|_| end == Piece::End);
                self.broken = self.broken.saturating_add(u32::from(packet.is_none()));
                packet
            }
        }
    }

    /// Frames so far that were dropped.
    #[must_use]
    pub fn broken_frames(&self) -> u32 {
        self.broken
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    extern crate std;
    use std::vec;
    use std::vec::Vec;

    fn read(line: &[u8], room: usize) -> (Vec<Vec<u8>>, u32) {
        let mut buffer = vec![0; room];
        let mut reader = FrameReader::new(&mut buffer);
        let packets = line.iter().filter_map(|byte| reader.push(*byte).map(<[u8]>::to_vec)).collect();
        (packets, reader.broken_frames())
    }

    /// Packets in which zeros and runs of around 254 bytes are common.
    fn packets() -> impl Strategy<Value = Vec<u8>> {
        let run = (0usize..600, 0u8..3).prop_map(|(length, fill)| vec![fill; length]);
        prop::collection::vec(prop_oneof![run, prop::collection::vec(any::<u8>(), 0..9)], 0..4)
            .prop_map(|runs| runs.concat())
    }

    proptest! {
        #[test]
        fn packets_survive_and_frames_have_no_zero(sent in prop::collection::vec(packets(), 0..5)) {
            let mut line = Vec::new();
            for packet in &sent {
                let framed: Vec<u8> = frame(packet).collect();
                prop_assert!(framed.len() <= framed_bytes(packet.len()));
                let (end, body) = framed.split_last().unwrap();
                prop_assert_eq!((*end, body.contains(&0)), (0, false));
                prop_assert_eq!(body, cobs::encode_vec(packet));
                line.extend(framed);
            }
            prop_assert_eq!(read(&line, 4000), (sent, 0));
        }

        #[test]
        fn any_bytes_are_read(line: Vec<u8>, room in 0usize..40) {
            let _ = read(&line, room);
        }
    }

    #[test]
    fn a_cut_or_long_frame_costs_itself() {
        let mut line: Vec<u8> = frame(b"first").skip(2).collect();
        line.extend(frame(b"second, which is long"));
        line.extend(frame(b"third"));
        let (packets, broken) = read(&line, 8);
        assert_eq!(packets.last().map(Vec::as_slice), Some(b"third".as_slice()));
        assert_eq!((packets.len(), broken), (1, 2));
    }
}
