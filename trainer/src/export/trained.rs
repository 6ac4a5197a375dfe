//! What a training run hands to the exporter: nets, weights, codebooks and the signal they are for.

use crate::architecture::{ArchitectureError, NetSpec, Operation, Shape};

/// Weights and bias of one node, in the layout of tch.
#[derive(Debug, Clone, PartialEq)]
pub struct NodeWeights {
    /// Convolution `[out, in, kernel]`, depthwise `[channels, 1, kernel]`, transposed `[in, out, kernel]`; empty for a sum.
    pub weight: Vec<f32>,
    /// `[out]`; empty for a sum.
    pub bias: Vec<f32>,
}

/// A net with its weights, one entry per node.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainedNet {
    /// The nodes.
    pub spec: NetSpec,
    /// Their weights, in the same order.
    pub weights: Vec<NodeWeights>,
}

/// How latents become symbols.
#[derive(Debug, Clone, PartialEq)]
pub enum TrainedQuantizer {
    /// Residual vector quantization; a single stage is the plain codebook.
    Residual {
        /// One codebook per stage, each `[size, channels]`.
        codebooks: Vec<Codebook>,
    },
    /// Integer latents: each latent divided by its step and rounded.
    Scalar {
        /// The step of each latent channel at the best quality.
        steps: Vec<f32>,
        /// Bits of every code.
        bits: u8,
    },
}

/// The vectors of one stage.
#[derive(Debug, Clone, PartialEq)]
pub struct Codebook {
    /// `[size, channels]`.
    pub vectors: Vec<f32>,
    /// Number of vectors.
    pub size: usize,
}

/// How counts of one channel become network units: `(count − offset) / scale`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Normalization {
    /// The count that is zero to the net.
    pub offset: i32,
    /// Counts per network unit.
    pub scale: f32,
}

/// A trained codec in floats.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainedModel {
    /// Samples to latents.
    pub encoder: TrainedNet,
    /// Latents to samples.
    pub decoder: TrainedNet,
    /// Latents to symbols.
    pub quantizer: TrainedQuantizer,
    /// One per channel.
    pub normalization: Vec<Normalization>,
}

/// Why a trained model cannot be exported.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum TrainedModelError {
    /// The net itself is impossible.
    #[error("the {net} cannot be exported: {source}")]
    Architecture {
        /// `encoder` or `decoder`.
        net: &'static str,
        /// Why.
        source: ArchitectureError,
    },
    /// A tensor has another size than its layer.
    #[error(
        "{net} layer `{node}` should have {expected} numbers in its {tensor} and has {found}: is this checkpoint of another architecture?"
    )]
    Tensor {
        /// `encoder` or `decoder`.
        net: &'static str,
        /// The layer.
        node: String,
        /// `weight` or `bias`.
        tensor: &'static str,
        /// Numbers expected.
        expected: usize,
        /// Numbers found.
        found: usize,
    },
    /// A weight, codebook entry or step is NaN or infinite.
    #[error(
        "{place} holds a number that is not finite: the training diverged; resume from an earlier checkpoint or lower the learning rate"
    )]
    NotFinite {
        /// Where.
        place: String,
    },
    /// Something in the model does not fit the container.
    #[error("{0}")]
    Unsupported(String),
}

impl TrainedNet {
    /// Checks that every tensor has its layer's size and holds finite numbers; gives the nodes' output shapes.
    ///
    /// # Errors
    /// What is wrong, and in which layer.
    pub fn check(&self, net: &'static str) -> Result<Vec<Shape>, TrainedModelError> {
        let shapes = self.spec.shapes().map_err(|source| TrainedModelError::Architecture { net, source })?;
        for (index, (node, weights)) in self.spec.nodes.iter().zip(&self.weights).enumerate() {
            let inputs = self.spec.shape_of(node.source, &shapes).channels;
            let (weight, bias) = match node.operation {
                Operation::Convolution { kernel, stride, padding, .. }
                | Operation::Depthwise { kernel, stride, padding } => {
                    if kernel < stride || padding > kernel - stride {
                        return Err(TrainedModelError::Unsupported(format!(
                            "{net} layer `{}`: a kernel of {kernel} with stride {stride} and padding {padding} looks \
                             outside its window: padding may be at most kernel − stride",
                            node.name
                        )));
                    }
                    match node.operation {
                        Operation::Convolution { channels, .. } => (kernel * inputs * channels, channels),
                        _ => (kernel * inputs, inputs),
                    }
                }
                Operation::Transposed { kernel, stride, padding, channels } => {
                    if kernel < stride || padding >= kernel {
                        return Err(TrainedModelError::Unsupported(format!(
                            "{net} layer `{}`: a transposed kernel of {kernel} with stride {stride} and padding \
                             {padding} leaves samples without weights",
                            node.name
                        )));
                    }
                    (kernel * inputs * channels, channels)
                }
                Operation::Add { .. } => (0, 0),
            };
            for (tensor, expected, values) in [("weight", weight, &weights.weight), ("bias", bias, &weights.bias)] {
                if values.len() != expected {
                    return Err(TrainedModelError::Tensor {
                        net,
                        node: self.spec.nodes[index].name.clone(),
                        tensor,
                        expected,
                        found: values.len(),
                    });
                }
                if values.iter().any(|value| !value.is_finite()) {
                    return Err(TrainedModelError::NotFinite { place: format!("{net} layer `{}`", node.name) });
                }
            }
        }
        Ok(shapes)
    }
}

impl TrainedModel {
    /// Channels of a latent row.
    #[must_use]
    pub fn latent_channels(&self) -> usize {
        self.decoder.spec.input_channels
    }

    /// Checks the whole model; gives the shapes of both nets' nodes.
    ///
    /// # Errors
    /// What is wrong, and where.
    pub fn check(&self) -> Result<(Vec<Shape>, Vec<Shape>), TrainedModelError> {
        let shapes = (self.encoder.check("encoder")?, self.decoder.check("decoder")?);
        let channels = self.latent_channels();
        let finite = |place: String, values: &[f32]| {
            let sound = values.iter().all(|value| value.is_finite());
            if sound { Ok(()) } else { Err(TrainedModelError::NotFinite { place }) }
        };
        match &self.quantizer {
            TrainedQuantizer::Residual { codebooks } => {
                for (stage, codebook) in codebooks.iter().enumerate() {
                    if codebook.vectors.len() != codebook.size * channels || !(2..=4096).contains(&codebook.size) {
                        return Err(TrainedModelError::Unsupported(format!(
                            "the codebook of stage {stage} has {} numbers for {} vectors of {channels} channels; \
                             sizes may be 2 to 4096",
                            codebook.vectors.len(),
                            codebook.size
                        )));
                    }
                    finite(format!("the codebook of stage {stage}"), &codebook.vectors)?;
                }
            }
            TrainedQuantizer::Scalar { steps, bits } => {
                if steps.len() != channels || !(2..=12).contains(bits) || steps.iter().any(|step| *step <= 0.0) {
                    return Err(TrainedModelError::Unsupported(format!(
                        "integer latents need a positive step for each of {channels} channels and 2 to 12 bits; found \
                         {} steps and {bits} bits",
                        steps.len()
                    )));
                }
                finite("the steps".into(), steps)?;
            }
        }
        Ok(shapes)
    }
}
