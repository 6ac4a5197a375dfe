//! How far every layer lags, and what every line needs of the past and for how long: one set of rules for the exporter,
//! which writes the plan, and for [`Model::parse`](super::Model::parse), which recomputes and compares it. Where the lines lie in
//! memory is [`layout`](super::layout)'s.
//!
//! A *line* is a layer's output (or the net's input): per hop it gets `rows` new rows, behind `history` rows of the
//! past. After hop `h` a line that lags by `delay` holds rows up to `(h + 1)·rows − 1 − delay`. From that:
//!
//! * a convolution of `kernel` rows, moving by `stride` and starting `padding` rows early, lags by
//!   `delay_out = ⌈(delay + kernel − padding − stride) / stride⌉` and needs `stride·delay_out + padding − delay` rows of history (a depthwise one too);
//! * a transposed convolution lags by `upsample·delay + padding` and needs `kernel − 1` rows of history;
//! * a sum lags as its later summand does, and needs the difference as history of the earlier one.

use super::records::{Kind, Layer, Net};
use crate::bytes::{high, low, zero};
use crate::kernels::quotient;

/// Most layers that a net may have.
pub const MAX_LAYERS: usize = 64;
/// Largest number of rows, channels, taps or bytes in any product below, which keeps them inside 32 bits.
const LIMIT: u32 = 1 << 24;

/// Elements of a window, those by which it moves, and what it gives are fewer than these.
pub const WINDOW_LIMIT: u32 = 1 << 15;

/// What a reader needs to know of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line {
    /// Channels of a row.
    pub channels: u16,
    /// New rows per hop.
    pub rows: u16,
    /// Rows by which the line lags behind the net's input.
    pub delay: u16,
    /// Rows of the past in front of the new ones.
    pub history: u16,
    /// First element of the buffer: the history, then the new rows.
    pub start: u32,
    /// First element of the place where the history rests from one hop to the next.
    pub rest: u32,
}

impl Line {
    /// The line that a layer writes.
    #[must_use]
    pub fn of_layer(layer: &Layer) -> Self {
        Self {
            channels: layer.channels,
            rows: layer.rows,
            delay: layer.delay,
            history: layer.history,
            start: layer.line,
            rest: layer.rest,
        }
    }

    /// The line that the layer of a record writes.
    #[inline(always)]
    pub(crate) fn of_words(words: &[u32; Layer::WORDS]) -> Self {
        let &[_, channels, _, rows, delay, start, _, _, _, rest] = words;
        Self {
            channels: low(channels),
            rows: high(rows),
            delay: low(delay),
            history: high(delay),
            start,
            rest: rest >> 8,
        }
    }

    /// The net's input line.
    #[must_use]
    pub fn of_input(net: &Net) -> Self {
        Self { channels: net.channels, rows: net.rows, delay: 0, history: net.history, start: 0, rest: net.rest }
    }

    /// Elements from one row to the next: an even number, so that words stay aligned, or 1.
    #[must_use]
    pub fn row_elements(&self) -> u32 {
        row_elements(self.channels)
    }

    /// Elements of the history.
    #[must_use]
    pub fn history_elements(&self) -> u32 {
        u32::from(self.history).wrapping_mul(self.row_elements())
    }

    /// Elements of the new rows.
    #[must_use]
    pub fn new_elements(&self) -> u32 {
        u32::from(self.rows).wrapping_mul(self.row_elements())
    }
}

/// Elements of a row of `channels`: padded to an even number, but for a single channel.
#[must_use]
pub fn row_elements(channels: u16) -> u32 {
    if channels == 1 { 1 } else { u32::from(channels).next_multiple_of(2) }
}

/// Output rows per hop of a layer that reads `input`, or `None` where sizes are zero or do not divide.
#[must_use]
pub fn rows(layer: &Layer, input: &Line) -> Option<u16> {
    match layer.kind {
        Kind::Add => Some(input.rows),
        Kind::Convolution | Kind::Depthwise => {
            let windows = quotient(u32::from(input.rows), u32::from(layer.stride)) as u16;
            let one_way = layer.upsample == 1 || (layer.stride == 1 && layer.kind == Kind::Convolution);
            if layer.kernel == 0 || layer.stride == 0 || layer.upsample == 0 || !one_way {
                return None;
            }
            if windows.checked_mul(layer.stride)? != input.rows {
                return None;
            }
            windows.checked_mul(layer.upsample)
        }
    }
}

