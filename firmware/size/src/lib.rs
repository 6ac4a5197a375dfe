//! What the programs share: the model, its packets, and how a program begins and ends.
#![no_std]

use core::hint::black_box;

use firmware_board::{console, exit, stack};
use vq_core::{Aligned, Decoder, Encoder, Mode, Model, Options, kernels};

/// The model. Programs see it behind [`model`], so that nothing is computed from it when they are compiled.
pub const MODEL: &Aligned<[u8]> = vq_core::include_model!(env!("VQ_MODEL"));

/// Packets of at most 244 bytes, in every mode that the image has.
pub const OPTIONS: Options = {
    let options = Options::new().packet_bytes(244);
    if cfg!(feature = "prediction") { options.any_mode() } else { options }
};

static PACKETS: &[u8] = include_bytes!(env!("VQ_PACKETS"));

/// The model's file, opaque to the compiler.
#[must_use]
pub fn model() -> &'static [u8] {
    black_box(&MODEL.0)
}

/// The model's packets.
pub fn packets() -> impl Iterator<Item = &'static [u8]> {
    let mut rest = black_box(PACKETS);
    core::iter::from_fn(move || {
        let (length, after) = rest.split_first_chunk()?;
        let (packet, after) = after.split_at_checked(usize::from(u16::from_le_bytes(*length)))?;
        rest = after;
        Some(packet)
    })
}

/// Encodes the model's test frames in every mode that the image has; `None` if something was refused.
pub fn encode(model: Model<'_>, memory: &mut [u8]) -> Option<()> {
    // Not moved out of its result: 340 to 780 bytes.
    let mut encoder = Encoder::new(model, memory, OPTIONS);
    let Ok(encoder) = &mut encoder else { return None };
    for mode in [Mode::BestEffort, Mode::Lossless] {
        if mode != Mode::BestEffort && !cfg!(feature = "prediction") {
            break;
        }
        encoder.set_mode(mode).ok()?;
        for sample in model.test_frames() {
            black_box(encoder.push(&[i32::from(sample)]).ok()?);
        }
        while let Some(packet) = encoder.finish() {
            black_box(packet);
        }
    }
    Some(())
}

/// Decodes the packets of every mode that the image has; `None` if the decoder was refused.
pub fn decode(model: Model<'_>, memory: &mut [u8]) -> Option<()> {
    // Not moved, as the encoder is not.
    let mut decoder = Decoder::new(model, memory);
    let Ok(decoder) = &mut decoder else { return None };
    for packet in packets() {
        let Ok(mut blocks) = decoder.packet(packet) else { continue };
        while let Some(block) = blocks.next() {
            black_box(block);
        }
    }
    let mut blocks = decoder.finish();
    while let Some(block) = blocks.next() {
        black_box(block);
    }
    Some(())
}

/// Paints the stack, runs a program, and prints the kernels that the image carries and the most stack in use.
pub fn run(program: impl FnOnce() -> Option<()>) -> ! {
    stack::paint();
    let done = program().is_some();
    console::text("form", kernels::FORM);
    console::number("stack_bytes", stack::high_water_bytes() as u64);
    exit(done)
}
