//! What is timed: packets of many devices in turns, and the decoder net over a long file.

use std::path::Path;

use anyhow::Result;
use vq_core::kernels::Native;
use vq_core::packet::Header;
use vq_core::{Decoder, Model, Options};
use vq_trainer::codec::packets;
use vq_trainer::data::Recording;
use vq_trainer::export::file::HostMemory;
use vq_trainer::export::lines::{decode_latents, latents};

use crate::write_numbers;

/// Hops that the net takes at a time where it has them all.
const BLOCK: usize = 256;

/// The packets of many devices that send at once.
pub(crate) struct Traffic {
    /// Of every device.
    packets: Vec<Vec<Vec<u8>>>,
}

impl Traffic {
    /// Devices that send `frames` frames each, every one another stretch of the recording.
    pub(crate) fn new(
        model: Model<'_>,
        recording: &Recording,
        options: Options,
        devices: usize,
        frames: usize,
    ) -> Result<Self> {
        let stretch = |device: usize| packets(model, options, &repeated(recording, device * 1237, frames));
        Ok(Self { packets: (0..devices).map(stretch).collect::<Result<_, _>>()? })
    }

    /// The device of every packet, in the order in which they are heard: one of each device in turn.
    fn turns(&self) -> impl Iterator<Item = (usize, &[u8])> {
        let most = self.packets.iter().map(Vec::len).max().unwrap_or(0);
        (0..most).flat_map(move |turn| {
            let heard = self.packets.iter().enumerate();
            heard.filter_map(move |(device, packets)| Some((device, packets.get(turn)?.as_slice())))
        })
    }

    /// Device and hops of every packet, in the order in which they are heard.
    pub(crate) fn order(&self, model: &Model<'_>) -> Result<Vec<(usize, usize)>> {
        self.turns().map(|(device, packet)| Ok((device, hops_of(packet, model)?))).collect()
    }

    /// Decodes all packets, as they are heard, with a decoder for each device; gives the number of samples.
    pub(crate) fn decode(&self, model: Model<'_>) -> Result<usize> {
        self.decode_into(model, |_, _| {})
    }

    fn decode_into(&self, model: Model<'_>, mut take: impl FnMut(usize, &[i32])) -> Result<usize> {
        let mut memories = vec![HostMemory::new(model.decoder_memory()); self.packets.len()];
        let decoders = memories.iter_mut().map(|memory| Decoder::new(model, memory.bytes()));
        let mut decoders = decoders.collect::<Result<Vec<_>, _>>()?;
        let mut samples = 0;
        for (device, packet) in self.turns() {
            let mut blocks = decoders[device].packet(packet)?;
            while let Some(block) = blocks.next() {
                samples += block.frames.len();
                take(device, block.frames);
            }
        }
        Ok(samples)
    }

    /// Writes latents and samples of all devices, one device after the other.
    pub(crate) fn write(&self, model: Model<'_>, folder: &Path, link: u32) -> Result<()> {
        let mut all = vec![Vec::new(); self.packets.len()];
        self.decode_into(model, |device, frames| all[device].extend_from_slice(frames))?;
        write_numbers(folder, &format!("samples-{link}.i32"), &all.concat())?;
        let latents = self.packets.iter().map(|packets| latents(&model, packets)).collect::<Result<Vec<_>, _>>()?;
        write_numbers(folder, &format!("latents-{link}.i16"), &latents.concat())
    }
}

/// A long file, as the latents that its packets hold.
pub(crate) struct Long(Vec<i16>);

impl Long {
    pub(crate) fn new(model: Model<'_>, recording: &Recording, options: Options, frames: usize) -> Result<Self> {
        Ok(Self(latents(&model, &packets(model, options, &repeated(recording, 0, frames))?)?))
    }

    /// Runs the net over all of it; gives the number of samples.
    pub(crate) fn run(&self, model: Model<'_>) -> usize {
        decode_latents::<Native>(&model, &self.0, BLOCK).len()
    }

    /// Writes the latents and what the net gives.
    pub(crate) fn write(&self, model: Model<'_>, folder: &Path) -> Result<()> {
        write_numbers(folder, "long-latents.i16", &self.0)?;
        write_numbers(folder, "long-output.i16", &decode_latents::<Native>(&model, &self.0, BLOCK))
    }
}

/// So many frames from a place on, the recording over and over.
fn repeated(recording: &Recording, from: usize, frames: usize) -> Vec<i32> {
    let channels = recording.channels.len();
    recording.samples.iter().copied().cycle().skip(from * channels).take(frames * channels).collect()
}

/// The hops of a packet, which its header says.
fn hops_of(packet: &[u8], model: &Model<'_>) -> Result<usize> {
    Ok(Header::parse(packet, &model.identity())?.0.hops as usize)
}
