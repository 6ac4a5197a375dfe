//! The FPGA board mps2-an505: a Cortex-M33 with an FPU and DSP instructions.

/// What SysTick counts.
pub const CLOCK_HERTZ: u32 = 20_000_000;
