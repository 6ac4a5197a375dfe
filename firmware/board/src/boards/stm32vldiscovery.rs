//! The STM32VLDISCOVERY: an STM32F100RB, a Cortex-M3 with 8 KiB of RAM.

/// What SysTick counts.
pub const CLOCK_HERTZ: u32 = 24_000_000;
