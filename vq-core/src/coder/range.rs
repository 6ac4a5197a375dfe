//! An integer range coder: 32 bits, power-of-two totals, no division in either direction.
//!
//! A symbol is an interval `start..start + size` of `0..2^total_bits`. The coder narrows its own interval by that share:
//! with `unit = range >> total_bits`, `low += start·unit` and `range = size·unit`; the interval that ends at the total
//! takes what rounding left over, so that every string of bytes decodes to some symbols. While `range < 2^24` the top byte
//! of `low` leaves. A carry may still reach bytes that have left: the last byte below 0xff and the bytes 0xff behind it are
//! held back as a count, so what was written never changes.
//!
//! The end costs at most one byte: of the numbers in the final interval the one with the shortest expansion is written, less its
//! trailing zero bytes. The decoder reads zeros past the end.

/// Most bits of a total.
pub const MAX_TOTAL_BITS: u8 = 15;

/// Below this the range is scaled up by a byte.
const BOTTOM: u32 = 1 << 24;

/// Bits of the two parts that a plain number is sent in, the higher part first.
fn plain_parts(bits: u8) -> (u8, u8) {
    let low = bits.min(MAX_TOTAL_BITS);
    ((bits - low).min(MAX_TOTAL_BITS), low)
}

/// The state of an encoder. Copies are snapshots: to take symbols back, restore one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RangeEncoder {
    low: u32,
    range: u32,
    /// A byte that a carry may still reach, followed by `held − 1` bytes 0xff; nothing if `held` is zero.
    cache: u8,
    held: u32,
    /// Bytes that are final.
    written: usize,
}

impl RangeEncoder {
    /// The state before the first symbol.
    #[must_use]
    pub const fn new() -> Self {
        Self { low: 0, range: u32::MAX, cache: 0, held: 0, written: 0 }
    }

    /// Appends the symbol whose interval is `start..start + size` of `0..2^total_bits`.
    ///
    /// Bytes beyond the end of `output` are counted and dropped: [`RangeEncoder::finish`] tells.
    #[inline(never)]
    pub fn encode(&mut self, output: &mut [u8], start: u32, size: u32, total_bits: u8) {
        let total_bits = u32::from(total_bits.min(MAX_TOTAL_BITS));
        let unit = self.range >> total_bits;
        let offset = start.wrapping_mul(unit);
        let (low, carry) = self.low.overflowing_add(offset);
        if carry {
            self.settle(output, 1);
        }
        self.low = low;
        let to_the_end = start.wrapping_add(size) >> total_bits != 0;
        self.range = if to_the_end { self.range.wrapping_sub(offset) } else { size.wrapping_mul(unit) };
        while self.range < BOTTOM {
            self.range = self.range.max(1) << 8;
            self.shift(output);
        }
    }

    /// Appends the lowest `bits` bits of a number, at most 30, as they are.
    #[inline(always)]
    pub fn encode_plain(&mut self, output: &mut [u8], value: u32, bits: u8) {
        // Mostly there are none.
        if bits > 0 {
            self.encode_parts(output, value, bits);
        }
    }

    #[inline(never)]
    fn encode_parts(&mut self, output: &mut [u8], value: u32, bits: u8) {
        let (high, low) = plain_parts(bits);
        for (bits, shift) in [(high, low), (low, 0)] {
            if bits > 0 {
                self.encode(output, (value >> shift) & ((1 << bits) - 1), 1, bits);
            }
        }
    }

    /// Bits of the code so far, to within one.
    #[must_use]
    pub fn bits(&self) -> u64 {
        (self.written as u64 + u64::from(self.held)) * 8 + u64::from(self.range.leading_zeros())
    }

