//! Memory that the caller owns, sized at compile time from the model's header.

use crate::codec::Options;
use crate::model::header::{self, Sizes};

/// Bytes at an address that is a multiple of 8, as the tables of a model need.
///
/// A plain `include_bytes!` may land at an odd address; [`include_model!`](crate::include_model) wraps one of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C, align(8))]
pub struct Aligned<T: ?Sized>(
    /// The wrapped bytes.
    pub T,
);

/// A model file, embedded at an 8-byte aligned address: a `&'static Aligned<[u8]>`.
///
/// The path is relative to the file that uses the macro, as with `include_bytes!`.
#[macro_export]
macro_rules! include_model {
    ($path:expr $(,)?) => {{
        const MODEL: &$crate::Aligned<[u8]> = &$crate::Aligned(*include_bytes!($path));
        MODEL
    }};
}

/// A block of `BYTES` bytes for an encoder or a decoder, aligned to 8.
///
/// ```
/// use vq_core::Memory;
/// let mut memory: Memory<1024> = Memory::new();
/// assert_eq!(memory.bytes().len(), 1024);
/// ```
#[derive(Debug, Clone)]
#[repr(C, align(8))]
pub struct Memory<const BYTES: usize>([u8; BYTES]);

impl<const BYTES: usize> Memory<BYTES> {
    /// A zeroed block.
    #[must_use]
    pub const fn new() -> Self {
        Self([0; BYTES])
    }

    /// The block, to hand to [`Encoder::new`](crate::Encoder::new) or [`Decoder::new`](crate::Decoder::new).
    pub fn bytes(&mut self) -> &mut [u8] {
        &mut self.0
    }
}

impl<const BYTES: usize> Default for Memory<BYTES> {
    fn default() -> Self {
        Self::new()
    }
}

/// The bytes that an encoder of this model needs, for sizing a [`Memory`] at compile time.
///
/// Reads only the fixed header and directory; [`Model::parse`](crate::Model::parse) refuses a model where they disagree with the layers.
#[must_use]
pub const fn encoder_memory(model: &Aligned<[u8]>, options: Options) -> usize {
    options.encoder_bytes(&Sizes::of(&model.0))
}

/// The bytes that a decoder of this model needs, for sizing a [`Memory`] at compile time.
#[must_use]
pub const fn decoder_memory(model: &Aligned<[u8]>) -> usize {
    Sizes::of(&model.0).decoder_bytes()
}

/// The channels of a frame, for sizing the array that a sensor's readings go into.
#[must_use]
pub const fn channels(model: &Aligned<[u8]>) -> usize {
    header::channels(&model.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_aligned() {
        let mut memories = [const { Memory::<9>::new() }; 3];
        for memory in &mut memories {
            assert_eq!(memory.bytes().as_ptr().align_offset(8), 0);
        }
    }
}
