//! Codecs whose units are decisions of a range coder: the same code sends and receives.

use std::ops::Range;

use crate::coder::{Coder, Decoder, Encoder};
use crate::packets::{Body, Receiving, Sending};

/// The units of a signal that is known, when they are sent, or becomes known, when they are received.
pub(crate) trait Units {
    /// Number of units; of a signal that is not known yet, those that there may be.
    fn units(&self) -> usize;

    /// Forgets what was coded: the next unit is the first of a packet.
    fn start_packet(&mut self);

    /// Codes a unit, and takes what the coder gives as what it is.
    fn unit(&mut self, unit: usize, coder: &mut dyn Coder);

    /// What the units decode to, `[time]`.
    fn samples(&self) -> Vec<i32>;

    /// Codes all units as one stream, for what is learned from them.
    fn learn(&mut self) {
        let mut encoder = Encoder::new();
        self.start_packet();
        (0..self.units()).for_each(|unit| self.unit(unit, &mut encoder));
    }
}

/// Units on their way out.
pub(crate) struct Out<U> {
    units: U,
    encoder: Encoder,
}

impl<U> Out<U> {
    pub(crate) fn new(units: U) -> Self {
        Self { units, encoder: Encoder::new() }
    }
}

impl<U: Units> Sending for Out<U> {
    fn units(&self) -> usize {
        self.units.units()
    }

    fn start_packet(&mut self) {
        self.units.start_packet();
        self.encoder = Encoder::new();
    }

    fn add(&mut self, units: Range<usize>) -> Body {
        units.for_each(|unit| self.units.unit(unit, &mut self.encoder));
        Body { bytes: self.encoder.finish(), ideal_bits: self.encoder.ideal_bits() }
    }
}

/// Units on their way in.
pub(crate) struct In<U>(pub(crate) U);

impl<U: Units> Receiving for In<U> {
    fn packet(&mut self, units: Range<usize>, code: &[u8]) {
        let mut decoder = Decoder::new(code);
        self.0.start_packet();
        (units.start..units.end.min(self.0.units())).for_each(|unit| self.0.unit(unit, &mut decoder));
    }

    fn samples(self: Box<Self>) -> Vec<i32> {
        self.0.samples()
    }
}
