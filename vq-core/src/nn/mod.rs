//! A net as a streaming operator: one hop of input rows in, one hop of output rows out, whatever came before kept in
//! line buffers.

use crate::kernels::{Columns, Kernels, Windows};
use crate::model::Model;
use crate::model::plan::{Line, history};
use crate::model::records::{Kind, Layer, Net};

/// A net of a model, ready to run over line buffers that the caller owns.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stream<'a> {
    model: Model<'a>,
    net: Net,
}

impl<'a> Stream<'a> {
    pub(crate) fn new(model: Model<'a>, net: Net) -> Self {
        Self { model, net }
    }

    /// The rows that the next hop of input goes to, `[rows, row_elements]`.
    pub(crate) fn input<'l, K: Kernels>(&self, lines: &'l mut [K::Element]) -> &'l mut [K::Element] {
        let line = Line::of_input(&self.net);
        let (start, length) = new_rows(&line);
        lines.get_mut(start..).and_then(|rest| rest.get_mut(..length)).unwrap_or_default()
    }

    /// The input's rows with the history in front of them.
    pub(crate) fn input_with_past<'l, K: Kernels>(&self, lines: &'l mut [K::Element]) -> &'l mut [K::Element] {
        let (history, rows) = new_rows(&Line::of_input(&self.net));
        lines.get_mut(..history + rows).unwrap_or_default()
    }

    /// Runs one layer over the hop of input rows that is in place; `false` after the last one, when there is room for the next hop.
    pub(crate) fn run_layer<K: Kernels>(&self, index: usize, lines: &mut [K::Element]) -> bool {
        let layer = self.model.layer(&self.net, index);
        let output = Line::of_layer(&layer);
        let Some((before, after)) = lines.split_at_mut_checked(layer.line as usize) else { return false };
        keep_history::<K>(after, &output);
        let rows = new_rows_of(after, &output);
        let input = self.model.line(&self.net, usize::from(layer.input));
        let source = self.source::<K>(before, &layer, &input);
        match layer.kind {
            Kind::Convolution => self.convolution::<K>(&layer, &input, source, rows),
            Kind::Depthwise => self.depthwise::<K>(&layer, source, rows),
            Kind::Add => {
                let other = self.model.line(&self.net, usize::from(layer.other));
                K::add(&layer, source, self.source::<K>(before, &layer, &other), rows);
            }
        }
        let more = index + 1 < usize::from(self.net.count);
        if !more {
            keep_history::<K>(lines, &Line::of_input(&self.net));
        }
        more
    }

    /// The rows that the net's output has reached, `[rows, row_elements]`, once all layers have run.
    pub(crate) fn output<'l, K: Kernels>(&self, lines: &'l mut [K::Element]) -> &'l mut [K::Element] {
        let line = self.model.line(&self.net, usize::from(self.net.count));
        let length = usize::from(line.rows) * line.row_elements() as usize;
        lines.get_mut(line.start as usize..).and_then(|rest| rest.get_mut(..length)).unwrap_or_default()
    }

    /// What a layer reads of a line: from its first window on.
    fn source<'l, K: Kernels>(&self, lines: &'l [K::Element], layer: &Layer, line: &Line) -> &'l [K::Element] {
        let needed = history(layer, line).unwrap_or(0);
        let skipped = usize::from(line.history.saturating_sub(needed)) * line.row_elements() as usize;
        lines.get((line.start as usize).saturating_add(skipped)..).unwrap_or_default()
    }

    fn convolution<K: Kernels>(&self, layer: &Layer, input: &Line, source: &[K::Element], rows: &mut [K::Element]) {
        let windows = Windows {
            count: usize::from(layer.rows).checked_div(usize::from(layer.upsample)).unwrap_or(0),
            step: usize::from(layer.stride) * input.row_elements() as usize,
            taps: usize::from(layer.kernel) * input.row_elements() as usize,
            outputs: usize::from(layer.upsample) * crate::model::plan::row_elements(layer.channels) as usize,
        };
        K::convolution(&windows, layer.activation, source, self.model.weights(layer), rows);
    }

    fn depthwise<K: Kernels>(&self, layer: &Layer, source: &[K::Element], rows: &mut [K::Element]) {
        let columns = Columns {
            count: usize::from(layer.rows),
            stride: usize::from(layer.stride),
            kernel: usize::from(layer.kernel),
            width: crate::model::plan::row_elements(layer.channels) as usize,
        };
        K::depthwise(&columns, layer.activation, source, self.model.weights(layer), rows);
    }
}

/// First element and length of a line's new rows, from the line's start.
fn new_rows(line: &Line) -> (usize, usize) {
    let row = line.row_elements() as usize;
    (usize::from(line.history) * row, usize::from(line.rows) * row)
}

fn new_rows_of<'l, E>(buffer: &'l mut [E], line: &Line) -> &'l mut [E] {
    let (start, length) = new_rows(line);
    buffer.get_mut(start..).and_then(|rest| rest.get_mut(..length)).unwrap_or_default()
}

/// Moves the last `history` rows to the front, where the next hop needs them. `buffer` starts with the line.
fn keep_history<K: Kernels>(buffer: &mut [K::Element], line: &Line) {
    let (history, rows) = new_rows(line);
    if let Some(line) = buffer.get_mut(..history + rows) {
        // `min` changes nothing, but shows the compiler that `copy_within` cannot panic.
        line.copy_within(rows.min(line.len()).., 0);
    }
}
