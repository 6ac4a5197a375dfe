//! Fixed-width codes, most significant bit first.

/// Writes bit fields into a byte slice.
#[derive(Debug)]
pub struct BitWriter<'a> {
    bytes: &'a mut [u8],
    bits: usize,
}

impl<'a> BitWriter<'a> {
    /// Continues after the first `bits` bits of `bytes`.
    pub fn new(bytes: &'a mut [u8], bits: usize) -> Self {
        Self { bytes, bits }
    }

    /// Appends the low `width` bits of `value`; `false`, with nothing written, if they do not fit.
    #[must_use]
    pub fn write(&mut self, value: u16, width: u8) -> bool {
        let end = self.bits + usize::from(width);
        if width > 16 || end > self.bytes.len() * 8 {
            return false;
        }
        let mut left = width;
        while left > 0 {
            let free = 8 - (self.bits % 8) as u8;
            let take = free.min(left);
            let field = ((u32::from(value) >> (left - take)) & ((1 << take) - 1)) as u8;
            if let Some(byte) = self.bytes.get_mut(self.bits / 8) {
                let kept = if free == 8 { 0 } else { *byte & !(0xff_u8 >> (8 - free)) };
                *byte = kept | ((u32::from(field) << (free - take)) as u8);
            }
            self.bits += usize::from(take);
            left -= take;
        }
        true
    }

    /// Bits written so far.
    #[must_use]
    pub fn bits(&self) -> usize {
        self.bits
    }
}

/// Reads bit fields from a byte slice.
#[derive(Debug, Clone, Copy)]
pub struct BitReader<'a> {
    bytes: &'a [u8],
    bits: usize,
}

impl<'a> BitReader<'a> {
    /// Starts at the first bit of `bytes`.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, bits: 0 }
    }

    /// The next `width` bits; `None` past the end.
    pub fn read(&mut self, width: u8) -> Option<u16> {
        if width > 16 || self.bits + usize::from(width) > self.bytes.len() * 8 {
            return None;
        }
        let mut value = 0u32;
        let mut left = width;
        while left > 0 {
            let available = 8 - (self.bits % 8) as u8;
            let take = available.min(left);
            let byte = u32::from(*self.bytes.get(self.bits / 8)?);
            let field = (byte >> (available - take)) & ((1 << take) - 1);
            value = value << take | field;
            self.bits += usize::from(take);
            left -= take;
        }
        Some(value as u16)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn reading_returns_what_was_written(fields in prop::collection::vec((any::<u16>(), 1u8..=16), 0..40)) {
            let mut bytes = [0xa5u8; 80];
            let mut writer = BitWriter::new(&mut bytes, 0);
            for &(value, width) in &fields {
                prop_assert!(writer.write(value, width));
            }
            let bits = writer.bits();
            prop_assert_eq!(bits, fields.iter().map(|(_, width)| usize::from(*width)).sum::<usize>());
            let mut reader = BitReader::new(&bytes);
            for &(value, width) in &fields {
                let mask = ((1u32 << width) - 1) as u16;
                prop_assert_eq!(reader.read(width), Some(value & mask));
            }
        }
    }

    #[test]
    fn most_significant_bit_first_and_zero_padded() {
        let mut bytes = [0xff; 2];
        let mut writer = BitWriter::new(&mut bytes, 0);
        assert!(writer.write(0b101, 3) && writer.write(0b011_0011, 7));
        assert_eq!(bytes, [0b1010_1100, 0b1100_0000]);
    }

    #[test]
    fn refuses_what_does_not_fit_and_keeps_what_was_written() {
        let mut bytes = [0; 1];
        let mut writer = BitWriter::new(&mut bytes, 0);
        assert!(writer.write(0x1f, 5) && !writer.write(0xf, 4) && writer.write(0b010, 3));
        assert_eq!(bytes, [0b1111_1010]);
        let mut reader = BitReader::new(&bytes);
        assert_eq!((reader.read(5), reader.read(4), reader.read(3)), (Some(0x1f), None, Some(2)));
    }
}
