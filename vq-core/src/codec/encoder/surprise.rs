//! Best effort ends where the signal is none that the model knows: where its codes take far more bits than they ever did where it was trained.

use crate::model::Model;

/// A running mean of the hops' bits against the model's limit.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Surprise {
    /// In 1/256 bit.
    mean: u32,
    /// In bits; 0 for none.
    limit: u16,
}

/// The shift of a running mean over eight hops: a rare hop that is dear alone, as any beat's, is no surprise.
pub(crate) const MEAN_SHIFT: u8 = 3;

impl Surprise {
    /// At the start of a run, or of packets of another quality: nothing surprising was seen.
    pub(super) fn new(model: &Model<'_>, quality: u8) -> Self {
        Self { mean: model.expected_hop_cost(quality), limit: model.surprise_limit(quality) }
    }

    /// Takes a hop of so many bits; tells whether the mean passes the limit.
    pub(super) fn take(&mut self, bits: u64) -> bool {
        self.mean = running_mean(self.mean, bits);
        self.limit > 0 && self.mean >> 8 > u32::from(self.limit)
    }
}

/// The running mean of hops' bits, in 1/256 bit, behind one more hop.
#[must_use]
pub fn running_mean(mean: u32, bits: u64) -> u32 {
    let bits = bits.min(1 << 20) as u32;
    mean - (mean >> MEAN_SHIFT) + (bits << (8 - MEAN_SHIFT))
}
