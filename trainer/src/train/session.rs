//! The state of a run and its single step.

use std::f64::consts::LN_2;

use rand::RngExt;
use rand::rngs::ChaCha8Rng;
use tch::nn::VarStore;
use tch::{Device, Kind, Tensor};

use super::TrainError;
use super::adam::Adam;
use super::codec::{Codec, Nets, SignalNets};
use super::collapse;
use super::corpus::Corpus;
use super::distortion::Distorted;
use super::image::{ImageCorpus, ImageNets, PreparedImages};
use super::loader::Loader;
use super::prepare::Prepared;
use super::rated::{self, Helper, RatedBatch};
use super::schedule::learning_rate;
use super::validation::ValidationSet;
use super::windows::Windows;
use super::worker::Worker;
use crate::config::{Config, ModelKind, QuantizerKind};
use crate::nn::Precision;
use crate::quantizer::{Quantized, Quantizer, Rounding, check_alphabets};
use crate::random::{for_beginning, for_step, normal, uniform};
use crate::run::{DistortionTerms, MetricsLine, QuantizerRecord, Validation};

/// Everything that a training step reads and changes.
#[derive(Debug)]
pub struct Session {
    config: Config,
    codec: Codec,
    adam: Adam,
    corpus: Corpus,
    /// Who take all parts of a batch but the first.
    helpers: Vec<Worker<Helper>>,
    /// Training latents without overlap: what codes have to stand for.
    training_latents: usize,
    /// Samples of all channels that a position of the latents stands for.
    samples_per_position: f64,
    pub(super) step: usize,
    /// Seconds of training, over all resumptions.
    pub(super) seconds: f64,
    /// The lowest validation error of a quantized codec so far, `mse_normalized`, or where the rate is trained for the lowest `cost`.
    pub(super) best: Option<f64>,
    last: Option<StepNumbers>,
    /// The first step with a number that is not finite, and which of [`NAMES`] it was; −1 while there is none. On the device,
    /// so that no step waits for it.
    diverged: Tensor,
}

/// The numbers of one step, still on the device, so that reading them is left to those who need them.
#[derive(Debug)]
struct StepNumbers {
    /// Loss, reconstruction, codebook, commitment, gradient norm, rate, and the terms of the distortion that count.
    values: Tensor,
    learning_rate: f64,
}

const NAMES: [&str; 9] = [
    "loss",
    "reconstruction error",
    "codebook loss",
    "commitment loss",
    "gradient",
    "rate",
    "weighted error",
    "derivative's error",
    "distance of spectra",
];

/// What a batch came to.
struct Computed {
    loss: Tensor,
    /// What was rebuilt, and its part of the loss.
    distorted: Distorted,
    quantized: Option<Quantized>,
    /// Bits per sample, where they are in the loss: of codes, or of a VAE's divergence.
    rate: Option<Tensor>,
    gradients: Vec<Tensor>,
}

impl Session {
    /// A run on recordings before its first step.
    ///
    /// # Errors
    /// If the configuration's nets cannot be built, or the recordings are too short for them or for the codebooks.
    pub fn on_signals(config: &Config, prepared: &Prepared, device: Device) -> Result<Self, TrainError> {
        let variables = VarStore::new(device);
        let mut random = for_beginning(config.training.seed);
        let (nets, rate) = SignalNets::with_rate(config, prepared.channels(), &variables.root(), &mut random)?;
        let training_latents = prepared.parts.iter().map(|part| part.train.len() / nets.hop).sum();
        let hops = config.data.window_hops + nets.margins.before() + nets.margins.after();
        check_alphabets(&config.quantizer_record(), training_latents)
            .map_err(|what| TrainError::Unsuitable { what })?;
        let corpus = Corpus::Signal {
            windows: Box::new(Loader::new(Windows::new(prepared, hops * nets.hop, device)?)?),
            validation: Box::new(ValidationSet::new(prepared, &nets, config, device)?),
        };
        let samples = (nets.hop * prepared.channels()) as f64;
        let codec = Codec::new(config, variables, Nets::Signal(nets), rate);
        let helpers = rated::helpers(config, prepared.channels(), device)?;
        Ok(Self { helpers, ..Self::new(config, codec, corpus, training_latents, samples) })
    }

