//! What can be wrong with an encoder's memory, options and frames.

use core::fmt;

/// Why an encoder cannot be made, or a frame not be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum EncoderError {
    /// The memory is not aligned to 8 bytes: use a [`Memory`](crate::Memory).
    Misaligned,
    /// The memory is smaller than [`Model::encoder_memory`](crate::Model::encoder_memory) says.
    MemoryTooSmall {
        /// Bytes needed.
        need: usize,
        /// Bytes handed in.
        have: usize,
    },
    /// A packet of this many bytes cannot hold every hop that may come.
    PacketTooSmall {
        /// Bytes needed.
        need: usize,
        /// Bytes allowed.
        have: usize,
    },
    /// A mode that the options left no memory for, or this build of vq-core no code (feature `prediction`).
    Mode,
    /// A budget of bits, and this build of vq-core cannot keep one (feature `budget`).
    Budget,
    /// A model whose codes are chosen by bits and distortion, and this build of vq-core cannot do that (feature `choice`).
    Choice,
    /// A sensor at another level than the model's, and this build of vq-core knows none (feature `levels`).
    Level,
    /// A change that has to be made before a stream's first frame.
    Started,
    /// A frame that was pushed while polls had left work undone.
    Unfinished,
    /// A frame with another number of samples than the model has channels.
    Channels {
        /// Channels of the model.
        model: usize,
        /// Samples of the frame.
        frame: usize,
    },
}

impl fmt::Display for EncoderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Misaligned => f.write_str("the encoder's memory is not aligned to 8 bytes: use vq_core::Memory"),
            Self::MemoryTooSmall { need, have } => {
                write!(f, "the encoder needs {need} bytes of memory and was given {have}")
            }
            Self::PacketTooSmall { need, have } => {
                write!(f, "a packet of {have} bytes cannot hold every hop of this model: allow at least {need}")
            }
            Self::Mode => f.write_str(
                "the encoder has no memory for this mode, or no code: choose Options::any_mode and vq-core's feature `prediction`",
            ),
            Self::Budget => f.write_str("the encoder has no code for a budget of bits: choose vq-core's feature `budget`"),
            Self::Choice => f.write_str(
                "the encoder has no code to choose this model's codes by bits and distortion: choose vq-core's feature `choice`",
            ),
            Self::Level => f.write_str("the encoder has no code for a sensor's level: choose vq-core's feature `levels`"),
            Self::Started => f.write_str("what a sensor's input is must be said before a stream's first frame"),
            Self::Unfinished => f.write_str("polls left work undone: poll until idle before a frame is pushed"),
            Self::Channels { model, frame } => write!(f, "a frame of {frame} samples for a model of {model} channels"),
        }
    }
}

impl core::error::Error for EncoderError {}
