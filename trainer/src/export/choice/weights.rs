//! What errors of latents do to the output, and with it the search's starts of scores.

use vq_core::model::choice::WEIGHT_ONE;
use vq_core::model::records::Symbol;

use super::codebook_bytes;
use crate::export::reference::{Rows, forward};
use crate::export::trained::TrainedNet;

/// Rows of latents that are looked at.
const MOST_ROWS: usize = 4096;
/// Rows from one that is moved to the next: further than a decoder of the usual size sees.
const APART: usize = 16;
/// The least weight, as a part of the largest.
const LEAST: f64 = 1.0 / 64.0;

/// What is known of a model's latents.
#[derive(Debug, Clone, PartialEq)]
pub struct Effects {
    /// A weight for each channel of a latent row, in 1/32768, the largest one: how much of an error's energy the output has.
    pub weights: Vec<u16>,
    /// What a bit saves of half the weighted error of a hop where rates are high, `2 · ln 2 / dimensions` of it, in squared steps of the integer latents.
    pub error_per_bit: f64,
}

/// Measures with a decoder, latents `[time, channels]` and what stands for them, of which a step of the integers is `scale`; `rows` are a hop.
#[must_use]
pub fn effects(decoder: &TrainedNet, latents: &Rows, quantized: &Rows, rows: usize, scale: f64) -> Effects {
    let channels = quantized.channels;
    let errors: Vec<f64> = (0..channels)
        .map(|channel| {
            let of = |rows: &Rows| rows.values.iter().skip(channel).step_by(channels).copied().collect::<Vec<f32>>();
            let squares = of(latents).into_iter().zip(of(quantized)).map(|(z, q)| f64::from(z - q).powi(2));
            squares.sum::<f64>() / quantized.len().max(1) as f64
        })
        .collect();
    let energies: Vec<f64> =
        errors.iter().enumerate().map(|(channel, error)| energy(decoder, quantized, channel, error.sqrt())).collect();
    let most = energies.iter().copied().fold(f64::MIN_POSITIVE, f64::max);
    let weights: Vec<f64> = energies.iter().map(|energy| (energy / most).max(LEAST)).collect();
    let half: f64 = errors.iter().zip(&weights).map(|(error, weight)| error * weight / 2.0).sum::<f64>() * rows as f64;
    let dimensions = (channels * rows) as f64;
    Effects {
        weights: weights.iter().map(|weight| (weight * f64::from(WEIGHT_ONE)).round() as u16).collect(),
        error_per_bit: 2.0 * std::f64::consts::LN_2 / dimensions * half / (scale * scale),
    }
}

/// The energy of the output's change for a change of `size` of a latent channel, per unit of energy.
fn energy(decoder: &TrainedNet, latents: &Rows, channel: usize, size: f64) -> f64 {
    let size = if size > 0.0 { size as f32 } else { 1e-3 };
    let rows = latents.len().min(MOST_ROWS);
    let channels = latents.channels;
    let before = Rows { channels, values: latents.values[..rows * channels].to_vec() };
    let mut moved = before.clone();
    let mut count = 0;
    for (number, row) in (APART / 2..rows).step_by(APART).enumerate() {
        moved.values[row * channels + channel] += if number % 2 == 0 { size } else { -size };
        count += 1;
    }
    let output = |input: &Rows| forward(decoder, input).pop().map_or_else(Vec::new, |last| last.output.values);
    let changes = output(&before).into_iter().zip(output(&moved)).map(|(a, b)| f64::from(a - b).powi(2));
    changes.sum::<f64>() / (f64::from(size).powi(2) * f64::from(count.max(1)))
}

/// What the scores of a symbol's vectors start with where errors are weighted, filled up to a multiple of four.
///
/// `table` is the symbol's codebook in integers. Of a search for the nearest vector it is half the weighted square of its length; what one latent's levels or
/// directions start with, which need not be that, is weighted as a whole.
#[must_use]
pub fn weighted_starts(table: &[u8], symbol: &Symbol, weights: &[u16]) -> Vec<i32> {
    let words = weights.len().div_ceil(2);
    let word = |bytes: &[u8], at: usize| i32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
    let mut starts = Vec::new();
    for block in table[..codebook_bytes(symbol)].chunks_exact(16 + 16 * words) {
        for lane in 0..4 {
            let plain = word(block, 4 * lane);
            let component = |channel: usize| {
                let at = 16 + 16 * (channel / 2) + 4 * lane + 2 * (channel % 2);
                f64::from(i16::from_le_bytes([block[at], block[at + 1]]))
            };
            let one = f64::from(WEIGHT_ONE);
            let squares = |weight: &dyn Fn(usize) -> f64| -> f64 {
                (0..weights.len()).map(|channel| weight(channel) * component(channel).powi(2)).sum()
            };
            let is_distance = (f64::from(plain) - squares(&|_| 0.5)).abs() <= 1.0;
            let mean = weights.iter().map(|weight| f64::from(*weight)).sum::<f64>() / one / weights.len() as f64;
            let start = if is_distance && weights.len() > 1 {
                squares(&|channel| f64::from(weights[channel]) / one / 2.0)
            } else {
                f64::from(plain) * mean
            };
            starts.push(if starts.len() < usize::from(symbol.alphabet) { start.round() as i32 } else { 0 });
        }
    }
    starts
}

#[cfg(test)]
mod tests {
    use vq_core::model::records::SymbolKind;

    use super::*;

    #[test]
    fn starts_are_half_the_weighted_squares() {
        let symbol =
            Symbol { kind: SymbolKind::Index, bits: 1, stage: 0, row: 0, first: 0, channels: 3, alphabet: 2, table: 0 };
        let vectors = [[10i16, -20, 6], [-4, 0, 8]];
        let mut table = Vec::new();
        for lane in 0..4 {
            let half =
                vectors.get(lane).map_or(i32::MAX, |v| (v.iter().map(|e| i32::from(*e).pow(2)).sum::<i32>() + 1) / 2);
            table.extend(half.to_le_bytes());
        }
        for pair in 0..2 {
            for lane in 0..4 {
                for channel in [2 * pair, 2 * pair + 1] {
                    let value = vectors.get(lane).and_then(|v: &[i16; 3]| v.get(channel)).copied().unwrap_or(0);
                    table.extend((-value).to_le_bytes());
                }
            }
        }
        let starts = weighted_starts(&table, &symbol, &[WEIGHT_ONE, WEIGHT_ONE / 2, WEIGHT_ONE / 4]);
        assert_eq!(starts, [50 + 100 + 5, 8 + 8, 0, 0]);
    }
}
