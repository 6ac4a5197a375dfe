//! For all Cortex-M: four instructions a word.

use core::arch::naked_asm;

/// Moves `bytes` bytes, an even number and not 0: by words where everything is a multiple of them. Places may overlap.
///
/// # Safety
/// So many bytes must be valid to read from `from` and to write to `to`, both at even addresses.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn move_halves(to: *mut u16, from: *const u16, bytes: usize) {
    naked_asm!(
        "mov r3,r0
        orrs r3,r1
        orrs r3,r2
        lsls r3,r3,#30
        bne 5f
        cmp r0,r1
        bhi 4f
        adds r0,r0,r2
        adds r1,r1,r2
        rsbs r2,r2,#0
    3:
        ldr r3,[r1,r2]
        str r3,[r0,r2]
        adds r2,#4
        bne 3b
        bx lr
    4:
        subs r2,#4
        ldr r3,[r1,r2]
        str r3,[r0,r2]
        bne 4b
        bx lr
    5:
        cmp r0,r1
        bhi 7f
        adds r0,r0,r2
        adds r1,r1,r2
        rsbs r2,r2,#0
    6:
        ldrh r3,[r1,r2]
        strh r3,[r0,r2]
        adds r2,#2
        bne 6b
        bx lr
    7:
        subs r2,#2
        ldrh r3,[r1,r2]
        strh r3,[r0,r2]
        bne 7b
        bx lr"
    )
}

/// Clears `bytes` bytes, an even number and not 0: by words where everything is a multiple of them.
///
/// # Safety
/// So many bytes must be valid to write, from an even address on.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn clear_halves(halves: *mut u16, bytes: usize) {
    naked_asm!(
        "movs r2,#0
        mov r3,r0
        orrs r3,r1
        lsls r3,r3,#30
        bne 3f
    2:
        subs r1,#4
        str r2,[r0,r1]
        bne 2b
        bx lr
    3:
        subs r1,#2
        strh r2,[r0,r1]
        bne 3b
        bx lr"
    )
}
