//! The first BBC micro:bit: an nRF51822, a Cortex-M0 with 16 KiB of RAM.

/// What SysTick counts.
pub const CLOCK_HERTZ: u32 = 16_000_000;
