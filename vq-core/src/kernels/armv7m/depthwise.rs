//! Depthwise convolution. Columns walk down the rows with their weights in registers; other shapes are taken by four channels
//! of a row.

use core::arch::naked_asm;

use super::super::checked::ColumnTiles;

/// `$a` saturated.
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

/// Accumulator `$a` becomes the output: the high word of its product with `$m`, rounded by the low word's highest bit, saturated.
/// `$low` is lost.
macro_rules! requantize {
    ($saturate:ident, $a:literal, $m:literal, $low:literal) => {
        concat!(
            "smull ",
            $low,
            ",",
            $a,
            ",",
            $a,
            ",",
            $m,
            "\nlsls ",
            $low,
            ",",
            $low,
            ",#1\nadc ",
            $a,
            ",",
            $a,
            ",#0\n",
            $saturate!($a)
        )
    };
}

/// A window's first row: sums go on from the bias in `r6`.
macro_rules! first_row {
    () => {
        "ldrsh r3,[r0]\nmla r4,r3,r8,r6\n"
    };
}

/// The second row, which is the second window's first.
macro_rules! second_row {
    () => {
        "ldrsh r3,[r0,r1]\nmla r4,r3,r9,r4\nmla r5,r3,r8,r6\n"
    };
}

/// A row at `$place` that both windows see, with the weight of either.
macro_rules! row {
    ($place:literal, $first:literal, $second:literal) => {
        concat!("ldrsh r3,", $place, "\nmla r4,r3,", $first, ",r4\nmla r5,r3,", $second, ",r5\n")
    };
}

