//! Convolution: four output positions × four output channels at a time, so that a load serves four multiplications; and one
//! position × four channels for what is left.

use core::arch::naked_asm;

use super::super::checked::Tiles;
use super::finish::{end_of_extensions, extensions, leaky_relu, linear, relu};

/// The weight in `t2` times the input `$x`, to `$sum`.
macro_rules! multiply_accumulate {
    ($sum:literal, $x:literal) => {
        concat!("mul ra,", $x, ",t2\nadd ", $sum, ",", $sum, ",ra\n")
    };
}

/// One tap of four windows and four channels: 16 multiply-accumulates in 40 instructions. Inputs are `$x` bytes behind the windows'
/// pointers `a0` to `a3`, weights behind `a4`.
macro_rules! tap_of_four {
    ($x:literal, $a:literal, $b:literal, $c:literal, $d:literal) => {
        concat!(
            "lh a6,",
            $x,
            "(a0)\nlh a7,",
            $x,
            "(a1)\nlh t0,",
            $x,
            "(a2)\nlh t1,",
            $x,
            "(a3)\n",
            "lb t2,",
            $a,
            "(a4)\n",
            multiply_accumulate!("s0", "a6"),
            multiply_accumulate!("s1", "a7"),
            multiply_accumulate!("s2", "t0"),
            multiply_accumulate!("s3", "t1"),
            "lb t2,",
            $b,
            "(a4)\n",
            multiply_accumulate!("s4", "a6"),
            multiply_accumulate!("s5", "a7"),
            multiply_accumulate!("s6", "t0"),
            multiply_accumulate!("s7", "t1"),
            "lb t2,",
            $c,
            "(a4)\n",
            multiply_accumulate!("s8", "a6"),
            multiply_accumulate!("s9", "a7"),
            multiply_accumulate!("s10", "t0"),
            multiply_accumulate!("s11", "t1"),
            "lb t2,",
            $d,
            "(a4)\n",
            multiply_accumulate!("t3", "a6"),
            multiply_accumulate!("t4", "a7"),
            multiply_accumulate!("t5", "t0"),
            multiply_accumulate!("t6", "t1"),
        )
    };
}

/// The bias of a channel, for four windows.
macro_rules! bias_of_four {
    ($place:literal, $a:literal, $b:literal, $c:literal, $d:literal) => {
        concat!("lw ", $a, ",", $place, "(a4)\nmv ", $b, ",", $a, "\nmv ", $c, ",", $a, "\nmv ", $d, ",", $a, "\n")
    };
}

/// The requantization of a channel at `$place` behind `a4`: the multiplier as the high half of `a6`, the rounding term in `a7`, the
/// shift in `t0`.
macro_rules! requantization {
    ($place:literal, $next:literal) => {
        concat!("lw a6,", $place, "(a4)\nlw a7,", $next, "(a4)\nandi t0,a6,31\nsub a6,a6,t0\n")
    };
}

/// A sum becomes an output, `$place` bytes behind `$row`.
macro_rules! finish {
    ($sum:literal, $place:literal, $row:literal) => {
        concat!("mulh t2,", $sum, ",a6\nadd t2,t2,a7\nsra t2,t2,t0\njalr a5\nsh t2,", $place, "(", $row, ")\n")
    };
}

/// The outputs of a channel for four windows; then the row may end.
macro_rules! finish_four {
    ($requantization:literal, $round:literal, $place:literal, $a:literal, $b:literal, $c:literal, $d:literal) => {
        concat!(
            requantization!($requantization, $round),
            finish!($a, $place, "a0"),
            finish!($b, $place, "a1"),
            finish!($c, $place, "a2"),
            finish!($d, $place, "a3"),
        )
    };
}

