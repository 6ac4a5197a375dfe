//! What every kernel has: what it asks of the assembler, and its last steps as subroutines, saturation and activation.

/// What every kernel starts with: with link-time optimisation the assembler knows nothing of the target's extensions.
#[cfg(compressed)]
macro_rules! extensions {
    () => {
        ".option push\n.option arch,+m,+c\n"
    };
}
/// The same without compressed instructions.
#[cfg(not(compressed))]
macro_rules! extensions {
    () => {
        ".option push\n.option arch,+m\n"
    };
}

/// What every kernel ends with.
macro_rules! end_of_extensions {
    () => {
        ".option pop\n"
    };
}

/// A subroutine: saturates `t2` to 16 bits; `t1` is lost.
macro_rules! linear {
    () => {
        "slli t1,t2,16
        srai t1,t1,16
        beq t1,t2,30f
        srai t2,t2,31
        li t1,0x7fff
        xor t2,t2,t1
        30: ret
        "
    };
}

/// A subroutine: saturates `t2` to 0..=32767, which is ReLU too; `t1` is lost.
macro_rules! relu {
    () => {
        "srli t1,t2,15
        beqz t1,30f
        not t2,t2
        srai t2,t2,31
        srli t2,t2,17
        30: ret
        "
    };
}

/// A subroutine: saturates `t2` to 16 bits, negative values shifted; `t1` is lost.
macro_rules! leaky_relu {
    () => {
        "slli t1,t2,16
        srai t1,t1,16
        beq t1,t2,30f
        srai t2,t2,31
        li t1,0x7fff
        xor t2,t2,t1
        30: bgez t2,31f
        srai t2,t2,3
        31: ret
        "
    };
}

pub(super) use {end_of_extensions, extensions, leaky_relu, linear, relu};
