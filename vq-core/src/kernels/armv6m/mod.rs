//! Cores with Armv6-M's instructions and no more: Cortex-M0, M0+, M1 and M23.
//!
//! Sums live in the high registers, which can be added to and little else; weights and inputs are loaded with sign by
//! two registers each, four of which hold the constants 0, 4, 8 and 12. Windows may start at any element.

mod convolution;
mod depthwise;
mod finish;
pub(super) mod nearest;

use super::Kernels;
use super::checked::{Convolution, Depthwise};
use super::portable::{BLOCK_OVERHEAD, Integer};
use crate::model::records::Layer;

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

/// Columns, where there are four windows; otherwise rows.
#[inline]
pub(super) fn depthwise(depthwise: &mut Depthwise<'_>) {
    let arguments = depthwise.rows();
    let kernel = if depthwise.count >= 4 { depthwise::columns } else { depthwise::rows };
    // SAFETY: `Depthwise` holds bounds and alignment of all windows, rows and blocks.
    unsafe { kernel(&raw const arguments) }
}

/// The compiler's own code: a sum has no inner loop to win.
pub(super) fn add(layer: &Layer, a: &[i16], b: &mut [i16]) {
    Integer::add(layer, a, b);
}
