//! From the plan in a configuration to the two nets: a small strided net beside one linear lapped transform.
//!
//! The transform carries most of the signal from the first step on (it starts as a windowed cosine transform), and the
//! small net learns what a fixed transform cannot.

use serde::{Deserialize, Serialize};

use super::look_ahead;
use super::{Activation, ArchitectureError, NetSpec, NodeSpec, Operation, Source};

/// The name of the node that is the linear path.
pub const LINEAR: &str = "linear";
/// The name of the small net's last layer, whose output the linear path is added to.
pub const FINAL: &str = "final";

/// One layer of the plan and the residual blocks behind it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LayerPlan {
    /// Taps in time.
    pub kernel: usize,
    /// Down-sampling in the encoder, up-sampling in the decoder.
    pub stride: usize,
    /// Output channels.
    pub channels: usize,
    /// Residual blocks of kernel 3 behind the layer.
    #[serde(default)]
    pub residual: usize,
    /// Whether the layer and its residual blocks filter each channel by itself before they mix channels: a depthwise and a
    /// pointwise convolution, with a fraction of the weights and multiplications.
    #[serde(default)]
    pub separable: bool,
}

/// The decoder's last layer: its channels are the signal's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutputPlan {
    /// Taps in time.
    pub kernel: usize,
    /// Up-sampling.
    pub stride: usize,
}

/// Both nets, layer by layer.
#[derive(Debug, Clone, Copy)]
pub struct NetworkPlan<'a> {
    /// Only linear paths: a transform of `latents` frames a hop over all channels. What follows `latents` counts for nothing.
    pub lapped: bool,
    /// Latents per hop.
    pub latents: usize,
    /// Channels that the encoder gives: the latents, or twice as many where it gives their mean and variance.
    pub encoded: usize,
    /// Taps of the linear paths; 0 leaves them out.
    pub linear_kernel: usize,
    /// Frames that both nets together may wait for beyond the hop; `None` centres all kernels.
    pub look_ahead: Option<usize>,
    /// The encoder's layers; the product of their strides is the hop.
    pub encoder: &'a [LayerPlan],
    /// The decoder's layers; their strides and the output's multiply to the hop.
    pub decoder: &'a [LayerPlan],
    /// The decoder's last layer.
    pub output: &'a OutputPlan,
}

