//! What becomes of one accumulator, in registers: the last steps of every kernel, and their one place for activations.

/// What every kernel starts with: on Armv8-M the assembler takes DSP instructions only when told which core it is for, because
/// the compiler's target has none and `-C target-cpu` does not reach naked functions.
#[cfg(optional_dsp)]
macro_rules! allow_dsp {
    () => {
        ".cpu cortex-m33\n"
    };
}
/// Armv7E-M always has them.
#[cfg(not(optional_dsp))]
macro_rules! allow_dsp {
    () => {
        ""
    };
}

/// `$a` shifted right by `$s` and saturated.
macro_rules! linear {
    ($a:literal, $s:literal) => {
        concat!("asr ", $a, ",", $a, ",", $s, "\nssat ", $a, ",#16,", $a, "\n")
    };
}

/// Leaky ReLU of the two elements of `$pair`: negative ones are halved three times, rounding down. `$zero` is 0; `$shifted` is lost.
///
/// ReLU of two elements is `usat16`: saturating to 0..=32767 is both at once.
macro_rules! leaky_pair {
    ($pair:literal, $zero:literal, $shifted:literal) => {
        concat!(
            "ssub16 ",
            $shifted,
            ",",
            $pair,
            ",",
            $zero,
            "\nshadd16 ",
            $shifted,
            ",",
            $pair,
            ",",
            $zero,
            "\nshadd16 ",
            $shifted,
            ",",
            $shifted,
            ",",
            $zero,
            "\nshadd16 ",
            $shifted,
            ",",
            $shifted,
            ",",
            $zero,
            "\nsel ",
            $pair,
            ",",
            $pair,
            ",",
            $shifted,
            "\n"
        )
    };
}

/// Accumulator `$a` becomes the output: `$m` holds `m << 16 | (s − 16)` and `$r` the rounding term, as
/// [`requantize`](super::super::portable::requantize) defines them; `$saturate` is one of the above.
macro_rules! requantize {
    ($saturate:ident, $a:literal, $m:literal, $r:literal) => {
        concat!("smlawt ", $a, ",", $a, ",", $m, ",", $r, "\n", $saturate!($a, $m))
    };
}

pub(super) use {allow_dsp, leaky_pair, linear, requantize};
