//! Samples as packets, without a file around them: what a device sends.

use vq_core::{Encoder, EncoderError, Model, Options};

use crate::export::file::HostMemory;

/// The packets of samples `[time, channels]`, to the end of the stream.
///
/// # Errors
/// Options that do not suit the model.
pub fn packets(model: Model<'_>, options: Options, samples: &[i32]) -> Result<Vec<Vec<u8>>, EncoderError> {
    let mut memory = HostMemory::new(model.encoder_memory(options));
    let mut encoder = Encoder::new(model, memory.bytes(), options)?;
    let mut packets = Vec::new();
    for frame in samples.chunks_exact(model.channels()) {
        packets.extend(encoder.push(frame)?.map(<[u8]>::to_vec));
    }
    while let Some(packet) = encoder.finish() {
        packets.push(packet.to_vec());
    }
    Ok(packets)
}
