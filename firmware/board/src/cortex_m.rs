//! What is particular to Arm's M-profile cores.

use cortex_m::peripheral::{SYST, syst::SystClkSource};
use cortex_m_rt::{ExceptionFrame, exception};

use crate::end;

pub use cortex_m_rt::entry;

/// SysTick counts down through 24 bits.
const TICKS: u32 = 1 << 24;

/// Starts SysTick; `None` if that was done before.
pub(crate) fn start_counter() -> Option<()> {
    let mut systick = cortex_m::Peripherals::take()?.SYST;
    systick.set_clock_source(SystClkSource::Core);
    systick.set_reload(TICKS - 1);
    systick.clear_current();
    systick.enable_counter();
    Some(())
}

pub(crate) fn counter() -> u32 {
    SYST::get_current()
}

/// Ticks between two readings, at most 2^24 − 1.
pub(crate) fn ticks_between(before: u32, after: u32) -> u32 {
    before.wrapping_sub(after) % TICKS
}

/// Where the stack may grow to, and where it starts.
pub(crate) fn stack_bounds() -> (*mut u32, *mut u32) {
    unsafe extern "C" {
        static mut _stack_end: u32;
        static mut _stack_start: u32;
    }
    (&raw mut _stack_end, &raw mut _stack_start)
}

/// An unaligned or forbidden access, or a stack that ran out of RAM.
#[exception]
unsafe fn HardFault(frame: &ExceptionFrame) -> ! {
    end::fault(frame.pc())
}
