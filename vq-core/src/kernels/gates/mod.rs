//! The gates of a recurrent cell: what a step does between its products and its new state.

#[cfg(any(kernels = "armv7m", kernels = "dsp"))]
mod thumb;

use crate::prior::sigmoid::{sigmoid, tanh};

/// Gates of a unit: reset, update, new.
pub(crate) const GATES: usize = 3;

/// Takes the products of a cell's input and of its state, `[2, 3, units]` in 1/4096, into the state, `[units]` in 1/32768, as
/// [`GruCell`](crate::prior::cell::GruCell) says. Too few products leave the state as it was.
pub fn gates(products: &[i16], state: &mut [i16]) {
    #[cfg(any(kernels = "armv7m", kernels = "dsp"))]
    thumb::gates(products, state);
    #[cfg(host = "x86")]
    super::x86::gates(products, state);
    #[cfg(not(any(kernels = "armv7m", kernels = "dsp", host)))]
    definition(products, state);
}

/// The definition of [`gates`], in plain Rust.
pub fn definition(products: &[i16], state: &mut [i16]) {
    let units = state.len();
    // Of the input's products, or of the state's.
    let gate = |part: usize, gate: usize| {
        products.get((part * GATES + gate) * units..).and_then(|rest| rest.get(..units)).unwrap_or_default()
    };
    let pairs = |number: usize| gate(0, number).iter().zip(gate(1, number));
    let (reset, update, new) = (pairs(0), pairs(1), pairs(2));
    for (((h, reset), update), (new, of_state)) in state.iter_mut().zip(reset).zip(update).zip(new) {
        let r = sigmoid(i32::from(*reset.0) + i32::from(*reset.1));
        let z = sigmoid(i32::from(*update.0) + i32::from(*update.1));
        let n = tanh(i32::from(*new) + ((r * i32::from(*of_state) + (1 << 14)) >> 15));
        *h = ((z * i32::from(*h) + ((1 << 15) - z) * n + (1 << 14)) >> 15) as i16;
    }
}
