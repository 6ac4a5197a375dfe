//! One node of a net: its weights and what it computes.

use rand::rngs::ChaCha8Rng;
use tch::{Tensor, nn};

use super::Precision;
use super::fake_quantization::{Filters, int8_image};
use super::initialization::{Start, start};
use crate::architecture::{Activation, LEAKY_SLOPE_SHIFT, NetSpec, NodeSpec, Operation, Shape, Source};

/// One node, ready to run.
#[derive(Debug)]
pub(super) struct Layer {
    source: Source,
    map: Map,
    activation: Activation,
}

/// What a layer does before its activation. The numbers are kernel, stride and padding.
#[derive(Debug)]
enum Map {
    Convolution(Weights, [i64; 3]),
    Transposed(Weights, [i64; 3]),
    Depthwise(Weights, [i64; 3]),
    Add(Source),
}

#[derive(Debug)]
struct Weights {
    weight: Tensor,
    bias: Tensor,
}

impl Layer {
    /// A layer with fresh weights under `variables`. `shapes` are the shapes of the nodes before it, at least.
    pub(super) fn new(
        variables: &nn::Path,
        net: &NetSpec,
        node: &NodeSpec,
        shapes: &[Shape],
        random: &mut ChaCha8Rng,
    ) -> Self {
        let inputs = net.shape_of(node.source, shapes).channels;
        let mut weights = |sizes: [usize; 3], channels: usize| {
            let Start { weight, bias } = start(net, node, &sizes.map(|size| size as i64), channels as i64, random);
            // A net that is nothing but its linear path is a fixed transform.
            let learns = net.nodes.len() > 1;
            let add = |name, values: Tensor| variables.add(name, values.to_device(variables.device()), learns);
            Weights { weight: add("weight", weight), bias: add("bias", bias) }
        };
        let geometry = |sizes: [usize; 3]| sizes.map(|size| size as i64);
        let map = match node.operation {
            Operation::Convolution { kernel, stride, padding, channels } => {
                Map::Convolution(weights([channels, inputs, kernel], channels), geometry([kernel, stride, padding]))
            }
            Operation::Transposed { kernel, stride, padding, channels } => {
                Map::Transposed(weights([inputs, channels, kernel], channels), geometry([kernel, stride, padding]))
            }
            Operation::Depthwise { kernel, stride, padding } => {
                Map::Depthwise(weights([inputs, 1, kernel], inputs), geometry([kernel, stride, padding]))
            }
            Operation::Add { other } => Map::Add(other),
        };
        Self { source: node.source, map, activation: node.activation }
    }

    /// The layer's output; `read` gives the outputs of earlier layers.
    pub(super) fn forward<'a>(&self, read: impl Fn(Source) -> &'a Tensor, precision: Precision) -> Tensor {
        let input = read(self.source);
        let result = match &self.map {
            Map::Convolution(weights, geometry) => {
                convolution(input, &weights.in_precision(Filters::Channels, precision), *geometry, 1)
            }
            Map::Depthwise(weights, geometry) => {
                let groups = weights.weight.size()[0];
                convolution(input, &weights.in_precision(Filters::Channels, precision), *geometry, groups)
            }
            Map::Transposed(weights, geometry) => {
                transposed(input, &weights.in_precision(Filters::Phases(geometry[1]), precision), *geometry)
            }
            Map::Add(other) => input + read(*other),
        };
        match self.activation {
            Activation::Linear => result,
            Activation::Relu => result.relu(),
            Activation::LeakyRelu => leaky(&result),
        }
    }
}

impl Weights {
    /// As the net computes with them.
    fn in_precision(&self, filters: Filters, precision: Precision) -> Self {
        let weight = match precision {
            Precision::Int8 => int8_image(&self.weight, filters),
            Precision::Float | Precision::BFloat16 => self.weight.to_kind(precision.kind()),
        };
        Self { weight, bias: self.bias.to_kind(precision.kind()) }
    }
}

