//! Why a program stopped: said to the host in a word, with a failing exit status.

use firmware_board::console;
use firmware_board::file::HostError;
use vq_core::{DecoderError, EncoderError, ModelError, PacketError, SelfTestError};

/// Why a program stopped.
///
/// The codec's errors can say more, with numbers, through `Display`: that costs 6 KiB of flash, and `vq inspect` says
/// the same of a model.
#[derive(Debug)]
pub struct Failure(&'static str);

impl From<&'static str> for Failure {
    fn from(what: &'static str) -> Self {
        Self(what)
    }
}

impl From<HostError> for Failure {
    fn from(error: HostError) -> Self {
        Self(error.0)
    }
}

impl From<ModelError> for Failure {
    fn from(error: ModelError) -> Self {
        Self(match error {
            ModelError::Misaligned => "the model is not aligned: embed it with vq_core::include_model!",
            ModelError::Checksum => "the model is damaged: its checksum does not match",
            ModelError::Version { .. } => "the model has another format version: export it again",
            _ => "the model was refused: `vq inspect` says why",
        })
    }
}

impl From<SelfTestError> for Failure {
    fn from(_: SelfTestError) -> Self {
        Self("the model's self-test failed: this core computes something else than the exporter")
    }
}

impl From<EncoderError> for Failure {
    fn from(_: EncoderError) -> Self {
        Self("the encoder refused its options, its memory or a frame")
    }
}

impl From<DecoderError> for Failure {
    fn from(_: DecoderError) -> Self {
        Self("the decoder refused its memory")
    }
}

impl From<PacketError> for Failure {
    fn from(_: PacketError) -> Self {
        Self("the decoder refused a packet of the encoder")
    }
}

/// Ends the emulation.
pub fn exit(result: Result<(), Failure>) -> ! {
    if let Err(Failure(what)) = &result {
        console::text("error", what);
    }
    firmware_board::exit(result.is_ok())
}
