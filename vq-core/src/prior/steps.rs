//! What the recurrent prior says about one symbol: steps of an integer latent around a mean.

use super::logistic::{Logistic, Plain};
use crate::coder::range::{RangeDecoder, RangeEncoder};

/// The distribution of a code that stands for steps, of which code 0 has the fewest.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Steps {
    logistic: Logistic,
    /// How a code far from the mean is sent.
    escape: Plain,
}

impl Steps {
    /// Steps of −`limit` to `limit` around a mean, where a plain code has `bits` bits.
    pub(crate) fn new(logistic: Logistic, limit: i16, bits: u8) -> Self {
        Self { logistic, escape: Plain { least: -i32::from(limit), bits } }
    }

    /// Sends a code.
    pub(crate) fn encode(&self, coder: &mut RangeEncoder, output: &mut [u8], code: u16) {
        self.logistic.encode(coder, output, i32::from(code) + self.escape.least, self.escape);
    }

    /// Receives a code: whatever the bytes, one that the symbol has.
    pub(crate) fn decode(&self, coder: &mut RangeDecoder<'_>) -> u16 {
        let most = -2 * self.escape.least;
        self.logistic.decode(coder, self.escape).wrapping_sub(self.escape.least).max(0).min(most) as u16
    }

    /// What a code costs, in 1/256 bit.
    pub(crate) fn cost(&self, code: u16) -> u32 {
        self.logistic.cost(i32::from(code) + self.escape.least, self.escape)
    }

    /// What a code says about the scale: [`Logistic::surprise`].
    pub(crate) fn surprise(&self, code: u16) -> i32 {
        self.logistic.surprise(i32::from(code) + self.escape.least)
    }
}