    /// A run on images before its first step.
    ///
    /// # Errors
    /// If the configuration's nets cannot be built, or there are too few images for the codebooks.
    pub fn on_images(config: &Config, prepared: &PreparedImages, device: Device) -> Result<Self, TrainError> {
        let variables = VarStore::new(device);
        let mut random = for_beginning(config.training.seed);
        let nets = ImageNets::new(config, prepared.training.shape, &variables.root(), &mut random)?;
        let training_latents = prepared.training.len() * nets.positions();
        check_alphabets(&config.quantizer_record(), training_latents)
            .map_err(|what| TrainError::Unsuitable { what })?;
        let corpus = Corpus::Image(ImageCorpus::new(prepared, config, device));
        let samples = prepared.training.shape.bytes() as f64 / nets.positions() as f64;
        let codec = Codec::new(config, variables, Nets::Image(nets), None);
        Ok(Self::new(config, codec, corpus, training_latents, samples))
    }

    fn new(config: &Config, codec: Codec, corpus: Corpus, training_latents: usize, samples_per_position: f64) -> Self {
        Self {
            adam: Adam::new(&codec.variables, config.training.beta1, config.training.beta2),
            config: config.clone(),
            corpus,
            helpers: Vec::new(),
            training_latents,
            samples_per_position,
            step: 0,
            seconds: 0.0,
            best: None,
            last: None,
            diverged: Tensor::from_slice(&[-1i64, -1]).to_device(codec.variables.device()),
            codec,
        }
    }

    /// The configuration.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The codec in training.
    pub fn codec(&self) -> &Codec {
        &self.codec
    }

    /// Steps done.
    pub fn step(&self) -> usize {
        self.step
    }

    /// The lowest validation error of a quantized codec so far, over the variance of the training frames; with the rate in the loss, the lowest
    /// of what training minimises.
    pub fn best(&self) -> Option<f64> {
        self.best
    }

    pub(super) fn adam(&self) -> &Adam {
        &self.adam
    }

    pub(super) fn parts_mut(&mut self) -> (&mut Codec, &mut Adam) {
        (&mut self.codec, &mut self.adam)
    }

    /// Whether codes exist: from the end of the warm-up on.
    fn quantizes(&self, step: usize) -> bool {
        step >= self.config.unquantized_steps()
    }

    /// What this step's nets compute with. Those of images run on hosts alone, so they are never lowered.
    fn precision(&self) -> Precision {
        let training = &self.config.training;
        if self.codec.signal().is_some() && self.step >= self.config.step_at(training.int8_from) {
            return Precision::Int8;
        }
        if training.bf16 { Precision::BFloat16 } else { Precision::Float }
    }

    /// One step: a batch, its losses, an update of weights and codes.
    ///
    /// # Errors
    /// If a recording that stays in its file cannot be read.
    pub fn advance(&mut self) -> Result<(), TrainError> {
        let training = self.config.training.clone();
        let mut random = for_step(training.seed, self.step);
        if self.step == self.config.unquantized_steps() {
            random = self.start_codes(random)?;
        }
        let precision = self.precision();
        let (window, mut random) = self.corpus.draw(training.batch, random)?;
        if self.step + 1 < training.steps {
            self.corpus.prepare(training.batch, || for_step(training.seed, self.step + 1));
        }
        let computed = match self.compute_rated(&window, precision, &mut random)? {
            Some(computed) => computed,
            None => self.compute(&window, precision, &mut random),
        };
        let rate = learning_rate(&training, self.step);
        let norm = self.adam.follow(&computed.gradients, rate, training.gradient_clip);
        if let Some(quantized) = &computed.quantized {
            self.follow(quantized, &mut random);
        }
        let zero = || Tensor::zeros([], (Kind::Float, computed.loss.device()));
        let (codebook, commitment) = computed
            .quantized
            .map_or_else(|| (zero(), zero()), |quantized| (quantized.codebook_loss, quantized.commitment_loss));
        let bits = computed.rate.unwrap_or_else(zero);
        let [weighted, derivative, spectral] = computed.distorted.terms.map(|term| term.unwrap_or_else(zero));
        let reconstruction = computed.distorted.squared;
        let values = [computed.loss, reconstruction, codebook, commitment, norm, bits, weighted, derivative, spectral];
        let values = Tensor::stack(&values.map(|value| value.detach()), 0);
        self.note_divergence(&values);
        self.last = Some(StepNumbers { values, learning_rate: rate });
        self.step += 1;
        Ok(())
    }

