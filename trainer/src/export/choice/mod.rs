//! Whether an encoder chooses codes by their bits too, and at what price: decided by measurement.
//!
//! For every number of stages and a range of λ, tables are trained on the codes that the encoder then chooses, and bits and error are measured on frames
//! that were not counted. Of those that no other beats, nor two others by turns, a quality takes the cheapest whose error is not far above that
//! of its nearest codes. If the qualities together do not become cheaper, the model has no choice, and codes are the nearest ones.

mod weights;

use vq_core::Model;
use vq_core::model::choice::{Choice, LAMBDA_BITS};
use vq_core::model::records::{Symbol, SymbolKind};
use vq_core::model::{QUALITIES, symbol_table_bytes};

use super::ExportError;
use super::container::{ContainerError, ModelParts, assemble};
use super::file::ModelBytes;
use super::measure::{Measured, Stretches, measure};
use super::priors::PriorParts;
use super::symbols::place;

pub use weights::{Effects, effects, weighted_starts};

/// Fewer frames are too few to measure on.
const FEWEST_FRAMES: usize = 40_000;
/// Paths that are kept.
const PATHS: u16 = 8;
/// The λ that are tried beside 0, in multiples of what a bit saves of the error where rates are high: half octaves from the least.
const LEAST_MULTIPLE: f64 = 0.125;
const MULTIPLES: u32 = 15;
/// How often tables are trained on the codes that are chosen under the tables before.
const ROUNDS: usize = 4;
/// What a quality may err more than the nearest codes of as many stages, as a factor: a way just above them is better than one of other stages far below.
const ERROR_TOLERANCE: f64 = 1.05;
/// What all qualities together must save at least, as a share of their bits, for the choice to be worth its instructions.
const LEAST_GAIN: f64 = 0.01;

/// The choice's part of [`super::container::ModelParts`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChoiceParts {
    /// Paths that are kept.
    pub paths: u16,
    /// A weight for each channel of a latent row, in 1/32768.
    pub weights: Vec<u16>,
    /// Weighted starts of scores, each table filled up to a multiple of four.
    pub starts: Vec<Vec<i32>>,
    /// The table of each symbol.
    pub places: Vec<usize>,
    /// λ at each quality.
    pub lambdas: [u32; QUALITIES],
}

impl ChoiceParts {
    /// A choice among the codes of a model's symbols, whose codebooks are `tables`, at a λ of zero.
    #[must_use]
    pub fn new(symbols: &[Symbol], tables: &[Vec<u8>], weights: &[u16]) -> Self {
        let mut starts: Vec<Vec<i32>> = Vec::new();
        let places = symbols.iter().map(|symbol| {
            let first = usize::from(symbol.first);
            let weights = &weights[first..first + usize::from(symbol.channels)];
            place(&mut starts, weighted_starts(&tables[symbol.table as usize], symbol, weights))
        });
        let places = places.collect();
        Self { paths: PATHS, weights: weights.to_vec(), starts, places, lambdas: [0; QUALITIES] }
    }

    /// The choice that a model has.
    #[must_use]
    pub fn of(model: Model<'_>) -> Option<Self> {
        let record: Choice = model.choice()?;
        let (mut starts, mut places) = (Vec::new(), Vec::new());
        for (index, symbol) in model.symbols(QUALITIES as u8).enumerate() {
            let bytes = model.choice_starts(&record, index, &symbol).chunks_exact(4);
            let table: Vec<i32> = bytes.map(|word| i32::from_le_bytes([word[0], word[1], word[2], word[3]])).collect();
            places.push(place(&mut starts, table));
        }
        let channels = usize::from(model.directory().latent_channels);
        let weights = model.tables().get(record.weights as usize..)?.get(..channels * 2)?;
        let weights = weights.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect();
        Some(Self { paths: record.paths, weights, starts, places, lambdas: record.lambdas })
    }
}

/// A way to send a hop.
#[derive(Debug, Clone)]
struct Way {
    stages: u8,
    lambda: u32,
    measured: Measured,
}

impl Way {
    /// Bits that another way saves for an octave of more error.
    fn saved_per_octave(&self, other: &Self) -> f64 {
        let octaves = (other.measured.error / self.measured.error.max(f64::MIN_POSITIVE)).log2();
        (self.measured.bits - other.measured.bits) / octaves.max(f64::MIN_POSITIVE)
    }
}

