//! How the decoder's gradient passes a quantizer, which has none of its own.

use tch::{Kind, Tensor};

use crate::config::GradientEstimator;

/// Keeps divisions by the length of a vector finite.
const LEAST_LENGTH: f64 = 1e-6;

/// The values of `codes`, with a gradient towards `latents`, which they stand for; both `[points, dimension]`.
pub(super) fn pass(estimator: GradientEstimator, latents: &Tensor, codes: &Tensor) -> Tensor {
    match estimator {
        GradientEstimator::StraightThrough => latents + (codes - latents).detach(),
        GradientEstimator::Rotation => rotated(latents, codes),
    }
}

/// The latents turned and stretched onto their codes by a map that counts as constant (Fifty et al., "Restructuring Vector
/// Quantization with the Rotation Trick", 2024, 4.2): a gradient is turned back and stretched with it.
fn rotated(latents: &Tensor, codes: &Tensor) -> Tensor {
    let codes = codes.detach();
    let fixed = latents.detach();
    let (latent_length, code_length) = (length(&fixed), length(&codes));
    let (from, to) = (&fixed / &latent_length, &codes / &code_length);
    let middle = unit(&(&from + &to));
    let along = |direction: &Tensor| (latents * direction).sum_dim_intlist(1, true, Kind::Float);
    let turned = latents - along(&middle) * &middle * 2.0 + along(&from) * &to * 2.0;
    turned * (code_length / latent_length)
}

/// Vectors `[points, dimension]` at length one; those without a length worth the name stay short.
pub(super) fn unit(vectors: &Tensor) -> Tensor {
    vectors / length(vectors)
}

fn length(vectors: &Tensor) -> Tensor {
    vectors.norm_scalaropt_dim(2.0, [1i64].as_slice(), true).clamp_min(LEAST_LENGTH)
}

#[cfg(test)]
mod tests {
    use tch::Device;

    use super::*;

    /// The gradient of `Σ upstream · pass(latents, codes)` at the latents, and the passed values.
    fn through(estimator: GradientEstimator, latents: [f32; 2], code: [f32; 2], upstream: [f32; 2]) -> [Vec<f32>; 2] {
        let tensor = |values: [f32; 2]| Tensor::from_slice(&values).view([1, 2]);
        let latents = tensor(latents).set_requires_grad(true);
        let passed = pass(estimator, &latents, &tensor(code));
        (&passed * tensor(upstream)).sum(Kind::Float).backward();
        [passed, latents.grad()].map(|tensor| Vec::try_from(tensor.detach().flatten(0, -1)).unwrap())
    }

    #[test]
    fn straight_through_changes_no_gradient() {
        let [values, gradient] = through(GradientEstimator::StraightThrough, [1.0, 2.0], [4.0, -3.0], [0.5, 7.0]);
        assert_eq!((values, gradient), (vec![4.0, -3.0], vec![0.5, 7.0]));
    }

    #[test]
    fn rotation_turns_and_stretches_the_gradient_as_latent_and_code_differ() {
        // The code is the latent turned left by a right angle at twice the length: so the gradient is turned right, twice.
        let [values, gradient] = through(GradientEstimator::Rotation, [1.0, 0.0], [0.0, 2.0], [3.0, 5.0]);
        for (got, wanted) in values.iter().chain(&gradient).zip([0.0, 2.0, 10.0, -6.0]) {
            assert!((got - wanted).abs() < 1e-5, "{values:?} {gradient:?}");
        }
    }

    #[test]
    fn latents_and_codes_of_length_zero_end_in_numbers() {
        for (latents, code) in [([0.0, 0.0], [1.0, 0.0]), ([1.0, 0.0], [0.0, 0.0]), ([1.0, 0.0], [-1.0, 0.0])] {
            let all = through(GradientEstimator::Rotation, latents, code, [1.0, 1.0]).concat();
            assert!(all.iter().all(|value| value.is_finite()), "{all:?}");
        }
        let zero = unit(&Tensor::zeros([1, 2], (Kind::Float, Device::Cpu)));
        assert_eq!(zero.abs().sum(Kind::Float).double_value(&[]), 0.0);
    }
}
