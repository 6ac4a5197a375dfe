//! The recurrent prior: floats as they were trained, and their integer form.

use vq_core::model::QUALITIES;
use vq_core::model::recurrent::{CONDITIONS, RecurrentPrior};

use crate::config::{PriorConfig, PriorKind};
use crate::export::lower::{Filter, IntegerChannel, weight_stream};
use crate::export::proof::Bounds;

/// The value of a step of what the net reads and computes, as the specification has it.
pub(super) const CODE: f64 = 1.0 / 2048.0;
pub(super) const STATE: f64 = 1.0 / 32768.0;
pub(super) const SUM: f64 = 1.0 / 4096.0;
/// Scales are octaves, in steps of an eighth times 1/256.
pub(super) const SCALE: f64 = 1.0 / 2048.0;
/// A condition is read by the cell as if it were a code, by the readout as if it were a state.
pub const CONDITION_GAIN: f64 = CODE / STATE;
/// A mean is in 1/256 step of quality 9.
const MEAN: f64 = 1.0 / 256.0;
/// Room above the largest mean that was seen.
const HEADROOM: f64 = 1.5;

/// The sizes of a recurrent prior.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecurrentSizes {
    /// Units of the cell, a multiple of 4.
    pub hidden: usize,
    /// Units of each symbol within the hop: 4, or 0.
    pub units: usize,
    /// Whether the hop's codes reach the outputs of the next one directly.
    pub skip: bool,
    /// How many symbols back a symbol looks within its hop.
    pub reach: usize,
    /// The rate at which scales follow the packet's codes; 0 where they do not.
    pub scale_rate: u8,
}

impl PriorKind {
    /// The recurrent priors that are tried, with their sizes.
    #[must_use]
    pub fn candidates(self) -> Vec<(Self, RecurrentSizes)> {
        let one = |hidden, units| (self, RecurrentSizes { hidden, units, skip: true, reach: 16, scale_rate: 0 });
        match self {
            Self::Tables => Vec::new(),
            Self::Linear => vec![one(0, 0)],
            Self::Small => vec![one(24, 0)],
            Self::Standard => vec![one(44, 4)],
            Self::Best => [Self::Linear, Self::Small, Self::Standard].into_iter().flat_map(Self::candidates).collect(),
        }
    }
}

impl PriorConfig {
    /// The recurrent priors that are tried, with their sizes.
    #[must_use]
    pub fn candidates(&self) -> Vec<(PriorKind, RecurrentSizes)> {
        let mut candidates = self.kind.candidates();
        for (_, sizes) in &mut candidates {
            sizes.scale_rate = self.scale_rate;
            if sizes.hidden > 0 && self.units > 0 {
                sizes.hidden = self.units;
            }
        }
        candidates
    }
}

/// A matrix of row-major weights with a bias for each row.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Matrix {
    /// `[rows, columns]`.
    pub weights: Vec<f32>,
    /// `[rows]`.
    pub biases: Vec<f32>,
}

/// A recurrent prior in floats. Means are in steps of quality 9, scales in octaves of them; gates are in torch's order.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainedRecurrent {
    /// Its sizes.
    pub sizes: RecurrentSizes,
    /// Symbols of a hop.
    pub symbols: usize,
    /// Codes and conditions to the gates, `[3 · hidden, symbols + 4]`.
    pub input: Matrix,
    /// The state to the gates, `[3 · hidden, hidden]`.
    pub state: Matrix,
    /// Conditions and state to units, then to mean and scale of each symbol, `[symbols · (units + 2), 4 + hidden]`.
    pub readout: Matrix,
    /// Codes to mean and scale of each symbol, `[2 · symbols, symbols]`; empty without.
    pub skip: Matrix,
    /// Codes to units, `[symbols · units, symbols]`; only weights of earlier codes count.
    pub in_hop_units: Matrix,
    /// Units (or codes, without units) to mean and scale of each symbol, `[2 · symbols, symbols · units]`; only weights of units up to
    /// the symbol's own (of earlier codes) count.
    pub in_hop_outputs: Matrix,
    /// The state at the start of a packet.
    pub start: Vec<f32>,
    /// Conditions of each quality.
    pub conditions: [[f32; CONDITIONS]; QUALITIES],
    /// Bit `quality − 1` of the qualities that it was trained for.
    pub qualities: u16,
    /// The largest mean of each symbol that was seen, in steps of quality 9.
    pub largest_means: Vec<f32>,
    /// Mean cost of a hop at each quality, in bits.
    pub expected: [f64; QUALITIES],
}

