//! Vector quantization in residual stages; one stage is the plain VQ-VAE.

use rand::rngs::ChaCha8Rng;
use tch::{Kind, Tensor, nn};

use super::codebook::{Codebook, nearest};
use super::usage::{dead, perplexity};
use super::{Health, Quantized, Restarted};
use crate::config::Config;

/// Codebooks that each code what the ones before left.
#[derive(Debug)]
pub struct VectorQuantizer {
    stages: Vec<Codebook>,
    decay: f64,
    dead_below: f64,
    kmeans_rounds: usize,
    restart_every: usize,
    last_restart: usize,
}

impl VectorQuantizer {
    /// Codebooks of zeros under `variables`, stage `i` as `{i}.codebook`.
    pub(super) fn new(variables: &nn::Path, config: &Config) -> Self {
        let vector = &config.vector;
        let stage = |(index, &codes): (usize, &usize)| {
            Codebook::new(&(variables / index), codes, config.network.latents, vector.codebook_update)
        };
        Self {
            stages: vector.stages.iter().enumerate().map(stage).collect(),
            decay: config.quantizer.decay,
            dead_below: config.quantizer.dead_below,
            kmeans_rounds: vector.kmeans_rounds,
            restart_every: vector.restart_every,
            last_restart: config.step_at(vector.restart_until),
        }
    }

    pub(super) fn start(&mut self, latents: &Tensor, batch_vectors: usize, random: &mut ChaCha8Rng) {
        let mut left = latents.shallow_clone();
        for stage in &mut self.stages {
            left = stage.start(&left, batch_vectors, self.kmeans_rounds, random);
        }
    }

    pub(super) fn forward(&self, latents: &Tensor) -> Quantized {
        let shape = latents.size();
        let flat = latents.permute([0, 2, 1]).reshape([-1, shape[1]]);
        let mut residual = flat.shallow_clone();
        let mut sum = flat.zeros_like();
        let zero = Tensor::zeros([], (Kind::Float, latents.device()));
        let (mut codebook_loss, mut commitment_loss) = (zero.shallow_clone(), zero);
        let (mut codes, mut residuals) = (Vec::new(), Vec::new());
        // Sums are made anew: `+=` would change tensors that gradients are yet to be computed from.
        for stage in &self.stages {
            let fixed = residual.detach();
            let chosen = tch::no_grad(|| nearest(&fixed, &stage.vectors));
            let vectors = stage.vectors.index_select(0, &chosen);
            // The losses see the chosen vectors themselves. After the straight-through step below they would see only
            // the latents, and the codebook would get no gradient.
            codebook_loss = &codebook_loss + (&vectors - &fixed).square().mean(Kind::Float);
            let vectors = vectors.detach();
            commitment_loss = &commitment_loss + (&residual - &vectors).square().mean(Kind::Float);
            // Only the vectors are cut off: the residual stays a function of the latents, so that the commitment of the
            // later stages reaches the encoder.
            residual = &residual - &vectors;
            sum = &sum + vectors;
            codes.push(chosen);
            residuals.push(fixed);
        }
        let through = &flat + (sum - &flat).detach();
        let latents = through.view([shape[0], shape[2], shape[1]]).permute([0, 2, 1]);
        Quantized { latents, codes, residuals, codebook_loss, commitment_loss }
    }

    pub(super) fn observe(&mut self, quantized: &Quantized) {
        for ((stage, points), chosen) in self.stages.iter_mut().zip(&quantized.residuals).zip(&quantized.codes) {
            stage.observe(points, chosen, self.decay);
        }
    }

    pub(super) fn restarts_at(&self, step: usize) -> bool {
        step > 0 && step.is_multiple_of(self.restart_every) && step < self.last_restart
    }

    pub(super) fn restart_dead(&mut self, quantized: &Quantized, random: &mut ChaCha8Rng) -> Vec<Restarted> {
        let stages = self.stages.iter_mut().zip(&quantized.residuals);
        stages.map(|(stage, points)| stage.restart_dead(points, self.dead_below, random)).collect()
    }

    pub(super) fn health(&self) -> Health {
        let numbers = self.stages.iter().map(|stage| {
            let dead = dead(&stage.count, self.dead_below).sum(Kind::Int64).int64_value(&[]);
            (perplexity(&stage.count).double_value(&[]), usize::try_from(dead).unwrap_or(0))
        });
        let (perplexity, dead_codes) = numbers.unzip();
        Health { perplexity, dead_codes }
    }
}

#[cfg(test)]
mod tests {
    use tch::Device;

    use super::*;
    use crate::config::CodebookUpdate;

    fn values(tensor: &Tensor) -> Vec<f32> {
        Vec::try_from(tensor.detach().flatten(0, -1)).unwrap()
    }

    fn assert_close(got: &[f32], wanted: &[f32]) {
        assert_eq!(got.len(), wanted.len());
        let close = got.iter().zip(wanted).all(|(got, wanted)| (got - wanted).abs() < 1e-6);
        assert!(close, "{got:?} instead of {wanted:?}");
    }

    /// Two stages of two one-dimensional codes, 0 and 10 then −1 and 2, that learn by gradient.
    fn two_stages(store: &nn::VarStore) -> VectorQuantizer {
        let mut config = Config::default();
        config.network.latents = 1;
        config.vector.stages = vec![2, 2];
        config.vector.codebook_update = CodebookUpdate::Gradient;
        let mut quantizer = VectorQuantizer::new(&store.root(), &config);
        for (stage, codes) in quantizer.stages.iter_mut().zip([[0.0f32, 10.0], [-1.0, 2.0]]) {
            tch::no_grad(|| stage.vectors.copy_(&Tensor::from_slice(&codes).view([2, 1])));
        }
        quantizer
    }

