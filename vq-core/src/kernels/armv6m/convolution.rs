//! Convolution, one output position × four output channels at a time.

use core::arch::naked_asm;

use super::finish::{beyond, saturate, scale};

/// What [`convolution`] reads and writes; sizes in bytes.
#[repr(C)]
pub(super) struct Arguments {
    /// First window.
    pub(super) input: *const i16,
    /// Length of a window, a multiple of 8, not 0.
    pub(super) window: usize,
    /// Weight stream, word aligned.
    pub(super) stream: *const u8,
    /// First row.
    pub(super) output: *mut i16,
    /// From one window to the next.
    pub(super) step: usize,
    /// Windows, not 0.
    pub(super) count: usize,
    /// End of the blocks with four outputs.
    pub(super) whole_blocks: *const u8,
    /// Outputs of the last block, if it has fewer.
    pub(super) rest: usize,
    /// The number of the activation.
    pub(super) activation: usize,
}

/// `$sum` += the weight at `r1` + `$offset` times the input in `r6`.
macro_rules! multiply_accumulate {
    ($sum:literal, $offset:literal) => {
        concat!("ldrsb r7,[r1,", $offset, "]\nmuls r7,r6,r7\nadd ", $sum, ",r7\n")
    };
}

/// One tap of four channels.
macro_rules! four_channels {
    () => {
        concat!(
            multiply_accumulate!("r8", "r5"),
            multiply_accumulate!("r9", "r2"),
            multiply_accumulate!("r10", "r3"),
            multiply_accumulate!("r11", "r4"),
        )
    };
}

/// One tap of two channels.
macro_rules! two_channels {
    () => {
        concat!(multiply_accumulate!("r8", "r5"), multiply_accumulate!("r9", "r2"))
    };
}

/// Four taps, in the order of their bytes, which is 0, 2, 1, 3: `r0` walks through the window, `r1` through the stream.
macro_rules! group {
    ($channels:ident) => {
        concat!(
            "ldrsh r6,[r0,r5]\n",
            $channels!(),
            "adds r1,#1\nldrsh r6,[r0,r2]\n",
            $channels!(),
            "adds r0,#2\nadds r1,#1\nldrsh r6,[r0,r5]\n",
            $channels!(),
            "adds r1,#1\nldrsh r6,[r0,r2]\n",
            $channels!(),
            "adds r0,#6\nadds r1,#13\n",
        )
    };
}

/// A subroutine: requantizes the sum in `r4` by the pair at `r1` and stores it at `r7`; both move on.
macro_rules! finish {
    ($activation:ident) => {
        concat!(
            "ldm r1!,{{r2,r3}}
            lsrs r5,r2,#16
            ",
            scale!(),
            "adds r4,r4,r3
            asrs r4,r4,r2
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

/// The convolution.
///
/// A last block of one to three channels is taken by pairs of channels, so that a net's last layer with a single channel does
/// not pay for four.
///
/// The frame: 0 window, 4 its end, 8 stream, 12 output, 16 step, 20 windows left, 24 end of the whole blocks, 28 rest. `r12`
/// holds the subroutine that finishes a sum.
///
/// # Safety
/// The windows, the stream for all outputs and the rows must be valid to read, read and write.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn convolution(arguments: *const Arguments) {
    naked_asm!(concat!(
        "push {{r4-r7,lr}}
            mov r4,r8
            mov r5,r9
            mov r6,r10
            mov r7,r11
            push {{r4-r7}}
            ldr r2,[r0,#32]
            adr r1,13f
            cmp r2,#1
            blo 1f
            adr r1,14f
            beq 1f
            adr r1,15f
        1:
            adds r1,#1
            mov r12,r1
            ldr r1,[r0,#28]
            push {{r1}}
            ldm r0!,{{r1-r7}}
            adds r2,r1,r2
            push {{r1-r7}}

        2:  // A window.
            ldr r1,[sp,#8]
            ldr r2,[sp,#24]
            cmp r1,r2
            beq 5f

        3:  // A block of four channels.
            ldm r1!,{{r4-r7}}
            mov r8,r4
            mov r9,r5
            mov r10,r6
            mov r11,r7
            ldr r0,[sp]
            ldr r2,[sp,#4]
            mov lr,r2
            movs r2,#4
            movs r3,#8
            movs r4,#12
            movs r5,#0
        4:
            ",
        group!(four_channels),
        "cmp r0,lr
            bne 4b
            ldr r7,[sp,#12]
            mov r4,r8
            blx r12
            mov r4,r9
            blx r12
            mov r4,r10
            blx r12
            mov r4,r11
            blx r12
            str r7,[sp,#12]
            ldr r2,[sp,#24]
            cmp r1,r2
            bne 3b

        5:  // What is left of the last block.
            ldr r2,[sp,#28]
            cmp r2,#0
            beq 9f
            mov r10,r2
            movs r3,#0
            mov r11,r3
        6:  // A pair of channels: r10 of them are left, r11 is the offset of their requantizations.
            ldr r4,[r1]
            ldr r5,[r1,#4]
            mov r8,r4
            mov r9,r5
            adds r1,#16
            ldr r0,[sp]
            ldr r2,[sp,#4]
            mov lr,r2
            movs r2,#4
            movs r5,#0
        7:
            ",
        group!(two_channels),
        "cmp r0,lr
            bne 7b
            add r1,r11
            ldr r7,[sp,#12]
            mov r4,r8
            blx r12
            mov r2,r10
            subs r2,#1
            beq 8f
            mov r10,r2
            mov r4,r9
            blx r12
        8:
            str r7,[sp,#12]
            mov r2,r10
            subs r2,#1
            beq 9f
            mov r10,r2
            movs r3,#8
            mov r11,r3
            ldr r1,[sp,#24]
            adds r1,#8
            b 6b

        9:  // The next window.
            ldr r2,[sp,#20]
            subs r2,#1
            beq 10f
            str r2,[sp,#20]
            ldr r0,[sp]
            ldr r1,[sp,#4]
            ldr r2,[sp,#16]
            adds r0,r0,r2
            adds r1,r1,r2
            str r0,[sp]
            str r1,[sp,#4]
            b 2b
        10:
            add sp,#32
            pop {{r4-r7}}
            mov r8,r4
            mov r9,r5
            mov r10,r6
            mov r11,r7
            pop {{r4-r7,pc}}

            .p2align 2
        13: // Without an activation.
            ",
        finish!(linear),
        "14: // ReLU.
            ",
        finish!(relu),
        "15: // Leaky ReLU.
            ",
        finish!(leaky_relu),
    ))
}
