//! What the two programs on the emulated core share: random numbers, what they are compared on, an instruction counter, and
//! an end that the host sees.
#![no_std]

pub mod clock;
pub mod end;
pub mod random;
pub mod stream;
