//! The nets of an image codec as data: from the plan in a configuration to the operations that tch runs.
//!
//! Images are `[channels, rows, columns]`. Every convolution gives `rows / stride` rows (`rows · stride` where it is transposed), with
//! as many zeros above as below: kernel and stride are both odd or both even.

use serde::{Deserialize, Serialize};

use super::ArchitectureError;
use crate::images::ImageShape;

/// What is applied between layers, element by element.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ImageActivation {
    /// `max(x, 0)`.
    Relu,
    /// `x · Φ(x)`, Φ the normal distribution (Hendrycks & Gimpel 2016).
    Gelu,
}

/// One layer of the plan and the residual blocks behind it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImageLayerPlan {
    /// Rows and columns of a filter.
    pub kernel: usize,
    /// Down-sampling in the encoder, up-sampling in the decoder, by the convolution itself.
    #[serde(default = "one")]
    pub stride: usize,
    /// In the encoder: only the greatest of so many rows and columns goes on, behind the convolution. In the decoder: every row and
    /// column is repeated so often, before it.
    #[serde(default = "one")]
    pub resample: usize,
    /// Output channels.
    pub channels: usize,
    /// Residual blocks behind the layer.
    #[serde(default)]
    pub residual: usize,
}

/// A net's last layer, whose channels are given elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImageEndPlan {
    /// Rows and columns of a filter.
    pub kernel: usize,
    /// As in [`ImageLayerPlan`].
    #[serde(default = "one")]
    pub stride: usize,
    /// As in [`ImageLayerPlan`].
    #[serde(default = "one")]
    pub resample: usize,
}

fn one() -> usize {
    1
}

/// Both nets, layer by layer.
#[derive(Debug, Clone, Copy)]
pub struct ImagePlan<'a> {
    /// Channels that the encoder gives: the latents, or twice as many where it gives their mean and variance.
    pub encoded: usize,
    /// Channels that the decoder takes.
    pub latents: usize,
    /// What is between layers.
    pub activation: ImageActivation,
    /// The encoder's layers.
    pub encoder: &'a [ImageLayerPlan],
    /// The encoder's last layer, which makes the latents.
    pub to_latents: &'a ImageEndPlan,
    /// The decoder's layers.
    pub decoder: &'a [ImageLayerPlan],
    /// The decoder's last layer, which makes the image.
    pub output: &'a ImageEndPlan,
}

/// What a step of a net does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ImageOperation {
    /// Strided convolution.
    Convolution {
        /// Rows and columns of a filter.
        kernel: usize,
        /// Input rows per output row.
        stride: usize,
        /// Output channels.
        channels: usize,
    },
    /// Transposed convolution.
    Transposed {
        /// Rows and columns of a filter.
        kernel: usize,
        /// Output rows per input row.
        stride: usize,
        /// Output channels.
        channels: usize,
    },
    /// The greatest of `size` rows and columns.
    MaxPool {
        /// Input rows per output row.
        size: usize,
    },
    /// Every row and column `size` times.
    Repeat {
        /// Output rows per input row.
        size: usize,
    },
    /// Element by element.
    Activation(ImageActivation),
    /// `x + c₁(a(c₃(a(x))))`: a convolution of kernel 3 to half the channels and one of kernel 1 back, with the activation `a`.
    Residual(ImageActivation),
}

/// One step of a net.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageStep {
    /// Names the step's tensors in a checkpoint.
    pub name: String,
    /// What it does.
    pub operation: ImageOperation,
}

/// A net: its input and its steps, each of which reads what the one before it gives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageNetSpec {
    /// The input's size.
    pub input: ImageShape,
    /// The steps.
    pub steps: Vec<ImageStep>,
}

/// Half of some channels, and at least one: what a residual block has inside.
#[must_use]
pub fn inner_channels(channels: usize) -> usize {
    (channels / 2).max(1)
}

