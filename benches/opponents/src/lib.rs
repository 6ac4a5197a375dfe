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
//! A rate is of real bytes: a range coder's, in [packets](Sending) with a header and a checksum, framed, in a [file()] with a header. All of
//! that costs what it costs in a file of microvq. What is measured is what the packets decode to.
//!
//! ```
//! use vq_opponents::{Limit, Opponent, file, wavelet::Wavelet};
//!
//! let samples: Vec<i32> = (0..720).map(|time| 1024 + (time % 360) / 4).collect();
//! let codec = Wavelet::nine_seven(25.0);
//! let coded = codec.code(&samples, 1024, 0, Limit::PacketBytes(244));
//! assert!(coded.packets.iter().all(|packet| packet.len() <= 244) && coded.samples.len() == 720);
//! let bytes = file(&codec, Limit::PacketBytes(244), 720, &[coded]);
//! assert!(bytes.len() < 180);
//! ```
#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod adaptive;
pub mod adpcm;
pub mod coder;
pub mod dictionary;
mod file;
pub mod lapped;
pub mod linear_pieces;
mod packets;
pub mod prediction;
mod units;
pub mod wavelet;

use std::fmt::Debug;

pub use file::file;
use packets::Link;
pub use packets::{Body, Limit, Receiving, Sending};
use sha2::{Digest as _, Sha256};

/// One channel, coded and decoded.
#[derive(Debug, Clone, PartialEq)]
pub struct Coded {
    /// What is sent, header and checksum of each packet included.
    pub packets: Vec<Vec<u8>>,
    /// What the codes in the packets would take of an ideal coder, in bits, without headers.
    pub ideal_bits: f64,
    /// What the packets decode to, in counts, `[time]`.
    pub samples: Vec<i32>,
}

/// A codec for one channel.
pub trait Opponent: Debug {
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
    fn sending<'a>(&'a self, samples: &'a [i32], offset: i32) -> Box<dyn Sending + 'a>;

    /// Begins to decode so many samples.
    fn receiving<'a>(&'a self, length: usize, offset: i32) -> Box<dyn Receiving + 'a>;

    /// What a receiver must have to decode: a digest of the setting and of the state that coding starts from.
    fn identity(&self) -> [u8; 16] {
        let digest: [u8; 32] = Sha256::digest(format!("{self:?}")).into();
        std::array::from_fn(|index| digest[index])
    }

    /// Codes the samples `[time]` of a channel, and decodes the packets again.
    ///
    /// # Panics
    /// If the packets do not decode, which would be a mistake of the codec.
    fn code(&self, samples: &[i32], offset: i32, channel: u8, limit: Limit) -> Coded {
        let link = Link { identity: self.identity(), channel };
        let (packets, ideal_bits) = packets::send(self.sending(samples, offset), limit, link);
        match packets::receive(self.receiving(samples.len(), offset), &packets, link) {
            Ok(samples) => Coded { packets, ideal_bits, samples },
            Err(number) => panic!("packet {number} of {} does not decode", self.name()),
        }
    }
}

/// A setting as people write it: two decimals at most.
fn rounded(setting: f64) -> f64 {
    (setting * 100.0).round() / 100.0
}
