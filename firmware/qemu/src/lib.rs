//! What the programs share besides the board: samples and packets in the host's files, why a program failed, and what it
//! counted.
#![no_std]

pub mod counts;
pub mod failure;
pub mod samples;
