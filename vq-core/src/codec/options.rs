//! What is fixed when memory is sized.

use crate::model::QUALITIES;
use crate::model::header::code_bytes;
use crate::packet::{CHECKSUM_BYTES, Header, IndexForm, MAX_HEADER_BYTES, MAX_HOPS};

/// Limits of a packet and the quality to start with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    packet_bytes: usize,
    packet_hops: u32,
    form: IndexForm,
    quality: u8,
}

impl Options {
    /// Packets of at most 244 bytes (what one BLE notification or LoRa frame carries), as many hops as fit, best quality.
    #[must_use]
    pub const fn new() -> Self {
        Self { packet_bytes: 244, packet_hops: MAX_HOPS, form: IndexForm::Long, quality: QUALITIES as u8 }
    }

    /// The most bytes of a packet, header and checksum included.
    #[must_use]
    pub const fn packet_bytes(mut self, bytes: usize) -> Self {
        self.packet_bytes = bytes;
        self
    }

    /// The most hops of a packet: a limit on how long a sample waits. Clamped to 1..=2^21 − 1.
    #[must_use]
    pub const fn packet_hops(mut self, hops: u32) -> Self {
        self.packet_hops = if hops == 0 {
            1
        } else if hops > MAX_HOPS {
            MAX_HOPS
        } else {
            hops
        };
        self
    }

    /// Whether packets number their hops in 16 bits in place of 24, for links of 64 bytes or less: a byte less per packet, and a
    /// receiver that hears nothing for more than 32 767 hops takes what comes then for old.
    #[must_use]
    pub const fn short_headers(mut self, short: bool) -> Self {
        self.form = if short { IndexForm::Short } else { IndexForm::Long };
        self
    }

    /// The quality, 1 (fewest bits) to 9 (best); clamped.
    #[must_use]
    pub const fn quality(mut self, quality: u8) -> Self {
        self.quality = if quality == 0 {
            1
        } else if quality > QUALITIES as u8 {
            QUALITIES as u8
        } else {
            quality
        };
        self
    }

    /// The most bytes of a packet.
    #[must_use]
    pub const fn max_packet_bytes(&self) -> usize {
        self.packet_bytes
    }

    /// The most hops of a packet. Of packets that are limited to 65 535 bytes also no more than let header, checksum and the end of the codes take 9
    /// bytes, 7 in the short form: 16 383, or 127.
    #[must_use]
    pub const fn max_packet_hops(&self) -> u32 {
        let most = match self.form {
            IndexForm::Short => 0x7f,
            IndexForm::Long if self.packet_bytes <= 0xffff => 0x3fff,
            IndexForm::Long => MAX_HOPS,
        };
        if self.packet_hops < most { self.packet_hops } else { most }
    }

    /// How packets number their hops.
    #[must_use]
    pub const fn index_form(&self) -> IndexForm {
        self.form
    }

    /// The quality.
    #[must_use]
    pub const fn chosen_quality(&self) -> u8 {
        self.quality
    }

    /// The smallest limit of packets that hold any hop of at most `hop_bytes` bytes.
    pub(crate) const fn least_packet_bytes(&self, hop_bytes: usize) -> usize {
        Header::bytes(self.form, 1) + hop_bytes + CHECKSUM_BYTES
    }

    /// Bytes of an encoder's memory: its lines, two hops of codes, then a packet with room for the longest header.
    pub(crate) const fn encoder_bytes(&self, line_bytes: usize, symbols: u16) -> usize {
        line_bytes
            .saturating_add(code_bytes(symbols))
            .saturating_add(self.packet_bytes)
            .saturating_add(MAX_HEADER_BYTES)
    }
}

impl Default for Options {
    fn default() -> Self {
        Self::new()
    }
}