/// `max(x, x / 8)`, as an eighth of the way from `max(x, 0)` to `x`: seven times as fast as `maximum` and its gradient.
///
/// Never in place: a skip connection may read the same tensor.
fn leaky(input: &Tensor) -> Tensor {
    input.relu().lerp(input, 1.0 / f64::from(1 << LEAKY_SLOPE_SHIFT))
}

/// `y[t] = b + Σ_k w[k] · x[stride·t − padding + k]`, zeros outside, a row of output per `stride` rows of input; channels of
/// different groups do not see each other.
fn convolution(input: &Tensor, weights: &Weights, [kernel, stride, padding]: [i64; 3], groups: i64) -> Tensor {
    let Weights { weight, bias } = weights;
    let right = kernel - stride - padding;
    // The usual case, equal padding, needs no copy of the input. A negative right side crops.
    if right == padding {
        return input.conv1d(weight, Some(bias), stride, padding, 1, groups);
    }
    input.constant_pad_nd([padding, right]).conv1d(weight, Some(bias), stride, 0, 1, groups)
}

/// `y[n] = b + Σ_i x[i] · w[n + padding − stride·i]`, `stride` rows of output per row of input.
fn transposed(input: &Tensor, weights: &Weights, [kernel, stride, padding]: [i64; 3]) -> Tensor {
    let Weights { weight, bias } = weights;
    let rows = stride * input.size()[2];
    // Rows past the kernel's end are plain bias: the row of zeros appended here makes them.
    let missing = (rows + padding) - (rows - stride + kernel);
    let input =
        if missing > 0 { input.constant_pad_nd([0, (missing + stride - 1) / stride]) } else { input.shallow_clone() };
    input.conv_transpose1d(weight, Some(bias), stride, 0, 0, 1, 1).narrow(2, padding, rows)
}

#[cfg(test)]
mod tests {
    use tch::{Device, Kind};

    use super::super::Net;
    use super::*;
    use crate::random::for_step;

    fn net(input_rows: usize, operation: Operation, activation: Activation) -> NetSpec {
        let node = NodeSpec { name: "only".into(), source: Source::Input, operation, activation };
        NetSpec { input_channels: 2, input_rows, nodes: vec![node] }
    }

    fn run(spec: &NetSpec, input: &Tensor) -> (Tensor, Tensor, Tensor) {
        let store = nn::VarStore::new(Device::Cpu);
        let output = Net::new(&store.root(), spec, &mut for_step(7, 0)).unwrap().forward(input, Precision::Float);
        let variables = store.variables();
        (output, variables["only.weight"].shallow_clone(), variables["only.bias"].shallow_clone())
    }

    fn assert_close(got: f64, wanted: f64, place: &str) {
        assert!((got - wanted).abs() < 1e-5, "{place}: {got} instead of {wanted}");
    }

    #[test]
    fn convolution_is_the_documented_sum_for_odd_kernels_strides_and_alignments() {
        let input = Tensor::randn([1, 2, 24], (Kind::Float, Device::Cpu));
        for (kernel, stride, padding) in
            [(1, 1, 0), (3, 1, 1), (5, 2, 0), (5, 2, 3), (8, 4, 2), (2, 3, 0), (3, 4, 2), (7, 3, 6)]
        {
            let operation = Operation::Convolution { kernel, stride, padding, channels: 3 };
            let (output, weight, bias) = run(&net(stride, operation, Activation::Linear), &input);
            let rows = 24 / stride;
            assert_eq!(output.size(), [1, 3, rows as i64]);
            for (channel, row) in (0..3).flat_map(|channel| (0..rows).map(move |row| (channel, row))) {
                let mut sum = bias.double_value(&[channel]);
                for (tap, from) in (0..kernel).flat_map(|tap| (0..2).map(move |from| (tap, from))) {
                    let time = (stride * row + tap) as i64 - padding as i64;
                    if (0..24).contains(&time) {
                        sum += weight.double_value(&[channel, from, tap as i64]) * input.double_value(&[0, from, time]);
                    }
                }
                let place = format!("k{kernel} s{stride} p{padding}, channel {channel}, row {row}");
                assert_close(output.double_value(&[0, channel, row as i64]), sum, &place);
            }
        }
    }

