//! What the codec costs a frame: prints `name code instructions macs` for a stretch of the signal, streamed frame by frame, and how
//! many frames that is. The worst single polls are in the count only: a trace sees all of them together.
#![no_std]
#![no_main]

use core::hint::black_box;

use firmware_board::clock::{CLOCK_HERTZ, Clock};
use firmware_board::meter::{Meter, Name};
use firmware_board::{entry, print_line};
use firmware_qemu::failure::{self, Failure};
use firmware_qemu::samples::SampleReader;
use static_cell::ConstStaticCell;
use vq_core::kernels::FORM;
use vq_core::{Aligned, Decoder, Encoder, FrameQueue, Memory, Model, Options, Piece, Progress};

const MODEL: &Aligned<[u8]> = vq_core::include_model!(env!("VQ_MODEL"));
const OPTIONS: Options = Options::new().packet_bytes(244);
const CHANNELS: usize = vq_core::channels(MODEL);

/// Samples of the stretch: whole hops are cut from it.
const SAMPLES: usize = 2048;
/// Bytes of all packets of the stretch, each behind its length; none is longer than two bytes a sample.
const PACKET_BYTES: usize = 2 * SAMPLES;

static ENCODER: ConstStaticCell<Memory<{ vq_core::encoder_memory(MODEL, OPTIONS) }>> =
    ConstStaticCell::new(Memory::new());
static DECODER: ConstStaticCell<Memory<{ vq_core::decoder_memory(MODEL) }>> = ConstStaticCell::new(Memory::new());
static STRETCH: ConstStaticCell<[i32; SAMPLES]> = ConstStaticCell::new([0; SAMPLES]);
static PACKETS: ConstStaticCell<Packets> = ConstStaticCell::new(Packets { bytes: [0; PACKET_BYTES], length: 0 });
static QUEUE: FrameQueue<{ CHANNELS * 4 }> = FrameQueue::new(CHANNELS);

/// Packets, each behind its length.
struct Packets {
    bytes: [u8; PACKET_BYTES],
    length: usize,
}

impl Packets {
    fn push(&mut self, packet: &[u8]) {
        let end = self.length + 2 + packet.len();
        if let Some(place) = self.bytes.get_mut(self.length..end) {
            place[..2].copy_from_slice(&(packet.len() as u16).to_le_bytes());
            place[2..].copy_from_slice(packet);
            self.length = end;
        }
    }

    fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let mut rest = &self.bytes[..self.length];
        core::iter::from_fn(move || {
            let (length, after) = rest.split_first_chunk()?;
            let (packet, after) = after.split_at_checked(usize::from(u16::from_le_bytes(*length)))?;
            rest = after;
            Some(packet)
        })
    }
}

#[entry]
fn main() -> ! {
    failure::exit(run())
}

fn run() -> Result<(), Failure> {
    const TAKEN: &str = "the memory is taken";
    let meter = Meter::new().ok_or("the counter is taken")?;
    let model = Model::parse(&MODEL.0)?;
    let encoder_memory = ENCODER.try_take().ok_or(TAKEN)?.bytes();
    let decoder_memory = DECODER.try_take().ok_or(TAKEN)?.bytes();
    let (stretch, packets) = (STRETCH.try_take().ok_or(TAKEN)?, PACKETS.try_take().ok_or(TAKEN)?);
    let frames = SAMPLES / (CHANNELS * model.hop()) * model.hop();
    let stretch = &mut stretch[..frames * CHANNELS];
    let mut sensor = SampleReader::open(c"samples.bin")?;
    for frame in stretch.chunks_exact_mut(CHANNELS) {
        if !sensor.next(frame)? {
            return Err(Failure::from("the recording is too short"));
        }
    }
    print_line!("form {}", FORM);
    print_line!("frames {}", frames);
    let hops = (frames / model.hop()) as u64;
    let directory = model.directory();
    let macs = [&directory.encoder, &directory.decoder].map(|net| (hops * model.multiply_accumulates(net)) as usize);

    // The stretch goes through as often as the meter wants: the nets never stand still.
    let mut encoder = Encoder::new(model, encoder_memory, OPTIONS)?;
    meter.measure(Name("encode", ""), "compiler", macs[0], || {
        packets.length = 0;
        for frame in stretch.chunks_exact(CHANNELS) {
            if let Ok(Some(packet)) = encoder.push(black_box(frame)) {
                packets.push(packet);
            }
        }
    });
    while let Some(packet) = encoder.finish() {
        packets.push(packet);
    }
    meter.measure(Name("decode", ""), "compiler", macs[1], || {
        // A stream that begins anew: a decoder refuses packets that it has seen.
        let Ok(mut decoder) = Decoder::new(model, decoder_memory) else { return };
        for packet in packets.iter() {
            let Ok(mut blocks) = decoder.packet(packet) else { continue };
            while let Some(block) = blocks.next() {
                black_box(block.frames);
            }
        }
    });
    if let Meter::Clock(clock) = &meter {
        print_line!("encode-poll compiler {} 0", worst_encoder_poll(clock, &mut encoder, stretch)?);
        let mut decoder = Decoder::new(model, decoder_memory)?;
        print_line!("decode-poll compiler {} 0", worst_decoder_poll(clock, &mut decoder, packets)?);
    }
    Ok(())
}

/// The most instructions of one poll of the encoder, to the counter's step.
fn worst_encoder_poll(clock: &Clock, encoder: &mut Encoder, stretch: &[i32]) -> Result<u64, Failure> {
    let mut worst = 0;
    for frame in stretch.chunks_exact(CHANNELS) {
        QUEUE.feed(frame).map_err(|_| "the queue is full")?;
        loop {
            let mut ticks = 0;
            let progress = clock.measure(&mut ticks, || encoder.poll(&QUEUE))?;
            worst = worst.max(ticks);
            if matches!(progress, Progress::Idle) {
                break;
            }
        }
    }
    Ok(instructions(worst))
}

/// The most instructions of one poll of the decoder, to the counter's step.
fn worst_decoder_poll(clock: &Clock, decoder: &mut Decoder, packets: &Packets) -> Result<u64, Failure> {
    let mut worst = 0;
    for packet in packets.iter() {
        let mut blocks = decoder.packet(packet)?;
        loop {
            let mut ticks = 0;
            let piece = clock.measure(&mut ticks, || blocks.poll());
            worst = worst.max(ticks);
            if matches!(piece, Piece::End) {
                break;
            }
        }
    }
    Ok(instructions(worst))
}

fn instructions(ticks: u64) -> u64 {
    ticks * 1_000_000_000 / u64::from(CLOCK_HERTZ)
}
