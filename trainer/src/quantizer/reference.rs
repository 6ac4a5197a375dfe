//! The quantizers against `vector-quantize-pytorch`, number for number, on tensors that `trainer/tests/reference/make.py`
//! made with it.

use std::path::Path;

use tch::nn::VarStore;
use tch::{Device, Kind, Tensor};

use super::finite::FiniteQuantizer;
use super::kmeans::lloyd;
use super::scalar::ScalarQuantizer;
use super::vector::VectorQuantizer;
use super::{Quantized, Rounding};
use crate::config::{CodebookUpdate, Config, GradientEstimator};
use crate::random::for_step;
use crate::run::TensorFile;

/// Training steps in every file of a quantizer of vectors.
const STEPS: usize = 3;
/// The largest difference between any two numbers.
const TOLERANCE: f64 = 1e-5;

/// The tensors of one case.
struct Reference {
    case: &'static str,
    file: TensorFile,
}

impl Reference {
    fn load(case: &'static str) -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference");
        let file = TensorFile::load(&folder.join(format!("{case}.safetensors"))).unwrap();
        assert!(file.state.contains("\"vector-quantize-pytorch\": \"1.32.0\""), "{}", file.state);
        Self { case, file }
    }

    fn has(&self, name: &str) -> bool {
        self.file.tensors.contains_key(name)
    }

    fn tensor(&self, name: &str) -> Tensor {
        let plain = &self.file.tensors[name];
        let shape: Vec<i64> = plain.shape.iter().map(|&size| size as i64).collect();
        Tensor::from_slice(&plain.values).view(shape.as_slice())
    }

    /// `[points, dimension]` as a quantizer takes it, `[1, dimension, points]`.
    fn latents(&self, name: &str) -> Tensor {
        self.tensor(name).transpose(0, 1).unsqueeze(0).contiguous()
    }

    fn assert_close(&self, name: &str, got: &Tensor) {
        self.assert_scaled(name, got, 1.0);
    }

    /// Asserts that the reference's tensor is `scale` times ours.
    fn assert_scaled(&self, name: &str, got: &Tensor, scale: f64) {
        let wanted = self.tensor(name);
        assert_eq!(got.size(), wanted.size(), "{}: {name}", self.case);
        let difference = (got.detach() * scale - wanted).abs().max().double_value(&[]);
        assert!(difference <= TOLERANCE, "{}: {name} differs by {difference}", self.case);
    }
}

/// `[1, dimension, points]` to `[points, dimension]`.
fn points(latents: &Tensor) -> Tensor {
    latents.squeeze_dim(0).transpose(0, 1)
}

fn gradient(of: &Tensor, at: &Tensor) -> Tensor {
    Tensor::run_backward(&[of], &[at], true, false).remove(0)
}

/// How a quantizer of vectors is set up for a case.
struct Setup {
    case: &'static str,
    dimension: usize,
    stages: &'static [usize],
    parts: usize,
    /// Stages in use.
    rounding: Rounding,
    change: fn(&mut Config),
}

impl Setup {
    /// Twelve codes over four latents, one stage.
    const fn plain(case: &'static str, change: fn(&mut Config)) -> Self {
        Self { case, dimension: 4, stages: &[12], parts: 1, rounding: Rounding::Nearest, change }
    }

    fn check(&self) {
        let reference = Reference::load(self.case);
        let mut config = Config::default();
        config.network.latents = self.dimension;
        config.quantizer.decay = 0.8;
        (self.change)(&mut config);
        let store = VarStore::new(Device::Cpu);
        let mut quantizer = VectorQuantizer::new(&store.root(), self.stages, self.parts, &config);
        for (name, mut variable) in store.variables() {
            tch::no_grad(|| variable.copy_(&reference.tensor(&format!("start.{name}"))));
        }
        for step in 0..STEPS {
            self.check_step(&reference, &store, &mut quantizer, step);
        }
    }

    fn check_step(&self, reference: &Reference, store: &VarStore, quantizer: &mut VectorQuantizer, step: usize) {
        let named = |what: &str| format!("{step}.{what}");
        let input = reference.latents(&named("latents")).set_requires_grad(true);
        let quantized = quantizer.forward(&projected(reference, "project_in", &input), &self.rounding);
        let output = projected(reference, "project_out", &quantized.latents);
        let sent = quantized.codes.size()[1];
        let codes = reference.tensor(&named("codes"));
        assert!(quantized.codes.equal(&codes.narrow(1, 0, sent).to_kind(Kind::Int64)), "{}: codes", self.case);
        // Stages that were left out have the code −1 there.
        assert!(codes.narrow(1, sent, codes.size()[1] - sent).eq(-1.0).all().int64_value(&[]) == 1);
        reference.assert_close(&named("quantized"), &points(&output));

        let loss = reference.tensor(&named("losses")).sum(Kind::Float).double_value(&[]);
        for ours in [&quantized.commitment_loss, &quantized.codebook_loss] {
            assert!((ours.double_value(&[]) - loss).abs() < TOLERANCE, "{}: {ours} instead of {loss}", self.case);
        }
        let upstream = reference.latents(&named("upstream"));
        let through = gradient(&(output * upstream).sum(Kind::Float), &input);
        // The reference adds a straight-through estimator for each stage, so that the encoder's gradient grows with their
        // number; ours passes the decoder's once.
        reference.assert_scaled(&named("through"), &points(&through), (sent / self.parts as i64) as f64);
        reference.assert_close(&named("commitment"), &points(&gradient(&quantized.loss(1.0), &input)));
        if reference.has(&named("codebook")) {
            let codebook = store.variables()["0.codebook"].shallow_clone();
            reference.assert_close(&named("codebook"), &gradient(&quantized.loss(1.0), &codebook));
            return;
        }
        self.check_state(reference, store, quantizer, &quantized, step);
    }