/// The parts with a choice of codes and tables for what is chosen, or as they are if that is not cheaper. `samples` `[time, channels]` are those that the
/// tables were trained on.
///
/// # Errors
/// A model that cannot encode the samples.
pub fn decide(
    parts: ModelParts,
    effects: impl FnOnce() -> Effects,
    samples: &[i32],
) -> Result<ModelParts, ExportError> {
    let is_short = samples.len() < FEWEST_FRAMES * parts.scaling.len();
    if is_short || parts.symbols.iter().any(|symbol| symbol.kind != SymbolKind::Index) {
        return Ok(parts);
    }
    let effects = effects();
    let stretches = Stretches::new(samples, parts.scaling.len());
    let choice = ChoiceParts::new(&parts.symbols, &parts.tables, &effects.weights);
    let nearest = nearest(&parts, &stretches)?;
    let mut ways: Vec<Way> = Vec::new();
    for (quality, stages) in (1..).zip(parts.quality) {
        if ways.last().is_some_and(|way| way.stages == stages) {
            continue;
        }
        let mut trial = parts.clone();
        for lambda in lambdas(effects.error_per_bit) {
            trial.choice = Some(ChoiceParts { lambdas: [lambda; QUALITIES], ..choice.clone() });
            for _ in 0..ROUNDS {
                trial.priors = retrained(&trial, &stretches.training, quality)?;
            }
            let measured = measure(model(&assemble(&trial)?)?, &stretches, quality)?;
            ways.push(Way { stages, lambda, measured });
        }
    }
    let Some(chosen) = choose(&parts.quality, &nearest, &ways) else { return Ok(parts) };
    let mut chosen = with(&parts, choice, &chosen);
    chosen.priors = grouped(&chosen, &stretches.training)?;
    let bytes = assemble(&chosen)?;
    let latents = usize::from(parts.decoder.rows) * usize::from(parts.decoder.channels);
    let dimensions = latents as f64 / (usize::from(parts.encoder.rows) * parts.scaling.len()) as f64;
    let (mut before, mut behind) = (0.0, 0.0);
    for (quality, nearest) in (1..).zip(&nearest) {
        let measured = measure(model(&bytes)?, &stretches, quality)?;
        before += nearest.bits.ln();
        behind += measured.bits_at(nearest, dimensions).ln();
    }
    if ((behind - before) / QUALITIES as f64).exp() > 1.0 - LEAST_GAIN {
        return Ok(parts);
    }
    chosen.priors = grouped(&chosen, samples)?;
    Ok(chosen)
}

/// Bits and errors of the nearest codes at every quality, with tables of the frames that are not measured on.
fn nearest(parts: &ModelParts, stretches: &Stretches) -> Result<[Measured; QUALITIES], ExportError> {
    let mut parts = parts.clone();
    parts.priors = retrained(&parts, &stretches.training, QUALITIES as u8)?;
    let bytes = assemble(&parts)?;
    let mut found = [Measured::default(); QUALITIES];
    for (quality, found) in (1..).zip(&mut found) {
        *found = measure(model(&bytes)?, stretches, quality)?;
    }
    Ok(found)
}

/// The λ that are tried, rising.
fn lambdas(error_per_bit: f64) -> Vec<u32> {
    let most = f64::from((1u32 << LAMBDA_BITS) - 1);
    let multiples = (0..MULTIPLES).map(|step| LEAST_MULTIPLE * (f64::from(step) / 2.0).exp2());
    let lambdas = multiples.map(|multiple| (error_per_bit * multiple / 256.0).round().min(most) as u32);
    let mut lambdas: Vec<u32> = [0].into_iter().chain(lambdas).collect();
    lambdas.dedup();
    lambdas
}

/// The cheapest efficient way of each quality, which sends neither more stages nor more bits than a better one; `None` where none is at hand.
fn choose(stages: &[u8; QUALITIES], nearest: &[Measured; QUALITIES], ways: &[Way]) -> Option<[Way; QUALITIES]> {
    let mut chosen: Vec<Way> = Vec::new();
    // The best quality sends everything.
    let (mut range, mut most) = (stages[QUALITIES - 1]..=stages[QUALITIES - 1], f64::INFINITY);
    for row in (0..QUALITIES).rev() {
        let allowed = allowed_error(stages, nearest, row).max(unmoved_error(stages[row], ways)) * ERROR_TOLERANCE;
        let fits = |way: &&Way| way.measured.error <= allowed && way.measured.bits <= most;
        let ways = efficient(ways.iter().filter(|way| range.contains(&way.stages)));
        let way = ways.into_iter().rfind(fits).or(chosen.last())?.clone();
        (range, most) = (1..=way.stages, way.measured.bits);
        chosen.push(way);
    }
    chosen.reverse();
    chosen.try_into().ok()
}

