//! What the two programs on the emulated core share besides the board: random numbers, and what they are compared on.
#![no_std]

pub mod flash;
pub mod random;
pub mod stream;
