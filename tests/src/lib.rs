//! Models and signals that the tests across crates share.

pub mod demo;
pub mod device;
pub mod hostile;
pub mod indices;
pub mod lapped;
pub mod rungs;

use proptest::prelude::*;
use vq_core::model::recurrent::CONDITIONS;
use vq_core::{Decoder, Model, Options, Status};
use vq_trainer::architecture::{Activation, NetSpec, NodeSpec, Operation, Source};
use vq_trainer::codec::packets;
use vq_trainer::export::choice::ChoiceParts;
use vq_trainer::export::container::{ChannelParts, MetadataParts, ModelParts, assemble};
use vq_trainer::export::disassemble::disassemble;
use vq_trainer::export::file::{HostMemory, ModelBytes};
use vq_trainer::export::predictor::{PredictorSizes, TrainedPredictor};
use vq_trainer::export::priors::recurrent::{Matrix, RecurrentSizes, TrainedRecurrent};
use vq_trainer::export::trained::{
    Codebook, NodeWeights, Normalization, Search, TrainedModel, TrainedNet, TrainedQuantizer, half_octaves,
};
use vq_trainer::export::{Exported, export};

/// Numbers that look random and are the same on every machine.
#[derive(Debug, Clone)]
pub struct Noise(u64);

impl Noise {
    /// A sequence for a seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// The next number in −1..1.
    pub fn draw(&mut self) -> f32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    }

    pub(crate) fn values(&mut self, count: usize, size: f32) -> Vec<f32> {
        (0..count).map(|_| self.draw() * size).collect()
    }
}

/// Kinds of codebooks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Codebooks {
    /// All latents together, stage by stage.
    Residual,
    /// A codebook for every latent, stage by stage.
    Product,
    /// One codebook of vectors of length one, chosen by their direction.
    Directions,
    /// The levels of a finite scalar quantizer.
    Levels,
}

/// What a random model is made of.
#[derive(Debug, Clone)]
pub struct Recipe {
    /// Seed of its weights.
    pub seed: u64,
    /// Channels of a frame.
    pub channels: usize,
    /// Channels of hidden rows.
    pub width: usize,
    /// Channels of a latent.
    pub latents: usize,
    /// Strides of the encoder's convolutions; the decoder goes back up through the same.
    pub strides: Vec<usize>,
    /// Kernel rows beyond the stride, per convolution.
    pub extra: Vec<usize>,
    /// Latent rows per hop.
    pub rows: usize,
    /// Whether biases are zero, so that silence stays silent.
    pub unbiased: bool,
    /// Whether convolutions are taken apart into depthwise and pointwise ones.
    pub separable: bool,
    /// Stages of codebooks, or integer latents.
    pub stages: Option<usize>,
    /// Whether the last of several integer latents tells the decoder the quality.
    pub told: bool,
    /// What its codebooks are like, where it has stages.
    pub codebooks: Codebooks,
}

/// Random small models of every shape that the trainer can make.
pub fn recipes() -> impl Strategy<Value = Recipe> {
    let strides = prop::collection::vec(1usize..=4, 1..=3);
    let sizes = (1usize..=3, 1usize..=7, 1usize..=5, 1usize..=2);
    (any::<u32>(), sizes, strides, any::<[bool; 3]>(), codebooks()).prop_flat_map(
        |(seed, (channels, width, latents, rows), strides, [unbiased, separable, told], (stages, codebooks))| {
            prop::collection::vec(0usize..=5, strides.len()).prop_map(move |extra| Recipe {
                seed: u64::from(seed),
                channels,
                width,
                latents,
                strides: strides.clone(),
                extra,
                rows,
                unbiased,
                separable,
                stages,
                told,
                codebooks,
            })
        },
    )
}

/// Integer latents half of the time, otherwise up to three stages of any codebooks.
fn codebooks() -> impl Strategy<Value = (Option<usize>, Codebooks)> {
    let kinds = [Codebooks::Residual, Codebooks::Product, Codebooks::Directions, Codebooks::Levels];
    (prop::option::of(1usize..=3), prop::sample::select(kinds.to_vec()))
}

impl Recipe {
    /// A small model with one channel and integer latents, to be varied.
    #[must_use]
    pub fn small(seed: u64) -> Self {
        Self {
            seed,
            channels: 1,
            width: 4,
            latents: 3,
            strides: vec![2, 2],
            extra: vec![2, 2],
            rows: 1,
            unbiased: false,
            separable: false,
            stages: None,
            told: false,
            codebooks: Codebooks::Residual,
        }
    }

    /// Frames per hop.
    #[must_use]
    pub fn hop(&self) -> usize {
        self.strides.iter().product::<usize>() * self.rows
    }