impl NetworkPlan<'_> {
    /// Frames per hop: the product of the encoder's strides.
    pub fn hop(&self) -> usize {
        stride_product(self.encoder)
    }

    /// The encoder and the decoder of a signal of `channels` channels.
    ///
    /// # Errors
    /// If a size is zero, or the strides of encoder and decoder multiply to different hops.
    pub fn assemble(&self, channels: usize) -> Result<(NetSpec, NetSpec), ArchitectureError> {
        if self.lapped {
            return self.transform(channels);
        }
        let hop = self.hop();
        let up = stride_product(self.decoder).saturating_mul(self.output.stride);
        if hop != up || hop == 0 {
            return Err(ArchitectureError::Plan {
                what: format!(
                    "the encoder's strides multiply to {hop} and the decoder's with its output's to {up}: \
                     both are the frames per hop, so make them equal and at least 1"
                ),
            });
        }
        for (net, first, inputs) in
            [("encoder", self.encoder.first(), channels), ("decoder", self.decoder.first(), self.latents)]
        {
            if inputs == 1 && first.is_some_and(|layer| layer.separable) {
                return Err(ArchitectureError::Plan {
                    what: format!(
                        "the first layer of the {net} reads a single channel, where there is nothing to separate: \
                         leave out its `separable = true`"
                    ),
                });
            }
        }
        let encoder = self.encoder(channels);
        let decoder = self.decoder(channels);
        encoder.shapes()?;
        decoder.shapes()?;
        match self.look_ahead {
            None => Ok((encoder, decoder)),
            Some(frames) => look_ahead::limit(encoder, decoder, frames),
        }
    }

    /// Another decoder for the same codes, of other layers, which waits no longer than `device` does, the plan's own.
    ///
    /// # Errors
    /// If a size is zero, or its strides do not multiply to the hop.
    pub fn another_decoder(
        &self,
        channels: usize,
        device: &NetSpec,
        layers: &[LayerPlan],
        output: &OutputPlan,
    ) -> Result<NetSpec, ArchitectureError> {
        let plan = NetworkPlan {
            lapped: self.lapped,
            latents: self.latents,
            encoded: self.encoded,
            linear_kernel: self.linear_kernel,
            look_ahead: None,
            encoder: self.encoder,
            decoder: layers,
            output,
        };
        let (_, decoder) = plan.assemble(channels)?;
        look_ahead::as_soon_as(decoder, device)
    }

    /// The linear paths alone, over windows of two hops.
    fn transform(&self, channels: usize) -> Result<(NetSpec, NetSpec), ArchitectureError> {
        let hop = self.latents / channels.max(1);
        if hop == 0 || hop * channels != self.latents {
            let what = format!(
                "a lapped transform has as many latents as its hop has samples: make network.latents a multiple of the {channels} channels"
            );
            return Err(ArchitectureError::Plan { what });
        }
        let node = |operation| {
            vec![NodeSpec { name: LINEAR.into(), source: Source::Input, operation, activation: Activation::Linear }]
        };
        let (kernel, padding) = (2 * hop, centred(2 * hop, hop));
        let forward = Operation::Convolution { kernel, stride: hop, padding, channels: self.latents };
        let back = raise(kernel, hop, channels);
        let encoder = NetSpec { input_channels: channels, input_rows: hop, nodes: node(forward) };
        let decoder = NetSpec { input_channels: self.latents, input_rows: 1, nodes: node(back) };
        match self.look_ahead {
            None => Ok((encoder, decoder)),
            Some(frames) => look_ahead::limit(encoder, decoder, frames),
        }
    }

    fn encoder(&self, channels: usize) -> NetSpec {
        let mut net = Builder::default();
        for layer in self.encoder {
            let operation = Operation::Convolution {
                kernel: layer.kernel,
                stride: layer.stride,
                padding: centred(layer.kernel, layer.stride),
                channels: layer.channels,
            };
            net.layer(operation, layer);
        }
        let latents = Operation::Convolution { kernel: 1, stride: 1, padding: 0, channels: self.encoded };
        let linear = Operation::Convolution {
            kernel: self.linear_kernel,
            stride: self.hop(),
            padding: centred(self.linear_kernel, self.hop()),
            channels: self.encoded,
        };
        net.finish(latents, (self.linear_kernel > 0).then_some(linear));
        NetSpec { input_channels: channels, input_rows: self.hop(), nodes: net.nodes }
    }

    fn decoder(&self, channels: usize) -> NetSpec {
        let mut net = Builder::default();
        for layer in self.decoder {
            net.layer(raise(layer.kernel, layer.stride, layer.channels), layer);
        }
        let output = raise(self.output.kernel, self.output.stride, channels);
        let linear = raise(self.linear_kernel, self.hop(), channels);
        net.finish(output, (self.linear_kernel > 0).then_some(linear));
        NetSpec { input_channels: self.latents, input_rows: 1, nodes: net.nodes }
    }
}

fn stride_product(layers: &[LayerPlan]) -> usize {
    layers.iter().fold(1, |product: usize, layer| product.saturating_mul(layer.stride))
}

/// A transposed convolution, or, for stride 1, where both are the same map, a convolution.
fn raise(kernel: usize, stride: usize, channels: usize) -> Operation {
    let padding = centred(kernel, stride);
    if stride == 1 {
        Operation::Convolution { kernel, stride, padding, channels }
    } else {
        Operation::Transposed { kernel, stride, padding, channels }
    }
}

/// The padding that puts a kernel's middle over the middle of its stride.
fn centred(kernel: usize, stride: usize) -> usize {
    kernel.saturating_sub(stride) / 2
}

