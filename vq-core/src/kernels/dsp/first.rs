//! The first layer of a net for one sensor channel: windows of eight samples that move by two. Two windows together are
//! five words, which stay in registers while the channels pass by.

use core::arch::naked_asm;

use super::requantize::{allow_dsp, leaky_relu, linear, relu, requantize};

/// Two channels of two windows: the `$half`s of a block are told apart by their offsets from `lr`, the block's start.
/// `$end` loads the row's length into `r12`.
macro_rules! channels {
    ($saturate:ident, $bias:literal, $low:literal, $high:literal, $first:literal, $second:literal, $end:literal) => {
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
            requantize!($saturate, "r7", "r5", "r6"),
            requantize!($saturate, "r8", "r5", "r6"),
            "ldrd r5,r6,[lr,#",
            $second,
            "]
            ",
            requantize!($saturate, "r9", "r5", "r6"),
            requantize!($saturate, "r10", "r5", "r6"),
            "pkhbt r7,r7,r9,lsl #16
            pkhbt r8,r8,r10,lsl #16
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
/// The frame: 0 end of the row, 4 row, 8 window, 12 stream, 16 count.
macro_rules! convolution {
    ($(#[$doc:meta])* $name:ident, $saturate:ident) => {
        $(#[$doc])*
        ///
        /// # Safety
        /// Two windows per count, the stream for all outputs and the rows must be valid to read, read and write; the first two
        /// word aligned.
        #[unsafe(naked)]
        pub(super) unsafe extern "C" fn $name(
            input: *const i16,
            stream: *const u8,
            output: *mut i16,
            row: usize,
            count: usize,
        ) {
            naked_asm!(
                concat!(
                    allow_dsp!(),
                    "push {{r4-r11,lr}}
                    ldr r4,[sp,#36]
                    mov r11,r2
                    push {{r0,r1,r4}}
                    push {{r2,r3}}
                9:
                    ldrd r12,lr,[sp,#8]
                    ldr r5,[sp,#4]
                    ldm r12,{{r0-r4}}
                    add r12,r12,#8
                    str r12,[sp,#8]
                    add r5,r5,r11
                    str r5,[sp]
                2:
                    ",
                    channels!($saturate, "0", "16", "32", "48", "56", "ldr r12,[sp,#4]"),
                    channels!($saturate, "8", "24", "40", "64", "72", "ldrd r5,r12,[sp]"),
                    "cmp r11,r5
                    add lr,lr,#80
                    bne 2b
                    ldr r5,[sp,#16]
                    add r11,r11,r12
                    subs r5,r5,#1
                    str r5,[sp,#16]
                    bne 9b
                    add sp,#20
                    pop {{r4-r11,pc}}"
                )
            )
        }
    };
}

convolution! {
    /// Without an activation.
    convolution_linear, linear
}
convolution! {
    /// With ReLU.
    convolution_relu, relu
}
convolution! {
    /// With leaky ReLU.
    convolution_leaky_relu, leaky_relu
}
