//! What is fixed when memory is sized.

use super::encoder::{Budget, LEVEL_WORDS};
use crate::features::PREDICTION;
use crate::model::QUALITIES;
use crate::model::header::Sizes;
use crate::packet::{CHECKSUM_BYTES, Header, IndexForm, MAX_BOUND, MAX_HEADER_BYTES, MAX_HOPS, Mode};
use crate::residual::{MAX_WIDTH, worst_hop_bytes};

/// Limits of a packet, and the mode and quality to start with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    packet_bytes: usize,
    packet_hops: u32,
    form: IndexForm,
    quality: u8,
    mode: Mode,
    fallback: Mode,
    any_mode: bool,
    sample_bits: u8,
    budget: Option<Budget>,
    follows: bool,
}

impl Options {
    /// Packets of at most 244 bytes (what one BLE notification or LoRa frame carries), as many hops as fit, best quality.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            packet_bytes: 244,
            packet_hops: MAX_HOPS,
            form: IndexForm::Long,
            quality: QUALITIES as u8,
            mode: Mode::BestEffort,
            fallback: Mode::BestEffort,
            any_mode: false,
            sample_bits: 24,
            budget: None,
            follows: true,
        }
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

    /// What packets promise: best effort, a bound of every sample's error, or exact samples.
    ///
    /// An encoder that only ever sends bounded or lossless packets needs no memory for the nets.
    #[must_use]
    pub const fn mode(mut self, mode: Mode) -> Self {
        self.mode = mode;
        self
    }

    /// What best-effort packets fall back to where samples are beyond what the nets can represent, twice as far from the middle as any where the
    /// model was trained; not at all, if best effort.
    #[must_use]
    pub const fn fallback(mut self, mode: Mode) -> Self {
        self.fallback = mode;
        self
    }

    /// Sizes memory for every mode, so that [`Encoder::set_mode`](crate::Encoder::set_mode) may change it at any time.
    #[must_use]
    pub const fn any_mode(mut self) -> Self {
        self.any_mode = true;
        self
    }

    /// Bits of the converter, 24 if not told otherwise: samples are within `2^bits` of their channel's offset. Bounded and
    /// lossless packets must have room for a hop of such samples as they are; samples further out are clipped, and
    /// [counted](crate::Encoder::saturated_samples). Clamped to 1..=32.
    #[must_use]
    pub const fn sample_bits(mut self, bits: u8) -> Self {
        self.sample_bits = if bits == 0 {
            1
        } else if bits > MAX_WIDTH {
            MAX_WIDTH
        } else {
            bits
        };
        self
    }

    /// What a radio may send: so many bits of packets for so many frames, on average, such as 300 bits a second at 360 frames a second. The
    /// quality then moves from packet to packet, between 1 and [`quality`](Self::quality).
    ///
    /// From the start of a stream on never more is sent than the budget and three packets of the greatest length, if quality 1 takes no more than it; of what is not
    /// sent in a silence two packets may be sent later. Bounded and lossless packets count too, but have no quality to move.
    #[must_use]
    pub const fn budget(mut self, bits: u32, frames: u32) -> Self {
        self.budget = Some(Budget { bits, frames });
        self
    }

    /// Whether an input that drifts or grows out of what the nets can represent is followed: packets then say where it is
    /// ([`Level`](crate::Level)). True if not told otherwise; it takes packets that have 6 bytes for every channel besides a hop.
    #[must_use]
    pub const fn follow_input(mut self, follows: bool) -> Self {
        self.follows = follows;
        self
    }

    /// The budget.
    pub(in crate::codec) const fn chosen_budget(&self) -> Option<Budget> {
        self.budget
    }

    /// Whether inputs that move are followed.
    #[must_use]
    pub const fn follows_input(&self) -> bool {
        self.follows
    }

    /// The mode to start with.
    #[must_use]
    pub const fn chosen_mode(&self) -> Mode {
        self.mode
    }

    /// The mode that best effort falls back to.
    #[must_use]
    pub const fn chosen_fallback(&self) -> Mode {
        self.fallback
    }

    /// Bits of the converter.
    #[must_use]
    pub const fn chosen_sample_bits(&self) -> u8 {
        self.sample_bits
    }

    /// Whether the nets may run.
    #[must_use]
    pub const fn has_best_effort(&self) -> bool {
        self.any_mode || matches!(self.mode, Mode::BestEffort) || !matches!(self.fallback, Mode::BestEffort)
    }

    /// Whether samples may be predicted, in bounded or lossless packets.
    #[must_use]
    pub const fn has_prediction(&self) -> bool {
        PREDICTION && self.asks_for_prediction()
    }

    /// The same, also where this build of vq-core cannot.
    pub(crate) const fn asks_for_prediction(&self) -> bool {
        self.any_mode || !matches!((self.mode, self.fallback), (Mode::BestEffort, Mode::BestEffort))
    }

    /// Hops of samples that an encoder keeps: those that the nets have not yet coded, or the one that is predicted.
    pub(crate) const fn kept_hops(&self, look_ahead_hops: usize) -> usize {
        match (self.has_prediction(), self.has_best_effort()) {
            (false, _) => 0,
            (true, true) => look_ahead_hops + 1,
            (true, false) => 1,
        }
    }

    /// Bytes for the nets' lines or the predictor's state, whichever is more, for they are never needed at the same time.
    pub(crate) const fn work_bytes(&self, line_bytes: usize, predictor_bytes: usize) -> usize {
        match (self.has_best_effort(), self.has_prediction()) {
            (true, true) if line_bytes < predictor_bytes => predictor_bytes,
            (true, _) => line_bytes,
            (false, _) => predictor_bytes,
        }
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
        Header::bytes(Mode::BestEffort, self.form, 1) + hop_bytes + CHECKSUM_BYTES
    }

    /// The same of bounded and lossless packets, for hops of so many samples.
    pub(crate) const fn least_predicted_bytes(&self, samples: usize) -> usize {
        let width = if self.sample_bits < MAX_WIDTH { self.sample_bits + 1 } else { MAX_WIDTH };
        Header::bytes(Mode::Bounded(MAX_BOUND), self.form, 1) + worst_hop_bytes(samples, width) + CHECKSUM_BYTES
    }

    /// Bytes of an encoder's memory: its lines or its predictor's state, two hops of codes, hops of samples that are kept, levels, paths, then a packet with room
    /// for the longest header.
    pub(crate) const fn encoder_bytes(&self, sizes: &Sizes) -> usize {
        self.work_bytes(sizes.encoder_line_bytes, sizes.predictor_bytes)
            .saturating_add(sizes.prior_bytes)
            .saturating_add(self.kept_bytes(sizes))
            .saturating_add(Self::level_bytes(sizes))
            .saturating_add(self.choice_bytes(sizes))
            .saturating_add(self.packet_bytes)
            .saturating_add(MAX_HEADER_BYTES)
    }

    /// Bytes of the paths among which codes are chosen, if they are.
    pub(crate) const fn choice_bytes(&self, sizes: &Sizes) -> usize {
        if self.has_best_effort() { sizes.choice_bytes } else { 0 }
    }

    /// Bytes of an encoder's levels, a multiple of 8.
    pub(crate) const fn level_bytes(sizes: &Sizes) -> usize {
        sizes.channels.saturating_mul(LEVEL_WORDS * 4)
    }

    /// Bytes of the samples that an encoder keeps, a multiple of 8.
    pub(crate) const fn kept_bytes(&self, sizes: &Sizes) -> usize {
        self.kept_hops(sizes.look_ahead_hops).saturating_mul(sizes.hop_samples * 4).next_multiple_of(8)
    }
}

impl Default for Options {
    fn default() -> Self {
        Self::new()
    }
}
