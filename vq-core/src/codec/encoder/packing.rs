//! Codes into packets: a hop that does not fit is taken back and waits for the next one.

use super::Encoder;
use super::work::{Step, Work};
use crate::coder::range::RangeEncoder;
use crate::features::{LEVELS, PREDICTION};
use crate::packet::{CHECKSUM_BYTES, Checksum, Header, MAX_HEADER_BYTES};

/// Bytes that a step adds to a checksum.
const CHECKED_BYTES: usize = 32;

/// A packet that is complete but for its checksum.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Seal {
    /// Where the packet begins and its checksum goes, in the buffer.
    start: usize,
    end: usize,
    /// What the checksum covers so far.
    checked: usize,
    checksum: Checksum,
}

impl Encoder<'_> {
    /// What codes the symbols of a hop, from its first one on.
    pub(super) fn begin_code(&mut self) -> Work {
        self.trial = self.coder;
        Work::Code(0)
    }

    /// Codes a symbol of the newest hop; behind the last one the packet takes the hop, if it fits.
    pub(super) fn code(&mut self, from: usize) {
        if LEVELS && from == 0 && self.hops == 0 && self.moved {
            self.encode_levels();
        }
        let output = self.packet.get_mut(MAX_HEADER_BYTES..).unwrap_or_default();
        if let Some((index, symbol)) = self.model.next_symbol(self.quality, from) {
            self.prior.encode_symbol(&self.model, index, &symbol, &mut self.trial, output);
            self.work = Work::Code(index + 1);
            return;
        }
        if PREDICTION && self.is_surprised(self.trial.bits().saturating_sub(self.coder.bits())) {
            // The samples are kept: they are sent in another mode.
            self.fall_back();
            return if self.hops > 0 { self.begin_seal() } else { self.begin_packet() };
        }
        self.place_hop();
    }

    /// Takes a hop that is coded into the packet, if it fits.
    pub(super) fn place_hop(&mut self) {
        let header = Header::bytes(self.packet_mode(), self.options.index_form(), self.hops + 1);
        let output = self.packet.get_mut(MAX_HEADER_BYTES..).unwrap_or_default();
        // A hop that does not fit waits: it fits in an empty packet.
        self.waiting = header + self.trial.finish(output) + CHECKSUM_BYTES > self.options.max_packet_bytes();
        if !self.waiting {
            self.coder = self.trial;
            self.hops += 1;
            self.prior.advance(&self.model);
            self.release_hop();
            if let Some(account) = self.account.as_mut() {
                account.take_hop(self.model.hop());
            }
            if LEVELS {
                self.hops_to_level = self.hops_to_level.map(|hops| hops.saturating_sub(1));
            }
        }
        let level_ends = LEVELS && !self.is_predicting() && self.hops_to_level == Some(0);
        if self.waiting || level_ends || self.hops >= self.options.max_packet_hops() {
            self.begin_seal();
        } else {
            self.work = Work::Gather;
        }
    }

    /// Ends the codes and puts the header in front of them.
    pub(super) fn begin_seal(&mut self) {
        let header = Header {
            mode: self.packet_mode(),
            quality: if self.is_predicting() { 0 } else { self.quality },
            moved: LEVELS && !self.is_predicting() && self.moved,
            form: self.options.index_form(),
            first_hop: self.hop,
            hops: self.hops,
        };
        let start = header.write(self.packet);
        let codes = self.coder.finish(self.packet.get_mut(MAX_HEADER_BYTES..).unwrap_or_default());
        self.sent = Some((header, codes));
        let checksum = Checksum::new(&self.model.identity());
        self.seal = Seal { start, end: MAX_HEADER_BYTES + codes, checked: start, checksum };
        self.work = Work::Seal;
    }

    /// Adds some bytes to the checksum, and the checksum to the packet. Behind that the next packet begins, with the hop
    /// that waits.
    pub(super) fn seal(&mut self) -> Step {
        let Seal { start, end, checked, checksum } = self.seal;
        let next = end.min(checked + CHECKED_BYTES);
        let checksum = checksum.with(self.packet.get(checked..next).unwrap_or_default());
        (self.seal.checked, self.seal.checksum) = (next, checksum);
        if next < end {
            return Step::Working;
        }
        crate::bytes::put(self.packet, end, checksum.value().to_le_bytes());
        let best_effort = !self.is_predicting();
        if let Some(account) = self.account.as_mut() {
            let expected = if best_effort { self.model.expected_hop_cost(self.quality) } else { 0 };
            account.take_packet(end + CHECKSUM_BYTES - start, u64::from(expected) * u64::from(self.hops));
        }
        self.hop = self.options.index_form().later(self.hop, self.hops);
        self.hops = 0;
        self.coder = RangeEncoder::new();
        self.begin_packet();
        Step::Packet { start, end: end + CHECKSUM_BYTES }
    }
}
