//! Random numbers, the same for the same seed on every core.

/// Marsaglia's xorshift with 32 bits of state: small enough for a Cortex-M0, and quality is not what is tested.
#[derive(Debug, Clone)]
pub struct Random(u32);

impl Random {
    /// A generator; seeds that differ give other numbers.
    #[must_use]
    pub fn new(seed: u32) -> Self {
        Self((seed ^ 0x9e37_79b9).wrapping_mul(0x85eb_ca6b) | 1)
    }

    /// The next 32 bits.
    pub fn bits(&mut self) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        self.0
    }

    /// A number from `least` to `most`.
    pub fn range(&mut self, least: usize, most: usize) -> usize {
        let span = (most - least + 1) as u64;
        least + ((u64::from(self.bits()) * span) >> 32) as usize
    }

    /// Fills with numbers whose magnitudes are of one kind: all of them, small ones, or the extremes.
    pub fn activations(&mut self, values: &mut [i16]) {
        let kind = self.range(0, 3);
        for value in values {
            let bits = self.bits();
            *value = match kind {
                0 => bits as i16,
                1 => (bits as i16) >> 9,
                2 => [i16::MIN, i16::MAX, -1, 0][bits as usize % 4],
                _ => (bits as i16) >> (bits >> 28),
            };
        }
    }
}
