//! What [`Model::parse`](super::Model::parse) proves about the tables, part by part.

mod choice;
mod predictor;
mod priors;
mod recurrent;

use super::layout;
use super::plan::{self, Demand, Line, MAX_LAYERS, Output};
use super::records::{Kind, Layer, MAX_ALPHABET, Net, Scaling, Symbol, SymbolKind};
use super::{Model, ModelError, Part, QUALITIES, TOLD, symbol_table_bytes};
use crate::bytes::{u8_at, u32_at, words_at, zero};
use crate::features::{CHOICE, DEPTHWISE};
use crate::kernels::{Arithmetic, quotient};

/// Most channels that a frame may have.
const MAX_CHANNELS: u16 = 64;
/// Most rows, channels or taps of a layer.
const MAX_SIZE: u16 = 8192;

/// Checks all tables of a model whose header and bounds are known to be sound.
pub(super) fn model(model: &Model<'_>) -> Result<(), ModelError> {
    let directory = model.directory();
    let header = model.header();
    let sizes_agree = header.hop == directory.encoder.rows
        && header.channels == directory.encoder.channels
        && header.symbols_per_hop == directory.symbol_count
        && directory.decoder.channels == directory.latent_channels;
    if !sizes_agree || header.hop == 0 || header.channels == 0 || header.channels > MAX_CHANNELS {
        return Err(ModelError::Shape(Part::Header));
    }
    scaling(model)?;
    net(model, &directory.encoder, Output::Hops, Part::EncoderLayer)?;
    net(model, &directory.decoder, Output::Rows, Part::DecoderLayer)?;
    let output = |net: &Net| model.line(net, usize::from(net.count));
    let (latents, samples) = (output(&directory.encoder), output(&directory.decoder));
    if latents.channels != directory.latent_channels || latents.rows != directory.decoder.rows {
        return Err(ModelError::Shape(Part::DecoderLayer(0)));
    }
    if samples.channels != header.channels || samples.rows != header.hop {
        return Err(ModelError::Shape(Part::DecoderLayer(directory.decoder.count.saturating_sub(1))));
    }
    let element = header.arithmetic.element_bytes();
    let stated = [(header.encoder_line_bytes, &directory.encoder), (header.decoder_line_bytes, &directory.decoder)];
    if stated.iter().any(|(bytes, net)| *bytes != net.elements.saturating_mul(element)) {
        return Err(ModelError::Plan(Part::Header));
    }
    symbols(model)?;
    quality(model)?;
    priors::priors(model)?;
    recurrent::recurrent(model)?;
    predictor::predictor(model)?;
    if CHOICE {
        choice::choice(model)?;
    }
    self_test(model)
}

/// Whether `length` bytes at `offset` lie in the tables, aligned to 8.
fn inside(model: &Model<'_>, offset: u32, length: usize) -> bool {
    let end = (offset as usize).checked_add(length);
    offset.is_multiple_of(8) && end.is_some_and(|end| end <= model.tables.len())
}

fn scaling(model: &Model<'_>) -> Result<(), ModelError> {
    let directory = model.directory();
    if !inside(model, directory.scaling, model.channels() * Scaling::BYTES) {
        return Err(ModelError::Bounds(Part::Scaling(0)));
    }
    for channel in 0..model.header().channels {
        let scaling = model.scaling(usize::from(channel));
        let sound = match model.header().arithmetic {
            Arithmetic::Integer => {
                let shifts = 1..=47;
                scaling.gain > 0
                    && scaling.gain_out > 0
                    && shifts.contains(&scaling.shift)
                    && shifts.contains(&scaling.shift_out)
            }
            Arithmetic::Float => [scaling.gain, scaling.gain_out].iter().all(|bits| is_positive(*bits as u32)),
        };
        if !sound {
            return Err(ModelError::Range(Part::Scaling(channel)));
        }
    }
    Ok(())
}

/// Whether these are the bits of a finite f32 above zero.
fn is_positive(bits: u32) -> bool {
    (1..f32::INFINITY.to_bits()).contains(&bits)
}

