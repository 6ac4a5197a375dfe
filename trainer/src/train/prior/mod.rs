//! Training of the recurrent prior, on the codes that an integer model makes.
//!
//! The codes stand; what is trained is how well they are foreseen, in windows that begin as packets do: with the state that is stored,
//! and nothing known of what was before.

mod fit;
mod indices;
mod net;

use rand::RngExt;
use tch::nn::VarStore;
use tch::{Device, Kind, Tensor};
use vq_core::Model;
use vq_core::model::QUALITIES;
use vq_core::model::records::SymbolKind;
use vq_core::model::recurrent::MAX_INDEX_SYMBOLS;
use vq_core::prior::COARSENESS;

use super::adam::Adam;
use crate::export::priors::indices::IndexSizes;
use crate::export::priors::recurrent::{RecurrentParts, RecurrentSizes, TrainedRecurrent};
use crate::export::priors::{HopCodes, PriorError};
use crate::random::for_step;
use crate::run::NamedTensors;
use indices::IndexNet;
pub(super) use net::{Linear, Net, compand};

pub use fit::{Candidate, FitError, Fitted, fit, qualities};

/// Hops of a step, over all windows.
const HOPS: usize = 6144;
/// The shortest and the longest window.
const WINDOW: (usize, usize) = (32, 384);
/// Bytes of a packet's codes, which say how long its windows are.
const PACKET_CODE_BYTES: f64 = 236.0;
/// The part of the steps over which the learning rate rises.
const WARMUP: f64 = 0.05;
/// Where the learning rate ends, as a part of the highest.
const LAST_RATE: f64 = 0.02;
/// From this part of the steps on weights are rounded to int8, as on the device.
const INT8_FROM: f64 = 0.6;
/// Where training goes on with codes that are chosen under the prior itself, as a part of the steps.
const AGAIN_FROM: f64 = 0.6;
/// Steps between two looks at how many hops a packet holds.
const RESIZE_EVERY: usize = 100;
/// Windows that means are looked at on, for their range.
const LOOKS: usize = 16;
/// How often steps may go over the codes of indices, on average: of few codes more would be learned by heart.
const PASSES: usize = 100;

/// Sizes of a prior, by what it foresees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sizes {
    /// Integer latents.
    Latents(RecurrentSizes),
    /// Indices.
    Indices(IndexSizes),
}

/// What a training of the recurrent prior can be told.
#[derive(Debug, Clone, PartialEq)]
pub struct PriorSettings {
    /// Sizes of the net.
    pub sizes: Sizes,
    /// Optimizer steps.
    pub steps: usize,
    /// Adam's highest learning rate.
    pub learning_rate: f64,
    /// Seed of every random choice.
    pub seed: u64,
    /// The qualities to train for.
    pub qualities: Vec<u8>,
    /// Tensors to begin with, by their names; empty for random ones.
    pub start: NamedTensors,
}

/// Codes of the training frames at one quality.
#[derive(Debug)]
struct QualityCodes {
    quality: u8,
    /// `[hops, symbols]`, those of integer latents in steps.
    codes: Tensor,
    /// Hops of a packet, as far as is known.
    window: usize,
    /// Bits of a hop, a moving average.
    bits: f64,
}

/// A recurrent prior in training.
#[derive(Debug)]
pub struct PriorSession {
    settings: PriorSettings,
    net: Either,
    variables: VarStore,
    adam: Adam,
    codes: Vec<QualityCodes>,
    step: usize,
}

/// A net, by what it foresees.
#[derive(Debug)]
enum Either {
    Latents(Net),
    Indices(IndexNet),
}

impl Either {
    /// Bits of every code that is sent, `[windows, hops, symbols]`.
    fn bits(&self, codes: &Tensor, quality: u8, int8: bool) -> Tensor {
        match self {
            Self::Latents(net) => net.bits(codes, &row_of(quality, codes.size()[0] as usize), int8),
            Self::Indices(net) => net.bits(codes, quality, int8),
        }
    }
}

/// Whether a model's codes are of a kind that a recurrent prior foresees.
#[must_use]
pub fn is_foreseeable(model: Model<'_>) -> bool {
    is_of_indices(model) || is_of_latents(model)
}

/// Whether a model's codes are indices, all of them, and no more than a recurrent prior can have.
fn is_of_indices(model: Model<'_>) -> bool {
    let mut symbols = model.symbols(QUALITIES as u8);
    let count = usize::from(model.header().symbols_per_hop);
    count <= usize::from(MAX_INDEX_SYMBOLS) && symbols.all(|symbol| symbol.kind == SymbolKind::Index)
}

