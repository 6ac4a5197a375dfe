//! RISC-V cores of 32 bits with multiplication: RV32IM and what adds to it.
//!
//! Weights and inputs are loaded with sign, one by one, so windows may start at any element.

mod convolution;
mod depthwise;
mod finish;
pub(super) mod nearest;

use super::Kernels;
use super::checked::{BY_SEVERAL, Convolution, Depthwise};
use super::portable::Integer;
use crate::model::records::Layer;

/// What the firmware prints.
pub(super) const NAME: &str = if BY_SEVERAL { "rv32im" } else { "rv32im-small" };

/// Latents and rows are read by elements.
pub(super) const INPUT_ALIGNMENT: usize = 2;

/// Groups of four windows, then what is left one by one.
#[inline(always)]
pub(super) fn convolution(convolution: &mut Convolution<'_>) {
    let groups = if BY_SEVERAL { convolution.count / 4 } else { 0 };
    if groups != 0 {
        let arguments = convolution.tiles(0, groups);
        // SAFETY: `Convolution` holds bounds of four times `groups` windows and rows, and alignment of the stream.
        unsafe { convolution::four_windows(&raw const arguments) }
    }
    let left = convolution.count - groups * 4;
    if left != 0 {
        let arguments = convolution.tiles(groups * 4, left);
        // SAFETY: `Convolution` holds bounds of the last `left` windows and rows, and alignment of the stream.
        unsafe { convolution::single_windows(&raw const arguments) }
    }
}

/// All windows in one call.
#[inline(always)]
pub(super) fn depthwise(depthwise: &mut Depthwise<'_>) {
    let arguments = depthwise.rows();
    // SAFETY: `Depthwise` holds bounds and alignment of all windows, rows and blocks.
    unsafe { depthwise::depthwise(&raw const arguments) }
}

/// As any one window.
pub(super) use convolution as product;

/// The compiler's own code: a sum has no inner loop to win.
pub(super) fn add(layer: &Layer, a: &[i16], b: &mut [i16]) {
    Integer::add(layer, a, b);
}
