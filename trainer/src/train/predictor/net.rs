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
/// Entries of the integers hold one point below this octave of the smaller scale.
const LAST_SINGLE_OCTAVE: f64 = 3.0;
/// The edge of the last entry, in units.
const LAST_UNIT: f64 = 255.5;
/// Bits that say an escape's octave.
const OCTAVE_BITS: f64 = 5.0;
/// The scales that the integers have, in octaves.
const SCALES: (f64, f64) = (-5.0, 18.0);
/// Sums of the integers end here.
const LARGEST_SUM: f64 = 8.0;
/// Octaves of a unit of an output that is a scale.
const OCTAVES: f64 = 2.0;
/// Scales of the narrow and the wide logistic before training, in those units, and the logit of the narrow one's weight.
const FIRST: [f32; DISTRIBUTION_OUTPUTS] = [0.0, 0.0, 0.25, 1.0, 1.0];

/// Windows of a recording, and what is known of them beforehand.
#[derive(Debug)]
pub(super) struct Windows {
    /// `[windows, channels, time]`.
    pub(super) points: Tensor,
    /// Octaves between points, `[windows]`.
    pub(super) octaves: Tensor,
    /// What the filter expects of every point but the first and by how much it erred before, in points: `[windows, channels, time − 1, 2]`.
    pub(super) filtered: Option<Tensor>,
}

impl Windows {
    /// Windows of one length in one batch.
    pub(super) fn together(windows: &[Self]) -> Self {
        let all = |of: fn(&Self) -> &Tensor| Tensor::cat(&windows.iter().map(of).collect::<Vec<_>>(), 0);
        let filtered: Vec<&Tensor> = windows.iter().filter_map(|window| window.filtered.as_ref()).collect();
        Self {
            points: all(|window| &window.points),
            octaves: all(|window| &window.octaves),
            filtered: (!filtered.is_empty()).then(|| Tensor::cat(&filtered, 0)),
        }
    }
}

/// How the integers send a distance: `vq_core::residual::mixture`.
struct Entry {
    /// Plain bits behind the entry.
    bits: Tensor,
    /// Whether it is the escape.
    escapes: Tensor,
    /// The edge beyond which it is, in points from the centre.
    last: Tensor,
    /// The distance's sign.
    sign: Tensor,
}

impl Entry {
    /// Those of distances in points, where the smaller scale is so many octaves.
    fn of(distances: &Tensor, octaves: &Tensor) -> Self {
        let plain = (octaves.floor() - LAST_SINGLE_OCTAVE).clamp_min(0.0);
        let units = distances.abs() / plain.exp2();
        let octave = units.clamp_min(1.0).log2().floor();
        let escapes = units.ge(LAST_UNIT);
        let of_octave = (&octave - 2.0) * units.ge(16.0).to_kind(Kind::Float);
        let bits = (&octave + OCTAVE_BITS).where_self(&escapes, &of_octave) + &plain;
        Self { bits, escapes, last: plain.exp2() * LAST_UNIT, sign: distances.sign() }
    }
}

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

    /// The rate of the filter beside the net; 0 without one.
    pub(super) fn filter_rate(&self) -> u8 {
        self.sizes.filter_rate
    }

    /// Bits of every point but the first of each channel, `[windows, channels, time − 1]`.
    pub(super) fn bits(&self, windows: &Windows, int8: bool) -> Tensor {
        let Windows { points, octaves, filtered } = windows;
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
        inputs.extend(filtered.iter().flat_map(|said| said.unbind(3)).map(|said| compand(&said.round())));
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
        let differences =
            (1..=self.sizes.taps as i64).map(past).chain(cross).chain(filtered.as_ref().map(|said| said.select(3, 0)));
        let mut left = next.shallow_clone();
        for (place, difference) in differences.enumerate() {
            left = &left - output(DISTRIBUTION_OUTPUTS + place) * difference;
        }
        let scales = [2, 3].map(|place| (output(place) * OCTAVES).clamp(SCALES.0, SCALES.1));
        let narrow = [0, 1].map(|place: usize| (&scales[place] * -std::f64::consts::LN_2).exp());
        let weight = output(4).sigmoid();
        let mixed = |of: [Tensor; 2]| {
            let [first, second] = of;
            &weight * first + (&weight * -1.0 + 1.0) * second
        };
        let shares = [0, 1].map(|place| {
            // In scales; on the lower flank both ends are small numbers, whose difference floats keep.
            let distance = -(&left * &narrow[place] - output(place)).abs();
            let half = &narrow[place] * 0.5;
            (&distance + &half).sigmoid() - (distance - half).sigmoid()
        });
        // The likelier mean, from which distances are measured, and how an entry of the integers holds this one.
        let means = [0, 1].map(|place| output(place) / &narrow[place]);
        let centre = means[0].where_self(&weight.ge(0.5), &means[1]).detach();
        let entry = Entry::of(&(&left - &centre).detach(), &scales[0].minimum(&scales[1]).detach());
        let within = (mixed(shares) * REST + entry.bits.neg().exp2() * LEAST).log2() * -1.0;
        // Behind the last entry: all that is further out, and then the number itself.
        let beyond = [0, 1].map(|place| {
            let edge = &entry.last + (&centre - &means[place]) * &entry.sign;
            (edge * &narrow[place] * -1.0).sigmoid()
        });
        let escape = (mixed(beyond) * REST + LEAST).log2() * -1.0 + &entry.bits;
        escape.where_self(&entry.escapes, &within)
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
