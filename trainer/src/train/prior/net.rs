//! The recurrent prior as a net of tch: the float image of what `vq_core::prior` computes.

use rand::rngs::ChaCha8Rng;
use tch::{Device, Kind, Tensor, nn};
use vq_core::model::QUALITIES;
use vq_core::model::recurrent::CONDITIONS;
use vq_core::prior::{COARSENESS, FINENESS};

use crate::export::priors::recurrent::{CONDITION_GAIN, Matrix, RecurrentSizes, TrainedRecurrent};
use crate::random::uniform;

/// Least probability of a code: what an escape leaves of it.
const LEAST: f64 = 1e-7;
/// The scales that the integers have, in octaves.
const SCALES: (f64, f64) = (-5.0, 18.0);

/// Least spread of a symbol's latents, in steps.
const LEAST_SPREAD: f64 = 0.2;

/// A net.
#[derive(Debug)]
pub(in crate::train) struct Net {
    pub(in crate::train) symbols: usize,
    sizes: RecurrentSizes,
    input: Linear,
    state: Linear,
    readout: Linear,
    skip: Option<Linear>,
    in_hop_units: Option<Linear>,
    in_hop_outputs: Linear,
    start: Tensor,
    conditions: Tensor,
    /// What a symbol's means are multiples of: the spread of its latents, `[symbols]`, not trained. Multiplied into the weights when they are
    /// given out.
    spread: Tensor,
}

/// A matrix, its biases where it has some, and which of its weights there are.
#[derive(Debug)]
pub(in crate::train) struct Linear {
    weight: Tensor,
    bias: Option<Tensor>,
    mask: Option<Tensor>,
}

impl Linear {
    pub(in crate::train) fn new(
        variables: &nn::Path,
        name: &str,
        sizes: [i64; 2],
        bound: f64,
        biased: bool,
        random: &mut ChaCha8Rng,
    ) -> Self {
        let mut add = |part: &str, sizes: &[i64]| {
            variables.sub(name).add(part, (uniform(sizes, random) * 2.0 - 1.0) * bound, true)
        };
        let weight = add("weight", &sizes);
        Self { weight, bias: biased.then(|| add("bias", &sizes[..1])), mask: None }
    }

    pub(in crate::train) fn bias(&self) -> Option<&Tensor> {
        self.bias.as_ref()
    }

    /// The weights as they count: those that there are, rounded to int8 where asked, with the gradient of no rounding.
    pub(in crate::train) fn weights(&self, int8: bool) -> Tensor {
        let weight = match &self.mask {
            Some(mask) => &self.weight * mask,
            None => self.weight.shallow_clone(),
        };
        if !int8 || weight.numel() == 0 {
            return weight;
        }
        let scale = weight.detach().abs().amax([1i64], true).clamp_min(1e-12) / 127.0;
        let rounded = (weight.detach() / &scale).round() * scale;
        &weight + (rounded - weight.detach())
    }

    pub(in crate::train) fn forward(&self, x: &Tensor, int8: bool) -> Tensor {
        x.linear(&self.weights(int8), self.bias.as_ref())
    }

    pub(in crate::train) fn matrix(&self, rows: Option<&Tensor>) -> Matrix {
        let scaled = |value: &Tensor, shape: &[i64]| match rows {
            Some(rows) => value * rows.view(shape),
            None => value.shallow_clone(),
        };
        let values = |tensor: Tensor| Vec::<f32>::try_from(tensor.detach().flatten(0, -1)).unwrap_or_default();
        Matrix {
            weights: values(scaled(&self.weights(false), &[-1, 1])),
            biases: self.bias.as_ref().map_or_else(Vec::new, |bias| values(scaled(bias, &[-1]))),
        }
    }
}

/// The state before every hop, `[windows, hops, hidden]`, of a gated cell: `start`, `[1, 1, hidden]`, before the first one, then what the cell makes of
/// all hops but the last, `[windows, hops − 1, inputs]`.
pub(super) fn states_before([input, state]: [&Linear; 2], start: &Tensor, read: &Tensor, int8: bool) -> Tensor {
    let windows = read.size()[0];
    let first = start.expand([windows, 1, -1], false);
    if read.size()[1] == 0 {
        return first;
    }
    let biases = [input, state].map(|linear| linear.bias.as_ref().map(Tensor::shallow_clone));
    let weights = [input, state].map(|linear| linear.weights(int8));
    let parameters: Vec<Tensor> = weights.into_iter().chain(biases.into_iter().flatten()).collect();
    let initial = start.expand([1, windows, -1], false).contiguous();
    let (states, _) = read.gru(&initial, &parameters, true, 1, 0.0, true, false, true);
    Tensor::cat(&[first, states], 1)
}

