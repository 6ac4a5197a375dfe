//! One output position × four output channels at a time: what streaming needs, where a deep layer makes one row per hop.

use core::arch::naked_asm;

use super::requantize::{allow_dsp, leaky_relu, linear, relu, requantize};

/// Four taps: 16 multiply-accumulates in 18 instructions of 4 bytes. `lr` walks through the stream, `r0` through the window;
/// `r4` to `r7` are the accumulators.
macro_rules! group {
    () => {
        "ldm lr!,{{r2,r3,r8,r9}}
        ldrd r10,r11,[r0],#8
        sxtb16 r12,r2
        smlad r4,r12,r10,r4
        sxtb16 r2,r2,ror #8
        smlad r4,r2,r11,r4
        sxtb16 r12,r3
        smlad r5,r12,r10,r5
        sxtb16 r3,r3,ror #8
        smlad r5,r3,r11,r5
        sxtb16 r12,r8
        smlad r6,r12,r10,r6
        sxtb16 r8,r8,ror #8
        smlad r6,r8,r11,r6
        sxtb16 r12,r9
        smlad r7,r12,r10,r7
        sxtb16 r9,r9,ror #8
        smlad r7,r9,r11,r7
        "
    };
}

/// Requantizes a block and stores it; then the next block, or the end.
macro_rules! finish {
    ($saturate:ident) => {
        concat!(
            "ldm lr!,{{r2,r3,r8,r9}}
            ",
            requantize!($saturate, "r4", "r2", "r3"),
            requantize!($saturate, "r5", "r8", "r9"),
            "pkhbt r4,r4,r5,lsl #16
            ldm lr!,{{r2,r3,r8,r9}}
            ",
            requantize!($saturate, "r6", "r2", "r3"),
            requantize!($saturate, "r7", "r8", "r9"),
            "pkhbt r6,r6,r7,lsl #16
            ldrd r2,r3,[sp,#4]
            cmp r2,r3
            bhi 7f
            str r4,[r2],#4
            str r6,[r2],#4
            str r2,[sp,#4]
            bne 2b
            b 8f
            "
        )
    };
}

/// The convolution of one window of `window` bytes, a multiple of 8 and not 0, to a row of `row` bytes.
///
/// The frame: 0 window, 4 output, 8 last whole block's output, 12 entry into the loop for a number of groups that is no
/// multiple of eight, 16 finish for the activation.
///
/// # Safety
/// The window, the stream for all outputs and the row must be valid to read, read and write; the first two word aligned.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn convolution(
    input: *const i16,
    stream: *const u8,
    output: *mut i16,
    window: usize,
    row: usize,
    activation: usize,
) {
    naked_asm!(concat!(
        allow_dsp!(),
        "push {{r4-r11,lr}}
            ldrd r4,r5,[sp,#36]
            mov lr,r1
            add r1,r0,r3
            add r4,r2,r4
            sub r4,r4,#8
            rsb r3,r3,#0
            ubfx r3,r3,#3,#3
            mov r6,#72
            adr.w r8,3f+1
            mla r6,r3,r6,r8
            adr.w r7,4f+1
            cmp r5,#1
            it eq
            adreq.w r7,5f+1
            it hi
            adrhi.w r7,6f+1
            push {{r0,r2,r4,r6,r7}}

        2:  // A block: one window, four channels.
            ldm lr!,{{r4-r7}}
            ldr r0,[sp]
            ldr pc,[sp,#12]
        3:
            ",
        group!(),
        group!(),
        group!(),
        group!(),
        group!(),
        group!(),
        group!(),
        group!(),
        "cmp r0,r1
            bne 3b
            ldr pc,[sp,#16]
        4:
            ",
        finish!(linear),
        "5:
            ",
        finish!(relu),
        "6:
            ",
        finish!(leaky_relu),
        "7:  // The last block has fewer than four channels.
            add r3,r3,#8
            strh r4,[r2],#2
            cmp r2,r3
            beq 8f
            lsr r4,r4,#16
            strh r4,[r2],#2
            cmp r2,r3
            it ne
            strhne r6,[r2]
        8:
            add sp,#20
            pop {{r4-r11,pc}}"
    ))
}
