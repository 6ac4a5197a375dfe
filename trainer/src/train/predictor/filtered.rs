//! What the filter beside the net expects: the same integers as on the device, which depend on the points alone and so can be had before training.

use tch::Tensor;
use vq_core::model::predictor::KEPT_DIFFERENCES;
use vq_core::residual::filter::{Filter, cross, inputs};

/// What a filter expects and by how much it erred before, in points, behind every point of `[frames, channels]` but the first of each channel, from
/// frame `from` on: `[channels, frames - 1 - from, 2]`.
pub(super) fn filtered(points: &[i32], channels: usize, from: usize, rate: u8) -> Tensor {
    let mut words = vec![[0; Filter::WORDS]; channels];
    let mut differences = vec![[0; KEPT_DIFFERENCES]; channels];
    let steps = (points.len() / channels.max(1)).saturating_sub(1 + from);
    let mut values = vec![0f32; channels * steps * 2];
    let frames: Vec<&[i32]> = points.chunks_exact(channels).collect();
    for (time, pair) in frames.windows(2).enumerate() {
        for channel in 0..channels {
            let seen = inputs(&differences[channel], cross(channel, |before| Some(differences[before][0])));
            let Some(mut filter) = Filter::new(&mut words[channel]) else { continue };
            let said = filter.expect(&seen);
            if let Some(step) = time.checked_sub(from) {
                let place = (channel * steps + step) * 2;
                values[place..place + 2].iter_mut().zip(said).for_each(|(value, x)| *value = x as f32 / 256.0);
            }
            let difference = pair[1][channel].wrapping_sub(pair[0][channel]);
            filter.take(&seen, difference, rate);
            differences[channel].rotate_right(1);
            differences[channel][0] = difference;
        }
    }
    Tensor::from_slice(&values).view([channels as i64, steps as i64, 2])
}