impl Net {
    /// A net before training, with its tensors under `variables`.
    pub(in crate::train) fn new(
        variables: &nn::Path,
        sizes: RecurrentSizes,
        symbols: usize,
        random: &mut ChaCha8Rng,
    ) -> Self {
        let device = variables.device();
        let (hidden, units, count) = (sizes.hidden as i64, sizes.units as i64, symbols as i64);
        let bound = 1.0 / (hidden.max(1) as f64).sqrt();
        let mut linear = |name: &str, rows: i64, columns: i64, bound: f64, biased: bool| {
            Linear::new(variables, name, [rows, columns], bound, biased, random)
        };
        let input = linear("input", 3 * hidden, count + CONDITIONS as i64, bound, true);
        let state = linear("state", 3 * hidden, hidden, bound, true);
        let readout = linear("readout", count * (units + 2), CONDITIONS as i64 + hidden, bound * 0.5, true);
        let skip = sizes.skip.then(|| linear("skip", 2 * count, count, 0.01, false));
        let mut in_hop_units = (units > 0).then(|| linear("in_hop_units", count * units, count, 0.1, false));
        let seen = if units > 0 { count * units } else { count };
        let mut in_hop_outputs = linear("in_hop_outputs", 2 * count, seen, 0.1, false);
        if let Some(units) = &mut in_hop_units {
            units.mask = Some(sizes.mask(symbols, sizes.units, 1, 0).to_device(device));
        }
        let mask = sizes.mask(symbols, 2, sizes.units.max(1), usize::from(sizes.units > 0));
        in_hop_outputs.mask = Some(mask.to_device(device));
        let start = variables.add("start", Tensor::zeros([hidden], (Kind::Float, device)), true);
        let conditions = (uniform(&[QUALITIES as i64, CONDITIONS as i64], random) - 0.5) * 0.2;
        let conditions = variables.add("conditions", conditions, true);
        let spread = variables.add("spread", Tensor::ones([count], (Kind::Float, device)), false);
        Self { symbols, sizes, input, state, readout, skip, in_hop_units, in_hop_outputs, start, conditions, spread }
    }

    /// Takes the spread of latents, `[rows, symbols]` in steps of quality 9, for what means are multiples of.
    pub(in crate::train) fn start_on(&mut self, latents: &Tensor) {
        let spread = latents.to_kind(Kind::Float).std_dim([0i64].as_slice(), true, false) + LEAST_SPREAD;
        tch::no_grad(|| self.spread.copy_(&spread));
    }

    /// Means in codes and scales in octaves of codes, each `[windows, hops, symbols]`, of codes of that shape; `qualities`, `[windows]`, counts from 0.
    pub(in crate::train) fn forward(&self, codes: &Tensor, qualities: &Tensor, int8: bool) -> (Tensor, Tensor) {
        let (windows, hops, symbols) = (codes.size()[0], codes.size()[1], self.symbols as i64);
        let of_quality = |table: [f32; QUALITIES]| {
            Tensor::from_slice(&table).to_device(codes.device()).index_select(0, qualities).view([-1, 1, 1])
        };
        let x = compand(&(codes * of_quality(COARSENESS.map(|step| f32::from(step) / 16.0))));
        let before = x.narrow(1, 0, hops - 1);
        let condition = self.conditions.index_select(0, qualities).clamp(-1.0, 1.0).unsqueeze(1);
        let start = self.start.clamp(-1.0, 1.0).view([1, 1, -1]);
        let states = if self.sizes.hidden > 0 {
            let gain = (&condition * CONDITION_GAIN).expand([windows, hops - 1, -1], false);
            states_before([&self.input, &self.state], &start, &Tensor::cat(&[&before, &gain], 2), int8)
        } else {
            start.expand([windows, hops, -1], false)
        };
        let read = Tensor::cat(&[condition.expand([windows, hops, -1], false), states], 2);
        let readout = self.readout.forward(&read, int8);
        let unit_count = (self.sizes.units * self.symbols) as i64;
        let mut outputs = readout.narrow(2, unit_count, 2 * symbols);
        if let Some(skip) = &self.skip {
            outputs = &outputs + skip.forward(&before, int8).constant_pad_nd([0, 0, 1, 0]);
        }
        let seen = match &self.in_hop_units {
            Some(units) => {
                let sum = readout.narrow(2, 0, unit_count) + units.forward(&x, int8);
                sum.maximum(&(&sum / 8.0))
            }
            None => x,
        };
        let outputs = (outputs + self.in_hop_outputs.forward(&seen, int8)).view([windows, hops, symbols, 2]);
        let fineness = of_quality(FINENESS.map(|step| f32::from(step) / 32768.0));
        let scale = outputs.select(3, 1) - of_quality(std::array::from_fn(|row| (QUALITIES - 1 - row) as f32 / 2.0));
        (outputs.select(3, 0) * &self.spread * fineness, scale.clamp(SCALES.0, SCALES.1))
    }