/// Makes the frame, saves what belongs to the caller from 60 on, and puts the arguments and the activation's subroutine into their
/// places.
macro_rules! enter {
    () => {
        "addi sp,sp,-112
        sw ra,60(sp)
        sw s0,64(sp)
        sw s1,68(sp)
        sw s2,72(sp)
        sw s3,76(sp)
        sw s4,80(sp)
        sw s5,84(sp)
        sw s6,88(sp)
        sw s7,92(sp)
        sw s8,96(sp)
        sw s9,100(sp)
        sw s10,104(sp)
        sw s11,108(sp)
        lw t0,0(a0)
        lw t1,4(a0)
        lw t2,8(a0)
        lw t3,12(a0)
        lw t4,16(a0)
        lw t5,20(a0)
        lw t6,24(a0)
        lw a7,28(a0)
        lla a1,13f
        beqz a7,1f
        addi a7,a7,-1
        lla a1,14f
        beqz a7,1f
        lla a1,15f
        1:
        sw t0,0(sp)
        sw t3,4(sp)
        sw t4,8(sp)
        sw t2,12(sp)
        sw t5,16(sp)
        sw t1,20(sp)
        sw t6,24(sp)
        sw a1,44(sp)
        "
    };
}

/// Gives the caller back what is its own, and returns.
macro_rules! leave {
    () => {
        "lw ra,60(sp)
        lw s0,64(sp)
        lw s1,68(sp)
        lw s2,72(sp)
        lw s3,76(sp)
        lw s4,80(sp)
        lw s5,84(sp)
        lw s6,88(sp)
        lw s7,92(sp)
        lw s8,96(sp)
        lw s9,100(sp)
        lw s10,104(sp)
        lw s11,108(sp)
        addi sp,sp,112
        ret
        "
    };
}