impl ImagePlan<'_> {
    /// Rows of an image per row of latents: the product of all down-sampling of the encoder.
    #[must_use]
    pub fn factor(&self) -> usize {
        product(self.encoder, self.to_latents)
    }

    /// The encoder and the decoder of images of a size.
    ///
    /// # Errors
    /// If the two nets change the size by different factors, or those do not divide it.
    pub fn assemble(&self, shape: ImageShape) -> Result<(ImageNetSpec, ImageNetSpec), ArchitectureError> {
        let (factor, up) = (self.factor(), product(self.decoder, self.output));
        let refuse = |what: String| Err(ArchitectureError::Plan { what });
        if factor != up {
            return refuse(format!(
                "strides and resampling of image.encoder and image.latents multiply to {factor}, those of image.decoder and \
                 image.output to {up}: make them equal"
            ));
        }
        if !shape.height.is_multiple_of(factor) || !shape.width.is_multiple_of(factor) {
            return refuse(format!(
                "images of {shape} do not divide into latents of {factor} by {factor} pixels: set image.height and image.width to \
                 multiples of {factor}, or change the strides"
            ));
        }
        let latents = ImageShape { channels: self.latents, height: shape.height / factor, width: shape.width / factor };
        Ok((self.encoder(shape), self.decoder(latents, shape.channels)))
    }

    fn encoder(&self, input: ImageShape) -> ImageNetSpec {
        let mut steps = Steps::default();
        for layer in self.encoder {
            let name = steps.next_layer();
            steps.push(&name, convolution(layer.kernel, layer.stride, layer.channels));
            steps.resample(&name, "pool", layer.resample, |size| ImageOperation::MaxPool { size });
            steps.push(&format!("{name}_activation"), ImageOperation::Activation(self.activation));
            steps.residual(&name, layer.residual, self.activation);
        }
        let end = self.to_latents;
        steps.push("final", convolution(end.kernel, end.stride, self.encoded));
        steps.resample("final", "pool", end.resample, |size| ImageOperation::MaxPool { size });
        ImageNetSpec { input, steps: steps.0 }
    }

    fn decoder(&self, input: ImageShape, channels: usize) -> ImageNetSpec {
        let mut steps = Steps::default();
        for layer in self.decoder {
            let name = steps.next_layer();
            steps.resample(&name, "repeat", layer.resample, |size| ImageOperation::Repeat { size });
            steps.push(&name, raise(layer.kernel, layer.stride, layer.channels));
            steps.push(&format!("{name}_activation"), ImageOperation::Activation(self.activation));
            steps.residual(&name, layer.residual, self.activation);
        }
        let end = self.output;
        steps.resample("final", "repeat", end.resample, |size| ImageOperation::Repeat { size });
        steps.push("final", raise(end.kernel, end.stride, channels));
        ImageNetSpec { input, steps: steps.0 }
    }
}

fn product(layers: &[ImageLayerPlan], end: &ImageEndPlan) -> usize {
    let layers = layers.iter().map(|layer| (layer.stride, layer.resample));
    let factors = layers.chain([(end.stride, end.resample)]);
    factors.fold(1, |product: usize, (stride, resample)| product.saturating_mul(stride).saturating_mul(resample))
}

fn convolution(kernel: usize, stride: usize, channels: usize) -> ImageOperation {
    ImageOperation::Convolution { kernel, stride, channels }
}

/// A transposed convolution, or, for stride 1, where both are the same map, a convolution.
fn raise(kernel: usize, stride: usize, channels: usize) -> ImageOperation {
    match stride {
        1 => convolution(kernel, 1, channels),
        _ => ImageOperation::Transposed { kernel, stride, channels },
    }
}

#[derive(Default)]
struct Steps(Vec<ImageStep>);

impl Steps {
    fn push(&mut self, name: &str, operation: ImageOperation) {
        self.0.push(ImageStep { name: name.into(), operation });
    }

    fn next_layer(&self) -> String {
        let layers = self.0.iter().filter(|step| matches!(step.operation, ImageOperation::Activation(_))).count();
        format!("layer{}", layers + 1)
    }

    fn resample(&mut self, layer: &str, how: &str, size: usize, operation: impl Fn(usize) -> ImageOperation) {
        if size > 1 {
            self.push(&format!("{layer}_{how}"), operation(size));
        }
    }

    fn residual(&mut self, layer: &str, blocks: usize, activation: ImageActivation) {
        for block in 1..=blocks {
            self.push(&format!("{layer}_residual{block}"), ImageOperation::Residual(activation));
        }
    }
}

impl ImageNetSpec {
    /// The size of what every step gives, in order.
    #[must_use]
    pub fn shapes(&self) -> Vec<ImageShape> {
        let mut shape = self.input;
        let steps = self.steps.iter().map(|step| {
            let scaled = |channels, times: usize, over: usize| ImageShape {
                channels,
                height: shape.height * times / over,
                width: shape.width * times / over,
            };
            shape = match step.operation {
                ImageOperation::Convolution { stride, channels, .. } => scaled(channels, 1, stride),
                ImageOperation::Transposed { stride, channels, .. } => scaled(channels, stride, 1),
                ImageOperation::MaxPool { size } => scaled(shape.channels, 1, size),
                ImageOperation::Repeat { size } => scaled(shape.channels, size, 1),
                ImageOperation::Activation(_) | ImageOperation::Residual(_) => shape,
            };
            shape
        });
        steps.collect()
    }

