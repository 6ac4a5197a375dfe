//! The kernels that this image carries against their definition in the same image: random shapes, random and extreme
//! values, and what lies behind the output must stay as it was.
//!
//! Arguments, over semihosting: a seed and a number of tiles (rows of up to four outputs). Prints `ok` and what was compared,
//! or the shape of the first difference.
#![no_std]
#![no_main]

use firmware_board::{arguments, entry, exit, print_line};
use firmware_kernels::random::Random;
use firmware_kernels::stream::{
    as_bytes, codebook_bytes, depthwise_stream_bytes, fill_codebook, fill_depthwise_stream, fill_stream, stream_bytes,
};
use static_cell::ConstStaticCell;
use vq_core::kernels::portable::Integer;
use vq_core::kernels::{Columns, FORM, Kernels, Native, Windows, gates};
use vq_core::model::records::{Activation, Kind, Layer};

/// Longest window.
const MAX_TAPS: usize = 132;
/// Most outputs of a window.
const MAX_OUTPUTS: usize = 19;
/// Most windows.
const MAX_COUNT: usize = 7;
const INPUT_ELEMENTS: usize = 1024;
const OUTPUT_ELEMENTS: usize = MAX_OUTPUTS * MAX_COUNT + 8;
const STREAM_WORDS: usize = stream_bytes(MAX_OUTPUTS, MAX_TAPS) / 4;
/// What the output holds before, and after where nothing may be written.
const UNTOUCHED: i16 = 0x5a5a;

struct Buffers {
    input: [i16; INPUT_ELEMENTS],
    words: [u32; STREAM_WORDS],
    expected: [i16; OUTPUT_ELEMENTS],
    found: [i16; OUTPUT_ELEMENTS],
}

static BUFFERS: ConstStaticCell<Buffers> = ConstStaticCell::new(Buffers {
    input: [0; INPUT_ELEMENTS],
    words: [0; STREAM_WORDS],
    expected: [0; OUTPUT_ELEMENTS],
    found: [0; OUTPUT_ELEMENTS],
});

#[entry]
fn main() -> ! {
    let (seed, tiles) = (arguments::number(0).unwrap_or(1), arguments::number(1).unwrap_or(100_000));
    print_line!("form {}", FORM);
    exit(compare(BUFFERS.take(), seed, tiles));
}

fn compare(buffers: &mut Buffers, seed: u32, tiles: u32) -> bool {
    let mut random = Random::new(seed);
    let (mut compared, mut cases, mut saturated, mut zero) = (0, 0u32, 0u32, 0u32);
    while compared < tiles {
        let case = match random.range(0, 15) {
            0 => add(buffers, &mut random),
            1 => nearest(buffers, &mut random),
            2..=4 => depthwise(buffers, &mut random),
            5..=6 => product(buffers, &mut random),
            7 => gate_units(buffers, &mut random),
            _ => convolution(buffers, &mut random),
        };
        let Some(case_tiles) = case else {
            print_line!("different seed {} case {}", seed, cases);
            return false;
        };
        compared += case_tiles;
        cases += 1;
        for value in &buffers.expected {
            saturated += u32::from(*value == i16::MAX || *value == i16::MIN);
            zero += u32::from(*value == 0);
        }
    }
    print_line!("ok seed {} cases {} tiles {} saturated {} zero {}", seed, cases, compared, saturated, zero);
    true
}

