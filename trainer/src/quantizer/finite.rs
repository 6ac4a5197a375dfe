//! Finite scalar quantization: each latent bounded and rounded to one of a few levels. There is no codebook to learn.

use tch::{Kind, Tensor, nn};

use super::usage::{blend_rows, dead_of, entropy_bits};
use super::{Health, Quantized};
use crate::architecture::Levels;
use crate::config::Config;

/// The constants of all latents, each `[latents, 1]`, and how often levels are chosen.
#[derive(Debug)]
pub struct FiniteQuantizer {
    half: Tensor,
    offset: Tensor,
    shift: Tensor,
    width: Tensor,
    /// Moving average of how often each level is chosen, `[latents, most levels]`.
    count: Tensor,
    levels: Vec<usize>,
    decay: f64,
    dead_below: f64,
}

impl FiniteQuantizer {
    /// A quantizer with so many levels of each latent; its counts lie under `variables` as `count`.
    pub(super) fn new(variables: &nn::Path, levels: Vec<usize>, config: &Config) -> Self {
        let constants: Vec<Levels> = levels.iter().map(|&count| Levels::new(count)).collect();
        let column = |get: fn(&Levels) -> f64| {
            let values: Vec<f32> = constants.iter().map(|levels| get(levels) as f32).collect();
            Tensor::from_slice(&values).to_device(variables.device()).view([-1, 1])
        };
        let sizes = [levels.len() as i64, levels.iter().copied().max().unwrap_or(1) as i64];
        Self {
            half: column(|levels| levels.half),
            offset: column(|levels| levels.offset),
            shift: column(|levels| levels.shift),
            width: column(|levels| levels.width),
            count: variables.add("count", Tensor::zeros(sizes, (Kind::Float, variables.device())), false),
            levels,
            decay: config.quantizer.decay,
            dead_below: config.quantizer.dead_below,
        }
    }

    /// Latents in levels, not rounded yet.
    fn bounded(&self, latents: &Tensor) -> Tensor {
        (latents + &self.shift).tanh() * &self.half - &self.offset
    }

    /// What the latents would be with more levels than can be counted.
    pub(super) fn unquantized(&self, latents: &Tensor) -> Tensor {
        self.bounded(latents) / &self.width
    }

    pub(super) fn forward(&self, latents: &Tensor) -> Quantized {
        let bounded = self.bounded(latents);
        let rounded = bounded.detach().round();
        let passed = (&bounded + (&rounded - &bounded).detach()) / &self.width;
        let codes = (rounded + &self.width).permute([0, 2, 1]).reshape([-1, latents.size()[1]]).to_kind(Kind::Int64);
        Quantized::without_losses(passed, codes, self.levels.clone())
    }

    pub(super) fn observe(&mut self, quantized: &Quantized) {
        blend_rows(&mut self.count, &quantized.codes, self.decay);
    }

    pub(super) fn health(&self) -> Health {
        let rows = self.levels.iter().enumerate().map(|(latent, &levels)| {
            let count = self.count.select(0, latent as i64).narrow(0, 0, levels as i64);
            (entropy_bits(&count), dead_of(&count, self.dead_below))
        });
        Health::of(rows)
    }
}

#[cfg(test)]
mod tests {
    use tch::Device;

    use super::*;

    fn quantizer(store: &nn::VarStore, levels: &[usize]) -> FiniteQuantizer {
        FiniteQuantizer::new(&store.root(), levels.to_vec(), &Config::default())
    }

    #[test]
    fn every_code_is_within_its_levels_and_the_value_is_the_codes() {
        let store = nn::VarStore::new(Device::Cpu);
        let counts = [3usize, 4, 8];
        let latents = Tensor::randn([2, 3, 200], (Kind::Float, Device::Cpu)) * 3.0;
        let quantized = quantizer(&store, &counts).forward(&latents);
        let flat = quantized.latents.permute([0, 2, 1]).reshape([-1, 3]);
        for (latent, &count) in counts.iter().enumerate() {
            let codes = Vec::<i64>::try_from(quantized.codes.select(1, latent as i64)).unwrap();
            let values = Vec::<f32>::try_from(flat.select(1, latent as i64)).unwrap();
            let wanted: Vec<f64> = Levels::new(count).values().collect();
            for (code, value) in codes.iter().zip(values) {
                assert!((f64::from(value) - wanted[*code as usize]).abs() < 1e-6, "{code}: {value}");
            }
            assert_eq!((codes.iter().min(), codes.iter().max()), (Some(&0), Some(&(count as i64 - 1))));
        }
    }

    #[test]
    fn a_level_that_is_never_chosen_counts_as_dead_and_one_that_does_not_exist_does_not() {
        let store = nn::VarStore::new(Device::Cpu);
        let mut quantizer = quantizer(&store, &[3, 5]);
        // The first latent takes all of its three levels, the second one two of five.
        let latents = Tensor::from_slice(&[-9.0f32, 0.0, 9.0, 0.0, -9.0, 9.0, -9.0, 9.0]).view([1, 2, 4]);
        let quantized = quantizer.forward(&latents);
        tch::no_grad(|| quantizer.observe(&quantized));
        let health = quantizer.health();
        assert_eq!(health.dead_codes, [0, 3]);
        assert!((health.perplexity[1] - 2.0).abs() < 1e-4 && (health.entropy_bits[1] - 1.0).abs() < 1e-4, "{health:?}");
    }
}
