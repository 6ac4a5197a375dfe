//! The model's metadata: one postcard message behind the header, of which the tables are the last field.

use serde::{Deserialize, Serialize};

use super::Model;
use super::header::HEADER_BYTES;

/// The whole message: what a host reads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message<'a> {
    /// What the model is and where it comes from.
    #[serde(borrow)]
    pub metadata: Metadata<'a>,
    /// Zeros that place the tables at a multiple of 8 from the file's start.
    #[serde(borrow)]
    pub pad: &'a [u8],
    /// The tables.
    #[serde(borrow)]
    pub tables: &'a [u8],
}

/// What a model is and where it comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Metadata<'a> {
    /// The model's name.
    pub name: &'a str,
    /// Frames per second, in thousandths.
    pub rate_millihertz: u64,
    /// The channels: a postcard sequence of [`Channel`], see [`Metadata::channels`].
    #[serde(borrow)]
    pub channels: &'a [u8],
    /// The training run: versions, seed, command line, data, as JSON.
    pub run: &'a str,
}

/// One channel of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Channel<'a> {
    /// Its name.
    pub name: &'a str,
    /// The physical unit, `LSB` where there is none.
    pub unit: &'a str,
    /// Counts per unit: numerator and denominator.
    pub counts_per_unit: (u64, u64),
    /// The count that means zero in the physical unit.
    pub offset: i32,
    /// Bits of the converter, where known.
    pub source_bits: Option<u8>,
}

impl<'a> Metadata<'a> {
    /// The channels, in the order of a frame.
    pub fn channels(&self) -> impl Iterator<Item = Channel<'a>> {
        let mut rest = self.channels;
        core::iter::from_fn(move || {
            let (channel, after) = postcard::take_from_bytes(rest).ok()?;
            rest = after;
            Some(channel)
        })
    }
}

impl<'a> Model<'a> {
    /// The metadata, or `None` where the message is not one that this version reads.
    #[must_use]
    pub fn metadata(&self) -> Option<Metadata<'a>> {
        let message: Message<'a> = postcard::from_bytes(self.file().get(HEADER_BYTES..)?).ok()?;
        (message.tables == self.tables()).then_some(message.metadata)
    }
}
