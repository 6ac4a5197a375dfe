//! Samples and packets in the host's files, a block at a time: each call to the host stops the core.

use core::ffi::CStr;

use firmware_board::file::{File, HostError};

/// Bytes of a block: small, because it lies on the stack of boards with 8 KiB of RAM.
const BLOCK: usize = 128;

/// Reads a file of little-endian `i32` samples, interleaved `[time, channels]`.
#[derive(Debug)]
pub struct SampleReader {
    file: File,
    block: [u8; BLOCK],
    filled: usize,
    taken: usize,
}

impl SampleReader {
    /// Opens `path`, relative to the folder that QEMU was started in.
    ///
    /// # Errors
    /// There is no such file, or the host may not read it.
    pub fn open(path: &CStr) -> Result<Self, HostError> {
        Ok(Self { file: File::open(path)?, block: [0; BLOCK], filled: 0, taken: 0 })
    }

    /// Reads the next frame, one sample of every channel, into `frame`. False at the end of the file; a frame that the
    /// end cuts short is dropped.
    ///
    /// # Errors
    /// The host could not read.
    pub fn next(&mut self, frame: &mut [i32]) -> Result<bool, HostError> {
        for sample in frame {
            match self.sample()? {
                Some(value) => *sample = value,
                None => return Ok(false),
            }
        }
        Ok(true)
    }

    fn sample(&mut self) -> Result<Option<i32>, HostError> {
        if self.taken >= self.filled {
            self.filled = self.file.read(&mut self.block)?;
            self.taken = 0;
        }
        let bytes = self.block.get(self.taken..self.filled).and_then(<[u8]>::first_chunk);
        self.taken += size_of::<i32>();
        Ok(bytes.map(|&bytes| i32::from_le_bytes(bytes)))
    }
}

/// Reads a file of packets of at most `BYTES` bytes, each behind its length as a little-endian `u16`.
#[derive(Debug)]
pub struct PacketReader<const BYTES: usize> {
    file: File,
    packet: [u8; BYTES],
}

impl<const BYTES: usize> PacketReader<BYTES> {
    /// Opens `path`, relative to the folder that QEMU was started in.
    ///
    /// # Errors
    /// There is no such file, or the host may not read it.
    pub fn open(path: &CStr) -> Result<Self, HostError> {
        Ok(Self { file: File::open(path)?, packet: [0; BYTES] })
    }

    /// The next packet; `None` at the end of the file.
    ///
    /// # Errors
    /// The host could not read, a packet is longer than `BYTES`, or the file ends inside one.
    pub fn next_packet(&mut self) -> Result<Option<&[u8]>, HostError> {
        let mut length = [0; 2];
        if self.file.read(&mut length)? < length.len() {
            return Ok(None);
        }
        let length = usize::from(u16::from_le_bytes(length));
        let packet = self.packet.get_mut(..length).ok_or(HostError("a packet is longer than expected"))?;
        if self.file.read(packet)? < length {
            return Err(HostError("the file ends inside a packet"));
        }
        Ok(Some(packet))
    }
}

/// Writes samples or packets to a file.
#[derive(Debug)]
pub struct BlockWriter {
    file: File,
    block: [u8; BLOCK],
    filled: usize,
}

impl BlockWriter {
    /// Creates `path`, relative to the folder that QEMU was started in, or empties it.
    ///
    /// # Errors
    /// The host may not write there.
    pub fn create(path: &CStr) -> Result<Self, HostError> {
        Ok(Self { file: File::create(path)?, block: [0; BLOCK], filled: 0 })
    }

    /// Writes samples as little-endian `i32`.
    ///
    /// # Errors
    /// The host could not write.
    pub fn samples(&mut self, samples: &[i32]) -> Result<(), HostError> {
        samples.iter().try_for_each(|sample| self.bytes(&sample.to_le_bytes()))
    }

    /// Writes a packet: its length as a little-endian `u16`, then its bytes.
    ///
    /// # Errors
    /// The host could not write.
    pub fn packet(&mut self, packet: &[u8]) -> Result<(), HostError> {
        self.bytes(&(packet.len() as u16).to_le_bytes())?;
        self.bytes(packet)
    }

    /// Writes what is still in memory and closes the file.
    ///
    /// # Errors
    /// The host could not write.
    pub fn finish(mut self) -> Result<(), HostError> {
        self.flush()
    }

    fn bytes(&mut self, bytes: &[u8]) -> Result<(), HostError> {
        for &byte in bytes {
            if self.filled == BLOCK {
                self.flush()?;
            }
            if let Some(place) = self.block.get_mut(self.filled) {
                *place = byte;
                self.filled += 1;
            }
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), HostError> {
        let block = self.block.get(..self.filled).unwrap_or(&self.block);
        self.filled = 0;
        self.file.write(block)
    }
}
