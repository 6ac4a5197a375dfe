//! Instructions of the kernels for the layer shapes that the project compares itself on: prints
//! `case instructions macs instructions_per_mac`, where macs are the useful ones, without padding.
//!
//! Each convolution runs over its whole input, over four windows (`@4`) and over one (`@1`), as streaming does. The counts hold
//! the call with its checks. ReLU is applied; no activation costs the same on Arm's larger cores.
#![no_std]
#![no_main]

use core::hint::black_box;

use firmware_board::clock::Clock;
use firmware_board::{entry, exit, print_line};
use firmware_kernels::stream::{as_bytes, codebook_bytes, depthwise_stream_bytes, stream_bytes};
use static_cell::ConstStaticCell;
use vq_core::kernels::{Columns, FORM, Kernels, Native, Windows};
use vq_core::model::records::Activation;

/// Elements of the longest input, and of the longest output.
const INPUT_ELEMENTS: usize = 2304;
const OUTPUT_ELEMENTS: usize = 2048;

/// Words in flash, as a model's are.
struct Flash<const WORDS: usize>([u32; WORDS]);

impl<const WORDS: usize> Flash<WORDS> {
    /// A weight stream for windows of `taps` with weights of all sizes, and requantizations that let no output saturate: on
    /// cores that branch to saturate this costs more, and is rare.
    const fn stream(taps: usize) -> Self {
        let block_words = stream_bytes(4, taps) / 4;
        let (mut words, mut random, mut at) = ([0; WORDS], 1u32, 0);
        while at < WORDS {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let place = at % block_words;
            words[at] = match place {
                0..4 => random >> 16,
                _ if place < block_words - 8 => random ^ random >> 16,
                _ if place.is_multiple_of(2) => 0x6000 << 16 | 10,
                _ => 1 << 9,
            };
            at += 1;
        }
        Self(words)
    }

    /// The same for a depthwise convolution over windows of `kernel` rows.
    const fn depthwise_stream(kernel: usize) -> Self {
        let block_words = depthwise_stream_bytes(4, kernel) / 4;
        let (mut words, mut random, mut at) = ([0; WORDS], 1u32, 0);
        while at < WORDS {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let place = at % block_words;
            words[at] = match place {
                0..4 => random >> 16,
                _ if place < block_words - 8 => random ^ random >> 16,
                _ if place.is_multiple_of(2) => 0x6000 << 16 | 8,
                _ => 0x6000 << 8,
            };
            at += 1;
        }
        Self(words)
    }

    /// A codebook of vectors of `channels` with components of all signs and half norms of one size.
    const fn codebook(channels: usize) -> Self {
        let block_words = codebook_bytes(4, channels) / 4;
        let (mut words, mut random, mut at) = ([0; WORDS], 1u32, 0);
        while at < WORDS {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            words[at] = if at % block_words < 4 { 1 << 24 | random >> 16 } else { random & 0xf3ff_f3ff };
            at += 1;
        }
        Self(words)
    }
}

/// A convolution as it is compared: `outputs` are of all phases, `taps` the useful ones.
struct Case {
    name: &'static str,
    /// Windows over the whole input.
    count: usize,
    /// Elements from one window to the next.
    step: usize,
    taps: usize,
    outputs: usize,
    stream: &'static [u32],
}

/// A case with a weight stream of its own in flash.
macro_rules! case {
    ($name:literal, windows $count:literal, step $step:literal, taps $taps:expr, outputs $outputs:literal) => {{
        static STREAM: Flash<{ stream_bytes($outputs, $taps) / 4 }> = Flash::stream($taps);
        Case { name: $name, count: $count, step: $step, taps: $taps, outputs: $outputs, stream: &STREAM.0 }
    }};
}

static CODEBOOK: Flash<{ codebook_bytes(256, 16) / 4 }> = Flash::codebook(16);

static INPUT: ConstStaticCell<[i16; INPUT_ELEMENTS]> = ConstStaticCell::new([0; INPUT_ELEMENTS]);
static OUTPUT: ConstStaticCell<[i16; OUTPUT_ELEMENTS]> = ConstStaticCell::new([0; OUTPUT_ELEMENTS]);

