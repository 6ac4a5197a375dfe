//! Writing the container: records, plan, tables, metadata, identity and checksum around layers that are already numbers.

use sha2::{Digest, Sha256};
use vq_core::kernels::Arithmetic;
use vq_core::model::choice::Choice;
use vq_core::model::header::{HEADER_BYTES, Header, seal};
use vq_core::model::metadata::{Channel, Message, Metadata};
use vq_core::model::plan::{Output, row_elements};
use vq_core::model::predictor::ResidualPredictor;
use vq_core::model::priors::{Context, SymbolPrior};
use vq_core::model::records::{Kind, Layer, Net, Scaling, Symbol};
use vq_core::model::recurrent::{InHop, RecurrentPrior};
use vq_core::model::{Directory, Model, ModelError, Part, QUALITIES};
use vq_core::{Encoder, EncoderError, Options, SelfTestError, decoded_crc};

use super::choice::ChoiceParts;
use super::file::{HostMemory, ModelBytes};
use super::layout;
use super::predictor::PredictorParts;
use super::priors::PriorParts;
use super::priors::recurrent::RecurrentParts;

/// A net whose layers are numbers; delays, history and places are filled in here.
#[derive(Debug, Clone)]
pub struct NetParts {
    /// Channels of the input.
    pub channels: u16,
    /// Input rows per hop.
    pub rows: u16,
    /// Layers with their weight streams.
    pub layers: Vec<(Layer, Vec<u8>)>,
}

/// Metadata as the exporter holds it.
#[derive(Debug, Clone, PartialEq)]
pub struct MetadataParts {
    /// The model's name.
    pub name: String,
    /// Frames per second, in thousandths.
    pub rate_millihertz: u64,
    /// The channels of a frame.
    pub channels: Vec<ChannelParts>,
    /// The training run as JSON.
    pub run: String,
}

/// A channel's metadata.
#[derive(Debug, Clone, PartialEq)]
pub struct ChannelParts {
    /// Its name.
    pub name: String,
    /// Its unit.
    pub unit: String,
    /// Counts per unit.
    pub counts_per_unit: f64,
    /// The count of physical zero.
    pub offset: i32,
    /// Bits of the converter.
    pub source_bits: Option<u8>,
}

/// Everything that goes into a container.
#[derive(Debug, Clone)]
pub struct ModelParts {
    /// Integers or floats.
    pub arithmetic: Arithmetic,
    /// Samples to latents.
    pub encoder: NetParts,
    /// Latents to samples.
    pub decoder: NetParts,
    /// One per channel.
    pub scaling: Vec<Scaling>,
    /// Symbols of a hop; `table` counts in `tables`.
    pub symbols: Vec<Symbol>,
    /// Codebooks and step tables.
    pub tables: Vec<Vec<u8>>,
    /// What codes to expect.
    pub priors: PriorParts,
    /// What bounded and lossless packets are predicted with, if not the adaptive predictor.
    pub predictor: Option<PredictorParts>,
    /// How codes are chosen, if not as the nearest.
    pub choice: Option<ChoiceParts>,
    /// The bits of a hop above which best effort is given up, at each quality; see [`surprise`](super::surprise).
    pub surprise_limits: [u16; QUALITIES],
    /// Stages sent at each quality.
    pub quality: [u8; QUALITIES],
    /// What the last latent of a row is to the decoder at each quality, as elements of the arithmetic; empty if it is one that symbols say.
    pub told: Vec<u8>,
    /// `r`: the offset of a level moves over `2^r` frames, 0 if it jumps; `None` for half a hop, as far as the decoder's margin hides it.
    pub level_ramp: Option<u16>,
    /// Frames of the self-test less their channel's offset, `[time, channels]`.
    pub test_frames: Vec<i16>,
    /// What hosts read.
    pub metadata: MetadataParts,
}

