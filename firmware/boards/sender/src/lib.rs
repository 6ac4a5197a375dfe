//! What the examples for real boards share: readings of a converter in, frames for a serial line out.
//!
//! A board's own part is its hardware. Its timer interrupt reads the converter and feeds [`FRAMES`]; its main loop calls
//! [`Sender::poll`] and writes the frames that come to a UART. What arrives at the other end is a `.vqs` file, or a piece of one:
//! `vq decode` reads it.
#![no_std]
#![deny(missing_docs)]

mod scale;
mod wire;

use core::fmt;

use vq_core::{Aligned, Encoder, EncoderError, FrameQueue, Memory, Model, ModelError, Options};

pub use vq_core::Progress;

pub use scale::{Scale, Sensor};
use wire::Wire;

/// The model: the file that VQ_MODEL named when this was built.
pub const MODEL: &Aligned<[u8]> = vq_core::include_model!(env!("VQ_MODEL"));

/// Few hops a packet, so that something is to be seen every few seconds and a byte lost on the line costs no more.
pub const OPTIONS: Options = Options::new().packet_bytes(PACKET_BYTES).packet_hops(32);
const PACKET_BYTES: usize = 244;

const _: () =
    assert!(vq_core::channels(MODEL) == 1, "the examples sample one channel: name a model of one in VQ_MODEL");

/// Readings between the interrupt and the main loop. While a frame is on the line nobody takes any: at 115200 baud up to 22 ms, so
/// that 64 are enough up to 2.9 kHz.
pub static FRAMES: FrameQueue<64> = FrameQueue::new(1);

/// What an encoder works in, sized at compile time for the model.
pub type SenderMemory = Memory<{ vq_core::encoder_memory(MODEL, OPTIONS) }>;

/// The encoder, and how the model wants its samples.
#[derive(Debug)]
pub struct Sender<'a> {
    encoder: Encoder<'a>,
    period_micros: u32,
    scale: Scale,
    wire: Wire,
}

/// Why a sender cannot start.
#[derive(Debug)]
#[non_exhaustive]
pub enum StartError {
    /// The model is damaged, or of another version.
    Model(ModelError),
    /// The model does not say its rate and units, or in another version's words.
    Metadata,
    /// A timer of 1 µs does not make the model's rate within 0.1 %.
    Rate {
        /// Samples per second in thousandths.
        millihertz: u64,
    },
    /// The packets are too small for the model.
    Encoder(EncoderError),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Model(error) => write!(f, "the model cannot be used: {error}"),
            Self::Metadata => f.write_str("the model does not say its rate and units: export it with this version"),
            Self::Rate { millihertz } => {
                write!(f, "a timer of 1 µs does not make the model's rate of {millihertz} millihertz within 0.1 %")
            }
            Self::Encoder(error) => write!(f, "the encoder cannot start: {error}"),
        }
    }
}

impl core::error::Error for StartError {}

impl<'a> Sender<'a> {
    /// A sender at the start of a stream, for readings of this sensor.
    ///
    /// # Errors
    /// A model that is damaged, says nothing about itself, wants a rate that no timer here makes, or larger packets.
    pub fn start(memory: &'a mut SenderMemory, sensor: Sensor) -> Result<Self, StartError> {
        let model = Model::parse(&MODEL.0).map_err(StartError::Model)?;
        let metadata = model.metadata().ok_or(StartError::Metadata)?;
        let channel = metadata.channels().next().ok_or(StartError::Metadata)?;
        let encoder = Encoder::new(model, memory.bytes(), OPTIONS).map_err(StartError::Encoder)?;
        Ok(Self {
            encoder,
            period_micros: period_micros(metadata.rate_millihertz)?,
            scale: Scale::new(sensor, channel.offset, channel.counts_per_unit).ok_or(StartError::Metadata)?,
            wire: Wire::new(),
        })
    }

    /// Microseconds between two readings.
    #[must_use]
    pub fn period_micros(&self) -> u32 {
        self.period_micros
    }

