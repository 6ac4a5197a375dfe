//! The kernels of cores that have a form of their own: shapes are checked here, once per call, and the loops run in naked functions.
//!
//! What is rare or cheap (the last vectors of a codebook, single latents, samples, depthwise convolutions of odd rows) is the portable form's. A
//! convolution that no model asks for, because it would read or write out of bounds or is larger than the format allows, is not run.

use super::memory::clear;
use super::portable::{self, Integer};
use super::{Columns, Kernels, Windows, form};
use crate::model::plan::WINDOW_LIMIT;
use crate::model::records::{Activation, Layer};

/// The integer arithmetic of the numeric contract, in this core's own instructions.
#[derive(Debug, Clone, Copy)]
pub struct Checked;

/// Whether several windows are taken at a time where they can be.
pub(super) const BY_SEVERAL: bool = cfg!(not(any(kernels = "armv6m", feature = "small-kernels")));

/// Sizes from here on no model has, so that no product of two of them overflows.
const SIZE_LIMIT: usize = WINDOW_LIMIT as usize;

/// A convolution whose windows, weights and rows are known to lie inside the slices they are read from and written to.
pub(super) struct Convolution<'a> {
    /// Number of windows, at least 1.
    pub(super) count: usize,
    /// Elements from one window to the next.
    pub(super) step: usize,
    /// Elements of a window, a multiple of 4.
    pub(super) window: usize,
    /// Outputs per window, at least 1.
    pub(super) outputs: usize,
    pub(super) activation: Activation,
    /// `(count − 1) · step + window` elements or more.
    input: &'a [i16],
    /// Whole blocks for all outputs, word aligned.
    pub(super) stream: &'a [u8],
    /// `count · outputs` elements or more.
    output: &'a mut [i16],
}

impl<'a> Convolution<'a> {
    /// `None` where a size is zero or out of bounds, or where the stream is not aligned.
    #[inline(always)]
    fn new(
        windows: &Windows,
        activation: Activation,
        input: &'a [i16],
        stream: &'a [u8],
        output: &'a mut [i16],
    ) -> Option<Self> {
        let Windows { count, step, taps, outputs } = *windows;
        if count == 0 || outputs == 0 || (count | step | taps | outputs) >= SIZE_LIMIT {
            return None;
        }
        let window = (taps + 3) & !3;
        let stream_bytes = outputs.div_ceil(4) * (portable::BLOCK_OVERHEAD + window * 4);
        let last = (count - 1) * step;
        let inside = window != 0
            && last + window <= input.len()
            && stream_bytes <= stream.len()
            && count * outputs <= output.len();
        let aligned = stream.as_ptr().addr() & 3 == 0;
        (inside && aligned).then_some(Self { count, step, window, outputs, activation, input, stream, output })
    }

    /// Where window `index` and its row start; both are inside for every `index` below `count`.
    #[inline]
    pub(super) fn window_and_row(&mut self, index: usize) -> (*const i16, *mut i16) {
        let (window, row) = (index * self.step, index * self.outputs);
        (self.input.as_ptr().wrapping_add(window), self.output.as_mut_ptr().wrapping_add(row))
    }

    /// `count` groups of windows from window `first` on.
    #[cfg(not(kernels = "armv6m"))]
    #[inline]
    pub(super) fn tiles(&mut self, first: usize, count: usize) -> Tiles {
        let (input, output) = self.window_and_row(first);
        Tiles {
            input,
            stream: self.stream.as_ptr(),
            output,
            window: self.window * 2,
            step: self.step * 2,
            row: self.outputs * 2,
            count,
            activation: self.activation as usize,
        }
    }
}

/// What a kernel that takes several windows at a time reads and writes; sizes in bytes. Read by offset in assembly.
#[cfg(not(kernels = "armv6m"))]
#[repr(C)]
pub(super) struct Tiles {
    /// First window.
    input: *const i16,
    /// Weight stream, word aligned.
    stream: *const u8,
    /// First row.
    output: *mut i16,
    /// Length of a window, a multiple of 8, not 0.
    window: usize,
    /// From one window to the next.
    step: usize,
    /// From one output row to the next: every output of a row is written.
    row: usize,
    /// Groups of windows, not 0.
    count: usize,
    /// The number of the activation.
    activation: usize,
}