/// Whether they are integer latents, all of one width and all sent at every quality.
fn is_of_latents(model: Model<'_>) -> bool {
    let best = QUALITIES as u8;
    let bits = model.symbol(0).map(|symbol| symbol.bits);
    let fits = |quality: u8| {
        let mut count = 0;
        let all = model.symbols(quality).all(|symbol| {
            count += 1;
            symbol.kind == SymbolKind::Integer && Some(symbol.bits) == bits
        });
        all.then_some(count)
    };
    fits(1).is_some() && fits(1) == fits(best)
}

impl PriorSession {
    /// A training before its first step, on what `model` makes of `samples` `[time, channels]`.
    ///
    /// # Errors
    /// That the model cannot encode the samples.
    pub fn new(model: Model<'_>, samples: &[i32], settings: PriorSettings) -> Result<Self, PriorError> {
        let symbols = usize::from(model.header().symbols_per_hop);
        let mut codes = Vec::new();
        for &quality in &settings.qualities {
            let collected = collect(model, samples, quality)?;
            codes.push(QualityCodes { quality, codes: collected, window: WINDOW.0, bits: 0.0 });
        }
        let mut random = for_step(settings.seed, usize::MAX);
        let variables = VarStore::new(Device::Cpu);
        let mut settings = settings;
        let net = match settings.sizes {
            Sizes::Latents(sizes) => {
                let mut net = Net::new(&variables.root(), sizes, symbols, &mut random);
                if !begin_with(&variables, &settings.start)
                    && let Some(last) = codes.last()
                {
                    net.start_on(&last.latents());
                }
                Either::Latents(net)
            }
            Sizes::Indices(sizes) => {
                let mut net = IndexNet::new(&variables.root(), model, sizes, &mut random);
                if let Some(last) = codes.last() {
                    net.start_on(&last.codes);
                }
                let hops: i64 = codes.iter().map(|codes| codes.codes.size()[0]).sum();
                settings.steps = settings.steps.min(hops as usize * PASSES / HOPS);
                Either::Indices(net)
            }
        };
        let adam = Adam::new(&variables, 0.9, 0.99);
        Ok(Self { settings, net, variables, adam, codes, step: 0 })
    }

    /// Goes on with the codes that another model makes, one with the prior itself, from a later step on.
    ///
    /// # Errors
    /// That the model cannot encode the samples.
    fn collect_again(&mut self, model: Model<'_>, samples: &[i32]) -> Result<(), PriorError> {
        for codes in &mut self.codes {
            codes.codes = collect(model, samples, codes.quality)?;
        }
        self.step = (self.settings.steps as f64 * AGAIN_FROM) as usize;
        Ok(())
    }

    /// Steps to do.
    #[must_use]
    pub fn steps(&self) -> usize {
        self.settings.steps
    }

    /// Steps done.
    #[must_use]
    pub fn step(&self) -> usize {
        self.step
    }

    /// One step; gives the bits of a hop in its windows.
    pub fn advance(&mut self) -> f64 {
        let mut random = for_step(self.settings.seed, self.step);
        let choice = random.random_range(0..self.codes.len());
        let window = self.codes[choice].window;
        let (codes, _) = self.codes[choice].draw((HOPS / window).max(1), window, &mut random);
        let int8 = self.step as f64 >= INT8_FROM * self.settings.steps as f64;
        let bits = self.net.bits(&codes, self.codes[choice].quality, int8);
        let symbols = bits.size()[2] as f64;
        let bits = bits.mean(Kind::Float);
        let _ = self.adam.minimise(&bits, self.learning_rate(), 1.0);
        if let Either::Indices(_) = self.net {
            IndexNet::decay(&self.variables, self.learning_rate());
        }
        let bits = bits.double_value(&[]) * symbols;
        self.codes[choice].observe(bits);
        self.step += 1;
        if self.step.is_multiple_of(RESIZE_EVERY) {
            self.codes.iter_mut().for_each(QualityCodes::resize);
        }
        bits
    }

    fn learning_rate(&self) -> f64 {
        let (step, steps) = (self.step as f64, self.settings.steps as f64);
        let warmup = WARMUP * steps;
        if step < warmup {
            return self.settings.learning_rate * (step + 1.0) / (warmup + 1.0);
        }
        let progress = (step - warmup) / (steps - warmup).max(1.0);
        self.settings.learning_rate
            * (LAST_RATE + (1.0 - LAST_RATE) * 0.5 * (1.0 + (std::f64::consts::PI * progress).cos()))
    }

