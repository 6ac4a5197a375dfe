//! A product with two outputs: the mean and the scale that a prior gives a symbol.

use core::arch::naked_asm;

use super::requantize::{allow_dsp, linear, requantize};

/// The product of `groups` times four elements, not 0, with two outputs. Window and row may lie at any element.
///
/// # Safety
/// The window, a block of the stream, word aligned, and two elements of output must be valid to read, read and write.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn product(input: *const i16, stream: *const u8, output: *mut i16, groups: usize) {
    naked_asm!(concat!(
        allow_dsp!(),
        "push {{r4-r9,lr}}
        ldrd r4,r5,[r1],#16

    2:  // Four taps: the weights of the other two channels are passed over.
        ldrd r8,r9,[r1],#16
        ldr r6,[r0],#4
        ldr r7,[r0],#4
        sxtb16 r12,r8
        smlad r4,r12,r6,r4
        sxtb16 r8,r8,ror #8
        smlad r4,r8,r7,r4
        sxtb16 r12,r9
        smlad r5,r12,r6,r5
        sxtb16 r9,r9,ror #8
        smlad r5,r9,r7,r5
        subs r3,#1
        bne 2b

        ldm r1,{{r6-r9}}
        ",
        requantize!(linear, "r4", "r6", "r7"),
        requantize!(linear, "r5", "r8", "r9"),
        "strh r4,[r2]
        strh r5,[r2,#2]
        pop {{r4-r9,pc}}"
    ))
}
