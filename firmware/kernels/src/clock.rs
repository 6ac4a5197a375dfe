//! Counts instructions.

use core::hint::black_box;

use cortex_m::peripheral::{SYST, syst::SystClkSource};

/// With `-icount shift=0` QEMU lets one instruction take one virtual nanosecond; SysTick of the mps2 boards runs at 25 MHz.
const INSTRUCTIONS_PER_TICK: u64 = 40;

/// SysTick counts down through 24 bits.
const TICKS: u32 = 1 << 24;

/// An instruction counter that runs. It counts instructions, not cycles: QEMU does not model the pipeline.
#[derive(Debug)]
pub struct Clock {
    loop_instructions: u64,
}

impl Clock {
    /// Starts the counter.
    pub fn start(mut systick: SYST) -> Self {
        systick.set_clock_source(SystClkSource::Core);
        systick.set_reload(TICKS - 1);
        systick.clear_current();
        systick.enable_counter();
        let mut clock = Self { loop_instructions: 0 };
        clock.loop_instructions = clock.instructions(|| {});
        clock
    }

    /// The instructions of one call of `work`, the measuring loop's own left out: the mean of ten to a thousand calls, which
    /// turns the counter's step of 40 instructions into one of 0.04 for short calls. At most 60 million.
    pub fn instructions(&self, mut work: impl FnMut()) -> u64 {
        let once = instructions_of(1, &mut work).max(1);
        let calls = (20_000_000 / once).clamp(10, 1000);
        let instructions = instructions_of(calls as u32, &mut work);
        ((instructions + calls / 2) / calls).saturating_sub(self.loop_instructions)
    }
}

fn instructions_of(calls: u32, work: &mut impl FnMut()) -> u64 {
    let before = SYST::get_current();
    for _ in 0..black_box(calls) {
        work();
    }
    let ticks = before.wrapping_sub(SYST::get_current()) % TICKS;
    u64::from(ticks) * INSTRUCTIONS_PER_TICK
}
