//! Bounded and lossless packets: hops of samples that are kept until a packet has them, predicted and coded sample by sample.

use super::Encoder;
use super::surprise::Surprise;
use super::work::{Step, Work};
use crate::features::{LEVELS, PREDICTION};
use crate::kernels::memory::clear;
use crate::packet::{MAX_HEADER_BYTES, Mode};
use crate::residual::{Place, encode_point, width};

/// Hops in a row without a saturated sample after which best effort goes on.
const CLEAR_HOPS: u8 = 8;
/// The same behind a surprise, which shows again only when best effort is tried again.
const SURPRISED_HOPS: u8 = 64;
/// Bits by which a predicted hop may be longer than a raw one, whose own overhead is not counted.
const RAW_MARGIN: u64 = 4;

impl Encoder<'_> {
    /// The mode that the next packet should have.
    fn wanted_mode(&self) -> Mode {
        if self.fallen > 0 { self.options.chosen_fallback() } else { self.chosen_mode }
    }

    /// Keeps a sample of the frame that is taken, clipped to the converter's range around the channel's offset; gives what is kept.
    pub(super) fn keep(&mut self, channel: usize, offset: i32, sample: i32) -> i32 {
        let reach = (1i64 << self.options.chosen_sample_bits()) - 1;
        let clipped = (i64::from(sample) - i64::from(offset)).clamp(-reach, reach) + i64::from(offset);
        let sample = clipped.clamp(i64::from(i32::MIN), i64::from(i32::MAX)) as i32;
        let place = self.kept_place(self.pending) + self.filled * self.model.channels() + channel;
        if let Some(kept) = self.kept.get_mut(place) {
            *kept = sample;
        }
        sample
    }

    /// The first sample of a kept hop: `age` 0 is the oldest.
    fn kept_place(&self, age: usize) -> usize {
        let hop_samples = self.model.hop() * self.model.channels();
        let hops = self.kept.len().checked_div(hop_samples).unwrap_or(0);
        (self.oldest + age).checked_rem(hops).unwrap_or(0) * hop_samples
    }

    /// Repeats the last frame up to the end of the hop.
    pub(super) fn hold_kept_frame(&mut self) {
        if !PREDICTION {
            return;
        }
        let channels = self.model.channels();
        let start = self.kept_place(self.pending);
        let hop_samples = self.model.hop() * channels;
        let hop = self.kept.get_mut(start..).and_then(|rest| rest.get_mut(..hop_samples)).unwrap_or_default();
        for place in self.filled.max(1) * channels..hop_samples {
            let held = hop.get(place.saturating_sub(channels)).copied().unwrap_or(0);
            if let Some(sample) = hop.get_mut(place) {
                *sample = held;
            }
        }
    }

    /// Notes that a hop of samples is whole, and whether they stay within what the nets can represent.
    pub(super) fn keep_hop(&mut self) {
        let beyond = core::mem::replace(&mut self.beyond, false);
        if !PREDICTION || self.kept.is_empty() {
            return;
        }
        self.pending += 1;
        if beyond && self.falls_back() {
            self.fallbacks += u64::from(self.fallen == 0);
            self.fallen = self.fallen.max(CLEAR_HOPS);
        } else {
            self.fallen = self.fallen.saturating_sub(1);
        }
    }

    /// Whether best effort has another mode to fall back to.
    fn falls_back(&self) -> bool {
        PREDICTION && self.options.chosen_fallback() != Mode::BestEffort && self.chosen_mode == Mode::BestEffort
    }

    /// Whether a hop of so many bits shows, after those before it, that the model does not know the signal; never without another mode.
    pub(super) fn is_surprised(&mut self, bits: u64) -> bool {
        self.falls_back() && !self.waiting && self.surprise.take(bits)
    }

    /// Nothing surprising was seen of packets of this quality.
    fn begin_surprise(&mut self) {
        if PREDICTION {
            self.surprise = Surprise::new(&self.model, self.quality);
        }
    }

    /// Falls back for the time that a surprise is given to pass.
    pub(super) fn fall_back(&mut self) {
        (self.fallbacks, self.surprises) = (self.fallbacks + 1, self.surprises + 1);
        self.fallen = SURPRISED_HOPS;
    }

    /// Notes that the oldest hop is in a packet.
    pub(super) fn release_hop(&mut self) {
        if !PREDICTION {
            return;
        }
        let hops = self.kept.len().checked_div(self.model.hop() * self.model.channels()).unwrap_or(0);
        self.oldest = (self.oldest + 1).checked_rem(hops).unwrap_or(0);
        self.pending = self.pending.saturating_sub(1);
    }

    /// Keeps no hop any more.
    pub(super) fn forget_kept(&mut self) {
        if PREDICTION {
            (self.oldest, self.pending) = (0, 0);
        }
    }

    /// Whether the packet under construction ends here because the next one has another mode; if it is empty, that one begins.
    pub(super) fn changes_mode(&mut self) -> bool {
        let wanted = self.wanted_mode();
        if !PREDICTION || wanted == self.mode {
            return false;
        }
        if self.hops > 0 {
            self.begin_seal();
        } else {
            self.begin_mode(wanted);
            self.work = Work::Gather;
        }
        true
    }

    /// Begins a packet behind one that was sealed.
    pub(super) fn begin_packet(&mut self) {
        let wanted = self.wanted_mode();
        // Best effort begins where no samples wait.
        if PREDICTION && wanted != self.mode && (wanted != Mode::BestEffort || (self.pending == 0 && self.filled == 0))
        {
            self.begin_mode(wanted);
            self.work = Work::Gather;
            return;
        }
        match self.mode.bound().zip(self.predictor.as_mut()) {
            Some((bound, predictor)) => {
                predictor.start_packet(self.lines, bound);
                self.work = Work::Gather;
            }
            None => {
                if LEVELS && self.hops_to_level == Some(0) {
                    self.enter_levels();
                }
                let before = self.quality;
                self.begin_codes();
                self.work = match self.waiting {
                    false => Work::Gather,
                    true if self.quality != before => self.begin_search(),
                    true => self.begin_code(),
                };
            }
        }
    }

    /// Begins packets of another mode, or a stream.
    pub(super) fn begin_mode(&mut self, mode: Mode) {
        self.mode = mode;
        self.waiting = false;
        self.stop_moving();
        match mode.bound().zip(self.predictor.as_mut()) {
            Some((bound, predictor)) => {
                predictor.start_packet(self.lines, bound);
                // The look-ahead of the nets is not needed: what it holds is coded at once.
                self.closing = self.closing.map(|_| 0);
            }
            None => {
                clear(self.lines);
                self.skip = self.model.look_ahead_hops();
                self.enter_levels();
                self.begin_codes();
                self.begin_surprise();
                self.forget_kept();
            }
        }
    }

    /// Begins a packet of best effort at the quality that it should have.
    fn begin_codes(&mut self) {
        let most = self.chosen_quality;
        let quality = match self.account.as_ref() {
            Some(account) => account.quality(&self.model, self.quality, most),
            None => most,
        };
        if quality != self.quality {
            self.quality = quality;
            self.begin_surprise();
        }
        self.prior.start_packet(&self.model, quality);
    }

    /// Takes samples until a hop is whole, or fills it where the stream ends; then begins with the oldest hop that waits.
    pub(super) fn gather_predicted(&mut self) -> Step {
        if let Some(predictor) = self.predictor.as_mut().filter(|_| self.pending > 0) {
            let output = self.packet.get_mut(MAX_HEADER_BYTES..).unwrap_or_default();
            self.trial = self.coder;
            // What a hop is counts when the packet has taken it.
            { *predictor.raw_hops() }.encode(&mut self.trial, output, None);
            self.work = Work::Predict(0);
            return Step::Working;
        }
        if self.filled < self.model.hop() {
            if self.filled == 0 && self.closing.is_none() && self.changes_mode() {
                return Step::Working;
            }
            match self.closing {
                None => return Step::Idle,
                Some(0) => return self.close(),
                Some(hops) => {
                    self.hold_kept_frame();
                    self.closing = Some(hops - 1);
                }
            }
        }
        self.filled = 0;
        self.keep_hop();
        if self.follows() {
            // No net runs that would see the change.
            self.follow(0);
        }
        if LEVELS && self.hops_to_level.is_some() {
            self.enter_levels();
        }
        Step::Working
    }

    /// Codes a sample of the oldest hop; behind the last one chooses between this and sending them as they are.
    pub(super) fn predict(&mut self, index: usize) {
        let (channels, start) = (self.model.channels(), self.kept_place(0));
        let points = self.model.hop() * channels;
        let Some(predictor) = self.predictor.as_mut() else { return };
        let output = self.packet.get_mut(MAX_HEADER_BYTES..).unwrap_or_default();
        if index < points {
            let channel = index.checked_rem(channels).unwrap_or(0);
            let place = Place { channel, first: self.hops == 0 && index < channels };
            let point = predictor.point(channel, self.kept.get(start + index).copied().unwrap_or(0));
            predictor.encode(self.lines, place, point, &mut self.trial, output);
            self.work = Work::Predict(index + 1);
            return;
        }
        let hop = self.kept.get(start..).unwrap_or_default().iter().take(points).enumerate();
        let widths =
            hop.map(|(index, sample)| width(predictor.point(index.checked_rem(channels).unwrap_or(0), *sample)));
        let width = widths.max().unwrap_or(1);
        let bits = self.trial.bits().saturating_sub(self.coder.bits());
        if bits <= points as u64 * u64::from(width) + RAW_MARGIN {
            predictor.raw_hops().count(None);
            return self.place_hop();
        }
        self.trial = self.coder;
        predictor.raw_hops().encode(&mut self.trial, output, Some(width));
        self.work = Work::Raw(0, width);
    }

    /// Sends a sample of the oldest hop as it is.
    pub(super) fn send_raw(&mut self, index: usize, width: u8) {
        let (channels, start) = (self.model.channels(), self.kept_place(0));
        if index >= self.model.hop() * channels {
            return self.place_hop();
        }
        let Some(predictor) = self.predictor.as_mut() else { return };
        let channel = index.checked_rem(channels).unwrap_or(0);
        let point = predictor.point(channel, self.kept.get(start + index).copied().unwrap_or(0));
        let output = self.packet.get_mut(MAX_HEADER_BYTES..).unwrap_or_default();
        encode_point(&mut self.trial, output, point, width);
        predictor.restart(self.lines, channel, point);
        self.work = Work::Raw(index + 1, width);
    }
}
