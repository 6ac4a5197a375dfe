//! The host side of microvq: reads recordings, trains VQ-VAE codecs, lowers them to the integer container that
//! `vq-core` runs, and is the library behind the `vq` program.
//!
//! Without the `train` feature nothing here needs libtorch: encoding, decoding, evaluating, exporting and inspecting
//! all go through `vq-core`, the code that runs on the device.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod architecture;
pub mod bitrate;
pub mod bound;
pub mod budget;
pub mod cli;
pub mod codec;
pub mod config;
pub mod data;
pub mod datasets;
pub mod evaluate;
pub mod export;
mod hexadecimal;
pub mod images;
pub mod laboratory;
pub mod metrics;
pub mod report;
pub mod run;
pub mod shipped;
pub mod stream;
pub mod summary;
pub mod vectors;

#[cfg(feature = "train")]
pub mod nn;
#[cfg(feature = "train")]
pub mod quantizer;
#[cfg(feature = "train")]
pub mod random;
#[cfg(feature = "train")]
pub mod train;