/// The error of as many stages where bits cost nothing. Errors of latents are weighted by what they mean for the output, so that it is not quite that
/// of the nearest codes.
fn unmoved_error(stages: u8, ways: &[Way]) -> f64 {
    let unmoved = ways.iter().find(|way| way.stages == stages && way.lambda == 0);
    unmoved.map_or(0.0, |way| way.measured.error)
}

/// The ways that no other beats, nor two others by turns: the lower hull of bits over the logarithm of the error. Errors rise.
///
/// Where few stages are sent to the last bit, a little less error costs more than it does where more stages are chosen from.
fn efficient<'w>(ways: impl Iterator<Item = &'w Way>) -> Vec<&'w Way> {
    let mut ways: Vec<&Way> = ways.collect();
    ways.sort_by(|a, b| {
        let (a, b) = (a.measured, b.measured);
        a.error.total_cmp(&b.error).then(a.bits.total_cmp(&b.bits))
    });
    let mut hull: Vec<&Way> = Vec::new();
    for way in ways {
        if hull.last().is_some_and(|last| last.measured.bits <= way.measured.bits) {
            continue;
        }
        while let [.., before, last] = hull.as_slice()
            && before.saved_per_octave(last) <= before.saved_per_octave(way)
        {
            hull.pop();
        }
        hull.push(way);
    }
    hull
}

/// The error that a quality may have: that of its nearest codes, or, of several that send as many stages, less of those above the first, as if they had a part
/// of the next stage.
fn allowed_error(stages: &[u8; QUALITIES], nearest: &[Measured; QUALITIES], row: usize) -> f64 {
    let alike: Vec<usize> = (0..QUALITIES).filter(|other| stages[*other] == stages[row]).collect();
    let above = alike.iter().filter(|other| **other > row).count();
    let below = alike.first().and_then(|first| first.checked_sub(1)).map(|row| nearest[row].error);
    let part = above as f64 / alike.len() as f64;
    let own = nearest[row].error;
    below.map_or(own, |below| own * (below / own).max(1.0).powf(part))
}

/// The parts with the ways of all qualities, and a set of tables for each number of stages.
fn with(parts: &ModelParts, choice: ChoiceParts, ways: &[Way; QUALITIES]) -> ModelParts {
    let quality = ways.each_ref().map(|way| way.stages);
    let lambdas = ways.each_ref().map(|way| way.lambda);
    ModelParts { quality, choice: Some(ChoiceParts { lambdas, ..choice }), ..parts.clone() }
}

/// Tables for the codes that the parts choose: a set for each number of stages.
fn grouped(parts: &ModelParts, samples: &[i32]) -> Result<PriorParts, ExportError> {
    let mut parts = parts.clone();
    for _ in 0..ROUNDS {
        let bytes = assemble(&parts)?;
        parts.priors = PriorParts::train_by_stages(model(&bytes)?, samples)?;
    }
    Ok(parts.priors)
}

/// The parts with tables that are trained anew on `samples` `[time, channels]`, and no recurrent prior.
///
/// # Errors
/// A model that cannot encode the samples.
pub fn with_tables_of(mut parts: ModelParts, samples: &[i32]) -> Result<ModelParts, ExportError> {
    parts.priors.recurrent = None;
    parts.priors = match parts.choice {
        Some(_) => grouped(&parts, samples)?,
        None => PriorParts::train(model(&assemble(&parts)?)?, samples)?,
    };
    Ok(parts)
}

/// Tables for the codes that the parts make at a quality.
fn retrained(parts: &ModelParts, samples: &[i32], quality: u8) -> Result<PriorParts, ExportError> {
    let bytes = assemble(parts)?;
    Ok(PriorParts::train_at(model(&bytes)?, samples, quality)?)
}

fn model(bytes: &ModelBytes) -> Result<Model<'_>, ExportError> {
    Ok(bytes.model().map_err(ContainerError::from)?)
}

