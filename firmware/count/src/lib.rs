//! What a model costs, streamed frame by frame: prints `case code instructions macs` for a stretch of a signal. For each model `-encode`, `-decode`,
//! and for best effort `-codes`: what of decoding are the range coder and the prior. With polls also the worst single poll of either, and of an
//! encoder that keeps a budget of bits; behind each its place among the polls, by which a trace finds it again.
#![no_std]

mod packets;
mod worst;

use core::hint::black_box;

use firmware_board::file::{File, HostError};
use firmware_board::meter::{Meter, Name};
use firmware_board::{console, exit, print_line};
pub use packets::Packets;
use vq_core::kernels::FORM;
use vq_core::{Decoder, Encoder, Frames, Mode, Model, Options, Piece, Progress, packet_codes};
use worst::Worst;

/// Limits of the packets.
pub const OPTIONS: Options = Options::new().packet_bytes(244);

/// Bits for so many frames, between what the best and the worst quality of the models take.
const BUDGET: [u32; 2] = [3, 2];
/// Limit of packets with a budget: short enough that the stretch fills several, each of which sets the quality anew.
const BUDGET_BYTES: usize = 64;

/// What is counted of a model.
#[derive(Debug)]
pub struct Case {
    /// What its rows begin with.
    pub name: &'static str,
    /// What it is asked for.
    pub mode: Mode,
    /// Whether polls are looked at.
    pub polls: bool,
}

/// What all cases share.
#[derive(Debug)]
pub struct Bench<'b> {
    /// Counts.
    pub meter: Meter,
    /// The stretch, `[time, channels]`: whole hops of every model.
    pub samples: &'b [i32],
    /// An encoder's memory.
    pub encoder: &'b mut [u8],
    /// A decoder's memory.
    pub decoder: &'b mut [u8],
    /// A prior's memory.
    pub prior: &'b mut [u16],
    /// Room for the packets of the stretch.
    pub packets: &'b mut Packets,
    /// A queue of one frame of so many channels or more.
    pub queue: &'b Frames,
    /// Polls that were looked for so far.
    pub polls: usize,
}

/// Runs a program that counts, and ends it.
pub fn run(program: impl FnOnce() -> Result<(), &'static str>) -> ! {
    print_line!("form {}", FORM);
    let done = program();
    if let Err(problem) = done {
        console::text("error", problem);
    }
    exit(done.is_ok())
}

/// Fills the stretch with the first samples of samples.bin, little-endian `i32`, in the folder that QEMU was started in.
///
/// # Errors
/// There is no such file, or it is shorter.
pub fn read(samples: &mut [i32]) -> Result<(), &'static str> {
    let read = || {
        let mut file = File::open(c"samples.bin")?;
        for sample in samples {
            let mut bytes = [0; size_of::<i32>()];
            if file.read(&mut bytes)? < bytes.len() {
                return Err(HostError("the recording is too short"));
            }
            *sample = i32::from_le_bytes(bytes);
        }
        Ok(())
    };
    read().map_err(|HostError(problem)| problem)
}

impl Bench<'_> {
    /// Counts a case of a model's file.
    ///
    /// # Errors
    /// Something was refused, or some memory is too small.
    pub fn case(&mut self, case: &Case, file: &[u8]) -> Result<(), &'static str> {
        let model = Model::parse(file).map_err(|_| "a model was refused")?;
        if !self.samples.len().is_multiple_of(model.hop() * model.channels()) {
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
        let macs = self.macs(&model, case.mode, true);
        let Self { meter, samples, packets, queue, .. } = self;
        let frames = || samples.chunks_exact(model.channels());
        // The stretch goes through as often as the meter wants: the nets never stand still.
        let mut encoder = Encoder::new(model, self.encoder, options).map_err(|_| REFUSED)?;
        meter.measure(Name(case.name, "-encode"), "compiler", macs, || {
            packets.clear();
            for frame in frames() {
                if let Ok(Some(packet)) = encoder.push(black_box(frame)) {
                    packets.push(packet);
                }
            }
        });
        if case.polls {
            // Anew, so that a poll has the same place however often the stretch went through before.
            let mut polls = |options, name| {
                let mut encoder = Encoder::new(model, self.encoder, options).map_err(|_| REFUSED)?;
                let mut worst = Worst::new(meter, &mut self.polls);
                for frame in frames() {
                    queue.feed(frame).map_err(|_| "the queue is full")?;
                    while !matches!(worst.take(|| encoder.poll(queue)), Ok(Progress::Idle) | Err(_)) {}
                }
                worst.print(Name(case.name, name));
                Ok(())
            };
            polls(options, "-encode-poll")?;
            if case.mode == Mode::BestEffort {
                polls(options.packet_bytes(BUDGET_BYTES).budget(BUDGET[0], BUDGET[1]), "-encode-budget-poll")?;
            }
        }
        // A stream that begins anew, for the decoder.
        let mut encoder = Encoder::new(model, self.encoder, options).map_err(|_| REFUSED)?;
        packets.clear();
        for frame in frames() {
            if let Ok(Some(packet)) = encoder.push(frame) {
                packets.push(packet);
            }
        }
        while let Some(packet) = encoder.finish() {
            packets.push(packet);
        }
        if packets.overflowed() { Err("there is no room for the packets") } else { Ok(()) }
    }

    fn decode(&mut self, case: &Case, model: Model<'_>) -> Result<(), &'static str> {
        let macs = self.macs(&model, case.mode, false);
        let Self { meter, packets, .. } = self;
        meter.measure(Name(case.name, "-decode"), "compiler", macs, || {
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
        let macs = self.hops(&model) * prior_macs(&model);
        let Self { meter, packets, .. } = self;
        let memory = self.prior.get_mut(..model.prior_memory().div_ceil(2)).ok_or("the prior needs more memory")?;
        meter.measure(Name(case.name, "-codes"), "compiler", macs, || {
            for packet in packets.iter() {
                let Ok(codes) = packet_codes(model, packet, memory) else { continue };
                // As a decoder reads them.
                let mut codes = codes.without_costs();
                while let Some(hop) = codes.next_hop() {
                    _ = black_box(hop);
                }
            }
        });
        Ok(())
    }

    fn hops(&self, model: &Model<'_>) -> usize {
        self.samples.len() / (model.hop() * model.channels()).max(1)
    }

    /// Useful multiply-accumulates of the stretch, one way.
    fn macs(&self, model: &Model<'_>, mode: Mode, encodes: bool) -> usize {
        if mode != Mode::BestEffort {
            let predictor = model.residual_predictor();
            return predictor.map_or(0, |predictor| self.samples.len() * predictor.multiply_accumulates());
        }
        let directory = model.directory();
        let net = if encodes { &directory.encoder } else { &directory.decoder };
        self.hops(model) * (model.multiply_accumulates(net) as usize + prior_macs(model))
    }
}

/// Those of the recurrent prior in a hop.
fn prior_macs(model: &Model<'_>) -> usize {
    model.recurrent_prior().map_or(0, |prior| prior.multiply_accumulates())
}
