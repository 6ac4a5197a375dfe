//! The recurrent predictor as a net of tch: the float image of what `vq_core::residual` computes.

use rand::rngs::ChaCha8Rng;
use tch::nn::VarStore;
use tch::{Device, Kind, Tensor};
use vq_core::model::predictor::DISTRIBUTION_OUTPUTS;

use crate::export::predictor::{PredictorSizes, TrainedPredictor};
use crate::train::prior::{Linear, compand};

/// What every entry of the integer mixture has at least, and what is left for the mixture itself.
const LEAST: f64 = 1.0 / 32768.0;
const REST: f64 = 1.0 - 65.0 / 32768.0;
/// The scales that the integers have, in octaves.
const SCALES: (f64, f64) = (-5.0, 18.0);
/// Sums of the integers end here.
const LARGEST_SUM: f64 = 8.0;
/// Octaves of a unit of an output that is a scale.
const OCTAVES: f64 = 2.0;
/// Scales of the narrow and the wide logistic before training, in those units, and the logit of the narrow one's weight.
const FIRST: [f32; DISTRIBUTION_OUTPUTS] = [0.0, 0.0, 0.25, 1.0, 1.0];

/// A net and its variables.
#[derive(Debug)]
pub(super) struct Net {
    pub(super) variables: VarStore,
    sizes: PredictorSizes,
    input: Linear,
    state: Linear,
    readout: Linear,
}

impl Net {
    /// A net before training, which predicts that a sample is as the last one.
    pub(super) fn new(sizes: PredictorSizes, random: &mut ChaCha8Rng) -> Self {
        let variables = VarStore::new(Device::Cpu);
        let (hidden, inputs, outputs) = (sizes.hidden as i64, sizes.inputs() as i64, sizes.outputs() as i64);
        let bound = 1.0 / (hidden as f64).sqrt();
        let mut linear = |name: &str, rows: i64, columns: i64, bound: f64| {
            Linear::new(&variables.root(), name, [rows, columns], bound, true, random)
        };
        let input = linear("input", 3 * hidden, inputs, 0.3);
        let state = linear("state", 3 * hidden, hidden, bound);
        let readout = linear("readout", outputs, hidden, 0.02);
        let first: Vec<f32> = FIRST.into_iter().chain(vec![0.0; sizes.outputs() - FIRST.len()]).collect();
        if let Some(bias) = readout.bias() {
            tch::no_grad(|| bias.shallow_clone().copy_(&Tensor::from_slice(&first)));
        }
        Self { variables, sizes, input, state, readout }
    }

    /// Bits of every point but the first of each channel, `[windows, channels, time − 1]`, of points `[windows, channels, time]` on lattices with
    /// `octaves` `[windows]` between points.
    pub(super) fn bits(&self, points: &Tensor, octaves: &Tensor, int8: bool) -> Tensor {
        let (windows, channels, time) = points.size3().unwrap_or_default();
        let next = points.narrow(2, 1, time - 1) - points.narrow(2, 0, time - 1);
        // The differences that are known before each point; at the packet's start there are none.
        let past = |age: i64| next.constant_pad_nd([age, 0]).narrow(2, 0, time - 1);
        let newest = past(1);
        let mut inputs = vec![compand(&newest), compand(&(&newest - past(2)))];
        inputs.push(octaves.view([windows, 1, 1]).expand([windows, channels, time - 1], false));
        let cross: Vec<Tensor> = (1..=self.sizes.cross as i64)
            .map(|back| next.constant_pad_nd([0, 0, back, 0]).narrow(1, 0, channels))
            .collect();
        inputs.extend(cross.iter().map(compand));
        let inputs = Tensor::stack(&inputs, 3).flatten(0, 1);
        let sequences = windows * channels;
        let biases = [&self.input, &self.state].map(|linear| linear.bias().map(Tensor::shallow_clone));
        let weights = [self.input.weights(int8), self.state.weights(int8)];
        let parameters: Vec<Tensor> = weights.into_iter().chain(biases.into_iter().flatten()).collect();
        let first = Tensor::zeros([1, sequences, self.sizes.hidden as i64], (Kind::Float, Device::Cpu));
        let (states, _) = inputs.gru(&first, &parameters, true, 1, 0.0, true, false, true);
        let outputs = self.readout.forward(&states, int8).clamp(-LARGEST_SUM, LARGEST_SUM);
        let outputs = outputs.view([windows, channels, time - 1, self.sizes.outputs() as i64]);

        let output = |place: usize| outputs.select(3, place as i64);
        let differences = (1..=self.sizes.taps as i64).map(past).chain(cross);
        let mut left = next.shallow_clone();
        for (place, difference) in differences.enumerate() {
            left = &left - output(DISTRIBUTION_OUTPUTS + place) * difference;
        }
        let share = |mean: usize, scale: usize| {
            let octaves = (output(scale) * OCTAVES).clamp(SCALES.0, SCALES.1);
            let narrow = (octaves * -std::f64::consts::LN_2).exp();
            // In scales; on the lower flank both ends are small numbers, whose difference floats keep.
            let distance = -(&left * &narrow - output(mean)).abs();
            let half = narrow * 0.5;
            (&distance + &half).sigmoid() - (distance - half).sigmoid()
        };
        let weight = output(4).sigmoid();
        let mixed: Tensor = &weight * share(0, 2) + (&weight * -1.0 + 1.0) * share(1, 3);
        (mixed * REST + LEAST).log2() * -1.0
    }

    /// The weights as plain numbers.
    pub(super) fn trained(&self, level_scale: u8) -> TrainedPredictor {
        TrainedPredictor {
            sizes: self.sizes,
            level_scale,
            input: self.input.matrix(None),
            state: self.state.matrix(None),
            readout: self.readout.matrix(None),
        }
    }
}