    /// Bits of every code, `[windows, hops, symbols]`; `qualities`, `[windows]`, counts from 0.
    pub(in crate::train) fn bits(&self, codes: &Tensor, qualities: &Tensor, int8: bool) -> Tensor {
        let (mean, scale) = self.forward(codes, qualities, int8);
        let narrow = (scale * -std::f64::consts::LN_2).exp();
        // On the lower flank both ends are small numbers, whose difference floats keep.
        let distance = -(codes - mean).abs();
        let share = ((&distance + 0.5) * &narrow).sigmoid() - ((&distance - 0.5) * &narrow).sigmoid();
        (share + LEAST).log2() * -1.0
    }

    /// The weights as plain numbers; `largest_means` in steps of quality 9.
    pub(super) fn trained(&self, largest_means: Vec<f32>) -> TrainedRecurrent {
        let ones = Tensor::ones([(self.symbols * self.sizes.units) as i64], (Kind::Float, Device::Cpu));
        let of_outputs = Tensor::stack(&[self.spread.shallow_clone(), self.spread.ones_like()], 1).flatten(0, 1);
        let of_readout = Tensor::cat(&[&ones, &of_outputs], 0);
        let numbers = |tensor: Tensor| Vec::<f32>::try_from(tensor.detach().flatten(0, -1)).unwrap_or_default();
        let conditions = numbers(self.conditions.clamp(-1.0, 1.0));
        TrainedRecurrent {
            sizes: self.sizes,
            symbols: self.symbols,
            input: self.input.matrix(None),
            state: self.state.matrix(None),
            readout: self.readout.matrix(Some(&of_readout)),
            skip: self.skip.as_ref().map_or_else(Matrix::default, |skip| skip.matrix(Some(&of_outputs))),
            in_hop_units: self.in_hop_units.as_ref().map_or_else(Matrix::default, |units| units.matrix(None)),
            in_hop_outputs: self.in_hop_outputs.matrix(Some(&of_outputs)),
            start: numbers(self.start.clamp(-1.0, 1.0)),
            conditions: std::array::from_fn(|row| std::array::from_fn(|at| conditions[row * CONDITIONS + at])),
            qualities: 0,
            largest_means,
            expected: [0.0; QUALITIES],
        }
    }
}

impl RecurrentSizes {
    /// Which weights there are of `rows` rows for each symbol over `columns` columns for each: those of the symbols up to `reach` before it,
    /// its own among them where `own` is 1.
    fn mask(&self, symbols: usize, rows: usize, columns: usize, own: usize) -> Tensor {
        let seen = |row: usize, column: usize| {
            let (reader, source) = (row / rows, column / columns);
            source < reader + own && reader + own - source <= self.reach
        };
        let values: Vec<f32> = (0..symbols * rows)
            .flat_map(|row| (0..symbols * columns).map(move |column| (row, column)))
            .map(|(row, column)| if seen(row, column) { 1.0 } else { 0.0 })
            .collect();
        Tensor::from_slice(&values).view([(symbols * rows) as i64, (symbols * columns) as i64])
    }
}

/// Codes as the net sees them: `log2(1 + |code|)` with straight lines between powers of two, and the code's sign.
pub(in crate::train) fn compand(codes: &Tensor) -> Tensor {
    let magnitude = codes.abs() + 1.0;
    // Half a unit lifts powers of two clear of what rounding could take from their logarithm.
    let octave = (&magnitude + 1e-3).log2().floor();
    let power = octave.exp2();
    codes.sign() * (octave + magnitude / power - 1.0)
}