    /// The model.
    #[must_use]
    pub fn trained(&self) -> TrainedModel {
        let mut noise = Noise::new(self.seed);
        let encoder = self.net(&mut noise, true);
        let decoder = self.net(&mut noise, false);
        let quantizer = match self.stages {
            Some(stages) => TrainedQuantizer::Vectors { codebooks: self.codebooks(stages, &mut noise) },
            None => {
                let tells = self.told && self.latents > 1;
                let told = tells.then(|| std::array::from_fn(|row| (row as f32 - 3.5) / 8.0));
                let steps = vec![half_octaves(0.0005); self.latents - usize::from(tells)];
                TrainedQuantizer::Scalar { steps, bits: 12, told }
            }
        };
        let normalization =
            (0..self.channels).map(|channel| Normalization { offset: 100 * channel as i32, scale: 2000.0 });
        TrainedModel { encoder, decoder, quantizer, normalization: normalization.collect() }
    }

    fn codebooks(&self, stages: usize, noise: &mut Noise) -> Vec<Codebook> {
        let latents = self.latents;
        let mut vectors = |stage: usize, channels: usize| {
            let reach = 0.5 / (1 << stage) as f32;
            Codebook::stage(stage, channels, noise.values((5 + 6 * stage) * channels, reach))
        };
        match self.codebooks {
            Codebooks::Residual => (0..stages).map(|stage| vectors(stage, latents)).collect(),
            Codebooks::Product => {
                let part = |number| Codebook { first: number % latents, ..vectors(number / latents, 1) };
                (0..stages * latents).map(part).collect()
            }
            Codebooks::Directions => {
                let mut codebook = Codebook { search: Search::Direction, ..vectors(0, latents) };
                for vector in codebook.vectors.chunks_exact_mut(latents) {
                    let length = vector.iter().map(|e| e * e).sum::<f32>().sqrt();
                    vector.iter_mut().for_each(|e| *e /= length);
                }
                vec![codebook]
            }
            Codebooks::Levels => (0..latents).map(|latent| Codebook::levels(latent, 3 + 2 * stages + latent)).collect(),
        }
    }

    /// A chain of (transposed) convolutions with a residual block in the middle and a linear path beside it.
    fn net(&self, noise: &mut Noise, encoder: bool) -> TrainedNet {
        let total: usize = self.strides.iter().product();
        let (inputs, outputs) = if encoder { (self.channels, self.latents) } else { (self.latents, self.channels) };
        let mut nodes = Vec::new();
        let count = self.strides.len();
        let mut source = Source::Input;
        for place in 0..count {
            let place = if encoder { place } else { count - 1 - place };
            let (stride, extra) = (self.strides[place], self.extra[place]);
            let (kernel, padding, channels) = (stride + extra, extra / 2, self.width);
            let operation = if encoder && self.separable {
                let filter = Operation::Depthwise { kernel, stride, padding };
                source = push(&mut nodes, format!("filter{place}"), source, filter, Activation::LeakyRelu);
                Operation::Convolution { kernel: 1, stride: 1, padding: 0, channels }
            } else if encoder {
                Operation::Convolution { kernel, stride, padding, channels }
            } else {
                Operation::Transposed { kernel, stride, padding, channels }
            };
            source = push(&mut nodes, format!("step{place}"), source, operation, Activation::LeakyRelu);
        }
        let smooth = if self.separable {
            Operation::Depthwise { kernel: 3, stride: 1, padding: 1 }
        } else {
            Operation::Convolution { kernel: 3, stride: 1, padding: 1, channels: self.width }
        };
        let inner = push(&mut nodes, "smooth".into(), source, smooth, Activation::Relu);
        let sum = Operation::Add { other: source };
        let sum = push(&mut nodes, "residual".into(), inner, sum, Activation::Linear);
        let mix = Operation::Convolution { kernel: 1, stride: 1, padding: 0, channels: outputs };
        let mixed = push(&mut nodes, "mix".into(), sum, mix, Activation::Linear);
        let (kernel, padding) = (2 * total, total / 2);
        let linear = if encoder {
            Operation::Convolution { kernel, stride: total, padding, channels: outputs }
        } else {
            Operation::Transposed { kernel, stride: total, padding, channels: outputs }
        };
        let linear = push(&mut nodes, "linear".into(), Source::Input, linear, Activation::Linear);
        push(&mut nodes, "output".into(), mixed, Operation::Add { other: linear }, Activation::Linear);
        let rows = if encoder { self.hop() } else { self.rows };
        let spec = NetSpec { input_channels: inputs, input_rows: rows, nodes };
        let weights = weights(&spec, if self.unbiased { 0.0 } else { 0.2 }, noise);
        TrainedNet { spec, weights }
    }

