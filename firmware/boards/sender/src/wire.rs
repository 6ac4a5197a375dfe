//! Frames for a serial line: those of a `.vqs` file (docs/format.md, section 5).

use vq_core::packet::stream_header;

use crate::PACKET_BYTES;

/// The longest content of a frame: a packet, or a header with a name that is not too long.
const CONTENT_BYTES: usize = if PACKET_BYTES > 128 { PACKET_BYTES } else { 128 };
/// COBS adds a byte in 254, and a zero byte ends a frame.
const FRAME_BYTES: usize = cobs::max_encoding_length(CONTENT_BYTES) + 1;

/// Room for a frame.
#[derive(Debug)]
pub(crate) struct Wire {
    frame: [u8; FRAME_BYTES],
}

impl Wire {
    pub(crate) fn new() -> Self {
        Self { frame: [0; FRAME_BYTES] }
    }

    /// A packet, or other content of at most [`CONTENT_BYTES`], as a frame.
    pub(crate) fn frame(&mut self, content: &[u8]) -> &[u8] {
        let length = cobs::encode(content, &mut self.frame);
        self.frame[length] = 0;
        &self.frame[..=length]
    }

    /// A stream's header as a frame. A name that is too long for it is left out: the identity says the same.
    pub(crate) fn header(&mut self, identity: &[u8; 16], name: &str) -> &[u8] {
        let mut content = [0; CONTENT_BYTES];
        let name = if name.len() + 32 <= CONTENT_BYTES { name } else { "" };
        let header = stream_header(identity, name, PACKET_BYTES as u32, &mut content).unwrap_or_default();
        self.frame(header)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_packet_fits() {
        let frame = Wire::new().frame(&[1; PACKET_BYTES]).to_vec();
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
