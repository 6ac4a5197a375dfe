//! The streaming face: [`Encoder`] and [`Decoder`] over memory that the caller owns.

mod codes;
mod decoder;
mod encoder;
mod frame_queue;
pub(crate) mod level;
mod options;
mod self_test;
mod surprisal;

pub use codes::{Codes, packet_codes};
pub(crate) use decoder::LEVEL_WORDS as DECODER_LEVEL_WORDS;
pub use decoder::{Block, Blocks, Decoder, DecoderError, Piece, Status};
pub use encoder::running_mean;
pub use encoder::{Encoder, EncoderError, Progress};
pub use frame_queue::{FeedError, FrameQueue, Frames};
pub use level::Level;
pub use options::Options;
pub use self_test::{SelfTestError, decoded_crc, self_test_decoder, self_test_encoder};
pub use surprisal::Surprisal;

/// Runs `$body` with `$kernels` as the arithmetic of `$model`, over its lines `$lines` as elements of that arithmetic.
///
/// Lines are words, of which elements are parts: that is seen when this is compiled, not each time.
/// Without the float path a model is always integer, and the other arm is not compiled.
macro_rules! with_lines {
    ($model:expr, $memory:expr, |$kernels:ident, $lines:ident| $body:expr) => {
        match $model.header().arithmetic {
            crate::kernels::Arithmetic::Integer => {
                type $kernels = crate::kernels::Native;
                let $lines: &mut [i16] = bytemuck::try_cast_slice_mut($memory).unwrap_or_default();
                $body
            }
            #[cfg(feature = "f32")]
            crate::kernels::Arithmetic::Float => {
                type $kernels = crate::kernels::float::Float;
                let $lines: &mut [f32] = bytemuck::try_cast_slice_mut($memory).unwrap_or_default();
                $body
            }
            #[cfg(not(feature = "f32"))]
            crate::kernels::Arithmetic::Float => Default::default(),
        }
    };
}
pub(crate) use with_lines;