    /// A batch, for its error alone.
    fn compute(&self, window: &Tensor, precision: Precision, random: &mut ChaCha8Rng) -> Computed {
        let latents = self.codec.encode_inner(window, precision);
        let quantized = self.quantizes(self.step).then(|| {
            let rounding = self.rounding(&latents, random);
            self.codec.quantizer.forward(&latents, &rounding)
        });
        let through = match &quantized {
            Some(quantized) => quantized.latents.shallow_clone(),
            None => {
                let noise = normal(&latents.size(), random).to_device(latents.device());
                self.codec.quantizer.unquantized(&latents) + noise * self.config.training.latent_noise
            }
        };
        let target = self.codec.target(window);
        // Network units have variance 1, so squares are errors over the signal's variance.
        let distorted = self.corpus.distortion(&self.codec.decode_inner(&through, precision), &target);
        let distortion = distorted.total.mean(Kind::Float);
        let loss = match &quantized {
            Some(quantized) => distortion + self.latent_loss(quantized),
            None => distortion,
        };
        let of_host = quantized.as_ref().and_then(|codes| self.codec.decode_for_host(&codes.latents, precision));
        let minimised = match of_host {
            Some(rebuilt) => &loss + self.corpus.distortion(&rebuilt, &target).total.mean(Kind::Float),
            None => loss.shallow_clone(),
        };
        let rate = quantized
            .as_ref()
            .filter(|_| self.config.model == ModelKind::Vae)
            .map(|quantized| self.divergence_bits(quantized));
        Computed { gradients: self.adam.gradients(&minimised), loss, distorted, quantized, rate }
    }

    /// A batch, each window at a quality of its own, for its bits and its error; `None` where the rate is not trained for.
    fn compute_rated(
        &self,
        window: &Tensor,
        precision: Precision,
        random: &mut ChaCha8Rng,
    ) -> Result<Option<Computed>, TrainError> {
        let (Some((rate, _)), Some(nets)) = (self.codec.rated(), self.codec.signal()) else { return Ok(None) };
        let qualities = rate.draw_qualities(window.size()[0] as usize, random);
        let hops = nets.margins.latents_for(self.config.data.window_hops);
        let latents = [window.size()[0], self.config.network.latents as i64, hops as i64];
        let noise = (uniform(&latents, random) - 0.5).to_device(window.device());
        let rounds = self.step >= self.config.step_at(self.config.scalar.noise_until);
        let batch = RatedBatch { window: window.shallow_clone(), qualities, noise, precision, rounds };
        let distorts = |rebuilt: &Tensor, target: &Tensor| self.corpus.distortion(rebuilt, target);
        let rated = batch.compute(&self.codec, &self.helpers, distorts)?;
        Ok(Some(Computed {
            loss: rated.loss,
            distorted: rated.distorted,
            quantized: Some(rated.quantized),
            rate: Some(rated.bits_per_sample),
            gradients: rated.gradients,
        }))
    }

    /// What codes, or a VAE's latents, add to the loss.
    fn latent_loss(&self, quantized: &Quantized) -> Tensor {
        match self.config.model {
            ModelKind::VqVae => quantized.loss(self.config.vector.commitment),
            ModelKind::Vae => self.divergence_bits(quantized) * (self.config.divergence_weight(self.step) * LN_2),
        }
    }

