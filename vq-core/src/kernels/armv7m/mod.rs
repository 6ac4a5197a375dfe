//! Armv7-M cores without DSP instructions: Cortex-M3, and Armv8-M mainline ones that have none, as a Cortex-M33 may.
//!
//! Weights and inputs are loaded with sign, one by one, so windows may start at any element.

mod depthwise;
pub(super) mod nearest;
mod requantize;
mod single;
mod triples;

use super::Kernels;
use super::checked::{BY_SEVERAL, Convolution, Depthwise};
use super::portable::Integer;
use crate::model::records::Layer;

/// What the firmware prints.
pub(super) const NAME: &str = if BY_SEVERAL { "armv7m" } else { "armv7m-small" };

/// Latents and rows are read by elements.
pub(super) const INPUT_ALIGNMENT: usize = 2;

/// Triples of windows, then what is left one by one.
#[inline(always)]
pub(super) fn convolution(convolution: &mut Convolution<'_>) {
    let triples = if BY_SEVERAL { convolution.count / 3 } else { 0 };
    if triples != 0 {
        three_windows(convolution, triples);
    }
    for index in triples * 3..convolution.count {
        one_window(convolution, index);
    }
}

#[inline]
fn one_window(convolution: &mut Convolution<'_>, index: usize) {
    let (input, output) = convolution.window_and_row(index);
    let stream = convolution.stream.as_ptr();
    let (window, row) = (convolution.window * 2, convolution.outputs * 2);
    // SAFETY: `Convolution` holds bounds and alignment of all windows, and `index` is below their number.
    unsafe { single::convolution(input, stream, output, window, row, convolution.activation as usize) }
}

#[inline]
fn three_windows(convolution: &mut Convolution<'_>, count: usize) {
    let arguments = convolution.tiles(0, count);
    // SAFETY: `Convolution` holds bounds and alignment of three times `count` windows and rows.
    unsafe { triples::convolution(&raw const arguments) }
}

/// Columns, where their weights fit registers and there are enough windows to pay for loading them; the other windows one by one.
#[inline(always)]
pub(super) fn depthwise(depthwise: &mut Depthwise<'_>) {
    let by_columns = BY_SEVERAL && depthwise.stride == 1 && depthwise.count >= 4 && matches!(depthwise.kernel, 3 | 5);
    let pairs = if by_columns { depthwise.count / 2 } else { 0 };
    if pairs != 0 {
        let kernel = if depthwise.kernel == 3 { depthwise::columns_of_three } else { depthwise::columns_of_five };
        let arguments = depthwise.column_tiles(depthwise.width, pairs);
        // SAFETY: `Depthwise` holds bounds of twice `pairs` windows and rows and alignment of the stream.
        unsafe { kernel(&raw const arguments) }
    }
    for index in pairs * 2..depthwise.count {
        let (input, output) = depthwise.window_and_row(index);
        let (stream, row) = (depthwise.stream.as_ptr(), depthwise.width * 2);
        let activation = depthwise.activation as usize;
        // SAFETY: `Depthwise` holds bounds and alignment of all windows and rows, and `index` is below their number.
        unsafe { depthwise::one_window(input, stream, output, depthwise.kernel, row, activation) }
    }
}

/// As any one window.
pub(super) use convolution as product;

/// The compiler's own code: a sum has no inner loop to win.
pub(super) fn add(layer: &Layer, a: &[i16], b: &mut [i16]) {
    Integer::add(layer, a, b);
}
