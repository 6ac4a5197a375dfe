//! The model's self-test: on this device, does it make the packet and the samples that it made where it was exported?

use core::fmt;

use super::{Decoder, DecoderError, Encoder, EncoderError, Options};
use crate::bytes::i16_at;
use crate::model::Model;
use crate::model::header::CRC_32;
use crate::packet::PacketError;

/// Why a self-test failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum SelfTestError {
    /// The encoder could not be made.
    Encoder(EncoderError),
    /// The decoder could not be made.
    Decoder(DecoderError),
    /// The test packet was refused.
    Packet(PacketError),
    /// The encoder made other bytes than the exporter.
    OtherPacket,
    /// The decoder made other samples than the exporter.
    OtherSamples,
}

impl fmt::Display for SelfTestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Encoder(error) => error.fmt(f),
            Self::Decoder(error) => error.fmt(f),
            Self::Packet(error) => error.fmt(f),
            Self::OtherPacket => f.write_str("self-test: the encoder's packet differs from the exporter's"),
            Self::OtherSamples => f.write_str("self-test: the decoder's samples differ from the exporter's"),
        }
    }
}

impl core::error::Error for SelfTestError {}

/// Encodes the model's test frames in one packet and compares it with the one in the model.
///
/// `memory` is the encoder's: it must be large enough for packets of [`Model::self_test_packet_bytes`].
///
/// # Errors
/// [`SelfTestError::OtherPacket`], or that the encoder cannot be made.
pub fn self_test_encoder(model: Model<'_>, memory: &mut [u8]) -> Result<(), SelfTestError> {
    let (frames, expected, _) = model.self_test();
    let options = Options::new().packet_bytes(model.self_test_packet_bytes());
    let mut encoder = Encoder::new(model, memory, options).map_err(SelfTestError::Encoder)?;
    let mut frame = [0i32; 64];
    let frame = frame.get_mut(..model.channels()).unwrap_or_default();
    for bytes in frames.chunks_exact(model.channels().max(1) * 2) {
        for (channel, sample) in frame.iter_mut().enumerate() {
            *sample = model.scaling(channel).offset.saturating_add(i32::from(i16_at(bytes, channel * 2)));
        }
        if let Some(packet) = encoder.push(frame).map_err(SelfTestError::Encoder)? {
            return if packet == expected { Ok(()) } else { Err(SelfTestError::OtherPacket) };
        }
    }
    match encoder.finish() {
        Some(packet) if packet == expected => Ok(()),
        _ => Err(SelfTestError::OtherPacket),
    }
}

/// Decodes the model's test packet and compares the samples' CRC-32 with the one in the model.
///
/// # Errors
/// [`SelfTestError::OtherSamples`], or that the decoder cannot be made or refuses the packet.
pub fn self_test_decoder(model: Model<'_>, memory: &mut [u8]) -> Result<(), SelfTestError> {
    let (_, packet, expected) = model.self_test();
    let crc = decoded_crc(model, memory, packet)?;
    if crc == expected { Ok(()) } else { Err(SelfTestError::OtherSamples) }
}

/// The CRC-32 of what a packet decodes to, the look-ahead included, as little-endian 32-bit numbers: what the exporter stores.
///
/// # Errors
/// That the decoder cannot be made or refuses the packet.
pub fn decoded_crc(model: Model<'_>, memory: &mut [u8], packet: &[u8]) -> Result<u32, SelfTestError> {
    let mut decoder = Decoder::new(model, memory).map_err(SelfTestError::Decoder)?;
    let mut digest = CRC_32.digest();
    let mut blocks = decoder.packet(packet).map_err(SelfTestError::Packet)?;
    while let Some(block) = blocks.next() {
        block.frames.iter().for_each(|sample| digest.update(&sample.to_le_bytes()));
    }
    drop(blocks);
    let mut blocks = decoder.finish();
    while let Some(block) = blocks.next() {
        block.frames.iter().for_each(|sample| digest.update(&sample.to_le_bytes()));
    }
    drop(blocks);
    Ok(digest.finalize())
}
