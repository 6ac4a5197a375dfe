//! What a codec made of images, in numbers.

use serde::{Deserialize, Serialize};

use super::ImageShape;

/// How a symbol's codes were used.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SymbolUse {
    /// How often each code was chosen, `[code]`.
    pub counts: Vec<u64>,
    /// The entropy of the counts in bits per code.
    pub entropy_bits: f64,
    /// Two to the power of the entropy: how many codes, used equally, would carry as much.
    pub perplexity: f64,
    /// Codes that were chosen at all, in percent.
    pub active_percent: f64,
}

impl SymbolUse {
    /// From how often each code was chosen.
    #[must_use]
    pub fn new(counts: Vec<u64>) -> Self {
        let total = counts.iter().sum::<u64>().max(1) as f64;
        let shares = counts.iter().filter(|&&count| count > 0).map(|&count| count as f64 / total);
        let entropy_bits = shares.map(|share| -share * share.log2()).sum::<f64>().max(0.0);
        let active = counts.iter().filter(|&&count| count > 0).count();
        let active_percent = 100.0 * active as f64 / counts.len().max(1) as f64;
        Self { counts, entropy_bits, perplexity: entropy_bits.exp2(), active_percent }
    }
}

/// What a codec made of a set of images.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ImageEvaluation {
    /// How many images were measured.
    pub images: usize,
    /// Their size.
    pub shape: ImageShape,
    /// 10·log₁₀(255² / mean squared error) over all pixels and channels, decoded to whole levels.
    pub psnr_db: f64,
    /// Mean absolute error with levels from −1 to 1, decoded values limited to that range but not rounded.
    pub l1: f64,
    /// 100·‖x − x̂‖ / ‖x − mean x‖ over all pixels and channels.
    pub prdn_percent: f64,
    /// Bits of codes per pixel (of all channels together), every code in whole bits; of a VAE, the divergence of its
    /// latents from their prior.
    pub bits_per_pixel: f64,
    /// The same with every code at the entropy of its use; `None` where there are no codes.
    pub entropy_bits_per_pixel: Option<f64>,
    /// How codes were used, per symbol of a position; empty where there are none.
    pub symbols: Vec<SymbolUse>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn use_by_hand() {
        let used = SymbolUse::new(vec![2, 0, 1, 1]);
        assert_eq!((used.entropy_bits, used.active_percent), (1.5, 75.0));
        assert!((used.perplexity - 1.5f64.exp2()).abs() < 1e-12);
        assert_eq!(SymbolUse::new(vec![0, 0]).entropy_bits, 0.0);
    }
}