/// Checks a net's layers and their plan.
#[inline(never)]
fn net(model: &Model<'_>, net: &Net, output: Output, part: fn(u16) -> Part) -> Result<(), ModelError> {
    if net.channels == 0 || net.rows == 0 || net.channels > MAX_SIZE || net.rows > MAX_SIZE {
        return Err(ModelError::Shape(part(0)));
    }
    if net.count == 0 || usize::from(net.count) > MAX_LAYERS {
        return Err(ModelError::Shape(part(0)));
    }
    if !inside(model, net.layers, usize::from(net.count) * Layer::BYTES) {
        return Err(ModelError::Bounds(part(0)));
    }
    for index in 0..net.count {
        let checked = layer(model, net, index, part(index));
        #[expect(
            clippy::question_mark,
            reason = "it takes the error apart, and copies what is not whole words by `memcpy`"
        )]
        if checked.is_err() {
            return checked;
        }
    }
    let last = net.count - 1;
    if (0..net.count).any(|index| model.layer(net, usize::from(index)).reads(usize::from(net.count))) {
        return Err(ModelError::Shape(part(last)));
    }
    if memory_plan_follows(model, net, output) { Ok(()) } else { Err(ModelError::Plan(part(last))) }
}

/// Whether a net states the histories, last readers, delay and block size that follow from its layers, and its regions do not collide.
fn memory_plan_follows(model: &Model<'_>, net: &Net, output: Output) -> bool {
    let layer = |index: usize| model.layer(net, index);
    let mut demands = [zero(); MAX_LAYERS + 1];
    let found = plan::find_demands(&mut demands, net, output, layer);
    let line_follows = |(index, demand): (usize, &Demand)| {
        let read_last_by = |step: usize, line: u8| {
            demands.get(usize::from(line)).is_some_and(|demand| usize::from(demand.last_step) == step)
        };
        let lasts_follow = index.checked_sub(1).map(layer).is_none_or(|layer| {
            layer.last_of_input == read_last_by(index, layer.input)
                && layer.last_of_other == (layer.kind == Kind::Add && read_last_by(index, layer.other))
        });
        lasts_follow && model.line(net, index).history == demand.history
    };
    demands.iter().enumerate().take(usize::from(net.count) + 1).all(line_follows)
        && found == Some((net.delay, net.receptive_hops))
        && layout::block_elements(net, &demands, layer) == Some(net.elements)
}

fn layer(model: &Model<'_>, net: &Net, index: u16, part: Part) -> Result<(), ModelError> {
    let at = (net.layers as usize).saturating_add(usize::from(index) * Layer::BYTES);
    let record = words_at(model.tables, at);
    if !Layer::is_sound(record) {
        return Err(ModelError::Range(part));
    }
    let layer = Layer::from_words(record);
    if u16::from(layer.input) > index || u16::from(layer.other) > index {
        return Err(ModelError::Shape(part));
    }
    let (input, other) = (model.line(net, usize::from(layer.input)), model.line(net, usize::from(layer.other)));
    let sizes = [layer.channels, layer.rows, layer.kernel, layer.stride, layer.upsample];
    if sizes.iter().any(|size| *size == 0 || *size > MAX_SIZE) || layer.padding > MAX_SIZE {
        return Err(ModelError::Shape(part));
    }
    if plan::rows(&layer, &input) != Some(layer.rows) {
        return Err(ModelError::Shape(part));
    }
    if plan::delay(&layer, &input, &other) != Some(layer.delay) {
        return Err(ModelError::Plan(part));
    }
    match layer.kind {
        Kind::Add => add(model, &layer, &input, &other, part),
        Kind::Convolution => weights(model, &layer, &input, part),
        Kind::Depthwise if !DEPTHWISE => Err(ModelError::Unsupported(part)),
        Kind::Depthwise if layer.channels != input.channels => Err(ModelError::Shape(part)),
        Kind::Depthwise => weights(model, &layer, &input, part),
    }
}

