//! How a program ends: with an exit status for the host, also after a panic or a fault, and never in a silent loop.

use core::panic::PanicInfo;

use crate::console;

/// Ends the emulation, with status 0 or 1.
pub fn exit(success: bool) -> ! {
    semihosting::process::exit(i32::from(!success))
}

/// Ends the emulation because the core stopped at the instruction at `address`.
pub(crate) fn fault(address: u32) -> ! {
    console::text("error", "a fault: an unaligned or forbidden access, or a stack overflow");
    console::number("at", u64::from(address));
    exit(false)
}

#[cfg(not(feature = "no-panic"))]
#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    crate::print_line!("error {info}");
    exit(false)
}

#[cfg(feature = "no-panic")]
#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    unsafe extern "C" {
        fn this_image_can_panic() -> !;
    }
    // SAFETY: the function does not exist. Where this call is reachable the image does not link, and so never runs.
    unsafe { this_image_can_panic() }
}
