//! What the examples on the emulated board need besides the codec: the host's files and terminal, an instruction
//! counter, the stack's high-water mark, and what happens on a fault.
#![no_std]

pub mod clock;
pub mod console;
pub mod fault;
pub mod file;
pub mod samples;
pub mod stack;
