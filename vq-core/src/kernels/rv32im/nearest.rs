//! The nearest vector of a codebook: four scores at a time, each started by its half norm.

use core::arch::naked_asm;

use super::finish::{end_of_extensions, extensions};

/// One component of four vectors, `$x` bytes behind the latent's pointer and `$a` to `$d` behind the block's.
macro_rules! component {
    ($x:literal, $a:literal, $b:literal, $c:literal, $d:literal) => {
        concat!(
            "lh t0,",
            $x,
            "(a5)\nlh t1,",
            $a,
            "(a1)\nlh t2,",
            $b,
            "(a1)\nlh t3,",
            $c,
            "(a1)\nlh t4,",
            $d,
            "(a1)\n",
            "mul t1,t1,t0\nmul t2,t2,t0\nmul t3,t3,t0\nmul t4,t4,t0\n",
            "add t5,t5,t1\nadd t6,t6,t2\nadd a6,a6,t3\nadd a7,a7,t4\n",
        )
    };
}

/// One vector's score against the best so far in `s1`; `s0` gets its index.
macro_rules! lane {
    ($score:literal, $lane:literal, $label:literal) => {
        concat!("bge ", $score, ",s1,", $label, "f\nmv s1,", $score, "\naddi s0,s2,", $lane, "\n", $label, ":\n")
    };
}

/// The least of the scores of `blocks` · 4 vectors, not 0, for a latent of `length` bytes, a multiple of 4 and not 0.
/// The index of its vector in the low word, the lowest on a tie, and the score in the high one.
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
        extensions!(),
        "addi sp,sp,-16
        sw s0,0(sp)
        sw s1,4(sp)
        sw s2,8(sp)
        add a3,a3,a0
        slli a2,a2,2
        li s0,0
        li s1,0x7fffffff
        li s2,0
    2:  // A block of four vectors.
        lw t5,0(a1)
        lw t6,4(a1)
        lw a6,8(a1)
        lw a7,12(a1)
        addi a1,a1,16
        mv a5,a0
    3:  // Two components of each.
        ",
        component!("0", "0", "4", "8", "12"),
        component!("2", "2", "6", "10", "14"),
        "addi a5,a5,4
        addi a1,a1,16
        bne a5,a3,3b
        ",
        lane!("t5", "0", "4"),
        lane!("t6", "1", "5"),
        lane!("a6", "2", "6"),
        lane!("a7", "3", "7"),
        "addi s2,s2,4
        bne s2,a2,2b
        mv a0,s0
        mv a1,s1
        lw s0,0(sp)
        lw s1,4(sp)
        lw s2,8(sp)
        addi sp,sp,16
        ret
        ",
        end_of_extensions!(),
    ))
}
