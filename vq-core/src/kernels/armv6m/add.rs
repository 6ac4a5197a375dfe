//! The sum of two lines, an element at a time.

use core::arch::naked_asm;

use super::finish::{beyond, saturate};

/// `length` bytes of sums in place of `b`, not 0: `round` is half of `2^shift`.
macro_rules! add {
    ($(#[$doc:meta])* $name:ident, $activation:ident) => {
        $(#[$doc])*
        ///
        /// # Safety
        /// `length` bytes must be valid to read from `a` and `b` and to write to `b`.
        #[unsafe(naked)]
        pub(super) unsafe extern "C" fn $name(
            a: *const i16,
            b: *mut i16,
            multiplier: i32,
            other_multiplier: i32,
            length: usize,
            shift: u32,
            round: i32,
        ) {
            naked_asm!(concat!(
                "push {{r4-r7,lr}}
                mov r4,r8
                push {{r4}}
                ldr r4,[sp,#24]
                mov lr,r4
                ldr r7,[sp,#28]
                ldr r4,[sp,#32]
                mov r8,r4
                movs r5,#0
            2:
                ldrsh r4,[r0,r5]
                ldrsh r6,[r1,r5]
                muls r4,r2,r4
                muls r6,r3,r6
                adds r4,r4,r6
                add r4,r8
                asrs r4,r7
                ",
                saturate!($activation, "31", "41"),
                "strh r4,[r1,r5]
                adds r5,#2
                cmp r5,lr
                bne 2b
                pop {{r4}}
                mov r8,r4
                pop {{r4-r7,pc}}
                ",
                beyond!("31", "41"),
            ))
        }
    };
}

add! {
    /// Without an activation.
    add_linear, linear
}
add! {
    /// With ReLU.
    add_relu, relu
}
add! {
    /// With leaky ReLU.
    add_leaky_relu, leaky_relu
}
