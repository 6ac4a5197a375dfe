//! Where the image ends when something goes wrong: with a word to the host and a failing exit status, never in a
//! silent loop.

use cortex_m_rt::{ExceptionFrame, exception};
use cortex_m_semihosting::debug::{self, ExitStatus};

use crate::console;

/// Ends the emulation.
pub fn exit(status: ExitStatus) -> ! {
    loop {
        debug::exit(status);
    }
}

#[cfg(not(feature = "no-panic"))]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    console::text("error", "the firmware panicked");
    exit(debug::EXIT_FAILURE)
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
    console::text("error", "hard fault: an unaligned or forbidden access, or a stack overflow");
    exit(debug::EXIT_FAILURE)
}