    /// The moving averages after a step, and the codes that follow them.
    fn check_state(
        &self,
        reference: &Reference,
        store: &VarStore,
        quantizer: &mut VectorQuantizer,
        quantized: &Quantized,
        step: usize,
    ) {
        tch::no_grad(|| quantizer.observe(quantized));
        let variables = store.variables();
        assert_eq!(variables.len(), 3 * self.stages.len() * self.parts);
        for (name, variable) in variables {
            reference.assert_close(&format!("{step}.after.{name}"), &variable);
        }
    }
}

/// The latents through one of the reference's own projections, if the case has it: a layer of kernel 1.
fn projected(reference: &Reference, name: &str, latents: &Tensor) -> Tensor {
    let weight = format!("{name}.weight");
    if !reference.has(&weight) {
        return latents.shallow_clone();
    }
    let bias = reference.tensor(&format!("{name}.bias"));
    latents.conv1d(&reference.tensor(&weight).unsqueeze(2), Some(bias), 1, 0, 1, 1)
}

#[test]
fn one_codebook_that_follows_moving_averages() {
    Setup::plain("moving_average", |_| {}).check();
}

#[test]
fn one_codebook_that_learns_by_gradient() {
    Setup::plain("gradient", |config| config.vector.codebook_update = CodebookUpdate::Gradient).check();
}

#[test]
fn the_rotation_trick() {
    let change = |config: &mut Config| {
        config.vector.gradient = GradientEstimator::Rotation;
        config.quantizer.decay = 0.9;
    };
    Setup::plain("rotation", change).check();
}

#[test]
fn codes_compared_by_direction() {
    Setup::plain("cosine", |config| config.vector.cosine = true).check();
}

#[test]
fn low_dimensional_codes_are_those_of_fewer_latents_between_projections() {
    Setup { dimension: 2, ..Setup::plain("low_dimensional", |_| {}) }.check();
}

#[test]
fn parts_with_codebooks_of_their_own() {
    Setup { dimension: 6, stages: &[8], parts: 3, ..Setup::plain("product", |_| {}) }.check();
}

#[test]
fn residual_stages() {
    let change = |config: &mut Config| config.quantizer.decay = 0.9;
    Setup { stages: &[12, 8, 6], ..Setup::plain("residual", change) }.check();
}

#[test]
fn residual_stages_that_are_left_out() {
    let change = |config: &mut Config| config.quantizer.decay = 0.9;
    let rounding = Rounding::Stages(2);
    Setup { stages: &[12, 8, 6], rounding, ..Setup::plain("residual_dropout", change) }.check();
}

#[test]
fn parts_with_residual_stages() {
    Setup { dimension: 6, stages: &[8, 8], parts: 2, ..Setup::plain("grouped", |_| {}) }.check();
}

#[test]
fn finite_scalars() {
    let reference = Reference::load("finite_scalar");
    let levels = Vec::<f32>::try_from(reference.tensor("levels")).unwrap();
    let store = VarStore::new(Device::Cpu);
    let levels = levels.into_iter().map(|count| count as usize).collect();
    let quantizer = FiniteQuantizer::new(&store.root(), levels, &Config::default());
    let input = reference.latents("latents").set_requires_grad(true);
    let quantized = quantizer.forward(&input);
    assert!(quantized.codes.equal(&reference.tensor("codes").to_kind(Kind::Int64)));
    reference.assert_close("quantized", &points(&quantized.latents));
    let through = gradient(&(quantized.latents * reference.latents("upstream")).sum(Kind::Float), &input);
    reference.assert_close("through", &points(&through));
}

#[test]
fn rounding_to_integers() {
    let reference = Reference::load("rounding");
    let mut config = Config::default();
    config.network.latents = 3;
    config.scalar.bits = 12;
    let store = VarStore::new(Device::Cpu);
    let quantizer = ScalarQuantizer::new(&store.root(), &config);
    tch::no_grad(|| store.variables()["step"].shallow_clone().copy_(&reference.tensor("step")));
    let input = reference.latents("latents").set_requires_grad(true);
    let quantized = quantizer.forward(&input, &Rounding::Nearest);
    reference.assert_close("quantized", &points(&quantized.latents));
    let through = gradient(&(quantized.latents * reference.latents("upstream")).sum(Kind::Float), &input);
    reference.assert_close("through", &points(&through));
}

#[test]
fn rounds_of_k_means() {
    let reference = Reference::load("kmeans");
    for rounds in [1, 5] {
        let (points, seeds) = (reference.tensor("points"), reference.tensor("seeds"));
        let clusters = lloyd(&points, seeds, rounds, &mut for_step(0, 0));
        reference.assert_close(&format!("centroids.{rounds}"), &clusters.centroids);
    }
}
