//! Cores with Armv6-M's instructions and no more: Cortex-M0, M0+, M1 and M23.
//!
//! Sums live in the high registers, which can be added to and little else; weights and inputs are loaded with sign by
//! two registers each, four of which hold the constants 0, 4, 8 and 12. Windows may start at any element.

mod add;
mod convolution;
mod depthwise;
mod finish;
pub(super) mod nearest;

use super::checked::{Convolution, Depthwise};
use super::portable::BLOCK_OVERHEAD;
use crate::model::records::{Activation, Layer};

/// What the firmware prints.
pub(super) const NAME: &str = "armv6m";

/// Latents and rows are read by elements.
pub(super) const INPUT_ALIGNMENT: usize = 2;

/// All windows in one call.
#[inline]
pub(super) fn convolution(convolution: &mut Convolution<'_>) {
    let (input, output) = convolution.window_and_row(0);
    let stream = convolution.stream.as_ptr();
    let block_bytes = BLOCK_OVERHEAD + convolution.window * 4;
    let arguments = convolution::Arguments {
        input,
        window: convolution.window * 2,
        stream,
        output,
        step: convolution.step * 2,
        count: convolution.count,
        whole_blocks: stream.wrapping_add(convolution.outputs / 4 * block_bytes),
        rest: convolution.outputs % 4,
        activation: convolution.activation as usize,
    };
    // SAFETY: `Convolution` holds bounds and alignment of all windows, rows and blocks.
    unsafe { convolution::convolution(&raw const arguments) }
}

/// As any one window.
pub(super) use convolution as product;

/// Columns, where there are four windows; otherwise rows.
#[inline]
pub(super) fn depthwise(depthwise: &mut Depthwise<'_>) {
    let arguments = depthwise.rows();
    let kernel = if depthwise.count >= 4 { depthwise::columns } else { depthwise::rows };
    // SAFETY: `Depthwise` holds bounds and alignment of all windows, rows and blocks.
    unsafe { kernel(&raw const arguments) }
}

/// All elements in one call.
pub(super) fn add(layer: &Layer, a: &[i16], b: &mut [i16]) {
    let length = a.len().min(b.len()) * 2;
    let kernel = match layer.activation {
        Activation::Linear => add::add_linear,
        Activation::Relu => add::add_relu,
        Activation::LeakyRelu => add::add_leaky_relu,
    };
    let (multiplier, other_multiplier) = (i32::from(layer.multiplier), i32::from(layer.other_multiplier));
    let shift = u32::from(layer.shift & 15);
    let round = (1 << shift) >> 1;
    if length != 0 {
        // SAFETY: both slices have at least `length` bytes.
        unsafe { kernel(a.as_ptr(), b.as_mut_ptr(), multiplier, other_multiplier, length, shift, round) }
    }
}
