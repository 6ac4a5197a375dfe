//! Cores with Arm's DSP instructions: Cortex-M4 and M7, and M33 by the feature `cortex-m33-dsp`.
//!
//! The dual multiply-accumulate takes two taps at a time; `sxtb16` makes its operands out of four packed weights. Loops are
//! naked functions, because the compiler spills around the same loop written with single instructions.
//! Single words may lie at odd elements, in rows of an odd number and in windows of one channel: these cores allow that on
//! ordinary memory.

mod add;
mod depthwise;
mod first;
pub(super) mod nearest;
mod pairs;
mod requantize;
mod single;
mod two;

use super::Kernels;
use super::checked::{BY_SEVERAL, Convolution, Depthwise};
use super::portable::Integer;
use crate::model::records::Layer;

/// What the firmware prints.
pub(super) const NAME: &str = if BY_SEVERAL { "arm-dsp" } else { "arm-dsp-small" };

/// Latents and rows of several channels are read two words at a time.
pub(super) const INPUT_ALIGNMENT: usize = 4;

/// Pairs of windows, then the odd one. Windows that do not all start at whole words go one by one: a layer with one input
/// channel has them if it moves by an odd number of samples, or starts at an odd one.
#[inline(always)]
pub(super) fn convolution(convolution: &mut Convolution<'_>) {
    let (first, _) = convolution.window_and_row(0);
    let in_words = (first.addr() | (convolution.step * 2)) & 3 == 0;
    let pairs = if in_words && BY_SEVERAL { convolution.count / 2 } else { 0 };
    if pairs != 0 {
        if convolution.window == 8 && convolution.step == 2 && convolution.outputs.is_multiple_of(4) {
            first_layer(convolution, pairs);
        } else {
            two_windows(convolution, pairs);
        }
    }
    for index in pairs * 2..convolution.count {
        one_window(convolution, index);
    }
}

/// Two outputs have a kernel of their own.
#[inline(always)]
pub(super) fn product(product: &mut Convolution<'_>) {
    if product.outputs != 2 {
        return one_window(product, 0);
    }
    let (input, output) = product.window_and_row(0);
    // SAFETY: `Convolution` holds bounds of the window and the row and alignment of the stream.
    unsafe { two::product(input, product.stream.as_ptr(), output, product.window / 4) }
}

#[inline]
fn one_window(convolution: &mut Convolution<'_>, index: usize) {
    let (input, output) = convolution.window_and_row(index);
    let stream = convolution.stream.as_ptr();
    let (window, row) = (convolution.window * 2, convolution.outputs * 2);
    // SAFETY: `Convolution` holds bounds of all windows and alignment of the stream, and `index` is below their number.
    unsafe { single::convolution(input, stream, output, window, row, convolution.activation as usize) }
}

#[inline]
fn two_windows(convolution: &mut Convolution<'_>, count: usize) {
    let arguments = convolution.tiles(0, count);
    // SAFETY: `Convolution` holds bounds of twice `count` windows and rows, the caller has checked their alignment.
    unsafe { pairs::convolution(&raw const arguments) }
}

#[inline]
fn first_layer(convolution: &mut Convolution<'_>, count: usize) {
    let (input, output) = convolution.window_and_row(0);
    // SAFETY: `Convolution` holds bounds of twice `count` windows and rows, the caller has checked their alignment and shape.
    unsafe {
        first::convolution(
            input,
            convolution.stream.as_ptr(),
            output,
            convolution.outputs * 2,
            count,
            convolution.activation as usize,
        )
    }
}

/// Columns, where their weights fit registers and there are enough windows to pay for loading them; the other windows one by one.
#[inline(always)]
pub(super) fn depthwise(depthwise: &mut Depthwise<'_>) {
    let by_columns = BY_SEVERAL && depthwise.stride == 1 && depthwise.count >= 4 && matches!(depthwise.kernel, 3 | 5);
    let pairs = if by_columns { depthwise.count / 2 } else { 0 };
    if pairs != 0 {
        let kernel = if depthwise.kernel == 3 { depthwise::columns_of_three } else { depthwise::columns_of_five };
        let arguments = depthwise.column_tiles(depthwise.width / 2, pairs);
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

/// Pairs of elements; a last odd one is the portable form's.
pub(super) fn add(layer: &Layer, a: &[i16], b: &mut [i16]) {
    let length = a.len().min(b.len());
    let multipliers = u32::from(layer.multiplier as u16) | u32::from(layer.other_multiplier as u16) << 16;
    if length >= 2 {
        // SAFETY: both slices have at least `length` elements.
        unsafe {
            let (shift, activation) = (u32::from(layer.shift & 15), layer.activation as usize);
            add::add(a.as_ptr(), b.as_mut_ptr(), length / 2, multipliers, shift, activation);
        }
    }
    if !length.is_multiple_of(2) {
        let last = length - 1..length;
        Integer::add(layer, a.get(last.clone()).unwrap_or_default(), b.get_mut(last).unwrap_or_default());
    }
}