/// Rows by which a layer's output lags, from the lag of what it reads; `None` where it does not fit 16 bits.
#[must_use]
pub fn delay(layer: &Layer, input: &Line, other: &Line) -> Option<u16> {
    let (from, padding) = (i32::from(input.delay), i32::from(layer.padding));
    let rows = match layer.kind {
        Kind::Add => from.max(i32::from(other.delay)),
        Kind::Convolution if layer.upsample > 1 => i32::from(layer.upsample) * from + padding,
        Kind::Convolution | Kind::Depthwise => {
            let stride = i32::from(layer.stride);
            let ahead = from + i32::from(layer.kernel) - padding - stride;
            if stride == 0 {
                return None;
            }
            quotient((ahead.max(0) + stride - 1) as u32, stride as u32) as i32
        }
    };
    u16::try_from(rows).ok()
}

/// Rows of history that a layer needs of a line that it reads; `layer.delay` must be known. `None` where it does not fit.
#[must_use]
pub fn history(layer: &Layer, input: &Line) -> Option<u16> {
    let rows = match layer.kind {
        Kind::Add => i32::from(layer.delay) - i32::from(input.delay),
        Kind::Convolution if layer.upsample > 1 => i32::from(layer.kernel) - 1,
        Kind::Convolution | Kind::Depthwise => {
            i32::from(layer.stride) * i32::from(layer.delay) + i32::from(layer.padding) - i32::from(input.delay)
        }
    };
    u16::try_from(rows).ok()
}

/// Bytes of the weight stream of a layer with weights over rows of `input_elements`.
///
/// Integer: for each block of four output channels (of all phases) four biases, groups of 4 × 4 weights (depthwise: four for
/// every row of the window), four requantizations. Float: for each output channel a bias and its weights. `None` where a window is beyond [`WINDOW_LIMIT`].
#[must_use]
pub fn weight_bytes(layer: &Layer, input_elements: u32, float: bool) -> Option<u32> {
    let outputs = u32::from(layer.upsample).checked_mul(row_elements(layer.channels))?;
    let taps = taps(layer, input_elements)?;
    let step = u32::from(layer.stride).checked_mul(input_elements)?;
    if [outputs, taps, step].iter().any(|elements| *elements >= WINDOW_LIMIT) {
        return None;
    }
    if float {
        outputs.checked_mul(taps.checked_add(1)?.checked_mul(4)?)
    } else if layer.kind == Kind::Depthwise {
        outputs.div_ceil(4).checked_mul(48u32.checked_add(taps.checked_mul(4)?)?)
    } else {
        block_stream_bytes(taps, outputs)
    }
}

/// Bytes of an integer weight stream for `outputs` sums over `taps` elements; `None` for sizes beyond all limits.
#[must_use]
pub fn block_stream_bytes(taps: u32, outputs: u32) -> Option<u32> {
    if taps > LIMIT || outputs > LIMIT {
        return None;
    }
    outputs.div_ceil(4).checked_mul(48u32.checked_add(taps.div_ceil(4).checked_mul(16)?)?)
}

/// Weights of one output channel; `None` where there are too many.
fn taps(layer: &Layer, input_elements: u32) -> Option<u32> {
    let of_a_row = if layer.kind == Kind::Depthwise { 1 } else { input_elements };
    u32::from(layer.kernel).checked_mul(of_a_row).filter(|taps| *taps <= LIMIT)
}

/// What leaves a net: whole hops of rows, or rows at whatever lag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Output {
    /// The lag is rounded up to whole hops (latents).
    Hops,
    /// The lag stays as it is (samples).
    Rows,
}

impl Output {
    /// The net's lag for an output line: `None` where it does not fit.
    #[must_use]
    pub fn delay(self, line: &Line) -> Option<u16> {
        match self {
            Self::Rows => Some(line.delay),
            Self::Hops => hops(line.delay, line).checked_mul(line.rows),
        }
    }
}

