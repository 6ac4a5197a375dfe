//! Packets into samples, of a model that is checked when the device starts.
#![no_std]
#![no_main]

use firmware_board::entry;
use firmware_size::{MODEL, decode};
use static_cell::ConstStaticCell;
use vq_core::{Memory, Model};

static MEMORY: ConstStaticCell<Memory<{ vq_core::decoder_memory(MODEL) }>> = ConstStaticCell::new(Memory::new());

#[entry]
fn main() -> ! {
    firmware_size::run(|| {
        let model = Model::parse(firmware_size::model()).ok()?;
        decode(model, MEMORY.try_take()?.bytes())
    })
}
