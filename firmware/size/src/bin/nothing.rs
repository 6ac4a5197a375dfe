//! What an image has without the codec: a board's start, the model, its packets and what prints the stack.
#![no_std]
#![no_main]

use core::hint::black_box;

use firmware_board::entry;

#[entry]
fn main() -> ! {
    firmware_size::run(|| {
        black_box(firmware_size::model());
        firmware_size::packets().for_each(|packet| _ = black_box(packet));
        Some(())
    })
}