/// The convolution of groups of four windows.
///
/// The frame: 0 first window, 4 length of a window, 8 step, 12 row's start, 16 row, 20 stream, 24 groups left, 28 outputs left, 32
/// output, 44 subroutine for the activation.
///
/// # Safety
/// The windows, the stream for all outputs, word aligned, and the rows must be valid to read, read and write.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn four_windows(groups: *const Tiles) {
    naked_asm!(concat!(
        extensions!(),
        enter!(),
        "
    2:  // Four windows.
        lw a4,20(sp)
        lw t0,12(sp)
        sw t0,32(sp)
        lw t0,16(sp)
        sw t0,28(sp)

    3:  // A tile: four channels.
        lw a0,0(sp)
        lw t0,8(sp)
        lw a5,4(sp)
        add a1,a0,t0
        add a2,a1,t0
        add a3,a2,t0
        add a5,a5,a0
        ",
        bias_of_four!("0", "s0", "s1", "s2", "s3"),
        bias_of_four!("4", "s4", "s5", "s6", "s7"),
        bias_of_four!("8", "s8", "s9", "s10", "s11"),
        bias_of_four!("12", "t3", "t4", "t5", "t6"),
        "addi a4,a4,16
    4:  // Four taps, whose weights lie in the order 0, 2, 1, 3.
        ",
        tap_of_four!("0", "0", "4", "8", "12"),
        tap_of_four!("2", "2", "6", "10", "14"),
        tap_of_four!("4", "1", "5", "9", "13"),
        tap_of_four!("6", "3", "7", "11", "15"),
        "addi a0,a0,8
        addi a1,a1,8
        addi a2,a2,8
        addi a3,a3,8
        addi a4,a4,16
        bne a0,a5,4b

        lw a0,32(sp)
        lw t0,16(sp)
        lw a5,44(sp)
        add a1,a0,t0
        add a2,a1,t0
        add a3,a2,t0
        ",
        finish_four!("0", "4", "0", "s0", "s1", "s2", "s3"),
        "lw s0,28(sp)
        addi s0,s0,-2
        beqz s0,5f
        ",
        finish_four!("8", "12", "2", "s4", "s5", "s6", "s7"),
        "addi s0,s0,-2
        beqz s0,5f
        ",
        finish_four!("16", "20", "4", "s8", "s9", "s10", "s11"),
        "addi s0,s0,-2
        beqz s0,5f
        ",
        finish_four!("24", "28", "6", "t3", "t4", "t5", "t6"),
        "addi s0,s0,-2
        sw s0,28(sp)
        addi a0,a0,8
        sw a0,32(sp)
        addi a4,a4,32
        bnez s0,3b

    5:  // The next four windows.
        lw t0,24(sp)
        addi t0,t0,-1
        beqz t0,6f
        sw t0,24(sp)
        lw t0,8(sp)
        lw t1,0(sp)
        slli t0,t0,2
        add t1,t1,t0
        sw t1,0(sp)
        lw t0,16(sp)
        lw t1,12(sp)
        slli t0,t0,2
        add t1,t1,t0
        sw t1,12(sp)
        j 2b
    6:
        ",
        leave!(),
        "13: // Without an activation.
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

/// One tap of one window and four channels: 4 multiply-accumulates in 13 instructions.
macro_rules! tap_of_one {
    ($x:literal, $a:literal, $b:literal, $c:literal, $d:literal) => {
        concat!(
            "lh a6,",
            $x,
            "(a0)\nlb t0,",
            $a,
            "(a4)\nlb t1,",
            $b,
            "(a4)\nlb t2,",
            $c,
            "(a4)\nlb a7,",
            $d,
            "(a4)\n",
            "mul t0,t0,a6\nmul t1,t1,a6\nmul t2,t2,a6\nmul a7,a7,a6\n",
            "add s0,s0,t0\nadd s1,s1,t1\nadd s2,s2,t2\nadd s3,s3,a7\n",
        )
    };
}

/// The output of a channel of one window.
macro_rules! finish_one {
    ($requantization:literal, $round:literal, $place:literal, $sum:literal) => {
        concat!(requantization!($requantization, $round), finish!($sum, $place, "a0"))
    };
}

/// The convolution of single windows, as many as `groups` says; its frame is that of [`four_windows`].
///
/// # Safety
/// The windows, the stream for all outputs, word aligned, and the rows must be valid to read, read and write.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn single_windows(groups: *const Tiles) {
    naked_asm!(concat!(
        extensions!(),
        enter!(),
        "
    2:  // A window.
        lw a4,20(sp)
        lw s4,12(sp)
        lw s5,16(sp)
        add s6,s4,s5

    3:  // A block of four channels.
        lw a0,0(sp)
        lw a5,4(sp)
        lw s0,0(a4)
        lw s1,4(a4)
        lw s2,8(a4)
        lw s3,12(a4)
        add a5,a5,a0
        addi a4,a4,16
    4:  // Four taps, whose weights lie in the order 0, 2, 1, 3.
        ",
        tap_of_one!("0", "0", "4", "8", "12"),
        tap_of_one!("2", "2", "6", "10", "14"),
        tap_of_one!("4", "1", "5", "9", "13"),
        tap_of_one!("6", "3", "7", "11", "15"),
        "addi a0,a0,8
        addi a4,a4,16
        bne a0,a5,4b

        mv a0,s4
        lw a5,44(sp)
        addi s4,s4,2
        ",
        finish_one!("0", "4", "0", "s0"),
        "beq s4,s6,5f
        addi s4,s4,2
        ",
        finish_one!("8", "12", "2", "s1"),
        "beq s4,s6,5f
        addi s4,s4,2
        ",
        finish_one!("16", "20", "4", "s2"),
        "beq s4,s6,5f
        addi s4,s4,2
        ",
        finish_one!("24", "28", "6", "s3"),
        "addi a4,a4,32
        bne s4,s6,3b

    5:  // The next window.
        lw t0,24(sp)
        addi t0,t0,-1
        beqz t0,6f
        sw t0,24(sp)
        lw t0,8(sp)
        lw t1,0(sp)
        add t1,t1,t0
        sw t1,0(sp)
        sw s6,12(sp)
        j 2b
    6:
        ",
        leave!(),
        "13: // Without an activation.
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
