//! Why a model was refused.

use core::fmt;

/// A part of a model file, to say where it is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Part {
    /// The sizes and offsets in the fixed header.
    Header,
    /// The directory at the start of the tables.
    Directory,
    /// The scaling of samples of the channel with this number.
    Scaling(u16),
    /// A layer of the encoder net.
    EncoderLayer(u16),
    /// A layer of the decoder net.
    DecoderLayer(u16),
    /// A symbol of the hop: its codebook or its steps.
    Symbol(u16),
    /// The prior of a symbol.
    Prior(u16),
    /// The recurrent prior.
    Recurrent,
    /// The predictor of bounded and lossless packets.
    Predictor,
    /// The choice of codes.
    Choice,
    /// The quality table.
    Quality,
    /// The self-test.
    SelfTest,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Header => f.write_str("the header"),
            Self::Directory => f.write_str("the tables' directory"),
            Self::Scaling(channel) => write!(f, "the scaling of channel {channel}"),
            Self::EncoderLayer(layer) => write!(f, "encoder layer {layer}"),
            Self::DecoderLayer(layer) => write!(f, "decoder layer {layer}"),
            Self::Symbol(symbol) => write!(f, "symbol {symbol}"),
            Self::Prior(symbol) => write!(f, "the prior of symbol {symbol}"),
            Self::Recurrent => f.write_str("the recurrent prior"),
            Self::Predictor => f.write_str("the predictor of bounded and lossless packets"),
            Self::Choice => f.write_str("the choice of codes"),
            Self::Quality => f.write_str("the quality table"),
            Self::SelfTest => f.write_str("the self-test"),
        }
    }
}

/// Why a model was refused, by [`Model::parse`](super::Model::parse).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum ModelError {
    /// The bytes do not start at a multiple of 8: embed the file with `include_model!`.
    Misaligned,
    /// Shorter than a header.
    TooShort {
        /// Bytes at hand.
        have: usize,
    },
    /// The file does not start with the magic: not a model.
    Magic,
    /// Written by another version of the format.
    Version {
        /// The version found.
        found: u16,
    },
    /// The file's length is not the one in its header: truncated, or with something appended.
    Length {
        /// The length in the header.
        stated: u32,
        /// Bytes at hand.
        have: usize,
    },
    /// The CRC-32 does not match: damaged.
    Checksum,
    /// An arithmetic that does not exist.
    Arithmetic,
    /// A float model, and this build has no float path (feature `f32`).
    FloatUnsupported,
    /// A part that this build of vq-core has no code for: a prior (features `priors` and `index-priors`) or a depthwise layer (feature `depthwise`).
    Unsupported(Part),
    /// Reserved bytes are not zero.
    Reserved,
    /// A part lies outside the tables, or at an offset that is not aligned for it.
    Bounds(Part),
    /// A size that is zero, too large, or disagrees with its neighbours.
    Shape(Part),
    /// A number outside the range that the arithmetic contract allows.
    Range(Part),
    /// A stated memory size or buffer place differs from the one that follows from the layers.
    Plan(Part),
}

impl fmt::Display for ModelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Misaligned => {
                f.write_str("the model's bytes are not aligned to 8: embed the file with vq_core::include_model!")
            }
            Self::TooShort { have } => write!(f, "{have} bytes are too few for a model's header"),
            Self::Magic => f.write_str("not a model: the file does not start with VQM1"),
            Self::Version { found } => {
                write!(f, "the model has format version {found}, this build reads {}", super::header::FORMAT_VERSION)
            }
            Self::Length { stated, have } => {
                write!(f, "the model should have {stated} bytes and has {have}: truncated or not a single model")
            }
            Self::Checksum => f.write_str("the model is damaged: its checksum does not match"),
            Self::Arithmetic => f.write_str("the model names an arithmetic that does not exist"),
            Self::FloatUnsupported => {
                f.write_str("a float model, and this build has no float path: export an integer model, or enable `f32`")
            }
            Self::Unsupported(part) => {
                write!(
                    f,
                    "{part} needs a feature that this build of vq-core leaves out: `priors`, `index-priors` or `depthwise`"
                )
            }
            Self::Reserved => f.write_str("reserved bytes are not zero: written by a newer exporter, or damaged"),
            Self::Bounds(part) => write!(f, "{part} lies outside the model's tables or is not aligned"),
            Self::Shape(part) => write!(f, "{part} has a size that does not fit its neighbours"),
            Self::Range(part) => write!(f, "{part} holds a number outside its range"),
            Self::Plan(part) => write!(f, "{part} states a memory plan that does not follow from the layers"),
        }
    }
}

impl core::error::Error for ModelError {}