/// What the readers of a line ask of it.
///
/// A hop has steps: in step 0 the input's rows arrive, in step `i + 1` layer `i` runs, and in the step after the last
/// layer the output is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Demand {
    /// Rows of the past in front of the new ones.
    pub history: u16,
    /// Readable elements behind the rows, at most 3: kernels read windows in groups of four elements.
    pub margin: u8,
    /// The last step that uses the rows.
    pub last_step: u8,
}

/// What follows from the layers' delays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Demands {
    /// Of every line, the input first; those behind the net's output are unused.
    pub lines: [Demand; MAX_LAYERS + 1],
    /// Rows by which the net's output lags.
    pub delay: u16,
    /// Hops that a new output depends on, the newest included.
    pub receptive_hops: u16,
}

/// What every line is asked for by its readers, the receptive field, and the lag of the output.
///
/// `layer` gives the records in order, with `delay` and `rows` filled in. `None` where there is no layer, or too many, or a
/// number does not fit.
pub fn demands(net: &Net, output: Output, layer: impl Fn(usize) -> Layer) -> Option<Demands> {
    let mut lines = [Demand::default(); MAX_LAYERS + 1];
    let (delay, receptive_hops) = find_demands(&mut lines, net, output, layer)?;
    Some(Demands { lines, delay, receptive_hops })
}

/// [`demands`] of cleared `lines`, in place: to copy them takes more code than to find them. Gives the delay and the hops of the receptive field.
pub(super) fn find_demands(
    lines: &mut [Demand; MAX_LAYERS + 1],
    net: &Net,
    output: Output,
    layer: impl Fn(usize) -> Layer,
) -> Option<(u16, u16)> {
    let count = usize::from(net.count);
    if count == 0 || count > MAX_LAYERS {
        return None;
    }
    let mut reach = [zero::<u16>(); MAX_LAYERS + 1];
    for index in 0..=count {
        let line = match index.checked_sub(1) {
            None => Line::of_input(net),
            Some(index) => Line::of_layer(&layer(index)),
        };
        let demand = lines.get_mut(index)?;
        demand.last_step = index as u8;
        for reader in index..count {
            let layer = layer(reader);
            if !layer.reads(index) {
                continue;
            }
            let needed = history(&layer, &line)?;
            demand.history = demand.history.max(needed);
            demand.margin = demand.margin.max(margin(&layer, &line, needed));
            demand.last_step = reader as u8 + 1;
            let hops = hops(needed, &line).checked_add(*reach.get(index)?)?;
            let target = reach.get_mut(reader + 1)?;
            *target = hops.max(*target);
        }
    }
    let last = Line::of_layer(&layer(count - 1));
    let delay = output.delay(&last)?;
    let kept = delay.checked_sub(last.delay)?;
    let demand = lines.get_mut(count)?;
    (demand.history, demand.last_step) = (kept, count as u8 + 1);
    let receptive_hops = reach.get(count)?.checked_add(hops(kept, &last))?.checked_add(1)?;
    Some((delay, receptive_hops))
}

/// Hops that hold so many rows of a line.
fn hops(rows: u16, line: &Line) -> u16 {
    let per_hop = u32::from(line.rows).max(1);
    quotient(u32::from(rows) + per_hop - 1, per_hop) as u16
}

/// Elements that a layer reads behind the line's last row.
fn margin(layer: &Layer, line: &Line, history: u16) -> u8 {
    let rows = (u32::from(history) + u32::from(line.rows)).saturating_mul(line.row_elements());
    elements_read(layer, line).saturating_sub(rows).min(3) as u8
}