    /// A lively signal `[time, channels]` of whole hops, at least this many frames.
    #[must_use]
    pub fn signal(&self, frames: usize) -> Vec<i32> {
        let mut noise = Noise::new(self.seed ^ 77);
        let frames = frames.next_multiple_of(self.hop()).max(self.hop() * 16);
        let mut level = vec![0f32; self.channels];
        (0..frames * self.channels)
            .map(|index| {
                let channel = index % self.channels;
                level[channel] = 0.9 * level[channel] + 400.0 * noise.draw();
                level[channel] as i32 + 100 * channel as i32
            })
            .collect()
    }

    /// The model in both arithmetics.
    #[must_use]
    pub fn export(&self) -> Exported {
        export(&self.trained(), &self.signal(600), &metadata(self.channels)).expect("the recipe exports")
    }
}

/// Random weights for a net, and biases of at most this size.
pub(crate) fn weights(spec: &NetSpec, largest_bias: f32, noise: &mut Noise) -> Vec<NodeWeights> {
    let shapes = spec.shapes().expect("the net is sound");
    spec.nodes
        .iter()
        .map(|node| {
            let inputs = match node.source {
                Source::Input => spec.input_channels,
                Source::Node(index) => shapes[index].channels,
            };
            let (kernel, inputs, channels) = match node.operation {
                Operation::Convolution { kernel, channels, .. } | Operation::Transposed { kernel, channels, .. } => {
                    (kernel, inputs, channels)
                }
                Operation::Depthwise { kernel, .. } => (kernel, 1, inputs),
                Operation::Add { .. } => return NodeWeights { weight: Vec::new(), bias: Vec::new() },
            };
            let size = 1.0 / ((kernel * inputs) as f32).sqrt();
            NodeWeights {
                weight: noise.values(kernel * inputs * channels, size),
                bias: noise.values(channels, largest_bias),
            }
        })
        .collect()
}

/// The same model, whose levels move over `2^ramp` frames, or jump if it is 0; `None` is as exported.
///
/// # Panics
/// If no decoder hides a ramp as long.
#[must_use]
pub fn with_level_ramp(model: Model<'_>, ramp: Option<u16>) -> ModelBytes {
    let parts = disassemble(model).expect("the model says what it is");
    assemble(&ModelParts { level_ramp: ramp, ..parts }).expect("the parts fit together")
}

/// A model of codebooks whose encoder chooses codes among so many paths, at one λ for all qualities; of `weights` as many are taken as a row has latents.
///
/// # Panics
/// If the model has integer latents.
#[must_use]
pub fn with_choice(model: Model<'_>, paths: u16, lambda: u32, weights: &[u16]) -> ModelBytes {
    let mut parts = disassemble(model).expect("the model says what it is");
    let weights = &weights[..usize::from(parts.decoder.channels)];
    let choice = ChoiceParts::new(&parts.symbols, &parts.tables, weights);
    parts.choice = Some(ChoiceParts { paths, lambdas: [lambda; 9], ..choice });
    assemble(&parts).expect("the parts fit together")
}

/// A recurrent prior of random weights for a model of integer latents: it foresees nothing, but takes every way through the arithmetic.
#[must_use]
pub fn with_recurrent_prior(model: Model<'_>, sizes: RecurrentSizes, seed: u64) -> ModelBytes {
    let mut noise = Noise::new(seed);
    let symbols = usize::from(model.header().symbols_per_hop);
    let RecurrentSizes { hidden, units, skip, .. } = sizes;
    let mut matrix = |rows: usize, columns: usize, size: f32| Matrix {
        weights: noise.values(rows * columns, size),
        biases: noise.values(rows, size),
    };
    let seen = if units > 0 { symbols * units } else { symbols };
    let trained = TrainedRecurrent {
        sizes,
        symbols,
        input: matrix(3 * hidden, symbols + CONDITIONS, 0.5),
        state: matrix(3 * hidden, hidden, 0.5),
        readout: matrix(symbols * (units + 2), CONDITIONS + hidden, 1.0),
        skip: if skip { matrix(2 * symbols, symbols, 0.3) } else { Matrix::default() },
        in_hop_units: matrix(symbols * units, symbols, 0.3),
        in_hop_outputs: matrix(2 * symbols, seen, 0.3),
        start: matrix(1, hidden, 1.0).weights,
        conditions: std::array::from_fn(|row| std::array::from_fn(|at| (row as f32 - at as f32) / 10.0)),
        // At quality 1 the tables hold.
        qualities: 0x1fe,
        largest_means: vec![90.0; symbols],
        expected: [8.0; 9],
    };
    let mut parts = disassemble(model).expect("the model says what it is");
    parts.priors.recurrent = Some(trained.lower().expect("no accumulator overflows"));
    assemble(&parts).expect("the parts fit together")
}

