//! What becomes of one accumulator, in `r4`: the steps that every kernel ends with, and their one place for activations.

/// The sum in `r4` times the multiplier in `r5`, without the product's low 16 bits. The sum's halves are multiplied apart, as the
/// product has 47 bits; the multiplier has 15, so the low one fits a word. `r6` is lost.
macro_rules! scale {
    () => {
        "uxth r6,r4
        asrs r4,r4,#16
        muls r4,r5,r4
        muls r6,r5,r6
        lsrs r6,r6,#16
        adds r4,r4,r6
        "
    };
}

/// Saturates `r4` to 16 bits and activates it; `r6` is lost. What is beyond the range goes to [`beyond!`] at `$beyond` and comes back to
/// `$back`.
macro_rules! saturate {
    (linear, $back:literal, $beyond:literal) => {
        concat!("sxth r6,r4\ncmp r6,r4\nbne ", $beyond, "f\n", $back, ":\n")
    };
    (relu, $back:literal, $beyond:literal) => {
        concat!("asrs r6,r4,#31\nbics r4,r6\nlsrs r6,r4,#15\nbne ", $beyond, "f\n", $back, ":\n")
    };
    (leaky_relu, $back:literal, $beyond:literal) => {
        concat!(saturate!(linear, $back, $beyond), "cmp r4,#0\nbge 29f\nasrs r4,r4,#3\n29:\n")
    };
}

/// The greatest or the least number of 16 bits, by the sign of `r4`.
macro_rules! beyond {
    ($back:literal, $beyond:literal) => {
        concat!(
            $beyond,
            ":
            asrs r4,r4,#31
            movs r6,#1
            lsls r6,r6,#15
            subs r6,#1
            eors r4,r6
            b ",
            $back,
            "b
            "
        )
    };
}

pub(super) use {beyond, saturate, scale};
