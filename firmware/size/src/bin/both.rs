//! Samples into packets, and packets into samples.
#![no_std]
#![no_main]

use firmware_board::entry;
use firmware_size::{MODEL, OPTIONS, decode, encode};
use static_cell::ConstStaticCell;
use vq_core::{Memory, Model};

static ENCODER: ConstStaticCell<Memory<{ vq_core::encoder_memory(MODEL, OPTIONS) }>> =
    ConstStaticCell::new(Memory::new());
static DECODER: ConstStaticCell<Memory<{ vq_core::decoder_memory(MODEL) }>> = ConstStaticCell::new(Memory::new());

#[entry]
fn main() -> ! {
    firmware_size::run(|| {
        let model = Model::parse(firmware_size::model()).ok()?;
        encode(model, ENCODER.try_take()?.bytes())?;
        decode(model, DECODER.try_take()?.bytes())
    })
}
