//! General compressors as they are used on loggers: the samples' bytes through heatshrink or LZ4, lossless.

use heatshrink::Config;

use crate::{Coding, Opponent};

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
    fn compressed_bytes(self, bytes: &[u8]) -> usize {
        match self {
            Self::Lz4 => lz4_flex::block::compress(bytes).len(),
            Self::Heatshrink => {
                let mut output = vec![0; bytes.len() * 9 / 8 + 16];
                let config = Config::default();
                heatshrink::encode(bytes, &mut output, &config).map_or(bytes.len(), <[u8]>::len)
            }
        }
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

    fn begin<'a>(&'a self, samples: &'a [i32], _offset: i32) -> Box<dyn Coding + 'a> {
        let fits = samples.iter().all(|&sample| i16::try_from(sample).is_ok());
        let width = if fits { 2 } else { 4 };
        let bytes = samples.iter().flat_map(|sample| sample.to_le_bytes().into_iter().take(width)).collect();
        Box::new(DictionaryCoding { dictionary: *self, samples, bytes, width, first: None, spent: 0 })
    }
}

/// Little-endian words on their way.
struct DictionaryCoding<'a> {
    dictionary: Dictionary,
    samples: &'a [i32],
    bytes: Vec<u8>,
    width: usize,
    /// First unit of the packet; `None` until it comes.
    first: Option<usize>,
    /// Compressed bytes of the packet so far.
    spent: usize,
}

impl Coding for DictionaryCoding<'_> {
    fn units(&self) -> usize {
        self.samples.len().div_ceil(UNIT)
    }

    fn start_packet(&mut self) {
        self.first = None;
        self.spent = 0;
    }

    fn unit(&mut self, unit: usize) -> f64 {
        let first = *self.first.get_or_insert(unit);
        let unit_bytes = UNIT * self.width;
        let packet = &self.bytes[first * unit_bytes..((unit + 1) * unit_bytes).min(self.bytes.len())];
        let whole = self.dictionary.compressed_bytes(packet);
        let more = whole as f64 - self.spent as f64;
        self.spent = whole;
        more * 8.0
    }

    fn stream(&mut self) -> f64 {
        self.dictionary.compressed_bytes(&self.bytes) as f64 * 8.0
    }

    fn decoded(&mut self) -> Vec<i32> {
        self.samples.to_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Limit;

    #[test]
    fn repetition_is_found_and_noise_is_not() {
        let saw: Vec<i32> = (0..4096).map(|time| time % 16).collect();
        let noise: Vec<i32> = (0..4096i64).map(|time| (time * time * 7919 % 65_521) as i32 - 32_768).collect();
        for dictionary in [Dictionary::Heatshrink, Dictionary::Lz4] {
            let bits = |samples: &[i32], limit| dictionary.code(samples, 0, limit).bits / 4096.0;
            assert!(bits(&saw, Limit::Stream) < 3.0, "{}", bits(&saw, Limit::Stream));
            assert!((15.0..19.0).contains(&bits(&noise, Limit::Stream)));
            assert!(bits(&saw, Limit::PacketBytes(60)) > bits(&saw, Limit::Stream));
        }
    }

    #[test]
    fn what_lz4_makes_decodes() {
        let bytes: Vec<u8> = (0..5000u32).map(|index| ((index * index) >> 7) as u8).collect();
        let packed = lz4_flex::block::compress(&bytes);
        assert_eq!(lz4_flex::block::decompress(&packed, bytes.len()).unwrap(), bytes);
    }
}
