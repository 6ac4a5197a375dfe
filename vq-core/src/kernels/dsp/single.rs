//! One output position × four output channels at a time: what streaming needs, where a deep layer makes one row per hop.

use core::arch::naked_asm;

use super::requantize::{allow_dsp, leaky_pair, linear, requantize};

/// Four taps, which `$load` brings to `r10` and `r11`: 16 multiply-accumulates in 17 instructions of 4 bytes and the load's.
/// `lr` walks through the stream, `r0` through the window; `r4` to `r7` are the accumulators.
macro_rules! group {
    ($load:literal) => {
        concat!(
            "ldm lr!,{{r2,r3,r8,r9}}\n",
            $load,
            "
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
        )
    };
}

/// A window at a whole word.
macro_rules! four_groups {
    () => {
        concat!(
            group!("ldrd r10,r11,[r0],#8"),
            group!("ldrd r10,r11,[r0],#8"),
            group!("ldrd r10,r11,[r0],#8"),
            group!("ldrd r10,r11,[r0],#8"),
        )
    };
}

/// The groups of a turn of the loop, and the bits that count them.
#[cfg(not(feature = "small-kernels"))]
macro_rules! turn {
    (groups) => {
        concat!(four_groups!(), four_groups!())
    };
    (bits) => {
        "#3"
    };
}
#[cfg(feature = "small-kernels")]
macro_rules! turn {
    (groups) => {
        four_groups!()
    };
    (bits) => {
        "#2"
    };
}

/// A window anywhere: single words may lie at odd elements.
macro_rules! one_group {
    () => {
        group!("ldr r10,[r0],#4\nldr r11,[r0],#4")
    };
}

/// The convolution of one window of `window` bytes, a multiple of 8 and not 0, to a row of `row` bytes.
///
/// A window and a row at whole words are read and written two words at a time; a number of groups that is no multiple of a turn's enters the loop further on.
/// Others have a loop of their own, and every block of them is finished where the last one of the former is that has fewer than four channels.
///
/// The frame: 0 window, 4 entry into the loop, 8 output, 12 last whole block's output, or 0 where rows lie anywhere, 16 finish for the activation,
/// 20 last whole block's output where rows lie anywhere, or 0.
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
        allow_dsp!(),
        "push {{r4-r11,lr}}
            ldrd r4,r5,[sp,#36]
            mov lr,r1
            add r1,r0,r3
            add r4,r2,r4
            sub r4,r4,#8
            mov r8,#0
            orr r12,r0,r2
            tst r12,#2
            bne 10f
            rsb r3,r3,#0
            ubfx r3,r3,#3,",
        turn!(bits),
        "
            mov r6,#72
            adr.w r9,3f+1
            mla r6,r3,r6,r9
        1:
            adr.w r7,4f+1
            sub r7,r7,r5,lsl #3
            push {{r2,r4,r7,r8}}
            push {{r0,r6}}

        2:  // A block: one window, four channels.
            ldm lr!,{{r4-r7}}
            ldm sp,{{r0,pc}}
        3:
            ",
        turn!(groups),
        "cmp r0,r1
            bne 3b

        9:  // Four sums become two words; then their activation, each 8 bytes in front of the one before it.
            ldm lr!,{{r0,r2,r3,r8,r9,r10,r11,r12}}
            ",
        requantize!(linear, "r4", "r0", "r2"),
        requantize!(linear, "r5", "r3", "r8"),
        requantize!(linear, "r6", "r9", "r10"),
        requantize!(linear, "r7", "r11", "r12"),
        "pkhbt r4,r4,r5,lsl #16
            pkhbt r6,r6,r7,lsl #16
            ldr pc,[sp,#16]
            b.w 5f
            nop.w
            usat16 r4,#15,r4
            usat16 r6,#15,r6
        4:
            ldrd r2,r3,[sp,#8]
            cmp r2,r3
            bhi 7f
            strd r4,r6,[r2],#8
            str r2,[sp,#8]
            bne 2b
            add sp,#24
            pop {{r4-r11,pc}}

        5:  // Leaky ReLU.
            mov r3,#0
            ",
        leaky_pair!("r4", "r3", "r2"),
        leaky_pair!("r6", "r3", "r2"),
        "b 4b

7:  // A block that lies anywhere, or has fewer than four channels.
            ldr r8,[sp,#20]
            cmp r2,r8
            bhi 8f
            str r4,[r2],#4
            str r6,[r2],#4
            str r2,[sp,#8]
            bne 2b
            b 12f
        8:
            orr r3,r3,r8
            add r3,r3,#8
            strh r4,[r2],#2
            cmp r2,r3
            beq 12f
            lsr r4,r4,#16
            strh r4,[r2],#2
            cmp r2,r3
            it ne
            strhne r6,[r2]
        12:
            add sp,#24
            pop {{r4-r11,pc}}

        10: // A window or a row at an odd element.
            mov r8,r4
            mov r4,#0
            adr.w r6,11f+1
            b 1b
        11:
            ",
        one_group!(),
        "cmp r0,r1
            bne 11b
            b 9b"
    ))
}
