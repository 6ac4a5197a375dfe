//! The f32 form of the kernels: the reference that integer lowering is measured against, and a path for cores with an FPU.
//!
//! All that it needs beyond the four operations is rounding, where latents become codes and outputs become counts: libm's, or with the
//! feature `micromath` that crate's, which is shorter. They differ by one where a value is halfway between two whole numbers, to
//! the last bit of an f32, and from 2^23 on; elsewhere they are equal (a test measures it).

use super::{Columns, Kernels, Windows};
use crate::bytes::u32_at;
use crate::model::records::{Activation, Layer, Scaling, Step};

/// Float arithmetic.
#[derive(Debug, Clone, Copy)]
pub struct Float;

fn f32_at(bytes: &[u8], offset: usize) -> f32 {
    f32::from_bits(u32_at(bytes, offset))
}

/// The nearest whole number: libm's, of two equally near ones the even one.
#[cfg(not(feature = "micromath"))]
fn round(value: f32) -> f32 {
    libm::rintf(value)
}

/// The nearest whole number within the range of an `i32`: micromath's, of two equally near ones the one farther from zero.
#[cfg(feature = "micromath")]
fn round(value: f32) -> f32 {
    micromath::F32(value).round().0
}

fn activate(activation: Activation, value: f32) -> f32 {
    match activation {
        Activation::Linear => value,
        Activation::Relu => value.max(0.0),
        Activation::LeakyRelu => value.max(value * 0.125),
    }
}

/// The components of a vector of a codebook: the vectors' offsets `[alphabet]`, then the vectors `[alphabet, channels]`.
fn vector(codebook: &[u8], index: u16, channels: usize) -> impl Iterator<Item = f32> + '_ {
    let alphabet = codebook.len() / ((channels + 1) * 4);
    let start = (alphabet + usize::from(index) * channels) * 4;
    (0..channels).map(move |channel| f32_at(codebook, start + channel * 4))
}

/// The step in the first four bytes of a record.
fn step_size(step: &Step) -> f32 {
    f32::from_bits(u32::from(step.multiply) << 16 | u32::from(step.divide))
}

impl Kernels for Float {
    type Element = f32;

    fn convolution(windows: &Windows, activation: Activation, input: &[f32], stream: &[u8], output: &mut [f32]) {
        if windows.outputs == 0 {
            return;
        }
        for (index, row) in output.chunks_exact_mut(windows.outputs).take(windows.count).enumerate() {
            let window =
                input.get(index * windows.step..).and_then(|rest| rest.get(..windows.taps)).unwrap_or_default();
            for (value, filter) in row.iter_mut().zip(stream.chunks_exact(4 + windows.taps * 4)) {
                let (bias, weights) = filter.split_at(4);
                let products = window.iter().zip(weights.chunks_exact(4)).map(|(x, w)| x * f32_at(w, 0));
                *value = activate(activation, f32_at(bias, 0) + products.sum::<f32>());
            }
        }
    }

    fn depthwise(columns: &Columns, activation: Activation, input: &[f32], stream: &[u8], output: &mut [f32]) {
        let &Columns { count, stride, kernel, width } = columns;
        if width == 0 {
            return;
        }
        for (index, row) in output.chunks_exact_mut(width).take(count).enumerate() {
            let window = input.get(index * stride * width..).unwrap_or_default();
            for (place, (value, filter)) in row.iter_mut().zip(stream.chunks_exact(4 + kernel * 4)).enumerate() {
                let (bias, weights) = filter.split_at(4);
                let column = window.iter().skip(place).step_by(width);
                let products = column.zip(weights.chunks_exact(4)).map(|(x, w)| x * f32_at(w, 0));
                *value = activate(activation, f32_at(bias, 0) + products.sum::<f32>());
            }
        }
    }

    fn add(layer: &Layer, a: &[f32], b: &mut [f32]) {
        for (a, b) in a.iter().zip(b) {
            *b = activate(layer.activation, a + *b);
        }
    }

    fn nearest(codebook: &[u8], alphabet: usize, latent: &[f32]) -> u16 {
        let (mut best, mut least) = (0u16, f32::INFINITY);
        for index in 0..alphabet as u16 {
            let products = latent.iter().zip(vector(codebook, index, latent.len())).map(|(z, e)| z * e);
            let score = f32_at(codebook, usize::from(index) * 4) - products.sum::<f32>();
            if score < least {
                (best, least) = (index, score);
            }
        }
        best
    }

    fn subtract_vector(codebook: &[u8], index: u16, latent: &mut [f32]) {
        let channels = latent.len();
        latent.iter_mut().zip(vector(codebook, index, channels)).for_each(|(z, e)| *z -= e);
    }

    fn add_vector(codebook: &[u8], index: u16, latent: &mut [f32]) {
        let channels = latent.len();
        latent.iter_mut().zip(vector(codebook, index, channels)).for_each(|(z, e)| *z += e);
    }

    fn quantize(step: &Step, limit: i16, latent: f32) -> i16 {
        round(latent / step_size(step)).clamp(-f32::from(limit), f32::from(limit)) as i16
    }

    fn dequantize(step: &Step, code: i16) -> f32 {
        f32::from(code) * step_size(step)
    }

    fn scale_in(scaling: &Scaling, sample: i32) -> f32 {
        (i64::from(sample) - i64::from(scaling.offset)) as f32 * f32::from_bits(scaling.gain as u32)
    }

    fn magnitude(_: f32) -> u16 {
        0
    }

    fn scale_out(scaling: &Scaling, output: f32) -> i32 {
        let counts = round(output * f32::from_bits(scaling.gain_out as u32)) as i64;
        i64::from(scaling.offset).saturating_add(counts).clamp(i64::from(i32::MIN), i64::from(i32::MAX)) as i32
    }
}

#[cfg(all(test, feature = "micromath"))]
mod tests {
    use proptest::prelude::*;

    use super::round;

    proptest! {
        /// What the documentation says of micromath's error, over values of every size.
        #[test]
        fn micromath_is_off_by_one_and_only_halfway_or_beyond_23_bits(bits: u32) {
            let value = f32::from_bits(bits);
            prop_assume!(value.abs() < 2f32.powi(31));
            let exact = libm::rintf(value);
            let error = (round(value) - exact).abs();
            let halfway = (value - libm::truncf(value)).abs();
            let next_to_halfway = (halfway - 0.5).abs() <= f32::EPSILON * value.abs().max(0.5);
            let most = if value.abs() >= 2f32.powi(23) || next_to_halfway { 1.0 } else { 0.0 };
            prop_assert!(error <= most, "{value}: {error}");
        }
    }

    #[test]
    fn of_two_equally_near_numbers_the_one_farther_from_zero() {
        assert_eq!([0.5, 2.5, -0.5, -2.5, 2.4].map(round), [1.0, 3.0, -1.0, -3.0, 2.0]);
    }
}