/// Two windows of three rows. `r0` moves on by one row.
macro_rules! three_rows {
    () => {
        concat!(
            first_row!(),
            second_row!(),
            row!("[r0,r1,lsl #1]", "r10", "r9"),
            "add r0,r0,r1
            ldrsh r3,[r0,r1,lsl #1]
            mla r5,r3,r10,r5
            "
        )
    };
}

/// Two windows of five rows: 10 multiply-accumulates in 17 instructions. `r0` moves on by one row.
macro_rules! five_rows {
    () => {
        concat!(
            first_row!(),
            second_row!(),
            row!("[r0,r1,lsl #1]", "r10", "r9"),
            "ldrsh r3,[r0,r1,lsl #2]
            mla r4,r3,r12,r4
            mla r5,r3,r11,r5
            add r0,r0,r1
            ",
            row!("[r0,r1,lsl #1]", "r11", "r10"),
            "ldrsh r3,[r0,r1,lsl #2]
            mla r5,r3,r12,r5
            "
        )
    };
}

/// Requantizes two windows of a channel and stores them; then the next windows, or the next column. `r0` moves on by one row.
macro_rules! finish {
    ($saturate:ident) => {
        concat!(
            requantize!($saturate, "r4", "r7", "r3"),
            requantize!($saturate, "r5", "r7", "r3"),
            "strh r4,[r0,r2]
            add r0,r0,r1
            strh r5,[r0,r2]
            cmp r0,lr
            bne 3b
            b 7f
            "
        )
    };
}

/// Depthwise convolution of pairs of windows of `$kernel` rows that move by one row.
///
/// The frame: 0 finish for the activation, 4 column, 8 rows of all pairs, 12 columns left, 16 block, 20 lane.
macro_rules! columns {
    ($(#[$doc:meta])* $name:ident, $kernel:literal, $rows:ident, $load:expr) => {
        $(#[$doc])*
        ///
        /// # Safety
        /// The windows, the stream for all columns and the rows must be valid to read, read and write.
        #[unsafe(naked)]
        pub(super) unsafe extern "C" fn $name(columns: *const ColumnTiles) {
            naked_asm!(concat!(
                "push {{r4-r11,lr}}
                sub sp,#28
                ldm r0,{{r0,r1,r2,r3,r4,r5,r6}}
                mul r5,r5,r3
                sub r2,r2,r0
                sub r2,r2,r3
                strd r0,r5,[sp,#4]
                strd r4,r1,[sp,#12]
                mov r1,r3
                mov r3,#0
                str r3,[sp,#20]
                adr.w r7,5f+1
                cmp r6,#1
                beq 1f
                ite lo
                adrlo.w r7,4f+1
                adrhs.w r7,6f+1
            1:
                str r7,[sp]

            2:  // A column: its bias, multiplier and weights, which lie in the order 0, 2, 1, 3 of the lanes.
                ldrd r0,lr,[sp,#4]
                ldrd r4,r5,[sp,#16]
                add lr,lr,r0
                ldr r6,[r4,r5,lsl #2]
                add r3,r4,r5,lsl #3
                ldr r7,[r3,#16+4*", $kernel, "+4]
                ubfx r3,r5,#1,#1
                add r4,r4,r3
                ubfx r3,r5,#0,#1
                add r4,r4,r3,lsl #1
                ",
                $load,
                "
            3:  // A tile: two windows.
                ",
                $rows!(),
                "ldr pc,[sp]
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
                ldr r3,[sp,#12]
                subs r3,r3,#1
                beq 8f
                str r3,[sp,#12]
                ldr r0,[sp,#4]
                add r0,r0,#2
                str r0,[sp,#4]
                ldrd r4,r5,[sp,#16]
                adds r5,r5,#1
                ands r5,r5,#3
                str r5,[sp,#20]
                bne 2b
                add r4,r4,#16+4*", $kernel, "+32
                str r4,[sp,#16]
                b 2b
            8:
                add sp,#28
                pop {{r4-r11,pc}}"
            ))
        }
    };
}

/// The weights of a lane, one in every word.
macro_rules! load {
    ($($w:literal $place:literal),*) => {
        concat!($("ldrsb ", $w, ",[r4,#", $place, "]\n"),*)
    };
}

columns! {
    /// For windows of three rows.
    columns_of_three, "3", three_rows, load!("r8" "16", "r9" "20", "r10" "24")
}
columns! {
    /// For windows of five rows.
    columns_of_five, "5", five_rows, load!("r8" "16", "r9" "20", "r10" "24", "r11" "28", "r12" "32")
}

/// One channel of a row of the window.
macro_rules! channel {
    ($x:literal, $w:literal, $a:literal) => {
        concat!("ldrsh r2,", $x, "\nldrsb r3,", $w, "\nmla ", $a, ",r2,r3,", $a, "\n")
    };
}

/// Requantizes a block and stores it; then the next block, or the end.
macro_rules! finish_row {
    ($saturate:ident) => {
        concat!(
            "ldm lr!,{{r0,r1,r2,r3}}
            ",
            requantize!($saturate, "r4", "r1", "r0"),
            requantize!($saturate, "r5", "r3", "r0"),
            "ldm lr!,{{r0,r1,r2,r3}}
            ",
            requantize!($saturate, "r6", "r1", "r0"),
            requantize!($saturate, "r7", "r3", "r0"),
            "strh r4,[r12],#2
            strh r5,[r12],#2
            cmp r12,r10
            bhi 7f
            strh r6,[r12],#2
            strh r7,[r12],#2
            bne 2b
            b 7f
            "
        )
    };
}

/// Depthwise convolution of one window of `kernel` rows of `row` bytes, a multiple of 4, to one row.
///
/// The frame: 0 window, 4 length of a block's weights, 8 finish for the activation.
///
/// # Safety
/// The window, up to 4 bytes behind its last row, the stream for all channels, word aligned, and the row must be valid to read,
/// read and write; neither size may be 0.
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
        "push {{r4-r11,lr}}
            ldrd r11,r5,[sp,#36]
            mov lr,r1
            mov r12,r2
            add r10,r2,r11
            sub r10,r10,#4
            lsl r3,r3,#2
            adr.w r7,5f+1
            cmp r5,#1
            beq 9f
            ite lo
            adrlo.w r7,4f+1
            adrhs.w r7,6f+1
        9:
            push {{r0,r3,r7}}

        2:  // A block: one window, four channels.
            ldm lr!,{{r4-r7}}
            ldrd r0,r1,[sp]
            add r2,r0,#8
            str r2,[sp]
            add r1,r1,lr
        3:  // A row of the window.
            ",
        channel!("[r0,#6]", "[lr,#3]", "r7"),
        channel!("[r0,#4]", "[lr,#1]", "r6"),
        channel!("[r0,#2]", "[lr,#2]", "r5"),
        channel!("[r0]", "[lr],#4", "r4"),
        "add r0,r0,r11
            cmp lr,r1
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
        "7:
            add sp,#12
            pop {{r4-r11,pc}}"
    ))
}
