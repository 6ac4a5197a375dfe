//! From a training run to the integer container: lowering, the overflow proof, the self-test.
//!
//! [`TrainedModel`] (floats, in the layout of tch) → ranges measured by [`mod@reference`] → [`lower`] and [`symbols`] → [`container`],
//! first with uniform codes, then with the [`priors`] of what that model encodes.

pub mod as_floats;
pub mod choice;
pub mod comparison;
pub mod container;
pub mod disassemble;
pub mod file;
pub mod from_run;
pub mod layout;
pub mod lines;
pub mod lower;
mod measure;
pub mod nearest;
pub mod predictor;
pub mod priors;
pub mod proof;
pub(crate) mod received;
pub mod reference;
pub mod rounding;
pub mod summary;
pub mod surprise;
pub mod symbols;
pub mod trained;
pub mod window;

use vq_core::kernels::Arithmetic;
use vq_core::model::QUALITIES;
use vq_core::model::priors::SymbolPrior;
use vq_core::model::records::{Scaling, SymbolKind};

use crate::architecture::{NetSpec, Operation, Shape};
use crate::hexadecimal::hexadecimal;
use choice::Effects;
use container::{ContainerError, DECODES_FOR, MetadataParts, ModelParts, NetParts, assemble};
use disassemble::disassemble;
use file::ModelBytes;
use lower::{
    Lowering, LoweringError, Scale, channel_scale, describe, empty_layer, gain_exponent, line_of, scale_for, scaling,
};
use predictor::PredictorParts;
use priors::recurrent::RecurrentParts;
use priors::{PriorError, PriorParts};
use received::ReceiveError;
use reference::{Evaluated, Rows, forward};
use rounding::Rounding;
use trained::{TrainedModel, TrainedModelError, TrainedNet, TrainedQuantizer};
use window::WindowLayer;

/// Most frames that ranges are measured on.
const MEASURED_FRAMES: usize = 120_000;
/// Stretches that they are taken from, evenly over all samples: one recording alone does not stand for the others.
const MEASURED_STRETCHES: usize = 24;
/// Hops in a row that are measured at one quality, where the decoder is told which.
const HOPS_OF_A_QUALITY: usize = 20;
/// Hops of signal in the self-test.
const TEST_HOPS: usize = 8;

