//! A device that sends and receives at once, as one end of a talk: one model in flash, an encoder and a decoder with a memory each, and a
//! main loop that gives them a small step of work in turn.
//!
//! Files of the host stand for the sensor (samples.bin), the radio (packets.bin in, device-packets.bin out) and the screen
//! (device-decoded.bin). The queue is fed where a board would feed it from the sensor's interrupt.
#![no_std]
#![no_main]

use firmware_board::clock::Clock;
use firmware_board::{entry, stack};
use firmware_qemu::counts::{Counts, Turns};
use firmware_qemu::failure::{self, Failure};
use firmware_qemu::samples::{BlockWriter, PacketReader, SampleReader};
use static_cell::ConstStaticCell;
use vq_core::{Aligned, Blocks, Decoder, Encoder, FrameQueue, Memory, Model, Options, Piece, Progress};

const MODEL: &Aligned<[u8]> = vq_core::include_model!(env!("VQ_MODEL"));
/// The most bytes of a packet, in either direction.
const PACKET_BYTES: usize = 244;
const OPTIONS: Options = Options::new().packet_bytes(PACKET_BYTES);
const CHANNELS: usize = vq_core::channels(MODEL);

static ENCODER: ConstStaticCell<Memory<{ vq_core::encoder_memory(MODEL, OPTIONS) }>> =
    ConstStaticCell::new(Memory::new());
static DECODER: ConstStaticCell<Memory<{ vq_core::decoder_memory(MODEL) }>> = ConstStaticCell::new(Memory::new());
static FRAMES: FrameQueue<{ 4 * CHANNELS }> = FrameQueue::new(CHANNELS);

#[entry]
fn main() -> ! {
    stack::paint();
    failure::exit(run())
}

/// The half that sends.
struct Sender<'c> {
    clock: &'c Clock,
    encoder: Encoder<'static>,
    sensor: SampleReader,
    radio: BlockWriter,
    frames: u64,
    feeding: u64,
    polls: Turns,
}

impl Sender<'_> {
    /// A frame, if there is room and there are more, and one poll; false when there is nothing left to do.
    fn turn(&mut self) -> Result<bool, Failure> {
        let mut frame = [0; CHANNELS];
        if FRAMES.waiting() == 0 && self.sensor.next(&mut frame)? {
            self.frames += 1;
            self.clock.measure(&mut self.feeding, || FRAMES.feed(&frame)).map_err(|_| "the queue is full")?;
        }
        match self.polls.take(self.clock, || self.encoder.poll(&FRAMES))? {
            Progress::Packet(packet) => self.radio.packet(packet)?,
            Progress::Working => {}
            Progress::Idle => return Ok(false),
        }
        Ok(true)
    }
}

fn run() -> Result<(), Failure> {
    let clock = Clock::start().ok_or("the counter is taken")?;
    let model = Model::parse(&MODEL.0)?;
    let encoder_memory = ENCODER.try_take().ok_or("the memory is taken")?.bytes();
    let decoder_memory = DECODER.try_take().ok_or("the memory is taken")?.bytes();
    let mut sender = Sender {
        clock: &clock,
        encoder: Encoder::new(model, encoder_memory, OPTIONS)?,
        sensor: SampleReader::open(c"samples.bin")?,
        radio: BlockWriter::create(c"device-packets.bin")?,
        frames: 0,
        feeding: 0,
        polls: Turns::default(),
    };
    let mut decoder = Decoder::new(model, decoder_memory)?;
    let mut screen = BlockWriter::create(c"device-decoded.bin")?;
    let mut pieces = Turns::default();
    let mut receive = |sender: &mut Sender, blocks: &mut Blocks| -> Result<(), Failure> {
        loop {
            sender.turn()?;
            match pieces.take(&clock, || blocks.poll()) {
                Piece::Block(block) => screen.samples(block.frames)?,
                Piece::Working => {}
                Piece::End => return Ok(()),
            }
        }
    };
    let mut air = PacketReader::<PACKET_BYTES>::open(c"packets.bin")?;
    while let Some(packet) = air.next_packet()? {
        receive(&mut sender, &mut decoder.packet(packet)?)?;
    }
    receive(&mut sender, &mut decoder.finish())?;
    screen.finish()?;
    while sender.turn()? {}
    let Sender { mut encoder, mut radio, frames, feeding, polls, .. } = sender;
    while let Some(packet) = encoder.finish() {
        radio.packet(packet)?;
    }
    radio.finish()?;
    Counts { frames, encoding: polls.total, decoding: pieces.total }.print();
    firmware_qemu::counts::print_turns(feeding, &polls, &pieces);
    Ok(())
}
