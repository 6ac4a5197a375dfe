//! Packets into samples: the whole of what a device does that only receives.
//!
//! Files of the host stand for the radio (packets.bin) and the screen (device-decoded.bin).
#![no_std]
#![no_main]

use firmware_board::clock::Clock;
use firmware_board::{entry, stack};
use firmware_qemu::counts::Counts;
use firmware_qemu::failure::{self, Failure};
use firmware_qemu::samples::{BlockWriter, PacketReader};
use static_cell::ConstStaticCell;
use vq_core::{Aligned, Blocks, Decoder, Memory, Model};

const MODEL: &Aligned<[u8]> = vq_core::include_model!(env!("VQ_MODEL"));
/// The most bytes of a packet that is received.
const PACKET_BYTES: usize = 244;

static MEMORY: ConstStaticCell<Memory<{ vq_core::decoder_memory(MODEL) }>> = ConstStaticCell::new(Memory::new());

#[entry]
fn main() -> ! {
    stack::paint();
    failure::exit(run())
}

fn run() -> Result<(), Failure> {
    let clock = Clock::start().ok_or("the counter is taken")?;
    let memory = MEMORY.try_take().ok_or("the memory is taken")?.bytes();
    let model = Model::parse(&MODEL.0)?;
    let mut radio = PacketReader::<PACKET_BYTES>::open(c"packets.bin")?;
    let mut screen = BlockWriter::create(c"device-decoded.bin")?;
    let mut decoder = Decoder::new(model, memory)?;
    let mut counts = Counts::default();
    let mut show = |blocks: &mut Blocks, counts: &mut Counts| -> Result<(), Failure> {
        while let Some(block) = clock.measure(&mut counts.decoding, || blocks.next()) {
            counts.frames += (block.frames.len() / vq_core::channels(MODEL)) as u64;
            screen.samples(block.frames)?;
        }
        Ok(())
    };
    while let Some(packet) = radio.next_packet()? {
        show(&mut clock.measure(&mut counts.decoding, || decoder.packet(packet))?, &mut counts)?;
    }
    show(&mut decoder.finish(), &mut counts)?;
    screen.finish()?;
    counts.print();
    Ok(())
}
