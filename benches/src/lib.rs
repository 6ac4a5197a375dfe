//! The classical codecs that learned ones are compared with, on the same recordings and by the same
//! [metrics](vq_trainer::metrics) as `vq eval`.
//!
//! There is one opponent, the [`wavelet`] codec. It is no straw man: a biorthogonal wavelet, a dead zone and adaptive
//! binary contexts are what a careful engineer would build for an electrocardiogram without training anything.
//!
//! ```text
//! cargo run --release -p vq-benches --bin opponents -- data/mitdb-208.hea --from 240s
//! ```
//!
//! Its rate is an *ideal code length*: what its adaptive probabilities are worth, without headers, packets or the rounding
//! of a real coder. A rate that `vq eval` prints has all of those in it, so the comparison favours the opponent.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod comparison;
pub mod wavelet;