/// The recurrent prior's part of [`crate::export::container::ModelParts`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecurrentParts {
    /// The record, its offsets not filled in.
    pub record: RecurrentPrior,
    /// Weight stream of the cell's input.
    pub input: Vec<u8>,
    /// Weight stream of its state.
    pub state: Vec<u8>,
    /// Weight stream of the readout.
    pub readout: Vec<u8>,
    /// Weight stream from the codes to the next hop's outputs; empty without.
    pub skip: Vec<u8>,
    /// Streams of each symbol within the hop: to its units (empty without), to its outputs; the shift of its mean. Of an index the embedding of its codes
    /// stands first.
    pub in_hop: Vec<(Vec<u8>, Vec<u8>, u8)>,
    /// The state at the start of a packet.
    pub start: Vec<i16>,
    /// Conditions of each quality.
    pub conditions: [[i16; CONDITIONS]; QUALITIES],
    /// Mean cost of a hop, in 1/256 bit.
    pub expected: [u32; QUALITIES],
}

/// One row of a stream: weights for steps of the input, a bias, and the value of a step of the output.
struct Row {
    weights: Vec<f32>,
    bias: f32,
    step: f64,
}

impl TrainedRecurrent {
    /// The prior in integers; `None` where an accumulator could overflow.
    #[must_use]
    pub fn lower(&self) -> Option<RecurrentParts> {
        let RecurrentSizes { hidden, units, skip, reach, scale_rate } = self.sizes;
        let symbols = self.symbols;
        let width = symbols.next_multiple_of(4);
        let shifts: Vec<u8> = self.largest_means.iter().map(|mean| mean_shift(*mean)).collect();
        // What a step of an output of a symbol is worth.
        let output_step =
            |output: usize| if output.is_multiple_of(2) { MEAN * f64::from(1u32 << shifts[output / 2]) } else { SCALE };
        let gate = |matrix: &Matrix, columns: usize, value: &dyn Fn(usize) -> f64, places: &[usize]| {
            let rows = (0..3 * hidden).map(|row| matrix.row(row, columns, value, places, SUM)).collect::<Vec<Row>>();
            stream(&rows, places.len())
        };
        // Codes are filled up to a multiple of four with elements that carry no weight.
        let input_places: Vec<usize> = (0..width)
            .map(|code| if code < symbols { code } else { usize::MAX })
            .chain(symbols..symbols + CONDITIONS)
            .collect();
        let state_places: Vec<usize> = (0..hidden).collect();
        let readout_places: Vec<usize> = (0..CONDITIONS + hidden).collect();
        let readout_rows: Vec<Row> = (0..symbols * (units + 2))
            .map(|row| {
                let step = row.checked_sub(symbols * units).map_or(SUM, output_step);
                self.readout.row(row, CONDITIONS + hidden, &|_| STATE, &readout_places, step)
            })
            .collect();
        let code_places: Vec<usize> = (0..symbols).collect();
        let skip_rows =
            (0..2 * symbols).map(|row| self.skip.row(row, symbols, &|_| CODE, &code_places, output_step(row)));
        let in_hop = (0..symbols).map(|symbol| {
            let codes: Vec<usize> = (symbol - symbol.min(reach)..symbol).collect();
            let seen: Vec<usize> = match units {
                0 => codes.clone(),
                _ => ((symbol + 1 - (symbol + 1).min(reach)) * units..(symbol + 1) * units).collect(),
            };
            let unit_rows: Vec<Row> = (symbol * units..(symbol + 1) * units)
                .map(|row| self.in_hop_units.row(row, symbols, &|_| CODE, &codes, SUM))
                .collect();
            let (columns, value) = if units == 0 { (symbols, CODE) } else { (symbols * units, SUM) };
            let output_rows: Vec<Row> = (2 * symbol..2 * symbol + 2)
                .map(|row| self.in_hop_outputs.row(row, columns, &|_| value, &seen, output_step(row)))
                .collect();
            Some((stream(&unit_rows, codes.len())?, stream(&output_rows, seen.len())?, shifts[symbol]))
        });
        let in_hop = in_hop.collect::<Option<Vec<_>>>()?;
        Some(RecurrentParts {
            record: RecurrentPrior {
                hidden: hidden as u16,
                symbols: symbols as u16,
                units: units as u16,
                qualities: self.qualities,
                reach: reach as u16,
                scale_rate,
                ..RecurrentPrior::default()
            },
            input: gate(&self.input, symbols + CONDITIONS, &|_| CODE, &input_places)?,
            state: gate(&self.state, hidden, &|_| STATE, &state_places)?,
            readout: stream(&readout_rows, CONDITIONS + hidden)?,
            skip: if skip { stream(&skip_rows.collect::<Vec<Row>>(), symbols)? } else { Vec::new() },
            in_hop,
            start: self.start.iter().map(|h| element(*h)).collect(),
            conditions: self.conditions.map(|row| row.map(element)),
            expected: self.expected.map(|bits| (bits * 256.0).round() as u32),
        })
    }
}

