//! The recurrent prior of indices as a net of tch: the float image of what `vq_core::prior` computes.

use rand::rngs::ChaCha8Rng;
use tch::nn::{self, VarStore};
use tch::{Kind, Tensor};
use vq_core::Model;
use vq_core::model::QUALITIES;
use vq_core::model::recurrent::CONDITIONS;

use super::Linear;
use super::net::states_before;
use crate::export::priors::indices::{EMBEDDING, IndexSizes, TrainedIndices};
use crate::export::priors::recurrent::{CONDITION_GAIN, RecurrentParts};
use crate::random::uniform;

/// What a step of the optimizer takes from every weight, as a share of the learning rate: of few codes much would be learned by heart.
const DECAY: f64 = 0.05;
/// How wide embeddings start.
const SPREAD: f64 = 0.35;
/// The most that an embedding can be, and a sum of them.
const MOST_EMBEDDED: f64 = 127.0 * EMBEDDING;
const MOST_SUM: f64 = 32767.0 / 2048.0;

/// A net.
#[derive(Debug)]
pub(super) struct IndexNet {
    sizes: IndexSizes,
    /// Of each symbol, the first stages of a quality at which it is sent.
    stages: Vec<u8>,
    /// Stages that are sent at each quality.
    sent: [u8; QUALITIES],
    input: Linear,
    state: Linear,
    readout: Linear,
    /// Of each symbol, `[alphabet, units]`.
    embeddings: Vec<Tensor>,
    outputs: Vec<Linear>,
    start: Tensor,
    conditions: Tensor,
}

impl IndexNet {
    /// A net for a model's symbols before training, with its tensors under `variables`.
    pub(super) fn new(variables: &nn::Path, model: Model<'_>, sizes: IndexSizes, random: &mut ChaCha8Rng) -> Self {
        let (hidden, units) = (sizes.hidden as i64, sizes.units as i64);
        let alphabets: Vec<i64> = model.symbols(QUALITIES as u8).map(|symbol| i64::from(symbol.alphabet)).collect();
        let bound = 1.0 / (hidden as f64).sqrt();
        let mut linear = |name: &str, rows: i64, columns: i64, bound: f64| {
            Linear::new(variables, name, [rows, columns], bound, true, random)
        };
        let input = linear("input", 3 * hidden, units + CONDITIONS as i64, bound);
        let state = linear("state", 3 * hidden, hidden, bound);
        let readout = linear("readout", alphabets.len() as i64 * units, CONDITIONS as i64 + hidden, bound);
        let within = 1.0 / (units as f64).sqrt();
        let outputs = alphabets.iter().enumerate();
        let outputs =
            outputs.map(|(index, codes)| linear(&format!("outputs_{index}"), *codes, units, within)).collect();
        let embeddings = alphabets.iter().enumerate().map(|(index, codes)| {
            let values = (uniform(&[*codes, units], random) * 2.0 - 1.0) * SPREAD;
            variables.add(&format!("embedding_{index}"), values, true)
        });
        let embeddings = embeddings.collect();
        let conditions = (uniform(&[QUALITIES as i64, CONDITIONS as i64], random) - 0.5) * 0.2;
        Self {
            sizes,
            stages: model.symbols(QUALITIES as u8).map(|symbol| symbol.stage).collect(),
            sent: std::array::from_fn(|row| model.stages(row as u8 + 1)),
            input,
            state,
            readout,
            embeddings,
            outputs,
            start: variables.add("start", Tensor::zeros([hidden], (Kind::Float, variables.device())), true),
            conditions: variables.add("conditions", conditions, true),
        }
    }

    /// Takes the frequencies of codes, `[rows, symbols]`, for what the net expects where it knows nothing.
    pub(super) fn start_on(&mut self, codes: &Tensor) {
        for (index, outputs) in self.outputs.iter().enumerate() {
            let Some(bias) = outputs.bias() else { continue };
            let counts = codes.select(1, index as i64).to_kind(Kind::Int64).bincount(None::<Tensor>, bias.size()[0]);
            let shares = (counts.to_kind(Kind::Float) + 1.0).log2();
            tch::no_grad(|| bias.shallow_clone().copy_(&(&shares - shares.mean(Kind::Float))));
        }
    }

