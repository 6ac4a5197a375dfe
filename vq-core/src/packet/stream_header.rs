//! What a stream begins with on a serial line or in flash: the name of its model (docs/format.md, section 5).

use super::CRC_16;

/// The first bytes of a header; the last of them is the format version. No packet begins with them.
const MAGIC: [u8; 4] = *b"VQS1";
/// None of the fields that only a host knows: another rate, other channels, a start time, a length.
const NO_OPTIONAL_FIELDS: u8 = 0;

/// Writes the header of a stream into `buffer` and gives its bytes: a frame for the line, before the packets'.
///
/// A device that starts sends one, and a receiver that was listening begins a new stream with it, under the name of its model. Without it the
/// decoder tells from the packets alone, whose hops count from zero again. On a line, an empty frame goes before it: it ends a frame that a
/// reset may have cut off. `identity` is that of the model, `name` for people,
/// `packet_bytes` the most bytes of a packet. `None` where the buffer is shorter than 30 bytes and the name.
///
/// ```
/// # fn send_frame(_: &[u8]) {}
/// # fn start(model: vq_core::Model) -> Option<()> {
/// let mut buffer = [0; 64];
/// send_frame(vq_core::packet::stream_header(&model.identity(), "ecg", 244, &mut buffer)?);
/// # Some(())
/// # }
/// ```
#[must_use]
pub fn stream_header<'b>(identity: &[u8; 16], name: &str, packet_bytes: u32, buffer: &'b mut [u8]) -> Option<&'b [u8]> {
    let mut writer = Writer { buffer, length: 0 };
    writer.bytes(&MAGIC)?;
    writer.bytes(&[NO_OPTIONAL_FIELDS])?;
    writer.bytes(identity)?;
    writer.number(u32::try_from(name.len()).ok()?)?;
    writer.bytes(name.as_bytes())?;
    writer.number(packet_bytes)?;
    let checksum = CRC_16.checksum(writer.buffer.get(..writer.length)?);
    writer.bytes(&checksum.to_le_bytes())?;
    let Writer { buffer, length } = writer;
    buffer.get(..length)
}

struct Writer<'b> {
    buffer: &'b mut [u8],
    length: usize,
}

impl Writer<'_> {
    fn bytes(&mut self, bytes: &[u8]) -> Option<()> {
        let rest = self.buffer.get_mut(self.length..)?;
        rest.get_mut(..bytes.len())?.copy_from_slice(bytes);
        self.length += bytes.len();
        Some(())
    }

    /// As LEB128.
    fn number(&mut self, mut value: u32) -> Option<()> {
        while value >= 0x80 {
            self.bytes(&[value as u8 | 0x80])?;
            value >>= 7;
        }
        self.bytes(&[value as u8])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_that_is_too_short_is_refused_at_every_length() {
        let mut buffer = [0; 64];
        let length = stream_header(&[7; 16], "ecg-360hz", 244, &mut buffer).map(<[u8]>::len);
        assert_eq!(length, Some(4 + 1 + 16 + 10 + 2 + 2));
        for short in 0..length.unwrap() {
            assert_eq!(stream_header(&[7; 16], "ecg-360hz", 244, &mut buffer[..short]), None);
        }
    }
}
