//! Recurrent priors of indices that nobody trained: they foresee nothing, but take every way through the arithmetic.

use proptest::prelude::*;
use vq_core::Model;
use vq_core::model::recurrent::CONDITIONS;
use vq_trainer::export::container::assemble;
use vq_trainer::export::disassemble::disassemble;
use vq_trainer::export::file::ModelBytes;
use vq_trainer::export::priors::indices::{IndexSizes, TrainedIndices};
use vq_trainer::export::priors::recurrent::Matrix;

use crate::Noise;

/// A model of codebooks with such a prior at these qualities, bit `quality − 1` for each; at the others its tables hold. How far codes are embedded and how
/// different their logarithms are grows with `size`.
///
/// # Panics
/// If the model has integer latents.
#[must_use]
pub fn with_index_prior(model: Model<'_>, sizes: IndexSizes, qualities: u16, size: f32, seed: u64) -> ModelBytes {
    let mut noise = Noise::new(seed);
    let IndexSizes { hidden, units } = sizes;
    let alphabets: Vec<usize> = model.symbols(9).map(|symbol| symbol.alphabet.into()).collect();
    let mut matrix = |rows: usize, columns: usize, size: f32| Matrix {
        weights: noise.values(rows * columns, size),
        biases: noise.values(rows, size),
    };
    let trained = TrainedIndices {
        sizes,
        input: matrix(3 * hidden, units + CONDITIONS, 0.5),
        state: matrix(3 * hidden, hidden, 0.5),
        readout: matrix(alphabets.len() * units, CONDITIONS + hidden, 1.0),
        embeddings: alphabets.iter().map(|codes| matrix(*codes, units, size).weights).collect(),
        outputs: alphabets.iter().map(|codes| matrix(*codes, units, size)).collect(),
        start: matrix(1, hidden, 1.0).weights,
        conditions: std::array::from_fn(|row| std::array::from_fn(|at| (row as f32 - at as f32) / 10.0)),
        qualities,
        expected: [8.0; 9],
    };
    let mut parts = disassemble(model).expect("the model says what it is");
    let prior = trained.lower().expect("no accumulator overflows");
    parts.priors = parts.priors.with_recurrent(Some(prior), &parts.symbols);
    assemble(&parts).expect("the parts fit together")
}

/// Sizes of such priors.
pub fn index_sizes() -> impl Strategy<Value = IndexSizes> {
    (1usize..=3, 1usize..=4).prop_map(|(hidden, units)| IndexSizes { hidden: hidden * 4, units: units * 4 })
}
