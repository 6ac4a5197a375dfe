//! The quantizer in the container: symbol records, blocked integer codebooks, step tables, the quality table.

use vq_core::model::QUALITIES;
use vq_core::model::records::{Step, Symbol, SymbolKind};

use super::lower::Scale;
use super::proof::{half_norm, score_fits};
use super::trained::{Codebook, Search, TrainedQuantizer, ladder};

/// The quantizer's part of [`super::container::ModelParts`].
#[derive(Debug, Clone)]
pub struct QuantizerParts {
    /// Symbols of a hop in sending order; `table` counts in `tables`.
    pub symbols: Vec<Symbol>,
    /// Codebooks or step tables.
    pub tables: Vec<Vec<u8>>,
    /// Stages sent at each quality.
    pub quality: [u8; QUALITIES],
    /// What the decoder is told of the quality; see [`ModelParts`](super::container::ModelParts).
    pub told: Vec<u8>,
}

/// The finest scale of the latents, not below `measured`, at which every vector's score provably fits 32 bits.
#[must_use]
pub fn latent_scale(quantizer: &TrainedQuantizer, measured: Scale) -> Scale {
    let TrainedQuantizer::Vectors { codebooks } = quantizer else { return measured };
    let mut scale = measured;
    while !codebooks.iter().all(|codebook| scores_fit(codebook, scale)) {
        scale *= 1.05;
    }
    scale
}

fn scores_fit(codebook: &Codebook, scale: Scale) -> bool {
    let within = |value: f32| (f64::from(value) / scale).abs() <= 32_767.0;
    let thresholds = match &codebook.search {
        Search::Thresholds(thresholds) => thresholds.as_slice(),
        Search::Distance | Search::Charged(_) | Search::Direction => &[],
    };
    if !codebook.vectors.iter().chain(thresholds).copied().all(within) {
        return false;
    }
    let vectors = rounded(codebook, scale);
    vectors.iter().zip(offsets(codebook, &vectors, scale)).all(|(vector, offset)| score_fits(vector, offset))
}

/// The quantizer in integers, for latents of `rows` rows per hop.
#[must_use]
pub fn integer(quantizer: &TrainedQuantizer, rows: usize, scale: Scale) -> QuantizerParts {
    let told = |told: f32| (f64::from(told) / scale).round().clamp(-32_767.0, 32_767.0) as i16;
    let parts = parts(quantizer, rows, |codebook| blocked(codebook, scale), |steps| integer_steps(steps, scale));
    QuantizerParts { told: quantizer.told().flat_map(|value| told(value).to_le_bytes()).collect(), ..parts }
}

/// The quantizer in floats.
#[must_use]
pub fn float(quantizer: &TrainedQuantizer, rows: usize) -> QuantizerParts {
    let vectors = |codebook: &Codebook| {
        let offsets = codebook.offsets().into_iter().map(|offset| offset as f32);
        offsets.chain(codebook.vectors.iter().copied()).flat_map(f32::to_le_bytes).collect()
    };
    let parts = parts(quantizer, rows, vectors, |steps| {
        let record = |size: &f32| {
            let bits = size.to_bits();
            Step { divide: bits as u16, multiply: (bits >> 16) as u16, divide_shift: 0, multiply_shift: 0 }
        };
        steps.iter().flat_map(|size| record(size).to_bytes()).collect()
    });
    QuantizerParts { told: quantizer.told().flat_map(f32::to_le_bytes).collect(), ..parts }
}

/// Where a table lies among those that there are, each once.
pub(super) fn place<T: PartialEq>(tables: &mut Vec<T>, table: T) -> usize {
    tables.iter().position(|placed| *placed == table).unwrap_or_else(|| {
        tables.push(table);
        tables.len() - 1
    })
}