impl RecurrentParts {
    /// Bytes of flash, the small records aside.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let in_hop: usize = self.in_hop.iter().map(|(units, outputs, _)| units.len() + outputs.len() + 16).sum();
        self.input.len() + self.state.len() + self.readout.len() + self.skip.len() + in_hop
    }
}

impl Matrix {
    /// A row over the columns that `places` name, in their order; one beyond all columns is zero. `value` is that of a step of a column's element.
    fn row(&self, row: usize, columns: usize, value: &dyn Fn(usize) -> f64, places: &[usize], step: f64) -> Row {
        let weights = self.weights.get(row * columns..(row + 1) * columns).unwrap_or_default();
        let weight =
            |place: &usize| weights.get(*place).map_or(0.0, |weight| (f64::from(*weight) * value(*place)) as f32);
        Row { weights: places.iter().map(weight).collect(), bias: self.biases.get(row).copied().unwrap_or(0.0), step }
    }
}

/// The weight stream of a matrix of so many columns, `from` and `to` being what a step of its input and of its output is worth; `None` where
/// an accumulator could overflow or a ratio is too large.
pub(crate) fn matrix_stream(matrix: &Matrix, columns: usize, from: f64, to: f64) -> Option<Vec<u8>> {
    let places: Vec<usize> = (0..columns).collect();
    let rows = 0..matrix.weights.len().checked_div(columns)?;
    let rows: Vec<Row> = rows.map(|row| matrix.row(row, columns, &|_| from, &places, to)).collect();
    stream(&rows, columns)
}

/// The weight stream of rows; `None` where an accumulator could overflow or a ratio is too large.
fn stream(rows: &[Row], taps: usize) -> Option<Vec<u8>> {
    let channels = rows.iter().map(|row| {
        let channel = Filter { weights: &row.weights, bias: row.bias, from: 1.0, bounds: Bounds::FULL }.nearest()?;
        Some(IntegerChannel { step: channel.step / row.step, ..channel })
    });
    let channels = channels.collect::<Option<Vec<_>>>()?;
    Some(weight_stream(&channels, taps, 1.0))
}

/// A number between −1 and 1 in 1/32768.
pub(super) fn element(value: f32) -> i16 {
    (f64::from(value) / STATE).round().clamp(-32767.0, 32767.0) as i16
}

/// By what power of two a mean is coarsened so that `largest` fits.
fn mean_shift(largest: f32) -> u8 {
    let steps = f64::from(largest.abs()) / MEAN * HEADROOM / 32767.0;
    (0..8).find(|shift| f64::from(1u32 << shift) >= steps).unwrap_or(8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn means_are_as_fine_as_they_fit() {
        assert_eq!([0.0, 85.0, 86.0, 340.0, 2047.0].map(mean_shift), [0, 0, 1, 2, 5]);
    }
}
