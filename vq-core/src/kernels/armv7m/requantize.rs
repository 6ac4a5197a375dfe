//! What becomes of one accumulator, in registers: the last steps of every kernel, and their one place for activations.

/// The scaled accumulator in `r11` shifted right by `r2` and saturated, to `$a`.
macro_rules! linear {
    ($a:literal) => {
        concat!("asr r11,r11,r2\nssat ", $a, ",#16,r11\n")
    };
}

/// The same with ReLU: saturating to 0..=32767 is both at once.
macro_rules! relu {
    ($a:literal) => {
        concat!("asr r11,r11,r2\nusat ", $a, ",#15,r11\n")
    };
}

/// The same with leaky ReLU. Saturation keeps the sign, so the flags of the shift before it still tell it.
macro_rules! leaky_relu {
    ($a:literal) => {
        concat!("asrs r11,r11,r2\nssat ", $a, ",#16,r11\nit mi\nasrmi ", $a, ",", $a, ",#3\n")
    };
}

/// Accumulator `$a` becomes the output: `r0` holds `m << 16`, so that the product's high word is `acc · m >> 16`, `r2` the
/// shift and `r3` the rounding term. `r10` and `r11` are lost.
macro_rules! requantize {
    ($saturate:ident, $a:literal) => {
        concat!("smull r10,r11,", $a, ",r0\nadd r11,r11,r3\n", $saturate!($a))
    };
}

pub(super) use {leaky_relu, linear, relu, requantize};