/// The number of tiles, or `None` where the two forms differ.
fn convolution(buffers: &mut Buffers, random: &mut Random) -> Option<u32> {
    let (row, taps) = match random.range(0, 3) {
        0 => (1, random.range(1, 24)),
        1 => (2, 2 * random.range(1, MAX_TAPS / 2)),
        2 => (1, random.range(5, 8)),
        _ => {
            let row = 2 * random.range(1, 12);
            (row, row * random.range(1, (MAX_TAPS / row).min(6)))
        }
    };
    let windows = Windows {
        count: random.range(0, MAX_COUNT),
        step: row * random.range(1, 4),
        taps,
        outputs: if random.range(0, 2) == 0 { 4 * random.range(1, 4) } else { random.range(1, MAX_OUTPUTS) },
    };
    let activation = activation(random);
    let offset = if random.range(0, 1) == 0 { 2 * random.range(0, 3) } else { random.range(0, 3) };
    let used = windows.count.saturating_sub(1) * windows.step + taps.next_multiple_of(4);
    let input = &mut buffers.input[offset..offset + used];
    random.activations(input);
    let words = &mut buffers.words[..stream_bytes(windows.outputs, taps) / 4];
    fill_stream(random, words, taps);
    let stream = as_bytes(words);
    // A row that starts at an odd element, as behind an odd history of a single channel.
    let start = if !windows.outputs.is_multiple_of(2) { random.range(0, 1) } else { 0 };
    let length = windows.count * windows.outputs;
    buffers.expected.fill(UNTOUCHED);
    buffers.found.fill(UNTOUCHED);
    Integer::convolution(&windows, activation, input, stream, &mut buffers.expected[start..start + length]);
    Native::convolution(&windows, activation, input, stream, &mut buffers.found[start..start + length]);
    if buffers.expected != buffers.found {
        print_line!("convolution {:?} {:?} offset {} start {}", windows, activation, offset, start);
        let at = buffers.expected.iter().zip(&buffers.found).position(|(a, b)| a != b);
        print_line!("at {:?}", at);
        return None;
    }
    Some((windows.count * windows.outputs.div_ceil(4)) as u32)
}

/// Vectors of every length, also of none, and often two outputs, which have a kernel of their own.
fn product(buffers: &mut Buffers, random: &mut Random) -> Option<u32> {
    let taps = random.range(0, MAX_TAPS);
    let outputs = if random.range(0, 1) == 0 { 2 } else { random.range(1, MAX_OUTPUTS) };
    let (offset, start) = (random.range(0, 3), random.range(0, 1) * (outputs % 2));
    let input = &mut buffers.input[offset..offset + taps.next_multiple_of(4)];
    random.activations(input);
    let words = &mut buffers.words[..stream_bytes(outputs, taps) / 4];
    fill_stream(random, words, taps);
    let stream = as_bytes(words);
    buffers.expected.fill(UNTOUCHED);
    buffers.found.fill(UNTOUCHED);
    Integer::product(taps, input, stream, &mut buffers.expected[start..start + outputs]);
    Native::product(taps, input, stream, &mut buffers.found[start..start + outputs]);
    if buffers.expected != buffers.found {
        print_line!("product {} taps {} outputs offset {} start {}", taps, outputs, offset, start);
        return None;
    }
    Some(outputs.div_ceil(4) as u32)
}

/// Units of every number, whose products are of all sizes.
fn gate_units(buffers: &mut Buffers, random: &mut Random) -> Option<u32> {
    let units = random.range(0, 33);
    let products = &mut buffers.input[..6 * units];
    random.activations(products);
    let small = random.range(0, 15);
    products.iter_mut().for_each(|product| *product >>= small);
    buffers.expected.fill(UNTOUCHED);
    random.activations(&mut buffers.expected[..units]);
    buffers.found.copy_from_slice(&buffers.expected);
    gates::definition(products, &mut buffers.expected[..units]);
    gates::gates(products, &mut buffers.found[..units]);
    if buffers.expected != buffers.found {
        print_line!("gates of {} units", units);
        return None;
    }
    Some(units.div_ceil(4) as u32)
}