    /// Two hops with the latents 1.5 and 8: codes 0 + 2 and 10 − 1.
    fn latents() -> Tensor {
        Tensor::from_slice(&[1.5f32, 8.0]).view([1, 1, 2]).set_requires_grad(true)
    }

    #[test]
    fn codes_losses_and_latents_by_hand() {
        let store = nn::VarStore::new(Device::Cpu);
        let quantized = two_stages(&store).forward(&latents());
        assert_eq!(Vec::<i64>::try_from(&quantized.codes[0]).unwrap(), [0, 1]);
        assert_eq!(Vec::<i64>::try_from(&quantized.codes[1]).unwrap(), [1, 0]);
        assert_close(&values(&quantized.latents), &[2.0, 9.0]);
        assert_close(&values(&quantized.residuals[1]), &[1.5, -2.0]);
        // Stage 1: (1.5² + 2²) / 2; stage 2: (0.5² + 1²) / 2.
        let wanted = (2.25 + 4.0) / 2.0 + (0.25 + 1.0) / 2.0;
        assert_close(&values(&quantized.codebook_loss), &[wanted]);
        assert_close(&values(&quantized.commitment_loss), &[wanted]);
    }

    #[test]
    fn the_decoder_sees_codes_and_its_gradient_reaches_the_encoder_whole() {
        let store = nn::VarStore::new(Device::Cpu);
        let latents = latents();
        let quantized = two_stages(&store).forward(&latents);
        (quantized.latents * Tensor::from_slice(&[3.0f32, -5.0])).sum(Kind::Float).backward();
        assert_close(&values(&latents.grad()), &[3.0, -5.0]);
        assert!(!store.variables()["0.codebook"].grad().defined(), "the decoder moved the codes");
    }

    #[test]
    fn commitment_moves_the_encoder_alone_and_every_stage_counts() {
        let store = nn::VarStore::new(Device::Cpu);
        let latents = latents();
        two_stages(&store).forward(&latents).commitment_loss.backward();
        // d/dz of the mean over two latents: (z − e) of stage 1 plus (z − e₁ − e₂) of stage 2.
        assert_close(&values(&latents.grad()), &[1.5 - 0.5, -2.0 - 1.0]);
        for name in ["0.codebook", "1.codebook"] {
            assert!(!store.variables()[name].grad().defined(), "commitment moved {name}");
        }
    }

    #[test]
    fn the_codebook_loss_moves_the_chosen_codes_alone() {
        let store = nn::VarStore::new(Device::Cpu);
        let latents = latents();
        two_stages(&store).forward(&latents).codebook_loss.backward();
        assert!(!latents.grad().defined(), "the codebook loss moved the encoder");
        assert_close(&values(&store.variables()["0.codebook"].grad()), &[-1.5, 2.0]);
        assert_close(&values(&store.variables()["1.codebook"].grad()), &[1.0, 0.5]);
    }

    #[test]
    fn batch_hops_and_latents_keep_their_places() {
        tch::manual_seed(2);
        let mut config = Config::default();
        config.network.latents = 3;
        config.vector.stages = vec![8];
        let store = nn::VarStore::new(Device::Cpu);
        let quantizer = VectorQuantizer::new(&store.root(), &config);
        let mut codebook = store.variables()["0.codebook"].shallow_clone();
        let _ = tch::no_grad(|| codebook.normal_(0.0, 1.0));
        let latents = Tensor::randn([2, 3, 5], (Kind::Float, Device::Cpu));
        let quantized = quantizer.forward(&latents);
        for (window, hop) in (0..2).flat_map(|window| (0..5).map(move |hop| (window, hop))) {
            let code = quantized.codes[0].int64_value(&[window * 5 + hop]);
            let vector = store.variables()["0.codebook"].select(0, code);
            let got = quantized.latents.select(0, window).select(1, hop);
            assert!(got.allclose(&vector, 1e-5, 1e-6, false));
        }
    }

    #[test]
    fn each_stage_starts_on_what_the_earlier_ones_leave() {
        use rand::SeedableRng;
        tch::manual_seed(6);
        let mut config = Config::default();
        config.network.latents = 4;
        config.vector.stages = vec![16, 16, 16];
        let store = nn::VarStore::new(Device::Cpu);
        let mut quantizer = VectorQuantizer::new(&store.root(), &config);
        let latents = Tensor::randn([1, 4, 600], (Kind::Float, Device::Cpu));
        let flat = latents.select(0, 0).transpose(0, 1).contiguous();
        tch::no_grad(|| quantizer.start(&flat, 600, &mut ChaCha8Rng::seed_from_u64(1)));
        let quantized = quantizer.forward(&latents);
        let power = |x: &Tensor| x.square().mean(Kind::Float).double_value(&[]);
        let errors = [
            power(&quantized.residuals[0]),
            power(&quantized.residuals[1]),
            power(&quantized.residuals[2]),
            power(&(&latents - &quantized.latents)),
        ];
        for pair in errors.windows(2) {
            assert!(pair[1] < 0.7 * pair[0], "a stage hardly helps: {errors:?}");
        }
        let health = quantizer.health();
        assert!(health.perplexity.iter().all(|&perplexity| perplexity > 10.0), "{health:?}");
        assert!(health.dead_codes.iter().all(|&dead| dead <= 1), "{health:?}");
    }
}
