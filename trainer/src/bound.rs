//! A bound of every sample's error, as people give it: in counts, or in a unit of the signal.

use std::str::FromStr;

use vq_core::Mode;
use vq_core::packet::MAX_BOUND;

use crate::data::Channel;

/// How far a decoded sample may be from the original.
#[derive(Debug, Clone, PartialEq)]
pub enum ErrorBound {
    /// So many counts, `5lsb`; `0lsb` is lossless.
    Counts(u32),
    /// So much of a unit, `25uV`.
    Physical {
        /// How much.
        value: f64,
        /// Of what, a prefix included.
        unit: String,
    },
}

/// Why a bound cannot be kept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BoundError {
    /// The channel is measured in something else.
    #[error("channel `{channel}` is in {unit}, the bound in {asked}: give it in the channel's unit, or in lsb")]
    Unit {
        /// The channel's name.
        channel: String,
        /// Its unit.
        unit: String,
        /// The bound's unit.
        asked: String,
    },
    /// Beyond what a packet can say.
    #[error("a bound of {counts} counts is too large: {MAX_BOUND} is the most")]
    TooLarge {
        /// The bound.
        counts: String,
    },
}

impl ErrorBound {
    /// The mode that keeps this bound on all of these channels: in counts, the largest whole number within it on each of them.
    ///
    /// # Errors
    /// A unit that a channel does not have, or too large a bound.
    pub fn mode(&self, channels: &[Channel]) -> Result<Mode, BoundError> {
        let counts = match self {
            Self::Counts(counts) => f64::from(*counts),
            Self::Physical { value, unit } => {
                let counts = |channel: &Channel| {
                    let factor = ratio(unit, &channel.unit).ok_or_else(|| BoundError::Unit {
                        channel: channel.name.clone(),
                        unit: channel.unit.clone(),
                        asked: unit.clone(),
                    })?;
                    // What is whole but for the rounding of decimal fractions is whole.
                    Ok((value * factor * channel.counts_per_unit * (1.0 + 1e-12)).floor())
                };
                channels.iter().map(counts).try_fold(f64::INFINITY, |least, counts| Ok(least.min(counts?)))?
            }
        };
        if counts > f64::from(MAX_BOUND) {
            return Err(BoundError::TooLarge { counts: counts.to_string() });
        }
        Ok(Mode::within(counts as u32))
    }
}

impl FromStr for ErrorBound {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "neither counts such as 5lsb nor a number with a unit such as 25uV".to_owned();
        let split = text.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(wrong)?;
        let (number, unit) = text.split_at(split);
        let unit = unit.trim();
        if unit.eq_ignore_ascii_case("lsb") {
            return number.parse().map(Self::Counts).map_err(|_| wrong());
        }
        let value: f64 = number.parse().map_err(|_| wrong())?;
        Ok(Self::Physical { value, unit: unit.to_owned() })
    }
}

/// How many of unit `to` one of unit `from` is, if they differ in a prefix at most.
fn ratio(from: &str, to: &str) -> Option<f64> {
    if from == to {
        return Some(1.0);
    }
    let prefixes = [("n", -9), ("µ", -6), ("μ", -6), ("u", -6), ("m", -3), ("", 0), ("k", 3)];
    let mut pairs = prefixes.iter().flat_map(|from| prefixes.iter().map(move |to| (from, to)));
    pairs.find_map(|((from_prefix, from_exponent), (to_prefix, to_exponent))| {
        let bases = (from.strip_prefix(from_prefix)?, to.strip_prefix(to_prefix)?);
        (bases.0 == bases.1 && !bases.0.is_empty()).then(|| 10f64.powi(from_exponent - to_exponent))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn channel(unit: &str, counts_per_unit: f64) -> Channel {
        Channel { name: "MLII".into(), unit: unit.into(), counts_per_unit, offset: 0, source_bits: None }
    }

    fn mode(bound: &str, channels: &[Channel]) -> Result<Mode, BoundError> {
        bound.parse::<ErrorBound>().unwrap().mode(channels)
    }

    #[test]
    fn bounds_in_units_are_the_counts_within_them() {
        let ecg = [channel("mV", 200.0)];
        assert_eq!(mode("5lsb", &ecg), Ok(Mode::Bounded(5)));
        assert_eq!(mode("0lsb", &ecg), Ok(Mode::Lossless));
        for same in ["25uV", "25 µV", "0.025mV", "0.000025V"] {
            assert_eq!(mode(same, &ecg), Ok(Mode::Bounded(5)), "{same}");
        }
        assert_eq!(mode("29.9uV", &ecg), Ok(Mode::Bounded(5)));
        assert_eq!(mode("4uV", &ecg), Ok(Mode::Lossless));
        assert_eq!(mode("25uV", &[channel("mV", 200.0), channel("uV", 0.1)]), Ok(Mode::Bounded(2)));
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for wrong in ["", "5", "uV", "-5lsb", "1.5lsb", "1.2.3mV"] {
            assert!(wrong.parse::<ErrorBound>().is_err(), "{wrong}");
        }
        assert!(matches!(mode("1g", &[channel("mV", 200.0)]), Err(BoundError::Unit { .. })));
        assert!(matches!(mode("20000V", &[channel("mV", 200.0)]), Err(BoundError::TooLarge { .. })));
    }
}
