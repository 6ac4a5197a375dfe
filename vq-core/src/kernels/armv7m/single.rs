//! One output position × four output channels at a time: what streaming needs, where a deep layer makes one row per hop.

use core::arch::naked_asm;

use super::requantize::{leaky_relu, linear, relu, requantize};

/// One tap: the input at `$x`, and the weights of four channels.
macro_rules! tap {
    ($x:literal, $a:literal, $b:literal, $c:literal, $d:literal) => {
        concat!(
            "ldrsh r8,",
            $x,
            "
            ldrsb r11,",
            $d,
            "
            ldrsb r10,",
            $c,
            "
            ldrsb r3,",
            $b,
            "
            ldrsb r2,",
            $a,
            "
            mla r7,r11,r8,r7
            mla r6,r10,r8,r6
            mla r5,r3,r8,r5
            mla r4,r2,r8,r4
            "
        )
    };
}

/// Four taps, the last one first: 16 multiply-accumulates in 36 instructions of 4 bytes. Taps lie in the order 0, 2, 1, 3; taken
/// backwards, the last loads are those at the group's start, which can move the pointers on.
macro_rules! group {
    () => {
        concat!(
            tap!("[r0,#6]", "[lr,#3]", "[lr,#7]", "[lr,#11]", "[lr,#15]"),
            tap!("[r0,#4]", "[lr,#1]", "[lr,#5]", "[lr,#9]", "[lr,#13]"),
            tap!("[r0,#2]", "[lr,#2]", "[lr,#6]", "[lr,#10]", "[lr,#14]"),
            tap!("[r0],#8", "[lr],#16", "[lr,#4]", "[lr,#8]", "[lr,#12]"),
        )
    };
}

/// Requantizes two channels with the next pairs of the stream.
macro_rules! two_channels {
    ($saturate:ident, $a:literal, $b:literal) => {
        concat!(
            "ldm lr!,{{r2,r3,r8,r10}}\nbic r0,r2,#31\n",
            requantize!($saturate, $a, "r2", "r3", "r0"),
            "bic r0,r8,#31\n",
            requantize!($saturate, $b, "r8", "r10", "r0"),
        )
    };
}

/// Requantizes a block and stores it; then the next block, or the end.
macro_rules! finish {
    ($saturate:ident) => {
        concat!(
            two_channels!($saturate, "r4", "r5"),
            two_channels!($saturate, "r6", "r7"),
            "cmp r12,r9
            bhi 7f
            strh r4,[r12],#2
            strh r5,[r12],#2
            strh r6,[r12],#2
            strh r7,[r12],#2
            bne 2b
            add sp,#12
            pop {{r4-r11,pc}}
            "
        )
    };
}

/// The convolution of one window of `window` bytes, a multiple of 8 and not 0, to a row of `row` bytes.
///
/// `r12` is the output, `r9` the last whole block's. The frame: 0 window, 4 entry into the loop for a number of groups that is no
/// multiple of eight, 8 finish for the activation.
///
/// # Safety
/// The window, the stream for all outputs, word aligned, and the row must be valid to read, read and write.
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
        "push {{r4-r11,lr}}
            ldrd r4,r5,[sp,#36]
            mov lr,r1
            add r1,r0,r3
            mov r12,r2
            add r9,r2,r4
            sub r9,r9,#8
            rsb r3,r3,#0
            ubfx r3,r3,#3,#3
            mov r6,#144
            adr.w r8,3f+1
            mla r6,r3,r6,r8
            adr.w r7,5f+1
            cmp r5,#1
            beq 9f
            ite lo
            adrlo.w r7,4f+1
            adrhs.w r7,6f+1
        9:
            push {{r0,r6,r7}}

        2:  // A block: one window, four channels.
            ldm lr!,{{r4-r7}}
            ldm sp,{{r0,pc}}
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
            ldr pc,[sp,#8]
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
            add r9,r9,#8
            strh r4,[r12],#2
            cmp r12,r9
            beq 8f
            strh r5,[r12],#2
            cmp r12,r9
            it ne
            strhne r6,[r12]
        8:
            add sp,#12
            pop {{r4-r11,pc}}"
    ))
}
