//! The recurrent prior: a cell that has seen all hops of the packet, and a few units that see the codes of this one.
//!
//! Of integer latents here, of indices in `indices`.
//!
//! *Past*: the codes of the hop before, companded, go into the cell; a readout of its state gives every symbol a share of its units and of its
//! outputs. *Within the hop*: a symbol's units add what the codes before it say, and its outputs, mean and scale, what units say.
//!
//! *Scales* may follow the packet: a scale under which codes were likelier if it were wider becomes wider, every symbol's by itself. A net
//! that was trained on other people errs by their scales first.
//!
//! Codes of quality `q` stand for steps that are `2^((9 − q) / 2)` times as wide as those of quality 9. The net reads and foresees latents in
//! steps of quality 9, whatever the packet's quality, so that all qualities share what it knows of the signal.

use super::cell::GruCell;
use super::logistic::{Logistic, UNIT_SCALE};
use super::steps::Steps;
use crate::kernels::memory::clear;
use crate::kernels::{Kernels, Native};
use crate::model::recurrent::{CONDITIONS, RecurrentPrior, most_scale};
use crate::model::{Model, QUALITIES};

/// Mean and scale.
const OUTPUTS: usize = 2;
/// Units of a symbol, where symbols have any.
const UNITS: usize = 4;

/// `round(16 · 2^((9 − q) / 2))`: a step of quality `q`, in 1/16 of one of quality 9.
pub const COARSENESS: [u16; QUALITIES] = [256, 181, 128, 91, 64, 45, 32, 23, 16];
/// `round(2^15 · 2^(−(9 − q) / 2))`: a step of quality 9, in 1/32768 of one of quality `q`.
pub const FINENESS: [u16; QUALITIES] = [2048, 2896, 4096, 5793, 8192, 11585, 16384, 23170, 32768];
/// The most by which a scale is wider or narrower than the net says: three octaves.
const MOST_WIDER: i32 = 3 << 11;
/// By how many numbers a scale is less in steps of one quality than in those of the next better one: half an octave.
const SCALES_PER_QUALITY: i16 = 4;

/// The recurrent prior of a model at one quality, over memory of [`RecurrentPrior::memory_elements`] elements.
#[derive(Debug)]
pub(crate) struct Recurrent<'a> {
    pub(super) record: &'a [u32; RecurrentPrior::WORDS],
    /// Companded codes of the hop, or the sums of embedded ones; conditions, state.
    pub(super) input: &'a mut [i16],
    /// What the cell computes with; after it the units of all symbols, or of the index at hand, then the readout.
    pub(super) scratch: &'a mut [i16],
    /// Of every symbol by how much its scale is wider than the net says, in 1/2048 octave; empty where scales do not follow the errors.
    widths: &'a mut [i16],
    quality: Quality,
    /// Of indices: how many stages are sent, and how many symbols of the hop are in the sums.
    pub(super) stages: u8,
    pub(super) taken: usize,
    /// The most steps of any symbol's code, and its bits as a plain number.
    limit: i16,
    bits: u8,
    /// The number of the widest scale.
    most_scale: u8,
}

/// What the net needs to know of the packet's quality.
#[derive(Debug, Clone, Copy)]
struct Quality {
    /// A step, in 1/16 of one of quality 9.
    coarseness: u16,
    /// A step of quality 9, in 1/32768 of one of this quality.
    fineness: u16,
    /// The number of the scale of one step of quality 9.
    unit_scale: i16,
}

impl Quality {
    /// That of a packet (clamped to 1..=9).
    fn new(quality: u8) -> Self {
        let row = usize::from(quality.clamp(1, QUALITIES as u8) - 1);
        // Both are always there.
        let number = |table: &[u16; QUALITIES]| table.get(row).copied().unwrap_or(0);
        let below_best = (QUALITIES - 1 - row) as i16;
        let unit_scale = i16::from(UNIT_SCALE) - SCALES_PER_QUALITY * below_best;
        Self { coarseness: number(&COARSENESS), fineness: number(&FINENESS), unit_scale }
    }
}

