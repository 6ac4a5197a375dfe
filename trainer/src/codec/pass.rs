//! A recording through encoder and decoder a piece at a time: longer ones than memory holds.

use vq_core::{Decoder, Options};

use super::timeline::Timeline;
use super::{CodecError, Encoded, HostCodec};
use crate::data::StoredRecording;
use crate::export::file::HostMemory;
use crate::stream;

/// Bytes of a file that are made before they are given on.
const PIECE: usize = 1 << 16;

/// Takes bytes of a file as they are made.
pub type Write<'w> = dyn FnMut(&[u8]) -> Result<(), CodecError> + 'w;

/// Sees decoded frames, `[time, channels]`, and where they begin.
pub type See<'s> = dyn FnMut(usize, &[i32]) -> Result<(), CodecError> + 's;

impl HostCodec<'_> {
    /// Encodes as [`encode`](Self::encode) does, and hands the file's bytes to `write`, piece by piece.
    ///
    /// # Errors
    /// What encoding refuses, a recording that cannot be read, and errors of `write`.
    pub fn encode_to(
        &self,
        recording: &StoredRecording,
        options: Options,
        write: &mut Write<'_>,
    ) -> Result<Encoded, CodecError> {
        self.in_pieces(recording, options, PIECE, write)
    }

    /// The same with pieces of at least so many bytes, but the last; each ends with a packet.
    fn in_pieces(
        &self,
        recording: &StoredRecording,
        options: Options,
        least: usize,
        write: &mut Write<'_>,
    ) -> Result<Encoded, CodecError> {
        let mut encoded = self.encode_blocks(recording, options, &mut |encoded| {
            if encoded.file.len() >= least { encoded.hand_on(write) } else { Ok(()) }
        })?;
        encoded.hand_on(write)?;
        Ok(encoded)
    }

    /// Encodes a recording and decodes the file's bytes while they are made. `see` gets the decoded frames in order, `[time, channels]`, each with
    /// where it begins; all frames of the recording, each once.
    ///
    /// # Errors
    /// What encoding or decoding refuses, a recording that cannot be read, and errors of `see`.
    pub fn encode_and_decode(
        &self,
        recording: &StoredRecording,
        options: Options,
        see: &mut See<'_>,
    ) -> Result<Encoded, CodecError> {
        let width = recording.channels.len();
        let mut timeline = Timeline::new(&recording.channels, Some(0), Some(recording.frames() as u64));
        let mut memory = HostMemory::new(self.model().decoder_memory());
        let mut decoder = Decoder::new(self.model(), memory.bytes())?;
        let mut seen = 0;
        let mut hand_on = |timeline: &mut Timeline| {
            let samples = timeline.take();
            see(seen, &samples)?;
            seen += samples.len() / width;
            Ok(())
        };
        // Packet by packet: one of silence is short, and of many frames.
        let encoded = self.in_pieces(recording, options, 1, &mut |piece| {
            // A piece of a file is a file.
            for packet in stream::parse(piece).segments.iter().flat_map(|segment| &segment.packets) {
                let mut blocks = decoder.packet(&packet.bytes).map_err(CodecError::Packet)?;
                while let Some(block) = blocks.next() {
                    timeline.place(&block)?;
                }
            }
            hand_on(&mut timeline)
        })?;
        let mut blocks = decoder.finish();
        while let Some(block) = blocks.next() {
            timeline.place(&block)?;
        }
        timeline.end()?;
        hand_on(&mut timeline)?;
        Ok(encoded)
    }
}

impl Encoded {
    fn hand_on(&mut self, write: &mut Write<'_>) -> Result<(), CodecError> {
        write(&self.file)?;
        self.handed_on += self.file.len() as u64;
        self.file.clear();
        Ok(())
    }
}
