//! From a configuration down to one that fits.
//!
//! | rung | channels of the layers | residual blocks | prior at most | predictor at most | linear path |
//! |---|---|---|---|---|---|
//! | 0 | as configured | as configured | as configured | as configured | as configured |
//! | 1 | as configured | as configured | small | small | as configured |
//! | 2 | three quarters | as configured | small | small | as configured |
//! | 3 | half | as configured | small | adaptive | as configured |
//! | 4 | half | none | small | adaptive | as configured |
//! | 5 | three eighths | none | linear | adaptive | as configured |
//! | 6 | a quarter | none | linear | adaptive | as configured |
//! | 7 | a quarter | none | linear | adaptive | one hop |
//! | 8 | an eighth | none | linear | adaptive | one hop |
//!
//! A linear prior is smaller than tables for nine qualities, and integer latents keep the training for rate and distortion that needs one; indices, which have
//! no linear prior, are left with tables.
//!
//! Channels stay multiples of four, which is what the kernels compute at a time. Hop, latents and codes stay as they are: the rate and what a code
//! means do not change on the way down.

use super::{BudgetError, Cost};
use crate::config::{Config, PredictorKind, PriorKind};
use crate::run::SignalRecord;

/// A configuration of the ladder.
#[derive(Debug, Clone, PartialEq)]
pub struct Rung {
    /// Its number, from 0: as configured.
    pub number: usize,
    /// What it changes, in words.
    pub what: String,
    /// The configuration.
    pub config: Config,
    /// What its model takes.
    pub cost: Cost,
}

/// What a rung makes of a configuration.
struct Step {
    /// Channels of the layers, in eighths.
    eighths: usize,
    residual: bool,
    prior: PriorKind,
    predictor: PredictorKind,
    /// Whether the linear paths keep their overlap.
    overlap: bool,
}

const fn step(eighths: usize, residual: bool, prior: PriorKind, predictor: PredictorKind, overlap: bool) -> Step {
    Step { eighths, residual, prior, predictor, overlap }
}

const STEPS: [Step; 9] = [
    step(8, true, PriorKind::Best, PredictorKind::Best, true),
    step(8, true, PriorKind::Small, PredictorKind::Small, true),
    step(6, true, PriorKind::Small, PredictorKind::Small, true),
    step(4, true, PriorKind::Small, PredictorKind::Adaptive, true),
    step(4, false, PriorKind::Small, PredictorKind::Adaptive, true),
    step(3, false, PriorKind::Linear, PredictorKind::Adaptive, true),
    step(2, false, PriorKind::Linear, PredictorKind::Adaptive, true),
    step(2, false, PriorKind::Linear, PredictorKind::Adaptive, false),
    step(1, false, PriorKind::Linear, PredictorKind::Adaptive, false),
];

/// The first rung whose model keeps the configuration's budget. `run` is what the model will say of its training run.
///
/// # Errors
/// If not even the last one does, or the configuration makes no model.
pub fn fitting(config: &Config, signal: &SignalRecord, run: &str) -> Result<Rung, BudgetError> {
    let mut last = Vec::new();
    for (number, step) in STEPS.iter().enumerate() {
        let config = step.apply(config);
        let cost = Cost::of_config(&config, signal, run)?;
        last = cost.excesses(&config.budget);
        if last.is_empty() {
            return Ok(Rung { number, what: step.what(), config, cost });
        }
    }
    Err(BudgetError::NothingFits(last))
}

impl Step {
    fn apply(&self, config: &Config) -> Config {
        let mut config = config.clone();
        let network = &mut config.network;
        for layer in network.encoder.iter_mut().chain(&mut network.decoder) {
            if self.eighths < 8 {
                layer.channels = (layer.channels * self.eighths / 8).next_multiple_of(4).min(layer.channels);
            }
            if !self.residual {
                layer.residual = 0;
            }
        }
        if !self.overlap && network.linear_kernel > 0 {
            network.linear_kernel = network.encoder.iter().map(|layer| layer.stride).product();
        }
        config.prior.kind = smaller_prior(config.prior.kind, self.prior);
        config.residual.kind = smaller_predictor(config.residual.kind, self.predictor);
        config
    }

    fn what(&self) -> String {
        if self.eighths == 8 && self.prior == PriorKind::Best {
            return "as configured".into();
        }
        let residual = if self.residual { "" } else { ", no residual blocks" };
        let overlap = if self.overlap { "" } else { ", linear paths of one hop" };
        format!(
            "{}/8 of the channels{residual}{overlap}, prior at most {}, predictor at most {}",
            self.eighths,
            format!("{:?}", self.prior).to_lowercase(),
            format!("{:?}", self.predictor).to_lowercase()
        )
    }
}

/// `kind`, or `most` where that is smaller. "Best" tries everything, so it is the largest; among fewer there is one left to try.
fn smaller_prior(kind: PriorKind, most: PriorKind) -> PriorKind {
    let size = |kind| match kind {
        PriorKind::Tables => 0,
        PriorKind::Linear => 1,
        PriorKind::Small => 2,
        PriorKind::Standard => 3,
        PriorKind::Best => 4,
    };
    if size(kind) > size(most) { most } else { kind }
}

fn smaller_predictor(kind: PredictorKind, most: PredictorKind) -> PredictorKind {
    let size = |kind| match kind {
        PredictorKind::Adaptive => 0,
        PredictorKind::Small => 1,
        PredictorKind::Standard => 2,
        PredictorKind::Best => 3,
    };
    if size(kind) > size(most) { most } else { kind }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::QuantizerKind;
    use crate::run::ChannelRecord;

    fn signal() -> SignalRecord {
        let channel = ChannelRecord {
            name: "ecg".into(),
            unit: "mV".into(),
            counts_per_unit: 200.0,
            offset: 0,
            source_bits: Some(11),
        };
        SignalRecord { rate_millihertz: 360_000, channels: vec![channel] }
    }

    #[test]
    fn every_rung_is_no_larger_than_the_one_before() {
        for kind in [QuantizerKind::Rvq, QuantizerKind::Scalar] {
            let mut config = Config::default();
            config.quantizer.kind = kind;
            let costs: Vec<Cost> =
                STEPS.iter().map(|step| Cost::of_config(&step.apply(&config), &signal(), "{}").unwrap()).collect();
            for pair in costs.windows(2) {
                assert!(pair[1].model_bytes <= pair[0].model_bytes && pair[1].ram_bytes <= pair[0].ram_bytes);
                assert!(pair[1].instructions_per_second <= pair[0].instructions_per_second);
            }
            assert!(costs[8].model_bytes * 2 < costs[0].model_bytes);
        }
    }

    #[test]
    fn the_largest_that_fits_is_taken_and_nothing_is_said_so() {
        let mut config = Config::default();
        let rung = fitting(&config, &signal(), "{}").unwrap();
        assert_eq!((rung.number, &rung.config), (0, &config));
        config.budget.flash = rung.cost.model_bytes * 2 / 3;
        let rung = fitting(&config, &signal(), "{}").unwrap();
        assert!(rung.number > 0 && rung.cost.model_bytes <= config.budget.flash);
        let one_up = STEPS[rung.number - 1].apply(&config);
        assert!(!Cost::of_config(&one_up, &signal(), "{}").unwrap().excesses(&config.budget).is_empty());
        config.budget.ram = 100;
        let error = fitting(&config, &signal(), "{}").unwrap_err().to_string();
        assert!(error.contains("no architecture") && error.contains("budget.ram is 100"), "{error}");
    }
}
