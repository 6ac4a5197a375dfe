//! Quality from packet to packet, so that a radio's budget of bits is kept on average.

use crate::model::Model;

/// Packets of the greatest length that the budget may be ahead or behind before quality is at its end.
const BURST_PACKETS: u64 = 2;
/// Bytes of a packet that are no codes.
const OVERHEAD_BYTES: u64 = 9;

/// Bits that may be sent for so many frames, on average.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::codec) struct Budget {
    pub(in crate::codec) bits: u32,
    pub(in crate::codec) frames: u32,
}

/// What was sent against what may be.
///
/// Quality is proportional control: of what the budget gives for a hop, more than it if less was sent than may be, and less if more was. What a quality takes
/// is the model's expectation times what packets took of late against theirs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Account {
    budget: Budget,
    /// Bits sent less those that might be, times the budget's frames: within the burst below, because what was not sent in a long silence is not saved up.
    ahead: i64,
    burst: i64,
    /// Bits of packets against the expected ones, in 1/256.
    ratio: u32,
}

impl Account {
    /// At the start of a stream, of packets of at most so many bytes.
    pub(super) fn new(budget: Budget, packet_bytes: usize) -> Self {
        let packet_bytes = (packet_bytes as u64).clamp(1, u64::from(u16::MAX));
        let burst = packet_bytes * 8 * BURST_PACKETS * u64::from(budget.frames.max(1));
        let ratio = 256 + 256 * OVERHEAD_BYTES / packet_bytes;
        Self { budget, ahead: 0, burst: burst as i64, ratio: ratio as u32 }
    }

    /// Time passes: a hop is in a packet.
    pub(super) fn take_hop(&mut self, frames: usize) {
        let earned = (frames as i64).saturating_mul(i64::from(self.budget.bits));
        self.ahead = self.ahead.saturating_sub(earned).max(-self.burst);
    }

    /// A packet is sent, of so many bytes, where so much was expected, in 1/256 bit.
    pub(super) fn take_packet(&mut self, bytes: usize, expected: u64) {
        let bits = bytes as u64 * 8;
        self.ahead = self.ahead.saturating_add((bits as i64).saturating_mul(i64::from(self.budget.frames)));
        if let Some(ratio) = (bits << 16).checked_div(expected) {
            let ratio = ratio.clamp(1, 1 << 16) as i64;
            self.ratio = (i64::from(self.ratio) + (ratio - i64::from(self.ratio)) / 4) as u32;
        }
    }

    /// The quality of the next packet, from 1 to `most`; `now` is that of the last one.
    pub(super) fn quality(&self, model: &Model<'_>, now: u8, most: u8) -> u8 {
        let per_hop = model.hop() as u64 * u64::from(self.budget.bits);
        let per_hop = (per_hop << 8).checked_div(u64::from(self.budget.frames)).unwrap_or(0).min(1 << 40);
        // 0 where a burst was sent too much, 2 where a burst was saved, in 1/256: a burst has at most 52 bits.
        let left = self.burst.saturating_sub(self.ahead).min(2 * self.burst).max(0) as u64;
        let share = (left * 256).checked_div(self.burst as u64).unwrap_or(0);
        let allowed = (per_hop * share) >> 8;
        let takes = |quality: u8| (u64::from(model.expected_hop_cost(quality)) * u64::from(self.ratio)) >> 8;
        let fits = |quality: u8| takes(quality) <= allowed;
        let mut quality = now.min(most).max(1);
        if fits(quality) {
            while quality < most && fits(quality + 1) {
                quality += 1;
            }
        } else {
            while quality > 1 && !fits(quality) {
                quality -= 1;
            }
        }
        quality
    }
}