fn parts(
    quantizer: &TrainedQuantizer,
    rows: usize,
    codebook_table: impl Fn(&Codebook) -> Vec<u8>,
    step_table: impl Fn(&[f32; QUALITIES]) -> Vec<u8>,
) -> QuantizerParts {
    let mut symbols = Vec::new();
    match quantizer {
        TrainedQuantizer::Vectors { codebooks } => {
            let mut tables: Vec<Vec<u8>> = Vec::new();
            // Latents with the same levels share a table.
            let places: Vec<usize> =
                codebooks.iter().map(|codebook| place(&mut tables, codebook_table(codebook))).collect();
            for row in 0..rows {
                for (codebook, table) in codebooks.iter().zip(&places) {
                    symbols.push(Symbol {
                        kind: SymbolKind::Index,
                        bits: codebook.bits(),
                        stage: codebook.stage,
                        row: row as u16,
                        first: codebook.first as u16,
                        channels: codebook.channels as u16,
                        alphabet: codebook.size as u16,
                        table: *table as u32,
                    });
                }
            }
            let stages = codebooks.iter().map(|codebook| usize::from(codebook.stage) + 1).max().unwrap_or(1);
            QuantizerParts { symbols, tables, quality: stage_counts(stages), told: Vec::new() }
        }
        TrainedQuantizer::Scalar { steps, bits, .. } => {
            for row in 0..rows {
                for channel in 0..steps.len() {
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
            let tables = steps.iter().map(step_table).collect();
            QuantizerParts { symbols, tables, quality: [1; QUALITIES], told: Vec::new() }
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

/// The vectors in integers.
fn rounded(codebook: &Codebook, scale: Scale) -> Vec<Vec<i16>> {
    let round = |e: &f32| (f64::from(*e) / scale).round().clamp(-32_767.0, 32_767.0) as i16;
    codebook.vectors.chunks_exact(codebook.channels).map(|vector| vector.iter().map(round).collect()).collect()
}

/// What the search starts the score of every vector with: by the vectors as they were rounded, so that thresholds and
/// nearest vectors are exact for them.
fn offsets(codebook: &Codebook, vectors: &[Vec<i16>], scale: Scale) -> Vec<i64> {
    match &codebook.search {
        Search::Distance | Search::Charged(_) => {
            let charged = |(index, vector): (usize, &Vec<i16>)| {
                half_norm(vector) + (f64::from(codebook.charge(index)) / (2.0 * scale * scale)).round() as i64
            };
            vectors.iter().enumerate().map(charged).collect()
        }
        Search::Direction => vec![0; vectors.len()],
        Search::Thresholds(thresholds) => {
            let values: Vec<f64> = vectors.iter().flatten().map(|e| f64::from(*e)).collect();
            // Between two whole latents, so that none is on a threshold.
            let between = |threshold: &f32| (f64::from(*threshold) / scale).floor() + 0.5;
            let thresholds: Vec<f64> = thresholds.iter().map(between).collect();
            ladder(&values, &thresholds).into_iter().map(|offset| offset.round() as i64).collect()
        }
    }
}

/// Blocks of four vectors: offsets, then for every pair of channels a word of negated components of each vector.
fn blocked(codebook: &Codebook, scale: Scale) -> Vec<u8> {
    let vectors = rounded(codebook, scale);
    let offsets = offsets(codebook, &vectors, scale);
    let mut table = Vec::new();
    for (block, offsets) in vectors.chunks(4).zip(offsets.chunks(4)) {
        for lane in 0..4 {
            let offset = offsets.get(lane).copied().unwrap_or(i64::from(i32::MAX));
            table.extend((offset as i32).to_le_bytes());
        }
        for word in 0..codebook.channels.div_ceil(2) {
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

/// The records of a latent's steps.
fn integer_steps(steps: &[f32; QUALITIES], scale: Scale) -> Vec<u8> {
    steps
        .iter()
        .flat_map(|size| {
            let steps = (f64::from(*size) / scale).clamp(1.0 / 4096.0, 16_383.0);
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
    use vq_core::kernels::Kernels;
    use vq_core::kernels::portable::Integer;

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
        let bits = |size| Codebook { size, ..Codebook::stage(0, 1, Vec::new()) }.bits();
        assert_eq!([2, 3, 4, 5, 255, 256, 257, 4096].map(bits), [1, 2, 2, 3, 8, 8, 9, 12]);
    }

    /// The index that the device finds, for latents in units of the scale.
    fn on_device(codebook: &Codebook, scale: Scale, latent: &[i16]) -> usize {
        usize::from(Integer::nearest(&blocked(codebook, scale), codebook.size, latent))
    }

    #[test]
    fn the_device_finds_the_level_of_every_latent_at_the_bound_that_was_trained() {
        for count in [3, 4, 5, 8, 16, 33] {
            let codebook = Codebook::levels(0, count);
            let quantizer = TrainedQuantizer::Vectors { codebooks: vec![codebook.clone()] };
            let scale = latent_scale(&quantizer, 1e-4);
            let mut seen = vec![false; count];
            for latent in i16::MIN..=i16::MAX {
                let index = on_device(&codebook, scale, &[latent]);
                assert_eq!(index, codebook.index(&[(f64::from(latent) * scale) as f32]), "{count} levels, {latent}");
                seen[index] = true;
            }
            assert!(seen.iter().all(|&seen| seen), "a level of {count} is out of reach");
        }
    }

    #[test]
    fn the_device_finds_the_direction_however_long_the_latents_are() {
        let angles = [0.1f32, 0.9, 1.7, 2.2, 3.0, 4.4, 5.5];
        let vectors = angles.iter().flat_map(|angle| [angle.cos(), angle.sin()]).collect();
        let codebook = Codebook { search: Search::Direction, ..Codebook::stage(0, 2, vectors) };
        let quantizer = TrainedQuantizer::Vectors { codebooks: vec![codebook.clone()] };
        let scale = latent_scale(&quantizer, 1e-4);
        for (angle, wanted) in [(0.15f32, 0), (0.8, 1), (2.0, 3), (3.6, 4), (5.0, 6), (6.2, 0)] {
            for length in [40.0, 3000.0, 32_000.0] {
                let latent = [angle.cos() * length, angle.sin() * length].map(|z| z as i16);
                assert_eq!(on_device(&codebook, scale, &latent), wanted, "{angle} {length}");
            }
        }
    }

    #[test]
    fn the_device_charges_codes_for_their_bits_as_training_does() {
        let vectors = vec![0.0f32, 0.1, 1.0, -0.3, 2.5, 0.4, -1.2, 0.9];
        let charges = vec![0.1f32, 0.6, 2.0, 0.0];
        let codebook = Codebook { search: Search::Charged(charges), ..Codebook::stage(0, 2, vectors) };
        let plain = Codebook { search: Search::Distance, ..codebook.clone() };
        let quantizer = TrainedQuantizer::Vectors { codebooks: vec![codebook.clone()] };
        let scale = latent_scale(&quantizer, 1e-4);
        let mut differs = 0;
        for place in 0..900 {
            let latent = [f64::from(place % 30) * 0.2 - 2.5, f64::from(place / 30) * 0.11 - 1.5];
            let steps = latent.map(|z| (z / scale).round() as i16);
            let wanted = codebook.index(&steps.map(|z| (f64::from(z) * scale) as f32));
            assert_eq!(on_device(&codebook, scale, &steps), wanted, "{latent:?}");
            differs += usize::from(wanted != on_device(&plain, scale, &steps));
        }
        assert!(differs > 50, "{differs}");
    }

    #[test]
    fn the_parts_of_a_product_are_channels_of_their_own_and_equal_tables_are_stored_once() {
        let quantizer =
            TrainedQuantizer::Vectors { codebooks: (0..3).map(|latent| Codebook::levels(latent, 5)).collect() };
        let parts = integer(&quantizer, 2, 1e-3);
        let places: Vec<_> = parts.symbols.iter().map(|symbol| (symbol.row, symbol.first, symbol.channels)).collect();
        assert_eq!(places, [(0, 0, 1), (0, 1, 1), (0, 2, 1), (1, 0, 1), (1, 1, 1), (1, 2, 1)]);
        assert_eq!((parts.tables.len(), parts.quality), (1, [1; 9]));
    }
}
