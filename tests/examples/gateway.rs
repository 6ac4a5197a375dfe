//! A gateway: hears the packets of many devices in any order, keeps a decoder for each of them, and says what every one sent.
//!
//! Run it with the packets of three devices over a link that loses, repeats and mixes: `cargo run -p vq-tests --example gateway`.
//! A radio gives every packet with the address of its sender; the packets themselves say nothing about it. All devices here have one model;
//! a gateway of several looks its model up by the address too.

use std::collections::BTreeMap;
use std::error::Error;

use vq_core::{Decoder, Memory, Model, Options, PacketError, Status};
use vq_tests::hostile::SCALAR_MODEL;
use vq_tests::{Noise, encode};
use vq_trainer::export::file::ModelBytes;

/// The address of a device.
pub(crate) type Address = u64;

/// The most bytes of a decoder's memory that this gateway gives to a device.
const MEMORY: usize = 16 * 1024;

/// What came of a device of one channel so far.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Signal {
    /// Its samples by the position of their frame.
    pub(crate) samples: BTreeMap<u64, i32>,
    /// Frames that are lost.
    pub(crate) lost: u64,
    /// Frames near a loss.
    pub(crate) degraded: u64,
    /// Packets that were refused, with the reason.
    pub(crate) refused: Vec<PacketError>,
}

/// A device as the gateway knows it.
#[derive(Debug)]
struct Device<'a> {
    decoder: Decoder<'a>,
    signal: Signal,
}

/// Decoders by address: a new address gets one with its first packet.
#[derive(Debug)]
pub(crate) struct Gateway<'a> {
    model: Model<'a>,
    devices: BTreeMap<Address, Device<'a>>,
}

impl<'a> Gateway<'a> {
    /// Hears no device yet.
    #[must_use]
    pub(crate) fn new(model: Model<'a>) -> Self {
        Self { model, devices: BTreeMap::new() }
    }

    /// Takes a packet, whoever sent it and whatever came before.
    ///
    /// # Errors
    /// A model whose decoder needs more memory than a device is given.
    pub(crate) fn hear(&mut self, address: Address, packet: &[u8]) -> Result<(), Box<dyn Error>> {
        if !self.devices.contains_key(&address) {
            // A device stays as long as the program: its memory is given to it for good.
            let memory = Box::leak(Box::new(Memory::<MEMORY>::new()));
            let decoder = Decoder::new(self.model, memory.bytes())?;
            self.devices.insert(address, Device { decoder, signal: Signal::default() });
        }
        if let Some(Device { decoder, signal }) = self.devices.get_mut(&address) {
            match decoder.packet(packet) {
                Ok(mut blocks) => {
                    while let Some(block) = blocks.next() {
                        signal.take(block.first_frame, block.frames, block.status);
                    }
                }
                // Damaged, repeated, too late, or of another model: it costs itself.
                Err(error) => signal.refused.push(error),
            }
        }
        Ok(())
    }

    /// Gives what still waited in the decoders.
    #[must_use]
    pub(crate) fn finish(mut self) -> BTreeMap<Address, Signal> {
        for Device { decoder, signal } in self.devices.values_mut() {
            let mut blocks = decoder.finish();
            while let Some(block) = blocks.next() {
                signal.take(block.first_frame, block.frames, block.status);
            }
        }
        self.devices.into_iter().map(|(address, device)| (address, device.signal)).collect()
    }
}

impl Signal {
    fn take(&mut self, first_frame: u64, frames: &[i32], status: Status) {
        match status {
            Status::Complete => {}
            Status::Degraded => self.degraded += frames.len() as u64,
            Status::Gap { frames } => self.lost += frames,
            // Positions count anew: what was before is another recording.
            Status::NewStream => self.samples.clear(),
        }
        self.samples.extend((first_frame..).zip(frames.iter().copied()));
    }
}

/// Runs the link and prints a line for each device.
///
/// # Errors
/// A model that is not sound, or needs more memory than a device is given.
pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    let file = ModelBytes::new(SCALAR_MODEL);
    let model = file.model()?;
    let options = Options::new().packet_bytes(60).packet_hops(12);
    let mut noise = Noise::new(1);
    let mut draw = |below: usize| ((noise.draw() + 1.0) / 2.0 * below as f32) as usize % below;

    // Three devices, each with a signal of its own.
    let addresses: [Address; 3] = [0x10, 0x2f, 0x33];
    let signal = |device: usize| -> Vec<i32> {
        (0..2000).map(|t| (300.0 * (t as f64 / (7.0 + device as f64)).sin()) as i32).collect()
    };
    let sent: Vec<Vec<Vec<u8>>> = (0..addresses.len()).map(|device| encode(model, options, &signal(device))).collect();

    // The link hears the devices in turns of chance, loses a packet in ten, repeats one in ten, and damages one in twenty.
    let mut gateway = Gateway::new(model);
    let mut next = [0; 3];
    while next.iter().zip(&sent).any(|(next, packets)| *next < packets.len()) {
        let device = draw(addresses.len());
        let Some(packet) = sent[device].get(next[device]) else { continue };
        next[device] += 1;
        let chance = draw(20);
        if chance < 2 {
            continue;
        }
        let mut heard = packet.clone();
        if chance == 2 {
            heard[7] ^= 1;
        }
        for _ in 0..if chance < 5 { 2 } else { 1 } {
            gateway.hear(addresses[device], &heard)?;
        }
    }

    for (address, signal) in gateway.finish() {
        let device = addresses.iter().position(|known| *known == address).unwrap_or_default();
        println!(
            "device {address:#04x}: {} packets sent, {} refused; {} frames, {} lost, {} degraded",
            sent[device].len(),
            signal.refused.len(),
            signal.samples.len(),
            signal.lost,
            signal.degraded
        );
    }
    Ok(())
}
