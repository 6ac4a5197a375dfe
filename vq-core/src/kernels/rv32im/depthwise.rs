//! Depthwise convolution: four channels of a window at a time.

use core::arch::naked_asm;

use super::super::checked::DepthwiseRows;
use super::finish::{end_of_extensions, extensions, leaky_relu, linear, relu};

/// A channel's element at `$x`, times its weight at `$w`, to `$sum`.
macro_rules! channel {
    ($sum:literal, $x:literal, $w:literal, $product:literal, $weight:literal) => {
        concat!(
            "lh ",
            $product,
            ",",
            $x,
            "(a0)\nlb ",
            $weight,
            ",",
            $w,
            "(a4)\nmul ",
            $product,
            ",",
            $product,
            ",",
            $weight,
            "\nadd ",
            $sum,
            ",",
            $sum,
            ",",
            $product,
            "\n"
        )
    };
}

/// A channel's sum becomes its output: the high word of the product with the multiplier at `$multiplier`, rounded by the low
/// word's highest bit.
macro_rules! finish {
    ($sum:literal, $multiplier:literal, $place:literal) => {
        concat!(
            "lw a6,",
            $multiplier,
            "(a4)\nmulh t2,",
            $sum,
            ",a6\nmul t1,",
            $sum,
            ",a6\nsrli t1,t1,31\nadd t2,t2,t1\n",
            "jalr a3\nsh t2,",
            $place,
            "(s4)\n"
        )
    };
}

/// Depthwise convolution, a window after the other.
///
/// # Safety
/// The windows, up to 4 bytes behind the last row of each, the stream for all channels, word aligned, and the rows must be valid to
/// read, read and write.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn depthwise(rows: *const DepthwiseRows) {
    naked_asm!(concat!(
        extensions!(),
        "addi sp,sp,-48
        sw ra,0(sp)
        sw s0,4(sp)
        sw s1,8(sp)
        sw s2,12(sp)
        sw s3,16(sp)
        sw s4,20(sp)
        sw s5,24(sp)
        sw s6,28(sp)
        sw s7,32(sp)
        sw s8,36(sp)
        sw s9,40(sp)
        sw s10,44(sp)
        lw s7,0(a0)
        lw s8,4(a0)
        lw s4,8(a0)
        lw a1,12(a0)
        lw s9,16(a0)
        lw s10,20(a0)
        lw s5,24(a0)
        lw a0,28(a0)
        lla a3,13f
        beqz a0,2f
        addi a0,a0,-1
        lla a3,14f
        beqz a0,2f
        lla a3,15f

    2:  // A window.
        mv a4,s9
        mv a2,s7
        add s6,s4,a1

    3:  // A block of four channels.
        lw s0,0(a4)
        lw s1,4(a4)
        lw s2,8(a4)
        lw s3,12(a4)
        addi a4,a4,16
        mv a0,a2
        add a5,a4,s10
    4:  // A row of the window, whose weights lie in the order 0, 2, 1, 3.
        ",
        channel!("s0", "0", "0", "t0", "t1"),
        channel!("s1", "2", "2", "t2", "t3"),
        channel!("s2", "4", "1", "t4", "t5"),
        channel!("s3", "6", "3", "t6", "a6"),
        "add a0,a0,a1
        addi a4,a4,4
        bne a4,a5,4b
        ",
        finish!("s0", "4", "0"),
        finish!("s1", "12", "2"),
        "addi s4,s4,4
        beq s4,s6,5f
        ",
        finish!("s2", "20", "0"),
        finish!("s3", "28", "2"),
        "addi s4,s4,4
        addi a4,a4,32
        addi a2,a2,8
        bne s4,s6,3b

    5:  // The next window.
        add s7,s7,s8
        addi s5,s5,-1
        bnez s5,2b
        lw ra,0(sp)
        lw s0,4(sp)
        lw s1,8(sp)
        lw s2,12(sp)
        lw s3,16(sp)
        lw s4,20(sp)
        lw s5,24(sp)
        lw s6,28(sp)
        lw s7,32(sp)
        lw s8,36(sp)
        lw s9,40(sp)
        lw s10,44(sp)
        addi sp,sp,48
        ret
    13: // Without an activation.
        ",
        linear!(),
        "14: // ReLU.
        ",
        relu!(),
        "15: // Leaky ReLU.
        ",
        leaky_relu!(),
        end_of_extensions!(),
    ))
}