    /// Bits of every code that is sent at a quality, `[windows, hops, sent symbols]`, of codes `[windows, hops, symbols]`.
    pub(super) fn bits(&self, codes: &Tensor, quality: u8, int8: bool) -> Tensor {
        let (windows, hops) = (codes.size()[0], codes.size()[1]);
        let row = usize::from(quality.clamp(1, QUALITIES as u8)) - 1;
        let codes = codes.to_kind(Kind::Int64);
        let sent = (0..self.stages.len()).filter(|index| self.stages[*index] < self.sent[row]);
        let embedded = sent.map(|index| {
            let code = codes.select(2, index as i64);
            (index, code.shallow_clone(), Tensor::embedding(&self.embedding(index, int8), &code, -1, false, false))
        });
        let embedded: Vec<(usize, Tensor, Tensor)> = embedded.collect();
        let units = self.sizes.units as i64;
        let nothing = Tensor::zeros([windows, hops, units], (Kind::Float, codes.device()));
        // Sums of the codes before each symbol, and of all.
        let mut sums = vec![nothing];
        for (_, _, embedding) in &embedded {
            sums.push((&sums[sums.len() - 1] + embedding).clamp(-MOST_SUM, MOST_SUM));
        }
        let states = self.states(&sums[embedded.len()], row, int8);
        let condition = self.conditions.select(0, row as i64).clamp(-1.0, 1.0).view([1, 1, -1]);
        let read = Tensor::cat(&[condition.expand([windows, hops, -1], false), states], 2);
        let readout = self.readout.forward(&read, int8);
        let bits = embedded.iter().zip(&sums).map(|((index, code, _), sum)| {
            let sum = readout.narrow(2, *index as i64 * units, units) + sum;
            let logarithms = self.outputs[*index].forward(&sum.maximum(&(&sum / 8.0)), int8);
            let shares = (logarithms * std::f64::consts::LN_2).log_softmax(2, Kind::Float);
            shares.gather(2, &code.unsqueeze(2), false) * -std::f64::consts::LOG2_E
        });
        Tensor::cat(&bits.collect::<Vec<_>>(), 2)
    }

    /// The state before every hop, `[windows, hops, hidden]`, of sums of the hops' embeddings.
    fn states(&self, sums: &Tensor, row: usize, int8: bool) -> Tensor {
        let (windows, hops) = (sums.size()[0], sums.size()[1]);
        let condition = self.conditions.select(0, row as i64).clamp(-1.0, 1.0) * CONDITION_GAIN;
        let condition = condition.view([1, 1, -1]).expand([windows, hops - 1, -1], false);
        let input = Tensor::cat(&[sums.narrow(1, 0, hops - 1), condition], 2);
        let start = self.start.clamp(-1.0, 1.0).view([1, 1, -1]);
        states_before([&self.input, &self.state], &start, &input, int8)
    }

    /// What codes of a symbol are embedded as, rounded as on the device where asked, with the gradient of no rounding.
    fn embedding(&self, index: usize, int8: bool) -> Tensor {
        let embedding = self.embeddings[index].clamp(-MOST_EMBEDDED, MOST_EMBEDDED);
        if !int8 {
            return embedding;
        }
        let rounded = (embedding.detach() / EMBEDDING).round() * EMBEDDING;
        &embedding + (rounded - embedding.detach())
    }

    /// Draws all weights towards zero, by a step of this learning rate.
    pub(super) fn decay(variables: &VarStore, learning_rate: f64) {
        tch::no_grad(|| {
            for mut variable in variables.trainable_variables() {
                let _ = variable.g_mul_scalar_(1.0 - learning_rate * DECAY);
            }
        });
    }

    /// The prior in integers; `None` where an accumulator could overflow.
    pub(super) fn lower(&self, qualities: u16, expected: [f64; QUALITIES]) -> Option<RecurrentParts> {
        let numbers = |tensor: Tensor| Vec::<f32>::try_from(tensor.detach().flatten(0, -1)).unwrap_or_default();
        let conditions = numbers(self.conditions.clamp(-1.0, 1.0));
        let trained = TrainedIndices {
            sizes: self.sizes,
            input: self.input.matrix(None),
            state: self.state.matrix(None),
            readout: self.readout.matrix(None),
            embeddings: self.embeddings.iter().map(|embedding| numbers(embedding.shallow_clone())).collect(),
            outputs: self.outputs.iter().map(|outputs| outputs.matrix(None)).collect(),
            start: numbers(self.start.clamp(-1.0, 1.0)),
            conditions: std::array::from_fn(|row| std::array::from_fn(|at| conditions[row * CONDITIONS + at])),
            qualities,
            expected,
        };
        trained.lower()
    }
}
