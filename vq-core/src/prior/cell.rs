//! One step of a gated recurrent unit, in integers.
//!
//! With `a = W·x + b` and `c = U·h + d`, each of three gates in the order reset, update, new:
//!
//! ```text
//! r  = σ(a_r + c_r)
//! z  = σ(a_z + c_z)
//! n  = tanh(a_n + (r·c_n + 2^14 >> 15))
//! h' = (z·h + (2^15 − z)·n + 2^14) >> 15
//! ```
//!
//! `a` and `c` are i16 in 1/4096, as an ordinary weight stream gives them; `h`, `r`, `z` and `n` are in 1/32768. These are the equations and
//! the order of gates of `torch.nn.GRU`.

use crate::kernels::Kernels;
use crate::kernels::gates::{GATES, gates};
use crate::model::plan::block_stream_bytes;

/// A cell: the shapes and the two weight streams, of `3 · hidden` outputs each.
#[derive(Debug, Clone, Copy)]
pub struct GruCell<'a> {
    /// Elements of the input that carry weights.
    pub inputs: usize,
    /// Units; a multiple of 4.
    pub hidden: usize,
    /// Weights of the input: `hidden` outputs of each gate, in the order reset, update, new.
    pub input_stream: &'a [u8],
    /// Weights of the state, likewise.
    pub state_stream: &'a [u8],
}

