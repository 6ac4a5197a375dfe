//! The nets of images in tch, built from [`crate::architecture::ImageNetSpec`]. Tensors are `[batch, channels, rows, columns]`.

use rand::rngs::ChaCha8Rng;
use tch::{Kind, Tensor, nn};

use super::Precision;
use crate::architecture::{ImageActivation, ImageNetSpec, ImageOperation, inner_channels};
use crate::images::ImageShape;
use crate::random;

/// A net whose weights live in a variable store, as `{net}.{step}.weight` and `{net}.{step}.bias`.
#[derive(Debug)]
pub struct ImageNet {
    spec: ImageNetSpec,
    steps: Vec<Step>,
}

#[derive(Debug)]
enum Step {
    Convolution(Filter),
    Transposed(Filter),
    MaxPool(i64),
    Repeat(i64),
    Activation(ImageActivation),
    Residual(ImageActivation, Filter, Filter),
}

/// The weights of a convolution and where they are applied.
#[derive(Debug)]
struct Filter {
    weight: Tensor,
    bias: Tensor,
    stride: i64,
    padding: i64,
}

impl Filter {
    /// Uniform within ±1/√(inputs of one output), for weights and biases. The weight is `[out, in, kernel, kernel]`, of a transposed
    /// convolution `[in, out, kernel, kernel]`.
    fn new(
        variables: &nn::Path<'_>,
        sizes: [usize; 4],
        stride: usize,
        transposed: bool,
        random: &mut ChaCha8Rng,
    ) -> Self {
        let [first, second, kernel, _] = sizes;
        let (inputs, outputs) = if transposed { (first, second) } else { (second, first) };
        let per_output = inputs * kernel * kernel / if transposed { stride * stride } else { 1 };
        let bound = 1.0 / (per_output.max(1) as f64).sqrt();
        let mut draw = |name: &str, sizes: &[i64]| {
            let values = (random::uniform(sizes, random) * 2.0 - 1.0) * bound;
            variables.add(name, values.to_device(variables.device()), true)
        };
        Self {
            weight: draw("weight", &sizes.map(|size| size as i64)),
            bias: draw("bias", &[outputs as i64]),
            stride: stride as i64,
            padding: (kernel.saturating_sub(stride) / 2) as i64,
        }
    }

    /// Weight and bias as numbers of a kind.
    fn of(&self, kind: Kind) -> (Tensor, Tensor) {
        (self.weight.to_kind(kind), self.bias.to_kind(kind))
    }

    fn convolve(&self, input: &Tensor) -> Tensor {
        let square = |size: i64| [size, size];
        let (weight, bias) = self.of(input.kind());
        input.conv2d(&weight, Some(&bias), square(self.stride), square(self.padding), [1, 1], 1)
    }

    fn convolve_transposed(&self, input: &Tensor) -> Tensor {
        let square = |size: i64| [size, size];
        let (stride, padding) = (square(self.stride), square(self.padding));
        let (weight, bias) = self.of(input.kind());
        input.conv_transpose2d(&weight, Some(&bias), stride, padding, [0, 0], 1, [1, 1])
    }
}

impl ImageNet {
    /// Builds the net with fresh weights from `random` under `variables`.
    pub fn new(variables: &nn::Path<'_>, spec: &ImageNetSpec, random: &mut ChaCha8Rng) -> Self {
        let shapes = spec.shapes();
        let inputs = [spec.input].into_iter().chain(shapes);
        let steps = spec.steps.iter().zip(inputs);
        let steps = steps.map(|(step, from)| Step::new(&(variables / &step.name), step.operation, from, random));
        Self { steps: steps.collect(), spec: spec.clone() }
    }

    /// The net's description.
    pub fn spec(&self) -> &ImageNetSpec {
        &self.spec
    }

    /// Runs the net on `input`, `[batch, channels, rows, columns]`. Its weights are never lowered to int8: it runs on hosts alone.
    pub fn forward(&self, input: &Tensor, precision: Precision) -> Tensor {
        let input = input.to_kind(precision.kind());
        self.steps.iter().fold(input, |input, step| step.forward(&input)).to_kind(Kind::Float)
    }
}

