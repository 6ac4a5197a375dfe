//! Weights as the device will have them: int8, symmetric, one scale per filter: all that an output channel, or a phase of it, sums up.

use tch::Tensor;

/// The largest int8 weight; −128 is not used, so that the range is symmetric.
const LARGEST: f64 = 127.0;

/// How a weight is made of filters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Filters {
    /// `[out, in, kernel]`, as convolutions have it: one for each output channel.
    Channels,
    /// `[in, out, kernel]`, as transposed convolutions have it: one for each output channel and each of as many phases as the stride has. A phase is made
    /// of every stride-th tap.
    Phases(i64),
}

/// The weight rounded to int8 and back: `scale · round(w / scale)` with `scale = max|w| / 127` over each filter.
///
/// Gradients pass as if nothing had been rounded.
pub fn int8_image(weight: &Tensor, filters: Filters) -> Tensor {
    let float = weight.detach();
    let peaks = match filters {
        Filters::Channels => float.abs().amax([1i64, 2].as_slice(), true),
        Filters::Phases(stride) => peaks_of_phases(&float, stride),
    };
    // A filter of zeros has no scale; any positive one leaves it zero.
    let scale = (peaks / LARGEST).clamp_min(f64::from(f32::MIN_POSITIVE));
    let image = (&float / &scale).round() * scale;
    weight + (image - float)
}

/// The largest magnitude of each phase of `[in, out, kernel]`, at all of its taps: `[1, out, kernel]`.
fn peaks_of_phases(weight: &Tensor, stride: i64) -> Tensor {
    let kernel = weight.size()[2];
    let rows = (kernel + stride - 1) / stride;
    let by_phase = weight.abs().constant_pad_nd([0, rows * stride - kernel]).unflatten(2, [rows, stride]);
    by_phase.amax([0i64, 2].as_slice(), true).repeat([1, 1, rows, 1]).flatten(2, 3).narrow(2, 0, kernel)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(tensor: &Tensor) -> Vec<f32> {
        Vec::try_from(tensor.detach().flatten(0, -1)).unwrap()
    }

    #[test]
    fn every_filter_has_its_own_scale() {
        // Two output channels of one input channel and three taps.
        let weight = Tensor::from_slice(&[127.0f32, 3.4, -0.6, 0.254, -0.1, 0.0011]).view([2, 1, 3]);
        let image = values(&int8_image(&weight, Filters::Channels));
        for (got, wanted) in image.iter().zip([127.0, 3.0, -1.0, 0.254, -0.1, 0.002]) {
            assert!((got - wanted).abs() < 1e-6, "{image:?}");
        }
        // The same numbers with the channels in the second dimension of a transposed convolution of one phase.
        let transposed = int8_image(&weight.view([1, 2, 3]), Filters::Phases(1));
        assert_eq!(values(&transposed), image);
    }

    #[test]
    fn a_phase_is_every_stride_th_tap_of_all_inputs() {
        // Two inputs, two outputs, five taps: of three phases the last has one tap in each input.
        let weight = Tensor::from_slice(&[
            127.0f32, 3.4, -0.6, 12.6, 254.0, 1.27, 0.514, 7.0, 0.257, 1.0, //
            63.4, 0.6, 127.0, 0.0, 50.9, -0.004, 12.7, 0.3, 0.012, 127.0,
        ]);
        let image = values(&int8_image(&weight.view([2, 2, 5]), Filters::Phases(3)));
        // Scales: the first output 1, 2, 1; the second 0.01, 1, 7 / 127.
        let wanted = [
            127.0,
            4.0,
            -1.0,
            13.0,
            254.0,
            1.27,
            1.0,
            7.0,
            0.26,
            1.0, //
            63.0,
            0.0,
            127.0,
            0.0,
            50.0,
            0.0,
            13.0,
            0.275_590_55,
            0.01,
            127.0,
        ];
        for (got, wanted) in image.iter().zip(wanted) {
            assert!((got - wanted).abs() < 1e-5, "{image:?}");
        }
    }

    #[test]
    fn at_most_255_levels_and_zeros_stay_zero() {
        tch::manual_seed(1);
        let weight = Tensor::randn([1, 20, 50], (tch::Kind::Float, tch::Device::Cpu));
        let mut levels = values(&int8_image(&weight, Filters::Channels));
        levels.sort_by(f32::total_cmp);
        levels.dedup();
        assert!(levels.len() <= 255, "{} levels", levels.len());
        let zeros = Tensor::zeros([2, 2, 2], (tch::Kind::Float, tch::Device::Cpu));
        assert_eq!(values(&int8_image(&zeros, Filters::Channels)), [0.0; 8]);
    }

    #[test]
    fn gradients_pass_straight_through() {
        let weight = Tensor::from_slice(&[0.3f32, -0.7, 0.11, 0.9]).view([2, 1, 2]).set_requires_grad(true);
        let factors = Tensor::from_slice(&[1.0f32, 2.0, 3.0, 4.0]).view([2, 1, 2]);
        (int8_image(&weight, Filters::Channels) * &factors).sum(tch::Kind::Float).backward();
        assert_eq!(values(&weight.grad()), values(&factors));
    }
}
