//! Where the image ends when something goes wrong: with a word to the host and a failing exit status, never in a
//! silent loop.

use core::fmt::Display;

use cortex_m_rt::{ExceptionFrame, exception};
use cortex_m_semihosting::debug::{self, ExitStatus};

use crate::console;

/// Why the example stopped: said on the terminal where it happened.
#[derive(Debug)]
pub struct Failure;

impl<E: Display> From<E> for Failure {
    fn from(error: E) -> Self {
        console::error(&error);
        Self
    }
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
fn panic(info: &core::panic::PanicInfo<'_>) -> ! {
    exit(Err(info.into()))
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