    /// The divergence of a VAE's latents from their prior, in bits per sample of each channel.
    fn divergence_bits(&self, quantized: &Quantized) -> Tensor {
        &quantized.divergence / (LN_2 * self.samples_per_position)
    }

    /// Keeps this step and the first of its `values` that is not finite, unless an earlier step had one.
    fn note_divergence(&mut self, values: &Tensor) {
        let broken = values.isfinite().logical_not();
        let now = Tensor::stack(
            &[broken.any() * (self.step as i64 + 1) - 1, broken.to_kind(Kind::Int64).argmax(0, false)],
            0,
        );
        self.diverged = now.where_self(&self.diverged.select(0, 0).lt(0), &self.diverged);
    }

    /// What `step`, counted from 0, is trained on.
    pub(super) fn batch(&self, step: usize) -> String {
        let training = &self.config.training;
        self.corpus.describe(training.batch, for_step(training.seed, step))
    }

    /// How this step makes its codes.
    fn rounding(&self, latents: &Tensor, random: &mut ChaCha8Rng) -> Rounding {
        match self.config.quantizer_record() {
            QuantizerRecord::Gaussian { .. } => self.codec.quantizer.measuring(latents, random),
            QuantizerRecord::Scalar { .. } if self.step < self.config.step_at(self.config.scalar.noise_until) => {
                Rounding::Noise((uniform(&latents.size(), random) - 0.5).to_device(latents.device()))
            }
            QuantizerRecord::Vector { stages, .. } => {
                stages_of_step(stages.len(), self.config.vector.stage_dropout, random)
            }
            QuantizerRecord::Scalar { .. } | QuantizerRecord::Finite { .. } => Rounding::Nearest,
        }
    }

    /// Lets the codes follow the batch, and moves dead ones.
    fn follow(&mut self, quantized: &Quantized, random: &mut ChaCha8Rng) {
        self.codec.quantizer.observe(quantized);
        for restarted in self.codec.quantizer.restart_dead(self.step, quantized, random) {
            self.adam.forget(&restarted);
        }
    }

    /// Starts the codes on latents of random windows: many offsets within the hop, as training will show them. Hands the generator back as it is then.
    fn start_codes(&mut self, mut random: ChaCha8Rng) -> Result<ChaCha8Rng, TrainError> {
        let batch = self.config.training.batch;
        let wanted = match self.config.quantizer.kind {
            _ if self.config.model == ModelKind::Vae => return Ok(random),
            QuantizerKind::Vq | QuantizerKind::Rvq | QuantizerKind::Product => self.config.vector.kmeans_latents,
            QuantizerKind::Fsq => return Ok(random),
            QuantizerKind::Scalar => self.training_latents.min(self.config.vector.kmeans_latents),
        };
        let (mut collected, mut vectors) = (Vec::new(), 0);
        let mut batch_vectors = 0;
        while vectors < wanted {
            let (window, left) = self.corpus.draw(batch, random)?;
            random = left;
            let latents = tch::no_grad(|| self.codec.encode_inner(&window, Precision::Float));
            let latents = latents.transpose(1, 2).flatten(0, 1);
            batch_vectors = latents.size()[0] as usize;
            vectors += batch_vectors;
            collected.push(latents);
        }
        let latents = Tensor::cat(&collected, 0).narrow(0, 0, wanted as i64);
        self.codec.quantizer.start(&latents, batch_vectors, &mut random);
        if let (Some(rate), Quantizer::Scalar(scalar)) = (&mut self.codec.rate, &self.codec.quantizer) {
            rate.start_on(&scalar.in_steps(&latents));
        }
        Ok(random)
    }