/// A depthwise convolution whose windows, weights and rows are known to lie inside the slices they are read from and written to,
/// words aligned where this core's loads need it.
pub(super) struct Depthwise<'a> {
    /// Number of windows, at least 1.
    pub(super) count: usize,
    /// Rows from one window to the next.
    pub(super) stride: usize,
    /// Rows of a window, at least 1.
    pub(super) kernel: usize,
    /// Elements of a row, an even number, at least 2.
    pub(super) width: usize,
    pub(super) activation: Activation,
    input: &'a [i16],
    /// Whole blocks for all channels, word aligned.
    pub(super) stream: &'a [u8],
    output: &'a mut [i16],
}

impl<'a> Depthwise<'a> {
    /// `None` where a size is zero or out of bounds, where rows have an odd number of elements, or where loads would fault.
    #[inline(always)]
    fn new(
        columns: &Columns,
        activation: Activation,
        input: &'a [i16],
        stream: &'a [u8],
        output: &'a mut [i16],
    ) -> Option<Self> {
        let Columns { count, stride, kernel, width } = *columns;
        if count == 0 || kernel == 0 || width == 0 || width % 2 != 0 || (count | stride | kernel | width) >= SIZE_LIMIT
        {
            return None;
        }
        // A last block of two channels is read as four.
        let window = (kernel - 1) * width + ((width + 3) & !3);
        let last = (count - 1).checked_mul(stride * width)?;
        let stream_bytes = width.div_ceil(4) * (portable::BLOCK_OVERHEAD + kernel * 4);
        let inside =
            last.checked_add(window)? <= input.len() && stream_bytes <= stream.len() && count * width <= output.len();
        let rows = input.as_ptr().addr() | output.as_ptr().addr();
        let misplaced = (rows & (form::INPUT_ALIGNMENT - 1)) | (stream.as_ptr().addr() & 3);
        (inside && misplaced == 0).then_some(Self { count, stride, kernel, width, activation, input, stream, output })
    }

    /// Where window `index` and its row start; both are inside for every `index` below `count`.
    #[inline]
    pub(super) fn window_and_row(&mut self, index: usize) -> (*const i16, *mut i16) {
        let (window, row) = (index * self.stride * self.width, index * self.width);
        (self.input.as_ptr().wrapping_add(window), self.output.as_mut_ptr().wrapping_add(row))
    }

    /// All windows.
    #[cfg(any(kernels = "armv6m", kernels = "rv32im"))]
    #[inline]
    pub(super) fn rows(&mut self) -> DepthwiseRows {
        let (input, output) = self.window_and_row(0);
        DepthwiseRows {
            input,
            step: self.stride * self.width * 2,
            output,
            row: self.width * 2,
            stream: self.stream.as_ptr(),
            weights: self.kernel * 4,
            count: self.count,
            activation: self.activation as usize,
        }
    }

    /// The first `pairs` of windows that move by one row.
    #[cfg(any(kernels = "dsp", kernels = "armv7m"))]
    #[inline]
    pub(super) fn column_tiles(&mut self, columns: usize, pairs: usize) -> ColumnTiles {
        let (input, output) = self.window_and_row(0);
        ColumnTiles {
            input,
            stream: self.stream.as_ptr(),
            output,
            row: self.width * 2,
            columns,
            windows: pairs * 2,
            activation: self.activation as usize,
        }
    }
}

/// What a depthwise kernel that takes a column after the other reads and writes. Read by offset in assembly.
#[cfg(any(kernels = "dsp", kernels = "armv7m"))]
#[repr(C)]
pub(super) struct ColumnTiles {
    /// First window.
    input: *const i16,
    /// Weight stream, word aligned.
    stream: *const u8,
    /// First row.
    output: *mut i16,
    /// Bytes from one row to the next, of the input and of the output.
    row: usize,
    /// Columns, not 0.
    columns: usize,
    /// Windows, an even number, not 0.
    windows: usize,
    /// The number of the activation.
    activation: usize,
}

/// What a depthwise kernel that takes a row after the other reads and writes; sizes in bytes. Read by offset in assembly.
#[cfg(any(kernels = "armv6m", kernels = "rv32im"))]
#[repr(C)]
pub(super) struct DepthwiseRows {
    /// First window.
    input: *const i16,
    /// From one window to the next.
    step: usize,
    /// First row.
    output: *mut i16,
    /// From one row to the next, of the input and of the output; a multiple of 4, not 0.
    row: usize,
    /// Weight stream, word aligned.
    stream: *const u8,
    /// Length of a block's weights: 4 for every row of a window, not 0.
    weights: usize,
    /// Windows, not 0.
    count: usize,
    /// The number of the activation.
    activation: usize,
}