/// A recurrent predictor of random weights for a model: it predicts nothing, but takes every way through the arithmetic.
#[must_use]
pub fn with_predictor(model: Model<'_>, sizes: PredictorSizes, seed: u64) -> ModelBytes {
    let mut noise = Noise::new(seed);
    let mut matrix = |rows: usize, columns: usize, size: f32| Matrix {
        weights: noise.values(rows * columns, size),
        biases: noise.values(rows, size),
    };
    let trained = TrainedPredictor {
        sizes,
        level_scale: 90,
        input: matrix(3 * sizes.hidden, sizes.inputs(), 0.5),
        state: matrix(3 * sizes.hidden, sizes.hidden, 0.5),
        readout: matrix(sizes.outputs(), sizes.hidden, 1.0),
    };
    let mut parts = disassemble(model).expect("the model says what it is");
    parts.predictor = Some(trained.lower().expect("no accumulator overflows"));
    assemble(&parts).expect("the parts fit together")
}

/// Sizes of recurrent predictors for so many channels.
pub fn predictor_sizes(channels: usize) -> impl Strategy<Value = PredictorSizes> {
    (1usize..=3, 1usize..=8, prop_oneof![Just(0), 1u8..=15]).prop_map(move |(fours, taps, filter_rate)| {
        PredictorSizes { hidden: fours * 4, taps, cross: (channels - 1).min(2), filter_rate }
    })
}

/// Sizes of every kind of recurrent prior.
pub fn recurrent_sizes() -> impl Strategy<Value = RecurrentSizes> {
    let rates = prop_oneof![Just(0), 1u8..=15];
    (0usize..=3, prop::sample::select(vec![0usize, 4]), any::<bool>(), 1usize..=6, rates).prop_map(
        |(fours, units, skip, reach, scale_rate)| RecurrentSizes {
            hidden: fours * 4,
            units,
            skip: skip || fours == 0,
            reach,
            scale_rate,
        },
    )
}

fn push(
    nodes: &mut Vec<NodeSpec>,
    name: String,
    source: Source,
    operation: Operation,
    activation: Activation,
) -> Source {
    nodes.push(NodeSpec { name, source, operation, activation });
    Source::Node(nodes.len() - 1)
}

/// Metadata of a test model.
#[must_use]
pub fn metadata(channels: usize) -> MetadataParts {
    MetadataParts {
        name: "test".into(),
        rate_millihertz: 360_000,
        channels: (0..channels)
            .map(|channel| ChannelParts {
                name: format!("lead {channel}"),
                unit: "mV".into(),
                counts_per_unit: 200.0,
                offset: 100 * channel as i32,
                source_bits: Some(11),
            })
            .collect(),
        run: "{}".into(),
    }
}

/// Every packet of a signal.
#[must_use]
pub fn encode(model: Model<'_>, options: Options, signal: &[i32]) -> Vec<Vec<u8>> {
    packets(model, options, signal).expect("the options fit the model, and frames have its channels")
}

/// One block of a decoder, owned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnedBlock {
    /// Position of the first frame.
    pub first_frame: u64,
    /// The samples.
    pub frames: Vec<i32>,
    /// How far they can be trusted.
    pub status: Status,
}

/// Every block of these packets, those of the look-ahead included.
#[must_use]
pub fn decode(model: Model<'_>, packets: &[Vec<u8>]) -> Vec<OwnedBlock> {
    let mut memory = HostMemory::new(model.decoder_memory());
    let mut decoder = Decoder::new(model, memory.bytes()).expect("the memory is as large as the model says");
    let mut blocks = Vec::new();
    let mut keep = |block: vq_core::Block<'_>| {
        blocks.push(OwnedBlock { first_frame: block.first_frame, frames: block.frames.to_vec(), status: block.status });
    };
    for packet in packets {
        let mut parts = decoder.packet(packet).expect("the packet is the model's");
        while let Some(block) = parts.next() {
            keep(block);
        }
    }
    let mut parts = decoder.finish();
    while let Some(block) = parts.next() {
        keep(block);
    }
    drop(parts);
    blocks
}

/// The samples of blocks, one after the other.
#[must_use]
pub fn samples(blocks: &[OwnedBlock]) -> Vec<i32> {
    blocks.iter().flat_map(|block| block.frames.iter().copied()).collect()
}
