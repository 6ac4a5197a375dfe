//! Frames for a serial line: those of a `.vqs` file (docs/format.md, section 5).

use vq_core::cobs;
use vq_core::packet::stream_header;

use crate::PACKET_BYTES;

/// The longest content of a frame: a packet, or a header with a name that is not too long.
const CONTENT_BYTES: usize = if PACKET_BYTES > 128 { PACKET_BYTES } else { 128 };
/// One byte more than its frame: another zero comes before a header.
const FRAME_BYTES: usize = cobs::framed_bytes(CONTENT_BYTES) + 1;

/// Room for a frame.
#[derive(Debug)]
pub(crate) struct Wire {
    frame: [u8; FRAME_BYTES],
}

impl Wire {
    pub(crate) fn new() -> Self {
        Self { frame: [0; FRAME_BYTES] }
    }

    /// A packet as a frame.
    pub(crate) fn packet(&mut self, packet: &[u8]) -> &[u8] {
        let length = encode(packet, &mut self.frame);
        &self.frame[..length]
    }

    /// A stream's header as a frame, behind a zero byte that ends what was on the line before: a frame that a reset cut off
    /// would otherwise swallow it. A name that is too long is left out: the identity says the same.
    pub(crate) fn header(&mut self, identity: &[u8; 16], name: &str) -> &[u8] {
        let mut content = [0; CONTENT_BYTES];
        let name = if name.len() + 32 <= CONTENT_BYTES { name } else { "" };
        let header = stream_header(identity, name, PACKET_BYTES as u32, &mut content).unwrap_or_default();
        self.frame[0] = 0;
        let length = encode(header, &mut self.frame[1..]);
        &self.frame[..=length]
    }
}

/// Writes `content` of at most [`CONTENT_BYTES`] as a frame, and gives its length.
fn encode(content: &[u8], buffer: &mut [u8]) -> usize {
    buffer.iter_mut().zip(cobs::frame(content)).map(|(place, byte)| *place = byte).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_packet_fits() {
        let frame = Wire::new().packet(&[1; PACKET_BYTES]).to_vec();
        assert_eq!((frame.len(), frame.iter().position(|byte| *byte == 0)), (PACKET_BYTES + 2, Some(PACKET_BYTES + 1)));
    }

    #[test]
    fn a_long_name_is_left_out() {
        let short = Wire::new().header(&[7; 16], "ecg").len();
        let long = Wire::new().header(&[7; 16], &"a name ".repeat(100)).len();
        assert_eq!(long, short - 3);
    }

    extern crate std;
}