    /// Ends the code; gives its length. Symbols can be appended to the state that this one was copied from.
    ///
    /// A length beyond that of `output` means that the code did not fit.
    pub fn finish(mut self, output: &mut [u8]) -> usize {
        // A multiple of 2^32 in the interval needs no further byte; otherwise it holds a multiple of 2^24.
        if self.low != 0 {
            if self.low.checked_add(self.range - 1).is_none() {
                self.settle(output, 1);
            } else {
                self.low = self.low.wrapping_add(BOTTOM - 1) & !(BOTTOM - 1);
                self.shift(output);
            }
        }
        self.settle(output, 0);
        match output.get(..self.written) {
            Some(code) => code.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1),
            None => self.written,
        }
    }

    /// Moves the top byte of `low` behind the bytes that are held.
    ///
    /// A byte 0xff may be held alone only where no carry can come: at the very start, and after a carry, which leaves
    /// `low + range` at most 2^32.
    fn shift(&mut self, output: &mut [u8]) {
        let [.., top] = self.low.to_le_bytes();
        self.low <<= 8;
        if top == 0xff && self.held > 0 {
            self.held += 1;
            return;
        }
        self.settle(output, 0);
        (self.cache, self.held) = (top, 1);
    }

    /// Writes the bytes that are held, with a carry or without.
    fn settle(&mut self, output: &mut [u8], carry: u8) {
        let mut byte = self.cache.wrapping_add(carry);
        while self.held > 0 {
            if let Some(place) = output.get_mut(self.written) {
                *place = byte;
            }
            self.written += 1;
            self.held -= 1;
            byte = 0xff_u8.wrapping_add(carry);
        }
    }
}

impl Default for RangeEncoder {
    fn default() -> Self {
        Self::new()
    }
}

/// Reads symbols back. Any bytes decode to something: the bytes of an encoder to what it was given.
#[derive(Debug, Clone, Copy)]
pub struct RangeDecoder<'p> {
    rest: &'p [u8],
    code: u32,
    range: u32,
}

impl<'p> RangeDecoder<'p> {
    /// Starts at the first byte of `code`.
    #[must_use]
    pub fn new(code: &'p [u8]) -> Self {
        let mut this = Self { rest: code, code: 0, range: u32::MAX };
        for _ in 0..4 {
            this.take_byte();
        }
        this
    }

    /// The next symbol of `0..count`, where symbol `s` begins at `start(s)`, which rises from `start(0) = 0`, and the last ends
    /// at `2^total_bits`.
    pub fn decode(&mut self, total_bits: u8, count: u16, start: impl Fn(u16) -> u32) -> u16 {
        let unit = self.range >> total_bits.min(MAX_TOTAL_BITS);
        // Symbol `low` starts at or below the code, symbol `high` above it; both with where they start.
        let (mut low, mut high) = ((0, 0), (count, self.range));
        while high.0 - low.0 > 1 {
            let middle = low.0 + ((high.0 - low.0) >> 1);
            let offset = start(middle).wrapping_mul(unit);
            if offset <= self.code { low = (middle, offset) } else { high = (middle, offset) }
        }
        self.narrow(low.1, high.1);
        low.0
    }

    /// The same, where `guess` is the likeliest symbol: the search starts there and steps outward, so that it needs `start` twice for that symbol and little
    /// more often for its neighbours. It never asks for the start of the first symbol, unless that is the guess.
    #[inline(always)]
    pub fn decode_near(&mut self, total_bits: u8, count: u16, guess: u16, start: impl Fn(u32) -> u32) -> u16 {
        let unit = self.range >> total_bits.min(MAX_TOTAL_BITS);
        // Symbol `low` starts at or below the code, symbol `high` above it; both with where they start.
        let (mut low, mut low_offset) = (0, 0);
        let (mut high, mut high_offset) = (u32::from(count), self.range);
        let (mut place, mut step) = (u32::from(guess.min(count.saturating_sub(1))), 1);
        while high - low > 1 {
            let offset = start(place).wrapping_mul(unit);
            // In growing steps, and by halves where those would go too far.
            if offset <= self.code {
                (low, low_offset) = (place, offset);
                place = low + step.min((high - low) >> 1);
            } else {
                (high, high_offset) = (place, offset);
                place = high - step.min((high - low) >> 1);
            }
            step <<= 1;
        }
        self.narrow(low_offset, high_offset);
        low as u16
    }

