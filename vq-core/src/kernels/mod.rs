//! Inner loops and nothing else: what a core spends its time on.
//!
//! [`portable`] is the definition of every integer kernel; a form for a particular core must equal it bit for bit.
//! The `f32` form is the reference that the integers are measured against.

#[cfg(feature = "f32")]
pub mod float;
pub mod portable;

use crate::model::records::{Activation, Layer, Scaling, Step};

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

    /// `output[i] = a[i] + b[i]`, scaled as the layer says, followed by the activation.
    fn add(layer: &Layer, a: &[Self::Element], b: &[Self::Element], output: &mut [Self::Element]);

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

    /// Whether a scaled sample may have been beyond the element's range.
    fn is_saturated(element: Self::Element) -> bool;

    /// The net's output as a sample.
    fn scale_out(scaling: &Scaling, output: Self::Element) -> i32;
}
