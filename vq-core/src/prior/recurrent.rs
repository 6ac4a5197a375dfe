//! The recurrent prior: a cell that has seen all hops of the packet, and a few units that see the codes of this one.
//!
//! *Past*: the codes of the hop before, companded, go into the cell; a readout of its state gives every symbol a share of its units and of its
//! outputs. *Within the hop*: a symbol's units add what the codes before it say, and its outputs, mean and scale, what units say.

use super::cell::{GruCell, product};
use super::logistic::{Logistic, UNIT_SCALE};
use crate::kernels::Native;
use crate::model::Model;
use crate::model::records::Symbol;
use crate::model::recurrent::{CONDITIONS, RecurrentPrior, most_scale};

/// Mean and scale.
const OUTPUTS: usize = 2;

/// The recurrent prior of a model at one quality, over memory of [`RecurrentPrior::memory_elements`] elements.
#[derive(Debug)]
pub(crate) struct Recurrent<'a> {
    model: Model<'a>,
    record: RecurrentPrior,
    /// Companded codes of the hop, conditions, state.
    input: &'a mut [i16],
    /// What the cell computes with; after it the units of all symbols, then the readout.
    scratch: &'a mut [i16],
}

impl<'a> Recurrent<'a> {
    /// A prior before its first packet.
    pub(crate) fn new(model: Model<'a>, record: RecurrentPrior, memory: &'a mut [i16]) -> Self {
        let length = record.input_taps() + usize::from(record.hidden);
        let (input, scratch) = memory.split_at_mut(length.min(memory.len()));
        Self { model, record, input, scratch }
    }

    /// Is at the start of a packet of a quality.
    pub(crate) fn start_packet(&mut self, quality: u8) {
        let conditions = self.model.recurrent_conditions(&self.record, quality);
        let start = self.model.recurrent_start(&self.record);
        let nothing = core::iter::repeat_n(0, self.record.codes_width());
        let values = nothing.chain(conditions).chain(start);
        self.input.iter_mut().zip(values).for_each(|(element, value)| *element = value);
        self.read_out();
    }

    /// The past part: takes the hop's codes, of which all but the last were looked at by symbols behind them, into the state.
    pub(crate) fn advance(&mut self, codes: &[u16]) {
        let last = usize::from(self.record.symbols).saturating_sub(1);
        if let Some(symbol) = self.model.symbol(last) {
            self.take(last, &symbol, codes);
        }
        let record = &self.record;
        let (inputs, hidden) = (record.input_taps(), usize::from(record.hidden));
        let cell = GruCell {
            inputs,
            hidden,
            input_stream: self.model.weight_stream(record.input),
            state_stream: self.model.weight_stream(record.state),
        };
        let (input, state) = self.input.split_at_mut(inputs.min(self.input.len()));
        cell.step::<Native>(input, state, self.scratch);
        self.read_out();
    }

    /// What the state, and the hop's codes directly, say about the next hop.
    fn read_out(&mut self) {
        let record = &self.record;
        let (taps, outputs) = (record.readout_taps(), record.readout_outputs());
        let (codes, input) = self.input.split_at_mut(record.codes_width().min(self.input.len()));
        let rest = self.scratch.get_mut(record.all_units()..).unwrap_or_default();
        let (readout, rest) = rest.split_at_mut(outputs.min(rest.len()));
        product::<Native>(taps, input, self.model.weight_stream(record.readout), readout);
        if record.skip > 0 {
            let (symbols, outputs) = (usize::from(record.symbols), record.all_outputs());
            let skipping = rest.get_mut(..outputs).unwrap_or_default();
            product::<Native>(symbols, codes, self.model.weight_stream(record.skip), skipping);
            let readout = readout.get_mut(record.all_units()..).unwrap_or_default();
            readout.iter_mut().zip(skipping).for_each(|(sum, value)| *sum = sum.saturating_add(*value));
        }
    }

    /// The in-hop part: what symbol number `index` may be behind `codes`, of which those before it are looked at. Symbols are asked for in order; after
    /// another choice of a code, again from the symbol behind it on.
    pub(crate) fn distribution(&mut self, index: usize, symbol: &Symbol, codes: &[u16]) -> Logistic {
        if let Some(before) = index.checked_sub(1) {
            self.take(before, symbol, codes);
        }
        let record = self.model.in_hop(&self.record, index);
        if self.record.units > 0 {
            self.run_units(index, record.units);
        }
        let taps = self.record.output_taps(index);
        let stream = self.model.weight_stream(record.outputs);
        let mut outputs = [0; OUTPUTS];
        let source = match usize::from(self.record.units) {
            0 => self.input.get(index - taps..),
            units => self.scratch.get((index + 1) * units - taps..),
        };
        product::<Native>(taps, source.unwrap_or_default(), stream, &mut outputs);
        let place = 2 * self.record.all_units() + OUTPUTS * index;
        let readout = self.scratch.get(place..).unwrap_or_default();
        let sum = |output: usize| {
            let [within, past] = [outputs.get(output), readout.get(output)].map(|value| value.copied().unwrap_or(0));
            i32::from(within) + i32::from(past)
        };
        let scale = i32::from(UNIT_SCALE) + ((sum(1) + 128) >> 8);
        Logistic::new(sum(0) << record.mean_shift, scale.clamp(0, i32::from(most_scale(symbol))) as u8)
    }

    /// Shows the net the code of symbol number `index`, whose bits are those of `symbol`.
    fn take(&mut self, index: usize, symbol: &Symbol, codes: &[u16]) {
        if let (Some(element), Some(code)) = (self.input.get_mut(index), codes.get(index)) {
            *element = compand(i32::from(*code) - i32::from(symbol.integer_limit()));
        }
    }

    /// A symbol's units: what the readout says, and what the codes before it say.
    fn run_units(&mut self, index: usize, stream: u32) {
        let units = usize::from(self.record.units);
        let taps = self.record.unit_taps(index);
        let stream = self.model.weight_stream(stream);
        let source = self.input.get(index - taps..).unwrap_or_default();
        let (values, readout) = self.scratch.split_at_mut(self.record.all_units().min(self.scratch.len()));
        let values = values.get_mut(index * units..).and_then(|rest| rest.get_mut(..units)).unwrap_or_default();
        product::<Native>(taps, source, stream, values);
        let past = readout.get(index * units..).unwrap_or_default();
        for (value, past) in values.iter_mut().zip(past) {
            let sum = value.saturating_add(*past);
            *value = sum.max(sum >> 3);
        }
    }
}

/// A number of steps as the net sees it, in 1/2048: `log2(1 + |code|)` with straight lines between powers of two, and the code's sign.
fn compand(code: i32) -> i16 {
    let magnitude = code.unsigned_abs().min(0xffff) + 1;
    let octave = magnitude.ilog2();
    let fraction = ((magnitude << 11) >> octave) - (1 << 11);
    let value = ((octave << 11) + fraction) as i16;
    if code < 0 { -value } else { value }
}

const _: () = assert!(CONDITIONS.is_multiple_of(4), "windows are read in groups of four");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn companding_is_odd_and_rises_by_octaves() {
        let exact = [(0, 0), (1, 2048), (2, 3072), (3, 4096), (7, 6144), (9, 6656), (2047, 11 * 2048)];
        for (code, value) in exact {
            assert_eq!((compand(code), compand(-code)), (value, -value), "{code}");
        }
        assert!((-2047..2047).all(|code| compand(code) < compand(code + 1)));
    }
}
