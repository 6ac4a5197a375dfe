//! A sensor's samples through the codec and back: what a device on a patient does, and what the far end does.
//!
//! Files of the host stand for the sensor (samples.bin), the radio (device-packets.bin) and the far end's screen
//! (device-decoded.bin).
#![no_std]
#![no_main]

use firmware_board::clock::Clock;
use firmware_board::{entry, stack};
use firmware_qemu::counts::Counts;
use firmware_qemu::failure::{self, Failure};
use firmware_qemu::samples::{BlockWriter, SampleReader};
use static_cell::ConstStaticCell;
use vq_core::{Aligned, Blocks, Decoder, Encoder, Memory, Model, Options};

const MODEL: &Aligned<[u8]> = vq_core::include_model!(env!("VQ_MODEL"));
const OPTIONS: Options = Options::new().packet_bytes(244).mode(firmware_qemu::MODE);

static ENCODER: ConstStaticCell<Memory<{ vq_core::encoder_memory(MODEL, OPTIONS) }>> =
    ConstStaticCell::new(Memory::new());
static DECODER: ConstStaticCell<Memory<{ vq_core::decoder_memory(MODEL) }>> = ConstStaticCell::new(Memory::new());

#[entry]
fn main() -> ! {
    stack::paint();
    failure::exit(run())
}

fn run() -> Result<(), Failure> {
    let clock = Clock::start().ok_or("the counter is taken")?;
    let encoder_memory = ENCODER.try_take().ok_or("the memory is taken")?.bytes();
    let decoder_memory = DECODER.try_take().ok_or("the memory is taken")?.bytes();
    let model = Model::parse(&MODEL.0)?;
    vq_core::self_test_encoder(model, encoder_memory)?;
    vq_core::self_test_decoder(model, decoder_memory)?;

    let mut sensor = SampleReader::open(c"samples.bin")?;
    let mut radio = BlockWriter::create(c"device-packets.bin")?;
    let mut screen = BlockWriter::create(c"device-decoded.bin")?;
    let mut encoder = Encoder::new(model, encoder_memory, OPTIONS)?;
    let mut decoder = Decoder::new(model, decoder_memory)?;
    let mut counts = Counts::default();

    let mut show = |blocks: &mut Blocks, ticks: &mut u64| -> Result<(), Failure> {
        while let Some(block) = clock.measure(ticks, || blocks.next()) {
            screen.samples(block.frames)?;
        }
        Ok(())
    };
    let mut frame = [0; vq_core::channels(MODEL)];
    while sensor.next(&mut frame)? {
        counts.frames += 1;
        if let Some(packet) = clock.measure(&mut counts.encoding, || encoder.push(&frame))? {
            radio.packet(packet)?;
            show(&mut clock.measure(&mut counts.decoding, || decoder.packet(packet))?, &mut counts.decoding)?;
        }
    }
    while let Some(packet) = clock.measure(&mut counts.encoding, || encoder.finish()) {
        radio.packet(packet)?;
        show(&mut clock.measure(&mut counts.decoding, || decoder.packet(packet))?, &mut counts.decoding)?;
    }
    show(&mut decoder.finish(), &mut counts.decoding)?;
    radio.finish()?;
    screen.finish()?;
    counts.print();
    Ok(())
}
