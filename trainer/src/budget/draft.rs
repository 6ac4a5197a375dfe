//! A configuration as the model that it would be exported as.

use super::BudgetError;
use crate::architecture::{NetSpec, Operation};
use crate::config::Config;
use crate::export::container::{ChannelParts, MetadataParts, assemble};
use crate::export::file::ModelBytes;
use crate::export::predictor::{PredictorParts, TrainedPredictor};
use crate::export::priors::indices::{IndexSizes, TrainedIndices};
use crate::export::priors::recurrent::{Matrix, RecurrentParts, RecurrentSizes, TrainedRecurrent};
use crate::export::trained::{
    Codebook, NodeWeights, Normalization, Search, TrainedModel, TrainedNet, TrainedQuantizer, half_octaves,
};
use crate::export::{ExportError, sketch};
use crate::run::{QuantizerRecord, SignalRecord};
use vq_core::model::QUALITIES;
use vq_core::model::recurrent::{CONDITIONS, MAX_INDEX_SYMBOLS};

/// Hops of signal that ranges are measured on: the fewest that the exporter takes.
const HOPS: usize = 16;
/// Half of what the made-up samples span, in counts.
const AMPLITUDE: f64 = 1000.0;

/// The model that a configuration would be exported as for a signal, with weights that mean nothing; `run` is what it says of its training run.
/// Of several priors and predictors that would be tried it carries the largest.
///
/// # Errors
/// If the nets cannot be built or do not fit the container.
pub fn draft(config: &Config, signal: &SignalRecord, run: &str) -> Result<ModelBytes, BudgetError> {
    let channels = signal.channels.len();
    let (encoder, decoder) = config.network_plan().assemble(channels)?;
    let mut noise = Noise(0x9E37_79B9);
    let frames = HOPS * encoder.input_rows;
    let samples: Vec<i32> = (0..frames * channels).map(|_| (noise.next() * AMPLITUDE) as i32).collect();
    let record = config.quantizer_record();
    let trained = TrainedModel {
        quantizer: quantizer(&record, config.network.latents, &mut noise),
        encoder: net(encoder, &mut noise)?,
        decoder: net(decoder, &mut noise)?,
        normalization: vec![Normalization { offset: 0, scale: AMPLITUDE as f32 / 2.0 }; channels],
    };
    let metadata = MetadataParts {
        name: "model".into(),
        rate_millihertz: signal.rate_millihertz,
        channels: (signal.channels.iter())
            .map(|channel| ChannelParts {
                name: channel.name.clone(),
                unit: channel.unit.clone(),
                counts_per_unit: channel.counts_per_unit,
                offset: channel.offset,
                source_bits: channel.source_bits,
            })
            .collect(),
        run: run.into(),
    };
    let mut parts = sketch(&trained, &samples, &metadata)?;
    let recurrent = match &record {
        QuantizerRecord::Scalar { dimension, .. } => largest_prior(config, *dimension),
        QuantizerRecord::Vector { stages, parts, .. } => {
            let alphabets: Vec<usize> = stages.iter().flat_map(|codes| std::iter::repeat_n(*codes, *parts)).collect();
            largest_index_prior(config, &alphabets)
        }
        QuantizerRecord::Finite { levels } => largest_index_prior(config, levels),
        QuantizerRecord::Gaussian { .. } => None,
    };
    parts.priors = parts.priors.with_recurrent(recurrent, &parts.symbols);
    parts.predictor = largest_predictor(config, channels);
    Ok(assemble(&parts).map_err(ExportError::from)?)
}

/// Numbers between −1 and 1 that are the same everywhere: a multiplicative congruential generator.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1u64 << 52) as f64 - 1.0
    }

    fn values(&mut self, count: usize, bound: f64) -> Vec<f32> {
        (0..count).map(|_| (self.next() * bound) as f32).collect()
    }
}

/// A net with weights as wide as they start.
fn net(spec: NetSpec, noise: &mut Noise) -> Result<TrainedNet, BudgetError> {
    let shapes = spec.shapes()?;
    let weights = spec.nodes.iter().zip(&shapes).map(|(node, shape)| {
        let inputs = spec.shape_of(node.source, &shapes).channels;
        let taps = match node.operation {
            Operation::Convolution { kernel, .. } | Operation::Transposed { kernel, .. } => kernel * inputs,
            Operation::Depthwise { kernel, .. } => kernel,
            Operation::Add { .. } => return NodeWeights { weight: Vec::new(), bias: Vec::new() },
        };
        let bound = 1.0 / (taps.max(1) as f64).sqrt();
        NodeWeights { weight: noise.values(taps * shape.channels, bound), bias: noise.values(shape.channels, bound) }
    });
    Ok(TrainedNet { weights: weights.collect(), spec })
}

