//! Adam, with moments that can be saved: tch's own keeps them where nothing can read them.

use std::borrow::Borrow;

use tch::nn::VarStore;
use tch::{Device, Kind, Tensor};

use crate::quantizer::Restarted;

/// Keeps the division finite where a squared gradient is zero; torch's value.
const EPSILON: f64 = 1e-8;

/// One trained tensor and what Adam remembers of its gradients.
#[derive(Debug)]
pub struct Parameter {
    /// Its name in the variable store.
    pub name: String,
    /// The tensor itself.
    pub value: Tensor,
    /// Moving average of the gradient.
    pub first_moment: Tensor,
    /// Moving average of the squared gradient.
    pub second_moment: Tensor,
    /// Updates so far: moving averages that started at zero are divided by what they are short of.
    pub updates: u64,
}

/// The optimizer of a run.
#[derive(Debug)]
pub struct Adam {
    parameters: Vec<Parameter>,
    device: Device,
    beta1: f64,
    beta2: f64,
}

impl Adam {
    /// An optimizer of every trainable tensor of `variables`, in the order of their names.
    pub fn new(variables: &VarStore, beta1: f64, beta2: f64) -> Self {
        let parameter = |(name, value): (String, Tensor)| Parameter {
            name,
            first_moment: value.zeros_like().set_requires_grad(false),
            second_moment: value.zeros_like().set_requires_grad(false),
            value,
            updates: 0,
        };
        Self {
            parameters: trained(variables).into_iter().map(parameter).collect(),
            device: variables.device(),
            beta1,
            beta2,
        }
    }

    /// The trained tensors and their moments.
    pub fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }

    /// The same, to be restored.
    pub fn parameters_mut(&mut self) -> &mut [Parameter] {
        &mut self.parameters
    }

    /// One update from the gradient of `loss`, shortened to `longest` if it is longer. Tensors that `loss` does not
    /// depend on stay as they are; without any, nothing happens. Gives the gradient's norm before shortening, still on the device.
    pub fn minimise(&mut self, loss: &Tensor, learning_rate: f64, longest: f64) -> Tensor {
        let gradients = self.gradients(loss);
        self.follow(&gradients, learning_rate, longest)
    }

    /// The gradients of `loss`, one for each of the [parameters](Self::parameters); undefined where it does not depend on one.
    pub(super) fn gradients(&self, loss: &Tensor) -> Vec<Tensor> {
        gradients(loss, &self.parameters.iter().map(|parameter| &parameter.value).collect::<Vec<_>>())
    }

    /// One update along such gradients, as [`minimise`](Self::minimise) takes it.
    pub(super) fn follow(&mut self, gradients: &[Tensor], learning_rate: f64, longest: f64) -> Tensor {
        if gradients.is_empty() {
            return Tensor::zeros([], (Kind::Float, self.device));
        }
        tch::no_grad(|| {
            let norms: Vec<Tensor> = gradients.iter().filter(|gradient| gradient.defined()).map(Tensor::norm).collect();
            let norm = Tensor::stack(&norms, 0).norm();
            let factor = (longest / (&norm + f64::from(f32::MIN_POSITIVE))).clamp_max(1.0);
            let (beta1, beta2) = (self.beta1, self.beta2);
            for (parameter, gradient) in self.parameters.iter_mut().zip(gradients) {
                if gradient.defined() {
                    parameter.update(&(gradient * &factor), learning_rate, beta1, beta2);
                }
            }
            norm
        })
    }

    /// Forgets the moments of rows that were given new values: they belong to the codes that stood there before.
    pub fn forget(&mut self, restarted: &Restarted) {
        let same = |parameter: &&mut Parameter| parameter.value.data_ptr() == restarted.variable.data_ptr();
        if let Some(parameter) = self.parameters.iter_mut().find(same) {
            let rows = restarted.rows.unsqueeze(1);
            let _ = parameter.first_moment.masked_fill_(&rows, 0.0);
            let _ = parameter.second_moment.masked_fill_(&rows, 0.0);
        }
    }
}

/// The tensors of `variables` that are trained, in the order of their names.
pub(super) fn trained(variables: &VarStore) -> Vec<(String, Tensor)> {
    let mut trained: Vec<(String, Tensor)> = variables.variables().into_iter().collect();
    trained.retain(|(_, value)| value.requires_grad());
    // A map's order changes from run to run, and with it the last bits of the gradient's norm.
    trained.sort_by(|(a, _), (b, _)| a.cmp(b));
    trained
}

