//! The classical codecs that learned ones are measured against, on the same samples.
//!
//! None of them is a straw man: transforms have a dead zone and adaptive contexts, predictors adapt, and whatever adapts may start from a
//! state that was trained on other recordings, as a learned codec does.
//!
//! | module | codecs |
//! |---|---|
//! | [`wavelet`] | CDF 9/7 and the reversible 5/3 wavelet |
//! | [`lapped`] | a lapped cosine transform (MDCT) |
//! | [`prediction`] | closed-loop delta and NLMS prediction, error bounded or lossless |
//! | [`linear_pieces`] | lightweight temporal compression: straight lines within an error bound |
//! | [`adpcm`] | IMA ADPCM |
//! | [`dictionary`] | heatshrink and LZ4 |
//!
//! A rate is an *ideal code length* where a range coder would follow: what the adaptive probabilities are worth, without the loss of a
//! real coder. In packets every packet is rounded up to whole bytes and pays a header. Both favour the opponents slightly.
//!
//! ```
//! use vq_opponents::{Limit, Opponent, wavelet::Wavelet};
//!
//! let samples: Vec<i32> = (0..720).map(|time| 1024 + (time % 360) / 4).collect();
//! let coded = Wavelet::nine_seven(25.0).code(&samples, 1024, Limit::Stream);
//! assert!(coded.bits < 2.0 * 720.0 && coded.samples.len() == 720);
//! ```
#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod adaptive;
pub mod adpcm;
pub mod dictionary;
pub mod lapped;
pub mod linear_pieces;
mod packets;
pub mod prediction;
pub mod wavelet;

pub use packets::{Coding, HEADER_BYTES, Limit};

/// One channel, coded and decoded.
#[derive(Debug, Clone, PartialEq)]
pub struct Coded {
    /// Code length in bits; in packets with their headers, in whole bytes.
    pub bits: f64,
    /// Packets that it took.
    pub packets: usize,
    /// The decoded samples in counts, `[time]`.
    pub samples: Vec<i32>,
}

/// A codec for one channel.
pub trait Opponent {
    /// What it is, and its setting.
    fn name(&self) -> String;

    /// Whether it keeps `|x − x̂| ≤` a bound that was asked for; 0 for a lossless codec.
    fn bound(&self) -> Option<u32> {
        None
    }

    /// Moves the state that coding starts from to what it is after these samples, `[time]`, of a channel whose physical zero is the
    /// count `offset`. A codec that does not adapt ignores it.
    fn train(&mut self, _samples: &[i32], _offset: i32) {}

    /// Begins to code samples, `[time]`.
    fn begin<'a>(&'a self, samples: &'a [i32], offset: i32) -> Box<dyn Coding + 'a>;

    /// Codes samples, `[time]`, and decodes them again.
    fn code(&self, samples: &[i32], offset: i32, limit: Limit) -> Coded {
        packets::code(self.begin(samples, offset), limit)
    }
}

/// A setting as people write it: two decimals at most.
fn rounded(setting: f64) -> f64 {
    (setting * 100.0).round() / 100.0
}
