//! A net as a streaming operator: one hop of input rows in, one hop of output rows out, whatever came before kept in
//! line buffers, which share memory as the model's [`layout`](crate::model::layout) says.

use core::ops::Range;

use crate::features::DEPTHWISE;
use crate::kernels::memory::move_within;
use crate::kernels::{Columns, Kernels, Windows};
use crate::model::Model;
use crate::model::plan::{Line, elements_read, history, row_elements};
use crate::model::records::{Kind, Layer, Net};

/// A [`Layer`] as the model holds it.
type Record = [u32; Layer::WORDS];

/// A net of a model, ready to run over line buffers that the caller owns. The model is handed in with every call.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stream<'a>(&'a [u32; Net::WORDS]);

impl<'a> Stream<'a> {
    /// The encoder net.
    pub(crate) fn encoder(model: &Model<'a>) -> Self {
        Self(model.net_words(0))
    }

    /// The decoder net.
    pub(crate) fn decoder(model: &Model<'a>) -> Self {
        Self(model.net_words(1))
    }

    #[inline(always)]
    fn net(&self) -> Net {
        Net::from_words(self.0)
    }

    /// The net's input line.
    #[inline(always)]
    fn input_line(&self) -> Line {
        Line::of_input(&self.net())
    }

    /// Makes room for the rows of the next hop: the output's are used up, and the input's history goes in front of where the new
    /// ones will lie. To be called before the first of them is written.
    pub(crate) fn begin_hop<K: Kernels>(&self, model: &Model<'_>, lines: &mut [K::Element]) {
        put_to_rest::<K>(lines, &model.line_of(self.0, usize::from(self.net().count)));
        take_from_rest::<K>(lines, &self.input_line());
    }