impl GruCell<'_> {
    /// Elements of `scratch` that a step needs.
    #[must_use]
    pub const fn scratch_elements(hidden: usize) -> usize {
        2 * GATES * hidden
    }

    /// Bytes of the two weight streams, of the input and of the state; `None` for sizes beyond what a stream can have.
    #[must_use]
    pub fn stream_bytes(inputs: u32, hidden: u32) -> Option<[u32; 2]> {
        let outputs = hidden.checked_mul(GATES as u32)?;
        Some([block_stream_bytes(inputs, outputs)?, block_stream_bytes(hidden, outputs)?])
    }

    /// Takes one input into the state.
    ///
    /// `input` is readable up to the next multiple of 4 behind its `inputs` elements, `state` has `hidden` elements and `scratch` as many as
    /// [`scratch_elements`](Self::scratch_elements) says; what is missing is left as it was.
    pub fn step<K: Kernels<Element = i16>>(&self, input: &[i16], state: &mut [i16], scratch: &mut [i16]) {
        let outputs = GATES * self.hidden;
        let state = state.get_mut(..self.hidden).unwrap_or_default();
        let Some(products) = scratch.get_mut(..2 * outputs) else { return };
        let (of_input, of_state) = products.split_at_mut(outputs.min(products.len()));
        K::product(self.inputs, input, self.input_stream, of_input);
        K::product(self.hidden, state, self.state_stream, of_state);
        gates(products, state);
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use proptest::collection::vec;
    use proptest::prelude::*;
    use std::vec;
    use std::vec::Vec;

    use super::*;
    use crate::kernels::Native;

    /// Weights of one gate's outputs as floats, and their bias.
    #[derive(Debug, Clone)]
    struct Matrix {
        /// `[outputs, taps]`, each a whole number of 1/127.
        weights: Vec<Vec<i8>>,
        biases: Vec<f64>,
    }

    const SCALE: f64 = 1.0 / 127.0;

    fn matrix(outputs: usize, taps: usize) -> impl Strategy<Value = Matrix> {
        (vec(vec(any::<i8>(), taps), outputs), vec(-2.0..2.0, outputs))
            .prop_map(|(weights, biases)| Matrix { weights, biases })
    }

    impl Matrix {
        fn product(&self, x: &[f64]) -> Vec<f64> {
            let rows = self.weights.iter().zip(&self.biases);
            rows.map(|(row, bias)| bias + row.iter().zip(x).map(|(w, x)| f64::from(*w) * SCALE * x).sum::<f64>())
                .collect()
        }

        /// The stream for inputs in 1/32768 and outputs in 1/4096.
        fn stream(&self) -> Vec<u8> {
            let mut stream = Vec::new();
            // One step of an accumulator is SCALE / 32768; `m / 2^s` turns it into 1/4096.
            let (multiplier, shift) = ((SCALE / 8.0 * f64::from(1u32 << 24)).round() as u32, 24);
            for (rows, biases) in self.weights.chunks(4).zip(self.biases.chunks(4)) {
                let bias = |lane: usize| biases.get(lane).map_or(0, |bias| (bias / SCALE * 32768.0).round() as i32);
                (0..4).for_each(|lane| stream.extend(bias(lane).to_le_bytes()));
                let taps = rows[0].len();
                for group in 0..taps.div_ceil(4) {
                    for lane in 0..4 {
                        let weight = |tap: usize| rows.get(lane).and_then(|row| row.get(group * 4 + tap)).copied();
                        stream.extend([0, 2, 1, 3].map(|tap| weight(tap).unwrap_or(0) as u8));
                    }
                }
                for _ in 0..4 {
                    stream.extend((multiplier << 16 | (shift - 16)).to_le_bytes());
                    stream.extend((1u32 << (shift - 17)).to_le_bytes());
                }
            }
            stream
        }
    }

    fn sigma(x: f64) -> f64 {
        1.0 / (1.0 + (-x).exp())
    }

    /// What `torch.nn.GRU` computes.
    fn reference(input: &Matrix, state: &Matrix, x: &[f64], h: &[f64]) -> Vec<f64> {
        // An i16 in 1/4096 ends at ±8: the reference does too.
        let clamped = |values: Vec<f64>| values.into_iter().map(|v| v.clamp(-8.0, 8.0)).collect::<Vec<f64>>();
        let (a, c) = (clamped(input.product(x)), clamped(state.product(h)));
        let units = h.len();
        (0..units)
            .map(|unit| {
                let gate = |gate: usize| (a[gate * units + unit], c[gate * units + unit]);
                let (r, z) = (sigma(gate(0).0 + gate(0).1), sigma(gate(1).0 + gate(1).1));
                let n = (gate(2).0 + r * gate(2).1).tanh();
                (1.0 - z) * n + z * h[unit]
            })
            .collect()
    }

    proptest! {
        /// Rounding moves `a` and `c` by half a step of 1/4096 each, which moves a gate by less than 1/4 of their sum, and the
        /// functions by 5/32768 more: within 1/1024 of the float step in all.
        #[test]
        fn one_step_is_within_a_thousandth_of_the_float_step(
            (inputs, units) in (1usize..20, 1usize..6),
            seed in (vec(any::<i8>(), 20 * 72), vec(any::<i8>(), 20 * 72), vec(-2.0f64..2.0, 72), vec(-2.0f64..2.0, 72)),
            x in vec(any::<i16>(), 20),
            h in vec(-32767i16..=32767, 20),
        ) {
            let units = units * 4;
            let matrix = |weights: &[i8], biases: &[f64], taps: usize| Matrix {
                weights: weights.chunks(20).take(3 * units).map(|row| row[..taps].to_vec()).collect(),
                biases: biases[..3 * units].to_vec(),
            };
            prop_assume!(units <= 20);
            let input = matrix(&seed.0, &seed.2, inputs);
            let state = matrix(&seed.1, &seed.3, units);
            let (input_stream, state_stream) = (input.stream(), state.stream());
            let cell = GruCell { inputs, hidden: units, input_stream: &input_stream, state_stream: &state_stream };
            prop_assert_eq!(
                GruCell::stream_bytes(inputs as u32, units as u32),
                Some([input_stream.len() as u32, state_stream.len() as u32])
            );
            let float = |values: &[i16]| values.iter().map(|v| f64::from(*v) / 32768.0).collect::<Vec<f64>>();
            let expected = reference(&input, &state, &float(&x[..inputs]), &float(&h[..units]));
            let mut result = h[..units].to_vec();
            let mut scratch = vec![0; GruCell::scratch_elements(units)];
            cell.step::<Native>(&x, &mut result, &mut scratch);
            for (unit, (integer, float)) in result.iter().zip(&expected).enumerate() {
                let error = f64::from(*integer) / 32768.0 - float;
                prop_assert!(error.abs() < 1.0 / 1024.0, "unit {unit}: {integer} for {float}");
            }
        }

        #[test]
        fn any_state_and_any_sums_stay_inside(sums in vec(any::<i16>(), 24), h in vec(any::<i16>(), 4), matrices in matrix(12, 4)) {
            // Whatever the products, the new state lies between the old one and ±32767.
            let stream = matrices.stream();
            let cell = GruCell { inputs: 4, hidden: 4, input_stream: &stream, state_stream: &stream };
            let mut state = h.clone();
            let mut scratch = vec![0; GruCell::scratch_elements(4)];
            cell.step::<Native>(&sums, &mut state, &mut scratch);
            for (new, old) in state.iter().zip(&h) {
                prop_assert!(i32::from(*new).abs() <= i32::from(*old).abs().max(32767));
            }
        }
    }

    #[test]
    fn too_little_memory_leaves_the_state() {
        let mut state = [5, 6, 7, 8];
        let cell = GruCell { inputs: 4, hidden: 4, input_stream: &[], state_stream: &[] };
        cell.step::<Native>(&[0; 4], &mut state, &mut [0; 3]);
        assert_eq!(state, [5, 6, 7, 8]);
    }
}