/// Codes as wide as they start, for `latents` latents.
fn quantizer(record: &QuantizerRecord, latents: usize, noise: &mut Noise) -> TrainedQuantizer {
    match record {
        QuantizerRecord::Vector { dimension, stages, parts, cosine } => {
            let channels = dimension / parts;
            let codebook = |(number, size): (usize, usize)| Codebook {
                first: number % parts * channels,
                search: if *cosine { Search::Direction } else { Search::Distance },
                size,
                ..Codebook::stage(number / parts, channels, noise.values(size * channels, 1.0))
            };
            TrainedQuantizer::Vectors {
                codebooks: stages
                    .iter()
                    .flat_map(|&codes| std::iter::repeat_n(codes, *parts))
                    .enumerate()
                    .map(codebook)
                    .collect(),
            }
        }
        QuantizerRecord::Finite { levels } => TrainedQuantizer::Vectors {
            codebooks: levels.iter().enumerate().map(|(channel, &count)| Codebook::levels(channel, count)).collect(),
        },
        // Refused before, with every limit: it has no codes.
        QuantizerRecord::Gaussian { .. } => TrainedQuantizer::Vectors { codebooks: Vec::new() },
        QuantizerRecord::Scalar { dimension, bits } => {
            let told = (latents > *dimension).then_some([0.0; QUALITIES]);
            TrainedQuantizer::Scalar { steps: vec![half_octaves(0.1); *dimension], bits: *bits as u8, told }
        }
    }
}

/// The largest of the recurrent priors that would be trained, with weights of zero.
fn largest_prior(config: &Config, symbols: usize) -> Option<RecurrentParts> {
    let candidates = config.prior.candidates().into_iter().filter_map(|(_, sizes)| {
        let RecurrentSizes { hidden, units, skip, .. } = sizes;
        let zeros = |rows: usize, columns: usize, biased: bool| Matrix {
            weights: vec![0.0; rows * columns],
            biases: vec![0.0; if biased { rows } else { 0 }],
        };
        let outputs = symbols * units.max(1);
        TrainedRecurrent {
            sizes,
            symbols,
            input: zeros(3 * hidden, symbols + CONDITIONS, true),
            state: zeros(3 * hidden, hidden, true),
            readout: zeros(symbols * (units + 2), CONDITIONS + hidden, true),
            skip: if skip { zeros(2 * symbols, symbols, false) } else { Matrix::default() },
            in_hop_units: zeros(symbols * units, symbols, false),
            in_hop_outputs: zeros(2 * symbols, outputs, false),
            start: vec![0.0; hidden],
            conditions: [[0.0; CONDITIONS]; QUALITIES],
            qualities: (1 << QUALITIES) - 1,
            largest_means: vec![1.0; symbols],
            expected: [0.0; QUALITIES],
        }
        .lower()
    });
    candidates.max_by_key(RecurrentParts::bytes)
}

/// The same of symbols that are indices of so many codes.
fn largest_index_prior(config: &Config, alphabets: &[usize]) -> Option<RecurrentParts> {
    if alphabets.len() > usize::from(MAX_INDEX_SYMBOLS) {
        return None;
    }
    let zeros = |rows: usize, columns: usize| Matrix { weights: vec![0.0; rows * columns], biases: vec![0.0; rows] };
    let candidates = config.prior.index_candidates().into_iter().filter_map(|(_, sizes)| {
        let IndexSizes { hidden, units } = sizes;
        TrainedIndices {
            sizes,
            input: zeros(3 * hidden, units + CONDITIONS),
            state: zeros(3 * hidden, hidden),
            readout: zeros(alphabets.len() * units, CONDITIONS + hidden),
            embeddings: alphabets.iter().map(|codes| vec![0.0; codes * units]).collect(),
            outputs: alphabets.iter().map(|codes| zeros(*codes, units)).collect(),
            start: vec![0.0; hidden],
            conditions: [[0.0; CONDITIONS]; QUALITIES],
            qualities: (1 << QUALITIES) - 1,
            expected: [0.0; QUALITIES],
        }
        .lower()
    });
    candidates.max_by_key(RecurrentParts::bytes)
}

/// The largest of the predictors that would be trained, with weights of zero.
fn largest_predictor(config: &Config, channels: usize) -> Option<PredictorParts> {
    let candidates =
        config.residual.kind.candidates(channels, config.residual.filter_rate).into_iter().filter_map(|(_, sizes)| {
            let hidden = sizes.hidden;
            let zeros =
                |rows: usize, columns: usize| Matrix { weights: vec![0.0; rows * columns], biases: vec![0.0; rows] };
            TrainedPredictor {
                sizes,
                level_scale: 40,
                input: zeros(3 * hidden, sizes.inputs()),
                state: zeros(3 * hidden, hidden),
                readout: zeros(sizes.outputs(), hidden),
            }
            .lower()
        });
    candidates.max_by_key(PredictorParts::bytes)
}
