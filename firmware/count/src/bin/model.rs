//! What the model that the image carries costs; prints how many frames the stretch has.
#![no_std]
#![no_main]

use firmware_board::meter::Meter;
use firmware_board::{entry, print_line};
use firmware_count::{Bench, Case, OPTIONS, Packets, read, run};
use static_cell::ConstStaticCell;
use vq_core::{Aligned, FrameQueue, Memory, Mode, Model, channels, decoder_memory, encoder_memory, include_model};

const MODEL: &Aligned<[u8]> = include_model!(env!("VQ_MODEL"));
const CHANNELS: usize = channels(MODEL);
/// Samples of the stretch: whole hops are cut from it.
const SAMPLES: usize = 2048;
/// Elements of the largest prior that codes alone are decoded with.
const PRIOR_ELEMENTS: usize = 2048;

static ENCODER: ConstStaticCell<Memory<{ encoder_memory(MODEL, OPTIONS) }>> = ConstStaticCell::new(Memory::new());
static DECODER: ConstStaticCell<Memory<{ decoder_memory(MODEL) }>> = ConstStaticCell::new(Memory::new());
static PRIOR: ConstStaticCell<[u16; PRIOR_ELEMENTS]> = ConstStaticCell::new([0; PRIOR_ELEMENTS]);
static STRETCH: ConstStaticCell<[i32; SAMPLES]> = ConstStaticCell::new([0; SAMPLES]);
static PACKETS: ConstStaticCell<Packets> = ConstStaticCell::new(Packets::new());
static QUEUE: FrameQueue<{ CHANNELS * 4 }> = FrameQueue::new(CHANNELS);

#[entry]
fn main() -> ! {
    run(count)
}

fn count() -> Result<(), &'static str> {
    const TAKEN: &str = "the memory is taken";
    let hop = Model::parse(&MODEL.0).map_err(|_| "the model was refused")?.hop() * CHANNELS;
    let samples = STRETCH.try_take().ok_or(TAKEN)?.get_mut(..SAMPLES / hop.max(1) * hop).unwrap_or_default();
    read(samples)?;
    print_line!("frames {}", samples.len() / CHANNELS.max(1));
    let mut bench = Bench {
        meter: Meter::new().ok_or("the counter is taken")?,
        samples,
        encoder: ENCODER.try_take().ok_or(TAKEN)?.bytes(),
        decoder: DECODER.try_take().ok_or(TAKEN)?.bytes(),
        prior: PRIOR.try_take().ok_or(TAKEN)?,
        packets: PACKETS.try_take().ok_or(TAKEN)?,
        queue: &QUEUE,
        polls: 0,
    };
    bench.case(&Case { name: "model", mode: Mode::BestEffort, polls: false }, &MODEL.0)
}
