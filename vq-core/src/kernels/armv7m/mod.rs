//! Armv7-M cores without DSP instructions: Cortex-M3, and Armv8-M mainline ones that have none, as a Cortex-M33 may.
//!
//! Weights and inputs are loaded with sign, one by one, so windows may start at any element.

pub(super) mod nearest;
mod requantize;
mod single;
mod triples;

use super::Kernels;
use super::arm::Convolution;
use super::portable::Integer;
use crate::model::records::Layer;

/// What the firmware prints.
pub(super) const NAME: &str = "armv7m";

/// Latents are read by elements.
pub(super) const LATENT_ALIGNMENT: usize = 2;

/// Triples of windows, then what is left one by one.
#[inline(always)]
pub(super) fn convolution(convolution: &mut Convolution<'_>) {
    let triples = convolution.count / 3;
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
    let arguments = convolution.tiles(count);
    // SAFETY: `Convolution` holds bounds and alignment of three times `count` windows and rows.
    unsafe { triples::convolution(&raw const arguments) }
}

/// The compiler's own code: a sum has no inner loop to win.
pub(super) fn add(layer: &Layer, a: &[i16], b: &mut [i16]) {
    Integer::add(layer, a, b);
}