impl<'a> Recurrent<'a> {
    /// A prior before its first packet.
    pub(crate) fn new(model: &Model<'a>, record: &'a [u32; RecurrentPrior::WORDS], memory: &'a mut [i16]) -> Self {
        let sizes = RecurrentPrior::from_words(record);
        let length = sizes.input_taps() + usize::from(sizes.hidden);
        let (input, rest) = memory.split_at_mut(length.min(memory.len()));
        let (scratch, widths) = rest.split_at_mut(sizes.scratch_elements().min(rest.len()));
        let widths = widths.get_mut(..sizes.widths()).unwrap_or_default();
        // All symbols have the same number of codes.
        let symbol = model.symbol(0);
        let limit = symbol.map_or(0, |symbol| symbol.integer_limit());
        let (bits, most_scale) = symbol.map_or((0, 0), |symbol| (symbol.bits, most_scale(&symbol)));
        Self { record, input, scratch, widths, quality: Quality::new(0), stages: 0, taken: 0, limit, bits, most_scale }
    }

    #[inline(always)]
    pub(super) fn record(&self) -> RecurrentPrior {
        RecurrentPrior::from_words(self.record)
    }

    /// Is at the start of a packet of a quality.
    pub(crate) fn start_packet(&mut self, model: &Model<'_>, quality: u8) {
        self.quality = Quality::new(quality);
        (self.stages, self.taken) = (model.stages(quality), 0);
        let record = self.record();
        let conditions = model.recurrent_conditions(&record, quality);
        let start = model.recurrent_start(&record);
        let nothing = core::iter::repeat_n(0, record.codes_width());
        let values = nothing.chain(conditions).chain(start);
        self.input.iter_mut().zip(values).for_each(|(element, value)| *element = value);
        clear(self.widths);
        self.read_out(model);
    }

    /// The past part: takes the hop's codes, of which all but the last were looked at by symbols behind them, into the state.
    pub(crate) fn advance(&mut self, model: &Model<'_>, codes: &[u16]) {
        let record = self.record();
        let symbols = usize::from(record.symbols);
        if record.is_of_indices() {
            self.take_indices(model, symbols, codes);
        } else {
            self.take(symbols.saturating_sub(1), codes);
        }
        let (inputs, hidden) = (record.input_taps(), usize::from(record.hidden));
        let cell = GruCell {
            inputs,
            hidden,
            input_stream: model.weight_stream(record.input),
            state_stream: model.weight_stream(record.state),
        };
        let (input, state) = self.input.split_at_mut(inputs.min(self.input.len()));
        cell.step::<Native>(input, state, self.scratch);
        if record.is_of_indices() {
            self.forget_hop();
        }
        self.read_out(model);
    }

    /// What the state, and the hop's codes directly, say about the next hop.
    fn read_out(&mut self, model: &Model<'_>) {
        let record = self.record();
        let (taps, outputs) = (record.readout_taps(), record.readout_outputs());
        let (codes, input) = self.input.split_at_mut(record.codes_width().min(self.input.len()));
        let rest = self.scratch.get_mut(record.kept_units()..).unwrap_or_default();
        let (readout, rest) = rest.split_at_mut(outputs.min(rest.len()));
        Native::product(taps, input, model.weight_stream(record.readout), readout);
        if record.skip > 0 {
            let (symbols, outputs) = (usize::from(record.symbols), record.all_outputs());
            let skipping = rest.get_mut(..outputs).unwrap_or_default();
            Native::product(symbols, codes, model.weight_stream(record.skip), skipping);
            let readout = readout.get_mut(record.all_units()..).unwrap_or_default();
            readout.iter_mut().zip(skipping).for_each(|(sum, value)| *sum = sum.saturating_add(*value));
        }
    }

    /// The in-hop part: what symbol number `index` may be behind `codes`, of which those before it are looked at. Symbols are asked for in order; after
    /// another choice of a code, again from the symbol behind it on.
    pub(crate) fn steps(&mut self, model: &Model<'_>, index: usize, codes: &[u16]) -> Steps {
        if let Some(before) = index.checked_sub(1) {
            self.take(before, codes);
        }
        let record = self.record();
        let in_hop = model.in_hop(&record, index);
        let taps = record.output_taps(index);
        let source = match usize::from(record.units) {
            0 => self.input.get(index - taps..),
            units => {
                self.run_units(model, index, in_hop.units);
                self.scratch.get((index + 1) * units - taps..)
            }
        };
        let mut within = [0; OUTPUTS];
        Native::product(taps, source.unwrap_or_default(), model.weight_stream(in_hop.outputs), &mut within);
        let place = 2 * record.all_units() + OUTPUTS * index;
        let readout = self.scratch.get(place..).and_then(<[i16]>::first_chunk).copied().unwrap_or([0; OUTPUTS]);
        let [mean, scale] = within;
        let [mean_before, scale_before] = readout;
        let sum = |within: i16, before: i16| i32::from(within.saturating_add(before));
        let shift = 15 - in_hop.mean_shift.min(8);
        let mean = (sum(mean, mean_before) * i32::from(self.quality.fineness) + (1 << (shift - 1))) >> shift;
        let wider = self.widths.get(index).copied().map_or(0, i32::from);
        let scale = i32::from(self.quality.unit_scale) + ((sum(scale, scale_before) + wider + 128) >> 8);
        let logistic = Logistic::new(mean, scale.clamp(0, i32::from(self.most_scale)) as u8);
        Steps::new(logistic, self.limit, self.bits)
    }

