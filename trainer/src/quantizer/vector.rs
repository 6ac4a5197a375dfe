//! Vector quantization in parts and residual stages; one stage of one part is the plain VQ-VAE.

use rand::rngs::ChaCha8Rng;
use tch::{Kind, Tensor, nn};

use super::codebook::Codebook;
use super::gradient::pass;
use super::usage::{dead_of, entropy_bits};
use super::{Health, Quantized, Restarted, Rounding};
use crate::config::{Config, GradientEstimator};

/// Codebooks, stage by stage and in each stage part by part: that of stage `s` and part `p` is number `s · parts + p`.
#[derive(Debug)]
pub struct VectorQuantizer {
    codebooks: Vec<Codebook>,
    /// Equal parts of the latents, each with codebooks of its own.
    parts: usize,
    gradient: GradientEstimator,
    decay: f64,
    /// What a bit costs in choosing a code, as a part of the variance of the codes; 0 chooses the nearest.
    rate_weight: f64,
    dead_below: f64,
    kmeans_rounds: usize,
    restart_every: usize,
    last_restart: usize,
}

impl VectorQuantizer {
    /// Codebooks of zeros under `variables`, number `i` as `{i}.codebook`; `stages` are the codes of each stage.
    pub(super) fn new(variables: &nn::Path, stages: &[usize], parts: usize, config: &Config) -> Self {
        let vector = &config.vector;
        let dimension = config.network.latents / parts;
        let sizes = stages.iter().flat_map(|&codes| std::iter::repeat_n(codes, parts));
        let codebook = |(number, codes)| Codebook::new(&(variables / number), codes, dimension, vector);
        Self {
            codebooks: sizes.enumerate().map(codebook).collect(),
            parts,
            gradient: vector.gradient,
            decay: config.quantizer.decay,
            rate_weight: vector.rate_weight,
            dead_below: config.quantizer.dead_below,
            kmeans_rounds: vector.kmeans_rounds,
            restart_every: vector.restart_every,
            last_restart: config.step_at(vector.restart_until),
        }
    }

    /// The parts of latents `[points, latents]` as the codebooks of the first stage compare them.
    fn split(&self, latents: &Tensor) -> Vec<Tensor> {
        let width = latents.size()[1] / self.parts as i64;
        let parts = self.codebooks.iter().take(self.parts).enumerate();
        parts.map(|(part, book)| book.points(&latents.narrow(1, part as i64 * width, width))).collect()
    }

    pub(super) fn start(&mut self, latents: &Tensor, batch_vectors: usize, random: &mut ChaCha8Rng) {
        let mut left = self.split(latents);
        for stage in self.codebooks.chunks_mut(self.parts) {
            for (codebook, left) in stage.iter_mut().zip(&mut left) {
                *left = codebook.start(left, batch_vectors, self.kmeans_rounds, random);
            }
        }
        self.charge();
    }

    /// Lets the next codes be chosen by their bits too: entropy-constrained vector quantization (Chou, Lookabaugh and Gray, 1989, equation 7),
    /// with frequencies that follow the codes as they are chosen. All codebooks have one price of a bit, in units of the variance of the latents as
    /// the first stage has them, so that it means the same however large the encoder makes them.
    fn charge(&mut self) {
        if self.rate_weight == 0.0 {
            return;
        }
        let variances: Vec<Tensor> = self.codebooks.iter().take(self.parts).map(Codebook::variance).collect();
        let lambda = Tensor::stack(&variances, 0).sum(Kind::Float) * self.rate_weight;
        self.codebooks.iter_mut().for_each(|codebook| codebook.charge(&lambda));
    }

    /// Latents as the codebooks would give them back without an error.
    pub(super) fn unquantized(&self, latents: &Tensor) -> Tensor {
        let flat = latents.permute([0, 2, 1]).reshape([-1, latents.size()[1]]);
        together(&self.split(&flat), &latents.size())
    }

