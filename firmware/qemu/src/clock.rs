//! Counts instructions.

use core::sync::atomic::{Ordering, compiler_fence};

use cortex_m::peripheral::{SYST, syst::SystClkSource};

/// With `-icount shift=0` QEMU lets one instruction take one virtual nanosecond; the board's SysTick runs at 25 MHz.
const INSTRUCTIONS_PER_TICK: u64 = 40;

/// SysTick counts down through 24 bits: one measured call may take 671 million instructions.
const TICKS: u32 = 1 << 24;

/// An instruction counter that runs. It counts instructions, not cycles: QEMU does not model the pipeline.
#[derive(Debug)]
pub struct Clock(());

impl Clock {
    /// Starts the counter.
    pub fn start(mut systick: SYST) -> Self {
        systick.set_clock_source(SystClkSource::Core);
        systick.set_reload(TICKS - 1);
        systick.clear_current();
        systick.enable_counter();
        Self(())
    }

    /// Runs `work` and adds the instructions that it took to `total`. One call is counted in steps of 40; the error
    /// averages out over many calls, because the counter runs on between them.
    pub fn measure<R>(&self, total: &mut u64, work: impl FnOnce() -> R) -> R {
        let before = SYST::get_current();
        compiler_fence(Ordering::SeqCst);
        let result = work();
        compiler_fence(Ordering::SeqCst);
        let ticks = before.wrapping_sub(SYST::get_current()) % TICKS;
        *total += u64::from(ticks) * INSTRUCTIONS_PER_TICK;
        result
    }
}