    /// Lets the scale of symbol number `index` follow how far its code was from the mean. Every code is followed once.
    #[inline(always)]
    pub(crate) fn follow(&mut self, index: usize, steps: &Steps, code: u16) {
        let rate = self.record().scale_rate & 15;
        if let Some(width) = self.widths.get_mut(index) {
            let moved = i32::from(*width) + ((steps.surprise(code) + (1 << rate >> 1)) >> rate);
            *width = moved.clamp(-MOST_WIDER, MOST_WIDER) as i16;
        }
    }

    /// Shows the net the code of symbol number `index`.
    #[inline(always)]
    fn take(&mut self, index: usize, codes: &[u16]) {
        if let (Some(element), Some(code)) = (self.input.get_mut(index), codes.get(index)) {
            *element = compand(i32::from(*code) - i32::from(self.limit), self.quality.coarseness);
        }
    }

    /// A symbol's units: what the readout says, and what the codes before it say.
    fn run_units(&mut self, model: &Model<'_>, index: usize, stream: u32) {
        let record = self.record();
        let taps = record.unit_taps(index);
        let source = self.input.get(index - taps..).unwrap_or_default();
        let (values, readout) = self.scratch.split_at_mut(record.all_units().min(self.scratch.len()));
        let values = values.get_mut(index * UNITS..).and_then(<[i16]>::first_chunk_mut::<UNITS>);
        let past = readout.get(index * UNITS..).and_then(<[i16]>::first_chunk::<UNITS>);
        if let (Some(values), Some(past)) = (values, past) {
            Native::product(taps, source, model.weight_stream(stream), values);
            for (value, past) in values.iter_mut().zip(past) {
                let sum = value.saturating_add(*past);
                *value = sum.max(sum >> 3);
            }
        }
    }
}

/// A number of steps, each of `coarseness` sixteenths, as the net sees it, in 1/2048: `log2(1 + |steps · coarseness / 16|)` with straight lines
/// between powers of two, and the code's sign.
fn compand(code: i32, coarseness: u16) -> i16 {
    let magnitude = code.unsigned_abs().min(MOST_STEPS) * u32::from(coarseness) + 16;
    let octave = magnitude.ilog2();
    let fraction = ((magnitude << 11) >> octave) - (1 << 11);
    let value = (((octave - 4) << 11) + fraction) as i16;
    if code < 0 { -value } else { value }
}

/// The most steps of an integer latent's code.
const MOST_STEPS: u32 = 2047;

const _: () = assert!(CONDITIONS.is_multiple_of(4), "windows are read in groups of four");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn companding_is_odd_and_rises_by_octaves() {
        let exact = [(0, 0), (1, 2048), (2, 3072), (3, 4096), (7, 6144), (9, 6656), (2047, 11 * 2048)];
        for (code, value) in exact {
            assert_eq!((compand(code, 16), compand(-code, 16)), (value, -value), "{code}");
        }
        for coarseness in COARSENESS {
            assert!((-2047..2047).all(|code| compand(code, coarseness) < compand(code + 1, coarseness)));
        }
    }

    #[test]
    fn a_latent_looks_the_same_at_every_quality() {
        for (code, quality) in [(100, 9), (50, 7), (25, 5)] {
            assert_eq!(compand(code, COARSENESS[quality - 1]), compand(100, 16), "quality {quality}");
        }
    }

    #[test]
    fn the_tables_are_the_specification() {
        for (row, (coarse, fine)) in COARSENESS.into_iter().zip(FINENESS).enumerate() {
            let ratio = 2f64.powf((QUALITIES - 1 - row) as f64 / 2.0);
            assert_eq!((f64::from(coarse), f64::from(fine)), ((16.0 * ratio).round(), (32768.0 / ratio).round()));
        }
    }
}
