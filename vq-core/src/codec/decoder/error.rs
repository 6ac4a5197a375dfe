//! What can be wrong with a decoder's memory.

use core::fmt;

/// Why a decoder cannot be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum DecoderError {
    /// The memory is not aligned to 8 bytes: use a [`Memory`](crate::Memory).
    Misaligned,
    /// The memory is smaller than [`Model::decoder_memory`](crate::Model::decoder_memory) says.
    MemoryTooSmall {
        /// Bytes needed.
        need: usize,
        /// Bytes handed in.
        have: usize,
    },
}

impl fmt::Display for DecoderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Misaligned => f.write_str("the decoder's memory is not aligned to 8 bytes: use vq_core::Memory"),
            Self::MemoryTooSmall { need, have } => {
                write!(f, "the decoder needs {need} bytes of memory and was given {have}")
            }
        }
    }
}

impl core::error::Error for DecoderError {}
