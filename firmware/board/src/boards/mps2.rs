//! The FPGA boards mps2-an385 (Cortex-M3), mps2-an386 (M4F) and mps2-an500 (M7): an image for one runs on all that have
//! its instructions.

/// What SysTick counts.
pub const CLOCK_HERTZ: u32 = 25_000_000;
