//! The nearest vector of a codebook: four scores at a time, each started by its half norm.

use core::arch::naked_asm;

/// One component of four vectors: the latent's at `$z`.
macro_rules! component {
    ($z:literal, $a:literal, $b:literal, $c:literal, $d:literal) => {
        concat!(
            "ldrsh r8,",
            $z,
            "
            ldrsh r12,",
            $d,
            "
            ldrsh r11,",
            $c,
            "
            ldrsh r10,",
            $b,
            "
            ldrsh r9,",
            $a,
            "
            mla r7,r12,r8,r7
            mla r6,r11,r8,r6
            mla r5,r10,r8,r5
            mla r4,r9,r8,r4
            "
        )
    };
}

/// One word, the second component first, so that the last loads move the pointers on: 8 multiply-accumulates in 18
/// instructions of 4 bytes.
macro_rules! word {
    () => {
        concat!(
            component!("[r0,#2]", "[lr,#2]", "[lr,#6]", "[lr,#10]", "[lr,#14]"),
            component!("[r0],#4", "[lr],#16", "[lr,#4]", "[lr,#8]", "[lr,#12]"),
        )
    };
}

/// One vector's score against the best so far in `r3`; `r12` gets its lane.
macro_rules! lane {
    ($score:literal, $lane:literal) => {
        concat!("cmp ", $score, ",r3\nitt lt\nmovlt r3,", $score, "\nmovlt r12,#", $lane, "\n")
    };
}

/// The least of the scores of `blocks` · 4 vectors, not 0, for a latent of `length` bytes, a multiple of 4 and not 0.
/// The index of its vector in the low word, the lowest on a tie, and the score in the high one.
///
/// The frame: 0 latent, 4 entry into the loop for a number of words that is no multiple of four, 8 blocks left when the best
/// was found, 12 its lane, 16 blocks.
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
        "push {{r4-r11,lr}}
            sub sp,#20
            mov lr,r1
            add r1,r0,r3
            rsb r5,r3,#0
            ubfx r5,r5,#2,#2
            mov r6,#72
            adr.w r7,3f+1
            mla r5,r5,r6,r7
            strd r0,r5,[sp]
            mov r12,#0
            strd r2,r12,[sp,#8]
            str r2,[sp,#16]
            mvn r3,#0x80000000

        2:  // A block.
            ldm lr!,{{r4-r7}}
            ldr r0,[sp]
            ldr pc,[sp,#4]
        3:
            ",
        word!(),
        word!(),
        word!(),
        word!(),
        "cmp r0,r1
            bne 3b
            cmp r4,r3
            ittt ge
            cmpge r5,r3
            cmpge r6,r3
            cmpge r7,r3
            blt 5f
        4:
            subs r2,r2,#1
            bne 2b
            ldr r4,[sp,#16]
            ldrd r5,r6,[sp,#8]
            sub r0,r4,r5
            add r0,r6,r0,lsl #2
            mov r1,r3
            add sp,#20
            pop {{r4-r11,pc}}

        5:  // One of the four is better.
            ",
        lane!("r4", "0"),
        lane!("r5", "1"),
        lane!("r6", "2"),
        lane!("r7", "3"),
        "strd r2,r12,[sp,#8]
            b 4b"
    ))
}
