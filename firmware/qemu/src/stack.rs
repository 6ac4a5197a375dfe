//! How deep the stack went.

use cortex_m_rt::STACK_PAINT_VALUE;

unsafe extern "C" {
    static _stack_end: u32;
    static _stack_start: u32;
}

/// The most bytes of stack in use at any time so far: start-up painted the free RAM, and this counts what is no longer
/// paint. A function that reserves an array and does not write its far end is not seen.
pub fn high_water_bytes() -> usize {
    let (lowest, highest) = (&raw const _stack_end, &raw const _stack_start);
    let mut address = lowest;
    // SAFETY: the linker script defines both symbols, word aligned, as the ends of RAM that belongs to the stack alone;
    // words below the stack pointer hold the paint and are read as plain words.
    while address < highest && unsafe { address.read_volatile() } == STACK_PAINT_VALUE {
        address = address.wrapping_add(1);
    }
    highest.addr() - address.addr()
}
