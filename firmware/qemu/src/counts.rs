//! What a program counted, as the host reads it.

use firmware_board::clock::Clock;
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

/// Ticks of many small pieces of work.
#[derive(Debug, Default)]
pub struct Turns {
    /// Of all of them.
    pub total: u64,
    /// Of the longest.
    pub worst: u64,
}

impl Turns {
    /// Does a piece of work and counts it.
    pub fn take<R>(&mut self, clock: &Clock, work: impl FnOnce() -> R) -> R {
        let mut ticks = 0;
        let result = clock.measure(&mut ticks, work);
        self.total += ticks;
        self.worst = self.worst.max(ticks);
        result
    }
}

/// Prints what bounds a main loop: the ticks to feed all frames, and the longest polls.
pub fn print_turns(feeding: u64, encoder: &Turns, decoder: &Turns) {
    console::number("feed_ticks", feeding);
    console::number("worst_encoder_poll_ticks", encoder.worst);
    console::number("worst_decoder_poll_ticks", decoder.worst);
}
