//! What a model takes of a device, before it is trained: flash, memory, instructions, against a limit.
//!
//! * `core`: the cores, the instructions that their kernels were counted at, the size of their code;
//! * `draft`: a configuration as the model that it would be exported as, with weights that mean nothing;
//! * `cost`: what a model takes, layer by layer;
//! * `request`: a limit in words, `flash=40K,ram=6K,core=m4`;
//! * `ladder`: smaller and smaller configurations, the first that fits.
//!
//! Nothing is estimated that can be had: the draft is lowered, laid out and parsed by the functions that ship models, so its bytes
//! and its memory are those of the model to come, but for the tables of frequencies, which the exporter buys with bits (see [`Cost::tables`]).

mod core;
mod cost;
mod draft;
mod ladder;
mod request;

pub use core::Core;
pub use cost::{Cost, LayerCost, NetCost};
pub use draft::draft;
pub use ladder::{Rung, fitting};
pub use request::{BudgetRequest, RequestError};

use crate::config::{BudgetConfig, Config};
use crate::export::ExportError;
use crate::run::SignalRecord;

/// What a device does with the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Side {
    /// Samples to packets.
    Encode,
    /// Packets to samples.
    Decode,
    /// Both at once.
    Both,
}

/// Why a configuration is over its budget, or cannot be checked.
#[derive(Debug, thiserror::Error)]
pub enum BudgetError {
    /// The configuration makes no model.
    #[error("the budget cannot be checked, because the configuration makes no model: {0}")]
    Draft(#[from] ExportError),
    /// The nets cannot be built.
    #[error(transparent)]
    Architecture(#[from] crate::architecture::ArchitectureError),
    /// A limit is passed.
    #[error("over the budget: {}. Make the nets smaller, or let --budget choose smaller ones", .0.join("; "))]
    Over(Vec<String>),
    /// Not even the smallest rung fits.
    #[error("no architecture of the ladder fits the budget; of its last: {}", .0.join("; "))]
    NothingFits(Vec<String>),
}

/// Checks a configuration's model, which will say `run` of its training run, against its budget; `None` where it sets no limit.
///
/// # Errors
/// Every limit that is passed, with the layer that takes most of it; or that the configuration makes no model.
pub fn check(config: &Config, signal: &SignalRecord, run: &str) -> Result<Option<Cost>, BudgetError> {
    if !config.budget.limits() {
        return Ok(None);
    }
    let cost = Cost::of_config(config, signal, run)?;
    match cost.excesses(&config.budget) {
        excesses if excesses.is_empty() => Ok(Some(cost)),
        excesses => Err(BudgetError::Over(excesses)),
    }
}

impl BudgetConfig {
    /// Whether anything is limited.
    #[must_use]
    pub fn limits(&self) -> bool {
        self.flash > 0 || self.image > 0 || self.ram > 0 || self.mips > 0.0
    }
}
