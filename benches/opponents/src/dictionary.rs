//! General compressors as they are used on loggers: the samples' bytes through heatshrink or LZ4, lossless.

use std::ops::Range;

use heatshrink::Config;

use crate::{Body, Opponent, Receiving, Sending};

/// Samples of a unit.
const UNIT: usize = 32;

/// Which compressor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dictionary {
    /// heatshrink with a window of 256 bytes and matches of up to 16, its makers' choice for small devices.
    Heatshrink,
    /// LZ4 blocks.
    Lz4,
}

impl Dictionary {
    /// # Panics
    /// If heatshrink needs more than a bit for each byte besides the byte, which it never does.
    fn compressed(self, bytes: &[u8]) -> Vec<u8> {
        match self {
            Self::Lz4 => lz4_flex::block::compress(bytes),
            Self::Heatshrink => {
                let mut output = vec![0; bytes.len() * 9 / 8 + 16];
                let length = heatshrink::encode(bytes, &mut output, &Config::default()).map(<[u8]>::len);
                output.truncate(length.expect("nine bits for a byte are room enough"));
                output
            }
        }
    }

    /// At most so many bytes; none, if these were not compressed.
    fn decompressed(self, bytes: &[u8], most: usize) -> Vec<u8> {
        // The decoder of heatshrink stops where its output is full, and takes that for an error.
        let mut output = vec![0; most + 1];
        let length = match self {
            Self::Lz4 => lz4_flex::block::decompress_into(bytes, &mut output).ok(),
            Self::Heatshrink => heatshrink::decode(bytes, &mut output, &Config::default()).ok().map(<[u8]>::len),
        };
        output.truncate(length.unwrap_or(0));
        output
    }
}

impl Opponent for Dictionary {
    fn name(&self) -> String {
        match self {
            Self::Heatshrink => "heatshrink".into(),
            Self::Lz4 => "LZ4".into(),
        }
    }

    fn bound(&self) -> Option<u32> {
        Some(0)
    }

    fn sending<'a>(&'a self, samples: &'a [i32], _offset: i32) -> Box<dyn Sending + 'a> {
        let fits = samples.iter().all(|&sample| i16::try_from(sample).is_ok());
        let width = if fits { 2 } else { 4 };
        let bytes = samples.iter().flat_map(|sample| sample.to_le_bytes().into_iter().take(width)).collect();
        Box::new(DictionarySending { dictionary: *self, bytes, unit_bytes: UNIT * width, first: None })
    }

    fn receiving<'a>(&'a self, length: usize, _offset: i32) -> Box<dyn Receiving + 'a> {
        Box::new(DictionaryReceiving { dictionary: *self, length, samples: Vec::with_capacity(length) })
    }
}

/// Little-endian words on their way out.
struct DictionarySending {
    dictionary: Dictionary,
    bytes: Vec<u8>,
    unit_bytes: usize,
    /// First unit of the packet; `None` until it comes.
    first: Option<usize>,
}

impl Sending for DictionarySending {
    fn units(&self) -> usize {
        self.bytes.len().div_ceil(self.unit_bytes)
    }

    fn start_packet(&mut self) {
        self.first = None;
    }

    fn add(&mut self, units: Range<usize>) -> Body {
        let first = *self.first.get_or_insert(units.start);
        let packet = &self.bytes[first * self.unit_bytes..(units.end * self.unit_bytes).min(self.bytes.len())];
        let bytes = self.dictionary.compressed(packet);
        Body { ideal_bits: bytes.len() as f64 * 8.0, bytes }
    }
}

/// Words on their way in.
struct DictionaryReceiving {
    dictionary: Dictionary,
    length: usize,
    samples: Vec<i32>,
}

impl Receiving for DictionaryReceiving {
    fn packet(&mut self, units: Range<usize>, code: &[u8]) {
        let samples = (units.end.saturating_mul(UNIT)).min(self.length) - self.samples.len();
        let bytes = self.dictionary.decompressed(code, samples * 4);
        // The source's words have two bytes or four.
        if bytes.len() == samples * 2 {
            self.samples.extend(bytes.as_chunks().0.iter().map(|word| i32::from(i16::from_le_bytes(*word))));
        } else {
            self.samples.extend(bytes.as_chunks().0.iter().map(|word| i32::from_le_bytes(*word)));
        }
    }

    fn samples(self: Box<Self>) -> Vec<i32> {
        self.samples
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Limit;
    use proptest::prelude::*;

    #[test]
    fn repetition_is_found_and_noise_is_not() {
        let saw: Vec<i32> = (0..4096).map(|time| time % 16).collect();
        let noise: Vec<i32> = (0..4096i64).map(|time| (time * time * 7919 % 65_521) as i32 - 32_768).collect();
        for dictionary in [Dictionary::Heatshrink, Dictionary::Lz4] {
            let bits = |samples: &[i32], limit| {
                dictionary.code(samples, 0, 0, limit).packets.concat().len() as f64 * 8.0 / 4096.0
            };
            assert!(bits(&saw, Limit::Stream) < 3.0, "{}", bits(&saw, Limit::Stream));
            assert!((15.0..19.0).contains(&bits(&noise, Limit::Stream)));
            assert!(bits(&saw, Limit::PacketBytes(60)) > bits(&saw, Limit::Stream));
        }
    }

    proptest! {
        #[test]
        fn nothing_is_lost(
            samples in prop::collection::vec(-300i32..300, 0..400),
            wide in any::<i32>(),
            bytes in 20usize..500,
        ) {
            for samples in [samples.clone(), [samples, vec![wide]].concat()] {
                for dictionary in [Dictionary::Heatshrink, Dictionary::Lz4] {
                    for limit in [Limit::Stream, Limit::PacketBytes(bytes)] {
                        prop_assert_eq!(&dictionary.code(&samples, 0, 0, limit).samples, &samples);
                    }
                }
            }
        }
    }
}
