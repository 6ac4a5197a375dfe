//! The codec of microvq: samples to codes to packets, and back, on a microcontroller.
//!
//! A sample's way through this crate, and its modules in the same order:
//!
//! ```text
//! samples ─ nn ─ latents ─ codebook ─ codes ─ prior + coder ─ packet      (Encoder)
//! packet ─ coder + prior ─ codes ─ codebook ─ latents ─ nn ─ samples      (Decoder)
//! ```
//!
//! Everything between samples and bytes is integer arithmetic with one defined result on every core, so that the
//! host, a Cortex-M0 and a RISC-V produce the same packets from the same samples. Nothing allocates, and nothing
//! panics: a model is checked once by [`Model::parse`], and what was checked cannot fail afterwards.
//!
//! ```
//! use vq_core::{Decoder, Encoder, EncoderError, Options};
//!
//! fn first_packet_length(model: &[u8], samples: &[i32]) -> Result<Option<usize>, Box<dyn core::error::Error>> {
//!     const OPTIONS: Options = Options::new().packet_bytes(64);
//!     let model = vq_core::Model::parse(model)?;
//!     let mut memory = vec![0u64; model.encoder_memory(OPTIONS).div_ceil(8)];
//!     let mut encoder = Encoder::new(model, bytemuck::cast_slice_mut(&mut memory), OPTIONS)?;
//!     for &sample in samples {
//!         if let Some(packet) = encoder.push(&[sample])? {
//!             return Ok(Some(packet.len()));
//!         }
//!     }
//!     Ok(None)
//! }
//! ```
//!
//! # Features
//!
//! * `prediction`, `priors`, `index-priors`, `depthwise`, `choice`, `levels`, `budget`, on unless told otherwise: bounded and lossless packets, priors, depthwise
//!   convolutions, codes chosen by bits and distortion, inputs that move, a budget of bits. An image that leaves one out is smaller, and
//!   [`Model::parse`], [`Encoder::new`], [`Encoder::set_input`] and [`Decoder::packet`] refuse what needs it.
//! * `small-kernels`: convolutions window by window, also where the core has loops for several at a time: 1.7 KB less code on a Cortex-M4, with
//!   depthwise layers 2.8.
//! * `f32`: the float path, a reference on the host and a convenience on cores with an FPU.
//! * `heapless`: a queue of packets for a radio that is slower than the encoder for a while (`packet::PacketQueue`).
//! * `embedded-io`: frames of packets into a serial port or a flash chip (`packet::FrameWriter`).
//! * `defmt`: `defmt::Format` for all errors, and for what packets and blocks say of themselves.
//! * `std`: kernels for the host's processor, on x86-64 with AVX2, chosen at run time. For gateways; it needs the standard library there.
//! * `metadata`: reading a model's name, rate, channels and training run from its postcard message.
#![no_std]
#![deny(unsafe_code)]
#![deny(missing_docs)]
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

#[cfg(target_endian = "big")]
compile_error!("models are little-endian and used in place: big-endian targets are not supported");

mod bytes;
mod codebook;
mod codec;
pub mod coder;
mod features;
pub mod kernels;
mod memory;
pub mod model;
mod nn;
pub mod packet;
pub mod prior;
pub mod residual;

pub use codec::{
    Block, Blocks, Codes, Decoder, DecoderError, Encoder, EncoderError, FeedError, FrameQueue, Frames, Level, Options,
    Piece, Progress, SelfTestError, Status, Surprisal, decoded_crc, packet_codes, running_mean, self_test_decoder,
    self_test_encoder,
};
pub use memory::{Aligned, Memory, channels, decoder_memory, encoder_memory};
pub use model::{Model, ModelError};
pub use packet::{Mode, PacketError, cobs};
