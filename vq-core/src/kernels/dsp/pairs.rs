//! Two output positions × two output channels at a time: every load of a weight serves two positions, every load of
//! two inputs two channels.

use core::arch::naked_asm;

use super::super::checked::Tiles;
use super::requantize::{allow_dsp, leaky_pair, linear, requantize};

/// Four taps: 16 multiply-accumulates in 15 instructions of 4 bytes. `lr` walks through every second word pair of the
/// stream, which it is before, `r0` and `r1` through the two windows; `r4`, `r5` are the first channel's accumulators, `r6`, `r7` the second's.
macro_rules! group {
    () => {
        "ldrd r2,r3,[lr,#16]!
        ldrd r8,r9,[r0],#8
        sxtb16 r12,r2
        sxtb16 r2,r2,ror #8
        sxtb16 r10,r3
        sxtb16 r3,r3,ror #8
        smlad r4,r12,r8,r4
        smlad r4,r2,r9,r4
        smlad r6,r10,r8,r6
        smlad r6,r3,r9,r6
        ldrd r8,r9,[r1],#8
        smlad r5,r12,r8,r5
        smlad r5,r2,r9,r5
        smlad r7,r10,r8,r7
        smlad r7,r3,r9,r7
        "
    };
}

/// The convolution of pairs of windows.
///
/// A block of the stream holds two pairs of channels. Each pair of windows makes one pass over all blocks for their first
/// pairs and one for their second, so that the distances inside a pass are constant. The last pair of a row with an odd
/// number of outputs stores only its first channel.
///
/// The frame: 0 first window, 4 second window, 8 end of the first window, 12 entry into the loop for a number of groups that is
/// no multiple of four, 16 output, 20 row, 24 last block's output, 28 offset of the requantizations from the last weights, 32
/// finish for the activation, 36 stream, 40 step over two windows, 44 count, 48 row's start.
///
/// # Safety
/// The windows, the stream for all outputs and the rows must be valid to read, read and write; windows must start at whole
/// words.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn convolution(pairs: *const Tiles) {
    naked_asm!(concat!(
        allow_dsp!(),
        "push {{r4-r11,lr}}
            sub sp,#52
            ldm r0,{{r0-r7}}
            str r1,[sp,#36]
            add r10,r0,r4
            add r11,r0,r3
            stm sp,{{r0,r10,r11}}
            str r5,[sp,#20]
            lsl r4,r4,#1
            strd r4,r6,[sp,#40]
            str r2,[sp,#48]
            rsb r3,r3,#0
            ubfx r3,r3,#3,#2
            mov r4,#60
            adr.w r8,3f+1
            mla r8,r3,r4,r8
            adr.w r9,4f+1
            sub r9,r9,r7,lsl #3
            str r8,[sp,#12]
            str r9,[sp,#32]

        9:  // A pair of windows: its first pass.
            ldr r2,[sp,#48]
            ldr r5,[sp,#20]
            ldr lr,[sp,#36]
            sub lr,lr,#48
            add r5,r2,r5
            sub r5,r5,#8
            mov r6,#16
            str r2,[sp,#16]
            strd r5,r6,[sp,#24]

        2:  // A tile: two windows, two channels.
            ldrd r4,r6,[lr,#48]!
            mov r5,r4
            mov r7,r6
            ldm sp,{{r0,r1,r11,pc}}
        3:
            ",
        group!(),
        group!(),
        group!(),
        group!(),
        "cmp r0,r11
            bne 3b

            // Four sums become two words; then their activation, each 8 bytes in front of the one before it.
            ldr r2,[sp,#28]
            add r2,lr,r2
            ldm r2,{{r2,r3,r8,r9}}
            ",
        requantize!(linear, "r4", "r2", "r3"),
        requantize!(linear, "r5", "r2", "r3"),
        requantize!(linear, "r6", "r8", "r9"),
        requantize!(linear, "r7", "r8", "r9"),
        "pkhbt r4,r4,r6,lsl #16
            pkhbt r5,r5,r7,lsl #16
            ldr pc,[sp,#32]
            b.w 5f
            nop.w
            usat16 r4,#15,r4
            usat16 r5,#15,r5
        4:
            ldrd r8,r9,[sp,#16]
            ldr r2,[sp,#24]
            cmp r8,r2
            bhs 7f
            str r5,[r8,r9]
            str r4,[r8],#8
            str r8,[sp,#16]
            b 2b

        5:  // Leaky ReLU.
            mov r3,#0
            ",
        leaky_pair!("r4", "r3", "r2"),
        leaky_pair!("r5", "r3", "r2"),
        "b 4b

        7:  // The last tile of a pass.
            sub r2,r8,r2
            cmp r2,#6
            beq 8f
            str r5,[r8,r9]
            str r4,[r8]
            b 10f
        8:  strh r5,[r8,r9]
            strh r4,[r8]
        10:
            ldr r6,[sp,#28]
            cmp r6,#16
            bne 11f
            cmp r9,#4
            bls 11f
            mov r6,#24
            ldrd r2,r3,[sp,#44]
            add r3,r3,#4
            str r3,[sp,#16]
            str r6,[sp,#28]
            ldr lr,[sp,#36]
            sub lr,lr,#40
            b 2b

        11: // Both passes are done.
            ldr r2,[sp,#44]
            subs r2,r2,#1
            beq 12f
            str r2,[sp,#44]
            ldr r3,[sp,#40]
            ldm sp,{{r0,r1,r11}}
            add r0,r0,r3
            add r1,r1,r3
            add r11,r11,r3
            stm sp,{{r0,r1,r11}}
            ldr r2,[sp,#48]
            add r2,r2,r9,lsl #1
            str r2,[sp,#48]
            b 9b
        12:
            add sp,#52
            pop {{r4-r11,pc}}"
    ))
}
