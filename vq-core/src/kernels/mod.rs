//! Inner loops and nothing else: what a core spends its time on.
//!
//! [`portable`] is the definition of every integer kernel; a form for a particular core must equal it bit for bit.
//! The `f32` form is the reference that the integers are measured against. `build.rs` chooses the form by the target:
//! [`Native`] is its arithmetic and [`FORM`] its name. The feature `small-kernels` leaves out the loops for several windows at a time.
//!
//! Forms are naked functions, or intrinsics on a host, the one place in this crate with `unsafe`: [`portable`] is the twin that each is tested against,
//! on the core itself. With the feature `std` a host of x86-64 has one too, whose [`FORM`] is still `portable`: the processor is asked at run time.

/// The methods of [`Kernels`] that no form has of its own, as the definition has them.
#[cfg(any(kernels, host))]
macro_rules! single_latents_and_samples {
    () => {
        fn subtract_vector(codebook: &[u8], index: u16, latent: &mut [i16]) {
            $crate::kernels::portable::Integer::subtract_vector(codebook, index, latent);
        }

        fn add_vector(codebook: &[u8], index: u16, latent: &mut [i16]) {
            $crate::kernels::portable::Integer::add_vector(codebook, index, latent);
        }

        fn quantize(step: &$crate::model::records::Step, limit: i16, latent: i16) -> i16 {
            $crate::kernels::portable::Integer::quantize(step, limit, latent)
        }

        fn dequantize(step: &$crate::model::records::Step, code: i16) -> i16 {
            $crate::kernels::portable::Integer::dequantize(step, code)
        }

        fn scale_in(scaling: &$crate::model::records::Scaling, sample: i32) -> i16 {
            $crate::kernels::portable::Integer::scale_in(scaling, sample)
        }

        fn magnitude(element: i16) -> u16 {
            $crate::kernels::portable::Integer::magnitude(element)
        }

        fn scale_out(scaling: &$crate::model::records::Scaling, output: i16) -> i32 {
            $crate::kernels::portable::Integer::scale_out(scaling, output)
        }
    };
}

#[cfg(kernels = "armv6m")]
#[allow(unsafe_code, reason = "naked functions")]
mod armv6m;
#[cfg(kernels = "armv7m")]
#[allow(unsafe_code, reason = "naked functions")]
mod armv7m;
#[cfg(kernels)]
#[allow(unsafe_code, reason = "gives naked functions their pointers")]
mod checked;
#[cfg(kernels = "dsp")]
#[allow(unsafe_code, reason = "naked functions")]
mod dsp;
#[cfg(feature = "f32")]
pub mod float;
#[allow(unsafe_code, reason = "naked functions")]
pub mod gates;
#[allow(unsafe_code, reason = "naked functions")]
pub(crate) mod memory;
pub mod portable;
#[cfg(kernels = "rv32im")]
#[allow(unsafe_code, reason = "naked functions")]
mod rv32im;
#[cfg(host = "x86")]
#[allow(unsafe_code, reason = "intrinsics read and write by pointers")]
pub mod x86;

use crate::model::records::{Activation, Layer, Scaling, Step};

#[cfg(kernels = "armv6m")]
use armv6m as form;
#[cfg(kernels = "armv7m")]
use armv7m as form;
#[cfg(kernels = "dsp")]
use dsp as form;
#[cfg(kernels = "rv32im")]
use rv32im as form;

/// The integer arithmetic in the form for this target.
#[cfg(kernels)]
pub use checked::Checked as Native;
/// The integer arithmetic in the form for this target.
#[cfg(not(any(kernels, host)))]
pub use portable::Integer as Native;
/// The integer arithmetic in the form for this target.
#[cfg(host = "x86")]
pub use x86::Host as Native;

/// The name of the form that is compiled in: `portable`, `armv6m`, `armv7m`, `arm-dsp` or `rv32im`, with `-small` behind it by the feature `small-kernels`.
#[cfg(kernels)]
pub const FORM: &str = form::NAME;
/// The name of the form that is compiled in: `portable`, `armv6m`, `armv7m`, `arm-dsp` or `rv32im`, with `-small` behind it by the feature `small-kernels`.
#[cfg(not(kernels))]
pub const FORM: &str = "portable";

/// `⌊numerator / denominator⌋`, 0 if the denominator is. The numbers are sizes of a model, and few are divided: where the core cannot, a loop of a few bytes
/// does, in place of the compiler's function of half a KiB.
#[inline(never)]
pub(crate) const fn quotient(numerator: u32, denominator: u32) -> u32 {
    if denominator == 0 {
        return 0;
    }
    if cfg!(kernels = "armv6m") { long_division(numerator, denominator) } else { numerator / denominator }
}

