//! What any bytes must survive: as a model, as packets, as a file. The fuzz targets run these functions, and so do the tests.
//!
//! They return normally whatever they are given; a panic, a hang or an endless allocation is the finding.

use vq_core::model::header::seal;
use vq_core::{Decoder, Encoder, Mode, Model, Options, packet_codes};
use vq_trainer::codec::HostCodec;
use vq_trainer::export::file::{HostMemory, ModelBytes};
use vq_trainer::stream;

/// A model with integer latents, contexts and escapes.
pub const SCALAR_MODEL: &[u8] = include_bytes!("../vectors/scalar.vqm");
/// A model of two channels with residual codebooks.
pub const RESIDUAL_MODEL: &[u8] = include_bytes!("../vectors/residual.vqm");

/// Models that need more memory than this are parsed and not run.
const MOST_MEMORY: usize = 1 << 24;

/// Bytes as a model: as they are, and with the checksum that would let them in. What is let in encodes and decodes.
pub fn model(bytes: &[u8]) {
    let _ = ModelBytes::new(bytes).model().map(exercise);
    let mut sealed = bytes.to_vec();
    if let Some(length) = sealed.get_mut(8..12) {
        length.copy_from_slice(&(bytes.len() as u32).to_le_bytes());
        seal(&mut sealed);
        let _ = ModelBytes::new(&sealed).model().map(exercise);
    }
}

/// Encodes and decodes the loudest signal with a model.
///
/// # Panics
/// If a model that was let in does not read its own packets.
pub fn exercise(model: Model<'_>) {
    exercise_with(model, Options::new());
    // Falls back, moves its quality, and has levels that follow its input.
    exercise_with(model, Options::new().fallback(Mode::Bounded(1)).budget(100, 1));
}

fn exercise_with(model: Model<'_>, options: Options) {
    if model.encoder_memory(options).saturating_add(model.decoder_memory()) > MOST_MEMORY {
        return;
    }
    let mut memory = HostMemory::new(model.encoder_memory(options));
    let mut decoder_memory = HostMemory::new(model.decoder_memory());
    let frame = [i32::MAX, i32::MIN, 17].into_iter().cycle().take(model.channels()).collect::<Vec<_>>();
    let Ok(mut encoder) = Encoder::new(model, memory.bytes(), options) else { return };
    let mut decoder = Decoder::new(model, decoder_memory.bytes()).expect("the memory is as large as the model says");
    for _ in 0..model.hop() * 3 {
        if let Some(packet) = encoder.push(&frame).expect("the frame has the model's channels") {
            drop(decoder.packet(packet).expect("an own packet is accepted"));
        }
    }
    while let Some(packet) = encoder.finish() {
        drop(decoder.packet(packet).expect("an own packet is accepted"));
    }
    drop(decoder.finish());
}

/// Bytes as packets that reach one decoder: a byte says which model, then each packet is its length in a byte and its bytes. All are
/// given as they are and with the checksum that would let them in.
///
/// # Panics
/// If the test's own models are not sound.
pub fn packets(bytes: &[u8]) {
    let Some((which, mut rest)) = bytes.split_first() else { return };
    let file = ModelBytes::new(if which & 1 == 0 { SCALAR_MODEL } else { RESIDUAL_MODEL });
    let model = file.model().expect("the vectors are sound");
    let mut memory = HostMemory::new(model.decoder_memory());
    let mut decoder = Decoder::new(model, memory.bytes()).expect("the memory is as large as the model says");
    while let Some((length, after)) = rest.split_first() {
        let (packet, after) = after.split_at(usize::from(*length).min(after.len()));
        rest = after;
        for packet in [packet.to_vec(), with_checksum(model, packet)] {
            if let Ok(mut blocks) = decoder.packet(&packet) {
                // A packet may say that it has millions of empty hops: the first show what the others do.
                for _ in 0..200 {
                    if blocks.next().is_none() {
                        break;
                    }
                }
                // What is left would be decoded when the blocks are dropped.
                std::mem::forget(blocks);
            }
            let mut codes = vec![0; 2 * usize::from(model.header().symbols_per_hop)];
            if let Ok(mut codes) = packet_codes(model, &packet, &mut codes) {
                (0..200).for_each(|_| _ = codes.next_hop().map(Iterator::count));
            }
        }
    }
    drop(decoder.finish());
}

/// A packet's bytes, with the checksum that they should have behind them.
#[must_use]
pub fn with_checksum(model: Model<'_>, body: &[u8]) -> Vec<u8> {
    let crc = crc_16(model.identity().into_iter().chain(body.iter().copied()));
    [body, &crc.to_le_bytes()].concat()
}

/// CRC-16 IBM-3740, bit by bit.
pub fn crc_16(bytes: impl IntoIterator<Item = u8>) -> u16 {
    bytes.into_iter().fold(0xffff, |crc: u16, byte| {
        (0..8).fold(crc ^ u16::from(byte) << 8, |crc, _| if crc & 0x8000 == 0 { crc << 1 } else { crc << 1 ^ 0x1021 })
    })
}

/// Bytes as a stream file, which is decoded as far as it is one.
///
/// # Panics
/// If the test's own models are not sound.
pub fn file(bytes: &[u8]) {
    let found = stream::parse(bytes);
    for model in [SCALAR_MODEL, RESIDUAL_MODEL] {
        let model = ModelBytes::new(model);
        let codec = HostCodec::new(&model).expect("the vectors are sound");
        for segment in &found.segments {
            drop(codec.decode(segment, "hostile"));
        }
    }
}
