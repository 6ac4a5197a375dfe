#![no_std]
#![no_main]
use cortex_m_rt::entry;
use firmware_qemu::{clock::Clock, samples::*, stack, console, fault, file::HostError};
#[entry]
fn main() -> ! {
    fault::exit(run().map_err(|e| console::text("error", e.0)))
}
fn run() -> Result<(), HostError> {
    let Some(p) = cortex_m::Peripherals::take() else { return Ok(()) };
    let clock = Clock::start(p.SYST);
    let mut samples = SampleReader::open(c"samples.bin")?;
    let mut decoded = BlockWriter::create(c"decoded.bin")?;
    let mut frames = 0u32;
    let mut n = 0;
    let mut frame = [0; 1];
    while samples.next(&mut frame)? {
        clock.measure(&mut n, || decoded.samples(&frame))?;
        frames += 1;
    }
    decoded.finish()?;
    console::number("frames", frames as u64);
    console::number("encode_instructions", n);
    console::number("stack_bytes", stack::high_water_bytes() as u64);
    Ok(())
}
