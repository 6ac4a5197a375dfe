//! A limit in words: `flash=40K,ram=6K,core=m4,mips=2`.

use std::str::FromStr;

use clap::ValueEnum as _;

use super::{Core, Side};
use crate::config::BudgetConfig;

/// What `--budget` says, over what a configuration says.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct BudgetRequest {
    flash: Option<usize>,
    image: Option<usize>,
    ram: Option<usize>,
    mips: Option<f64>,
    core: Option<Core>,
    side: Option<Side>,
}

/// Why a request was not understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{word}` {what}; write flash=40K,ram=6K,core=m4, and as you need them image=128K, mips=2, side=encode")]
pub struct RequestError {
    word: String,
    what: &'static str,
}

impl FromStr for BudgetRequest {
    type Err = RequestError;

    fn from_str(text: &str) -> Result<Self, RequestError> {
        let mut request = Self::default();
        let mut seen = Vec::new();
        for word in text.split(',').map(str::trim) {
            let wrong = |what| RequestError { word: word.to_owned(), what };
            let (key, value) = word.split_once('=').ok_or_else(|| wrong("is not a key with a value"))?;
            if seen.contains(&key) {
                return Err(wrong("is given twice"));
            }
            seen.push(key);
            let size = || bytes(value).ok_or_else(|| wrong("is not a number of bytes, such as 6144 or 6K"));
            match key {
                "flash" => request.flash = Some(size()?),
                "image" => request.image = Some(size()?),
                "ram" => request.ram = Some(size()?),
                "mips" => {
                    let mips = value.parse().ok().filter(|mips: &f64| *mips > 0.0 && mips.is_finite());
                    request.mips =
                        Some(mips.ok_or_else(|| wrong("is not a number of million instructions per second"))?);
                }
                "core" => {
                    let core = Core::from_str(value, true);
                    request.core = Some(core.map_err(|_| wrong("is none of m0, m3, m4, m7, m33, m33-dsp, rv32"))?);
                }
                "side" => {
                    let side = Side::from_str(value, true);
                    request.side = Some(side.map_err(|_| wrong("is none of encode, decode, both"))?);
                }
                _ => return Err(wrong("has a key that does not exist")),
            }
        }
        Ok(request)
    }
}

/// Bytes, with a K or M of 1024.
fn bytes(text: &str) -> Option<usize> {
    let (digits, unit) = match text.to_ascii_uppercase() {
        upper if upper.ends_with('K') => (text.len() - 1, 1024),
        upper if upper.ends_with('M') => (text.len() - 1, 1024 * 1024),
        _ => (text.len(), 1),
    };
    let number: f64 = text.get(..digits)?.parse().ok()?;
    let bytes = number * f64::from(unit);
    (1.0..1e12).contains(&bytes).then_some(bytes as usize)
}

impl BudgetRequest {
    /// Puts what was said into a configuration's budget.
    pub fn apply(&self, budget: &mut BudgetConfig) {
        budget.flash = self.flash.unwrap_or(budget.flash);
        budget.image = self.image.unwrap_or(budget.image);
        budget.ram = self.ram.unwrap_or(budget.ram);
        budget.mips = self.mips.unwrap_or(budget.mips);
        budget.core = self.core.unwrap_or(budget.core);
        budget.side = self.side.unwrap_or(budget.side);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_said_stays() {
        let mut budget = BudgetConfig { mips: 3.0, ..BudgetConfig::default() };
        "flash=40K, ram=1.5k,core=m33-dsp,side=both".parse::<BudgetRequest>().unwrap().apply(&mut budget);
        let wanted =
            BudgetConfig { flash: 40_960, image: 0, ram: 1536, mips: 3.0, core: Core::M33Dsp, side: Side::Both };
        assert_eq!(budget, wanted);
    }

    #[test]
    fn words_that_mean_nothing_are_named() {
        for (text, named) in [
            ("flash", "`flash` is not a key"),
            ("flash=40Q", "`flash=40Q` is not a number of bytes"),
            ("ram=-1", "`ram=-1`"),
            ("ram=nan", "`ram=nan`"),
            ("core=z80", "m33-dsp"),
            ("mips=0", "`mips=0`"),
            ("speed=3", "does not exist"),
            ("flash=40K,ram=6K,flash=50K", "`flash=50K` is given twice"),
        ] {
            let error = text.parse::<BudgetRequest>().unwrap_err().to_string();
            assert!(error.contains(named) && error.contains("flash=40K,ram=6K,core=m4"), "{error}");
        }
    }
}
