//! The sum of two lines, two elements at a time: the dual multiply-accumulate weighs and rounds in one instruction.

use core::arch::naked_asm;

use super::requantize::{allow_dsp, leaky_relu, linear, relu};

/// `pairs` · 2 sums in place of `b`, not 0: `multipliers` holds that of `a` in its low half and that of `b` in its high one.
macro_rules! add {
    ($(#[$doc:meta])* $name:ident, $saturate:ident) => {
        $(#[$doc])*
        ///
        /// # Safety
        /// `pairs` · 2 elements must be valid to read from `a` and `b` and to write to `b`.
        #[unsafe(naked)]
        pub(super) unsafe extern "C" fn $name(
            a: *const i16,
            b: *mut i16,
            pairs: usize,
            multipliers: u32,
            shift: u32,
        ) {
            naked_asm!(
                concat!(
                    allow_dsp!(),
                    "push {{r4-r8,lr}}
                    mov r4,r3
                    ldr r5,[sp,#24]
                    mov r6,#1
                    lsl r6,r6,r5
                    lsr r6,r6,#1
                2:
                    ldr r7,[r0],#4
                    ldr r8,[r1]
                    pkhbt r12,r7,r8,lsl #16
                    pkhtb r8,r8,r7,asr #16
                    smlad r7,r12,r4,r6
                    smlad r8,r8,r4,r6
                    ",
                    $saturate!("r7", "r5"),
                    $saturate!("r8", "r5"),
                    "pkhbt r7,r7,r8,lsl #16
                    str r7,[r1],#4
                    subs r2,r2,#1
                    bne 2b
                    pop {{r4-r8,pc}}"
                )
            )
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
