//! What the codec costs, streamed frame by frame: prints `case code instructions macs` for a stretch of a signal, and how many frames that
//! is. For each model `-encode`, `-decode`, and for best effort `-codes`: what of decoding are the range coder and the prior. For some models also
//! the worst single poll of either, behind it its place among the polls, by which a trace finds it again.
#![no_std]
#![no_main]

mod packets;
mod worst;

use core::hint::black_box;

use firmware_board::file::{File, HostError};
use firmware_board::meter::{Meter, Name};
use firmware_board::{console, entry, exit, print_line};
use packets::Packets;
use static_cell::ConstStaticCell;
use vq_core::kernels::FORM;
use vq_core::{
    Aligned, Decoder, Encoder, FrameQueue, Memory, Mode, Model, Options, Piece, Progress, decoder_memory,
    encoder_memory, include_model, packet_codes,
};
use worst::Worst;

/// Frames of the stretch, of one channel each: whole hops of every model.
const FRAMES: usize = 1024;
const OPTIONS: Options = Options::new().packet_bytes(244);
/// Elements of the largest prior that codes alone are decoded with.
const PRIOR_ELEMENTS: usize = 4096;

/// A model, what it is asked for, and what of it is counted.
struct Case {
    name: &'static str,
    model: &'static Aligned<[u8]>,
    mode: Mode,
    polls: bool,
}

const fn case(name: &'static str, model: &'static Aligned<[u8]>, mode: Mode, polls: bool) -> Case {
    Case { name, model, mode, polls }
}

/// The demo's shapes; one transform with every rung of the priors; the same with every rung of the predictors.
const CASES: [Case; 8] = [
    case("demo", include_model!(env!("VQ_DEMO")), Mode::BestEffort, true),
    case("prior-tables", include_model!(env!("VQ_PRIOR_TABLES")), Mode::BestEffort, false),
    case("prior-linear", include_model!(env!("VQ_PRIOR_LINEAR")), Mode::BestEffort, false),
    case("prior-small", include_model!(env!("VQ_PRIOR_SMALL")), Mode::BestEffort, false),
    case("prior-standard", include_model!(env!("VQ_PRIOR_STANDARD")), Mode::BestEffort, true),
    case("predictor-adaptive", include_model!(env!("VQ_PREDICTOR_ADAPTIVE")), Mode::Lossless, false),
    case("predictor-small", include_model!(env!("VQ_PREDICTOR_SMALL")), Mode::Lossless, false),
    case("predictor-standard", include_model!(env!("VQ_PREDICTOR_STANDARD")), Mode::Lossless, true),
];

/// The most bytes that any case's encoder and decoder need.
const BYTES: [usize; 2] = {
    let (mut encoder, mut decoder, mut index) = (0, 0, 0);
    while index < CASES.len() {
        let Case { model, mode, .. } = CASES[index];
        let needed = [encoder_memory(model, OPTIONS.mode(mode)), decoder_memory(model)];
        encoder = if needed[0] > encoder { needed[0] } else { encoder };
        decoder = if needed[1] > decoder { needed[1] } else { decoder };
        index += 1;
    }
    [encoder, decoder]
};

static ENCODER: ConstStaticCell<Memory<{ BYTES[0] }>> = ConstStaticCell::new(Memory::new());
static DECODER: ConstStaticCell<Memory<{ BYTES[1] }>> = ConstStaticCell::new(Memory::new());
static PRIOR: ConstStaticCell<[u16; PRIOR_ELEMENTS]> = ConstStaticCell::new([0; PRIOR_ELEMENTS]);
static SAMPLES: ConstStaticCell<[i32; FRAMES]> = ConstStaticCell::new([0; FRAMES]);
static PACKETS: ConstStaticCell<Packets> = ConstStaticCell::new(Packets::new());
static QUEUE: FrameQueue<4> = FrameQueue::new(1);

/// What all cases share.
struct Bench<'b> {
    meter: Meter,
    samples: &'b [i32],
    encoder: &'b mut [u8],
    decoder: &'b mut [u8],
    prior: &'b mut [u16],
    packets: &'b mut Packets,
    /// Polls that were looked for so far.
    polls: usize,
}

#[entry]
fn main() -> ! {
    let done = run();
    if let Err(problem) = done {
        console::text("error", problem);
    }
    exit(done.is_ok())
}

fn run() -> Result<(), &'static str> {
    const TAKEN: &str = "the memory is taken";
    let samples = SAMPLES.try_take().ok_or(TAKEN)?;
    read(samples).map_err(|HostError(problem)| problem)?;
    print_line!("form {}", FORM);
    print_line!("frames {}", FRAMES);
    let mut bench = Bench {
        meter: Meter::new().ok_or("the counter is taken")?,
        samples,
        encoder: ENCODER.try_take().ok_or(TAKEN)?.bytes(),
        decoder: DECODER.try_take().ok_or(TAKEN)?.bytes(),
        prior: PRIOR.try_take().ok_or(TAKEN)?,
        packets: PACKETS.try_take().ok_or(TAKEN)?,
        polls: 0,
    };
    CASES.iter().try_for_each(|case| bench.case(case))
}

