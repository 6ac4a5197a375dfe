//! Rounding that lets the errors of a filter's weights cancel (Frantar et al. 2022, *GPTQ*, arXiv 2210.17323, equation 3; behind it the optimal brain
//! surgeon of Hassibi and Stork, 1993).
//!
//! Neighbouring inputs of a filter are alike, so one weight's error can be taken back by the next one's. Taps are rounded one after another, those
//! with the strongest inputs first, and what each loses is given to those that are left in the proportion that hides it best.

use crate::export::lower::whole;
use crate::export::reference::Rows;
use crate::export::window::WindowLayer;

/// Windows that are looked at, evenly over all there are.
const MOST_WINDOWS: usize = 1 << 14;

/// How much every input is taken to move by itself, as a part of the mean power: what was measured is not all that will come.
const DAMPING: f64 = 1e-3;

/// How the inputs of a filter move together, as its rounding needs it.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::export) struct Inputs {
    /// Taps, those with the strongest inputs first.
    order: Vec<usize>,
    /// The second moments `[taps, taps]`, in that order.
    moments: Vec<f64>,
    /// The upper triangle `U` of `moments⁻¹ = Uᵀ·U`.
    spread: Vec<f64>,
}

impl Inputs {
    /// The inputs of an output's taps where a layer's windows lie over `rows`; `channel` is the output's own one, which a depthwise filter reads alone.
    pub(in crate::export) fn measure(layer: &WindowLayer, rows: &Rows, channel: usize) -> Self {
        let windows = Windows { layer, rows, channel };
        let (count, taps) = (windows.count(), layer.taps);
        let every = count.div_ceil(MOST_WINDOWS).max(1);
        let mut moments = vec![0.0; taps * taps];
        let mut window = vec![0.0; taps];
        for index in (0..count).step_by(every) {
            windows.read(index, &mut window);
            for (row, &a) in moments.chunks_exact_mut(taps).zip(&window) {
                if a != 0.0 {
                    row.iter_mut().zip(&window).for_each(|(moment, b)| *moment += a * b);
                }
            }
        }
        Self::of(&moments, taps)
    }

    /// From second moments `[taps, taps]`.
    fn of(moments: &[f64], taps: usize) -> Self {
        let power = |tap: usize| moments[tap * taps + tap];
        let mean = (0..taps).map(power).sum::<f64>() / taps.max(1) as f64;
        let alone = if mean > 0.0 { DAMPING * mean } else { 1.0 };
        let mut order: Vec<usize> = (0..taps).collect();
        order.sort_by(|&a, &b| power(b).total_cmp(&power(a)));
        let at = |(row, column): (usize, usize)| {
            let moment = moments[order[row] * taps + order[column]];
            if row == column { moment + alone } else { moment }
        };
        let moments: Vec<f64> = (0..taps * taps).map(|place| at((place / taps, place % taps))).collect();
        let spread = upper_root_of_inverse(&moments, taps);
        Self { order, moments, spread }
    }

    /// Weights, in steps of their scale, as whole numbers, the nearest ones where nothing better is found; and the mean squared error of the output, up to
    /// a factor, in squared steps.
    pub(in crate::export) fn round(&self, weights: &[f64]) -> (Vec<i8>, f64) {
        let sorted: Vec<f64> = self.order.iter().map(|&tap| weights[tap]).collect();
        let nearest: Vec<f64> = sorted.iter().map(|&weight| whole(weight)).collect();
        let compensated = self.compensated(sorted.clone());
        let errors = [&compensated, &nearest].map(|rounded| self.error(&sorted, rounded));
        let (chosen, error) = if errors[0] < errors[1] { (compensated, errors[0]) } else { (nearest, errors[1]) };
        let mut rounded = vec![0; weights.len()];
        self.order.iter().zip(chosen).for_each(|(&tap, weight)| rounded[tap] = weight as i8);
        (rounded, error)
    }

    fn compensated(&self, mut weights: Vec<f64>) -> Vec<f64> {
        let taps = weights.len();
        for tap in 0..taps {
            let row = &self.spread[tap * taps..(tap + 1) * taps];
            let (done, left) = weights.split_at_mut(tap + 1);
            let Some(weight) = done.last_mut() else { continue };
            let lost = (*weight - whole(*weight)) / row[tap];
            *weight = whole(*weight);
            left.iter_mut().zip(&row[tap + 1..]).for_each(|(other, share)| *other -= lost * share);
        }
        weights
    }

