//! A sensor's samples into packets: the whole of what a device does that only sends.
//!
//! Files of the host stand for the sensor (samples.bin) and the radio (device-packets.bin).
#![no_std]
#![no_main]

use firmware_board::clock::Clock;
use firmware_board::{entry, stack};
use firmware_qemu::counts::Counts;
use firmware_qemu::failure::{self, Failure};
use firmware_qemu::samples::{BlockWriter, SampleReader};
use static_cell::ConstStaticCell;
use vq_core::{Aligned, Encoder, Memory, Model, Options};

const MODEL: &Aligned<[u8]> = vq_core::include_model!(env!("VQ_MODEL"));
const OPTIONS: Options = Options::new().packet_bytes(244);

static MEMORY: ConstStaticCell<Memory<{ vq_core::encoder_memory(MODEL, OPTIONS) }>> =
    ConstStaticCell::new(Memory::new());

#[entry]
fn main() -> ! {
    stack::paint();
    failure::exit(run())
}

fn run() -> Result<(), Failure> {
    let clock = Clock::start().ok_or("the counter is taken")?;
    let memory = MEMORY.try_take().ok_or("the memory is taken")?.bytes();
    let model = Model::parse(&MODEL.0)?;
    let mut sensor = SampleReader::open(c"samples.bin")?;
    let mut radio = BlockWriter::create(c"device-packets.bin")?;
    let mut encoder = Encoder::new(model, memory, OPTIONS)?;
    let mut counts = Counts::default();
    let mut frame = [0; vq_core::channels(MODEL)];
    while sensor.next(&mut frame)? {
        counts.frames += 1;
        if let Some(packet) = clock.measure(&mut counts.encoding, || encoder.push(&frame))? {
            radio.packet(packet)?;
        }
    }
    while let Some(packet) = clock.measure(&mut counts.encoding, || encoder.finish()) {
        radio.packet(packet)?;
    }
    radio.finish()?;
    counts.print();
    Ok(())
}