/// Elements that a layer reads of a line in a hop, from its first window on: kernels read windows, and depthwise ones the columns
/// of a row, in groups of four. Of layers whose [`weight_bytes`] are within limits, whose products stay within 2^28 and are not looked at here.
#[must_use]
pub fn elements_read(layer: &Layer, line: &Line) -> u32 {
    let row = line.row_elements();
    let grouped = |elements: u32| elements.wrapping_add(3) & !3;
    let (kernel, windows) = (u32::from(layer.kernel), layer.windows().saturating_sub(1));
    let window = match layer.kind {
        Kind::Add => return line.new_elements(),
        Kind::Convolution => grouped(kernel.wrapping_mul(row)),
        Kind::Depthwise => kernel.wrapping_sub(1).wrapping_mul(row).wrapping_add(grouped(row)),
    };
    windows.wrapping_mul(u32::from(layer.stride)).wrapping_mul(row).wrapping_add(window)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::records::Activation;

    fn layer(kernel: u16, stride: u16, upsample: u16, padding: u16, input: u8, channels: u16) -> Layer {
        let activation = Activation::Linear;
        Layer {
            kind: Kind::Convolution,
            activation,
            input,
            channels,
            kernel,
            stride,
            upsample,
            padding,
            ..Layer::NEUTRAL
        }
    }

    /// Plans a chain as the exporter does: rows and delays first, then what lines need.
    fn plan(net: &Net, output: Output, layers: &mut [Layer]) -> Demands {
        for index in 0..layers.len() {
            let line = |input: u8| match input {
                0 => Line::of_input(net),
                input => Line::of_layer(&layers[usize::from(input) - 1]),
            };
            let (input, other) = (line(layers[index].input), line(layers[index].other));
            layers[index].rows = rows(&layers[index], &input).unwrap();
            layers[index].delay = delay(&layers[index], &input, &other).unwrap();
        }
        demands(net, output, |index| layers[index]).unwrap()
    }

    fn net(count: u16, channels: u16, rows: u16) -> Net {
        Net { layers: 0, count, channels, rows, history: 0, delay: 0, receptive_hops: 0, elements: 0, rest: 0 }
    }

    #[test]
    fn a_lapped_transform_lags_by_its_look_ahead() {
        // 48 taps every 16 frames, starting 16 early: it needs 16 frames after the hop, so it runs one hop late.
        let mut layers = [layer(48, 16, 1, 16, 0, 16)];
        let demands = plan(&net(1, 1, 16), Output::Hops, &mut layers);
        assert_eq!((layers[0].rows, layers[0].delay), (1, 1));
        assert_eq!(demands.lines[0], Demand { history: 32, margin: 0, last_step: 1 });
        assert_eq!(demands.lines[1], Demand { history: 0, margin: 0, last_step: 2 });
        assert_eq!((demands.delay, demands.receptive_hops), (1, 3));
    }

    #[test]
    fn its_transpose_lags_by_its_padding() {
        let mut layers = [layer(3, 1, 16, 16, 0, 1)];
        let demands = plan(&net(1, 16, 1), Output::Rows, &mut layers);
        assert_eq!((layers[0].rows, demands.delay, demands.receptive_hops), (16, 16, 3));
        assert_eq!(demands.lines[0].history, 2);
    }

    #[test]
    fn a_sum_waits_for_its_later_summand() {
        let sum = Layer { kind: Kind::Add, input: 2, other: 1, ..layer(1, 1, 1, 0, 2, 4) };
        let mut layers = [layer(4, 4, 1, 0, 0, 4), layer(3, 1, 1, 1, 1, 4), sum];
        let demands = plan(&net(3, 1, 4), Output::Hops, &mut layers);
        assert_eq!((layers[0].delay, layers[1].delay, layers[2].delay), (0, 1, 1));
        // The first line is read by the smoothing (two rows back) and by the sum (one row back), which uses it last.
        assert_eq!(demands.lines[1], Demand { history: 2, margin: 0, last_step: 3 });
        assert_eq!(demands.receptive_hops, 3);
    }

    #[test]
    fn a_window_of_odd_taps_reads_behind_its_line() {
        // Five taps of one channel are read as eight.
        let mut layers = [layer(5, 1, 1, 4, 0, 2)];
        assert_eq!(plan(&net(1, 1, 2), Output::Hops, &mut layers).lines[0].margin, 3);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let line = Line { channels: 1, rows: 10, delay: 0, history: 0, start: 0, rest: 0 };
        assert_eq!(rows(&layer(4, 3, 1, 0, 0, 1), &line), None);
        assert_eq!(rows(&layer(4, 0, 1, 0, 0, 1), &line), None);
        assert_eq!(rows(&layer(4, 2, 2, 0, 0, 1), &line), None);
        assert_eq!(delay(&layer(2, 1, u16::MAX, 0, 0, 1), &Line { delay: 9, ..line }, &line), None);
    }
}