    /// Turns readings into the model's samples, for the interrupt.
    #[must_use]
    pub fn scale(&self) -> Scale {
        self.scale
    }

    /// The frame that begins a stream: it names the model. To be written before all others.
    ///
    /// So a receiver knows which model decodes what follows, and that the board has started again.
    pub fn header(&mut self) -> &[u8] {
        let name = self.encoder.model().metadata().map_or("", |metadata| metadata.name);
        self.wire.header(&self.encoder.model().identity(), name)
    }

    /// One bounded piece of work on the readings in [`FRAMES`]; [`Progress::Packet`] is a frame for the line.
    pub fn poll(&mut self) -> Progress<'_> {
        match self.encoder.poll(&FRAMES) {
            Ok(Progress::Packet(packet)) => Progress::Packet(self.wire.packet(packet)),
            Ok(Progress::Working) => Progress::Working,
            // A queue of other frames is the only error, and both have one channel.
            Ok(Progress::Idle) | Err(_) => Progress::Idle,
        }
    }

    /// Readings that were not sent because the main loop was too slow.
    #[must_use]
    pub fn lost_readings(&self) -> u64 {
        self.encoder.lost_frames()
    }
}

fn period_micros(millihertz: u64) -> Result<u32, StartError> {
    const MICROS: u64 = 1_000_000_000;
    let error = StartError::Rate { millihertz };
    let period = (MICROS + millihertz / 2).checked_div(millihertz).and_then(|period| u32::try_from(period).ok());
    match period {
        Some(period) if (u64::from(period) * millihertz).abs_diff(MICROS) <= MICROS / 1000 => Ok(period),
        _ => Err(error),
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::boxed::Box;
    use std::vec::Vec;

    use super::*;

    #[test]
    fn what_goes_out_is_what_the_encoder_makes() {
        let sensor = Sensor { zero: 2048, counts_per_unit: 400 };
        let readings = (0..5000).map(|time: i32| 2048 + (time * 37 % 600) - 300);
        let mut memory = Box::new(SenderMemory::new());
        let mut sender = Sender::start(&mut memory, sensor).unwrap();
        let scale = sender.scale();
        let header = sender.header();
        assert_eq!((header[0], header[1..].iter().position(|byte| *byte == 0)), (0, Some(header.len() - 2)));
        let mut sent = Vec::new();
        for reading in readings.clone() {
            FRAMES.feed(&[scale.sample(reading)]).unwrap();
            loop {
                match sender.poll() {
                    Progress::Packet(frame) => sent.push(unframed(frame)),
                    Progress::Working => {}
                    Progress::Idle => break,
                }
            }
        }
        assert_eq!(sender.lost_readings(), 0);

        let mut memory = Box::new(SenderMemory::new());
        let mut encoder = Encoder::new(Model::parse(&MODEL.0).unwrap(), memory.bytes(), OPTIONS).unwrap();
        let mut expected = Vec::new();
        for reading in readings {
            expected.extend(encoder.push(&[scale.sample(reading)]).unwrap().map(<[u8]>::to_vec));
        }
        assert!(sent.len() > 10 && sent == expected);
    }

    fn unframed(frame: &[u8]) -> Vec<u8> {
        let mut buffer = [0; PACKET_BYTES];
        let mut reader = vq_core::cobs::FrameReader::new(&mut buffer);
        let (last, rest) = frame.split_last().unwrap();
        assert!(rest.iter().all(|byte| reader.push(*byte).is_none()));
        reader.push(*last).unwrap().to_vec()
    }

    #[test]
    fn periods_are_close_or_refused() {
        assert_eq!(period_micros(360_000).unwrap(), 2778);
        assert_eq!(period_micros(1_000).unwrap(), 1_000_000);
        assert!(period_micros(44_100_000).is_err());
        assert!(period_micros(0).is_err());
        assert!(period_micros(u64::MAX).is_err());
    }
}