/// The gradients of `loss` by `values`; undefined where it does not depend on one.
pub(super) fn gradients(loss: &Tensor, values: &[impl Borrow<Tensor>]) -> Vec<Tensor> {
    if values.is_empty() { Vec::new() } else { Tensor::run_backward(&[loss], values, false, false) }
}

impl Parameter {
    fn update(&mut self, gradient: &Tensor, learning_rate: f64, beta1: f64, beta2: f64) {
        self.updates += 1;
        let missing = |beta: f64| 1.0 - beta.powf(self.updates as f64);
        let step = learning_rate / missing(beta1);
        let root = missing(beta2).sqrt();
        let _ = self.first_moment.lerp_(gradient, 1.0 - beta1);
        let _ = self.second_moment.lerp_(&gradient.square(), 1.0 - beta2);
        let scale = self.second_moment.sqrt() / root + EPSILON;
        let _ = self.value.addcdiv_(&(&self.first_moment * -step), &scale);
    }
}

#[cfg(test)]
mod tests {
    use tch::nn::{self, OptimizerConfig};

    use super::*;
    use crate::random::{for_step, normal};

    fn store() -> VarStore {
        let mut random = for_step(3, 0);
        let store = VarStore::new(Device::Cpu);
        for (name, sizes) in [("a", [4i64, 3]), ("b", [2, 2]), ("unused", [5, 1])] {
            let _ = store.root().add(name, normal(&sizes, &mut random), true);
        }
        store
    }

    fn loss(store: &VarStore, step: usize) -> Tensor {
        let variables = store.variables();
        let wave = &variables["a"] * (1.0 + step as f64 * 0.1);
        wave.sin().sum(Kind::Float) + variables["b"].pow_tensor_scalar(4).sum(Kind::Float)
    }

    #[test]
    fn the_same_as_the_adam_of_torch() {
        let (own, reference) = (store(), store());
        let mut adam = Adam::new(&own, 0.9, 0.99);
        let config = nn::Adam { beta1: 0.9, beta2: 0.99, wd: 0.0, eps: EPSILON, amsgrad: false };
        let mut built_in = config.build(&reference, 0.0).unwrap();
        for step in 0..50 {
            let rate = 0.01 / (1.0 + step as f64);
            let _ = adam.minimise(&loss(&own, step), rate, 1e9);
            built_in.set_lr(rate);
            built_in.backward_step(&loss(&reference, step));
        }
        for (name, value) in own.variables() {
            let wanted = &reference.variables()[&name];
            assert!(value.allclose(wanted, 1e-6, 1e-7, false), "{name}: {value} instead of {wanted}");
        }
    }

    #[test]
    fn long_gradients_are_shortened_to_the_limit() {
        let (own, reference) = (store(), store());
        let mut adam = Adam::new(&own, 0.9, 0.99);
        let norm = adam.minimise(&(loss(&own, 0) * 100.0), 0.01, 0.5).double_value(&[]);
        let mut gradients = Tensor::run_backward(
            &[loss(&reference, 0) * 100.0],
            &[&reference.variables()["a"], &reference.variables()["b"]],
            false,
            false,
        );
        let all = Tensor::cat(&gradients.drain(..).map(|gradient| gradient.flatten(0, -1)).collect::<Vec<_>>(), 0);
        assert!((norm - all.norm().double_value(&[])).abs() < 1e-3 * norm && norm > 0.5);
        let moments: Vec<Tensor> = adam.parameters()[..2].iter().map(|p| p.first_moment.flatten(0, -1)).collect();
        let length = Tensor::cat(&moments, 0).norm().double_value(&[]);
        assert!((length - 0.5 * 0.1).abs() < 1e-5, "{length}");
    }

    #[test]
    fn a_restarted_row_starts_without_moments_and_the_others_keep_theirs() {
        let own = store();
        let mut adam = Adam::new(&own, 0.9, 0.99);
        let _ = adam.minimise(&loss(&own, 0), 0.01, 1e9);
        let rows = Tensor::from_slice(&[false, true, false, true]);
        adam.forget(&Restarted { variable: own.variables()["a"].shallow_clone(), rows });
        let parameter = &adam.parameters()[0];
        for moment in [&parameter.first_moment, &parameter.second_moment] {
            let zeros: Vec<i64> = Vec::try_from(moment.eq(0.0).sum_dim_intlist(1, false, Kind::Int64)).unwrap();
            assert_eq!(zeros, [0, 3, 0, 3]);
        }
        assert!(adam.parameters()[1].first_moment.abs().min().double_value(&[]) > 0.0);
    }
}