    /// The mean squared error of the output, up to a factor.
    fn error(&self, weights: &[f64], rounded: &[f64]) -> f64 {
        let errors: Vec<f64> = weights.iter().zip(rounded).map(|(weight, whole)| weight - whole).collect();
        let product = |row: &[f64]| row.iter().zip(&errors).map(|(moment, error)| moment * error).sum::<f64>();
        self.moments.chunks_exact(errors.len().max(1)).zip(&errors).map(|(row, error)| error * product(row)).sum()
    }
}

/// The windows of a layer over its input line.
struct Windows<'a> {
    layer: &'a WindowLayer,
    rows: &'a Rows,
    channel: usize,
}

impl Windows<'_> {
    /// Rows before the first window that lies wholly inside the line.
    fn first(&self) -> usize {
        let (stride, padding) = (self.layer.stride, self.layer.padding);
        // Windows begin at multiples of the stride less the padding; those of a transposed convolution move row by row.
        if self.layer.upsample > 1 { 0 } else { padding.div_ceil(stride) * stride - padding }
    }

    fn count(&self) -> usize {
        let rows = self.rows.len().saturating_sub(self.first());
        if rows < self.layer.kernel { 0 } else { (rows - self.layer.kernel) / self.layer.stride + 1 }
    }

    /// A window as the weights lie: rows of channels, each filled up with zeros, or the rows of one channel.
    fn read(&self, index: usize, window: &mut [f64]) {
        let start = self.first() + index * self.layer.stride;
        let width = window.len() / self.layer.kernel;
        let channels = self.rows.channels;
        let from = if self.layer.depthwise { self.channel..self.channel + 1 } else { 0..channels };
        for (row, place) in window.chunks_exact_mut(width).enumerate() {
            let values = self.rows.values.get((start + row) * channels..).and_then(|values| values.get(from.clone()));
            place.iter_mut().zip(values.unwrap_or_default()).for_each(|(place, value)| *place = f64::from(*value));
        }
    }
}

/// `U`, upper triangular, of `A⁻¹ = Uᵀ·U` for a symmetric positive matrix `A` `[size, size]`.
fn upper_root_of_inverse(matrix: &[f64], size: usize) -> Vec<f64> {
    // With the order of rows and columns reversed, A = L·Lᵀ gives A⁻¹ = L⁻ᵀ·L⁻¹, and L⁻¹ read backwards again is upper triangular.
    let reversed: Vec<f64> = matrix.iter().rev().copied().collect();
    let lower = lower_root(reversed, size);
    let mut inverse = inverse_of_lower(&lower, size);
    inverse.reverse();
    inverse
}

/// Cholesky's `L` of `A = L·Lᵀ`; what lies above the diagonal is zero.
fn lower_root(mut matrix: Vec<f64>, size: usize) -> Vec<f64> {
    for row in 0..size {
        for column in 0..=row {
            let product: f64 = (0..column).map(|k| matrix[row * size + k] * matrix[column * size + k]).sum();
            let rest = matrix[row * size + column] - product;
            matrix[row * size + column] = if row == column {
                // Rounding can leave nothing of what is positive in exact arithmetic.
                rest.max(f64::MIN_POSITIVE.sqrt()).sqrt()
            } else {
                rest / matrix[column * size + column]
            };
        }
        matrix[row * size + row + 1..(row + 1) * size].fill(0.0);
    }
    matrix
}

