//! How deep the stack went.

use core::ptr;

use crate::core_specific::stack_bounds;

/// What free stack is painted with.
const PAINT: u32 = 0xcccc_cccc;

/// Bytes below the caller's frame that are left alone: [`paint`]'s own.
const MARGIN: usize = 128;

/// Paints the free RAM below the stack: to be called first in `main`.
#[inline(never)]
pub fn paint() {
    let (lowest, _) = stack_bounds();
    let here = 0u32;
    let end = (&raw const here).addr().saturating_sub(MARGIN);
    let mut address = lowest;
    while address.addr() < end {
        // SAFETY: the linker script gives the stack the words from `lowest` on; those more than a margin below a local
        // variable are in no frame.
        unsafe { address.write_volatile(PAINT) };
        address = address.wrapping_add(1);
    }
}

/// The most bytes of stack in use at any time since [`paint`]. A function that reserves an array and does not write its far
/// end is not seen.
#[must_use]
pub fn high_water_bytes() -> usize {
    let (lowest, highest) = stack_bounds();
    let mut address = lowest;
    // SAFETY: the words between the bounds are RAM, those below the stack pointer no variable's; the read is of a plain word.
    while address < highest && unsafe { ptr::read_volatile(address) } == PAINT {
        address = address.wrapping_add(1);
    }
    highest.addr() - address.addr()
}