    /// The size of what the net gives.
    #[must_use]
    pub fn output(&self) -> ImageShape {
        self.shapes().last().copied().unwrap_or(self.input)
    }

    /// Weights, biases not counted.
    #[must_use]
    pub fn weights(&self) -> usize {
        self.sum(|operation, from, _| filters(operation, from))
    }

    /// Multiply-accumulates of an image.
    #[must_use]
    pub fn multiply_accumulates(&self) -> usize {
        self.sum(|operation, from, to| match operation {
            // Every input pixel meets every filter.
            ImageOperation::Transposed { .. } => filters(operation, from) * from.pixels(),
            _ => filters(operation, from) * to.pixels(),
        })
    }

    fn sum(&self, of: impl Fn(ImageOperation, ImageShape, ImageShape) -> usize) -> usize {
        let shapes = self.shapes();
        let before = [self.input].into_iter().chain(shapes.iter().copied());
        self.steps.iter().zip(before).zip(&shapes).map(|((step, from), to)| of(step.operation, from, *to)).sum()
    }
}

/// Weights of a step that reads `from`.
fn filters(operation: ImageOperation, from: ImageShape) -> usize {
    match operation {
        ImageOperation::Convolution { kernel, channels, .. } | ImageOperation::Transposed { kernel, channels, .. } => {
            kernel * kernel * from.channels * channels
        }
        ImageOperation::Residual(_) => from.channels * inner_channels(from.channels) * (9 + 1),
        ImageOperation::MaxPool { .. } | ImageOperation::Repeat { .. } | ImageOperation::Activation(_) => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layer(kernel: usize, stride: usize, resample: usize, channels: usize, residual: usize) -> ImageLayerPlan {
        ImageLayerPlan { kernel, stride, resample, channels, residual }
    }

    #[test]
    fn sizes_weights_and_operations_by_hand() {
        let (encoder, decoder) = ([layer(4, 2, 1, 8, 1)], [layer(3, 1, 2, 6, 0)]);
        let plan = ImagePlan {
            encoded: 4,
            latents: 4,
            activation: ImageActivation::Relu,
            encoder: &encoder,
            to_latents: &ImageEndPlan { kernel: 3, stride: 1, resample: 2 },
            decoder: &decoder,
            output: &ImageEndPlan { kernel: 4, stride: 2, resample: 1 },
        };
        let shape = ImageShape { channels: 3, height: 8, width: 12 };
        let (encoder, decoder) = plan.assemble(shape).unwrap();
        assert_eq!(encoder.output(), ImageShape { channels: 4, height: 2, width: 3 });
        assert_eq!((decoder.input, decoder.output()), (encoder.output(), shape));
        assert_eq!(encoder.weights(), 16 * 3 * 8 + (9 * 8 * 4 + 4 * 8) + 9 * 8 * 4);
        assert_eq!(encoder.multiply_accumulates(), 4 * 6 * (16 * 3 * 8 + 9 * 8 * 4 + 4 * 8 + 9 * 8 * 4));
        assert_eq!(decoder.multiply_accumulates(), 4 * 6 * (9 * 4 * 6) + 4 * 6 * (16 * 6 * 3));
        let names: Vec<&str> = encoder.steps.iter().map(|step| step.name.as_str()).collect();
        assert_eq!(names, ["layer1", "layer1_activation", "layer1_residual1", "final", "final_pool"]);
        let names: Vec<&str> = decoder.steps.iter().map(|step| step.name.as_str()).collect();
        assert_eq!(names, ["layer1_repeat", "layer1", "layer1_activation", "final"]);
    }

    #[test]
    fn sizes_that_do_not_fit_are_refused_with_what_to_do() {
        let encoder = [layer(4, 4, 1, 8, 0)];
        let end = ImageEndPlan { kernel: 1, stride: 1, resample: 1 };
        let mut plan = ImagePlan {
            encoded: 4,
            latents: 4,
            activation: ImageActivation::Gelu,
            encoder: &encoder,
            to_latents: &end,
            decoder: &[],
            output: &ImageEndPlan { kernel: 4, stride: 2, resample: 2 },
        };
        let odd = plan.assemble(ImageShape { channels: 1, height: 28, width: 30 }).unwrap_err().to_string();
        assert!(odd.contains("28×30×1") && odd.contains("multiples of 4"), "{odd}");
        plan.output = &end;
        let unequal = plan.assemble(ImageShape { channels: 1, height: 28, width: 28 }).unwrap_err().to_string();
        assert!(unequal.contains('4') && unequal.contains('1') && unequal.contains("image.decoder"), "{unequal}");
    }
}
