//! What a training run hands to the exporter: nets, weights, codebooks and the signal they are for.

use vq_core::model::QUALITIES;

use crate::architecture::{ArchitectureError, Levels, NetSpec, Operation, Shape};

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
    /// Codebooks in the order in which their indices are sent; each takes its vector out of the latents.
    Vectors {
        /// The codebooks.
        codebooks: Vec<Codebook>,
    },
    /// Integer latents: each latent divided by its step and rounded.
    Scalar {
        /// The steps of each latent channel that is sent, from the worst quality to the best.
        steps: Vec<[f32; QUALITIES]>,
        /// Bits of every code.
        bits: u8,
        /// What one more latent behind them tells the decoder at each quality, from the worst to the best; `None` if there is none.
        told: Option<[f32; QUALITIES]>,
    },
}

impl TrainedQuantizer {
    /// What decoders are told at each quality, if they are.
    pub(super) fn told(&self) -> impl Iterator<Item = f32> {
        let told = match self {
            Self::Scalar { told, .. } => *told,
            Self::Vectors { .. } => None,
        };
        told.into_iter().flatten()
    }
}

/// The steps of a latent, from the worst quality to the best, each half an octave wider than the next: what the recurrent prior is told of steps.
#[must_use]
pub fn half_octaves(best: f32) -> [f32; QUALITIES] {
    std::array::from_fn(|row| best * 2f32.powf((QUALITIES - 1 - row) as f32 / 2.0))
}

/// The vectors of one index.
#[derive(Debug, Clone, PartialEq)]
pub struct Codebook {
    /// `[size, channels]`.
    pub vectors: Vec<f32>,
    /// Number of vectors.
    pub size: usize,
    /// The index is sent at qualities with more than this many stages.
    pub stage: u8,
    /// First latent channel.
    pub first: usize,
    /// Latent channels.
    pub channels: usize,
    /// Which vector stands for given latents.
    pub search: Search,
}

/// Which vector of a codebook stands for given latents. The device looks for the least `offset − Σ latent·vector`, so a choice
/// is an offset for each vector.
#[derive(Debug, Clone, PartialEq)]
pub enum Search {
    /// The nearest one: half of its squared length.
    Distance,
    /// The one with the least squared distance and charge for its bits, `[size]`: half of its squared length and charge.
    Charged(Vec<f32>),
    /// That of the direction nearest to the latents', whatever their length; the vectors have length one: no offset.
    Direction,
    /// Of vectors of one channel, ascending: the one after as many of these thresholds as are below the latent.
    Thresholds(Vec<f32>),
}

impl Codebook {
    /// A residual stage over all `channels`: the nearest vector.
    #[must_use]
    pub fn stage(stage: usize, channels: usize, vectors: Vec<f32>) -> Self {
        let size = vectors.len() / channels.max(1);
        Self { vectors, size, stage: stage as u8, first: 0, channels, search: Search::Distance }
    }

    /// The levels of a finite scalar quantizer's latent.
    #[must_use]
    pub fn levels(channel: usize, count: usize) -> Self {
        let levels = Levels::new(count);
        Self {
            vectors: levels.values().map(|value| value as f32).collect(),
            size: count,
            stage: 0,
            first: channel,
            channels: 1,
            search: Search::Thresholds(levels.thresholds().map(|threshold| threshold as f32).collect()),
        }
    }

    /// The index of the vector that stands for the latents of its channels.
    #[must_use]
    pub fn index(&self, latent: &[f32]) -> usize {
        if let Search::Thresholds(thresholds) = &self.search {
            return thresholds.partition_point(|threshold| latent.first().is_some_and(|z| z > threshold));
        }
        let score = |(index, vector): (usize, &[f32])| -> (usize, f32) {
            let terms = latent.iter().zip(vector);
            let score = match self.search {
                Search::Direction => -terms.map(|(z, e)| z * e).sum::<f32>(),
                Search::Distance | Search::Charged(_) | Search::Thresholds(_) => {
                    terms.map(|(z, e)| (z - e) * (z - e)).sum()
                }
            };
            (index, score + self.charge(index))
        };
        let scores = self.vectors.chunks_exact(self.channels).enumerate().map(score);
        scores.min_by(|(_, a), (_, b)| a.total_cmp(b)).map_or(0, |(index, _)| index)
    }

