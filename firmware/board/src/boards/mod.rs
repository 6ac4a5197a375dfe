//! What differs between the boards, besides the memory maps in `memory/`. `build.rs` chooses by the target, or by VQ_BOARD.

#[cfg_attr(any(board = "mps2-an385", board = "mps2-an386"), path = "mps2.rs")]
#[cfg_attr(board = "mps2-an505", path = "mps2_an505.rs")]
#[cfg_attr(board = "stm32vldiscovery", path = "stm32vldiscovery.rs")]
#[cfg_attr(board = "microbit", path = "microbit.rs")]
#[cfg_attr(board = "virt", path = "virt.rs")]
mod board;

pub use board::CLOCK_HERTZ;
