//! Test vectors for devices: what goes into the codec and what must come out of it, as flat files that firmware can
//! read and write without parsing anything.
//!
//! In one folder lie `samples.bin` (counts as little-endian `i32`, interleaved `[time, channels]`), `packets.bin` (each
//! packet after its length as a little-endian `u16`) and `decoded.bin` (like the samples).

use std::path::Path;

use vq_core::Options;

use crate::codec::{CodecError, HostCodec};
use crate::data::{DataError, Recording, files};
use crate::stream;

/// What a device is given, and what it must make of it, bit for bit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vectors {
    /// Counts, `[time, channels]`.
    pub samples: Vec<i32>,
    /// The packets, in order.
    pub packets: Vec<Vec<u8>>,
    /// Every count that the decoder gives, `[time, channels]`: those that the encoder filled up the last hop with, too.
    pub decoded: Vec<i32>,
}

impl Vectors {
    /// Encodes a recording that [fits](crate::data::fit) the codec as `vq encode` does, and decodes it as `vq decode`
    /// does.
    ///
    /// # Errors
    /// What encoding or decoding refuses.
    pub fn make(codec: &HostCodec<'_>, recording: &Recording, options: Options) -> Result<Self, CodecError> {
        let encoded = codec.encode(recording, options)?;
        let mut segment = stream::parse(&encoded.file).segments.into_iter().next().unwrap_or_default();
        if let Some(header) = &mut segment.header {
            // A device knows nothing of the file header, which says where to cut.
            header.frames = None;
        }
        let decoded = codec.decode(&segment, &recording.name)?.recording.samples;
        let packets = segment.packets.into_iter().map(|packet| packet.bytes).collect();
        Ok(Self { samples: recording.samples.clone(), packets, decoded })
    }

    /// Writes the three files into a folder that exists.
    ///
    /// # Errors
    /// That the system refuses.
    pub fn write(&self, folder: &Path) -> Result<(), DataError> {
        let framed =
            self.packets.iter().flat_map(|packet| [&(packet.len() as u16).to_le_bytes(), &packet[..]].concat());
        files::write(&folder.join("samples.bin"), &little_endian(&self.samples))?;
        files::write(&folder.join("packets.bin"), &framed.collect::<Vec<u8>>())?;
        files::write(&folder.join("decoded.bin"), &little_endian(&self.decoded))
    }
}

fn little_endian(samples: &[i32]) -> Vec<u8> {
    samples.iter().flat_map(|sample| sample.to_le_bytes()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_flat_and_little_endian() {
        let folder = tempfile::tempdir().unwrap();
        let vectors = Vectors { samples: vec![1, -2], packets: vec![vec![7], vec![8, 9]], decoded: vec![256] };
        vectors.write(folder.path()).unwrap();
        let read = |name: &str| std::fs::read(folder.path().join(name)).unwrap();
        assert_eq!(read("samples.bin"), [1, 0, 0, 0, 254, 255, 255, 255]);
        assert_eq!(read("packets.bin"), [1, 0, 7, 2, 0, 8, 9]);
        assert_eq!(read("decoded.bin"), [0, 1, 0, 0]);
        assert!(vectors.write(&folder.path().join("missing")).is_err());
    }
}
