//! The nearest vector of a codebook: four scores at a time, each started by its half norm.

use core::arch::naked_asm;

/// `$score` += the component at `r1` + `$offset` times the latent's in `r6`.
macro_rules! multiply_accumulate {
    ($score:literal, $offset:literal) => {
        concat!("ldrsh r7,[r1,", $offset, "]\nmuls r7,r6,r7\nadd ", $score, ",r7\n")
    };
}

/// One component of four vectors.
macro_rules! component {
    () => {
        concat!(
            multiply_accumulate!("r8", "r5"),
            multiply_accumulate!("r9", "r2"),
            multiply_accumulate!("r10", "r3"),
            multiply_accumulate!("r11", "r4"),
        )
    };
}

/// One score against the best so far in `r12`; `r3` gets its lane.
macro_rules! lane {
    ($score:literal, $lane:literal) => {
        concat!("cmp ", $score, ",r12\nbge 1f\nmov r12,", $score, "\nmovs r3,#", $lane, "\n1:\n")
    };
}

/// The least of the scores of `blocks` · 4 vectors, not 0, for a latent of `length` bytes, a multiple of 4 and not 0.
/// The index of its vector in the low word, the lowest on a tie, and the score in the high one.
///
/// The frame: 0 latent, 4 its end, 8 whether its words are odd in number, 12 blocks left, 16 blocks left when the best was found, 20 its
/// lane, 24 blocks. Components go by 0, 2, 1, 3, so that the constants serve the latent too; an odd word goes first.
///
/// # Safety
/// The latent and the blocks must be valid to read, the blocks word aligned.
#[unsafe(naked)]
pub(in crate::kernels) unsafe extern "C" fn nearest(
    latent: *const i16,
    codebook: *const u8,
    blocks: usize,
    length: usize,
) -> u64 {
    naked_asm!(concat!(
        "push {{r4-r7,lr}}
            mov r4,r8
            mov r5,r9
            mov r6,r10
            mov r7,r11
            push {{r4-r7}}
            sub sp,#28
            str r0,[sp]
            adds r4,r0,r3
            str r4,[sp,#4]
            lsls r3,r3,#29
            lsrs r3,r3,#29
            str r3,[sp,#8]
            movs r3,#0
            str r2,[sp,#12]
            str r2,[sp,#16]
            str r3,[sp,#20]
            str r2,[sp,#24]
            mvns r3,r3
            lsrs r3,r3,#1
            mov r12,r3

        2:  // A block.
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
            ldr r6,[sp,#8]
            cmp r6,#0
            beq 3f
            ldrsh r6,[r0,r5]
            ",
        component!(),
        "adds r0,#2
            adds r1,#2
            ldrsh r6,[r0,r5]
            ",
        component!(),
        "adds r0,#2
            adds r1,#14
            cmp r0,lr
            beq 4f
        3:
            ldrsh r6,[r0,r5]
            ",
        component!(),
        "adds r1,#16
            ldrsh r6,[r0,r2]
            ",
        component!(),
        "adds r0,#2
            subs r1,#14
            ldrsh r6,[r0,r5]
            ",
        component!(),
        "adds r1,#16
            ldrsh r6,[r0,r2]
            ",
        component!(),
        "adds r0,#6
            adds r1,#14
            cmp r0,lr
            bne 3b
        4:
            cmp r8,r12
            blt 6f
            cmp r9,r12
            blt 6f
            cmp r10,r12
            blt 6f
            cmp r11,r12
            blt 6f
        5:
            ldr r2,[sp,#12]
            subs r2,#1
            str r2,[sp,#12]
            beq 7f
            b 2b

        6:  // One of the four is better.
            ",
        lane!("r8", "0"),
        lane!("r9", "1"),
        lane!("r10", "2"),
        lane!("r11", "3"),
        "ldr r2,[sp,#12]
            str r2,[sp,#16]
            str r3,[sp,#20]
            b 5b
        7:
            ldr r0,[sp,#24]
            ldr r1,[sp,#16]
            ldr r2,[sp,#20]
            subs r0,r0,r1
            lsls r0,r0,#2
            adds r0,r0,r2
            mov r1,r12
            add sp,#28
            pop {{r4-r7}}
            mov r8,r4
            mov r9,r5
            mov r10,r6
            mov r11,r7
            pop {{r4-r7,pc}}"
    ))
}