fn add(model: &Model<'_>, layer: &Layer, input: &Line, other: &Line, part: Part) -> Result<(), ModelError> {
    let equal = [input, other].iter().all(|line| line.channels == layer.channels && line.rows == layer.rows);
    if !equal {
        return Err(ModelError::Shape(part));
    }
    let sum = i32::from(layer.multiplier).abs() + i32::from(layer.other_multiplier).abs();
    if model.header().arithmetic == Arithmetic::Integer && (sum >= 1 << 16 || !(1..=15).contains(&layer.shift)) {
        return Err(ModelError::Range(part));
    }
    Ok(())
}

fn weights(model: &Model<'_>, layer: &Layer, input: &Line, part: Part) -> Result<(), ModelError> {
    let float = model.header().arithmetic == Arithmetic::Float;
    let Some(length) = plan::weight_bytes(layer, input.row_elements(), float) else {
        return Err(ModelError::Shape(part));
    };
    if length != layer.weights_length {
        return Err(ModelError::Shape(part));
    }
    if !inside(model, layer.weights, length as usize) {
        return Err(ModelError::Bounds(part));
    }
    if float {
        return Ok(());
    }
    let sound = if layer.kind == Kind::Depthwise { is_depthwise_requantization } else { is_requantization };
    let blocks = (u32::from(layer.upsample) * plan::row_elements(layer.channels)).div_ceil(4);
    let block_bytes = quotient(length, blocks) as usize;
    requantizations(model.weights(layer), block_bytes, sound, part)
}

/// Checks the multipliers and shifts at the ends of a weight stream's blocks.
fn requantizations(
    stream: &[u8],
    block_bytes: usize,
    sound: fn(u32, u32, u32) -> bool,
    part: Part,
) -> Result<(), ModelError> {
    // `max` changes nothing, but shows the compiler that `chunks` cannot panic.
    for block in stream.chunks(block_bytes.max(48)) {
        let requantizations = block.get(block.len().saturating_sub(32)..).unwrap_or_default();
        for requantization in requantizations.chunks_exact(8) {
            let (packed, second) = (u32_at(requantization, 0), u32_at(requantization, 4));
            if packed >> 31 != 0 || !sound(packed >> 16, packed & 0xffff, second) {
                return Err(ModelError::Range(part));
            }
        }
    }
    Ok(())
}

/// `shift` is `s − 16`: the second word is the rounding term.
fn is_requantization(_: u32, shift: u32, second: u32) -> bool {
    (1..=31).contains(&shift) && second == 1 << (shift - 1)
}

/// The second word is the multiplier for cores that take the high word of a product: `m · 2^(32 − s)`.
fn is_depthwise_requantization(multiplier: u32, shift: u32, second: u32) -> bool {
    (1..=16).contains(&shift) && second == multiplier << (16 - shift)
}

fn symbols(model: &Model<'_>) -> Result<(), ModelError> {
    let directory = model.directory();
    let count = usize::from(directory.symbol_count);
    if count == 0 || count > usize::from(MAX_SIZE) {
        return Err(ModelError::Shape(Part::Symbol(0)));
    }
    if !inside(model, directory.symbols, count * Symbol::BYTES) {
        return Err(ModelError::Bounds(Part::Symbol(0)));
    }
    if directory.told > 1 {
        return Err(ModelError::Range(Part::Directory));
    }
    if !level_ramp_is_within_margin(model) {
        return Err(ModelError::Range(Part::Header));
    }
    for index in 0..directory.symbol_count {
        let at = directory.symbols as usize + usize::from(index) * Symbol::BYTES;
        let part = Part::Symbol(index);
        let record = words_at(model.tables, at);
        if !Symbol::is_sound(record) {
            return Err(ModelError::Range(part));
        }
        let symbol = Symbol::from_words(record);
        self::symbol(model, &symbol, part)?;
    }
    Ok(())
}

/// Whether all frames over which a level moves lie within a hop, and within what is degraded where a run begins: a decoder may not know from where.
fn level_ramp_is_within_margin(model: &Model<'_>) -> bool {
    let (header, decoder) = (model.header(), model.directory().decoder);
    let most = decoder.degraded_frames(header.hop).min(header.hop.into());
    header.level_ramp == 0 || (header.level_ramp < 16 && 1 << header.level_ramp <= most)
}

