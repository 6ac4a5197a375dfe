//! A hop's work in steps: layer by layer, symbol by symbol.

use super::Encoder;
use crate::codebook;
use crate::codec::with_lines;
use crate::features::{CHOICE, PREDICTION};
use crate::kernels::Native;
use crate::model::records::SymbolKind;

/// What an encoder does next.
#[derive(Debug, Clone, Copy)]
pub(super) enum Work {
    /// Begins a stream.
    Begin,
    /// Takes frames until a hop is full, or fills hops itself where the stream ends.
    Gather,
    /// Runs this layer.
    Layer(usize),
    /// Finds the code of the first symbol from this number on.
    Search(usize),
    /// Follows this path to all codes of the first symbol from this number on.
    Choose { from: usize, path: usize },
    /// Codes the first symbol from this number on.
    Code(usize),
    /// Predicts and codes this sample of the oldest hop that is kept.
    Predict(usize),
    /// Sends this sample of that hop as it is, in so many bits.
    Raw(usize, u8),
    /// Puts header and checksum around the codes.
    Seal,
}

/// What came of a step.
#[derive(Debug, Clone, Copy)]
pub(super) enum Step {
    /// More is to do.
    Working,
    /// A packet is ready, at these bytes of the buffer.
    Packet { start: usize, end: usize },
    /// Only a frame, or the stream's end, gives something to do.
    Idle,
}

impl Encoder<'_> {
    /// Does the next piece of work.
    pub(super) fn step(&mut self) -> Step {
        match self.work {
            Work::Begin => self.restart(0),
            Work::Gather if self.is_predicting() => return self.gather_predicted(),
            Work::Gather => return self.gather(),
            Work::Predict(..) | Work::Raw(..) if !PREDICTION => self.work = Work::Gather,
            Work::Choose { .. } if !CHOICE => self.work = Work::Gather,
            Work::Layer(index) => self.run_layer(index),
            Work::Search(from) => self.search(from),
            Work::Choose { from, path } => self.choose(from, path),
            Work::Code(from) => self.code(from),
            Work::Predict(index) => self.predict(index),
            Work::Raw(index, width) => self.send_raw(index, width),
            Work::Seal => return self.seal(),
        }
        Step::Working
    }

    fn gather(&mut self) -> Step {
        if self.filled < self.model.hop() {
            match self.closing {
                None => return Step::Idle,
                Some(0) => return self.close(),
                Some(hops) => {
                    self.hold_kept_frame();
                    self.hold_last_frame();
                    self.closing = Some(hops - 1);
                }
            }
        }
        self.filled = 0;
        self.keep_hop();
        // What the net holds besides this hop comes first.
        let held = self.model.look_ahead_hops().saturating_sub(self.skip);
        if self.follows() {
            self.follow(held + 1);
        }
        if !self.changes_mode() {
            self.run_layer(0);
        }
        Step::Working
    }

    /// Sends what the packet holds; behind it the stream, or its part before a loss, is at its end.
    pub(super) fn close(&mut self) -> Step {
        if self.hops > 0 {
            self.begin_seal();
            return Step::Working;
        }
        self.restart(if self.cut { self.hop } else { 0 });
        Step::Idle
    }

    fn run_layer(&mut self, index: usize) {
        let more =
            with_lines!(self.model, self.lines, |K, lines| self.stream.run_layer::<K>(&self.model, index, lines));
        self.work = if more {
            Work::Layer(index + 1)
        } else if self.skip > 0 {
            self.skip -= 1;
            Work::Gather
        } else {
            self.found = 0;
            self.begin_search()
        };
    }

    /// What finds the codes of a hop, from its first symbol on.
    pub(super) fn begin_search(&self) -> Work {
        if self.paths.is_some() { Work::Choose { from: 0, path: 0 } } else { Work::Search(0) }
    }

    /// Chooses codes by bits and distortion; what the net gave stays as it is.
    fn choose(&mut self, from: usize, path: usize) {
        let Some(paths) = self.paths.as_mut() else { return };
        if from == 0 && path == 0 {
            let lines: &mut [i16] = bytemuck::try_cast_slice_mut(self.lines).unwrap_or_default();
            paths.begin(self.stream.output::<Native>(&self.model, lines));
        }
        let Some((index, symbol)) = self.model.next_symbol(self.quality, from) else {
            self.prior.codes_mut().iter_mut().zip(paths.best()).for_each(|(to, code)| *to = *code);
            self.work = self.begin_code();
            return;
        };
        paths.expand(&mut self.prior, index, &symbol, path);
        self.work = if path + 1 < paths.alive() {
            Work::Choose { from, path: path + 1 }
        } else {
            paths.keep(index, &symbol);
            Work::Choose { from: index + 1, path: 0 }
        };
    }

    fn search(&mut self, from: usize) {
        let Some((index, symbol)) = self.model.next_symbol(self.quality, from) else {
            self.found = self.found.max(self.model.stages(self.quality));
            self.work = self.begin_code();
            return;
        };
        self.work = Work::Search(index + 1);
        // A hop that is searched again at another quality has its vectors, and the latents are without them.
        if symbol.kind == SymbolKind::Index && symbol.stage < self.found {
            return;
        }
        let code = with_lines!(self.model, self.lines, |K, lines| {
            codebook::encode::<K>(&self.model, self.quality, &symbol, self.stream.output::<K>(&self.model, lines))
        });
        if let Some(place) = self.prior.codes_mut().get_mut(index) {
            *place = code;
        }
    }
}
