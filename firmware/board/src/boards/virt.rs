//! QEMU's RISC-V machine without a model in the shops.

/// What the counter of retired instructions counts at one instruction per virtual nanosecond.
pub const CLOCK_HERTZ: u32 = 1_000_000_000;