/// Why a container could not be written.
#[derive(Debug, thiserror::Error)]
pub enum ContainerError {
    /// The layers' delays or sizes do not fit.
    #[error("the {net} does not fit the container: delays, windows or buffers are too large")]
    Plan {
        /// `encoder` or `decoder`.
        net: &'static str,
    },
    /// The result is not a model.
    #[error("the exported model is not sound: {0}")]
    Model(#[from] ModelError),
    /// A model that is to be changed does not say what it is.
    #[error("the model's metadata cannot be read: export it with this version")]
    Unreadable,
    /// The metadata do not serialize.
    #[error("the metadata cannot be written: {0}")]
    Metadata(#[from] postcard::Error),
    /// The self-test cannot run.
    #[error("the self-test cannot be made: {0}")]
    Encoder(#[from] EncoderError),
    /// The self-test cannot run.
    #[error("the self-test cannot be made: {0}")]
    SelfTest(#[from] SelfTestError),
}

/// Tables under construction: every part at a multiple of 8.
#[derive(Debug, Default)]
struct Tables(Vec<u8>);

impl Tables {
    fn push(&mut self, bytes: &[u8]) -> u32 {
        self.0.resize(self.0.len().next_multiple_of(8), 0);
        let offset = self.0.len() as u32;
        self.0.extend_from_slice(bytes);
        offset
    }
}

/// Writes a container with a self-test that this program has run.
///
/// # Errors
/// What does not fit, or what [`Model::parse`] refuses.
pub fn assemble(parts: &ModelParts) -> Result<ModelBytes, ContainerError> {
    let draft = write(parts, &SelfTest { packet: vec![0], samples_crc: 0 })?;
    let model = draft.model()?;
    let packet = test_packet(model, parts)?;
    let samples_crc = decoded_crc(model, HostMemory::new(model.decoder_memory()).bytes(), &packet)?;
    let sized = write(parts, &SelfTest { packet, samples_crc })?;
    let packet = test_packet(sized.model()?, parts)?;
    let complete = write(parts, &SelfTest { packet, samples_crc })?;
    complete.model()?;
    Ok(complete)
}

/// The identity of a model file: the first half of the SHA-256 of what lies between it and the self-test packet; or, of a model that decodes
/// what another one encodes, the other one's, as its training run says (`decodes_for`).
///
/// The packet is left out because its checksum is seeded with the identity.
#[must_use]
pub fn identity(model: &Model<'_>) -> [u8; 16] {
    if let Some(other) = model.metadata().and_then(|metadata| decodes_for(metadata.run)) {
        return other;
    }
    let packet = model.header().tables_offset as usize + model.directory().test_packet as usize;
    hash(model.file().get(32..packet).unwrap_or_default())
}

/// The key in a model's training run that names the model whose packets it decodes too.
pub const DECODES_FOR: &str = "decodes_for";

/// The identity of the model whose packets a model decodes, if its training run says that it does.
fn decodes_for(run: &str) -> Option<[u8; 16]> {
    let run: serde_json::Value = serde_json::from_str(run).ok()?;
    let digits = run.get(DECODES_FOR)?.as_str()?;
    let number = u128::from_str_radix(digits, 16).ok().filter(|_| digits.len() == 32)?;
    Some(number.to_be_bytes())
}

fn hash(bytes: &[u8]) -> [u8; 16] {
    let digest = Sha256::digest(bytes);
    let mut identity = [0; 16];
    identity.copy_from_slice(&digest[..16]);
    identity
}

/// The longest ramp of up to half a hop that ends within the frames that are degraded where a run begins.
fn level_ramp(hop: u16, decoder: &Net) -> u16 {
    let most = decoder.degraded_frames(hop).min(u32::from(hop) / 2);
    most.checked_ilog2().map_or(0, |ramp| ramp as u16)
}

/// What the self-test must give.
struct SelfTest {
    packet: Vec<u8>,
    samples_crc: u32,
}

fn test_packet(model: Model<'_>, parts: &ModelParts) -> Result<Vec<u8>, ContainerError> {
    let options = Options::new().packet_bytes(1 << 16);
    let mut memory = HostMemory::new(model.encoder_memory(options));
    let mut encoder = Encoder::new(model, memory.bytes(), options)?;
    for frame in parts.test_frames.chunks_exact(parts.scaling.len()) {
        let counts: Vec<i32> =
            frame.iter().zip(&parts.scaling).map(|(x, scaling)| scaling.offset.saturating_add(i32::from(*x))).collect();
        encoder.push(&counts)?;
    }
    Ok(encoder.finish().unwrap_or_default().to_vec())
}

fn write(parts: &ModelParts, test: &SelfTest) -> Result<ModelBytes, ContainerError> {
    let mut tables = Tables::default();
    tables.push(&[0; Directory::BYTES]);
    let scaling: Vec<u8> = parts.scaling.iter().flat_map(Scaling::to_bytes).collect();
    let scaling = tables.push(&scaling);
    let encoder = write_net(&parts.encoder, Output::Hops, "encoder", &mut tables)?;
    let offsets: Vec<u32> = parts.tables.iter().map(|table| tables.push(table)).collect();
    let symbols: Vec<u8> = parts
        .symbols
        .iter()
        .flat_map(|symbol| Symbol { table: offsets[symbol.table as usize], ..*symbol }.to_bytes())
        .collect();
    let symbols = tables.push(&symbols);
    let priors = write_priors(&parts.priors, &mut tables);
    let recurrent = parts.priors.recurrent.as_ref().map(|recurrent| write_recurrent(recurrent, &mut tables));
    let predictor = parts.predictor.as_ref().map(|predictor| write_predictor(predictor, &mut tables));
    let choice = parts.choice.as_ref().map(|choice| write_choice(choice, &mut tables));
    // What is told begins at a whole word.
    let quality = [&parts.quality[..], &parts.priors.quality, &[0; 2], &parts.told].concat();
    let quality = tables.push(&quality);
    let decoder = write_net(&parts.decoder, Output::Rows, "decoder", &mut tables)?;
    let test_frames: Vec<u8> = parts.test_frames.iter().flat_map(|x| x.to_le_bytes()).collect();
    let test_frames = tables.push(&test_frames);
    let test_packet = tables.push(&test.packet);
    let directory = Directory {
        encoder,
        decoder,
        scaling,
        symbols,
        symbol_count: parts.symbols.len() as u16,
        latent_channels: parts.decoder.channels,
        quality,
        test_frames,
        test_frame_count: (parts.test_frames.len() / parts.scaling.len()) as u16,
        test_packet_length: test.packet.len() as u16,
        test_packet,
        test_samples_crc: test.samples_crc,
        priors,
        prior_sets: parts.priors.sets.len() as u16,
        told: u16::from(!parts.told.is_empty()),
        recurrent: recurrent.map_or(0, |(offset, _)| offset),
        recurrent_length: recurrent.map_or(0, |_| RecurrentPrior::BYTES as u32),
        predictor: predictor.unwrap_or(0),
        predictor_length: predictor.map_or(0, |_| ResidualPredictor::BYTES as u32),
        surprise_limits: parts.surprise_limits,
        choice: choice.unwrap_or(0),
    };
    tables.0[..Directory::BYTES].copy_from_slice(&directory.to_bytes());
    let (message, tables_offset) = write_message(&parts.metadata, &tables.0)?;
    let element = parts.arithmetic.element_bytes();
    let header = Header {
        arithmetic: parts.arithmetic,
        length: (HEADER_BYTES + message.len()) as u32,
        identity: [0; 16],
        tables_offset: tables_offset as u32,
        tables_length: tables.0.len() as u32,
        encoder_line_bytes: encoder.elements * element,
        decoder_line_bytes: decoder.elements * element,
        hop: parts.encoder.rows,
        channels: parts.encoder.channels,
        symbols_per_hop: parts.symbols.len() as u16,
        recurrent_units: recurrent.map_or(0, |(_, record)| record.memory_units()),
        predictor_units: predictor_units(parts)?,
        choice_units: choice_units(parts)?,
        level_ramp: parts.level_ramp.unwrap_or_else(|| level_ramp(parts.encoder.rows, &decoder)),
    };
    let mut file = [header.to_bytes().as_slice(), &message].concat();
    let own = || hash(&file[32..tables_offset + test_packet as usize]);
    let identity = decodes_for(&parts.metadata.run).unwrap_or_else(own);
    file[..HEADER_BYTES].copy_from_slice(&Header { identity, ..header }.to_bytes());
    seal(&mut file);
    Ok(ModelBytes::new(&file))
}

/// The postcard message, with a pad that puts the tables at a multiple of 8; gives also where they lie in the file.
fn write_message(metadata: &MetadataParts, tables: &[u8]) -> Result<(Vec<u8>, usize), ContainerError> {
    let mut channels = Vec::new();
    for channel in &metadata.channels {
        channels.extend(postcard::to_stdvec(&Channel {
            name: &channel.name,
            unit: &channel.unit,
            counts_per_unit: ratio(channel.counts_per_unit),
            offset: channel.offset,
            source_bits: channel.source_bits,
        })?);
    }
    let head = Metadata {
        name: &metadata.name,
        rate_millihertz: metadata.rate_millihertz,
        channels: &channels,
        run: &metadata.run,
    };
    let mut pad: &[u8] = &[0; 8];
    loop {
        let message = postcard::to_stdvec(&Message { metadata: head.clone(), pad, tables })?;
        let offset = HEADER_BYTES + message.len() - tables.len();
        if offset.is_multiple_of(8) {
            return Ok((message, offset));
        }
        pad = &pad[..pad.len() - 1];
    }
}

/// A positive number as a fraction, exact to nine significant digits.
fn ratio(value: f64) -> (u64, u64) {
    let mut denominator = 1u64;
    while denominator < 1_000_000_000 && (value * denominator as f64).fract().abs() > 1e-9 * value * denominator as f64
    {
        denominator *= 10;
    }
    ((value * denominator as f64).round() as u64, denominator)
}

/// Writes the prior's tables and records; gives where the records lie.
fn write_priors(parts: &PriorParts, tables: &mut Tables) -> u32 {
    let offsets: Vec<u32> = parts.tables.iter().map(|table| tables.push(table)).collect();
    let place = |prior: &SymbolPrior| {
        if prior.rows == 0 {
            return *prior;
        }
        let contexts = prior.contexts.map(|context| {
            if context == Context::NONE { context } else { Context { map: offsets[context.map as usize], ..context } }
        });
        let (starts, row_map) = (offsets[prior.starts as usize], offsets[prior.row_map as usize]);
        SymbolPrior { starts, row_map, contexts, ..*prior }
    };
    let records: Vec<u8> = parts.sets.iter().flatten().flat_map(|prior| place(prior).to_bytes()).collect();
    tables.push(&records)
}

/// Writes the recurrent prior; gives where its record lies, and the record.
fn write_recurrent(parts: &RecurrentParts, tables: &mut Tables) -> (u32, RecurrentPrior) {
    let in_hop: Vec<u8> = parts
        .in_hop
        .iter()
        .flat_map(|(units, outputs, mean_shift)| {
            let units = if units.is_empty() { 0 } else { tables.push(units) };
            InHop { units, outputs: tables.push(outputs), mean_shift: *mean_shift }.to_bytes()
        })
        .collect();
    let numbers = |values: &[i16]| values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>();
    let record = RecurrentPrior {
        input: tables.push(&parts.input),
        state: tables.push(&parts.state),
        readout: tables.push(&parts.readout),
        skip: if parts.skip.is_empty() { 0 } else { tables.push(&parts.skip) },
        in_hop: tables.push(&in_hop),
        start: tables.push(&numbers(&parts.start)),
        conditions: tables.push(&numbers(&parts.conditions.concat())),
        expected: tables.push(&parts.expected.map(u32::to_le_bytes).concat()),
        ..parts.record
    };
    (tables.push(&record.to_bytes()), record)
}

/// Writes the predictor; gives where its record lies.
fn write_predictor(parts: &PredictorParts, tables: &mut Tables) -> u32 {
    let record = ResidualPredictor {
        input: tables.push(&parts.input),
        state: tables.push(&parts.state),
        readout: tables.push(&parts.readout),
        ..parts.record
    };
    tables.push(&record.to_bytes())
}

/// Writes the choice of codes; gives where its record lies.
fn write_choice(parts: &ChoiceParts, tables: &mut Tables) -> u32 {
    let weights: Vec<u8> = parts.weights.iter().flat_map(|weight| weight.to_le_bytes()).collect();
    let weights = tables.push(&weights);
    let starts = parts.starts.iter().map(|starts| {
        let bytes: Vec<u8> = starts.iter().flat_map(|start| start.to_le_bytes()).collect();
        tables.push(&bytes)
    });
    let starts: Vec<u32> = starts.collect();
    let places: Vec<u8> = parts.places.iter().flat_map(|place| starts[*place].to_le_bytes()).collect();
    let starts = tables.push(&places);
    tables.push(&Choice { paths: parts.paths, weights, starts, lambdas: parts.lambdas }.to_bytes())
}

/// The memory of the choice of codes, in units of 8 bytes; 0 without one.
fn choice_units(parts: &ModelParts) -> Result<u16, ContainerError> {
    let Some(choice) = &parts.choice else { return Ok(0) };
    let elements = usize::from(parts.decoder.rows) * row_elements(parts.decoder.channels) as usize;
    let bytes = Choice::memory_bytes(usize::from(choice.paths), elements, parts.symbols.len());
    u16::try_from(bytes / 8).map_err(|_| ContainerError::Model(ModelError::Plan(Part::Choice)))
}

/// The memory of the predictor, in units of 8 bytes; 0 without one.
fn predictor_units(parts: &ModelParts) -> Result<u16, ContainerError> {
    match &parts.predictor {
        None => Ok(0),
        Some(predictor) => {
            let units = predictor.record.memory_units(parts.scaling.len());
            units.ok_or(ContainerError::Model(ModelError::Plan(Part::Predictor)))
        }
    }
}

/// Plans a net and writes its weights and records.
fn write_net(parts: &NetParts, output: Output, name: &'static str, tables: &mut Tables) -> Result<Net, ContainerError> {
    let mut net = Net {
        layers: 0,
        count: parts.layers.len() as u16,
        channels: parts.channels,
        rows: parts.rows,
        history: 0,
        delay: 0,
        receptive_hops: 0,
        elements: 0,
        rest: 0,
    };
    let mut layers: Vec<Layer> = parts.layers.iter().map(|(layer, _)| *layer).collect();
    layout::plan(&mut net, &mut layers, output).ok_or(ContainerError::Plan { net: name })?;
    for (layer, (_, stream)) in layers.iter_mut().zip(&parts.layers).filter(|(layer, _)| layer.kind != Kind::Add) {
        layer.weights = tables.push(stream);
        layer.weights_length = stream.len() as u32;
    }
    let records: Vec<u8> = layers.iter().flat_map(Layer::to_bytes).collect();
    net.layers = tables.push(&records);
    Ok(net)
}
