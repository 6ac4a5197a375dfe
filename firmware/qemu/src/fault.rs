//! Where the image ends when something goes wrong: with a word to the host and a failing exit status, never in a
//! silent loop.

use cortex_m_rt::{ExceptionFrame, exception};
use cortex_m_semihosting::debug::{self, ExitStatus};
use vq_core::{DecoderError, EncoderError, ModelError, PacketError, SelfTestError};

use crate::console;
use crate::file::HostError;

/// Why the example stopped.
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
        Self("the decoder refused a packet of its own encoder")
    }
}

/// Ends the emulation.
pub fn exit(result: Result<(), Failure>) -> ! {
    let status: ExitStatus = result.map_err(|Failure(what)| console::text("error", what));
    loop {
        debug::exit(status);
    }
}

#[cfg(not(feature = "no-panic"))]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    exit(Err(Failure("the firmware panicked")))
}

#[cfg(feature = "no-panic")]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    unsafe extern "C" {
        fn this_image_can_panic() -> !;
    }
    // SAFETY: the function does not exist. Where this call is reachable the image does not link, and so never runs.
    unsafe { this_image_can_panic() }
}

/// An unaligned or forbidden access, or a stack that ran out of RAM.
#[exception]
unsafe fn HardFault(_: &ExceptionFrame) -> ! {
    exit(Err(Failure("hard fault: an unaligned or forbidden access, or a stack overflow")))
}