impl Step {
    fn new(variables: &nn::Path<'_>, operation: ImageOperation, from: ImageShape, random: &mut ChaCha8Rng) -> Self {
        match operation {
            ImageOperation::Convolution { kernel, stride, channels } => Self::Convolution(Filter::new(
                variables,
                [channels, from.channels, kernel, kernel],
                stride,
                false,
                random,
            )),
            ImageOperation::Transposed { kernel, stride, channels } => Self::Transposed(Filter::new(
                variables,
                [from.channels, channels, kernel, kernel],
                stride,
                true,
                random,
            )),
            ImageOperation::MaxPool { size } => Self::MaxPool(size as i64),
            ImageOperation::Repeat { size } => Self::Repeat(size as i64),
            ImageOperation::Activation(activation) => Self::Activation(activation),
            ImageOperation::Residual(activation) => {
                let (outer, inner) = (from.channels, inner_channels(from.channels));
                let first = Filter::new(&(variables / "first"), [inner, outer, 3, 3], 1, false, random);
                let second = Filter::new(&(variables / "second"), [outer, inner, 1, 1], 1, false, random);
                Self::Residual(activation, first, second)
            }
        }
    }

    fn forward(&self, input: &Tensor) -> Tensor {
        match self {
            Self::Convolution(filter) => filter.convolve(input),
            Self::Transposed(filter) => filter.convolve_transposed(input),
            Self::MaxPool(size) => input.max_pool2d([*size, *size], [*size, *size], [0, 0], [1, 1], false),
            Self::Repeat(size) => {
                let sizes = input.size();
                input.upsample_nearest2d([sizes[2] * size, sizes[3] * size], None, None)
            }
            Self::Activation(activation) => activate(*activation, input),
            // Never in place: the sum reads the input again.
            Self::Residual(activation, first, second) => {
                input + second.convolve(&activate(*activation, &first.convolve(&activate(*activation, input))))
            }
        }
    }
}

fn activate(activation: ImageActivation, input: &Tensor) -> Tensor {
    match activation {
        ImageActivation::Relu => input.relu(),
        ImageActivation::Gelu => input.gelu("none"),
    }
}

#[cfg(test)]
mod tests {
    use tch::Device;

    use super::*;
    use crate::architecture::ImageStep;
    use crate::random::for_step;

    #[test]
    fn every_operation_gives_the_size_that_its_description_says() {
        let operations = [
            ImageOperation::Convolution { kernel: 4, stride: 2, channels: 6 },
            ImageOperation::Residual(ImageActivation::Relu),
            ImageOperation::MaxPool { size: 2 },
            ImageOperation::Convolution { kernel: 5, stride: 1, channels: 3 },
            ImageOperation::Activation(ImageActivation::Gelu),
            ImageOperation::Repeat { size: 2 },
            ImageOperation::Transposed { kernel: 5, stride: 3, channels: 2 },
        ];
        let step = |(index, operation): (usize, &ImageOperation)| ImageStep {
            name: format!("step{index}"),
            operation: *operation,
        };
        let input = ImageShape { channels: 2, height: 8, width: 12 };
        for length in 1..=operations.len() {
            let steps = operations[..length].iter().enumerate().map(step).collect();
            let spec = ImageNetSpec { input, steps };
            let store = nn::VarStore::new(Device::Cpu);
            let net = ImageNet::new(&store.root(), &spec, &mut for_step(1, 0));
            let output = net.forward(&Tensor::randn([5, 2, 8, 12], (Kind::Float, Device::Cpu)), Precision::Float);
            let wanted = spec.output();
            assert_eq!(output.size(), [5, wanted.channels, wanted.height, wanted.width].map(|size| size as i64));
            let weights: usize =
                store.variables().iter().filter(|(name, _)| name.ends_with("weight")).map(|(_, w)| w.numel()).sum();
            assert_eq!(weights, spec.weights());
        }
    }

    #[test]
    fn a_residual_block_adds_to_its_input_and_leaves_it_as_it_was() {
        let input = ImageShape { channels: 4, height: 3, width: 3 };
        let steps = vec![ImageStep { name: "a".into(), operation: ImageOperation::Residual(ImageActivation::Relu) }];
        let store = nn::VarStore::new(Device::Cpu);
        let net = ImageNet::new(&store.root(), &ImageNetSpec { input, steps }, &mut for_step(1, 0));
        let _ = tch::no_grad(|| store.variables()["a.second.weight"].shallow_clone().zero_());
        let samples = Tensor::randn([1, 4, 3, 3], (Kind::Float, Device::Cpu));
        let before = samples.copy();
        let wanted = &samples + store.variables()["a.second.bias"].view([1, 4, 1, 1]);
        assert!(net.forward(&samples, Precision::Float).allclose(&wanted, 1e-6, 1e-6, false));
        assert!(samples.equal(&before));
    }
}