    /// The prior as it is now, in integers; `None` where an accumulator could overflow.
    #[must_use]
    pub fn lower(&self) -> Option<RecurrentParts> {
        let mut qualities = 0;
        let mut expected = [0.0; QUALITIES];
        for codes in &self.codes {
            qualities |= 1 << (codes.quality - 1);
            expected[usize::from(codes.quality) - 1] = codes.bits;
        }
        match &self.net {
            Either::Latents(net) => TrainedRecurrent { qualities, expected, ..self.trained(net) }.lower(),
            Either::Indices(net) => net.lower(qualities, expected),
        }
    }

    fn trained(&self, net: &Net) -> TrainedRecurrent {
        let mut random = for_step(self.settings.seed, self.step);
        let largest = self.codes.iter().flat_map(|codes| {
            let (drawn, qualities) = codes.draw(LOOKS, codes.window, &mut random);
            let (mean, _) = tch::no_grad(|| net.forward(&drawn, &qualities, true));
            let largest = mean.abs().amax([0, 1], false) * codes.step();
            Vec::<f32>::try_from(largest).unwrap_or_default().into_iter().enumerate().collect::<Vec<_>>()
        });
        let mut largest_means = vec![0.0f32; net.symbols];
        largest.for_each(|(symbol, mean)| largest_means[symbol] = largest_means[symbol].max(mean));
        net.trained(largest_means)
    }
}

/// The codes that a model makes of samples, `[hops, symbols]`, those of integer latents in steps.
fn collect(model: Model<'_>, samples: &[i32], quality: u8) -> Result<Tensor, PriorError> {
    let limit = limit(model);
    let hops = HopCodes::collect(model, samples, quality)?;
    let steps: Vec<i16> = hops.codes().iter().map(|code| (*code as i16).wrapping_sub(limit)).collect();
    Ok(Tensor::from_slice(&steps).view([hops.hops() as i64, -1]))
}

/// What to subtract from a code for its number of steps; 0 of indices.
fn limit(model: Model<'_>) -> i16 {
    let latent = model.symbol(0).filter(|symbol| symbol.kind == SymbolKind::Integer);
    latent.map_or(0, |symbol| symbol.integer_limit())
}

/// Takes over the values of all variables; false, and nothing is changed, where one is missing or has another shape.
fn begin_with(variables: &VarStore, start: &NamedTensors) -> bool {
    let mut pairs = Vec::new();
    for (name, variable) in variables.variables() {
        let shape: Vec<usize> = variable.size().iter().map(|&size| size as usize).collect();
        match start.get(&name).filter(|tensor| tensor.shape == shape) {
            Some(tensor) => pairs.push((variable, Tensor::from_slice(&tensor.values))),
            None => return false,
        }
    }
    tch::no_grad(|| pairs.into_iter().for_each(|(mut variable, value)| variable.copy_(&value.view_as(&variable))));
    true
}

/// A quality for every one of so many windows, counted from 0, as the net takes them.
fn row_of(quality: u8, windows: usize) -> Tensor {
    Tensor::from_slice(&vec![i64::from(quality) - 1; windows])
}

impl QualityCodes {
    /// What a step is worth, in steps of quality 9.
    fn step(&self) -> f64 {
        let coarseness = COARSENESS.get(usize::from(self.quality) - 1).copied().unwrap_or(16);
        f64::from(coarseness) / 16.0
    }

    /// The codes as latents in steps of quality 9.
    fn latents(&self) -> Tensor {
        self.codes.to_kind(Kind::Float) * self.step()
    }

    /// Windows of hops, `[windows, hops, symbols]`, and their quality as the net takes it.
    fn draw(&self, windows: usize, hops: usize, random: &mut rand::rngs::ChaCha8Rng) -> (Tensor, Tensor) {
        let most = (self.codes.size()[0] as usize).saturating_sub(hops).max(1);
        let window = |_| {
            self.codes.narrow(0, random.random_range(0..most) as i64, hops.min(self.codes.size()[0] as usize) as i64)
        };
        let codes = Tensor::stack(&(0..windows).map(window).collect::<Vec<_>>(), 0).to_kind(Kind::Float);
        (codes, row_of(self.quality, windows))
    }

    fn observe(&mut self, bits: f64) {
        self.bits = if self.bits == 0.0 { bits } else { self.bits * 0.9 + bits * 0.1 };
    }

    /// Lets windows be as long as packets are.
    fn resize(&mut self) {
        if self.bits > 0.0 {
            self.window = ((PACKET_CODE_BYTES * 8.0 / self.bits) as usize).clamp(WINDOW.0, WINDOW.1);
        }
    }
}
