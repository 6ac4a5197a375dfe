//! One output position × four output channels at a time: what streaming needs, where a deep layer makes one row per hop.

use core::arch::naked_asm;

use super::requantize::{allow_dsp, leaky_relu, linear, relu, requantize};

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

/// A window at a whole word, eight groups a turn.
macro_rules! eight_groups {
    () => {
        concat!(
            group!("ldrd r10,r11,[r0],#8"),
            group!("ldrd r10,r11,[r0],#8"),
            group!("ldrd r10,r11,[r0],#8"),
            group!("ldrd r10,r11,[r0],#8"),
            group!("ldrd r10,r11,[r0],#8"),
            group!("ldrd r10,r11,[r0],#8"),
            group!("ldrd r10,r11,[r0],#8"),
            group!("ldrd r10,r11,[r0],#8"),
        )
    };
}

/// A window anywhere: single words may lie at odd elements.
macro_rules! one_group {
    () => {
        group!("ldr r10,[r0],#4\nldr r11,[r0],#4")
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
            ldrd r2,r3,[sp,#8]
            cmp r2,r3
            bhi 7f
            strd r4,r6,[r2],#8
            str r2,[sp,#8]
            bne 2b
            add sp,#24
            pop {{r4-r11,pc}}
            "
        )
    };
}

/// The convolution of one window of `window` bytes, a multiple of 8 and not 0, to a row of `row` bytes.
///
/// A window and a row at whole words are read and written two words at a time; a number of groups that is no multiple of eight enters the loop further on.
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
            ubfx r3,r3,#3,#3
            mov r6,#72
            adr.w r9,3f+1
            mla r6,r3,r6,r9
        1:
            adr.w r7,5f+1
            cmp r5,#1
            beq 9f
            ite lo
            adrlo.w r7,4f+1
            adrhs.w r7,6f+1
        9:
            push {{r2,r4,r7,r8}}
            push {{r0,r6}}

        2:  // A block: one window, four channels.
            ldm lr!,{{r4-r7}}
            ldm sp,{{r0,pc}}
        3:
            ",
        eight_groups!(),
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
        "7:  // A block that lies anywhere, or has fewer than four channels.
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
            ldr pc,[sp,#16]"
    ))
}
