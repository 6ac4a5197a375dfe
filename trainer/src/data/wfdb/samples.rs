//! The two signal formats: 16-bit words, and format 212 with two 12-bit samples in three bytes.

/// How samples lie in a signal file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SampleFormat {
    /// Format 16: little-endian words.
    Words,
    /// Format 212: three bytes for two samples; the middle one holds the high halves, the first sample's below.
    Packed12,
}

impl SampleFormat {
    /// The format's number in a header.
    pub(super) fn number(self) -> u16 {
        match self {
            Self::Words => 16,
            Self::Packed12 => 212,
        }
    }

    pub(super) fn from_number(number: &str) -> Option<Self> {
        [Self::Words, Self::Packed12].into_iter().find(|format| format.number().to_string() == number)
    }

    /// Bits of a sample.
    pub(super) fn bits(self) -> u8 {
        match self {
            Self::Words => 16,
            Self::Packed12 => 12,
        }
    }

    /// The value that stands for "no sample here".
    pub(super) fn invalid(self) -> i32 {
        -1 << (self.bits() - 1)
    }

    /// The tightest format that holds all samples and takes none of them for invalid.
    pub(super) fn for_samples(samples: &[i32]) -> Option<Self> {
        [Self::Packed12, Self::Words].into_iter().find(|format| {
            let limit = -format.invalid();
            samples.iter().all(|&sample| -limit < sample && sample < limit)
        })
    }

    /// Bytes that so many samples take.
    pub(super) fn bytes(self, samples: usize) -> usize {
        match self {
            Self::Words => samples * 2,
            Self::Packed12 => (samples * 3).div_ceil(2),
        }
    }

    /// Samples that so many bytes hold.
    pub(super) fn samples(self, bytes: usize) -> usize {
        match self {
            Self::Words => bytes / 2,
            Self::Packed12 => bytes * 2 / 3,
        }
    }

    /// All samples of the bytes, in order.
    pub(super) fn unpack(self, bytes: &[u8]) -> Vec<i32> {
        match self {
            Self::Words => {
                bytes.chunks_exact(2).map(|word| i32::from(i16::from_le_bytes([word[0], word[1]]))).collect()
            }
            Self::Packed12 => {
                let mut samples = Vec::with_capacity(self.samples(bytes.len()));
                for group in bytes.chunks(3) {
                    if let [low, high, ..] = *group {
                        samples.push(sign_extended(low, high & 15));
                    }
                    if let [_, high, low] = *group {
                        samples.push(sign_extended(low, high >> 4));
                    }
                }
                samples
            }
        }
    }

    /// The bytes of samples that [`for_samples`](Self::for_samples) found to fit.
    pub(super) fn pack(self, samples: &[i32]) -> Vec<u8> {
        match self {
            Self::Words => samples.iter().flat_map(|&sample| (sample as i16).to_le_bytes()).collect(),
            Self::Packed12 => {
                let mut bytes = Vec::with_capacity(self.bytes(samples.len()));
                for pair in samples.chunks(2) {
                    let [low, high, ..] = pair[0].to_le_bytes();
                    match pair.get(1).map(|second| second.to_le_bytes()) {
                        Some([second_low, second_high, ..]) => {
                            bytes.extend([low, high & 15 | second_high << 4, second_low]);
                        }
                        None => bytes.extend([low, high & 15]),
                    }
                }
                bytes
            }
        }
    }
}

fn sign_extended(low: u8, high: u8) -> i32 {
    let value = i32::from(low) | i32::from(high) << 8;
    if value < 2048 { value } else { value - 4096 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn format_212_as_the_manual_lays_it_out() {
        assert_eq!(SampleFormat::Packed12.unpack(&[0xE3, 0x33, 0xF3]), [0x3E3, 0x3F3]);
        assert_eq!(SampleFormat::Packed12.unpack(&[0xFF, 0x8F, 0x00, 0x07, 0x00]), [-1, -2048, 7]);
    }

    #[test]
    fn chooses_the_tightest_format_that_loses_nothing() {
        assert_eq!(SampleFormat::for_samples(&[-2047, 2047]), Some(SampleFormat::Packed12));
        assert_eq!(SampleFormat::for_samples(&[-2048]), Some(SampleFormat::Words));
        assert_eq!(SampleFormat::for_samples(&[2048]), Some(SampleFormat::Words));
        assert_eq!(SampleFormat::for_samples(&[-32768]), None);
        assert_eq!(SampleFormat::for_samples(&[32768]), None);
    }

    proptest! {
        #[test]
        fn packing_is_undone(wide: bool, samples in prop::collection::vec(-32767i32..32768, 0..40)) {
            let (format, samples) = if wide {
                (SampleFormat::Words, samples)
            } else {
                (SampleFormat::Packed12, samples.into_iter().map(|sample| sample / 17).collect())
            };
            let bytes = format.pack(&samples);
            prop_assert_eq!(bytes.len(), format.bytes(samples.len()));
            prop_assert_eq!(format.samples(bytes.len()), samples.len());
            prop_assert_eq!(format.unpack(&bytes), samples);
        }
    }
}
