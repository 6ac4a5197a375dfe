//! A sensor's samples through the codec and back: what a device on a patient does, and what the far end does.
//!
//! Files of the host stand for the sensor (samples.bin), the radio (device-packets.bin) and the far end's screen
//! (device-decoded.bin).
#![no_std]
#![no_main]

use cortex_m_rt::entry;
use firmware_qemu::clock::Clock;
use firmware_qemu::fault::{self, Failure};
use firmware_qemu::samples::{BlockWriter, SampleReader};
use firmware_qemu::{console, stack};
use vq_core::{Aligned, Blocks, Decoder, Encoder, Memory, Model, Options};

const MODEL: &Aligned<[u8]> = vq_core::include_model!(env!("VQ_MODEL"));
const OPTIONS: Options = Options::new().packet_bytes(244);

#[entry]
fn main() -> ! {
    static mut ENCODER: Memory<{ vq_core::encoder_memory(MODEL, OPTIONS) }> = Memory::new();
    static mut DECODER: Memory<{ vq_core::decoder_memory(MODEL) }> = Memory::new();
    fault::exit(run(ENCODER.bytes(), DECODER.bytes()))
}

fn run(encoder_memory: &mut [u8], decoder_memory: &mut [u8]) -> Result<(), Failure> {
    let clock = Clock::start(cortex_m::Peripherals::take().ok_or("the peripherals are taken")?.SYST);
    let model = Model::parse(&MODEL.0)?;
    vq_core::self_test_encoder(model, encoder_memory)?;
    vq_core::self_test_decoder(model, decoder_memory)?;

    let mut sensor = SampleReader::open(c"samples.bin")?;
    let mut radio = BlockWriter::create(c"device-packets.bin")?;
    let mut screen = BlockWriter::create(c"device-decoded.bin")?;
    let mut encoder = Encoder::new(model, encoder_memory, OPTIONS)?;
    let mut decoder = Decoder::new(model, decoder_memory)?;
    let (mut frames, mut encoding, mut decoding) = (0, 0, 0);

    let mut show = |blocks: &mut Blocks, decoding: &mut u64| -> Result<(), Failure> {
        while let Some(block) = clock.measure(decoding, || blocks.next()) {
            screen.samples(block.frames)?;
        }
        Ok(())
    };
    let mut frame = [0; vq_core::channels(MODEL)];
    while sensor.next(&mut frame)? {
        frames += 1;
        if let Some(packet) = clock.measure(&mut encoding, || encoder.push(&frame))? {
            radio.packet(packet)?;
            show(&mut clock.measure(&mut decoding, || decoder.packet(packet))?, &mut decoding)?;
        }
    }
    while let Some(packet) = clock.measure(&mut encoding, || encoder.finish()) {
        radio.packet(packet)?;
        show(&mut clock.measure(&mut decoding, || decoder.packet(packet))?, &mut decoding)?;
    }
    show(&mut decoder.finish(), &mut decoding)?;
    radio.finish()?;
    screen.finish()?;

    console::number("frames", frames);
    console::number("encode_instructions", encoding);
    console::number("decode_instructions", decoding);
    console::number("stack_bytes", stack::high_water_bytes() as u64);
    Ok(())
}
