//! Models with every rung of the priors and of the predictors, in the trainer's own sizes, for what each costs: `cargo xtask bench device`.
//!
//! Nobody trained them. Weights are small and random, because an instruction costs the same whatever it multiplies; biases say how wide codes and
//! samples spread, because a code far from where its prior has it takes the longer way through the range coder.

use std::error::Error;
use std::fs;
use std::path::Path;

use vq_core::model::recurrent::CONDITIONS;
use vq_core::{Model, Options, packet_codes};
use vq_trainer::config::{PredictorKind, PriorConfig, PriorKind, ResidualConfig};
use vq_trainer::export::container::assemble;
use vq_trainer::export::disassemble::disassemble;
use vq_trainer::export::file::ModelBytes;
use vq_trainer::export::predictor::{PredictorSizes, TrainedPredictor};
use vq_trainer::export::priors::recurrent::{Matrix, RecurrentSizes, TrainedRecurrent};
use vq_trainer::export::trained::Normalization;

use crate::indices::with_index_prior;
use crate::{Noise, demo, encode, lapped};

/// Samples of the recording that models are exported for: a minute.
const SAMPLES: usize = 21_600;
/// The last of them are what the cases code: a few beats.
const STRETCH: usize = 4096;
/// Weights of codes as spread as those of trained priors.
const LIVELY: f32 = 0.5;
/// A logistic's standard deviation, in its scales: π / √3.
const SPREAD: f64 = 1.813_8;
/// What of the recording's samples a linear prediction leaves, in the form of the readout: two means, two scales in half-octaves of octaves, a weight.
const LEFT_OVER: [f32; 5] = [0.0, 0.0, 0.5, 1.25, 1.0];

/// Writes a model for each case, and `samples.bin` with the samples that they code.
///
/// # Errors
/// What the system refuses.
///
/// # Panics
/// If the recording that ships with the project is not there.
pub fn write(folder: &Path) -> Result<(), Box<dyn Error>> {
    let ecg = &lapped::ecg().samples[..SAMPLES];
    let stretch = &ecg[SAMPLES - STRETCH..];
    let transform = lapped::model(ecg, 1).integer;
    let model = transform.model()?;
    let shapes = demo::model_of(ecg, Normalization { offset: 1024, scale: 300.0 });
    let mut cases = vec![
        ("demo".to_owned(), shapes.clone()),
        ("prior-tables".to_owned(), transform.clone()),
        ("predictor-adaptive".to_owned(), transform.clone()),
    ];
    for kind in [PriorKind::Linear, PriorKind::Small, PriorKind::Standard] {
        let spreads = spreads(model, stretch);
        let with = |(_, sizes)| (named("prior", &kind), with_prior(model, sizes, &spreads));
        cases.extend(kind.candidates().into_iter().map(with));
    }
    cases.push(("prior-following".to_owned(), with_standard_prior(&transform, stretch, 1.0)));
    let indices = shapes.model()?;
    for (kind, sizes) in PriorConfig::default().index_candidates() {
        cases.push((named("indices", &kind), with_index_prior(indices, sizes, 0x1ff, LIVELY, 1)));
    }
    let filter_rate = ResidualConfig::default().filter_rate;
    for kind in [PredictorKind::Small, PredictorKind::Standard] {
        let with = |(_, sizes)| (named("predictor", &kind), with_predictor(model, sizes));
        cases.extend(kind.candidates(1, filter_rate).into_iter().map(with));
    }
    fs::create_dir_all(folder)?;
    for (name, model) in cases {
        model.write(&folder.join(name).with_extension("vqm"))?;
    }
    let bytes: Vec<u8> = stretch.iter().flat_map(|sample| sample.to_le_bytes()).collect();
    Ok(fs::write(folder.join("samples.bin"), bytes)?)
}

/// A model with the small predictor.
///
/// # Panics
/// If the model does not say what it is.
#[must_use]
pub fn with_small_predictor(model: &ModelBytes) -> ModelBytes {
    let (_, sizes) = PredictorKind::Small.candidates(1, ResidualConfig::default().filter_rate)[0];
    with_predictor(model.model().expect("the model is sound"), sizes)
}

/// A model of integer latents with the standard prior, whose scales follow, as if it had learned them where latents spread `louder` times as far as those of
/// the samples.
///
/// # Panics
/// If the trainer tries none.
#[must_use]
pub fn with_standard_prior(model: &ModelBytes, samples: &[i32], louder: f64) -> ModelBytes {
    let model = model.model().expect("the model is sound");
    let (_, sizes) = PriorConfig { kind: PriorKind::Standard, ..PriorConfig::default() }.candidates()[0];
    let spreads: Vec<f64> = spreads(model, samples).iter().map(|spread| spread * louder).collect();
    with_prior(model, sizes, &spreads)
}

