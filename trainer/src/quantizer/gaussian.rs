//! The continuous latents of a VAE: a normal distribution each, of which a sample goes to the decoder.
//!
//! Kingma and Welling, *Auto-Encoding Variational Bayes* (arXiv:1312.6114): the posterior of a latent is normal with a mean and a variance
//! that the encoder gives, its prior the standard normal distribution. A sample is `z = μ + σ·ε` with `ε` standard normal (section
//! 2.4, example of equation 10), so that gradients reach `μ` and `σ`; the divergence of posterior from prior is
//! `½ Σ (μ² + σ² − 1 − ln σ²)` (appendix B).

use tch::{Kind, Tensor};

use super::{Quantized, Rounding};

/// Logarithms of variances are kept within this of zero, where their exponentials are numbers.
const MOST_LOG_VARIANCE: f64 = 30.0;

/// The latents of a VAE. There is nothing to learn but the encoder.
#[derive(Debug)]
pub struct GaussianLatents {
    latents: i64,
}

impl GaussianLatents {
    pub(super) fn new(latents: usize) -> Self {
        Self { latents: latents as i64 }
    }

    /// The means of what the encoder gives, `[batch, 2 · latents, positions]`.
    pub(super) fn means(&self, encoded: &Tensor) -> Tensor {
        encoded.narrow(1, 0, self.latents)
    }

    /// A sample with the noise of `rounding`, or the means where it has none.
    pub(super) fn forward(&self, encoded: &Tensor, rounding: &Rounding) -> Quantized {
        let mean = self.means(encoded);
        let log_variance = encoded.narrow(1, self.latents, self.latents).clamp(-MOST_LOG_VARIANCE, MOST_LOG_VARIANCE);
        let sample = match rounding {
            Rounding::Noise(noise) => &mean + (&log_variance * 0.5).exp() * noise,
            Rounding::Nearest | Rounding::Stages(_) => mean.shallow_clone(),
        };
        let terms = mean.square() + log_variance.exp() - 1.0 - log_variance;
        let divergence = terms.sum_dim_intlist(1, false, Kind::Float).mean(Kind::Float) * 0.5;
        let positions = encoded.size()[0] * encoded.size()[2];
        let codes = Tensor::zeros([positions, 0], (Kind::Int64, encoded.device()));
        Quantized { divergence, ..Quantized::without_losses(sample, codes, Vec::new()) }
    }
}

#[cfg(test)]
mod tests {
    use tch::Device;

    use super::*;
    use crate::random::{for_step, normal};

    fn values(tensor: &Tensor) -> Vec<f64> {
        Vec::try_from(tensor.detach().to_kind(Kind::Double).flatten(0, -1)).unwrap()
    }

    fn assert_close(got: &[f64], wanted: &[f64]) {
        let close = got.iter().zip(wanted).all(|(got, wanted)| (got - wanted).abs() < 1e-5 * (1.0 + wanted.abs()));
        assert!(close && got.len() == wanted.len(), "{got:?} instead of {wanted:?}");
    }

    /// Two latents at two positions: means 0.5, −2, 1, 0, then logarithms of variances −1, 0.3, 0, 2.
    const MEANS: [f64; 4] = [0.5, -2.0, 1.0, 0.0];
    const LOG_VARIANCES: [f64; 4] = [-1.0, 0.3, 0.0, 2.0];

    fn encoded() -> Tensor {
        let all = [MEANS, LOG_VARIANCES].concat();
        Tensor::from_slice(&all).to_kind(Kind::Float).view([1, 4, 2]).set_requires_grad(true)
    }

    #[test]
    fn the_divergence_and_its_gradient_are_the_closed_form() {
        let encoded = encoded();
        let divergence = GaussianLatents::new(2).forward(&encoded, &Rounding::Nearest).divergence;
        let closed_form =
            |(mean, log_variance): (&f64, &f64)| 0.5 * (mean.powi(2) + log_variance.exp() - 1.0 - log_variance);
        // A mean over two positions.
        let wanted = MEANS.iter().zip(&LOG_VARIANCES).map(closed_form).sum::<f64>() / 2.0;
        assert_close(&values(&divergence), &[wanted]);
        divergence.backward();
        // d/dμ = μ, d/d ln σ² = (σ² − 1) / 2.
        let of_means = MEANS.map(|mean| mean / 2.0);
        let of_variances = LOG_VARIANCES.map(|log_variance| (log_variance.exp() - 1.0) / 4.0);
        assert_close(&values(&encoded.grad()), &[of_means, of_variances].concat());
    }

    #[test]
    fn a_sample_and_its_gradients_are_the_reparameterisation() {
        let encoded = encoded();
        let noise = [1.0, -0.5, 2.0, 0.25];
        let rounding = Rounding::Noise(Tensor::from_slice(&noise).to_kind(Kind::Float).view([1, 2, 2]));
        let sample = GaussianLatents::new(2).forward(&encoded, &rounding).latents;
        let deviation = LOG_VARIANCES.map(|log_variance| (log_variance / 2.0).exp());
        let wanted: Vec<f64> = (0..4).map(|index| MEANS[index] + deviation[index] * noise[index]).collect();
        assert_close(&values(&sample), &wanted);
        sample.sum(Kind::Float).backward();
        // dz/dμ = 1, dz/d ln σ² = ½ σ ε.
        let of_variances: Vec<f64> = (0..4).map(|index| 0.5 * deviation[index] * noise[index]).collect();
        assert_close(&values(&encoded.grad()), &[vec![1.0; 4], of_variances].concat());
    }

    #[test]
    fn the_divergence_is_the_mean_of_the_log_ratio_of_densities() {
        // Over many samples of the posterior: ln q(z) − ln p(z).
        let count = 400_000;
        let shape = [1, 1, count];
        let filled = |value: f64| Tensor::full(shape, value, (Kind::Float, Device::Cpu));
        let encoded = Tensor::cat(&[filled(1.5), filled(-0.8)], 1);
        let noise = normal(&shape, &mut for_step(3, 0));
        let quantized = GaussianLatents::new(1).forward(&encoded, &Rounding::Noise(noise.shallow_clone()));
        let log_ratio = quantized.latents.square() * 0.5 - noise.square() * 0.5 + 0.4;
        let estimate = log_ratio.mean(Kind::Double).double_value(&[]);
        let divergence = quantized.divergence.double_value(&[]);
        assert!((estimate - divergence).abs() < 0.01, "{estimate} against {divergence}");
    }

    #[test]
    fn without_noise_the_means_go_on_and_extreme_variances_are_numbers() {
        let gaussian = GaussianLatents::new(1);
        let extreme = Tensor::from_slice(&[3.0f32, 1e6]).view([1, 2, 1]);
        let quantized = gaussian.forward(&extreme, &Rounding::Nearest);
        assert_eq!(values(&quantized.latents), [3.0]);
        assert!(quantized.divergence.isfinite().int64_value(&[]) == 1);
        assert_eq!(quantized.codes.size(), [1, 0]);
    }
}