    #[test]
    fn depthwise_convolution_is_the_documented_sum_and_rounds_each_channel_by_itself() {
        let input = Tensor::randn([1, 2, 24], (Kind::Float, Device::Cpu));
        for (kernel, stride, padding) in [(1, 1, 0), (3, 1, 1), (5, 2, 0), (8, 4, 3), (7, 3, 6)] {
            let spec = net(stride, Operation::Depthwise { kernel, stride, padding }, Activation::Linear);
            let store = nn::VarStore::new(Device::Cpu);
            let net = Net::new(&store.root(), &spec, &mut for_step(7, 0)).unwrap();
            let (weight, bias) = (&store.variables()["only.weight"], &store.variables()["only.bias"]);
            assert_eq!(weight.size(), [2, 1, kernel as i64]);
            for (precision, weight) in
                [(Precision::Float, weight.shallow_clone()), (Precision::Int8, int8_image(weight, Filters::Channels))]
            {
                let output = net.forward(&input, precision);
                assert_eq!(output.size(), [1, 2, 24 / stride as i64]);
                for (channel, row) in (0..2).flat_map(|channel| (0..24 / stride).map(move |row| (channel, row))) {
                    let mut sum = bias.double_value(&[channel]);
                    for tap in 0..kernel {
                        let time = (stride * row + tap) as i64 - padding as i64;
                        if (0..24).contains(&time) {
                            let factor = weight.double_value(&[channel, 0, tap as i64]);
                            sum += factor * input.double_value(&[0, channel, time]);
                        }
                    }
                    let place = format!("k{kernel} s{stride} p{padding}, channel {channel}, row {row}");
                    assert_close(output.double_value(&[0, channel, row as i64]), sum, &place);
                }
            }
        }
    }

    #[test]
    fn transposed_convolution_is_the_documented_sum() {
        let input = Tensor::randn([1, 2, 5], (Kind::Float, Device::Cpu));
        for (kernel, stride, padding) in
            [(4, 2, 1), (8, 4, 2), (5, 3, 0), (5, 3, 4), (2, 4, 0), (2, 4, 1), (7, 2, 6), (3, 1, 1)]
        {
            let operation = Operation::Transposed { kernel, stride, padding, channels: 3 };
            let (output, weight, bias) = run(&net(1, operation, Activation::Linear), &input);
            let rows = 5 * stride;
            assert_eq!(output.size(), [1, 3, rows as i64]);
            for (channel, row) in (0..3).flat_map(|channel| (0..rows).map(move |row| (channel, row))) {
                let mut sum = bias.double_value(&[channel]);
                for (time, from) in (0..5).flat_map(|time| (0..2).map(move |from| (time, from))) {
                    let tap = (row + padding) as i64 - (stride * time) as i64;
                    if (0..kernel as i64).contains(&tap) {
                        sum += weight.double_value(&[from, channel, tap]) * input.double_value(&[0, from, time as i64]);
                    }
                }
                let place = format!("k{kernel} s{stride} p{padding}, channel {channel}, row {row}");
                assert_close(output.double_value(&[0, channel, row as i64]), sum, &place);
            }
        }
    }

