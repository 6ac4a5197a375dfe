//! The first layer of a net for one sensor channel: windows of eight samples that move by two. Two windows together are
//! five words, which stay in registers while the channels pass by.

use core::arch::naked_asm;

use super::requantize::{allow_dsp, leaky_pair, linear, requantize};

/// Two channels of two windows: the halves of a block are told apart by their offsets from `lr`, the block's start. `$activate` loads where the
/// activation of this half is, `$end` the row's length into `r12`, and `$relu` and `$store` are labels.
macro_rules! channels {
    ($bias:literal, $low:literal, $high:literal, $first:literal, $second:literal, $activate:literal, $end:literal, $relu:literal, $store:literal) => {
        concat!(
            "ldrd r7,r9,[lr,#",
            $bias,
            "]
            ldrd r5,r6,[lr,#",
            $low,
            "]
            sxtb16 r12,r5
            smlad r8,r12,r1,r7
            smlad r7,r12,r0,r7
            sxtb16 r5,r5,ror #8
            smlad r8,r5,r2,r8
            smlad r7,r5,r1,r7
            sxtb16 r12,r6
            smlad r10,r12,r1,r9
            smlad r9,r12,r0,r9
            sxtb16 r6,r6,ror #8
            smlad r10,r6,r2,r10
            smlad r9,r6,r1,r9
            ldrd r5,r6,[lr,#",
            $high,
            "]
            sxtb16 r12,r5
            smlad r8,r12,r3,r8
            smlad r7,r12,r2,r7
            sxtb16 r5,r5,ror #8
            smlad r8,r5,r4,r8
            smlad r7,r5,r3,r7
            sxtb16 r12,r6
            smlad r10,r12,r3,r10
            smlad r9,r12,r2,r9
            sxtb16 r6,r6,ror #8
            smlad r10,r6,r4,r10
            smlad r9,r6,r3,r9
            ldrd r5,r6,[lr,#",
            $first,
            "]
            ",
            requantize!(linear, "r7", "r5", "r6"),
            requantize!(linear, "r8", "r5", "r6"),
            "ldrd r5,r6,[lr,#",
            $second,
            "]
            ",
            requantize!(linear, "r9", "r5", "r6"),
            requantize!(linear, "r10", "r5", "r6"),
            "pkhbt r7,r7,r9,lsl #16
            pkhbt r8,r8,r10,lsl #16
            ldr pc,[sp,#",
            $activate,
            "]
        ",
            $relu,
            ":
            usat16 r7,#15,r7
            usat16 r8,#15,r8
        ",
            $store,
            ":
            ",
            $end,
            "
            str r8,[r11,r12]
            str r7,[r11],#4
            "
        )
    };
}

/// The convolution of `count` pairs of windows, not 0, to rows of `row` bytes, a multiple of 8 and not 0.
///
/// The frame: 0 end of the row, 4 row, 8 window, 12 stream, 16 count, 20 activation in the first half of a block, 24 in the second.
///
/// # Safety
/// Two windows per count, the stream for all outputs and the rows must be valid to read, read and write; the first two word aligned.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn convolution(
    input: *const i16,
    stream: *const u8,
    output: *mut i16,
    row: usize,
    count: usize,
    activation: usize,
) {
    naked_asm!(concat!(
        allow_dsp!(),
        "push {{r4-r11,lr}}
            ldrd r4,r7,[sp,#36]
            mov r11,r2
            adr.w r5,4f+1
            adr.w r6,7f+1
            cmp r7,#1
            blo 1f
            adr.w r5,3f+1
            adr.w r6,6f+1
            beq 1f
            adr.w r5,5f+1
            adr.w r6,8f+1
        1:
            push {{r0,r1,r4,r5,r6}}
            push {{r2,r3}}
        9:  // A pair of windows.
            ldrd r12,lr,[sp,#8]
            ldr r5,[sp,#4]
            ldm r12,{{r0-r4}}
            add r12,r12,#8
            str r12,[sp,#8]
            add r5,r5,r11
            str r5,[sp]
        2:  // A block of four channels.
            ",
        channels!("0", "16", "32", "48", "56", "20", "ldr r12,[sp,#4]", "3", "4"),
        channels!("8", "24", "40", "64", "72", "24", "ldrd r5,r12,[sp]", "6", "7"),
        "cmp r11,r5
            add lr,lr,#80
            bne 2b
            ldr r5,[sp,#16]
            add r11,r11,r12
            subs r5,r5,#1
            str r5,[sp,#16]
            bne 9b
            add sp,#28
            pop {{r4-r11,pc}}

        5:  // Leaky ReLU in the first half.
            adr.w r10,4b+1
            b 10f
        8:  // And in the second.
            adr.w r10,7b+1
        10:
            mov r12,#0
            ",
        leaky_pair!("r7", "r12", "r5"),
        leaky_pair!("r8", "r12", "r5"),
        "bx r10"
    ))
}
