//! The memory plan of a model's nets: what lies where in their blocks of line buffers, and when.

use std::fmt::Write as _;

use serde::Serialize;
use vq_core::Model;
use vq_core::model::layout::{Region, regions};
use vq_core::model::plan::{Output, demands};
use vq_core::model::records::{Kind, Layer, Net};

/// Most rows of a drawing.
const ROWS: u32 = 32;

/// The block of one net.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NetMemory {
    /// `encoder` or `decoder`.
    pub net: &'static str,
    /// Bytes of the block.
    pub bytes: u32,
    /// Bytes that the lines would take side by side.
    pub unshared_bytes: u32,
    /// The steps of a hop: the input arrives, layer after layer runs, the output is used.
    pub steps: usize,
    /// The lines, the input first.
    pub lines: Vec<LineMemory>,
}

/// What a layer writes, or the input.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LineMemory {
    /// Its number: that of the step that writes it.
    pub line: usize,
    /// What writes it.
    pub writer: String,
    /// New rows per hop.
    pub rows: u16,
    /// Channels of a row.
    pub channels: u16,
    /// Rows of the past that it keeps.
    pub history: u16,
    /// The history and the new rows.
    pub buffer: Place,
    /// Where the history rests from one hop to the next; `None` without one.
    pub rest: Option<Place>,
}

/// A part of the block.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Place {
    /// First byte.
    pub start: u32,
    /// Bytes.
    pub bytes: u32,
    /// The steps in which it is in use.
    pub steps: Vec<usize>,
}

impl NetMemory {
    /// The plans of both nets.
    #[must_use]
    pub fn of(model: &Model<'_>) -> Vec<Self> {
        let directory = model.directory();
        let nets = [("encoder", directory.encoder, Output::Hops), ("decoder", directory.decoder, Output::Rows)];
        nets.into_iter().filter_map(|(name, net, output)| Self::new(model, name, &net, output)).collect()
    }

    fn new(model: &Model<'_>, name: &'static str, net: &Net, output: Output) -> Option<Self> {
        let demands = demands(net, output, |index| model.layer(net, index))?;
        let element = model.header().arithmetic.element_bytes();
        let count = usize::from(net.count);
        let steps = count + 2;
        let place = |region: Region| Place {
            start: region.start * element,
            bytes: region.elements * element,
            steps: (0..steps).filter(|step| region.steps.contains(*step as u8)).collect(),
        };
        let mut unshared = 0;
        let lines = (0..=count).map(|index| {
            let (line, demand) = (model.line(net, index), &demands.lines[index]);
            let [buffer, rest] = regions(index, &line, demand);
            unshared += buffer.elements * element;
            LineMemory {
                line: index,
                writer: index.checked_sub(1).map_or("input".into(), |layer| describe(&model.layer(net, layer))),
                rows: line.rows,
                channels: line.channels,
                history: line.history,
                buffer: place(buffer),
                rest: (rest.elements > 0).then(|| place(rest)),
            }
        });
        let lines = lines.collect();
        Some(Self { net: name, bytes: net.elements * element, unshared_bytes: unshared, steps, lines })
    }

    /// The plan as text: a column for every step, a row for every few bytes. `3` is the buffer of line 3 in use, `~3` its history at rest.
    #[must_use]
    pub fn drawing(&self) -> String {
        let per_row = self.bytes.div_ceil(ROWS).next_multiple_of(8).max(8);
        let mut text = format!(
            "\n{} memory: {} bytes of line buffers ({} without sharing), {per_row} to a row; columns are the steps of a hop\n  byte",
            self.net, self.bytes, self.unshared_bytes
        );
        for step in 0..self.steps {
            let heading = match step {
                0 => "in".to_owned(),
                step if step + 1 == self.steps => "out".to_owned(),
                step => step.to_string(),
            };
            let _ = write!(text, "{heading:>4}");
        }
        for start in (0..self.bytes).step_by(per_row as usize) {
            let _ = write!(text, "\n{start:>6}");
            for step in 0..self.steps {
                let _ = write!(text, "{:>4}", self.cell(start..start + per_row, step));
            }
        }
        text.push_str("\n  a number is a line's buffer, ~ its history at rest, . is free\n");
        for LineMemory { line, writer, rows, channels, history, .. } in &self.lines {
            let _ = writeln!(text, "  {line:>4}  {writer}: {rows} x {channels}, {history} rows of history");
        }
        text
    }

    /// What has most of these bytes in a step.
    fn cell(&self, bytes: std::ops::Range<u32>, step: usize) -> String {
        let share = |place: &Place| {
            let within = (place.start + place.bytes).min(bytes.end).saturating_sub(place.start.max(bytes.start));
            if place.steps.contains(&step) { within } else { 0 }
        };
        let shares = self.lines.iter().flat_map(|line| {
            let buffer = (share(&line.buffer), line.line.to_string());
            // While the buffer is in use the history is in it.
            let rest = line.rest.as_ref().filter(|_| !line.buffer.steps.contains(&step));
            [Some(buffer), rest.map(|rest| (share(rest), format!("~{}", line.line)))].into_iter().flatten()
        });
        let most = shares.rev().max_by_key(|(share, _)| *share);
        most.filter(|(share, _)| *share > 0).map_or(".".to_owned(), |(_, name)| name)
    }
}

/// A layer in a few words.
fn describe(layer: &Layer) -> String {
    let Layer { kernel, stride, upsample, .. } = layer;
    match layer.kind {
        Kind::Add => format!("sum of {} and {}", layer.input, layer.other),
        Kind::Depthwise => format!("depthwise of {}, kernel {kernel}, stride {stride}", layer.input),
        Kind::Convolution if *upsample > 1 => {
            format!("transposed convolution of {}, {kernel} rows, up {upsample}", layer.input)
        }
        Kind::Convolution => format!("convolution of {}, kernel {kernel}, stride {stride}", layer.input),
    }
}