/// Rows of every width and windows of every length; those of three and five rows that move by one row often, as they have kernels
/// of their own.
fn depthwise(buffers: &mut Buffers, random: &mut Random) -> Option<u32> {
    let columns = Columns {
        count: random.range(0, MAX_COUNT),
        stride: if random.range(0, 1) == 0 { 1 } else { random.range(1, 4) },
        kernel: if random.range(0, 1) == 0 { 3 + 2 * random.range(0, 1) } else { random.range(1, 12) },
        width: if random.range(0, 7) == 0 { 1 } else { 2 * random.range(1, MAX_OUTPUTS / 2) },
    };
    let Columns { count, stride, kernel, width } = columns;
    let activation = activation(random);
    let offset = if random.range(0, 3) == 0 { random.range(0, 3) } else { 2 * random.range(0, 3) };
    let used = (count.saturating_sub(1) * stride + kernel) * width + 3;
    let input = &mut buffers.input[offset..offset + used];
    random.activations(input);
    let words = &mut buffers.words[..depthwise_stream_bytes(width, kernel) / 4];
    fill_depthwise_stream(random, words, kernel);
    let stream = as_bytes(words);
    let start = random.range(0, 3) / 3;
    let length = count * width;
    buffers.expected.fill(UNTOUCHED);
    buffers.found.fill(UNTOUCHED);
    Integer::depthwise(&columns, activation, input, stream, &mut buffers.expected[start..start + length]);
    Native::depthwise(&columns, activation, input, stream, &mut buffers.found[start..start + length]);
    if buffers.expected != buffers.found {
        print_line!("depthwise {:?} {:?} offset {} start {}", columns, activation, offset, start);
        let at = buffers.expected.iter().zip(&buffers.found).position(|(a, b)| a != b);
        print_line!("at {:?}", at);
        return None;
    }
    Some((count * width.div_ceil(4)) as u32)
}

fn add(buffers: &mut Buffers, random: &mut Random) -> Option<u32> {
    let length = random.range(0, 33);
    let (a, b) = buffers.input.split_at_mut(INPUT_ELEMENTS / 2);
    let (a, b) = (&mut a[random.range(0, 2)..], &mut b[random.range(0, 2)..]);
    random.activations(&mut a[..length]);
    random.activations(&mut b[..length]);
    let other_multiplier = (random.bits() as i16) >> random.range(0, 15);
    let room = (0xffff - i32::from(other_multiplier).abs()).min(32_767) as usize;
    let magnitude = random.range(0, room) as i16;
    let layer = Layer {
        kind: Kind::Add,
        activation: activation(random),
        multiplier: if random.bits().is_multiple_of(2) { magnitude } else { -magnitude },
        other_multiplier,
        shift: random.range(1, 15) as u8,
        ..Layer::NEUTRAL
    };
    let offset = random.range(0, 2);
    buffers.expected.fill(UNTOUCHED);
    buffers.found.fill(UNTOUCHED);
    for (output, add) in
        [(&mut buffers.expected, Integer::add as fn(&_, &_, &mut _)), (&mut buffers.found, Native::add)]
    {
        let summand = &mut output[offset..offset + length];
        summand.copy_from_slice(&b[..length]);
        add(&layer, a, summand);
    }
    if buffers.expected != buffers.found {
        print_line!("add {:?} length {}", layer, length);
        return None;
    }
    Some(length.div_ceil(4) as u32)
}

fn nearest(buffers: &mut Buffers, random: &mut Random) -> Option<u32> {
    let channels = random.range(1, 26);
    let most = STREAM_WORDS * 4 / codebook_bytes(4, channels) * 4;
    let alphabet = random.range(2, most.min(40));
    let words = &mut buffers.words[..codebook_bytes(alphabet, channels) / 4];
    fill_codebook(random, words, codebook_bytes(4, channels) / 4);
    let offset = random.range(0, 2);
    let latent = &mut buffers.input[offset..offset + channels];
    random.activations(latent);
    let codebook = as_bytes(words);
    let (expected, found) = (Integer::nearest(codebook, alphabet, latent), Native::nearest(codebook, alphabet, latent));
    if expected != found {
        print_line!("nearest {} x {} offset {}: {} not {}", alphabet, channels, offset, found, expected);
        return None;
    }
    Some(alphabet.div_ceil(4) as u32)
}

fn activation(random: &mut Random) -> Activation {
    [Activation::Linear, Activation::Relu, Activation::LeakyRelu][random.range(0, 2)]
}