fn symbol(model: &Model<'_>, symbol: &Symbol, part: Part) -> Result<(), ModelError> {
    let directory = model.directory();
    let end = u32::from(symbol.first) + u32::from(symbol.channels);
    // Of the latent that tells the decoder the quality no symbol speaks.
    let spoken = directory.latent_channels.saturating_sub(directory.told);
    if symbol.channels == 0 || end > u32::from(spoken) || symbol.row >= directory.decoder.rows {
        return Err(ModelError::Shape(part));
    }
    let sound = match symbol.kind {
        SymbolKind::Index => {
            (2..=MAX_ALPHABET).contains(&symbol.alphabet)
                && u32::from(symbol.bits) == (u32::from(symbol.alphabet) - 1).checked_ilog2().unwrap_or(0) + 1
        }
        SymbolKind::Integer => symbol.channels == 1 && symbol.alphabet == 0 && (2..=12).contains(&symbol.bits),
    };
    if !sound {
        return Err(ModelError::Range(part));
    }
    let length = symbol_table_bytes(symbol, model.header().arithmetic).ok_or(ModelError::Shape(part))?;
    if !inside(model, symbol.table, length) {
        return Err(ModelError::Bounds(part));
    }
    if symbol.kind == SymbolKind::Integer {
        for quality in 1..=QUALITIES as u8 {
            let step = model.step(symbol, quality);
            let sound = match model.header().arithmetic {
                Arithmetic::Integer => {
                    (1..=32767).contains(&step.divide)
                        && (1..=32767).contains(&step.multiply)
                        && (1..=30).contains(&step.divide_shift)
                        && (1..=15).contains(&step.multiply_shift)
                }
                Arithmetic::Float => is_positive(u32::from(step.multiply) << 16 | u32::from(step.divide)),
            };
            if !sound {
                return Err(ModelError::Range(part));
            }
        }
    }
    Ok(())
}

fn quality(model: &Model<'_>) -> Result<(), ModelError> {
    let directory = model.directory();
    if !inside(model, directory.quality, 2 * QUALITIES) {
        return Err(ModelError::Bounds(Part::Quality));
    }
    if directory.told == 1 {
        let element = model.header().arithmetic.element_bytes() as usize;
        if !inside(model, directory.quality, TOLD + QUALITIES * element) {
            return Err(ModelError::Bounds(Part::Quality));
        }
        let reserved = directory.quality as usize + 2 * QUALITIES..directory.quality as usize + TOLD;
        if reserved.into_iter().any(|place| u8_at(model.tables, place) != 0) {
            return Err(ModelError::Reserved);
        }
        let finite = |place| f32::from_bits(u32_at(model.tables, directory.quality as usize + place)).is_finite();
        if element == 4 && !(TOLD..).step_by(4).take(QUALITIES).all(finite) {
            return Err(ModelError::Range(Part::Quality));
        }
    }
    let mut fewest = 1;
    for row in 0..QUALITIES {
        let stages = u8_at(model.tables, directory.quality as usize + row);
        if stages < fewest {
            return Err(ModelError::Range(Part::Quality));
        }
        fewest = stages;
    }
    let nothing_sent = model.numbered_symbols(1).next().is_none();
    let all_sent = model.symbols(QUALITIES as u8).count() == usize::from(directory.symbol_count);
    if nothing_sent || !all_sent { Err(ModelError::Range(Part::Quality)) } else { Ok(()) }
}

fn self_test(model: &Model<'_>) -> Result<(), ModelError> {
    let directory = model.directory();
    let frames = usize::from(directory.test_frame_count) * model.channels() * 2;
    let packet = usize::from(directory.test_packet_length);
    if !inside(model, directory.test_frames, frames) || !inside(model, directory.test_packet, packet) {
        return Err(ModelError::Bounds(Part::SelfTest));
    }
    if frames == 0 || packet == 0 { Err(ModelError::Shape(Part::SelfTest)) } else { Ok(()) }
}
