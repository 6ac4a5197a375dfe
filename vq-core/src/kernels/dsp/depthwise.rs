//! Depthwise convolution: a 16 × 16 bit multiply-accumulate for each of the two channels of a word. Columns of two channels walk
//! down the rows with their weights in registers; other shapes are taken by four channels of a row.

use core::arch::naked_asm;

use super::super::checked::ColumnTiles;
use super::requantize::allow_dsp;

/// `$a` saturated: the product's high word was rounded when it was made.
macro_rules! linear {
    ($a:literal) => {
        concat!("ssat ", $a, ",#16,", $a, "\n")
    };
}

/// The same with ReLU: saturating to 0..=32767 is both at once.
macro_rules! relu {
    ($a:literal) => {
        concat!("usat ", $a, ",#15,", $a, "\n")
    };
}

/// The same with leaky ReLU.
macro_rules! leaky_relu {
    ($a:literal) => {
        concat!("ssat ", $a, ",#16,", $a, "\ncmp ", $a, ",#0\nit mi\nasrmi ", $a, ",", $a, ",#3\n")
    };
}

/// The row in `r3` times the weights `$w`, for the window whose accumulators `$a` and `$b` go on from `$from_a` and `$from_b`.
macro_rules! two_channels {
    ($a:literal, $b:literal, $w:literal, $from_a:literal, $from_b:literal) => {
        concat!("smlabb ", $a, ",r3,", $w, ",", $from_a, "\nsmlatt ", $b, ",r3,", $w, ",", $from_b, "\n")
    };
    (first, $w:literal) => {
        two_channels!("r4", "r5", $w, "r4", "r5")
    };
    (second, $w:literal) => {
        two_channels!("r6", "r7", $w, "r6", "r7")
    };
}

/// A window's first row: the second window's accumulators hold the biases.
macro_rules! first_row {
    () => {
        concat!("ldrd r6,r7,[sp]\nldr r3,[r0]\n", two_channels!("r4", "r5", "r8", "r6", "r7"))
    };
}

/// A row at `$place` that both windows see, with the weights of either.
macro_rules! row {
    ($place:literal, $first:literal, $second:literal) => {
        concat!("ldr r3,", $place, "\n", two_channels!(first, $first), two_channels!(second, $second))
    };
}

/// Two windows of three rows. `r0` moves on by one row.
macro_rules! three_rows {
    () => {
        concat!(
            first_row!(),
            row!("[r0,r1]", "r9", "r8"),
            row!("[r0,r1,lsl #1]", "r10", "r9"),
            "add r0,r0,r1\nldr r3,[r0,r1,lsl #1]\n",
            two_channels!(second, "r10"),
        )
    };
}

/// Two windows of five rows: 20 multiply-accumulates in 28 instructions. `r0` moves on by one row.
macro_rules! five_rows {
    () => {
        concat!(
            first_row!(),
            row!("[r0,r1]", "r9", "r8"),
            row!("[r0,r1,lsl #1]", "r10", "r9"),
            row!("[r0,r1,lsl #2]", "r12", "r11"),
            "add r0,r0,r1\n",
            row!("[r0,r1,lsl #1]", "r11", "r10"),
            "ldr r3,[r0,r1,lsl #2]\n",
            two_channels!(second, "r12"),
        )
    };
}