    /// A number that was sent as it is, of at most 30 bits.
    #[inline(always)]
    pub fn decode_plain(&mut self, bits: u8) -> u32 {
        // Mostly there are none.
        if bits > 0 { self.decode_parts(bits) } else { 0 }
    }

    #[inline(never)]
    fn decode_parts(&mut self, bits: u8) -> u32 {
        let (high, low) = plain_parts(bits);
        let mut value = 0;
        for bits in [high, low] {
            if bits > 0 {
                value = value << bits | u32::from(self.decode(bits, 1 << bits, u32::from));
            }
        }
        value
    }

    /// Goes on with the interval between two places of the one at hand.
    fn narrow(&mut self, start: u32, end: u32) {
        self.code = self.code.wrapping_sub(start);
        self.range = end.wrapping_sub(start);
        while self.range < BOTTOM {
            self.range = self.range.max(1) << 8;
            self.take_byte();
        }
    }

    fn take_byte(&mut self) {
        let byte = self.rest.split_first().map_or(0, |(byte, rest)| {
            self.rest = rest;
            *byte
        });
        self.code = self.code << 8 | u32::from(byte);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    extern crate std;
    use std::vec;
    use std::vec::Vec;

    /// Starts of the symbols of a random alphabet, and its total's bits.
    #[derive(Debug, Clone)]
    struct Alphabet {
        starts: Vec<u32>,
        total_bits: u8,
    }

    impl Alphabet {
        fn interval(&self, symbol: u16) -> (u32, u32) {
            let symbol = usize::from(symbol);
            let end = self.starts.get(symbol + 1).copied().unwrap_or(1 << self.total_bits);
            (self.starts[symbol], end - self.starts[symbol])
        }

        fn bits(&self, symbol: u16) -> f64 {
            f64::from(self.total_bits) - f64::from(self.interval(symbol).1).log2()
        }

        fn encode(&self, coder: &mut RangeEncoder, output: &mut [u8], symbol: u16) {
            let (start, size) = self.interval(symbol);
            coder.encode(output, start, size, self.total_bits);
        }

        fn decode(&self, coder: &mut RangeDecoder<'_>) -> u16 {
            coder.decode(self.total_bits, self.starts.len() as u16, |symbol| self.starts[usize::from(symbol)])
        }
    }

    /// Alphabets of 1 to 300 symbols with totals of 2^9 to 2^15, most of them very uneven.
    fn alphabets() -> impl Strategy<Value = Alphabet> {
        (9u8..=15, prop::collection::btree_set(1u32..1 << 15, 0..300), any::<bool>()).prop_map(
            |(total_bits, cuts, crowded)| {
                let scale = |cut: u32| if crowded { cut >> 7 } else { cut >> (15 - total_bits) };
                let mut starts: Vec<u32> = cuts.into_iter().map(scale).filter(|cut| *cut > 0).collect();
                starts.insert(0, 0);
                starts.dedup();
                Alphabet { starts, total_bits }
            },
        )
    }

    proptest! {
        #[test]
        fn decoding_returns_what_was_encoded(
            alphabets in prop::collection::vec(alphabets(), 1..4),
            picks in prop::collection::vec(any::<u16>(), 0..400),
            edge in any::<bool>(),
        ) {
            let mut output = vec![0xa5; 2000];
            let mut coder = RangeEncoder::new();
            let symbols: Vec<(&Alphabet, u16)> = picks.iter().zip(alphabets.iter().cycle()).map(|(pick, alphabet)| {
                // The last symbol over and over holds `low` at the top of the interval, where carries and runs of 0xff are.
                let count = alphabet.starts.len() as u16;
                (alphabet, if edge && pick % 64 != 0 { count - 1 } else { pick % count })
            }).collect();
            for (alphabet, symbol) in &symbols {
                alphabet.encode(&mut coder, &mut output, *symbol);
            }
            let length = coder.finish(&mut output);
            prop_assert!(length == 0 || output[length - 1] != 0);
            let ideal: f64 = symbols.iter().map(|(alphabet, symbol)| alphabet.bits(*symbol)).sum();
            // A unit of at least 2^9 loses at most 1/512 of a symbol's interval.
            let lost = symbols.len() as f64 * (513.0f64 / 512.0).log2();
            prop_assert!(length as f64 <= (ideal + lost) / 8.0 + 1.0, "{length} bytes for {ideal} bits");
            let mut decoder = RangeDecoder::new(&output[..length]);
            let mut guessing = decoder;
            for ((alphabet, symbol), pick) in symbols.iter().zip(&picks) {
                prop_assert_eq!(alphabet.decode(&mut decoder), *symbol);
                let (count, start) = (alphabet.starts.len() as u16, |symbol| alphabet.starts[symbol as usize]);
                prop_assert_eq!(guessing.decode_near(alphabet.total_bits, count, pick >> 3, start), *symbol);
            }
        }

        #[test]
        fn plain_numbers_come_back(numbers in prop::collection::vec((any::<u32>(), 0u8..=30), 0..60)) {
            let mut output = vec![0; 300];
            let mut coder = RangeEncoder::new();
            numbers.iter().for_each(|(value, bits)| coder.encode_plain(&mut output, *value, *bits));
            let length = coder.finish(&mut output);
            let mut decoder = RangeDecoder::new(&output[..length]);
            for (value, bits) in numbers {
                prop_assert_eq!(decoder.decode_plain(bits), value & ((1 << bits) - 1));
            }
        }

        #[test]
        fn symbols_that_were_taken_back_leave_no_trace(
            alphabet in alphabets(),
            kept in prop::collection::vec(any::<u16>(), 0..200),
            taken in prop::collection::vec(any::<u16>(), 0..200),
        ) {
            let count = alphabet.starts.len() as u16;
            let mut output = vec![0; 1000];
            let mut coder = RangeEncoder::new();
            kept.iter().for_each(|pick| alphabet.encode(&mut coder, &mut output, pick % count));
            let snapshot = coder;
            let mut expected = output.clone();
            let length = snapshot.finish(&mut expected);
            taken.iter().for_each(|pick| alphabet.encode(&mut coder, &mut output, pick % count));
            let longer = coder.finish(&mut output);
            prop_assert!(longer >= length, "more symbols never make a shorter code");
            prop_assert_eq!(snapshot.finish(&mut output), length);
            prop_assert_eq!(&output[..length], &expected[..length]);
        }

        #[test]
        fn any_bytes_decode(bytes: Vec<u8>, alphabet in alphabets()) {
            let mut decoder = RangeDecoder::new(&bytes);
            for _ in 0..bytes.len() * 2 + 40 {
                prop_assert!(usize::from(alphabet.decode(&mut decoder)) < alphabet.starts.len());
            }
        }

        #[test]
        fn what_does_not_fit_is_told(alphabet in alphabets(), picks in prop::collection::vec(any::<u16>(), 0..200), room in 0usize..40) {
            let count = alphabet.starts.len() as u16;
            let (mut small, mut large) = (vec![0; room], vec![0; 1000]);
            let mut coders = [RangeEncoder::new(); 2];
            for pick in picks {
                alphabet.encode(&mut coders[0], &mut small, pick % count);
                alphabet.encode(&mut coders[1], &mut large, pick % count);
            }
            let (told, needed) = (coders[0].finish(&mut small), coders[1].finish(&mut large));
            prop_assert_eq!(told > room, needed > room || told > room);
            prop_assert!(told >= needed);
            if told <= room {
                prop_assert_eq!(&small[..told], &large[..needed]);
            }
        }
    }

    #[test]
    fn bits_that_are_sure_cost_nothing() {
        let mut output = [0xff; 4];
        let mut coder = RangeEncoder::new();
        for _ in 0..1000 {
            coder.encode(&mut output, 0, 1 << 12, 12);
        }
        assert_eq!(coder.finish(&mut output), 0);
    }
}