/// The depthwise operation and the mixing one that together see what `operation` sees; `None` if it sees one row at a time.
///
/// A transposed convolution of `⌈kernel / stride⌉` input rows filters those and then raises the rate by one row's matrix per phase.
fn separated(operation: Operation) -> Option<(Operation, Operation)> {
    match operation {
        Operation::Convolution { kernel, stride, padding, channels } if kernel > 1 => Some((
            Operation::Depthwise { kernel, stride, padding },
            Operation::Convolution { kernel: 1, stride: 1, padding: 0, channels },
        )),
        Operation::Transposed { kernel, stride, padding, channels } if kernel > stride => {
            let rows = kernel.div_ceil(stride);
            Some((
                // What the output is cropped by beyond a row of phases, the window starts later.
                Operation::Depthwise { kernel: rows, stride: 1, padding: rows - 1 - padding / stride },
                Operation::Transposed { kernel: stride, stride, padding: padding % stride, channels },
            ))
        }
        _ => None,
    }
}

#[derive(Default)]
struct Builder {
    nodes: Vec<NodeSpec>,
    layers: usize,
}

impl Builder {
    fn push(&mut self, name: String, source: Source, operation: Operation, activation: Activation) -> Source {
        self.nodes.push(NodeSpec { name, source, operation, activation });
        self.top()
    }

    fn top(&self) -> Source {
        self.nodes.len().checked_sub(1).map_or(Source::Input, Source::Node)
    }

    /// A layer of the plan and its residual blocks.
    fn layer(&mut self, operation: Operation, layer: &LayerPlan) {
        self.layers += 1;
        let name = format!("layer{}", self.layers);
        self.rectified(name.clone(), operation, layer.separable);
        for block in 1..=layer.residual {
            let skip = self.top();
            let name = format!("{name}_residual{block}");
            let operation = Operation::Convolution { kernel: 3, stride: 1, padding: 1, channels: layer.channels };
            self.rectified(name.clone(), operation, layer.separable);
            self.push(format!("{name}_sum"), skip, Operation::Add { other: self.top() }, Activation::Linear);
        }
    }

    /// The operation, behind a depthwise one if it is taken apart. Nothing is rectified between the two.
    fn rectified(&mut self, name: String, operation: Operation, separable: bool) {
        let parts = separable.then(|| separated(operation)).flatten();
        if let Some((depthwise, _)) = parts {
            self.push(format!("{name}_depthwise"), self.top(), depthwise, Activation::Linear);
        }
        let operation = parts.map_or(operation, |(_, mixing)| mixing);
        self.push(name, self.top(), operation, Activation::LeakyRelu);
    }