    pub(super) fn forward(&self, latents: &Tensor, rounding: &Rounding) -> Quantized {
        let stages = match rounding {
            Rounding::Stages(stages) => *stages,
            Rounding::Nearest | Rounding::Noise(_) => usize::MAX,
        };
        let flat = latents.permute([0, 2, 1]).reshape([-1, latents.size()[1]]);
        let given = self.split(&flat);
        let mut residuals: Vec<Tensor> = given.iter().map(Tensor::shallow_clone).collect();
        let mut sums: Vec<Tensor> = given.iter().map(|part| part.detach().zeros_like()).collect();
        let zero = Tensor::zeros([], (Kind::Float, latents.device()));
        let (mut codebook_loss, mut commitment_loss) = (zero.shallow_clone(), zero);
        let (mut codes, mut points, mut alphabets) = (Vec::new(), Vec::new(), Vec::new());
        // Sums are made anew: `+=` would change tensors that gradients are yet to be computed from.
        for (number, codebook) in self.codebooks.iter().enumerate().take(stages.saturating_mul(self.parts)) {
            let (residual, sum) = (&mut residuals[number % self.parts], &mut sums[number % self.parts]);
            let fixed = residual.detach();
            let chosen = tch::no_grad(|| codebook.choose(&fixed));
            let vectors = codebook.vectors.index_select(0, &chosen);
            // The losses see the chosen vectors themselves. After the gradient's detour below they would see only the
            // latents, and the codebook would get no gradient.
            codebook_loss = &codebook_loss + (&vectors - &fixed).square().mean(Kind::Float);
            let vectors = vectors.detach();
            commitment_loss = &commitment_loss + (&*residual - &vectors).square().mean(Kind::Float);
            // Only the vectors are cut off: the residual stays a function of the latents, so that the commitment of the
            // later stages reaches the encoder.
            *residual = &*residual - &vectors;
            *sum = &*sum + vectors;
            codes.push(chosen);
            points.push(fixed);
            alphabets.push(codebook.codes() as usize);
        }
        let passed: Vec<Tensor> = given.iter().zip(&sums).map(|(part, sum)| pass(self.gradient, part, sum)).collect();
        let share = 1.0 / self.parts as f64;
        Quantized {
            latents: together(&passed, &latents.size()),
            codes: Tensor::stack(&codes, 1),
            alphabets,
            points,
            codebook_loss: codebook_loss * share,
            commitment_loss: commitment_loss * share,
            divergence: Tensor::zeros([], (Kind::Float, latents.device())),
        }
    }

    pub(super) fn observe(&mut self, quantized: &Quantized) {
        for (number, (codebook, points)) in self.codebooks.iter_mut().zip(&quantized.points).enumerate() {
            codebook.observe(points, &quantized.codes.select(1, number as i64), self.decay);
        }
        self.charge();
    }

    pub(super) fn restarts_at(&self, step: usize) -> bool {
        step > 0 && step.is_multiple_of(self.restart_every) && step < self.last_restart
    }

    pub(super) fn restart_dead(&mut self, quantized: &Quantized, random: &mut ChaCha8Rng) -> Vec<Restarted> {
        let codebooks = self.codebooks.iter_mut().zip(&quantized.points);
        let restarted =
            codebooks.map(|(codebook, points)| codebook.restart_dead(points, self.dead_below, random)).collect();
        self.charge();
        restarted
    }

    pub(super) fn health(&self) -> Health {
        let counts = self.codebooks.iter().map(|codebook| &codebook.count);
        Health::of(counts.map(|count| (entropy_bits(count), dead_of(count, self.dead_below))))
    }
}

