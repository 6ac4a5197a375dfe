//! Where the image ends when something goes wrong: with a word to the host and a failing exit status, never in a
//! silent loop.

use cortex_m_rt::{ExceptionFrame, exception};
use cortex_m_semihosting::debug::{self, ExitStatus};
use vq_core::{DecoderError, EncoderError, ModelError, PacketError, SelfTestError};

use crate::console;
use crate::file::HostError;

/// Why the example stopped: said on the terminal where it happened.
#[derive(Debug)]
pub struct Failure;

impl From<&str> for Failure {
    fn from(text: &str) -> Self {
        console::text("error", text);
        Self
    }
}

impl From<HostError> for Failure {
    fn from(HostError(text): HostError) -> Self {
        text.into()
    }
}

/// Gives an error of the codec its line on the terminal. All of them print in full, but `core::fmt` would cost the image
/// 6 KiB; `vq inspect` tells the same on the host.
macro_rules! say {
    ($($error:ty: $text:literal),* $(,)?) => {$(
        impl From<$error> for Failure {
            fn from(_: $error) -> Self {
                $text.into()
            }
        }
    )*};
}

say! {
    ModelError: "the model was refused",
    EncoderError: "the encoder was refused: too little memory, or packets too small for one hop",
    DecoderError: "the decoder was refused: too little memory",
    PacketError: "a packet was refused",
    SelfTestError: "the model's self-test failed",
}

/// Ends the emulation.
pub fn exit(result: Result<(), Failure>) -> ! {
    let status: ExitStatus = result.map_err(|Failure| ());
    loop {
        debug::exit(status);
    }
}

#[cfg(not(feature = "no-panic"))]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    exit(Err("panic".into()))
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
    exit(Err("hard fault: an unaligned or forbidden access, or a stack overflow".into()))
}
