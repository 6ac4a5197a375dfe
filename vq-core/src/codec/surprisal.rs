//! How surprising a packet was: what its codes took against what the model expects of ordinary signal.

use crate::model::Model;
use crate::packet::{Header, Mode};

/// What a packet's codes took, and what as many hops of the signal that the prior was trained on would take. A packet that takes far more than it
/// should holds something that the model has not seen: an anomaly score that costs nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Surprisal {
    /// Bits of the codes, in whole bytes.
    pub bits: u32,
    /// Bits that were to be expected.
    pub expected_bits: u32,
}

impl Surprisal {
    /// That of a packet with `code_bytes` bytes of codes. In bounded and lossless packets nothing is expected.
    #[must_use]
    pub fn new(model: &Model<'_>, header: &Header, code_bytes: usize) -> Self {
        let expected = match header.mode {
            Mode::BestEffort => u64::from(model.expected_hop_cost(header.quality)) * u64::from(header.hops),
            Mode::Bounded(_) | Mode::Lossless => 0,
        };
        let capped = |bits: u64| bits.min(u64::from(u32::MAX)) as u32;
        Self { bits: capped(code_bytes as u64 * 8), expected_bits: capped(expected >> 8) }
    }

    /// The bits in percent of those expected: about 100 for ordinary signal; `None` where none are expected.
    #[must_use]
    pub fn percent(&self) -> Option<u32> {
        let percent = (u64::from(self.bits) * 100).checked_div(u64::from(self.expected_bits))?;
        Some(percent.min(u64::from(u32::MAX)) as u32)
    }
}
