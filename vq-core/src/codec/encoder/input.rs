//! Frames into the net's input, and what becomes of lost ones.

use core::sync::atomic::Ordering;

use super::Encoder;
use crate::codec::{Frames, with_lines};
use crate::features::PREDICTION;
use crate::kernels::Kernels;
use crate::model::plan::row_elements;
use crate::model::records::Scaling;
use crate::packet::Mode;

/// What a sample beyond the input's range becomes, on its smaller side.
const SATURATED: u16 = i16::MAX as u16;

impl Encoder<'_> {
    /// Scales a frame into the next row of the net's input.
    pub(super) fn take(&mut self, frame: impl Iterator<Item = i32>) {
        if self.dropping > 0 {
            self.dropping -= 1;
            self.lost += 1;
            return;
        }
        if self.filled == 0 && !self.is_predicting() {
            with_lines!(self.model, self.lines, |K, lines| self.stream.begin_hop::<K>(&self.model, lines));
        }
        let falls_back = PREDICTION && self.options.chosen_fallback() != Mode::BestEffort;
        for (channel, sample) in frame.enumerate() {
            let offset = self.model.scaling(channel).offset;
            let kept = if PREDICTION { self.keep(channel, offset, sample) } else { sample };
            self.see(channel, sample);
            let scaling = self.input_scaling(channel);
            let magnitude = self.take_sample(channel, &scaling, sample);
            if falls_back {
                self.beyond |= magnitude > scaling.most();
            }
            let clipped = if self.is_predicting() { kept != sample } else { !falls_back && magnitude >= SATURATED };
            self.saturated += u64::from(clipped);
        }
        self.filled += 1;
        self.started = true;
    }

    /// Scales a sample into the net's input, if the net runs; tells how large it is there.
    fn take_sample(&mut self, channel: usize, scaling: &Scaling, sample: i32) -> u16 {
        let row = row_elements(self.model.header().channels) as usize;
        let runs = !self.is_predicting();
        with_lines!(self.model, self.lines, |K, lines| {
            let scaled = K::scale_in(scaling, sample);
            if runs && let Some(element) = self.stream.input::<K>(lines).get_mut(self.filled * row + channel) {
                *element = scaled;
            }
            K::magnitude(scaled)
        })
    }

    /// Takes a frame from a queue, or notes a loss; `false` if there is neither.
    pub(super) fn take_from(&mut self, frames: &Frames) -> bool {
        let lost = frames.lost();
        if let Some(frame) = frames.oldest() {
            self.take(frame.iter().map(|sample| sample.load(Ordering::Relaxed)));
            frames.release();
            return true;
        }
        if lost == 0 {
            return false;
        }
        if self.started {
            self.cut();
        } else {
            frames.acknowledge(lost);
            self.skip_lost(lost as usize);
        }
        true
    }

    /// Ends the part of the stream before a loss with the last hop whose look-ahead is complete. The frames behind it are lost too:
    /// what is in a packet depends on no frame that was not there.
    fn cut(&mut self) {
        let hops = if self.is_predicting() {
            0
        } else {
            self.model.look_ahead_hops() - self.skip.min(self.model.look_ahead_hops())
        };
        self.unsent = hops * self.model.hop() + self.filled;
        self.filled = 0;
        self.closing = Some(0);
        self.cut = true;
    }

    /// Before the first frame of a part: lets it begin as many hops later as frames are missing, and drops frames up to there.
    fn skip_lost(&mut self, lost: usize) {
        let missing = lost + core::mem::take(&mut self.unsent);
        self.lost += missing as u64;
        let hops = self.model.hops_of(missing.saturating_sub(self.dropping));
        self.hop = self.options.index_form().index(u64::from(self.hop).saturating_add(hops as u64));
        self.dropping = (self.dropping + hops * self.model.hop()).saturating_sub(missing);
    }

    /// Hops to run until every sample is covered by codes and the decoder's look-ahead.
    pub(super) fn hops_to_close(&self) -> usize {
        let beyond = if self.is_predicting() { 0 } else { self.model.look_ahead_hops() + self.model.closing_hops() };
        usize::from(self.filled > 0) + beyond
    }

    /// Fills the rest of the hop by repeating the row before it (zeros where the line keeps no past).
    pub(super) fn hold_last_frame(&mut self) {
        let row = row_elements(self.model.header().channels) as usize;
        let missing = (self.model.hop() - self.filled.min(self.model.hop())) * row;
        with_lines!(self.model, self.lines, |K, lines| {
            if self.filled == 0 {
                self.stream.begin_hop::<K>(&self.model, lines);
            }
            let input = self.stream.input_with_past::<K>(lines);
            for target in input.len().saturating_sub(missing)..input.len() {
                let held = target.checked_sub(row).and_then(|source| input.get(source)).copied().unwrap_or_default();
                if let Some(element) = input.get_mut(target) {
                    *element = held;
                }
            }
        });
        self.filled = self.model.hop();
    }
}
