//! What becomes of one accumulator, in registers: the last steps of every kernel, and their one place for activations.

/// The scaled accumulator in `r11` shifted right by `$s` and saturated, to `$a`.
macro_rules! linear {
    ($a:literal, $s:literal) => {
        concat!("asr r11,r11,", $s, "\nssat ", $a, ",#16,r11\n")
    };
}

/// The same with ReLU: saturating to 0..=32767 is both at once.
macro_rules! relu {
    ($a:literal, $s:literal) => {
        concat!("asr r11,r11,", $s, "\nusat ", $a, ",#15,r11\n")
    };
}

/// The same with leaky ReLU. Saturation keeps the sign, so the flags of the shift before it still tell it.
macro_rules! leaky_relu {
    ($a:literal, $s:literal) => {
        concat!("asrs r11,r11,", $s, "\nssat ", $a, ",#16,r11\nit mi\nasrmi ", $a, ",", $a, ",#3\n")
    };
}

/// Accumulator `$a` becomes the output: `r0` holds `m << 16`, so that the product's high word is `acc · m >> 16`, `$s` the
/// shift in its low byte and `$r` the rounding term. `$low`, which may be `r0`, and `r11` are lost.
macro_rules! requantize {
    ($saturate:ident, $a:literal, $s:literal, $r:literal, $low:literal) => {
        concat!("smull ", $low, ",r11,", $a, ",r0\nadd r11,r11,", $r, "\n", $saturate!($a, $s))
    };
}

pub(super) use {leaky_relu, linear, relu, requantize};