    /// The numbers of the last step. Waits for the device.
    ///
    /// # Errors
    /// If one of them is not finite.
    pub fn numbers(&self) -> Result<Option<MetricsLine>, TrainError> {
        let Some(StepNumbers { values, learning_rate }) = &self.last else { return Ok(None) };
        let values = Vec::<f64>::try_from(values.to_kind(Kind::Double).to_device(Device::Cpu)).unwrap_or_default();
        let &[loss, reconstruction, codebook, commitment, gradient_norm, rate, weighted, derivative, spectral] =
            values.as_slice()
        else {
            return Ok(None);
        };
        let asked = &self.config.distortion;
        let distortion = (!asked.is_plain()).then(|| DistortionTerms {
            weighted: asked.is_weighted().then_some(weighted),
            derivative: (asked.derivative > 0.0).then_some(derivative),
            spectral: (asked.spectral > 0.0).then_some(spectral),
        });
        let diverged = Vec::<i64>::try_from(self.diverged.to_device(Device::Cpu)).unwrap_or_default();
        if let &[step, which] = diverged.as_slice()
            && let Ok(step) = usize::try_from(step)
        {
            return Err(TrainError::Diverged {
                step: step + 1,
                what: NAMES.get(which as usize).copied().unwrap_or("loss"),
                batch: self.batch(step),
                learning_rate: self.config.training.learning_rate,
            });
        }
        let health = if self.quantizes(self.step - 1) { self.codec.quantizer.health() } else { Default::default() };
        Ok(Some(MetricsLine {
            step: self.step,
            seconds: self.seconds,
            loss,
            reconstruction,
            codebook,
            commitment,
            learning_rate: *learning_rate,
            warnings: collapse::warnings(&self.config, self.step, &health),
            perplexity: health.perplexity,
            entropy_bits: health.entropy_bits,
            dead_codes: health.dead_codes,
            gradient_norm,
            rate: (self.codec.rate.is_some() || self.config.model == ModelKind::Vae).then_some(rate),
            distortion,
            validation: None,
        }))
    }

    /// Measures the held-out frames; says whether this is the best quantized codec so far.
    pub fn validate(&mut self) -> (Option<Validation>, bool) {
        let quantized = self.step > 0 && self.quantizes(self.step - 1);
        let measured = self.corpus.measure(&self.codec, quantized);
        let error = measured.filter(|_| quantized).map(|measured| measured.cost.unwrap_or(measured.mse_normalized));
        let better = error.is_some_and(|error| self.best.is_none_or(|best| error < best));
        if better {
            self.best = error;
        }
        (measured, better)
    }
}

/// All of `stages`, or, in the part `dropout` of all steps, a number of them that chance says; every number is as likely, so
/// the last stage is trained in no fewer than `1 − dropout` of all steps.
fn stages_of_step(stages: usize, dropout: f64, random: &mut ChaCha8Rng) -> Rounding {
    if stages < 2 || dropout <= 0.0 || random.random::<f64>() >= dropout {
        return Rounding::Nearest;
    }
    Rounding::Stages(random.random_range(1..=stages))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::for_step;

    #[test]
    fn dropout_leaves_out_late_stages_and_trains_every_one() {
        let draws = 4000;
        let mut trained = [0usize; 4];
        for step in 0..draws {
            let sent = match stages_of_step(4, 0.5, &mut for_step(1, step)) {
                Rounding::Stages(stages) => stages,
                Rounding::Nearest | Rounding::Noise(_) => 4,
            };
            trained[..sent].iter_mut().for_each(|count| *count += 1);
        }
        // Half of the steps send 1, 2, 3 or 4 stages alike: stage i + 1 is in 1 − i / 8 of them.
        for (stage, count) in trained.into_iter().enumerate() {
            let wanted = draws as f64 * (1.0 - stage as f64 / 8.0);
            assert!((count as f64 - wanted).abs() < 0.04 * draws as f64, "{trained:?}");
        }
        let all = |step| matches!(stages_of_step(4, 0.0, &mut for_step(1, step)), Rounding::Nearest);
        assert!((0..100).all(all));
    }
}
