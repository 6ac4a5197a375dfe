//! Depthwise convolution: four windows of a channel at a time, or four channels of a window where there are fewer windows.

use core::arch::naked_asm;

use super::super::checked::DepthwiseRows;
use super::finish::{beyond, saturate, scale};

/// The sum `$sum` becomes the output at `r7`, which moves by a row, `r1`. `r5` holds the multiplier, `r2` the shift, `r3` the
/// rounding term.
macro_rules! finish_window {
    ($activation:ident, $sum:literal, $back:literal, $beyond:literal) => {
        concat!(
            "mov r4,",
            $sum,
            "\n",
            scale!(),
            "adds r4,r4,r3
            asrs r4,r2
            ",
            saturate!($activation, $back, $beyond),
            "strh r4,[r7]
            adds r7,r7,r1
            "
        )
    };
}

/// Requantizes a tile and stores it; then the next tile.
macro_rules! finish_tile {
    ($activation:ident) => {
        concat!(
            finish_window!($activation, "r8", "31", "41"),
            finish_window!($activation, "r9", "32", "42"),
            finish_window!($activation, "r10", "33", "43"),
            finish_window!($activation, "r11", "34", "44"),
            "b 5b
            ",
            beyond!("31", "41"),
            beyond!("32", "42"),
            beyond!("33", "43"),
            beyond!("34", "44"),
            ".p2align 2
            "
        )
    };
}

/// A window's element at `$place`, times the weight in `r7`, to `$sum`.
macro_rules! window {
    ($place:literal, $sum:literal) => {
        concat!("ldrsh r6,[r0,", $place, "]\nmuls r6,r7,r6\nadd ", $sum, ",r6\n")
    };
}

