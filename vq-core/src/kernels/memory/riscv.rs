//! For RISC-V: six instructions a word.

use core::arch::naked_asm;

/// Moves `bytes` bytes, an even number and not 0: by words where everything is a multiple of them. Places may overlap.
///
/// # Safety
/// So many bytes must be valid to read from `from` and to write to `to`, both at even addresses.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn move_halves(to: *mut u16, from: *const u16, bytes: usize) {
    naked_asm!(
        "or t0,a0,a1
        or t0,t0,a2
        andi t0,t0,3
        bltu a1,a0,4f
        bnez t0,3f
    2:
        lw t1,0(a1)
        sw t1,0(a0)
        addi a0,a0,4
        addi a1,a1,4
        addi a2,a2,-4
        bnez a2,2b
        ret
    3:
        lh t1,0(a1)
        sh t1,0(a0)
        addi a0,a0,2
        addi a1,a1,2
        addi a2,a2,-2
        bnez a2,3b
        ret
    4:
        add a0,a0,a2
        add a1,a1,a2
        bnez t0,6f
    5:
        lw t1,-4(a1)
        sw t1,-4(a0)
        addi a0,a0,-4
        addi a1,a1,-4
        addi a2,a2,-4
        bnez a2,5b
        ret
    6:
        lh t1,-2(a1)
        sh t1,-2(a0)
        addi a0,a0,-2
        addi a1,a1,-2
        addi a2,a2,-2
        bnez a2,6b
        ret"
    )
}

/// Clears `bytes` bytes, an even number and not 0: by words where everything is a multiple of them.
///
/// # Safety
/// So many bytes must be valid to write, from an even address on.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn clear_halves(halves: *mut u16, bytes: usize) {
    naked_asm!(
        "or t0,a0,a1
        andi t0,t0,3
        bnez t0,3f
    2:
        sw zero,0(a0)
        addi a0,a0,4
        addi a1,a1,-4
        bnez a1,2b
        ret
    3:
        sh zero,0(a0)
        addi a0,a0,2
        addi a1,a1,-2
        bnez a1,3b
        ret"
    )
}
