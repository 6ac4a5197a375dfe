//! The direction that writes.

use super::{BOTTOM, CERTAIN, Coder, zeros};

/// Writes decisions.
///
/// A carry may still reach bytes that have left the low end of the interval: the last one below 0xff and those of 0xff behind it are held
/// back as a count (Schindler, *A fast renormalisation for arithmetic coding*, 1998).
#[derive(Debug, Clone)]
pub struct Encoder {
    low: u32,
    range: u32,
    /// A byte that a carry may still reach; `None` before the first.
    held: Option<u8>,
    /// Bytes of 0xff behind it.
    full: usize,
    bytes: Vec<u8>,
    ideal_bits: f64,
}

impl Encoder {
    /// Before the first decision.
    pub fn new() -> Self {
        Self { low: 0, range: u32::MAX, held: None, full: 0, bytes: Vec::new(), ideal_bits: 0.0 }
    }

    /// What the decisions so far are worth, −log₂ of their probabilities.
    pub fn ideal_bits(&self) -> f64 {
        self.ideal_bits
    }

    /// The code, if it ended here: of the numbers in the interval the one with the shortest expansion, less its zeros at the end, which a
    /// decoder reads there in any case.
    pub fn finish(&self) -> Vec<u8> {
        let mut end = self.clone();
        let last = u64::from(end.low) + u64::from(end.range) - 1;
        // Low bits that can be rounded up to zeros without leaving the interval.
        let free = (0..=32).rev().find(|&bits| rounded_up(end.low, bits) <= last).unwrap_or(0);
        let rounded = rounded_up(end.low, free);
        end.set_low(rounded);
        while end.low != 0 {
            end.shift();
        }
        end.settle(0);
        let used = end.bytes.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
        end.bytes.truncate(used);
        end.bytes
    }

    /// Moves the low end of the interval; what goes beyond 32 bits is a carry.
    fn set_low(&mut self, low: u64) {
        if low >> 32 != 0 {
            self.settle(1);
        }
        self.low = low as u32;
    }

    /// The top byte of the low end leaves.
    fn shift(&mut self) {
        let top = (self.low >> 24) as u8;
        self.low <<= 8;
        if top == 0xff && self.held.is_some() {
            self.full += 1;
        } else {
            self.settle(0);
            self.held = Some(top);
        }
    }

    /// Writes what is held, with a carry or without. There is never a carry where nothing is held, because a code is below 1.
    fn settle(&mut self, carry: u8) {
        if let Some(held) = self.held.take() {
            self.bytes.push(held.wrapping_add(carry));
            self.bytes.extend(std::iter::repeat_n(0xff_u8.wrapping_add(carry), self.full));
            self.full = 0;
        }
    }
}

impl Default for Encoder {
    fn default() -> Self {
        Self::new()
    }
}

impl Coder for Encoder {
    fn decide(&mut self, one: bool, zero: u32) -> bool {
        let likely = if one { CERTAIN - zero } else { zero };
        self.ideal_bits -= (f64::from(likely) / f64::from(CERTAIN)).log2();
        let zeros = zeros(self.range, zero);
        if one {
            self.set_low(u64::from(self.low) + u64::from(zeros));
            self.range -= zeros;
        } else {
            self.range = zeros;
        }
        while self.range < BOTTOM {
            self.range <<= 8;
            self.shift();
        }
        one
    }
}

/// The next multiple of `2^bits`.
fn rounded_up(low: u32, bits: u32) -> u64 {
    let below = (1u64 << bits) - 1;
    (u64::from(low) + below) & !below
}
