//! The quantizer in the container: symbol records, blocked integer codebooks, step tables, the quality table.

use vq_core::model::QUALITIES;
use vq_core::model::records::{Step, Symbol, SymbolKind};

use super::lower::Scale;
use super::proof::{half_norm, score_fits};
use super::trained::{Codebook, TrainedQuantizer};

/// The quantizer's part of [`super::container::ModelParts`].
#[derive(Debug, Clone)]
pub struct QuantizerParts {
    /// Symbols of a hop in sending order; `table` counts in `tables`.
    pub symbols: Vec<Symbol>,
    /// Codebooks or step tables.
    pub tables: Vec<Vec<u8>>,
    /// Stages sent at each quality.
    pub quality: [u8; QUALITIES],
}

/// By how much the step of an integer latent grows from one quality to the next lower one.
const STEP_RATIO: f64 = std::f64::consts::SQRT_2;

/// The finest scale of the latents, not below `measured`, at which every vector's score provably fits 32 bits.
#[must_use]
pub fn latent_scale(quantizer: &TrainedQuantizer, channels: usize, measured: Scale) -> Scale {
    let TrainedQuantizer::Residual { codebooks } = quantizer else { return measured };
    let mut scale = measured;
    let fits = |scale: Scale| {
        codebooks.iter().all(|codebook| {
            codebook.vectors.chunks_exact(channels).all(|vector| {
                let within = vector.iter().all(|e| (f64::from(*e) / scale).abs() <= 32_767.0);
                within && score_fits(&round_vector(vector, scale))
            })
        })
    };
    while !fits(scale) {
        scale *= 1.05;
    }
    scale
}

/// The quantizer in integers, for latents of `channels` channels and `rows` rows per hop.
#[must_use]
pub fn integer(quantizer: &TrainedQuantizer, channels: usize, rows: usize, scale: Scale) -> QuantizerParts {
    parts(quantizer, channels, rows, |codebook| blocked(codebook, channels, scale), |step| integer_steps(step, scale))
}

/// The quantizer in floats.
#[must_use]
pub fn float(quantizer: &TrainedQuantizer, channels: usize, rows: usize) -> QuantizerParts {
    let vectors = |codebook: &Codebook| codebook.vectors.iter().flat_map(|e| e.to_le_bytes()).collect();
    parts(quantizer, channels, rows, vectors, |step| {
        let record = |size: f64| {
            let bits = (size as f32).to_bits();
            Step { divide: bits as u16, multiply: (bits >> 16) as u16, divide_shift: 0, multiply_shift: 0 }
        };
        step_sizes(step).flat_map(|size| record(size).to_bytes()).collect()
    })
}

fn parts(
    quantizer: &TrainedQuantizer,
    channels: usize,
    rows: usize,
    codebook_table: impl Fn(&Codebook) -> Vec<u8>,
    step_table: impl Fn(f32) -> Vec<u8>,
) -> QuantizerParts {
    let mut symbols = Vec::new();
    match quantizer {
        TrainedQuantizer::Residual { codebooks } => {
            for row in 0..rows {
                for (stage, codebook) in codebooks.iter().enumerate() {
                    symbols.push(Symbol {
                        kind: SymbolKind::Index,
                        bits: codebook.bits(),
                        stage: stage as u8,
                        row: row as u16,
                        first: 0,
                        channels: channels as u16,
                        alphabet: codebook.size as u16,
                        table: stage as u32,
                    });
                }
            }
            let tables = codebooks.iter().map(codebook_table).collect();
            QuantizerParts { symbols, tables, quality: stage_counts(codebooks.len()) }
        }
        TrainedQuantizer::Scalar { steps, bits } => {
            for row in 0..rows {
                for channel in 0..channels {
                    symbols.push(Symbol {
                        kind: SymbolKind::Integer,
                        bits: *bits,
                        stage: 0,
                        row: row as u16,
                        first: channel as u16,
                        channels: 1,
                        alphabet: 0,
                        table: channel as u32,
                    });
                }
            }
            let tables = steps.iter().map(|step| step_table(*step)).collect();
            QuantizerParts { symbols, tables, quality: [1; QUALITIES] }
        }
    }
}

impl Codebook {
    /// Bits of a fixed-width index.
    #[must_use]
    pub fn bits(&self) -> u8 {
        (usize::BITS - (self.size - 1).leading_zeros()) as u8
    }
}

/// Stages sent at each quality: all at the best, one at the worst, in even steps between.
fn stage_counts(stages: usize) -> [u8; QUALITIES] {
    std::array::from_fn(|row| 1 + (row * (stages - 1)).div_ceil(QUALITIES - 1) as u8)
}

fn round_vector(vector: &[f32], scale: Scale) -> Vec<i16> {
    vector.iter().map(|e| (f64::from(*e) / scale).round().clamp(-32_767.0, 32_767.0) as i16).collect()
}

/// Blocks of four vectors: half norms, then for every pair of channels a word of negated components of each vector.
fn blocked(codebook: &Codebook, channels: usize, scale: Scale) -> Vec<u8> {
    let vectors: Vec<Vec<i16>> =
        codebook.vectors.chunks_exact(channels).map(|vector| round_vector(vector, scale)).collect();
    let mut table = Vec::new();
    for block in vectors.chunks(4) {
        for lane in 0..4 {
            let norm = block.get(lane).map_or(i64::from(i32::MAX), |vector| half_norm(vector));
            table.extend((norm as i32).to_le_bytes());
        }
        for word in 0..channels.div_ceil(2) {
            for lane in 0..4 {
                for channel in [2 * word, 2 * word + 1] {
                    let component = block.get(lane).and_then(|vector| vector.get(channel)).copied().unwrap_or(0);
                    table.extend((-component).to_le_bytes());
                }
            }
        }
    }
    table
}

/// The step at every quality, from the worst to the best.
fn step_sizes(best: f32) -> impl Iterator<Item = f64> {
    (0..QUALITIES).map(move |row| f64::from(best) * STEP_RATIO.powi((QUALITIES - 1 - row) as i32))
}

fn integer_steps(best: f32, scale: Scale) -> Vec<u8> {
    step_sizes(best)
        .flat_map(|size| {
            let steps = (size / scale).clamp(1.0 / 4096.0, 16_383.0);
            let multiply_shift = ((32_767.0 / steps).log2().floor() as i32).clamp(1, 15);
            let divide_shift = ((32_767.0 * steps).log2().floor() as i32).clamp(1, 30);
            Step {
                multiply: (steps * 2f64.powi(multiply_shift)).round().min(32_767.0) as u16,
                multiply_shift: multiply_shift as u8,
                divide: (2f64.powi(divide_shift) / steps).round().clamp(1.0, 32_767.0) as u16,
                divide_shift: divide_shift as u8,
            }
            .to_bytes()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_quality_sends_at_least_one_stage_and_the_best_sends_all() {
        assert_eq!(stage_counts(1), [1; 9]);
        assert_eq!(stage_counts(3), [1, 2, 2, 2, 2, 3, 3, 3, 3]);
        for stages in 1..40 {
            let counts = stage_counts(stages);
            assert_eq!((counts[0], usize::from(counts[8])), (1, stages));
            assert!(counts.is_sorted());
        }
    }

    #[test]
    fn bits_are_those_of_the_largest_index() {
        let bits = |size| Codebook { vectors: Vec::new(), size }.bits();
        assert_eq!([2, 3, 4, 5, 255, 256, 257, 4096].map(bits), [1, 2, 2, 3, 8, 8, 9, 12]);
    }
}
