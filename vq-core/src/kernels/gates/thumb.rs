//! For Armv7-M and what adds to it. Two entries of the table are one load.

use core::arch::naked_asm;

use super::GATES;
use crate::prior::sigmoid::{BOTH_SIDES, MIDDLE};

/// The same as [`super::definition`].
pub(super) fn gates(products: &[i16], state: &mut [i16]) {
    let units = state.len();
    if units == 0 || products.len() / (2 * GATES) < units {
        return;
    }
    // SAFETY: there are six products for every unit, and units.
    unsafe { gate_units(products.as_ptr(), state.as_mut_ptr(), units * 2, BOTH_SIDES.as_ptr().wrapping_add(MIDDLE)) }
}

/// The sigmoid of `$x`, a number of 17 bits with its sign, in its place: as `prior::sigmoid` defines it. `r3` is the middle of the table, `r7`
/// half of 1/256; `r10` to `r12` are lost.
macro_rules! sigmoid {
    ($x:literal) => {
        concat!(
            "asr r10,",
            $x,
            ",#8
            ldr r11,[r3,r10,lsl #1]
            uxtb r10,",
            $x,
            "
            add ",
            $x,
            ",r7,",
            $x,
            ",asr #31
            uxth r12,r11
            rsb r11,r12,r11,lsr #16
            mla r10,r10,r11,",
            $x,
            "
            add ",
            $x,
            ",r12,r10,asr #8
            "
        )
    };
}

/// All units of a state of `length` bytes, not 0.
///
/// # Safety
/// Six times `length` bytes of products and `length` bytes of state must be valid to read and to write, and the table to read
/// on both sides of its middle.
#[unsafe(naked)]
unsafe extern "C" fn gate_units(products: *const i16, state: *mut i16, length: usize, table: *const i16) {
    naked_asm!(concat!(
        "push {{r4-r11,lr}}
        add r4,r2,r2,lsl #1
        add r4,r0,r4
        lsl r5,r2,#1
        sub r5,r5,#2
        add r6,r1,r2
        mov r7,#128
        mov r8,#16384

    2:  // The update gate, then the reset gate, behind which both pointers are at the next unit, then the new state.
        ldrsh lr,[r0,r2]
        ldrsh r9,[r4,r2]
        add lr,lr,r9
        ",
        sigmoid!("lr"),
        "ldrsh r9,[r0],#2
        ldrsh r10,[r4],#2
        add r9,r9,r10
        ",
        sigmoid!("r9"),
        "ldrsh r10,[r4,r5]
        mla r9,r9,r10,r8
        ldrsh r10,[r0,r5]
        add r9,r10,r9,asr #15
        lsl r9,r9,#1
        ssat r9,#17,r9
        ",
        sigmoid!("r9"),
        "lsl r9,r9,#1
        sub r9,r9,#32768
        rsb r10,lr,#32768
        mla r9,r10,r9,r8
        ldrsh r10,[r1]
        mla r9,lr,r10,r9
        asr r9,r9,#15
        strh r9,[r1],#2
        cmp r1,r6
        bne 2b
        pop {{r4-r11,pc}}"
    ))
}
