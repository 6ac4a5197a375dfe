//! What a program counted, as the host reads it.

use firmware_board::{clock, console, stack};
use vq_core::kernels::FORM;

/// Frames, and the ticks that they took.
#[derive(Debug, Default)]
pub struct Counts {
    /// Frames that went in or came out: one sample of every channel each.
    pub frames: u64,
    /// Ticks of the board's clock in the encoder.
    pub encoding: u64,
    /// Ticks of the board's clock in the decoder.
    pub decoding: u64,
}

impl Counts {
    /// Prints them, with the kernels that this image carries, the clock's rate and the most stack in use.
    pub fn print(&self) {
        console::text("form", FORM);
        console::number("frames", self.frames);
        console::number("clock_hertz", u64::from(clock::CLOCK_HERTZ));
        console::number("encode_ticks", self.encoding);
        console::number("decode_ticks", self.decoding);
        console::number("stack_bytes", stack::high_water_bytes() as u64);
    }
}
