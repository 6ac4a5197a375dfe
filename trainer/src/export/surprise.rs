//! How many bits a hop may take before an encoder gives up best effort: more than any stretch of the training frames took.

use vq_core::model::{Model, QUALITIES};
use vq_core::{Encoder, Options, packet_codes, running_mean};

use super::file::HostMemory;
use super::priors::PriorError;

/// Frames that are looked at, from the first one on.
const MOST_FRAMES: usize = 100_000;
/// Packets as most radios send them, for priors start anew in each.
const PACKET_BYTES: usize = 244;
/// What signal of the same kind may take more than the worst of the training frames: one and a half times as much, and some bits.
const ALLOWANCE: f64 = 1.5;
const ALLOWED_BITS: f64 = 8.0;

/// The limit of each quality, in bits of a hop as an encoder's running mean has it, from what `model` makes of `samples` `[time, channels]`.
///
/// # Errors
/// That the model cannot encode the samples.
pub fn limits(model: Model<'_>, samples: &[i32]) -> Result<[u16; QUALITIES], PriorError> {
    let samples = &samples[..samples.len().min(MOST_FRAMES * model.channels())];
    let mut limits = [0; QUALITIES];
    for (quality, limit) in (1..).zip(&mut limits) {
        let most = f64::from(most_surprising(model, samples, quality)?) / 256.0;
        *limit = (most * ALLOWANCE + ALLOWED_BITS).min(f64::from(u16::MAX)) as u16;
    }
    Ok(limits)
}

/// The highest running mean of the hops' bits, in 1/256 bit.
fn most_surprising(model: Model<'_>, samples: &[i32], quality: u8) -> Result<u32, PriorError> {
    let bytes = PACKET_BYTES.max(model.least_packet_bytes(quality));
    let options = Options::new().packet_bytes(bytes).quality(quality).follow_input(false);
    let mut memory = HostMemory::new(model.encoder_memory(options));
    let mut encoder = Encoder::new(model, memory.bytes(), options)?;
    let (mut mean, mut most) = (model.expected_hop_cost(quality), 0);
    let mut see = |packet: &[u8]| -> Result<(), PriorError> {
        let mut memory = vec![0; model.prior_memory() / 2];
        let mut codes = packet_codes(model, packet, &mut memory)?;
        while codes.next_hop().map(Iterator::count).is_some() {
            mean = running_mean(mean, u64::from(codes.hop_cost().div_ceil(256)));
            most = most.max(mean);
        }
        Ok(())
    };
    for frame in samples.chunks_exact(model.channels()) {
        if let Some(packet) = encoder.push(frame)? {
            see(packet)?;
        }
    }
    while let Some(packet) = encoder.finish() {
        see(packet)?;
    }
    Ok(most)
}
