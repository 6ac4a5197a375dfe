//! The rate in the loss: `bits + weight · error` of every window at a quality of its own, with the bits that the prior in training foresees.
//!
//! This is the Lagrangian of rate–distortion optimisation (Ballé, Minnen, Singh, Hwang & Johnston, "Variational image compression with a scale
//! hyperprior", 2018, equation 4), for nine weights at once: quality 9 has the configured one, each lower quality half of the next.

use std::ops::Range;

use rand::RngExt;
use rand::rngs::ChaCha8Rng;
use tch::{Kind, Tensor, nn};
use vq_core::model::QUALITIES;

use super::prior::Net;
use crate::config::Config;

/// The prior in the loop, and what errors are worth.
#[derive(Debug)]
pub struct RateDistortion {
    prior: Net,
    /// Bits per sample that an error of the signal's variance is worth at each quality, `[9]`.
    distortion_weights: Tensor,
    /// What each quality counts, `[9]`, 1 on average.
    balance: Tensor,
    /// The qualities that are trained for, counted from 0.
    qualities: Range<i64>,
    /// Samples of a hop, over all channels.
    samples_per_hop: f64,
}

/// What a batch costs.
#[derive(Debug)]
pub struct Cost {
    /// What training minimises.
    pub loss: Tensor,
    /// Bits per sample, the mean over windows.
    pub bits_per_sample: Tensor,
}

impl RateDistortion {
    /// The rate of a codec for so many samples per hop, its prior's tensors under `variables`; `None` where the configuration trains for error alone.
    pub(super) fn new(
        config: &Config,
        variables: &nn::Path,
        samples_per_hop: usize,
        random: &mut ChaCha8Rng,
    ) -> Option<Self> {
        let sizes = config.is_rated().then(|| config.prior.sizes_in_training()).flatten()?;
        let powers = |base: f64, scale: f64| {
            let values: [f32; QUALITIES] =
                std::array::from_fn(|row| (scale * base.powi((QUALITIES - 1 - row) as i32)) as f32);
            Tensor::from_slice(&values).to_device(variables.device())
        };
        let qualities = config.qualities();
        // With the full balance every quality's error counts alike; one alone has nothing to be balanced with.
        let balance = if qualities.clone().count() > 1 { config.rate.balance } else { 0.0 };
        let balance = powers(2f64.powf(balance), 1.0);
        Some(Self {
            prior: Net::new(variables, sizes, config.integer_latents(), random),
            distortion_weights: powers(0.5, config.rate.distortion_weight),
            balance: &balance / balance.mean(Kind::Float),
            qualities: i64::from(*qualities.start()) - 1..i64::from(*qualities.end()),
            samples_per_hop: samples_per_hop as f64,
        })
    }

    /// Starts the prior on latents in steps of quality 9, `[rows, latents]`.
    pub(super) fn start_on(&mut self, latents: &Tensor) {
        self.prior.start_on(latents);
    }

    /// A quality for every window of a batch, counted from 0, `[batch]`: all that are trained for alike often, in random order.
    pub(super) fn draw_qualities(&self, batch: usize, random: &mut ChaCha8Rng) -> Tensor {
        let mut qualities: Vec<i64> = self.qualities.clone().collect();
        for last in (1..qualities.len()).rev() {
            qualities.swap(last, random.random_range(0..=last));
        }
        let drawn: Vec<i64> = qualities.into_iter().cycle().take(batch).collect();
        Tensor::from_slice(&drawn).to_device(self.balance.device())
    }

    /// Whether a quality, counted from 0, is trained for.
    pub(super) fn trains(&self, quality: usize) -> bool {
        self.qualities.contains(&(quality as i64))
    }

    /// Bits per sample of each window, `[windows]`, of codes `[windows, hops, latents]`.
    pub(super) fn bits_per_sample(&self, codes: &Tensor, qualities: &Tensor, int8: bool) -> Tensor {
        let samples = codes.size()[1] as f64 * self.samples_per_hop;
        self.prior.bits(codes, qualities, int8).sum_dim_intlist([1i64, 2].as_slice(), false, Kind::Float) / samples
    }

    /// The cost of windows with these bits per sample and errors over the signal's variance, each `[windows]`.
    pub(super) fn cost(&self, bits_per_sample: &Tensor, errors: &Tensor, qualities: &Tensor) -> Cost {
        let of_quality = |table: &Tensor| table.index_select(0, qualities);
        let lagrangian = bits_per_sample + errors * of_quality(&self.distortion_weights);
        Cost {
            loss: (lagrangian * of_quality(&self.balance)).mean(Kind::Float),
            bits_per_sample: bits_per_sample.mean(Kind::Float),
        }
    }
}

#[cfg(test)]
mod tests {
    use tch::Device;

    use super::*;
    use crate::config::QuantizerKind;
    use crate::random::for_step;

    fn rated(balance: f64) -> RateDistortion {
        let mut config = Config::default();
        config.quantizer.kind = QuantizerKind::Scalar;
        config.rate.distortion_weight = 256.0;
        config.rate.balance = balance;
        let store = nn::VarStore::new(Device::Cpu);
        RateDistortion::new(&config, &store.root(), 16, &mut for_step(0, 0)).unwrap()
    }

    #[test]
    fn every_quality_halves_the_weight_of_the_error() {
        let qualities = Tensor::from_slice(&[8i64, 7, 0]);
        let cost = |error: f32, row: i64| {
            let ones = Tensor::from_slice(&[0.5f32]);
            let quality = qualities.narrow(0, row, 1);
            rated(0.0).cost(&ones, &Tensor::from_slice(&[error]), &quality).loss.double_value(&[])
        };
        let close = |value: f64, wanted: f64| assert!((value - wanted).abs() < 1e-4, "{value} for {wanted}");
        close(cost(0.01, 0), 0.5 + 2.56);
        close(cost(0.01, 1), 0.5 + 1.28);
        close(cost(0.01, 2), 0.5 + 0.01);
    }

    #[test]
    fn balance_lifts_low_qualities_and_keeps_the_mean() {
        let weights: Vec<f32> = Vec::try_from(&rated(0.5).balance).unwrap();
        assert!(weights.windows(2).all(|pair| pair[0] > pair[1]), "{weights:?}");
        assert!((weights.iter().sum::<f32>() / 9.0 - 1.0).abs() < 1e-5);
        assert!(Vec::<f32>::try_from(&rated(0.0).balance).unwrap().iter().all(|weight| *weight == 1.0));
    }

    #[test]
    fn nine_windows_have_nine_qualities() {
        let mut drawn: Vec<i64> = Vec::try_from(rated(0.0).draw_qualities(18, &mut for_step(3, 1))).unwrap();
        drawn.sort_unstable();
        assert_eq!(drawn, (0..18).map(|place| place / 2).collect::<Vec<i64>>());
        let mut only = rated(0.0);
        only.qualities = 4..5;
        let drawn: Vec<i64> = Vec::try_from(only.draw_qualities(7, &mut for_step(3, 1))).unwrap();
        assert_eq!(drawn, [4; 7]);
    }
}