/// Depthwise convolution of four windows or more, a channel after the other. The last tile of a column starts at its fourth to last
/// window: some windows may be computed twice.
///
/// The frame: 0 weights, 4 step, 8 two steps, 12 three steps, 16 bias, 20 row, 24 shift, 28 rounding term, 32 multiplier, 36 finish
/// for the activation, 40 output, 44 from the end of a tile's windows to the next tile, 48 windows left, 52 columns left, 56
/// arguments, 60 column, 64 block, 68 lane. `r12` holds the row and `lr` the end of the weights.
///
/// # Safety
/// There must be four windows at least; they, the stream for all channels and the rows must be valid to read, read and write.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn columns(arguments: *const DepthwiseRows) {
    naked_asm!(concat!(
        "push {{r4-r7,lr}}
            mov r4,r8
            mov r5,r9
            mov r6,r10
            mov r7,r11
            push {{r4-r7}}
            sub sp,#72
            str r0,[sp,#56]
            ldr r1,[r0,#4]
            str r1,[sp,#4]
            lsls r2,r1,#1
            str r2,[sp,#8]
            adds r2,r2,r1
            str r2,[sp,#12]
            adds r2,r2,r1
            ldr r1,[r0,#12]
            str r1,[sp,#20]
            mov r12,r1
            ldr r3,[r0,#20]
            lsrs r3,r3,#2
            muls r3,r1,r3
            subs r2,r2,r3
            str r2,[sp,#44]
            lsrs r1,r1,#1
            str r1,[sp,#52]
            ldr r1,[r0,#16]
            str r1,[sp,#64]
            movs r1,#0
            str r1,[sp,#60]
            str r1,[sp,#68]
            ldr r2,[r0,#28]
            adr r1,13f
            cmp r2,#1
            blo 1f
            adr r1,14f
            beq 1f
            adr r1,15f
        1:
            adds r1,#1
            str r1,[sp,#36]

        2:  // A column: its bias, requantization and weights, which lie in the order 0, 2, 1, 3 of the lanes.
            ldr r0,[sp,#56]
            ldr r2,[sp,#60]
            ldr r1,[r0,#8]
            adds r1,r1,r2
            str r1,[sp,#40]
            ldr r1,[r0,#24]
            str r1,[sp,#48]
            ldr r3,[sp,#64]
            ldr r4,[sp,#68]
            lsls r5,r4,#2
            ldr r6,[r3,r5]
            str r6,[sp,#16]
            ldr r1,[r0,#20]
            adds r3,#16
            adds r1,r3,r1
            lsls r5,r4,#3
            ldr r6,[r1,r5]
            lsrs r5,r6,#16
            str r5,[sp,#32]
            uxth r6,r6
            str r6,[sp,#24]
            movs r5,#1
            lsls r5,r6
            lsrs r5,r5,#1
            str r5,[sp,#28]
            lsrs r5,r4,#1
            lsls r4,r4,#31
            lsrs r4,r4,#30
            adds r5,r5,r4
            adds r3,r3,r5
            str r3,[sp]
            adds r1,r1,r5
            mov lr,r1
            ldr r0,[r0]
            adds r0,r0,r2

        3:  // A tile: four windows from r0 on.
            mov r7,sp
            ldm r7!,{{r1-r5}}
            mov r8,r5
            mov r9,r5
            mov r10,r5
            mov r11,r5
            movs r5,#0
        4:  // A row of each.
            ldrsb r7,[r1,r5]
            adds r1,#4
            ",
        window!("r5", "r8"),
        window!("r2", "r9"),
        window!("r3", "r10"),
        window!("r4", "r11"),
        "add r0,r12
            cmp r1,lr
            bne 4b
            add r7,sp,#20
            ldm r7,{{r1,r2,r3,r5,r6,r7}}
            bx r6

        5:  // The next four windows.
            ldr r2,[sp,#48]
            subs r2,#4
            cmp r2,#4
            blo 6f
            str r2,[sp,#48]
            str r7,[sp,#40]
            ldr r2,[sp,#44]
            adds r0,r0,r2
            b 3b
        6:  // The last four, of which r2 are new.
            subs r3,r2,#4
            cmp r2,#0
            beq 7f
            movs r2,#4
            str r2,[sp,#48]
            muls r1,r3,r1
            adds r7,r7,r1
            str r7,[sp,#40]
            ldr r2,[sp,#44]
            adds r0,r0,r2
            ldr r2,[sp,#4]
            muls r2,r3,r2
            adds r0,r0,r2
            b 3b

        7:  // The next column.
            ldr r0,[sp,#52]
            subs r0,#1
            beq 9f
            str r0,[sp,#52]
            ldr r0,[sp,#60]
            adds r0,#2
            str r0,[sp,#60]
            ldr r0,[sp,#68]
            adds r0,#1
            cmp r0,#4
            bne 8f
            ldr r1,[sp,#56]
            ldr r1,[r1,#20]
            ldr r2,[sp,#64]
            adds r2,r2,r1
            adds r2,#48
            str r2,[sp,#64]
            movs r0,#0
        8:
            str r0,[sp,#68]
            b 2b
        9:
            add sp,#72
            pop {{r4-r7}}
            mov r8,r4
            mov r9,r5
            mov r10,r6
            mov r11,r7
            pop {{r4-r7,pc}}

            .p2align 2
        13: // Without an activation.
            ",
        finish_tile!(linear),
        "14: // ReLU.
            ",
        finish_tile!(relu),
        "15: // Leaky ReLU.
            ",
        finish_tile!(leaky_relu),
    ))
}

/// A subroutine of [`rows`]: requantizes the sum in `r4` by the words at `r1` and stores it at `r7`; both move on. The last bit that
/// the shift pushes out rounds.
macro_rules! finish_in_row {
    ($activation:ident) => {
        concat!(
            "ldm r1!,{{r2,r3}}
            lsrs r5,r2,#16
            ",
            scale!(),
            "movs r5,#0
            asrs r4,r2
            adcs r4,r5
            ",
            saturate!($activation, "31", "41"),
            "strh r4,[r7]
            adds r7,#2
            bx lr
            ",
            beyond!("31", "41"),
            ".p2align 2
            "
        )
    };
}

/// A channel's element at `$x`, times its weight at `$w`, to `$sum`.
macro_rules! channel {
    ($x:literal, $w:literal, $sum:literal) => {
        concat!("ldrsh r6,[r0,", $x, "]\nldrsb r7,[r1,", $w, "]\nmuls r6,r7,r6\nadd ", $sum, ",r6\n")
    };
}

/// Depthwise convolution, a window after the other, four channels at a time.
///
/// The frame: 0 window, 4 output, 8 end of the row, 12 finish for the activation, 16 arguments, 20 windows left, 24 first window
/// of the row.
///
/// # Safety
/// The windows, up to 4 bytes behind the last row of each, the stream for all channels and the rows must be valid to read,
/// read and write.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn rows(arguments: *const DepthwiseRows) {
    naked_asm!(concat!(
        "push {{r4-r7,lr}}
            mov r4,r8
            mov r5,r9
            mov r6,r10
            mov r7,r11
            push {{r4-r7}}
            sub sp,#28
            str r0,[sp,#16]
            ldr r1,[r0]
            str r1,[sp,#24]
            ldr r1,[r0,#8]
            str r1,[sp,#4]
            ldr r1,[r0,#24]
            str r1,[sp,#20]
            ldr r2,[r0,#28]
            adr r1,13f
            cmp r2,#1
            blo 1f
            adr r1,14f
            beq 1f
            adr r1,15f
        1:
            adds r1,#1
            str r1,[sp,#12]

        2:  // A window.
            ldr r4,[sp,#16]
            ldr r0,[sp,#24]
            str r0,[sp]
            ldr r2,[r4,#12]
            ldr r3,[sp,#4]
            adds r3,r3,r2
            str r3,[sp,#8]
            ldr r1,[r4,#16]

        3:  // A block of four channels.
            ldm r1!,{{r4-r7}}
            mov r8,r4
            mov r9,r5
            mov r10,r6
            mov r11,r7
            ldr r4,[sp,#16]
            ldr r2,[r4,#12]
            mov r12,r2
            ldr r2,[r4,#20]
            adds r2,r2,r1
            mov lr,r2
            ldr r0,[sp]
            movs r2,#2
            movs r3,#4
            movs r4,#6
            movs r5,#0
        4:  // A row of the window, weights in the order of their bytes, which is 0, 2, 1, 3.
            ",
        channel!("r5", "r5", "r8"),
        channel!("r2", "r2", "r9"),
        "adds r1,#1
            ",
        channel!("r3", "r5", "r10"),
        channel!("r4", "r2", "r11"),
        "adds r1,#3
            add r0,r12
            cmp r1,lr
            bne 4b
            ldr r7,[sp,#4]
            ldr r0,[sp,#12]
            mov r4,r8
            blx r0
            mov r4,r9
            blx r0
            ldr r2,[sp,#8]
            cmp r7,r2
            beq 5f
            mov r4,r10
            blx r0
            mov r4,r11
            blx r0
            str r7,[sp,#4]
            ldr r0,[sp]
            adds r0,#8
            str r0,[sp]
            ldr r2,[sp,#8]
            cmp r7,r2
            bne 3b

        5:  // The next window.
            str r7,[sp,#4]
            ldr r2,[sp,#20]
            subs r2,#1
            beq 6f
            str r2,[sp,#20]
            ldr r4,[sp,#16]
            ldr r2,[r4,#4]
            ldr r0,[sp,#24]
            adds r0,r0,r2
            str r0,[sp,#24]
            b 2b
        6:
            add sp,#28
            pop {{r4-r7}}
            mov r8,r4
            mov r9,r5
            mov r10,r6
            mov r11,r7
            pop {{r4-r7,pc}}

            .p2align 2
        13: // Without an activation.
            ",
        finish_in_row!(linear),
        "14: // ReLU.
            ",
        finish_in_row!(relu),
        "15: // Leaky ReLU.
            ",
        finish_in_row!(leaky_relu),
    ))
}
