//! The nearest vector of a codebook: four scores at a time, each started by its half norm.

use core::arch::naked_asm;

use super::requantize::allow_dsp;

/// One word, two components, of four vectors: `$z` holds the latent's.
macro_rules! word {
    ($z:literal) => {
        concat!(
            "ldm lr!,{{r8,r10,r11,r12}}
            smlad r4,r8,",
            $z,
            ",r4
            smlad r5,r10,",
            $z,
            ",r5
            smlad r6,r11,",
            $z,
            ",r6
            smlad r7,r12,",
            $z,
            ",r7
            "
        )
    };
}

/// Two words: 16 multiply-accumulates in 11 instructions of 4 bytes.
macro_rules! two_words {
    () => {
        concat!("ldrd r1,r9,[r0],#8\n", word!("r1"), word!("r9"))
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
/// The frame: 0 latent, 4 its end, 8 entry of a block, 12 entry into the loop, 16 blocks left when the best was found, 20 its
/// lane, 24 blocks, 28 exit from the loop, which needs no test for latents of up to 16 components. A latent with an odd number
/// of words enters at its first word alone.
///
/// # Safety
/// The latent and the blocks must be valid to read, and word aligned.
#[unsafe(naked)]
pub(in crate::kernels) unsafe extern "C" fn nearest(
    latent: *const i16,
    codebook: *const u8,
    blocks: usize,
    length: usize,
) -> u64 {
    naked_asm!(concat!(
        allow_dsp!(),
        "push {{r4-r11,lr}}
            sub sp,#36
            mov lr,r1
            add r4,r0,r3
            strd r0,r4,[sp]
            rsb r5,r3,#0
            add r5,r5,#4
            ubfx r5,r5,#3,#2
            mov r6,#44
            adr.w r7,3f+1
            mla r5,r5,r6,r7
            cmp r3,#8
            it lo
            adrlo.w r5,4f+1
            adr.w r6,5f+1
            tst r3,#4
            it eq
            moveq r6,r5
            strd r6,r5,[sp,#8]
            adr.w r6,4f+1
            cmp r3,#32
            it hi
            adrhi.w r6,8f+1
            str r6,[sp,#28]
            mov r12,#0
            strd r2,r12,[sp,#16]
            str r2,[sp,#24]
            mvn r3,#0x80000000

        2:  // A block.
            ldm lr!,{{r4-r7}}
            ldr r0,[sp]
            ldr pc,[sp,#8]
        5:
            ldr r1,[r0],#4
            ",
        word!("r1"),
        "ldr pc,[sp,#12]
        3:
            ",
        two_words!(),
        two_words!(),
        two_words!(),
        two_words!(),
        "ldr pc,[sp,#28]
        8:
            ldr r8,[sp,#4]
            cmp r0,r8
            bne 3b
        4:
            cmp r4,r3
            ittt ge
            cmpge r5,r3
            cmpge r6,r3
            cmpge r7,r3
            blt 6f
        7:
            subs r2,r2,#1
            bne 2b
            ldr r4,[sp,#24]
            ldrd r5,r6,[sp,#16]
            sub r0,r4,r5
            add r0,r6,r0,lsl #2
            mov r1,r3
            add sp,#36
            pop {{r4-r11,pc}}

        6:  // One of the four is better.
            ",
        lane!("r4", "0"),
        lane!("r5", "1"),
        lane!("r6", "2"),
        lane!("r7", "3"),
        "strd r2,r12,[sp,#16]
            b 7b"
    ))
}
