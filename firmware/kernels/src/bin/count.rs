//! What the kernels cost for the layer shapes that the project compares itself on: prints `name code instructions macs`, where
//! macs are the useful ones, without padding.
//!
//! Each convolution runs over its whole input, over four windows (`@4`) and over one (`@1`), as streaming does. The counts hold
//! the call with its checks. ReLU is applied; no activation costs the same on Arm's larger cores. With the argument 1 the program is for
//! a trace; its first region is empty.
#![no_std]
#![no_main]

use core::hint::black_box;

use firmware_board::meter::{Meter, Name};
use firmware_board::{entry, exit, print_line};
use firmware_kernels::flash::Flash;
use firmware_kernels::stream::{codebook_bytes, depthwise_stream_bytes, stream_bytes};
use static_cell::ConstStaticCell;
use vq_core::kernels::{Columns, FORM, Kernels, Native, Windows};
use vq_core::model::records::{Activation, Kind, Layer};
use vq_core::prior::cell::GruCell;

/// Elements of the longest input, and of the longest output.
const INPUT_ELEMENTS: usize = 4096;
const OUTPUT_ELEMENTS: usize = 2048;

static INPUT: ConstStaticCell<[i16; INPUT_ELEMENTS]> = ConstStaticCell::new([0; INPUT_ELEMENTS]);
static OUTPUT: ConstStaticCell<[i16; OUTPUT_ELEMENTS]> = ConstStaticCell::new([0; OUTPUT_ELEMENTS]);

/// A convolution as it is compared: `outputs` are of all phases, `taps` the useful ones.
struct Convolution {
    name: &'static str,
    /// Windows over the whole input.
    count: usize,
    /// Elements from one window to the next.
    step: usize,
    taps: usize,
    outputs: usize,
    stream: &'static [u8],
}

/// A convolution with a weight stream of its own in flash.
macro_rules! convolution {
    ($name:literal, windows $count:literal, step $step:literal, taps $taps:expr, outputs $outputs:literal) => {{
        static STREAM: Flash<{ stream_bytes($outputs, $taps) / 4 }> = Flash::stream($taps);
        Convolution { name: $name, count: $count, step: $step, taps: $taps, outputs: $outputs, stream: STREAM.bytes() }
    }};
}

/// A depthwise convolution with a weight stream of its own in flash.
macro_rules! depthwise {
    ($name:literal, windows $count:literal, stride $stride:literal, kernel $kernel:literal) => {{
        static STREAM: Flash<{ depthwise_stream_bytes(32, $kernel) / 4 }> = Flash::depthwise_stream($kernel);
        ($name, Columns { count: $count, stride: $stride, kernel: $kernel, width: 32 }, STREAM.bytes())
    }};
}

#[entry]
fn main() -> ! {
    let (Some(input), Some(output)) = (INPUT.try_take(), OUTPUT.try_take()) else { exit(false) };
    for (index, value) in input.iter_mut().enumerate() {
        *value = ((index * 7919) % 8191) as i16 - 4096;
    }
    print_line!("form {}", FORM);
    let Some(meter) = Meter::new() else { exit(false) };
    convolutions(&meter, input, output);
    depthwise_convolutions(&meter, input, output);
    sum(&meter, input, output);
    search(&meter, input);
    recurrent_cell(&meter, input, output);
    masked_layer(&meter, input, output);
    exit(true);
}

fn convolutions(meter: &Meter, input: &[i16], output: &mut [i16]) {
    let convolutions = [
        convolution!("conv-1-16-k7-s2", windows 128, step 2, taps 7, outputs 16),
        convolution!("conv-16-32-k5-s2", windows 64, step 32, taps 5 * 16, outputs 32),
        convolution!("conv-32-32-k3", windows 62, step 32, taps 3 * 32, outputs 32),
        convolution!("conv-32-64-k4-s2", windows 31, step 64, taps 4 * 32, outputs 64),
        convolution!("conv-64-16-k1", windows 32, step 64, taps 64, outputs 16),
        convolution!("transposed-64-32-k4-s2", windows 31, step 64, taps 2 * 64, outputs 64),
        convolution!("transposed-32-16-k4-s2", windows 63, step 32, taps 2 * 32, outputs 32),
        convolution!("transposed-16-1-k4-s2", windows 127, step 16, taps 2 * 16, outputs 2),
        convolution!("fully-connected-256-64", windows 1, step 256, taps 256, outputs 64),
        convolution!("linear-1-16-k48-s16", windows 16, step 16, taps 48, outputs 16),
        convolution!("linear-transposed-16-1-k48-s16", windows 16, step 16, taps 3 * 16, outputs 16),
        convolution!("gru-matrix-16-64", windows 1, step 16, taps 16, outputs 192),
        convolution!("gru-matrix-64-64", windows 1, step 64, taps 64, outputs 192),
    ];
    for case in &convolutions {
        for count in [case.count, 4, 1] {
            if count != case.count && count > case.count {
                continue;
            }
            let windows = Windows { count, step: case.step, taps: case.taps, outputs: case.outputs };
            let output = &mut output[..count * case.outputs];
            let name = Name::of_windows(case.name, count, case.count);
            meter.measure(name, "naked", count * case.taps * case.outputs, || {
                Native::convolution(
                    black_box(&windows),
                    black_box(Activation::Relu),
                    input,
                    case.stream,
                    black_box(output),
                );
            });
            if count == 1 {
                break;
            }
        }
    }
}

