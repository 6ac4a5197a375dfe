//! The sum of two lines, two elements at a time: the dual multiply-accumulate weighs and rounds in one instruction.

use core::arch::naked_asm;

use super::requantize::{allow_dsp, leaky_pair, linear};

/// `pairs` · 2 sums in place of `b`, not 0: `multipliers` holds that of `a` in its low half and that of `b` in its high one.
///
/// # Safety
/// `pairs` · 2 elements must be valid to read from `a` and `b` and to write to `b`.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn add(
    a: *const i16,
    b: *mut i16,
    pairs: usize,
    multipliers: u32,
    shift: u32,
    activation: usize,
) {
    naked_asm!(concat!(
        allow_dsp!(),
        "push {{r4-r8,lr}}
            mov r4,r3
            ldrd r5,r3,[sp,#24]
            adr.w lr,4f+1
            sub lr,lr,r3,lsl #3
            mov r6,#1
            lsl r6,r6,r5
            lsr r6,r6,#1
            mov r3,#0
        2:
            ldr r7,[r0],#4
            ldr r8,[r1]
            pkhbt r12,r7,r8,lsl #16
            pkhtb r8,r8,r7,asr #16
            smlad r7,r12,r4,r6
            smlad r8,r8,r4,r6
            ",
        linear!("r7", "r5"),
        linear!("r8", "r5"),
        "pkhbt r7,r7,r8,lsl #16
            bx lr

            // The activations, each 8 bytes in front of the one before it.
            b.w 5f
            nop.w
            usat16 r7,#15,r7
            nop.w
        4:
            str r7,[r1],#4
            subs r2,r2,#1
            bne 2b
            pop {{r4-r8,pc}}

        5:  // Leaky ReLU.
            ",
        leaky_pair!("r7", "r3", "r8"),
        "b 4b"
    ))
}