/// The inverse of a lower triangular matrix.
fn inverse_of_lower(lower: &[f64], size: usize) -> Vec<f64> {
    let mut inverse = vec![0.0; size * size];
    for column in 0..size {
        for row in column..size {
            let known: f64 = (column..row).map(|k| lower[row * size + k] * inverse[k * size + column]).sum();
            let unit = if row == column { 1.0 } else { 0.0 };
            inverse[row * size + column] = (unit - known) / lower[row * size + row];
        }
    }
    inverse
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::architecture::Operation;
    use crate::export::trained::NodeWeights;

    /// Second moments of inputs that move together, and the matrix they are of.
    fn moments(size: usize) -> Vec<f64> {
        let mut moments = vec![0.0; size * size];
        for row in 0..size {
            for column in 0..size {
                moments[row * size + column] = 0.95f64.powi(row.abs_diff(column) as i32);
            }
        }
        moments
    }

    #[test]
    fn the_root_multiplies_to_the_inverse() {
        let size = 7;
        let matrix = moments(size);
        let root = upper_root_of_inverse(&matrix, size);
        for row in 0..size {
            for column in 0..row {
                assert_eq!(root[row * size + column], 0.0);
            }
            for column in 0..size {
                let inverse =
                    |a: usize, b: usize| (0..size).map(|k| root[k * size + a] * root[k * size + b]).sum::<f64>();
                let product: f64 = (0..size).map(|k| inverse(row, k) * matrix[k * size + column]).sum();
                let unit = if row == column { 1.0 } else { 0.0 };
                assert!((product - unit).abs() < 1e-9, "{row} {column}: {product}");
            }
        }
    }

    #[test]
    fn errors_cancel_where_inputs_are_alike() {
        let inputs = Inputs::of(&moments(32), 32);
        let weights: Vec<f64> = (0..32).map(|tap| 10.0 * (f64::from(tap) * 0.4).sin() + 0.4).collect();
        let rounded: Vec<f64> = inputs.round(&weights).0.into_iter().map(f64::from).collect();
        let sorted = |values: &[f64]| inputs.order.iter().map(|&tap| values[tap]).collect::<Vec<_>>();
        let nearest: Vec<f64> = weights.iter().map(|weight| weight.round()).collect();
        let (better, plain) =
            (inputs.error(&sorted(&weights), &sorted(&rounded)), inputs.error(&sorted(&weights), &sorted(&nearest)));
        assert!(better < 0.5 * plain, "{better} and {plain}");
        let furthest = weights.iter().zip(&rounded).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        assert!(furthest < 3.0, "no weight is far from its own value: {furthest}");
    }

    #[test]
    fn inputs_that_are_always_zero_keep_a_weight_of_zero() {
        let mut alike = moments(4);
        (0..4).for_each(|k| (alike[3 * 4 + k], alike[k * 4 + 3]) = (0.0, 0.0));
        assert_eq!(Inputs::of(&alike, 4).round(&[0.4, 0.4, 0.4, 0.0]).0[3], 0);
        assert_eq!(Inputs::of(&[0.0; 16], 4).round(&[0.4, 0.6, -7.5, 300.0]).0, [0, 1, -8, 127]);
    }

    /// A convolution over a line with two channels, of which windows are three rows every second one, after one row of zeros.
    #[test]
    fn windows_lie_where_the_layer_reads() {
        let operation = Operation::Convolution { kernel: 3, stride: 2, padding: 1, channels: 1 };
        let node = NodeWeights { weight: vec![0.0; 6], bias: vec![0.0] };
        let layer = WindowLayer::new(operation, 2, &node).unwrap();
        let rows = Rows { channels: 2, values: (0u8..20).map(f32::from).collect() };
        let windows = Windows { layer: &layer, rows: &rows, channel: 0 };
        let mut window = vec![0.0; layer.taps];
        windows.read(1, &mut window);
        let width = layer.taps / 3;
        // The first whole window begins at row 1, the next at row 3.
        assert_eq!((window[0], window[1], window[width], window[2 * width + 1]), (6.0, 7.0, 8.0, 11.0));
        assert_eq!(windows.count(), 4);
    }

    #[test]
    fn a_filter_of_a_smooth_signal_is_closer_to_its_float_twin() {
        let operation = Operation::Convolution { kernel: 48, stride: 16, padding: 16, channels: 1 };
        let weight: Vec<f32> = (0..48u32).map(|tap| (tap * tap * 7919 % 997) as f32 / 997.0 - 0.5).collect();
        let layer = WindowLayer::new(operation, 1, &NodeWeights { weight, bias: vec![0.0] }).unwrap();
        let values: Vec<f32> = (0..16 * 400).map(|t| (t as f32 * 0.05).sin() + 0.3 * (t as f32 * 0.11).cos()).collect();
        let inputs = Inputs::measure(&layer, &Rows { channels: 1, values: values.clone() }, 0);
        let steps: Vec<f64> = layer.filter(0).iter().map(|weight| f64::from(*weight) * 254.0).collect();
        let output = |weights: &[f64], at: usize| {
            let width = layer.taps / 48;
            (0..48).map(|tap| weights[tap * width] * f64::from(values[at + tap])).sum::<f64>()
        };
        let nearest: Vec<f64> = steps.iter().map(|step| step.round()).collect();
        let chosen: Vec<f64> = inputs.round(&steps).0.into_iter().map(f64::from).collect();
        let error = |rounded: &[f64]| {
            (0..16 * 390).step_by(16).map(|at| (output(rounded, at) - output(&steps, at)).powi(2)).sum::<f64>()
        };
        assert!(error(&chosen) < 0.5 * error(&nearest), "{} and {}", error(&chosen), error(&nearest));
    }
}