    /// What a vector is charged for its bits, in squared distance; 0 where bits do not count.
    pub(super) fn charge(&self, index: usize) -> f32 {
        match &self.search {
            Search::Charged(charges) => charges.get(index).copied().unwrap_or(0.0),
            Search::Distance | Search::Direction | Search::Thresholds(_) => 0.0,
        }
    }

    /// What the search starts the score of every vector with.
    #[must_use]
    pub fn offsets(&self) -> Vec<f64> {
        match &self.search {
            Search::Distance | Search::Charged(_) => {
                let half = |(index, vector): (usize, &[f32])| {
                    (vector.iter().map(|e| f64::from(*e).powi(2)).sum::<f64>() + f64::from(self.charge(index))) / 2.0
                };
                self.vectors.chunks_exact(self.channels).enumerate().map(half).collect()
            }
            Search::Direction => vec![0.0; self.size],
            Search::Thresholds(thresholds) => {
                let thresholds: Vec<f64> = thresholds.iter().map(|threshold| f64::from(*threshold)).collect();
                ladder(&self.vectors.iter().map(|e| f64::from(*e)).collect::<Vec<_>>(), &thresholds)
            }
        }
    }

    fn check(&self, number: usize, latents: usize) -> Result<(), TrainedModelError> {
        let wrong = |what: String| Err(TrainedModelError::Unsupported(format!("codebook {number}: {what}")));
        let Self { vectors, size, channels, first, .. } = self;
        if vectors.len() != size * channels || !(2..=4096).contains(size) {
            let found = vectors.len();
            return wrong(format!("{found} numbers for {size} vectors of {channels} channels; sizes may be 2 to 4096"));
        }
        if *channels == 0 || first + channels > latents {
            return wrong(format!("channels {first} to {} of {latents}", first + channels));
        }
        if let Search::Thresholds(thresholds) = &self.search
            && (*channels != 1 || thresholds.len() + 1 != *size || !thresholds.is_sorted() || !vectors.is_sorted())
        {
            return wrong("thresholds need one channel and ascending values, one fewer than vectors".into());
        }
        let finite = vectors.iter().all(|value| value.is_finite());
        if finite { Ok(()) } else { Err(TrainedModelError::NotFinite { place: format!("codebook {number}") }) }
    }
}

/// Offsets that make the search of ascending `values` change from each to the next at a threshold: where the scores of
/// neighbours are equal. The least of them is zero.
#[must_use]
pub fn ladder(values: &[f64], thresholds: &[f64]) -> Vec<f64> {
    let mut offsets = vec![0.0];
    for (pair, threshold) in values.windows(2).zip(thresholds) {
        offsets.push(offsets[offsets.len() - 1] + threshold * (pair[1] - pair[0]));
    }
    let least = offsets.iter().copied().fold(f64::INFINITY, f64::min);
    offsets.iter().map(|offset| offset - least).collect()
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
            TrainedQuantizer::Vectors { codebooks } => {
                codebooks.iter().enumerate().try_for_each(|(number, codebook)| codebook.check(number, channels))?;
            }
            TrainedQuantizer::Scalar { steps, bits, told } => {
                let numbers = steps.as_flattened();
                let channels = channels - usize::from(told.is_some());
                if steps.len() != channels || !(2..=12).contains(bits) || numbers.iter().any(|step| *step <= 0.0) {
                    return Err(TrainedModelError::Unsupported(format!(
                        "integer latents need positive steps for each of {channels} channels and 2 to 12 bits; found \
                         those of {} and {bits} bits",
                        steps.len()
                    )));
                }
                finite("the steps".into(), numbers)?;
                finite("what is told of the quality".into(), told.as_ref().map_or(&[][..], |told| told))?;
            }
        }
        Ok(shapes)
    }
}
