//! What every rung of the priors and of the predictors costs, in one image; prints how many frames the stretch has.
#![no_std]
#![no_main]

use firmware_board::meter::Meter;
use firmware_board::{entry, print_line};
use firmware_count::{Bench, Case, OPTIONS, Packets, read, run};
use static_cell::ConstStaticCell;
use vq_core::{Aligned, FrameQueue, Memory, Mode, decoder_memory, encoder_memory, include_model};

/// Frames of the stretch, of one channel each: whole hops of every model.
const FRAMES: usize = 1024;
/// Elements of the largest prior that codes alone are decoded with.
const PRIOR_ELEMENTS: usize = 4096;

const fn case(name: &'static str, mode: Mode, polls: bool) -> Case {
    Case { name, mode, polls }
}

/// The demo's shapes; one transform with every rung of the priors, the demo's shapes with those of indices; the transform with every rung of the predictors.
const CASES: [(Case, &Aligned<[u8]>); 11] = [
    (case("demo", Mode::BestEffort, true), include_model!(env!("VQ_DEMO"))),
    (case("prior-tables", Mode::BestEffort, false), include_model!(env!("VQ_PRIOR_TABLES"))),
    (case("prior-linear", Mode::BestEffort, false), include_model!(env!("VQ_PRIOR_LINEAR"))),
    (case("prior-small", Mode::BestEffort, false), include_model!(env!("VQ_PRIOR_SMALL"))),
    (case("prior-standard", Mode::BestEffort, true), include_model!(env!("VQ_PRIOR_STANDARD"))),
    (case("prior-following", Mode::BestEffort, false), include_model!(env!("VQ_PRIOR_FOLLOWING"))),
    (case("indices-small", Mode::BestEffort, false), include_model!(env!("VQ_INDICES_SMALL"))),
    (case("indices-standard", Mode::BestEffort, true), include_model!(env!("VQ_INDICES_STANDARD"))),
    (case("predictor-adaptive", Mode::Lossless, false), include_model!(env!("VQ_PREDICTOR_ADAPTIVE"))),
    (case("predictor-small", Mode::Lossless, false), include_model!(env!("VQ_PREDICTOR_SMALL"))),
    (case("predictor-standard", Mode::Lossless, true), include_model!(env!("VQ_PREDICTOR_STANDARD"))),
];

/// The most bytes that any case's encoder and decoder need.
const BYTES: [usize; 2] = {
    let (mut encoder, mut decoder, mut index) = (0, 0, 0);
    while index < CASES.len() {
        let (Case { mode, .. }, model) = &CASES[index];
        let needed = [encoder_memory(model, OPTIONS.mode(*mode)), decoder_memory(model)];
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

#[entry]
fn main() -> ! {
    run(count)
}

fn count() -> Result<(), &'static str> {
    const TAKEN: &str = "the memory is taken";
    let samples = SAMPLES.try_take().ok_or(TAKEN)?;
    read(samples)?;
    print_line!("frames {}", FRAMES);
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
    CASES.iter().try_for_each(|(case, model)| bench.case(case, &model.0))
}