/// Bytes of the codebook of a symbol in an integer model.
fn codebook_bytes(symbol: &Symbol) -> usize {
    symbol_table_bytes(symbol, vq_core::kernels::Arithmetic::Integer).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn way(stages: u8, lambda: u32, bits: f64, error: f64) -> Way {
        Way { stages, lambda, measured: Measured { bits, error } }
    }

    /// As they were measured on an electrocardiogram.
    fn ways() -> Vec<Way> {
        vec![
            way(1, 0, 0.144, 586.0),
            way(1, 154, 0.138, 609.0),
            way(2, 0, 0.302, 148.0),
            way(2, 106, 0.194, 272.0),
            way(3, 0, 0.486, 73.8),
            way(3, 5, 0.443, 78.5),
            way(3, 10, 0.390, 86.9),
            way(3, 55, 0.257, 155.0),
            way(4, 0, 0.603, 56.4),
            way(4, 5, 0.515, 62.6),
            way(4, 7, 0.449, 70.5),
            way(4, 10, 0.407, 79.0),
            way(4, 38, 0.289, 129.0),
        ]
    }

    #[test]
    fn a_way_that_another_beats_is_not_taken() {
        let ways = ways();
        let lambdas: Vec<(u8, u32)> = efficient(ways.iter()).iter().map(|way| (way.stages, way.lambda)).collect();
        assert_eq!(lambdas, [(4, 0), (4, 5), (4, 7), (4, 10), (4, 38), (3, 55), (2, 106), (1, 154)]);
        assert!(efficient([].iter()).is_empty());
        assert_eq!(efficient([way(1, 0, 0.1, 0.0), way(1, 1, 0.1, 0.0)].iter()).len(), 1);
    }

    /// Fewer stages to the last bit were taken at quality 7 once, for more bits and a larger error than quality 9 has.
    #[test]
    fn a_better_quality_has_more_bits_and_less_error() {
        let errors = [577.0, 158.0, 158.0, 81.4, 81.4, 81.4, 64.3, 64.3, 64.3];
        let nearest = errors.map(|error| Measured { bits: 1.0, error });
        let stages = [1, 2, 2, 3, 3, 3, 4, 4, 4];
        let chosen = choose(&stages, &nearest, &ways()).unwrap();
        for pair in chosen.windows(2) {
            let [worse, better] = [&pair[0], &pair[1]].map(|way| way.measured);
            assert!(worse.bits <= better.bits && worse.error >= better.error, "{chosen:?}");
            assert!(pair[0].stages <= pair[1].stages);
        }
        for (row, way) in chosen.iter().enumerate() {
            let allowed = allowed_error(&stages, &nearest, row).max(unmoved_error(stages[row], &ways()));
            assert!(way.measured.error <= allowed * ERROR_TOLERANCE, "{row}: {way:?}");
        }
        assert_eq!((chosen[8].stages, chosen[8].lambda, chosen[6].lambda), (4, 5, 10));
    }

    proptest! {
        /// The best quality takes what all stages can; no other takes more bits than a better one, or errs more than it may without need.
        #[test]
        fn bits_rise_with_quality(
            measured in prop::collection::vec((0.05f64..1.0, 1.0f64..600.0), 12),
            nearest in prop::collection::vec(1.0f64..600.0, 9),
        ) {
            let ways: Vec<Way> = measured.iter().enumerate().map(|(n, &(bits, error))| way(n as u8 / 3 + 1, n as u32 % 3, bits, error)).collect();
            let nearest: [Measured; QUALITIES] = std::array::from_fn(|row| Measured { bits: 1.0, error: nearest[row] });
            let stages = [1, 2, 2, 3, 3, 3, 4, 4, 4];
            let chosen = choose(&stages, &nearest, &ways).unwrap();
            prop_assert_eq!(chosen[8].stages, 4);
            for (row, pair) in chosen.windows(2).enumerate() {
                prop_assert!(pair[0].measured.bits <= pair[1].measured.bits && pair[0].stages <= pair[1].stages, "{:?}", chosen);
                let allowed = allowed_error(&stages, &nearest, row).max(unmoved_error(stages[row], &ways)) * ERROR_TOLERANCE;
                let is_that_above = (pair[0].stages, pair[0].lambda) == (pair[1].stages, pair[1].lambda);
                prop_assert!(is_that_above || pair[0].measured.error <= allowed);
            }
        }
    }
}