fn depthwise_convolutions(meter: &Meter, input: &[i16], output: &mut [i16]) {
    let convolutions = [
        depthwise!("depthwise-32-k5", windows 60, stride 1, kernel 5),
        depthwise!("depthwise-32-k3", windows 62, stride 1, kernel 3),
        depthwise!("depthwise-32-k7", windows 58, stride 1, kernel 7),
        depthwise!("depthwise-32-k5-s2", windows 30, stride 2, kernel 5),
    ];
    for (name, all, stream) in convolutions {
        for count in [all.count, 4, 1] {
            let columns = Columns { count, ..all };
            let output = &mut output[..count * all.width];
            let name = Name::of_windows(name, count, all.count);
            meter.measure(name, "naked", count * all.kernel * all.width, || {
                Native::depthwise(black_box(&columns), black_box(Activation::Relu), input, stream, black_box(output));
            });
        }
    }
}

/// A residual sum of 64 rows of 32 channels, in place: two multiplications an element.
fn sum(meter: &Meter, input: &[i16], output: &mut [i16]) {
    let layer = Layer { kind: Kind::Add, multiplier: 12_345, other_multiplier: 9_876, shift: 15, ..Layer::NEUTRAL };
    let code = if FORM.starts_with("arm-dsp") || FORM == "armv6m" { "naked" } else { "compiler" };
    meter.measure(Name("residual-add-32-l64", ""), code, 2 * OUTPUT_ELEMENTS, || {
        Native::add(black_box(&layer), black_box(input), black_box(output));
    });
}

fn search(meter: &Meter, input: &[i16]) {
    static CODEBOOK: Flash<{ codebook_bytes(256, 16) / 4 }> = Flash::codebook(16);
    let latent = black_box(&input[..16]);
    meter.measure(Name("nearest-256-16", ""), "naked", 256 * 16, || {
        black_box(Native::nearest(CODEBOOK.bytes(), 256, latent));
    });
}

/// A step of a recurrent prior: both matrices, three gates, 64 units.
fn recurrent_cell(meter: &Meter, input: &[i16], output: &mut [i16]) {
    const HIDDEN: usize = 64;
    static OF_INPUT: Flash<{ stream_bytes(3 * HIDDEN, 16) / 4 }> = Flash::stream(16);
    static OF_STATE: Flash<{ stream_bytes(3 * HIDDEN, HIDDEN) / 4 }> = Flash::stream(HIDDEN);
    let cell = GruCell { inputs: 16, hidden: HIDDEN, input_stream: OF_INPUT.bytes(), state_stream: OF_STATE.bytes() };
    let (scratch, state) = output.split_at_mut(GruCell::scratch_elements(HIDDEN));
    let state = &mut state[..HIDDEN];
    state.fill(0);
    meter.measure(Name("gru-step-16-64", ""), "compiler", 3 * HIDDEN * (16 + HIDDEN), || {
        cell.step::<Native>(black_box(&input[..16]), black_box(state), scratch);
    });
}

/// A masked layer inside a hop: four units for each of 16 latents, which see the latents before it.
fn masked_layer(meter: &Meter, input: &[i16], output: &mut [i16]) {
    static STREAM: Flash<{ stream_bytes(4, 16) / 4 }> = Flash::stream(16);
    let macs = (0..16).map(|latent| 4 * latent).sum();
    meter.measure(Name("masked-in-hop-16-4", ""), "naked", macs, || {
        for latent in 1..16 {
            // What is behind the mask is a multiple of four taps long, with zero weights.
            let windows = Windows { count: 1, step: 0, taps: latent, outputs: 4 };
            let output = &mut output[4 * latent..4 * latent + 4];
            Native::convolution(black_box(&windows), Activation::LeakyRelu, input, STREAM.bytes(), output);
        }
    });
}