/// A search over whole blocks of four vectors that are known to lie inside the codebook.
struct Search<'a> {
    /// Number of blocks, at least 1.
    blocks: usize,
    /// Word aligned.
    codebook: &'a [u8],
    /// An even number of components, at least 2, at a multiple of [`form::INPUT_ALIGNMENT`].
    latent: &'a [i16],
}

impl<'a> Search<'a> {
    /// `None` where a size is zero, odd or out of bounds, or where this core's loads would fault.
    #[inline]
    fn new(codebook: &'a [u8], alphabet: usize, latent: &'a [i16]) -> Option<Self> {
        let (blocks, channels) = (alphabet / 4, latent.len());
        if blocks == 0 || channels == 0 || channels % 2 != 0 || (alphabet | channels) >= SIZE_LIMIT {
            return None;
        }
        let inside = blocks * (16 + 8 * channels) <= codebook.len();
        let misplaced = (latent.as_ptr().addr() & (form::INPUT_ALIGNMENT - 1)) | (codebook.as_ptr().addr() & 3);
        (inside && misplaced == 0).then_some(Self { blocks, codebook, latent })
    }

    /// Index and score of the nearest vector of the whole blocks.
    #[inline]
    fn nearest(&self) -> (u16, i32) {
        let (latent, codebook) = (self.latent.as_ptr(), self.codebook.as_ptr());
        // SAFETY: `new` has checked bounds and alignment of the latent and all blocks.
        let found = unsafe { form::nearest::nearest(latent, codebook, self.blocks, self.latent.len() * 2) };
        (found as u16, (found >> 32) as i32)
    }
}

/// Out of line, so that the usual way saves no registers for it.
#[inline(never)]
fn many_windows(windows: &Windows, activation: Activation, input: &[i16], stream: &[u8], output: &mut [i16]) {
    if let Some(mut all) = Convolution::new(windows, activation, input, stream, output) {
        form::convolution(&mut all);
    }
}

#[cold]
#[inline(never)]
fn portable_depthwise(columns: &Columns, activation: Activation, input: &[i16], stream: &[u8], output: &mut [i16]) {
    Integer::depthwise(columns, activation, input, stream, output);
}

impl Kernels for Checked {
    type Element = i16;

    fn convolution(windows: &Windows, activation: Activation, input: &[i16], stream: &[u8], output: &mut [i16]) {
        // One window is what streaming mostly asks for: with its count known half of the checks fall away, and the other forms' loops.
        if !BY_SEVERAL || windows.count != 1 {
            return many_windows(windows, activation, input, stream, output);
        }
        let only = Windows { count: 1, step: 0, ..*windows };
        if let Some(mut one) = Convolution::new(&only, activation, input, stream, output) {
            form::convolution(&mut one);
        }
    }

    fn product(taps: usize, input: &[i16], stream: &[u8], output: &mut [i16]) {
        let only = Windows { count: 1, step: 0, taps, outputs: output.len() };
        if taps == 0 {
            clear(output);
        } else if cfg!(kernels = "armv6m") {
            many_windows(&only, Activation::Linear, input, stream, output);
        } else if let Some(mut one) = Convolution::new(&only, Activation::Linear, input, stream, output) {
            form::product(&mut one);
        }
    }

    fn depthwise(columns: &Columns, activation: Activation, input: &[i16], stream: &[u8], output: &mut [i16]) {
        let done = Depthwise::new(columns, activation, input, stream, output).map(|mut all| form::depthwise(&mut all));
        if done.is_none() {
            portable_depthwise(columns, activation, input, stream, output);
        }
    }

    fn add(layer: &Layer, a: &[i16], b: &mut [i16]) {
        form::add(layer, a, b);
    }

    fn nearest(codebook: &[u8], alphabet: usize, latent: &[i16]) -> u16 {
        let search = Search::new(codebook, alphabet, latent);
        let (found, best) = search.map_or((0, (0, i32::MAX)), |search| (search.blocks * 4, search.nearest()));
        portable::nearest_from(found, best, codebook, alphabet, latent)
    }

    single_latents_and_samples!();
}
