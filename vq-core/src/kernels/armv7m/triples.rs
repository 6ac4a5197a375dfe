//! Three output positions × two output channels at a time.

use core::arch::naked_asm;

use super::super::checked::Tiles;
use super::requantize::{leaky_relu, linear, relu, requantize};

/// One tap: the weights at `$a` and `$b`, and how far the window's pointer moves.
macro_rules! tap {
    ($a:literal, $b:literal, $move:literal) => {
        concat!(
            "ldrsb r3,",
            $b,
            "\nldrsb r2,",
            $a,
            "
            ldrsh r10,[r0,r1]
            ldrsh r11,[r0,r1,lsl #1]
            mla r5,r2,r10,r5
            mla r8,r3,r10,r8
            ldrsh r10,[r0],#",
            $move,
            "
            mla r6,r2,r11,r6
            mla r9,r3,r11,r9
            mla r4,r2,r10,r4
            mla r7,r3,r10,r7
            "
        )
    };
}

/// Four taps, the last one first: 24 multiply-accumulates in 44 instructions of 4 bytes. Taps lie in the order 0, 2, 1, 3; taken
/// backwards, the last load is the one at the group's start, which can move the pointer on.
macro_rules! group {
    () => {
        concat!(
            tap!("[lr,#3]", "[lr,#7]", "-2"),
            tap!("[lr,#1]", "[lr,#5]", "-2"),
            tap!("[lr,#2]", "[lr,#6]", "-2"),
            tap!("[lr],#16", "[lr,#4]", "14"),
        )
    };
}

/// Requantizes a tile and stores it; then the next block, or the end of the row.
macro_rules! finish {
    ($saturate:ident) => {
        concat!(
            "ldr r12,[sp,#28]
            add r12,lr,r12
            add lr,lr,#32
            ldm r12!,{{r2,r3}}
            bic r0,r2,#31
            ",
            requantize!($saturate, "r4", "r2", "r3", "r10"),
            requantize!($saturate, "r5", "r2", "r3", "r10"),
            requantize!($saturate, "r6", "r2", "r3", "r10"),
            "ldm r12,{{r2,r3}}
            bic r0,r2,#31
            ",
            requantize!($saturate, "r7", "r2", "r3", "r10"),
            requantize!($saturate, "r8", "r2", "r3", "r10"),
            requantize!($saturate, "r9", "r2", "r3", "r10"),
            "ldrd r0,r1,[sp,#16]
            ldr r2,[sp,#24]
            cmp r0,r2
            bhs 7f
            strh r5,[r0,r1]
            strh r6,[r0,r1,lsl #1]
            strh r4,[r0],#2
            strh r8,[r0,r1]
            strh r9,[r0,r1,lsl #1]
            strh r7,[r0],#6
            str r0,[sp,#16]
            b 2b
            "
        )
    };
}

/// The convolution of triples of windows.
///
/// A block of the stream holds two pairs of channels. Each triple of windows makes one pass over all blocks for their first
/// pairs and one for their second, so that the distances inside a pass are constant. The last pair of a row with an odd
/// number of outputs stores only its first channel.
///
/// The frame: 0 fourth element of the first window, 4 step, 8 where that pointer ends, 12 entry into the loop for an odd number of
/// groups, 16 output, 20 row, 24 last block's output, 28 offset of the requantizations from the end of the weights, 32 finish
/// for the activation, 36 stream, 40 step over three windows, 44 count, 48 row's start.
///
/// # Safety
/// The windows, the stream for all outputs and the rows must be valid to read, read and write.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn convolution(triples: *const Tiles) {
    naked_asm!(concat!(
        "push {{r4-r11,lr}}
            sub sp,#52
            ldm r0,{{r0-r7}}
            add r0,r0,#6
            add r8,r0,r3
            strd r0,r4,[sp]
            str r8,[sp,#8]
            str r5,[sp,#20]
            str r1,[sp,#36]
            add r4,r4,r4,lsl #1
            strd r4,r6,[sp,#40]
            str r2,[sp,#48]
            ubfx r3,r3,#3,#1
            mov r4,#176
            adr.w r8,3f+1
            mla r8,r3,r4,r8
            adr.w r9,4f+1
            cmp r7,#1
            it eq
            adreq.w r9,5f+1
            it hi
            adrhi.w r9,6f+1
            str r8,[sp,#12]
            str r9,[sp,#32]

        9:  // A triple of windows: its first pass.
            ldr r2,[sp,#48]
            ldr r5,[sp,#20]
            ldr lr,[sp,#36]
            add r5,r2,r5
            sub r5,r5,#8
            mov r6,#0
            str r2,[sp,#16]
            strd r5,r6,[sp,#24]

        2:  // A tile: three windows, two channels.
            ldrd r4,r7,[lr],#16
            mov r5,r4
            mov r6,r4
            mov r8,r7
            mov r9,r7
            ldm sp,{{r0,r1,r12,pc}}
        3:
            ",
        group!(),
        group!(),
        "cmp r0,r12
            bne 3b
            ldr pc,[sp,#32]
        4:
            ",
        finish!(linear),
        "5:
            ",
        finish!(relu),
        "6:
            ",
        finish!(leaky_relu),
        "7:  // The last tile of a pass.
            strh r5,[r0,r1]
            strh r6,[r0,r1,lsl #1]
            strh r4,[r0]
            sub r2,r0,r2
            cmp r2,#6
            beq 10f
            add r0,r0,#2
            strh r8,[r0,r1]
            strh r9,[r0,r1,lsl #1]
            strh r7,[r0]
        10:
            ldr r6,[sp,#28]
            cbnz r6,11f
            cmp r1,#4
            bls 11f
            mov r6,#8
            ldrd r2,r3,[sp,#44]
            add r3,r3,#4
            str r3,[sp,#16]
            str r6,[sp,#28]
            ldr lr,[sp,#36]
            add lr,lr,r6
            b 2b

        11: // Both passes are done.
            ldrd r3,r2,[sp,#40]
            subs r2,r2,#1
            beq 12f
            str r2,[sp,#44]
            ldr r0,[sp]
            ldr r4,[sp,#8]
            add r0,r0,r3
            add r4,r4,r3
            str r0,[sp]
            str r4,[sp,#8]
            ldr r2,[sp,#48]
            add r1,r1,r1,lsl #1
            add r2,r2,r1
            str r2,[sp,#48]
            b 9b
        12:
            add sp,#52
            pop {{r4-r11,pc}}"
    ))
}