/// The stretch: little-endian `i32` in a file beside the program's start.
fn read(samples: &mut [i32]) -> Result<(), HostError> {
    let mut file = File::open(c"samples.bin")?;
    for sample in samples {
        let mut bytes = [0; size_of::<i32>()];
        if file.read(&mut bytes)? < bytes.len() {
            return Err(HostError("the recording is too short"));
        }
        *sample = i32::from_le_bytes(bytes);
    }
    Ok(())
}

impl Bench<'_> {
    fn case(&mut self, case: &Case) -> Result<(), &'static str> {
        let model = Model::parse(&case.model.0).map_err(|_| "a model was refused")?;
        if !FRAMES.is_multiple_of(model.hop()) || model.channels() != 1 {
            return Err("the stretch is not a whole number of hops");
        }
        self.encode(case, model)?;
        self.decode(case, model)?;
        if case.mode == Mode::BestEffort {
            self.codes(case, model)?;
        }
        Ok(())
    }

    fn encode(&mut self, case: &Case, model: Model<'_>) -> Result<(), &'static str> {
        const REFUSED: &str = "an encoder was refused";
        let options = OPTIONS.mode(case.mode);
        let Self { meter, samples, packets, .. } = self;
        // The stretch goes through as often as the meter wants: the nets never stand still.
        let mut encoder = Encoder::new(model, self.encoder, options).map_err(|_| REFUSED)?;
        meter.measure(Name(case.name, "-encode"), "compiler", macs(&model, case.mode, true), || {
            packets.clear();
            for sample in samples.iter() {
                if let Ok(Some(packet)) = encoder.push(black_box(&[*sample])) {
                    packets.push(packet);
                }
            }
        });
        if case.polls {
            let mut worst = Worst::new(meter, &mut self.polls);
            for sample in samples.iter() {
                QUEUE.feed(&[*sample]).map_err(|_| "the queue is full")?;
                while !matches!(worst.take(|| encoder.poll(&QUEUE)), Ok(Progress::Idle) | Err(_)) {}
            }
            worst.print(Name(case.name, "-encode-poll"));
        }
        // A stream that begins anew, for the decoder.
        let mut encoder = Encoder::new(model, self.encoder, options).map_err(|_| REFUSED)?;
        packets.clear();
        for sample in samples.iter() {
            if let Ok(Some(packet)) = encoder.push(&[*sample]) {
                packets.push(packet);
            }
        }
        while let Some(packet) = encoder.finish() {
            packets.push(packet);
        }
        if packets.overflowed() { Err("there is no room for the packets") } else { Ok(()) }
    }

    fn decode(&mut self, case: &Case, model: Model<'_>) -> Result<(), &'static str> {
        let Self { meter, packets, .. } = self;
        meter.measure(Name(case.name, "-decode"), "compiler", macs(&model, case.mode, false), || {
            // A decoder refuses packets that it has seen.
            let Ok(mut decoder) = Decoder::new(model, self.decoder) else { return };
            for packet in packets.iter() {
                let Ok(mut blocks) = decoder.packet(packet) else { continue };
                while let Some(block) = blocks.next() {
                    black_box(block.frames);
                }
            }
        });
        if !case.polls {
            return Ok(());
        }
        let mut decoder = Decoder::new(model, self.decoder).map_err(|_| "a decoder was refused")?;
        let mut worst = Worst::new(meter, &mut self.polls);
        for packet in packets.iter() {
            let mut blocks = decoder.packet(packet).map_err(|_| "a packet was refused")?;
            while !matches!(worst.take(|| blocks.poll()), Piece::End) {}
        }
        worst.print(Name(case.name, "-decode-poll"));
        Ok(())
    }

    /// The codes alone: no net runs.
    fn codes(&mut self, case: &Case, model: Model<'_>) -> Result<(), &'static str> {
        let memory = self.prior.get_mut(..model.prior_memory().div_ceil(2)).ok_or("the prior needs more memory")?;
        let packets = &self.packets;
        self.meter.measure(Name(case.name, "-codes"), "compiler", prior_macs(&model), || {
            for packet in packets.iter() {
                let Ok(mut codes) = packet_codes(model, packet, memory) else { continue };
                while let Some(hop) = codes.next_hop() {
                    black_box(hop.count());
                }
            }
        });
        Ok(())
    }
}

/// Useful multiply-accumulates of the stretch, one way.
fn macs(model: &Model<'_>, mode: Mode, encodes: bool) -> usize {
    if mode != Mode::BestEffort {
        return model.residual_predictor().map_or(0, |predictor| FRAMES * predictor.multiply_accumulates());
    }
    let directory = model.directory();
    let net = if encodes { &directory.encoder } else { &directory.decoder };
    FRAMES / model.hop() * model.multiply_accumulates(net) as usize + prior_macs(model)
}

/// Those of the prior.
fn prior_macs(model: &Model<'_>) -> usize {
    model.recurrent_prior().map_or(0, |prior| FRAMES / model.hop() * prior.multiply_accumulates())
}