/// Why an export failed.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The trained model is not sound.
    #[error(transparent)]
    Trained(#[from] TrainedModelError),
    /// It cannot be brought into integers.
    #[error(transparent)]
    Lowering(#[from] LoweringError),
    /// It does not fit the container.
    #[error(transparent)]
    Container(#[from] ContainerError),
    /// The model that was made cannot encode the frames that its prior is trained on.
    #[error(transparent)]
    Prior(#[from] PriorError),
    /// The model that was made cannot decode what it encodes.
    #[error(transparent)]
    Received(#[from] ReceiveError),
    /// Too little signal to measure ranges on.
    #[error("{frames} frames are too few to measure activation ranges on: at least {need} are needed")]
    TooShort {
        /// Frames at hand.
        frames: usize,
        /// Frames needed.
        need: usize,
    },
}

/// A model in both arithmetics.
#[derive(Debug, Clone)]
pub struct Exported {
    /// What ships.
    pub integer: ModelBytes,
    /// The reference that its distortion is compared with.
    pub float: ModelBytes,
}

impl Exported {
    /// The same models with a recurrent prior before their tables, and a recurrent predictor of bounded and lossless packets. `samples` are those
    /// that the models were exported with: what is surprising is measured on them anew.
    ///
    /// # Errors
    /// A prior of other symbols, or a predictor of other channels than the models'.
    pub fn with_trained(
        &self,
        recurrent: Option<&RecurrentParts>,
        predictor: Option<&PredictorParts>,
        samples: &[i32],
    ) -> Result<Self, ExportError> {
        let with = |bytes: &ModelBytes| {
            let parts = disassemble(bytes.model().map_err(ContainerError::from)?).ok_or(ContainerError::Unreadable)?;
            let priors = parts.priors.with_recurrent(recurrent.cloned(), &parts.symbols);
            Ok::<_, ContainerError>(ModelParts { priors, predictor: predictor.cloned(), ..parts })
        };
        let (integer, float) = (with(&self.integer)?.calibrate(samples)?, with(&self.float)?);
        // With a choice of codes the integers' bits say nothing of the floats'.
        let surprise_limits = if integer.choice.is_some() { [0; QUALITIES] } else { integer.surprise_limits };
        let float = ModelParts { surprise_limits, ..float };
        Ok(Self { integer: assemble(&integer)?, float: assemble(&float)? })
    }

    /// The integer model as the float one is: nearest codes of as many stages, under the same priors. It differs from what ships where that
    /// chooses its codes by bits and distortion, which the float model cannot; against it integers alone are what is compared.
    ///
    /// # Errors
    /// A model that cannot be taken apart or put together.
    pub fn integer_of_nearest_codes(&self) -> Result<ModelBytes, ContainerError> {
        let parts = |bytes: &ModelBytes| disassemble(bytes.model()?).ok_or(ContainerError::Unreadable);
        let integer = parts(&self.integer)?;
        if integer.choice.is_none() {
            return Ok(self.integer.clone());
        }
        let ModelParts { quality, priors, surprise_limits, .. } = parts(&self.float)?;
        assemble(&ModelParts { choice: None, quality, priors, surprise_limits, ..integer })
    }

    /// The same models with the decoder net of `other`, which was exported with the same encoder and codes. They keep these models' identities, so
    /// they decode what these encode.
    ///
    /// # Errors
    /// A decoder for other latents or channels than the models'.
    pub fn with_decoder_of(&self, other: &Self) -> Result<Self, ExportError> {
        let parts = |bytes: &ModelBytes| -> Result<(ModelParts, [u8; 16]), ContainerError> {
            let model = bytes.model()?;
            Ok((disassemble(model).ok_or(ContainerError::Unreadable)?, model.identity()))
        };
        let exchanged = |own: &ModelBytes, other: &ModelBytes| -> Result<ModelBytes, ContainerError> {
            let ((mut own, identity), (other, _)) = (parts(own)?, parts(other)?);
            own.decoder = other.decoder;
            let mut run: serde_json::Value = serde_json::from_str(&own.metadata.run).unwrap_or_default();
            run[DECODES_FOR] = hexadecimal(&identity).into();
            own.metadata.run = run.to_string();
            assemble(&own)
        };
        let (integer, float) = (exchanged(&self.integer, &other.integer)?, exchanged(&self.float, &other.float)?);
        Ok(Self { integer, float })
    }
}

/// Exports a trained model; `samples` `[time, channels]` are representative counts: activation ranges are measured and the
/// prior is trained on them.
///
/// # Errors
/// What cannot be exported, and in which layer.
pub fn export(trained: &TrainedModel, samples: &[i32], metadata: &MetadataParts) -> Result<Exported, ExportError> {
    export_within(trained, samples, metadata, None)
}

/// The same, with tables of frequencies that leave the integer model at most so many bytes, if any others do.
///
/// # Errors
/// As [`export`].
pub fn export_within(
    trained: &TrainedModel,
    samples: &[i32],
    metadata: &MetadataParts,
    most_bytes: Option<usize>,
) -> Result<Exported, ExportError> {
    let prepared = Prepared::new(trained, samples, metadata)?;
    let [encoder, decoder] = prepared.lowerings(trained);
    let parts = prepared.parts(trained, metadata)?;
    let mut integer = rounding::decide(parts, [&encoder, &decoder], samples)?;
    // The integer model's codes are the ones that are sent; the float model's differ in a few places only.
    let uniform = assemble(&integer)?;
    let model = uniform.model().map_err(ContainerError::from)?;
    integer.priors = match most_bytes {
        None => PriorParts::train(model, samples)?,
        Some(most) => {
            PriorParts::train_within(model, samples, most.saturating_sub(records_included(&uniform, &integer)))?
        }
    };
    let plain = integer.priors.clone();
    let integer = match most_bytes {
        None => choice::decide(integer, || prepared.measured.effects(trained, prepared.latent_scale), samples)?,
        // A choice of codes takes flash of its own, which the budget has not counted.
        Some(_) => integer,
    };
    let integer = integer.calibrate(samples)?;
    let quantizer = symbols::float(&trained.quantizer, prepared.rows);
    let float = ModelParts {
        arithmetic: Arithmetic::Float,
        encoder: float_net(&trained.encoder, &prepared.encoder_shapes),
        decoder: float_net(&trained.decoder, &prepared.decoder_shapes),
        scaling: trained.normalization.iter().map(float_scaling).collect(),
        symbols: quantizer.symbols,
        tables: quantizer.tables,
        priors: plain,
        predictor: None,
        choice: None,
        surprise_limits: if integer.choice.is_some() { [0; QUALITIES] } else { integer.surprise_limits },
        quality: quantizer.quality,
        told: quantizer.told,
        level_ramp: None,
        test_frames: prepared.test_frames.clone(),
        metadata: metadata.clone(),
    };
    Ok(Exported { integer: assemble(&integer)?, float: assemble(&float)? })
}

/// The parts of an integer model as large as the exported one, but for tables of frequencies: its weights are the nearest whole numbers, its codes
/// are uniform.
///
/// # Errors
/// As [`export`].
pub fn sketch(trained: &TrainedModel, samples: &[i32], metadata: &MetadataParts) -> Result<ModelParts, ExportError> {
    Prepared::new(trained, samples, metadata)?.parts(trained, metadata)
}

/// What lowering a model needs to know of it.
struct Prepared {
    encoder_shapes: Vec<Shape>,
    decoder_shapes: Vec<Shape>,
    measured: Measured,
    scalings: Vec<Scaling>,
    input_scale: Scale,
    latent_scale: Scale,
    /// Rows of latents of a hop.
    rows: usize,
    test_frames: Vec<i16>,
}

impl Prepared {
    fn new(trained: &TrainedModel, samples: &[i32], metadata: &MetadataParts) -> Result<Self, ExportError> {
        let (encoder_shapes, decoder_shapes) = trained.check()?;
        let measured = Measured::new(trained, samples, &encoder_shapes)?;
        let (scalings, input_scale) = channel_scaling(trained, samples, metadata);
        let latents = measured.encoder.last().map_or(0.0, |latents| latents.reach).max(measured.quantized.peak());
        Ok(Self {
            latent_scale: symbols::latent_scale(&trained.quantizer, scale_for(latents)),
            rows: trained.decoder.spec.input_rows,
            test_frames: test_frames(trained, samples),
            encoder_shapes,
            decoder_shapes,
            measured,
            scalings,
            input_scale,
        })
    }

    /// Those of the encoder and of the decoder.
    fn lowerings<'l>(&'l self, trained: &'l TrainedModel) -> [Lowering<'l>; 2] {
        let encoder = Lowering {
            name: "encoder",
            net: &trained.encoder,
            shapes: &self.encoder_shapes,
            inputs: &self.measured.input,
            measured: &self.measured.encoder,
            input: self.input_scale,
            output: self.latent_scale,
        };
        let decoder = Lowering {
            name: "decoder",
            net: &trained.decoder,
            shapes: &self.decoder_shapes,
            inputs: &self.measured.quantized,
            measured: &self.measured.decoder,
            input: self.latent_scale,
            output: self.input_scale,
        };
        [encoder, decoder]
    }

    /// The integer model with the nearest weights and uniform codes.
    fn parts(&self, trained: &TrainedModel, metadata: &MetadataParts) -> Result<ModelParts, ExportError> {
        let [encoder, decoder] = self.lowerings(trained);
        let quantizer = symbols::integer(&trained.quantizer, self.rows, self.latent_scale);
        Ok(ModelParts {
            arithmetic: Arithmetic::Integer,
            encoder: encoder.lower(Rounding::Nearest)?,
            decoder: decoder.lower(Rounding::Nearest)?,
            scaling: self.scalings.clone(),
            priors: PriorParts::uniform(&quantizer.symbols),
            symbols: quantizer.symbols,
            tables: quantizer.tables,
            predictor: None,
            choice: None,
            surprise_limits: [0; QUALITIES],
            quality: quantizer.quality,
            told: quantizer.told,
            level_ramp: None,
            test_frames: self.test_frames.clone(),
            metadata: metadata.clone(),
        })
    }
}

/// Bytes of a model without tables but with the records of all sets that it would have, and the ends that parts are filled up to.
fn records_included(uniform: &ModelBytes, parts: &ModelParts) -> usize {
    let scalar = parts.symbols.iter().any(|symbol| symbol.kind == SymbolKind::Integer);
    let sets = if scalar { QUALITIES } else { 1 };
    uniform.bytes().len() + (sets - 1) * parts.symbols.len() * SymbolPrior::BYTES + 16
}

impl ModelParts {
    /// Measures on `samples` `[time, channels]` what is surprising under the priors.
    ///
    /// # Errors
    /// Parts that do not fit together, or a model that cannot encode the samples.
    pub fn calibrate(self, samples: &[i32]) -> Result<Self, ExportError> {
        let bytes = assemble(&self)?;
        let surprise_limits = surprise::limits(bytes.model().map_err(ContainerError::from)?, samples)?;
        Ok(Self { surprise_limits, ..self })
    }
}

/// What every node gives for representative input.
struct Measured {
    /// Samples as the encoder sees them.
    input: Rows,
    encoder: Vec<Evaluated>,
    /// Latents as the decoder sees them.
    quantized: Rows,
    decoder: Vec<Evaluated>,
}

impl Measured {
    fn new(trained: &TrainedModel, samples: &[i32], shapes: &[Shape]) -> Result<Self, ExportError> {
        let (channels, hop) = (trained.normalization.len(), trained.encoder.spec.input_rows);
        let need = hop * 16;
        if samples.len() / channels < need {
            return Err(ExportError::TooShort { frames: samples.len() / channels, need });
        }
        let values = representative(samples, hop * channels)
            .chunks_exact(channels)
            .flat_map(|frame| frame.iter().zip(&trained.normalization))
            .map(|(count, normal)| {
                ((i64::from(*count) - i64::from(normal.offset)) as f64 / f64::from(normal.scale)) as f32
            })
            .collect();
        let input = Rows { channels, values };
        let encoder = forward(&trained.encoder, &input);
        let width = shapes.last().map_or(1, |shape| shape.channels);
        let latents = encoder.last().map_or(&[][..], |latents| &latents.output.values);
        // A decoder that is told the quality has inputs of all qualities; others see most at the best.
        let tells = trained.quantizer.told().next().is_some();
        let quality =
            |hop: usize| if tells { QUALITIES - 1 - hop / HOPS_OF_A_QUALITY % QUALITIES } else { QUALITIES - 1 };
        let hops = latents.chunks_exact(width).enumerate();
        let values = hops.flat_map(|(hop, latent)| trained.quantizer.nearest(latent, quality(hop))).collect();
        let quantized = Rows { channels: width, values };
        let decoder = forward(&trained.decoder, &quantized);
        Ok(Self { input, encoder, quantized, decoder })
    }
}

/// Whole hops of `hop` numbers: all samples if they are few, else stretches evenly from all of them.
fn representative(samples: &[i32], hop: usize) -> Vec<i32> {
    let hops = samples.len() / hop;
    let most = MEASURED_FRAMES / hop.max(1);
    if hops <= most {
        return samples[..hops * hop].to_vec();
    }
    let stretch = most.div_ceil(MEASURED_STRETCHES);
    let start = |index: usize| index * (hops - stretch) / (MEASURED_STRETCHES - 1) * hop;
    (0..MEASURED_STRETCHES).flat_map(|index| &samples[start(index)..][..stretch * hop]).copied().collect()
}

impl Measured {
    /// What errors of the latents do, in steps of `scale`.
    fn effects(&self, trained: &TrainedModel, scale: f64) -> Effects {
        let latents = self.encoder.last().map_or(&self.quantized, |latents| &latents.output);
        choice::effects(&trained.decoder, latents, &self.quantized, trained.decoder.spec.input_rows, scale)
    }
}

impl TrainedQuantizer {
    /// A latent row as the decoder sees it, at a quality counted from 0.
    #[must_use]
    pub fn nearest(&self, latent: &[f32], quality: usize) -> Vec<f32> {
        match self {
            Self::Scalar { steps, bits, told } => {
                let limit = f32::from((1i16 << (bits - 1)) - 1);
                let rounded = |(z, steps): (&f32, &[f32; QUALITIES])| {
                    (z / steps[quality]).round_ties_even().clamp(-limit, limit) * steps[quality]
                };
                let mut latent: Vec<f32> = latent.iter().zip(steps).map(rounded).collect();
                latent.extend(told.map(|told| told[quality]));
                latent
            }
            Self::Vectors { codebooks } => {
                let mut rest = latent.to_vec();
                for codebook in codebooks {
                    let part = &mut rest[codebook.first..codebook.first + codebook.channels];
                    let vector = codebook.vectors.chunks_exact(codebook.channels).nth(codebook.index(part));
                    part.iter_mut().zip(vector.unwrap_or_default()).for_each(|(z, e)| *z -= e);
                }
                latent.iter().zip(rest).map(|(z, rest)| z - rest).collect()
            }
        }
    }
}

/// The scaling of every channel, and the one scale of the input and output lines.
///
/// All channels share a line, hence a scale: the coarsest that any of them needs. A single channel keeps its counts
/// exactly, multiplied by a power of two.
fn channel_scaling(trained: &TrainedModel, samples: &[i32], metadata: &MetadataParts) -> (Vec<Scaling>, f64) {
    let channels = trained.normalization.len();
    let peak = |channel: usize, offset: i32| {
        let counts = samples.iter().skip(channel).step_by(channels);
        counts.map(|x| (i64::from(*x) - i64::from(offset)).unsigned_abs()).max().unwrap_or(0)
    };
    let needed = trained.normalization.iter().enumerate().map(|(channel, normal)| {
        let peak = peak(channel, normal.offset);
        let source_bits = metadata.channels.get(channel).and_then(|channel| channel.source_bits);
        channel_scale(normal, gain_exponent(peak as f64, source_bits))
    });
    let line = needed.fold(f64::MIN_POSITIVE, f64::max);
    let scalings = trained.normalization.iter().enumerate().map(|(channel, normal)| {
        let reach = peak(channel, normal.offset) as f64 / (f64::from(normal.scale) * line);
        Scaling { reach: reach.clamp(1.0, 32_767.0) as u16, ..scaling(normal, line) }
    });
    (scalings.collect(), line)
}

fn float_scaling(normalization: &trained::Normalization) -> Scaling {
    Scaling {
        offset: normalization.offset,
        gain: (1.0 / normalization.scale).to_bits() as i32,
        gain_out: normalization.scale.to_bits() as i32,
        shift: 0,
        shift_out: 0,
        reach: 0,
    }
}

/// A net as it is, its weights in window form.
fn float_net(net: &TrainedNet, shapes: &[Shape]) -> NetParts {
    let NetSpec { input_channels, input_rows, nodes } = &net.spec;
    let layers = nodes.iter().zip(&net.weights).zip(shapes).map(|((node, weights), shape)| {
        let mut layer = empty_layer(shape.channels, node.activation, line_of(node.source));
        let inputs = net.spec.shape_of(node.source, shapes).channels;
        let mut stream = Vec::new();
        if let Some(window) = WindowLayer::new(node.operation, inputs, weights) {
            describe(&mut layer, &window);
            for output in 0..window.outputs {
                stream.extend(window.bias[output].to_le_bytes());
                stream.extend(window.filter(output).iter().flat_map(|weight| weight.to_le_bytes()));
            }
        } else if let Operation::Add { other } = node.operation {
            layer.other = line_of(other);
        }
        (layer, stream)
    });
    NetParts { channels: *input_channels as u16, rows: *input_rows as u16, layers: layers.collect() }
}

/// The liveliest stretch of the signal, less each channel's offset, for the self-test.
fn test_frames(trained: &TrainedModel, samples: &[i32]) -> Vec<i16> {
    let channels = trained.normalization.len();
    let length = TEST_HOPS * trained.encoder.spec.input_rows * channels;
    let centred: Vec<i16> = samples
        .chunks_exact(channels)
        .flat_map(|frame| frame.iter().zip(&trained.normalization))
        .map(|(x, normal)| x.saturating_sub(normal.offset).clamp(i16::MIN.into(), i16::MAX.into()) as i16)
        .collect();
    let energy = |window: &[i16]| window.iter().map(|x| i64::from(*x) * i64::from(*x)).sum::<i64>();
    let liveliest = centred.chunks_exact(length.max(1)).max_by_key(|window| energy(window));
    liveliest.map_or_else(|| vec![0; length], <[i16]>::to_vec)
}