    #[test]
    fn in_bfloat16_every_layer_is_near_and_hands_on_float32() {
        let input = Tensor::randn([3, 2, 24], (Kind::Float, Device::Cpu));
        for operation in [
            Operation::Convolution { kernel: 5, stride: 2, padding: 1, channels: 3 },
            Operation::Depthwise { kernel: 3, stride: 1, padding: 1 },
            Operation::Transposed { kernel: 2, stride: 4, padding: 0, channels: 3 },
        ] {
            let store = nn::VarStore::new(Device::Cpu);
            let rows = if let Operation::Convolution { stride, .. } = operation { stride } else { 1 };
            let spec = net(rows, operation, Activation::LeakyRelu);
            let net = Net::new(&store.root(), &spec, &mut for_step(7, 0)).unwrap();
            // A net that is but one layer learns nothing by itself.
            let weight = store.variables()["only.weight"].set_requires_grad(true);
            let [float, brief] =
                [Precision::Float, Precision::BFloat16].map(|precision| net.forward(&input, precision));
            assert_eq!(brief.kind(), Kind::Float);
            let apart = (&brief - &float).abs().max().double_value(&[]);
            let largest = float.abs().max().double_value(&[]);
            assert!(apart > 0.0 && apart < 0.02 * largest, "{operation:?}: {apart} of {largest}");
            brief.square().sum(Kind::Float).backward();
            assert_eq!(weight.grad().kind(), Kind::Float);
            assert!(weight.grad().abs().sum(Kind::Float).double_value(&[]) > 0.0);
        }
    }

    #[test]
    fn the_leaky_slope_is_an_eighth() {
        let input = Tensor::from_slice(&[-8.0f32, -1.0, 0.0, 2.0]).set_requires_grad(true);
        let output = leaky(&input);
        assert_eq!(Vec::<f32>::try_from(&output).unwrap(), [-1.0, -0.125, 0.0, 2.0]);
        output.sum(Kind::Float).backward();
        let gradient = Vec::<f32>::try_from(input.grad()).unwrap();
        assert_eq!((gradient[0], gradient[3]), (0.125, 1.0));
    }

    #[test]
    fn a_skip_reads_what_its_branch_read_not_what_the_activation_left() {
        let convolution = |channels| Operation::Convolution { kernel: 1, stride: 1, padding: 0, channels };
        let node =
            |name: &str, source, operation, activation| NodeSpec { name: name.into(), source, operation, activation };
        let spec = NetSpec {
            input_channels: 2,
            input_rows: 1,
            nodes: vec![
                node("first", Source::Input, convolution(4), Activation::Linear),
                node("branch", Source::Node(0), convolution(4), Activation::LeakyRelu),
                node("sum", Source::Node(0), Operation::Add { other: Source::Node(1) }, Activation::Relu),
            ],
        };
        let store = nn::VarStore::new(Device::Cpu);
        let input = Tensor::randn([2, 2, 6], (Kind::Float, Device::Cpu));
        let output = Net::new(&store.root(), &spec, &mut for_step(3, 0)).unwrap().forward(&input, Precision::Float);
        let weights = store.variables();
        let apply = |name: &str, x: &Tensor| {
            x.conv1d(&weights[&format!("{name}.weight")], Some(&weights[&format!("{name}.bias")]), 1, 0, 1, 1)
        };
        let first = apply("first", &input);
        let branch = apply("branch", &first);
        let wanted = (&first + branch.maximum(&(&branch / 8.0))).clamp_min(0.0);
        assert!(output.allclose(&wanted, 1e-6, 1e-6, false));
        output.sum(Kind::Float).backward();
        assert!(weights["first.weight"].grad().defined());
    }

    #[test]
    fn int8_weights_are_what_the_net_runs_with() {
        let input = Tensor::randn([1, 2, 12], (Kind::Float, Device::Cpu));
        let operation = Operation::Transposed { kernel: 4, stride: 2, padding: 1, channels: 3 };
        let spec = net(1, operation, Activation::Linear);
        let store = nn::VarStore::new(Device::Cpu);
        let net = Net::new(&store.root(), &spec, &mut for_step(3, 0)).unwrap();
        let output = net.forward(&input, Precision::Int8);
        let variables = store.variables();
        let image = int8_image(&variables["only.weight"], Filters::Phases(2));
        let wanted = input.conv_transpose1d(&image, Some(&variables["only.bias"]), 2, 1, 0, 1, 1);
        assert!(output.allclose(&wanted, 1e-6, 1e-6, false));
        assert!(!output.allclose(&net.forward(&input, Precision::Float), 1e-7, 1e-7, false));
    }
}
