//! Weights as the device will have them: int8, symmetric, one scale per output channel.

use tch::Tensor;

/// The largest int8 weight; −128 is not used, so that the range is symmetric.
const LARGEST: f64 = 127.0;

/// Which dimension of a weight counts its output channels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Axis {
    /// `[out, in, kernel]`, as convolutions have it.
    First,
    /// `[in, out, kernel]`, as transposed convolutions have it.
    Second,
}

/// The weight rounded to int8 and back: `scale · round(w / scale)` with `scale = max|w| / 127` over each output channel.
///
/// Gradients pass as if nothing had been rounded.
pub fn int8_image(weight: &Tensor, axis: Axis) -> Tensor {
    let others: [i64; 2] = match axis {
        Axis::First => [1, 2],
        Axis::Second => [0, 2],
    };
    let float = weight.detach();
    // A channel of zeros has no scale; any positive one leaves it zero.
    let scale = (float.abs().amax(others, true) / LARGEST).clamp_min(f64::from(f32::MIN_POSITIVE));
    let image = (&float / &scale).round() * scale;
    weight + (image - float)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(tensor: &Tensor) -> Vec<f32> {
        Vec::try_from(tensor.detach().flatten(0, -1)).unwrap()
    }

    #[test]
    fn every_output_channel_has_its_own_scale() {
        // Two output channels of one input channel and three taps.
        let weight = Tensor::from_slice(&[127.0f32, 3.4, -0.6, 0.254, -0.1, 0.0011]).view([2, 1, 3]);
        let image = values(&int8_image(&weight, Axis::First));
        for (got, wanted) in image.iter().zip([127.0, 3.0, -1.0, 0.254, -0.1, 0.002]) {
            assert!((got - wanted).abs() < 1e-6, "{image:?}");
        }
        // The same numbers with the channels in the second dimension of a transposed convolution.
        let transposed = int8_image(&weight.view([1, 2, 3]), Axis::Second);
        assert_eq!(values(&transposed), image);
    }

    #[test]
    fn at_most_255_levels_and_zeros_stay_zero() {
        tch::manual_seed(1);
        let weight = Tensor::randn([1, 20, 50], (tch::Kind::Float, tch::Device::Cpu));
        let mut levels = values(&int8_image(&weight, Axis::First));
        levels.sort_by(f32::total_cmp);
        levels.dedup();
        assert!(levels.len() <= 255, "{} levels", levels.len());
        let zeros = Tensor::zeros([2, 2, 2], (tch::Kind::Float, tch::Device::Cpu));
        assert_eq!(values(&int8_image(&zeros, Axis::First)), [0.0; 8]);
    }

    #[test]
    fn gradients_pass_straight_through() {
        let weight = Tensor::from_slice(&[0.3f32, -0.7, 0.11, 0.9]).view([2, 1, 2]).set_requires_grad(true);
        let factors = Tensor::from_slice(&[1.0f32, 2.0, 3.0, 4.0]).view([2, 1, 2]);
        (int8_image(&weight, Axis::First) * &factors).sum(tch::Kind::Float).backward();
        assert_eq!(values(&weight.grad()), values(&factors));
    }
}