/// Requantizes two channels of two windows and stores them; then the next windows, or the next column. `r0` moves on by one row.
macro_rules! finish {
    ($saturate:ident) => {
        concat!(
            "ldrd r3,lr,[sp,#8]
            smmulr r4,r4,r3
            smmulr r5,r5,lr
            smmulr r6,r6,r3
            smmulr r7,r7,lr
            ",
            $saturate!("r4"),
            $saturate!("r5"),
            $saturate!("r6"),
            $saturate!("r7"),
            "pkhbt r4,r4,r5,lsl #16
            pkhbt r6,r6,r7,lsl #16
            str r4,[r0,r2]
            add r0,r0,r1
            ldr lr,[sp,#16]
            str r6,[r0,r2]
            cmp r0,lr
            bne 3b
            b 7f
            "
        )
    };
}

/// Depthwise convolution of pairs of windows of `$kernel` rows that move by one row.
///
/// The frame: 0 biases, 8 multipliers, 16 end of the column, 20 finish for the activation, 24 column, 28 rows of all pairs,
/// 32 columns left, 36 block, 40 rotation of its words.
macro_rules! columns {
    ($(#[$doc:meta])* $name:ident, $kernel:literal, $weights:literal, $rows:ident, $unpack:expr) => {
        $(#[$doc])*
        ///
        /// # Safety
        /// The windows, the stream for all columns and the rows must be valid to read, read and write.
        #[unsafe(naked)]
        pub(super) unsafe extern "C" fn $name(columns: *const ColumnTiles) {
            naked_asm!(concat!(
                allow_dsp!(),
                "push {{r4-r11,lr}}
                sub sp,#44
                ldm r0,{{r0,r1,r2,r3,r4,r5,r6}}
                mul r5,r5,r3
                sub r2,r2,r0
                sub r2,r2,r3
                strd r0,r5,[sp,#24]
                strd r4,r1,[sp,#32]
                mov r1,r3
                mov r3,#0
                str r3,[sp,#40]
                adr.w r7,5f+1
                cmp r6,#1
                beq 1f
                ite lo
                adrlo.w r7,4f+1
                adrhs.w r7,6f+1
            1:
                str r7,[sp,#20]

            2:  // A column of two channels: its biases, multipliers and weights.
                ldrd r0,r7,[sp,#24]
                ldrd r4,r5,[sp,#36]
                add r7,r7,r0
                str r7,[sp,#16]
                add r3,r4,r5
                ldrd r6,r7,[r3]
                strd r6,r7,[sp]
                add r3,r4,r5,lsl #1
                ldr r6,[r3,#16+4*", $kernel, "+4]
                ldr r7,[r3,#16+4*", $kernel, "+12]
                strd r6,r7,[sp,#8]
                add r4,r4,#16
                ldm r4,", $weights, "
                ",
                $unpack,
                "
            3:  // A tile: two windows, two channels.
                ",
                $rows!(),
                "ldr pc,[sp,#20]
            4:
                ",
                finish!(linear),
                "5:
                ",
                finish!(relu),
                "6:
                ",
                finish!(leaky_relu),
                "7:
                ldrd r3,r4,[sp,#32]
                subs r3,r3,#1
                beq 8f
                str r3,[sp,#32]
                ldr r0,[sp,#24]
                add r0,r0,#4
                str r0,[sp,#24]
                ldr r5,[sp,#40]
                eors r5,r5,#8
                str r5,[sp,#40]
                bne 2b
                add r4,r4,#16+4*", $kernel, "+32
                str r4,[sp,#36]
                b 2b
            8:
                add sp,#44
                pop {{r4-r11,pc}}"
            ))
        }
    };
}

/// Weights of two channels out of a word that holds those of four.
macro_rules! unpack {
    ($($w:literal),*) => {
        concat!($("ror ", $w, ",", $w, ",r5\nsxtb16 ", $w, ",", $w, "\n"),*)
    };
}

columns! {
    /// For windows of three rows.
    columns_of_three, "3", "{{r8-r10}}", three_rows, unpack!("r8", "r9", "r10")
}
columns! {
    /// For windows of five rows.
    columns_of_five, "5", "{{r8-r12}}", five_rows, unpack!("r8", "r9", "r10", "r11", "r12")
}

/// A row of the window: four multiply-accumulates in nine instructions of 4 bytes.
macro_rules! four_channels {
    () => {
        "ldrd r2,r3,[r0]
        ldr r8,[lr],#4
        add.w r0,r0,r11
        sxtb16 r9,r8
        sxtb16 r8,r8,ror #8
        smlabb r4,r2,r9,r4
        smlatt r5,r2,r9,r5
        smlabb r6,r3,r8,r6
        smlatt r7,r3,r8,r7
        "
    };
}

/// Requantizes a block and stores it; then the next block, or the end.
macro_rules! finish_row {
    ($saturate:ident) => {
        concat!(
            "ldm lr!,{{r0,r1,r2,r3}}
            smmulr r4,r4,r1
            smmulr r5,r5,r3
            ldm lr!,{{r0,r1,r2,r3}}
            smmulr r6,r6,r1
            smmulr r7,r7,r3
            ",
            $saturate!("r4"),
            $saturate!("r5"),
            $saturate!("r6"),
            $saturate!("r7"),
            "pkhbt r4,r4,r5,lsl #16
            pkhbt r6,r6,r7,lsl #16
            cmp r12,r10
            bhi 7f
            strd r4,r6,[r12],#8
            bne 2b
            add sp,#16
            pop {{r4-r11,pc}}
            "
        )
    };
}

/// Depthwise convolution of one window of `kernel` rows of `row` bytes, a multiple of 4, to one row.
///
/// The frame: 0 window, 4 length of a block's weights, 8 finish for the activation, 12 entry into the loop for an odd number of rows.
///
/// # Safety
/// The window, up to 4 bytes behind its last row, the stream for all channels, and the row must be valid to read, read and write, all
/// word aligned; neither size may be 0.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn one_window(
    input: *const i16,
    stream: *const u8,
    output: *mut i16,
    kernel: usize,
    row: usize,
    activation: usize,
) {
    naked_asm!(concat!(
        allow_dsp!(),
        "push {{r4-r11,lr}}
            ldrd r11,r5,[sp,#36]
            mov lr,r1
            mov r12,r2
            add r10,r2,r11
            sub r10,r10,#8
            and r6,r3,#1
            lsl r3,r3,#2
            adr.w r8,3f+1
            mov r7,#36
            mla r8,r6,r7,r8
            adr.w r7,5f+1
            cmp r5,#1
            beq 9f
            ite lo
            adrlo.w r7,4f+1
            adrhs.w r7,6f+1
        9:
            push {{r0,r3,r7,r8}}

        2:  // A block: one window, four channels.
            ldm lr!,{{r4-r7}}
            ldrd r0,r1,[sp]
            add r2,r0,#8
            str r2,[sp]
            add r1,r1,lr
            ldr pc,[sp,#12]
        3:
            ",
        four_channels!(),
        four_channels!(),
        "cmp lr,r1
            bne 3b
            ldr pc,[sp,#8]
        4:
            ",
        finish_row!(linear),
        "5:
            ",
        finish_row!(relu),
        "6:
            ",
        finish_row!(leaky_relu),
        "7:  // The last block has two channels.
            str r4,[r12]
            add sp,#16
            pop {{r4-r11,pc}}"
    ))
}