/// The same of a denominator that is not 0, without the core's help.
const fn long_division(numerator: u32, denominator: u32) -> u32 {
    let (mut rest, mut quotient, mut part) = (numerator, 0, denominator);
    while part <= numerator >> 1 {
        part <<= 1;
    }
    while part >= denominator {
        quotient <<= 1;
        if rest >= part {
            rest -= part;
            quotient += 1;
        }
        part >>= 1;
    }
    quotient
}

/// The numbers that a model computes with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Arithmetic {
    /// int8 weights, int16 activations, int32 accumulators: one result on every core.
    Integer = 0,
    /// f32 throughout: a reference; results may differ between machines.
    Float = 1,
}

impl Arithmetic {
    /// Bytes of one element of a line buffer.
    #[must_use]
    pub const fn element_bytes(self) -> u32 {
        match self {
            Self::Integer => 2,
            Self::Float => 4,
        }
    }
}

/// Where a convolution reads and writes, all in elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Windows {
    /// Number of windows.
    pub count: usize,
    /// Elements from one window to the next.
    pub step: usize,
    /// Elements of a window that carry weights.
    pub taps: usize,
    /// Output elements per window: channels of all phases.
    pub outputs: usize,
}

/// What a depthwise convolution reads and writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Columns {
    /// Number of windows, which is that of output rows.
    pub count: usize,
    /// Rows from one window to the next.
    pub stride: usize,
    /// Rows of a window.
    pub kernel: usize,
    /// Elements of a row, read and written.
    pub width: usize,
}

/// The element type of a line buffer and the operations on it.
pub trait Kernels {
    /// An activation or latent.
    type Element: bytemuck::Pod + Default + PartialOrd;

    /// Convolution: for each window the outputs of its weight stream, followed by the activation.
    /// `input` starts at the first window; `output` gets `count · outputs` elements without gaps.
    fn convolution(
        windows: &Windows,
        activation: Activation,
        input: &[Self::Element],
        stream: &[u8],
        output: &mut [Self::Element],
    );

    /// A matrix times a vector: the convolution of one window without an activation, into all of `output`; zeros where `taps` is 0.
    fn product(taps: usize, input: &[Self::Element], stream: &[u8], output: &mut [Self::Element]) {
        if taps == 0 {
            return memory::clear(output);
        }
        let windows = Windows { count: 1, step: taps, taps, outputs: output.len() };
        Self::convolution(&windows, Activation::Linear, input, stream, output);
    }

    /// Depthwise convolution: every element of a row is the weighted sum of the same element in the rows of its window, followed
    /// by the activation. `input` starts at the first window; `output` gets `count · width` elements without gaps.
    fn depthwise(
        columns: &Columns,
        activation: Activation,
        input: &[Self::Element],
        stream: &[u8],
        output: &mut [Self::Element],
    );

    /// `b[i] = a[i] + b[i]`, scaled as the layer says, followed by the activation.
    fn add(layer: &Layer, a: &[Self::Element], b: &mut [Self::Element]);

    /// The index of the vector of a codebook that is nearest to `latent`; the lowest on a tie.
    fn nearest(codebook: &[u8], alphabet: usize, latent: &[Self::Element]) -> u16;

    /// Subtracts vector `index` from `latent`.
    fn subtract_vector(codebook: &[u8], index: u16, latent: &mut [Self::Element]);

    /// Adds vector `index` to `latent`.
    fn add_vector(codebook: &[u8], index: u16, latent: &mut [Self::Element]);

    /// A latent in steps, rounded, within ±`limit`.
    fn quantize(step: &Step, limit: i16, latent: Self::Element) -> i16;

    /// The latent that a number of steps stands for.
    fn dequantize(step: &Step, code: i16) -> Self::Element;

    /// A sample as the net's input.
    fn scale_in(scaling: &Scaling, sample: i32) -> Self::Element;

    /// How large a scaled sample is for an element that has a largest one; 0 where elements have none.
    fn magnitude(element: Self::Element) -> u16;

    /// The net's output as a sample.
    fn scale_out(scaling: &Scaling, output: Self::Element) -> i32;
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn long_division_divides(numerator: u32, denominator in 1u32.., shift in 0u32..32) {
            let denominator = (denominator >> shift).max(1);
            prop_assert_eq!(long_division(numerator, denominator), numerator / denominator);
            prop_assert_eq!(quotient(numerator, denominator), numerator / denominator);
            prop_assert_eq!(quotient(numerator, 0), 0);
        }
    }
}
