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
//! | 9, 10 | an eighth | none | linear | adaptive | two hops, one, of half the frames |
//! | 11, 12 | an eighth | none | linear | adaptive | two hops, one, of a quarter |
//!
//! A linear prior is smaller than tables for nine qualities, and integer latents keep the training for rate and distortion that needs one; indices, which have
//! no linear prior, are left with tables.
//!
//! Channels stay multiples of four, which is what the kernels compute at a time. Hop, latents and codes stay as they are down to rung 8: the rate and what a
//! code means do not change. With several channels it is the linear paths and the prior that take most, by the square of a hop's samples; so in the end
//! integer latents, whose rate is trained for, have shorter hops with as many latents a sample.

use super::{BudgetError, Cost};
use crate::architecture::LayerPlan;
use crate::config::{Config, PredictorKind, PriorKind};
use crate::run::SignalRecord;

/// Kernels of halved strides are no shorter.
const LEAST_KERNEL: usize = 3;

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
    /// How often the hop is halved.
    halvings: u32,
}

const fn step(eighths: usize, residual: bool, prior: PriorKind, predictor: PredictorKind, overlap: bool) -> Step {
    Step { eighths, residual, prior, predictor, overlap, halvings: 0 }
}

const fn short(halvings: u32, overlap: bool) -> Step {
    Step { halvings, ..step(1, false, PriorKind::Linear, PredictorKind::Adaptive, overlap) }
}

/// So many rungs keep the hop.
const SAME_HOP: usize = 9;

const STEPS: [Step; 13] = [
    step(8, true, PriorKind::Best, PredictorKind::Best, true),
    step(8, true, PriorKind::Small, PredictorKind::Small, true),
    step(6, true, PriorKind::Small, PredictorKind::Small, true),
    step(4, true, PriorKind::Small, PredictorKind::Adaptive, true),
    step(4, false, PriorKind::Small, PredictorKind::Adaptive, true),
    step(3, false, PriorKind::Linear, PredictorKind::Adaptive, true),
    step(2, false, PriorKind::Linear, PredictorKind::Adaptive, true),
    step(2, false, PriorKind::Linear, PredictorKind::Adaptive, false),
    step(1, false, PriorKind::Linear, PredictorKind::Adaptive, false),
    short(1, true),
    short(1, false),
    short(2, true),
    short(2, false),
];

/// The first rung whose model keeps the configuration's budget. `run` is what the model will say of its training run.
///
/// # Errors
/// If not even the last one does, or the configuration makes no model.
pub fn fitting(config: &Config, signal: &SignalRecord, run: &str) -> Result<Rung, BudgetError> {
    let mut last = Vec::new();
    for (number, step) in steps(config).iter().enumerate() {
        let config = step.apply(config);
        let cost = Cost::of_config(&config, signal, run)?;
        last = cost.excesses(&config.budget);
        if last.is_empty() {
            return Ok(Rung { number, what: step.what(&config), config, cost });
        }
    }
    Err(BudgetError::NothingFits(last))
}

/// The rungs for a configuration: another hop would be another rate, where training does not weigh it.
fn steps(config: &Config) -> &'static [Step] {
    if config.is_rated() { &STEPS } else { &STEPS[..SAME_HOP] }
}

impl Step {
    fn apply(&self, config: &Config) -> Config {
        let mut config = config.clone();
        for _ in 0..self.halvings {
            halve_hop(&mut config);
        }
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

    fn what(&self, config: &Config) -> String {
        if self.eighths == 8 && self.prior == PriorKind::Best {
            return "as configured".into();
        }
        let residual = if self.residual { "" } else { ", no residual blocks" };
        let overlap = if self.overlap { "" } else { ", linear paths of one hop" };
        // Indices have no linear prior: tables are left.
        let prior = if config.foresees().0 { config.prior.kind } else { PriorKind::Tables };
        let hop = ["", ", hops of half the frames", ", hops of a quarter of the frames"];
        let hop = hop.get(self.halvings as usize).copied().unwrap_or_default();
        format!(
            "{}/8 of the channels{residual}{hop}{overlap}, prior {}, predictor {}",
            self.eighths,
            format!("{prior:?}").to_lowercase(),
            format!("{:?}", config.residual.kind).to_lowercase()
        )
    }
}

/// Half the frames in a hop, and half the latents; nothing where a net has no stride to halve.
fn halve_hop(config: &mut Config) {
    let network = &mut config.network;
    let is_even = |layer: &LayerPlan| layer.stride.is_multiple_of(2);
    let mut layers = vec![network.encoder.iter_mut().rev().find(|layer| is_even(layer))];
    for decoder in [&mut network.decoder, &mut network.host_decoder] {
        if !decoder.is_empty() {
            layers.push(decoder.iter_mut().find(|layer| is_even(layer)));
        }
    }
    let Some(layers) = layers.into_iter().collect::<Option<Vec<_>>>() else { return };
    for layer in layers {
        layer.stride /= 2;
        layer.kernel = (layer.kernel / 2).max(LEAST_KERNEL);
    }
    network.latents = network.latents.div_ceil(2);
    network.linear_kernel /= 2;
    config.data.window_hops *= 2;
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
    use crate::config::{Preset, QuantizerKind};
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
            let costs: Vec<Cost> = steps(&config)
                .iter()
                .map(|step| Cost::of_config(&step.apply(&config), &signal(), "{}").unwrap())
                .collect();
            for pair in costs.windows(2) {
                assert!(pair[1].model_bytes <= pair[0].model_bytes && pair[1].ram_bytes <= pair[0].ram_bytes);
                assert!(pair[1].instructions_per_second <= pair[0].instructions_per_second);
            }
            assert!(costs[8].model_bytes * 2 < costs[0].model_bytes);
        }
    }

    #[test]
    fn three_fast_axes_find_nets_too() {
        let mut signal = signal();
        signal.rate_millihertz = 3_200_000;
        signal.channels = vec![signal.channels[0].clone(); 3];
        let mut config = Preset::Vibration.config();
        config.network.latents *= 3;
        config.network.host_decoder = config.network.decoder.clone();
        config.budget.flash = 40 * 1024;
        let rung = fitting(&config, &signal, "{}").unwrap();
        assert!(rung.number > 8 && rung.what.contains("half the frames"), "{}", rung.what);
        assert!(rung.config.is_rated() && rung.config.validate().is_ok());
        assert_eq!((rung.config.network_plan().hop(), rung.config.network.latents), (16, 48));
        rung.config.signal_nets(3).unwrap();
        // What has no rate in its loss keeps its hop, and so its rate.
        config.rate.enabled = false;
        assert!(steps(&config).iter().all(|step| step.apply(&config).network_plan().hop() == 32));
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
