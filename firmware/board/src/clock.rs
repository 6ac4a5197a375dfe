//! Counts instructions.
//!
//! With `-icount shift=0` QEMU lets one instruction take one virtual nanosecond, and the boards' counters run at
//! [`CLOCK_HERTZ`] of virtual time: 40 instructions a tick on most. Instructions are not cycles: QEMU has no pipeline.

use core::hint::black_box;
use core::sync::atomic::{Ordering, compiler_fence};

use crate::core_specific::{counter, start_counter, ticks_between};

pub use crate::boards::CLOCK_HERTZ;

/// A counter that runs.
#[derive(Debug)]
pub struct Clock(());

impl Clock {
    /// Starts the counter; `None` if it was started before.
    #[must_use]
    pub fn start() -> Option<Self> {
        start_counter().map(Self)
    }

    /// Runs `work` and adds the ticks that it took to `ticks`: at most 2^24, 671 million instructions on the slowest counter.
    /// The rounding to ticks averages out over many calls, because the counter runs on between them.
    pub fn measure<R>(&self, ticks: &mut u64, work: impl FnOnce() -> R) -> R {
        let before = counter();
        compiler_fence(Ordering::SeqCst);
        let result = work();
        compiler_fence(Ordering::SeqCst);
        *ticks += u64::from(ticks_between(before, counter()));
        result
    }

    /// The instructions of one call of `work`, the measuring loop's own left out: the mean of ten to a thousand calls, which
    /// turns the counter's step of 40 instructions into one of 0.04 for short calls. At most 60 million.
    pub fn instructions(&self, work: impl FnMut()) -> u64 {
        self.mean(work).saturating_sub(self.mean(|| {}))
    }

    fn mean(&self, mut work: impl FnMut()) -> u64 {
        let once = self.instructions_of(1, &mut work).max(1);
        let calls = (20_000_000 / once).clamp(10, 1000);
        let instructions = self.instructions_of(calls as u32, &mut work);
        (instructions + calls / 2) / calls
    }

    fn instructions_of(&self, calls: u32, work: &mut impl FnMut()) -> u64 {
        let mut ticks = 0;
        self.measure(&mut ticks, || (0..black_box(calls)).for_each(|_| work()));
        ticks * 1_000_000_000 / u64::from(CLOCK_HERTZ)
    }
}