#[entry]
fn main() -> ! {
    let Some(clock) = Clock::start() else { exit(false) };
    let (input, output) = (INPUT.take(), OUTPUT.take());
    for (index, value) in input.iter_mut().enumerate() {
        *value = ((index * 7919) % 8191) as i16 - 4096;
    }
    print_line!("form {}", FORM);
    print_line!("case instructions macs instructions_per_mac");
    let cases = [
        case!("conv-1-16-k7-s2", windows 128, step 2, taps 7, outputs 16),
        case!("conv-16-32-k5-s2", windows 64, step 32, taps 5 * 16, outputs 32),
        case!("conv-32-32-k3", windows 62, step 32, taps 3 * 32, outputs 32),
        case!("conv-32-64-k4-s2", windows 31, step 64, taps 4 * 32, outputs 64),
        case!("conv-64-16-k1", windows 32, step 64, taps 64, outputs 16),
        case!("transposed-64-32-k4-s2", windows 31, step 64, taps 2 * 64, outputs 64),
        case!("transposed-32-16-k4-s2", windows 63, step 32, taps 2 * 32, outputs 32),
        case!("transposed-16-1-k4-s2", windows 127, step 16, taps 2 * 16, outputs 2),
        case!("fully-connected-256-64", windows 1, step 256, taps 256, outputs 64),
        case!("linear-1-16-k48-s16", windows 16, step 16, taps 48, outputs 16),
        case!("linear-transposed-16-1-k48-s16", windows 16, step 16, taps 3 * 16, outputs 16),
    ];
    for case in &cases {
        convolution(&clock, case, case.count, input, output);
        for count in [4, 1].into_iter().filter(|count| *count < case.count) {
            convolution(&clock, case, count, input, output);
        }
    }
    static DEPTHWISE_FIVE: Flash<{ depthwise_stream_bytes(32, 5) / 4 }> = Flash::depthwise_stream(5);
    static DEPTHWISE_THREE: Flash<{ depthwise_stream_bytes(32, 3) / 4 }> = Flash::depthwise_stream(3);
    for count in [60, 4, 1] {
        depthwise(
            &clock,
            "depthwise-32-k5",
            Columns { count, stride: 1, kernel: 5, width: 32 },
            &DEPTHWISE_FIVE.0,
            input,
            output,
        );
        depthwise(
            &clock,
            "depthwise-32-k3",
            Columns { count, stride: 1, kernel: 3, width: 32 },
            &DEPTHWISE_THREE.0,
            input,
            output,
        );
    }
    depthwise(
        &clock,
        "depthwise-32-k5-s2",
        Columns { count: 30, stride: 2, kernel: 5, width: 32 },
        &DEPTHWISE_FIVE.0,
        input,
        output,
    );
    let latent = black_box(&input[..16]);
    let instructions = clock.instructions(|| {
        black_box(Native::nearest(as_bytes(&CODEBOOK.0), 256, latent));
    });
    print("nearest-256-16", "", instructions, 256 * 16);
    exit(true);
}

fn convolution(clock: &Clock, case: &Case, count: usize, input: &[i16], output: &mut [i16]) {
    let windows = Windows { count, step: case.step, taps: case.taps, outputs: case.outputs };
    let output = &mut output[..count * case.outputs];
    let stream = as_bytes(case.stream);
    let instructions = clock.instructions(|| {
        Native::convolution(black_box(&windows), black_box(Activation::Relu), input, stream, black_box(output));
    });
    let suffix = match count {
        _ if count == case.count => "",
        1 => "@1",
        _ => "@4",
    };
    print(case.name, suffix, instructions, (count * case.taps * case.outputs) as u64);
}

fn depthwise(clock: &Clock, name: &str, columns: Columns, stream: &[u32], input: &[i16], output: &mut [i16]) {
    let Columns { count, kernel, width, .. } = columns;
    let output = &mut output[..count * width];
    let instructions = clock.instructions(|| {
        Native::depthwise(black_box(&columns), black_box(Activation::Relu), input, as_bytes(stream), black_box(output));
    });
    print(
        name,
        if count == 4 {
            "@4"
        } else if count == 1 {
            "@1"
        } else {
            ""
        },
        instructions,
        (count * kernel * width) as u64,
    );
}

fn print(name: &str, suffix: &str, instructions: u64, macs: u64) {
    let thousandths = (instructions * 1000 + macs / 2) / macs;
    print_line!("{}{} {} {} {}.{:03}", name, suffix, instructions, macs, thousandths / 1000, thousandths % 1000);
}