/// Parts `[batch · hops, dimension]` as latents of the shape `[batch, latents, hops]`.
fn together(parts: &[Tensor], shape: &[i64]) -> Tensor {
    Tensor::cat(parts, 1).view([shape[0], shape[2], shape[1]]).permute([0, 2, 1])
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
        config.vector.codebook_update = CodebookUpdate::Gradient;
        let mut quantizer = VectorQuantizer::new(&store.root(), &[2, 2], 1, &config);
        for (stage, codes) in quantizer.codebooks.iter_mut().zip([[0.0f32, 10.0], [-1.0, 2.0]]) {
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
        let quantized = two_stages(&store).forward(&latents(), &Rounding::Nearest);
        assert_eq!(Vec::<i64>::try_from(quantized.codes.flatten(0, -1)).unwrap(), [0, 1, 1, 0]);
        assert_close(&values(&quantized.latents), &[2.0, 9.0]);
        assert_close(&values(&quantized.points[1]), &[1.5, -2.0]);
        // Stage 1: (1.5² + 2²) / 2; stage 2: (0.5² + 1²) / 2.
        let wanted = (2.25 + 4.0) / 2.0 + (0.25 + 1.0) / 2.0;
        assert_close(&values(&quantized.codebook_loss), &[wanted]);
        assert_close(&values(&quantized.commitment_loss), &[wanted]);
    }

    #[test]
    fn the_decoder_sees_codes_and_its_gradient_reaches_the_encoder_whole() {
        let store = nn::VarStore::new(Device::Cpu);
        let latents = latents();
        let quantized = two_stages(&store).forward(&latents, &Rounding::Nearest);
        (quantized.latents * Tensor::from_slice(&[3.0f32, -5.0])).sum(Kind::Float).backward();
        assert_close(&values(&latents.grad()), &[3.0, -5.0]);
        assert!(!store.variables()["0.codebook"].grad().defined(), "the decoder moved the codes");
    }

    #[test]
    fn commitment_moves_the_encoder_alone_and_every_stage_counts() {
        let store = nn::VarStore::new(Device::Cpu);
        let latents = latents();
        two_stages(&store).forward(&latents, &Rounding::Nearest).commitment_loss.backward();
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
        two_stages(&store).forward(&latents, &Rounding::Nearest).codebook_loss.backward();
        assert!(!latents.grad().defined(), "the codebook loss moved the encoder");
        assert_close(&values(&store.variables()["0.codebook"].grad()), &[-1.5, 2.0]);
        assert_close(&values(&store.variables()["1.codebook"].grad()), &[1.0, 0.5]);
    }

    #[test]
    fn batch_hops_and_latents_keep_their_places() {
        tch::manual_seed(2);
        let mut config = Config::default();
        config.network.latents = 3;
        let store = nn::VarStore::new(Device::Cpu);
        let quantizer = VectorQuantizer::new(&store.root(), &[8], 1, &config);
        let mut codebook = store.variables()["0.codebook"].shallow_clone();
        let _ = tch::no_grad(|| codebook.normal_(0.0, 1.0));
        let latents = Tensor::randn([2, 3, 5], (Kind::Float, Device::Cpu));
        let quantized = quantizer.forward(&latents, &Rounding::Nearest);
        for (window, hop) in (0..2).flat_map(|window| (0..5).map(move |hop| (window, hop))) {
            let code = quantized.codes.int64_value(&[window * 5 + hop, 0]);
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
        let store = nn::VarStore::new(Device::Cpu);
        let mut quantizer = VectorQuantizer::new(&store.root(), &[16, 16, 16], 1, &config);
        let latents = Tensor::randn([1, 4, 600], (Kind::Float, Device::Cpu));
        let flat = latents.select(0, 0).transpose(0, 1).contiguous();
        tch::no_grad(|| quantizer.start(&flat, 600, &mut ChaCha8Rng::seed_from_u64(1)));
        let quantized = quantizer.forward(&latents, &Rounding::Nearest);
        let power = |x: &Tensor| x.square().mean(Kind::Float).double_value(&[]);
        let errors = [
            power(&quantized.points[0]),
            power(&quantized.points[1]),
            power(&quantized.points[2]),
            power(&(&latents - &quantized.latents)),
        ];
        for pair in errors.windows(2) {
            assert!(pair[1] < 0.7 * pair[0], "a stage hardly helps: {errors:?}");
        }
        let health = quantizer.health();
        assert!(health.perplexity.iter().all(|&perplexity| perplexity > 10.0), "{health:?}");
        assert!(health.dead_codes.iter().all(|&dead| dead <= 1), "{health:?}");
    }

    #[test]
    fn beta_weighs_what_the_encoder_feels_and_never_the_codes() {
        let gradients = |beta: f64| {
            let (store, latents) = (nn::VarStore::new(Device::Cpu), latents());
            two_stages(&store).forward(&latents, &Rounding::Nearest).loss(beta).backward();
            [latents.grad(), store.variables()["0.codebook"].grad()].map(|gradient| values(&gradient))
        };
        let [at_one, codes] = gradients(1.0);
        let [at_quarter, codes_at_quarter] = gradients(0.25);
        assert_eq!(codes, codes_at_quarter);
        assert_close(&at_quarter, &at_one.iter().map(|gradient| gradient / 4.0).collect::<Vec<_>>());
        assert!(at_one.iter().all(|gradient| *gradient != 0.0), "{at_one:?}");
    }

    #[test]
    fn stages_that_are_left_out_neither_send_nor_learn() {
        let store = nn::VarStore::new(Device::Cpu);
        let quantized = two_stages(&store).forward(&latents(), &Rounding::Stages(1));
        assert_eq!((quantized.codes.size(), quantized.alphabets.len(), quantized.points.len()), (vec![2, 1], 1, 1));
        assert_close(&values(&quantized.latents), &[0.0, 10.0]);
        assert_close(&values(&quantized.codebook_loss), &[(2.25 + 4.0) / 2.0]);
        quantized.loss(1.0).backward();
        assert!(!store.variables()["1.codebook"].grad().defined());
    }

    #[test]
    fn parts_are_coded_apart_and_their_losses_averaged() {
        let store = nn::VarStore::new(Device::Cpu);
        let mut config = Config::default();
        config.network.latents = 2;
        let mut quantizer = VectorQuantizer::new(&store.root(), &[2, 2], 2, &config);
        let codes = [[0.0f32, 10.0], [5.0, 6.0], [-1.0, 2.0], [0.5, -0.5]];
        for (codebook, codes) in quantizer.codebooks.iter_mut().zip(codes) {
            tch::no_grad(|| codebook.vectors.copy_(&Tensor::from_slice(&codes).view([2, 1])));
        }
        // One hop of the latents 8 and 6.4: 10 − 1 and 6 + 0.5.
        let latents = Tensor::from_slice(&[8.0f32, 6.4]).view([1, 2, 1]);
        let quantized = quantizer.forward(&latents, &Rounding::Nearest);
        assert_eq!(Vec::<i64>::try_from(quantized.codes.flatten(0, -1)).unwrap(), [1, 1, 0, 0]);
        assert_close(&values(&quantized.latents), &[9.0, 6.5]);
        // Stage 1: (2² + 0.4²) / 2; stage 2: (1² + 0.1²) / 2.
        assert_close(&values(&quantized.commitment_loss), &[(4.0 + 0.16) / 2.0 + (1.0 + 0.01) / 2.0]);
        assert!(quantized.health(0.02).dead_codes.iter().all(|&dead| dead == 1));
    }

    #[test]
    fn codes_are_chosen_by_distance_and_bits_by_hand() {
        let chosen = |rate_weight: f64| {
            let store = nn::VarStore::new(Device::Cpu);
            let mut config = Config::default();
            config.network.latents = 1;
            config.vector.rate_weight = rate_weight;
            let mut quantizer = VectorQuantizer::new(&store.root(), &[2], 1, &config);
            tch::no_grad(|| {
                quantizer.codebooks[0].vectors.copy_(&Tensor::from_slice(&[0.0f32, 1.0]).view([2, 1]));
                quantizer.codebooks[0].count.copy_(&Tensor::from_slice(&[3.0f32, 1.0]));
                quantizer.charge();
            });
            let latents = Tensor::from_slice(&[0.55f32, 0.9]).view([1, 1, 2]);
            let codes = quantizer.forward(&latents, &Rounding::Nearest).codes;
            Vec::<i64>::try_from(codes.flatten(0, -1)).unwrap()
        };
        // 0.55 is nearer to 1 by 0.55² − 0.45² = 0.1; the code 1 costs log2(3) = 1.585 bits more, at the variance 3/16 times the weight each:
        // as much at a weight of 0.3366.
        assert_eq!(chosen(0.0), [1, 1]);
        assert_eq!(chosen(0.32), [1, 1]);
        assert_eq!(chosen(0.35), [0, 1]);
    }

    /// The mean squared error and the entropy in bits of a codebook that followed `points` for a while.
    fn trained(points: &Tensor, codes: usize, rate_weight: f64) -> (f64, f64) {
        use rand::SeedableRng;
        let store = nn::VarStore::new(Device::Cpu);
        let mut config = Config::default();
        config.network.latents = 1;
        config.vector.rate_weight = rate_weight;
        config.quantizer.decay = 0.5;
        let mut quantizer = VectorQuantizer::new(&store.root(), &[codes], 1, &config);
        let latents = points.view([1, 1, -1]);
        tch::no_grad(|| {
            quantizer.start(points, points.size()[0] as usize, &mut ChaCha8Rng::seed_from_u64(1));
            for _ in 0..300 {
                quantizer.observe(&quantizer.forward(&latents, &Rounding::Nearest));
            }
            let quantized = quantizer.forward(&latents, &Rounding::Nearest);
            let error = (&quantized.latents - &latents).square().mean(Kind::Float).double_value(&[]);
            (error, quantized.health(0.0).entropy_bits[0])
        })
    }

    #[test]
    fn codebooks_that_are_trained_for_bits_need_fewer_at_the_same_error() {
        tch::manual_seed(5);
        // Laplace's distribution: many small values, few large ones.
        let points = Tensor::empty([20_000, 1], (Kind::Float, Device::Cpu)).exponential_(1.0)
            * Tensor::randn([20_000, 1], (Kind::Float, Device::Cpu)).sign();
        let (error, bits) = trained(&points, 8, 0.0);
        let (constrained_error, constrained_bits) = trained(&points, 32, 0.065);
        assert!(
            constrained_bits < bits - 0.05 && constrained_error < 0.95 * error,
            "{constrained_error} at {constrained_bits} bits against {error} at {bits}"
        );
    }
}