    /// The rows that the hop of input goes to, `[rows, row_elements]`.
    pub(crate) fn input<'l, K: Kernels>(&self, lines: &'l mut [K::Element]) -> &'l mut [K::Element] {
        lines.get_mut(new_rows(&self.input_line())).unwrap_or_default()
    }

    /// The input's rows with the history in front of them.
    pub(crate) fn input_with_past<'l, K: Kernels>(&self, lines: &'l mut [K::Element]) -> &'l mut [K::Element] {
        let Range { end, .. } = new_rows(&self.input_line());
        lines.get_mut(..end).unwrap_or_default()
    }

    /// Runs one layer over the hop of input rows that is in place; `false` after the last one.
    pub(crate) fn run_layer<K: Kernels>(&self, model: &Model<'_>, index: usize, lines: &mut [K::Element]) -> bool {
        let record = model.layer_words(self.net().layers, index);
        // Every reader takes its fields from the record: a layer that is handed on is first written to memory.
        let layer = Layer::from_words(record);
        take_from_rest::<K>(lines, &Line::of_words(record));
        let input = model.line_of(self.0, usize::from(layer.input));
        match layer.kind {
            Kind::Convolution => Self::convolution::<K>(model, record, &input, lines),
            Kind::Depthwise if !DEPTHWISE => {}
            Kind::Depthwise => Self::depthwise::<K>(model, record, &input, lines),
            Kind::Add => self.add::<K>(model, record, &input, lines),
        }
        if layer.last_of_input {
            put_to_rest::<K>(lines, &input);
        }
        if layer.last_of_other {
            put_to_rest::<K>(lines, &model.line_of(self.0, usize::from(layer.other)));
        }
        index + 1 < usize::from(self.net().count)
    }

    /// The rows that the net's output has reached, `[rows, row_elements]`, once all layers have run.
    pub(crate) fn output<'l, K: Kernels>(
        &self,
        model: &Model<'_>,
        lines: &'l mut [K::Element],
    ) -> &'l mut [K::Element] {
        let line = model.line_of(self.0, usize::from(self.net().count));
        let length = line.new_elements() as usize;
        lines.get_mut(line.start as usize..).and_then(|rest| rest.get_mut(..length)).unwrap_or_default()
    }

    fn convolution<K: Kernels>(model: &Model<'_>, record: &Record, input: &Line, lines: &mut [K::Element]) {
        let layer = Layer::from_words(record);
        let row = input.row_elements() as usize;
        let windows = Windows {
            count: layer.windows() as usize,
            step: usize::from(layer.stride) * row,
            taps: usize::from(layer.kernel) * row,
            outputs: usize::from(layer.upsample) * row_elements(layer.channels) as usize,
        };
        let (from, to) = (source(record, input), new_rows(&Line::of_words(record)));
        if let Some((source, rows)) = apart(lines, from, to) {
            K::convolution(&windows, layer.activation, source, model.weights(&layer), rows);
        }
    }

    fn depthwise<K: Kernels>(model: &Model<'_>, record: &Record, input: &Line, lines: &mut [K::Element]) {
        let layer = Layer::from_words(record);
        let columns = Columns {
            count: usize::from(layer.rows),
            stride: usize::from(layer.stride),
            kernel: usize::from(layer.kernel),
            width: row_elements(layer.channels) as usize,
        };
        let (from, to) = (source(record, input), new_rows(&Line::of_words(record)));
        if let Some((source, rows)) = apart(lines, from, to) {
            K::depthwise(&columns, layer.activation, source, model.weights(&layer), rows);
        }
    }

    /// In place of one of the summands if the plan says so, and otherwise of a copy of the second one.
    fn add<K: Kernels>(&self, model: &Model<'_>, record: &Record, input: &Line, lines: &mut [K::Element]) {
        let mut layer = Layer::from_words(record);
        let rows = new_rows(&Line::of_words(record));
        let other = model.line_of(self.0, usize::from(layer.other));
        let (mut first, mut second) = (source(record, input), source(record, &other));
        if first.start == rows.start {
            core::mem::swap(&mut first, &mut second);
            core::mem::swap(&mut layer.multiplier, &mut layer.other_multiplier);
        }
        move_within(lines, second.start, rows.start, second.len().min(rows.len()));
        if let Some((first, rows)) = apart(lines, first, rows) {
            K::add(&layer, first, rows);
        }
    }
}

/// What is read and what is written, if they lie apart.
#[inline(never)]
fn apart<E>(lines: &mut [E], from: Range<usize>, to: Range<usize>) -> Option<(&[E], &mut [E])> {
    if from.end <= to.start {
        let (before, rest) = lines.split_at_mut_checked(to.start)?;
        Some((before.get(from)?, rest.get_mut(..to.len())?))
    } else {
        let (before, rest) = lines.split_at_mut_checked(from.start)?;
        Some((rest.get(..from.len())?, before.get_mut(to)?))
    }
}

/// The elements of a line's new rows.
fn new_rows(line: &Line) -> Range<usize> {
    let start = line.start as usize + line.history_elements() as usize;
    start..start + line.new_elements() as usize
}

/// The elements of a line that a layer reads.
fn source(record: &Record, line: &Line) -> Range<usize> {
    let layer = Layer::from_words(record);
    let needed = history(&layer, line).unwrap_or(0);
    let skipped = usize::from(line.history.saturating_sub(needed)) * line.row_elements() as usize;
    let start = line.start as usize + skipped;
    start..start + elements_read(&layer, line) as usize
}

/// Brings the history to the front of its buffer, where the next hop's rows will follow it.
fn take_from_rest<K: Kernels>(lines: &mut [K::Element], line: &Line) {
    move_within(lines, line.rest as usize, line.start as usize, line.history_elements() as usize);
}

/// Takes the last rows of a buffer, the next hop's history, to where they rest.
fn put_to_rest<K: Kernels>(lines: &mut [K::Element], line: &Line) {
    let from = line.start as usize + line.new_elements() as usize;
    move_within(lines, from, line.rest as usize, line.history_elements() as usize);
}
