//! What is particular to RISC-V.

use riscv::register::{mepc, minstret};

use crate::end;

pub use riscv_rt::entry;

/// The counter of retired instructions always runs.
pub(crate) fn start_counter() -> Option<()> {
    Some(())
}

/// Its lower half.
pub(crate) fn counter() -> u32 {
    minstret::read() as u32
}

/// Ticks between two readings, at most 2^32 − 1.
pub(crate) fn ticks_between(before: u32, after: u32) -> u32 {
    after.wrapping_sub(before)
}

/// Where the stack may grow to, and where it starts.
pub(crate) fn stack_bounds() -> (*mut u32, *mut u32) {
    unsafe extern "C" {
        static mut __estack: u32;
        static mut __sstack: u32;
    }
    (&raw mut __estack, &raw mut __sstack)
}

/// An unaligned or forbidden access, or a stack that ran out of RAM.
#[unsafe(no_mangle)]
extern "C" fn _dispatch_exception(_: &riscv_rt::TrapFrame, _: usize) {
    end::fault(mepc::read() as u32)
}

/// No program turns an interrupt on.
#[unsafe(no_mangle)]
extern "C" fn _dispatch_core_interrupt(_: usize) {
    end::fault(mepc::read() as u32)
}