    fn finish(&mut self, operation: Operation, linear: Option<Operation>) {
        let small = self.push(FINAL.into(), self.top(), operation, Activation::Linear);
        if let Some(linear) = linear {
            let other = self.push(LINEAR.into(), Source::Input, linear, Activation::Linear);
            self.push("sum".into(), small, Operation::Add { other }, Activation::Linear);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Shape;
    use super::*;

    #[test]
    fn a_lapped_plan_is_its_linear_paths() {
        let output = OutputPlan { kernel: 1, stride: 1 };
        let plan = NetworkPlan {
            lapped: true,
            latents: 16,
            encoded: 16,
            linear_kernel: 0,
            look_ahead: None,
            encoder: &[],
            decoder: &[],
            output: &output,
        };
        let (encoder, decoder) = plan.assemble(2).unwrap();
        assert_eq!((encoder.input_rows, encoder.nodes.len(), decoder.nodes.len()), (8, 1, 1));
        assert_eq!(encoder.output(), Ok(Shape { channels: 16, rows: 1 }));
        assert_eq!(decoder.output(), Ok(Shape { channels: 2, rows: 8 }));
        assert!(plan.assemble(3).unwrap_err().to_string().contains("multiple of the 3 channels"));
    }

    fn layer(kernel: usize, stride: usize, channels: usize, residual: usize) -> LayerPlan {
        LayerPlan { kernel, stride, channels, residual, separable: false }
    }

    #[test]
    fn separable_layers_see_as_far_and_cost_less() {
        let plan = |separable: bool| {
            let with = |layer: LayerPlan| LayerPlan { separable, ..layer };
            let encoder = vec![layer(8, 4, 16, 0), with(layer(7, 4, 24, 1))];
            let decoder = vec![with(layer(3, 1, 20, 1)), with(layer(6, 2, 16, 0)), with(layer(14, 2, 12, 0))];
            let (latents, output) = (6, OutputPlan { kernel: 8, stride: 4 });
            NetworkPlan {
                lapped: false,
                latents,
                encoded: latents,
                linear_kernel: 16,
                look_ahead: None,
                encoder: &encoder,
                decoder: &decoder,
                output: &output,
            }
            .assemble(1)
            .unwrap()
        };
        let ((encoder, decoder), (whole_encoder, whole_decoder)) = (plan(true), plan(false));
        assert_eq!(encoder.reach(), whole_encoder.reach());
        assert_eq!(decoder.reach(), whole_decoder.reach());
        assert_eq!((encoder.output(), decoder.output()), (whole_encoder.output(), whole_decoder.output()));
        assert!(encoder.weights().unwrap() * 2 < whole_encoder.weights().unwrap());
        assert!(decoder.multiply_accumulates().unwrap() * 2 < whole_decoder.multiply_accumulates().unwrap());
        let names: Vec<_> = encoder.nodes.iter().map(|node| node.name.as_str()).collect();
        assert_eq!(names[1..5], ["layer2_depthwise", "layer2", "layer2_residual1_depthwise", "layer2_residual1"]);
    }

    #[test]
    fn a_single_channel_cannot_be_separated() {
        let encoder = vec![LayerPlan { separable: true, ..layer(8, 4, 16, 0) }];
        let output = OutputPlan { kernel: 4, stride: 4 };
        let plan = NetworkPlan {
            lapped: false,
            latents: 6,
            encoded: 6,
            linear_kernel: 0,
            look_ahead: None,
            encoder: &encoder,
            decoder: &[],
            output: &output,
        };
        assert!(plan.assemble(1).unwrap_err().to_string().contains("first layer of the encoder"));
        assert!(plan.assemble(2).is_ok());
    }

    #[test]
    fn encoder_and_decoder_meet_at_the_latents() {
        let (encoder, decoder) = (vec![layer(8, 4, 16, 0), layer(5, 2, 24, 2)], vec![layer(3, 1, 24, 1)]);
        let plan = NetworkPlan {
            lapped: false,
            latents: 6,
            encoded: 6,
            linear_kernel: 16,
            look_ahead: None,
            encoder: &encoder,
            decoder: &decoder,
            output: &OutputPlan { kernel: 12, stride: 8 },
        };
        let (encoder, decoder) = plan.assemble(3).unwrap();
        assert_eq!((encoder.input_channels, encoder.input_rows), (3, 8));
        assert_eq!(encoder.output(), Ok(Shape { channels: 6, rows: 1 }));
        assert_eq!((decoder.input_channels, decoder.input_rows), (6, 1));
        assert_eq!(decoder.output(), Ok(Shape { channels: 3, rows: 8 }));
        let names: Vec<_> = encoder.nodes.iter().map(|node| node.name.as_str()).collect();
        assert_eq!(
            names,
            [
                "layer1",
                "layer2",
                "layer2_residual1",
                "layer2_residual1_sum",
                "layer2_residual2",
                "layer2_residual2_sum",
                "final",
                "linear",
                "sum"
            ]
        );
        // The lapped transform is centred on its hop: 16 taps around 8 rows.
        assert!(matches!(encoder.nodes[7].operation, Operation::Convolution { padding: 4, stride: 8, .. }));
    }

    #[test]
    fn unequal_hops_are_refused_with_both_numbers() {
        let (encoder, decoder) = (vec![layer(8, 4, 16, 0)], vec![]);
        let output = OutputPlan { kernel: 8, stride: 8 };
        let plan = NetworkPlan {
            lapped: false,
            latents: 6,
            encoded: 6,
            linear_kernel: 0,
            look_ahead: None,
            encoder: &encoder,
            decoder: &decoder,
            output: &output,
        };
        let message = plan.assemble(1).unwrap_err().to_string();
        assert!(message.contains('4') && message.contains('8'), "{message}");
    }
}