fn named(what: &str, kind: &impl std::fmt::Debug) -> String {
    format!("{what}-{kind:?}").to_lowercase()
}

/// The standard deviation of every latent's integers, in steps of the best quality.
fn spreads(model: Model<'_>, signal: &[i32]) -> Vec<f64> {
    let symbols = usize::from(model.header().symbols_per_hop);
    let (mut squares, mut hops) = (vec![0.0; symbols], 0.0);
    let mut memory = vec![0; model.prior_memory().div_ceil(2)];
    for packet in encode(model, Options::new(), signal) {
        let mut codes = packet_codes(model, &packet, &mut memory).expect("the packet is the model's");
        while let Some(hop) = codes.next_hop() {
            hops += 1.0;
            for (place, symbol, code) in hop {
                squares[place] += (f64::from(code) - f64::from(symbol.integer_limit())).powi(2);
            }
        }
    }
    squares.iter().map(|sum| (sum / f64::max(hops, 1.0)).sqrt()).collect()
}

/// A model of integer latents with a recurrent prior that holds at every quality and expects latents to spread so far.
fn with_prior(model: Model<'_>, sizes: RecurrentSizes, spreads: &[f64]) -> ModelBytes {
    let mut noise = Noise::new(sizes.hidden as u64 + 1);
    let symbols = spreads.len();
    let RecurrentSizes { hidden, units, skip, .. } = sizes;
    let mut matrix = |rows, columns, size| matrix(&mut noise, rows, columns, size);
    let mut readout = matrix(symbols * (units + 2), CONDITIONS + hidden, 0.05);
    // Behind the units a mean and a scale of each symbol, the scale in octaves.
    let scales = readout.biases.iter_mut().skip(symbols * units).skip(1).step_by(2);
    scales.zip(spreads).for_each(|(bias, spread)| *bias = (spread.max(0.3) / SPREAD).log2() as f32);
    let seen = if units > 0 { symbols * units } else { symbols };
    let trained = TrainedRecurrent {
        sizes,
        symbols,
        input: matrix(3 * hidden, symbols + CONDITIONS, 0.5),
        state: matrix(3 * hidden, hidden, 0.3),
        readout,
        skip: if skip { matrix(2 * symbols, symbols, 0.02) } else { Matrix::default() },
        in_hop_units: matrix(symbols * units, symbols, 0.05),
        in_hop_outputs: matrix(2 * symbols, seen, 0.02),
        start: vec![0.0; hidden],
        conditions: [[0.0; CONDITIONS]; 9],
        qualities: 0x1ff,
        largest_means: spreads.iter().map(|spread| 4.0 * *spread as f32).collect(),
        expected: [8.0 * symbols as f64; 9],
    };
    let mut parts = disassemble(model).expect("the model says what it is");
    let prior = trained.lower().expect("no accumulator overflows");
    parts.priors = parts.priors.with_recurrent(Some(prior), &parts.symbols);
    assemble(&parts).expect("the parts fit together")
}

/// A model with a recurrent predictor that goes on as the last samples went.
///
/// # Panics
/// If the model does not say what it is.
#[must_use]
pub fn with_predictor(model: Model<'_>, sizes: PredictorSizes) -> ModelBytes {
    let mut noise = Noise::new(sizes.hidden as u64);
    let mut readout = matrix(&mut noise, sizes.outputs(), sizes.hidden, 0.05);
    readout.biases.iter_mut().zip(LEFT_OVER).for_each(|(bias, value)| *bias = value);
    // The newest difference comes again in part.
    readout.biases[LEFT_OVER.len()] = 0.7;
    let trained = TrainedPredictor {
        sizes,
        level_scale: 90,
        input: matrix(&mut noise, 3 * sizes.hidden, sizes.inputs(), 0.5),
        state: matrix(&mut noise, 3 * sizes.hidden, sizes.hidden, 0.3),
        readout,
    };
    let mut parts = disassemble(model).expect("the model says what it is");
    parts.predictor = Some(trained.lower().expect("no accumulator overflows"));
    assemble(&parts).expect("the parts fit together")
}

/// Random weights and no biases.
fn matrix(noise: &mut Noise, rows: usize, columns: usize, size: f32) -> Matrix {
    Matrix { weights: noise.values(rows * columns, size), biases: vec![0.0; rows] }
}
