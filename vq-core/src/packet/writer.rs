//! Packets into a serial port or a file, by the writers of `embedded-io`.

use embedded_io::Write;

use super::cobs::frame;

/// Bytes that are written at a time.
const PIECE: usize = 32;

/// Writes [COBS](super::cobs) frames of packets, as a `.vqs` file and a serial line have them.
///
/// ```
/// # fn run(uart: impl embedded_io::Write, model: vq_core::Model, packet: &[u8]) -> Option<()> {
/// use vq_core::packet::{FrameWriter, stream_header};
///
/// let mut line = FrameWriter::new(uart);
/// let mut buffer = [0; 64];
/// line.begin(stream_header(&model.identity(), "ecg", 244, &mut buffer)?).ok()?;
/// line.packet(packet).ok()?;
/// # Some(())
/// # }
/// ```
#[derive(Debug)]
pub struct FrameWriter<W> {
    writer: W,
}

impl<W: Write> FrameWriter<W> {
    /// Over a writer, which [`into_inner`](Self::into_inner) gives back.
    #[must_use]
    pub const fn new(writer: W) -> Self {
        Self { writer }
    }

    /// Begins a stream: ends what a reset may have left on the line, and sends a [header](super::stream_header).
    ///
    /// # Errors
    /// The writer's.
    pub fn begin(&mut self, header: &[u8]) -> Result<(), W::Error> {
        self.writer.write_all(&[0])?;
        self.packet(header)
    }

    /// Sends a packet.
    ///
    /// # Errors
    /// The writer's; a frame that is cut is skipped by the far end.
    pub fn packet(&mut self, packet: &[u8]) -> Result<(), W::Error> {
        let mut piece = [0; PIECE];
        let mut bytes = frame(packet);
        loop {
            let mut length = 0;
            for (place, byte) in piece.iter_mut().zip(&mut bytes) {
                *place = byte;
                length += 1;
            }
            if length == 0 {
                return Ok(());
            }
            self.writer.write_all(piece.get(..length).unwrap_or_default())?;
        }
    }

    /// Waits until everything is on its way.
    ///
    /// # Errors
    /// The writer's.
    pub fn flush(&mut self) -> Result<(), W::Error> {
        self.writer.flush()
    }

    /// The writer.
    #[must_use]
    pub fn into_inner(self) -> W {
        self.writer
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use proptest::prelude::*;
    use std::vec::Vec;

    use super::*;
    use crate::cobs::FrameReader;

    proptest! {
        #[test]
        fn a_frame_reader_reads_what_was_written(packets in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..300), 1..5)) {
            let mut line = [0; 2048];
            let room = line.len();
            let mut writer = FrameWriter::new(line.as_mut_slice());
            writer.begin(b"VQS1").unwrap();
            packets.iter().for_each(|packet| writer.packet(packet).unwrap());
            writer.flush().unwrap();
            let written = room - writer.into_inner().len();
            let mut buffer = [0; 300];
            let mut reader = FrameReader::new(&mut buffer);
            let read: Vec<Vec<u8>> =
                line[..written].iter().filter_map(|byte| reader.push(*byte).map(<[u8]>::to_vec)).collect();
            let expected: Vec<Vec<u8>> = core::iter::once(b"VQS1".to_vec()).chain(packets).collect();
            prop_assert_eq!(read, expected);
        }
    }

    #[test]
    fn a_full_writer_is_an_error() {
        let mut line = [0; 8];
        assert!(FrameWriter::new(line.as_mut_slice()).packet(&[7; 9]).is_err());
    }
}
