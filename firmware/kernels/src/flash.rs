//! Weight streams and codebooks in flash, as a model's are, made when the program is compiled.

use crate::stream::{as_bytes, codebook_bytes, depthwise_stream_bytes, stream_bytes};

/// Words of a stream or a codebook.
#[derive(Debug)]
pub struct Flash<const WORDS: usize>([u32; WORDS]);

impl<const WORDS: usize> Flash<WORDS> {
    /// A weight stream for windows of `taps` with weights of all sizes, and requantizations that let no output saturate: on
    /// cores that branch to saturate this costs more, and is rare.
    #[must_use]
    pub const fn stream(taps: usize) -> Self {
        Self::blocks(stream_bytes(4, taps) / 4, [0x6000 << 16 | 10, 1 << 9])
    }

    /// The same for a depthwise convolution over windows of `kernel` rows.
    #[must_use]
    pub const fn depthwise_stream(kernel: usize) -> Self {
        Self::blocks(depthwise_stream_bytes(4, kernel) / 4, [0x6000 << 16 | 8, 0x6000 << 8])
    }

    const fn blocks(block_words: usize, requantization: [u32; 2]) -> Self {
        let (mut words, mut random, mut at) = ([0; WORDS], 1u32, 0);
        while at < WORDS {
            random = next(random);
            let place = at % block_words;
            words[at] = match place {
                0..4 => random >> 16,
                _ if place < block_words - 8 => random ^ random >> 16,
                _ => requantization[place % 2],
            };
            at += 1;
        }
        Self(words)
    }

    /// A codebook of vectors of `channels` with components of all signs and half norms of one size.
    #[must_use]
    pub const fn codebook(channels: usize) -> Self {
        let block_words = codebook_bytes(4, channels) / 4;
        let (mut words, mut random, mut at) = ([0; WORDS], 1u32, 0);
        while at < WORDS {
            random = next(random);
            words[at] = if at % block_words < 4 { 1 << 24 | random >> 16 } else { random & 0xf3ff_f3ff };
            at += 1;
        }
        Self(words)
    }

    /// The bytes, word aligned.
    #[must_use]
    pub const fn bytes(&self) -> &[u8] {
        as_bytes(&self.0)
    }
}

const fn next(random: u32) -> u32 {
    random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223)
}
