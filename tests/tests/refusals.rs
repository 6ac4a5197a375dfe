//! What is wrong with a model or with what a user hands in is refused before a sample is taken, by an error that names the part. Each case changes one
//! thing of a sound model and makes the checksum right again.

use vq_core::model::header::{HEADER_BYTES, Header, MAGIC, seal};
use vq_core::model::priors::SymbolPrior;
use vq_core::model::records::{Kind, Layer, Net, Scaling, Step, Symbol, SymbolKind};
use vq_core::model::recurrent::RecurrentPrior;
use vq_core::model::{Directory, Part};
use vq_core::{Decoder, DecoderError, Encoder, EncoderError, Mode, Model, ModelError, Options};
use vq_tests::indices::with_index_prior;
use vq_tests::{Recipe, with_choice, with_predictor, with_recurrent_prior};
use vq_trainer::export::file::{HostMemory, ModelBytes};
use vq_trainer::export::predictor::PredictorSizes;
use vq_trainer::export::priors::indices::IndexSizes;
use vq_trainer::export::priors::recurrent::RecurrentSizes;

/// Codebooks of two stages, two channels, layers of every kind.
fn vectors() -> ModelBytes {
    Recipe { channels: 2, latents: 2, stages: Some(2), separable: true, ..Recipe::small(5) }.export().integer
}

/// Integer latents.
fn scalars() -> ModelBytes {
    Recipe::small(6).export().integer
}

/// Integer latents, and a last one that tells the decoder the quality.
fn told() -> ModelBytes {
    Recipe { told: true, ..Recipe::small(6) }.export().integer
}

/// A model file that can be changed.
struct Draft {
    file: Vec<u8>,
    tables: usize,
}

impl Draft {
    fn of(model: &ModelBytes) -> Self {
        let tables = model.model().unwrap().header().tables_offset as usize;
        Self { file: model.bytes().to_vec(), tables }
    }

    /// Writes bytes at an offset in the tables.
    fn put(&mut self, offset: usize, bytes: &[u8]) {
        self.file[self.tables + offset..][..bytes.len()].copy_from_slice(bytes);
    }

    /// What the file is refused with, its checksum being right.
    fn refusal(mut self) -> Option<ModelError> {
        seal(&mut self.file);
        ModelBytes::new(&self.file).model().err()
    }
}

fn with_header(model: &ModelBytes, change: impl FnOnce(&mut Header)) -> Option<ModelError> {
    let mut header = model.model().unwrap().header();
    change(&mut header);
    let mut draft = Draft::of(model);
    draft.file[..HEADER_BYTES].copy_from_slice(&header.to_bytes());
    draft.refusal()
}

fn with_directory(model: &ModelBytes, change: impl FnOnce(&mut Directory)) -> Option<ModelError> {
    let mut directory = model.model().unwrap().directory();
    change(&mut directory);
    let mut draft = Draft::of(model);
    draft.put(0, &directory.to_bytes());
    draft.refusal()
}

/// Which net.
#[derive(Clone, Copy)]
enum Side {
    Encoder,
    Decoder,
}

impl Side {
    fn net(self, model: Model<'_>) -> Net {
        let directory = model.directory();
        match self {
            Self::Encoder => directory.encoder,
            Self::Decoder => directory.decoder,
        }
    }
}

fn with_layer(model: &ModelBytes, side: Side, index: usize, change: impl FnOnce(&mut Layer)) -> Option<ModelError> {
    let sound = model.model().unwrap();
    let net = side.net(sound);
    let mut layer = sound.layer(&net, index);
    change(&mut layer);
    let mut draft = Draft::of(model);
    draft.put(net.layers as usize + index * Layer::BYTES, &layer.to_bytes());
    draft.refusal()
}

fn with_symbol(model: &ModelBytes, index: usize, change: impl FnOnce(&mut Symbol)) -> Option<ModelError> {
    let sound = model.model().unwrap();
    let mut symbol = sound.symbol(index).unwrap();
    change(&mut symbol);
    let mut draft = Draft::of(model);
    draft.put(sound.directory().symbols as usize + index * Symbol::BYTES, &symbol.to_bytes());
    draft.refusal()
}

fn with_recurrent(model: &ModelBytes, change: impl FnOnce(&mut RecurrentPrior)) -> Option<ModelError> {
    let sound = model.model().unwrap();
    let mut record = sound.recurrent_prior().unwrap();
    change(&mut record);
    let mut draft = Draft::of(model);
    draft.put(sound.directory().recurrent as usize, &record.to_bytes());
    draft.refusal()
}

/// The place of a layer of a kind.
fn place(model: &ModelBytes, kind: Kind) -> usize {
    let sound = model.model().unwrap();
    let net = Side::Encoder.net(sound);
    (0..usize::from(net.count)).find(|index| sound.layer(&net, *index).kind == kind).unwrap()
}

const BEYOND: u32 = 1 << 24;

#[test]
fn what_is_no_model_is_refused() {
    let model = vectors();
    let file = model.bytes();
    let refusal = |bytes: &[u8]| ModelBytes::new(bytes).model().err();
    assert_eq!(refusal(&file[..20]), Some(ModelError::TooShort { have: 20 }));
    let cut = file.len() - 8;
    assert_eq!(refusal(&file[..cut]), Some(ModelError::Length { stated: file.len() as u32, have: cut }));
    let mut other = file.to_vec();
    other[..4].copy_from_slice(b"RIFF");
    assert_eq!(refusal(&other), Some(ModelError::Magic));
    other[..4].copy_from_slice(&MAGIC);
    other[4] = 99;
    assert_eq!(refusal(&other), Some(ModelError::Version { found: 99 }));
    let mut other = file.to_vec();
    other[file.len() / 2] ^= 1;
    assert_eq!(refusal(&other), Some(ModelError::Checksum));
    let mut draft = Draft::of(&model);
    draft.file[6] = 7;
    assert_eq!(draft.refusal(), Some(ModelError::Arithmetic));
    let mut draft = Draft::of(&model);
    draft.file[HEADER_BYTES - 1] = 1;
    assert_eq!(draft.refusal(), Some(ModelError::Reserved));
}

/// A level moves within what is degraded where a run begins, and within a hop.
#[test]
fn ramps_that_a_decoder_could_not_hide_are_refused() {
    for recipe in [Recipe::small(6), Recipe { strides: vec![2, 4, 4], extra: vec![5, 5, 5], ..Recipe::small(6) }] {
        let model = recipe.export().integer;
        let parts = model.model().unwrap();
        let (hop, decoder) = (parts.hop(), parts.directory().decoder);
        let margin = hop * (usize::from(decoder.receptive_hops) - 1) - usize::from(decoder.delay);
        let longest = margin.min(hop).ilog2() as u16;
        let refusal = |ramp: u16| with_header(&model, |header| header.level_ramp = ramp);
        (0..=longest).for_each(|ramp| assert_eq!(refusal(ramp), None, "{ramp}"));
        let too_long = (longest + 1..=20).chain([32, 255, u16::MAX]);
        too_long.for_each(|ramp| assert_eq!(refusal(ramp), Some(ModelError::Range(Part::Header)), "{ramp}"));
    }
}

#[test]
fn header_sizes_that_are_not_the_layers_are_refused() {
    let model = vectors();
    let header = |change: fn(&mut Header)| with_header(&model, change);
    assert_eq!(header(|_| ()), None);
    assert_eq!(header(|header| header.encoder_line_bytes += 8), Some(ModelError::Plan(Part::Header)));
    assert_eq!(header(|header| header.decoder_line_bytes -= 8), Some(ModelError::Plan(Part::Header)));
    assert_eq!(header(|header| header.hop += 1), Some(ModelError::Shape(Part::Header)));
    assert_eq!(header(|header| header.channels = 3), Some(ModelError::Shape(Part::Header)));
    assert_eq!(header(|header| header.channels = 0), Some(ModelError::Shape(Part::Header)));
    assert_eq!(header(|header| header.symbols_per_hop -= 1), Some(ModelError::Shape(Part::Header)));
    assert_eq!(header(|header| header.tables_length += 8), Some(ModelError::Bounds(Part::Header)));
    assert_eq!(header(|header| header.tables_offset += 4), Some(ModelError::Bounds(Part::Header)));
    assert_eq!(header(|header| header.recurrent_units = 1), Some(ModelError::Plan(Part::Recurrent)));
    assert_eq!(header(|header| header.predictor_units = 1), Some(ModelError::Plan(Part::Predictor)));
    assert_eq!(header(|header| header.choice_units = 1), Some(ModelError::Plan(Part::Choice)));
}

#[test]
fn layers_whose_shapes_do_not_add_up_are_named() {
    let model = vectors();
    let encoder = |index, change: fn(&mut Layer)| with_layer(&model, Side::Encoder, index, change);
    let decoder = |index, change: fn(&mut Layer)| with_layer(&model, Side::Decoder, index, change);
    assert_eq!(encoder(1, |_| ()), None);
    let shape = |index| Some(ModelError::Shape(Part::EncoderLayer(index)));
    assert_eq!(encoder(0, |layer| layer.stride = 0), shape(0));
    assert_eq!(encoder(1, |layer| layer.channels += 1), shape(1));
    assert_eq!(encoder(1, |layer| layer.kernel = 20_000), shape(1));
    assert_eq!(encoder(0, |layer| layer.rows += 1), shape(0));
    assert_eq!(encoder(1, |layer| layer.input = 2), shape(1));
    assert_eq!(encoder(0, |layer| layer.weights_length += 8), shape(0));
    let sum = place(&model, Kind::Add);
    assert_eq!(with_layer(&model, Side::Encoder, sum, |layer| layer.other = 0), shape(sum as u16));
    assert_eq!(decoder(2, |layer| layer.channels += 1), Some(ModelError::Shape(Part::DecoderLayer(2))));
}

#[test]
fn a_plan_that_does_not_follow_from_the_layers_is_named() {
    let model = vectors();
    let last = Side::Encoder.net(model.model().unwrap()).count - 1;
    let layer = |change: fn(&mut Layer)| with_layer(&model, Side::Encoder, 1, change);
    assert_eq!(layer(|layer| layer.delay += 1), Some(ModelError::Plan(Part::EncoderLayer(1))));
    let plan = Some(ModelError::Plan(Part::EncoderLayer(last)));
    assert_eq!(layer(|layer| layer.history += 1), plan);
    assert_eq!(layer(|layer| layer.line += BEYOND), plan);
    assert_eq!(layer(|layer| layer.last_of_input = !layer.last_of_input), plan);
    assert_eq!(with_directory(&model, |directory| directory.encoder.delay += 1), plan);
    assert_eq!(with_directory(&model, |directory| directory.encoder.receptive_hops += 1), plan);
}

#[test]
fn offsets_outside_the_tables_are_named() {
    let model = vectors();
    let directory = |change: fn(&mut Directory)| with_directory(&model, change);
    assert_eq!(directory(|_| ()), None);
    for (change, part) in [
        ((|directory| directory.scaling = BEYOND) as fn(&mut Directory), Part::Scaling(0)),
        (|directory| directory.encoder.layers = BEYOND, Part::EncoderLayer(0)),
        (|directory| directory.decoder.layers += 4, Part::DecoderLayer(0)),
        (|directory| directory.symbols = BEYOND, Part::Symbol(0)),
        (|directory| directory.quality += 1, Part::Quality),
        (|directory| directory.priors = BEYOND, Part::Prior(0)),
        (|directory| directory.choice = BEYOND, Part::Choice),
        (|directory| directory.test_frames = BEYOND, Part::SelfTest),
        (|directory| directory.test_packet = BEYOND, Part::SelfTest),
    ] {
        assert_eq!(directory(change), Some(ModelError::Bounds(part)));
    }
    assert_eq!(directory(|directory| directory.test_packet_length = 0), Some(ModelError::Shape(Part::SelfTest)));
    let layer = |change: fn(&mut Layer)| with_layer(&model, Side::Decoder, 0, change);
    assert_eq!(layer(|layer| layer.weights = BEYOND), Some(ModelError::Bounds(Part::DecoderLayer(0))));
    assert_eq!(layer(|layer| layer.weights += 2), Some(ModelError::Bounds(Part::DecoderLayer(0))));
    let table = with_symbol(&model, 1, |symbol| symbol.table = BEYOND);
    assert_eq!(table, Some(ModelError::Bounds(Part::Symbol(1))));
}

#[test]
fn scales_outside_the_contract_are_named() {
    let model = vectors();
    let sound = model.model().unwrap();
    let scaling = |change: fn(&mut Scaling)| {
        let mut scaling = sound.scaling(1);
        change(&mut scaling);
        let mut draft = Draft::of(&model);
        draft.put(sound.directory().scaling as usize + Scaling::BYTES, &scaling.to_bytes());
        draft.refusal()
    };
    assert_eq!(scaling(|_| ()), None);
    let range = Some(ModelError::Range(Part::Scaling(1)));
    assert_eq!(scaling(|scaling| scaling.gain = 0), range);
    assert_eq!(scaling(|scaling| scaling.shift = 48), range);
    assert_eq!(scaling(|scaling| scaling.gain_out = -1), range);
    assert_eq!(scaling(|scaling| scaling.shift_out = 0), range);

    let sum = place(&model, Kind::Add);
    let layer = |change: fn(&mut Layer)| with_layer(&model, Side::Encoder, sum, change);
    let range = Some(ModelError::Range(Part::EncoderLayer(sum as u16)));
    assert_eq!(layer(|layer| layer.shift = 16), range);
    assert_eq!(layer(|layer| (layer.multiplier, layer.other_multiplier) = (-32768, 32767)), None);
    assert_eq!(layer(|layer| (layer.multiplier, layer.other_multiplier) = (-32768, -32768)), range);
}

/// The last 32 bytes of a block of weights are its four requantizations.
#[test]
fn requantizations_outside_the_contract_are_named() {
    let model = vectors();
    let sound = model.model().unwrap();
    for kind in [Kind::Convolution, Kind::Depthwise] {
        let index = place(&model, kind);
        let layer = sound.layer(&Side::Encoder.net(sound), index);
        let end = (layer.weights + layer.weights_length) as usize;
        for bytes in [[0; 8], [0, 0x80, 0xff, 0xff, 0, 0, 0, 0], [60, 0, 1, 0, 0, 0, 0, 0x10]] {
            let mut draft = Draft::of(&model);
            draft.put(end - 8, &bytes);
            assert_eq!(draft.refusal(), Some(ModelError::Range(Part::EncoderLayer(index as u16))), "{kind:?}");
        }
    }
}

#[test]
fn symbols_and_qualities_that_do_not_fit_are_named() {
    let model = vectors();
    let symbol = |change: fn(&mut Symbol)| with_symbol(&model, 1, change);
    assert_eq!(symbol(|_| ()), None);
    assert_eq!(symbol(|symbol| symbol.channels = 0), Some(ModelError::Shape(Part::Symbol(1))));
    assert_eq!(symbol(|symbol| symbol.first = 2), Some(ModelError::Shape(Part::Symbol(1))));
    assert_eq!(symbol(|symbol| symbol.row = 9), Some(ModelError::Shape(Part::Symbol(1))));
    assert_eq!(symbol(|symbol| symbol.alphabet = 1), Some(ModelError::Range(Part::Symbol(1))));
    assert_eq!(symbol(|symbol| symbol.bits += 1), Some(ModelError::Range(Part::Symbol(1))));
    assert_eq!(symbol(|symbol| symbol.kind = SymbolKind::Integer), Some(ModelError::Range(Part::Symbol(1))));
    let mut draft = Draft::of(&model);
    draft.put(model.model().unwrap().directory().quality as usize, &[0]);
    assert_eq!(draft.refusal(), Some(ModelError::Range(Part::Quality)));

    let model = scalars();
    let sound = model.model().unwrap();
    let step = |change: fn(&mut Step)| {
        let symbol = sound.symbol(2).unwrap();
        let mut step = sound.step(&symbol, 1);
        change(&mut step);
        let mut draft = Draft::of(&model);
        draft.put(symbol.table as usize, &step.to_bytes());
        draft.refusal()
    };
    assert_eq!(step(|_| ()), None);
    assert_eq!(step(|step| step.divide = 0), Some(ModelError::Range(Part::Symbol(2))));
    assert_eq!(step(|step| step.multiply_shift = 16), Some(ModelError::Range(Part::Symbol(2))));
}

#[test]
fn priors_that_do_not_fit_are_named() {
    let model = scalars();
    let sound = model.model().unwrap();
    let prior = |change: fn(&mut SymbolPrior)| {
        let mut prior = sound.symbol_prior(1, 1);
        change(&mut prior);
        let place = usize::from(sound.prior_set(1)) * usize::from(sound.header().symbols_per_hop) + 1;
        let mut draft = Draft::of(&model);
        draft.put(sound.directory().priors as usize + place * SymbolPrior::BYTES, &prior.to_bytes());
        draft.refusal()
    };
    assert_eq!(prior(|_| ()), None);
    assert!(sound.symbol_prior(1, 1).rows > 0, "there is a table");
    assert_eq!(prior(|prior| prior.starts = BEYOND), Some(ModelError::Bounds(Part::Prior(1))));
    assert_eq!(prior(|prior| prior.total_bits = 17), Some(ModelError::Shape(Part::Prior(1))));
    assert_eq!(prior(|prior| prior.entries = 0), Some(ModelError::Shape(Part::Prior(1))));
    assert_eq!(prior(|prior| prior.rows = 300), Some(ModelError::Shape(Part::Prior(1))));
    assert_eq!(prior(|prior| prior.worst_bits += 1), Some(ModelError::Plan(Part::Prior(1))));
    assert_eq!(with_directory(&model, |directory| directory.prior_sets = 0), Some(ModelError::Shape(Part::Prior(0))));
}

#[test]
fn priors_of_indices_that_do_not_fit_are_named() {
    let tables = Recipe { stages: Some(2), ..Recipe::small(5) }.export().integer;
    let model = with_index_prior(tables.model().unwrap(), IndexSizes { hidden: 8, units: 12 }, 0x1ff, 1.0, 1);
    let record = |change: fn(&mut RecurrentPrior)| with_recurrent(&model, change);
    assert_eq!(record(|_| ()), None);
    let changes: [fn(&mut RecurrentPrior); 8] = [
        |record| record.hidden = 0,
        |record| record.hidden = 260,
        |record| record.units = 68,
        |record| record.units = 6,
        |record| record.symbols -= 1,
        |record| record.reach = 1,
        |record| record.skip = record.input,
        |record| record.alphabet -= 1,
    ];
    for (number, change) in changes.into_iter().enumerate() {
        assert_eq!(record(change), Some(ModelError::Shape(Part::Recurrent)), "{number}");
    }
    // Without codes it would be one of integer latents.
    assert_eq!(record(|record| record.alphabet = 0), Some(ModelError::Shape(Part::Recurrent)));
    // The widest row has its place in memory.
    assert_eq!(record(|record| record.alphabet += 40), Some(ModelError::Plan(Part::Recurrent)));
    let in_hop = |at: usize, bytes: &[u8]| {
        let place = model.model().unwrap().recurrent_prior().unwrap().in_hop as usize;
        let mut draft = Draft::of(&model);
        draft.put(place + at, bytes);
        draft.refusal()
    };
    assert_eq!(in_hop(0, &BEYOND.to_le_bytes()), Some(ModelError::Bounds(Part::Prior(0))));
    assert_eq!(in_hop(4, &BEYOND.to_le_bytes()), Some(ModelError::Bounds(Part::Prior(0))));
    assert_eq!(in_hop(8, &[1]), Some(ModelError::Range(Part::Prior(0))));
}

#[test]
fn nets_of_priors_and_predictors_that_do_not_fit_are_named() {
    let tables = scalars();
    let sizes = RecurrentSizes { hidden: 8, units: 4, skip: true, reach: 4, scale_rate: 0 };
    let model = with_recurrent_prior(tables.model().unwrap(), sizes, 1);
    let record = |change: fn(&mut RecurrentPrior)| with_recurrent(&model, change);
    assert_eq!(record(|_| ()), None);
    assert_eq!(record(|record| record.hidden = 6), Some(ModelError::Shape(Part::Recurrent)));
    assert_eq!(record(|record| record.symbols += 1), Some(ModelError::Shape(Part::Recurrent)));
    assert_eq!(record(|record| record.hidden = 16), Some(ModelError::Plan(Part::Recurrent)));
    assert_eq!(record(|record| record.scale_rate = 16), Some(ModelError::Range(Part::Recurrent)));
    assert_eq!(record(|record| record.scale_rate = 6), Some(ModelError::Plan(Part::Recurrent)));
    assert_eq!(record(|record| record.input = BEYOND), Some(ModelError::Bounds(Part::Recurrent)));
    let units = with_header(&model, |header| header.recurrent_units += 1);
    assert_eq!(units, Some(ModelError::Plan(Part::Recurrent)));
    let outside = with_directory(&model, |directory| directory.recurrent = BEYOND);
    assert_eq!(outside, Some(ModelError::Bounds(Part::Recurrent)));

    let sizes = PredictorSizes { hidden: 4, taps: 3, cross: 0, filter_rate: 0 };
    let model = with_predictor(tables.model().unwrap(), sizes, 1);
    let place = model.model().unwrap().directory().predictor as usize;
    let record = |at: usize, value: u8| {
        let mut draft = Draft::of(&model);
        draft.put(place + at, &[value]);
        draft.refusal()
    };
    assert_eq!(record(0, 4), None);
    assert_eq!(record(0, 5), Some(ModelError::Range(Part::Predictor)));
    assert_eq!(record(0, 8), Some(ModelError::Plan(Part::Predictor)));
    assert_eq!(record(5, 16), Some(ModelError::Range(Part::Predictor)));
    assert_eq!(record(5, 5), Some(ModelError::Plan(Part::Predictor)));
    assert_eq!(record(11, 1), Some(ModelError::Bounds(Part::Predictor)));
    let units = with_header(&model, |header| header.predictor_units += 1);
    assert_eq!(units, Some(ModelError::Plan(Part::Predictor)));

    let model = with_choice(vectors().model().unwrap(), 4, 10, &[1 << 8; 2]);
    let units = with_header(&model, |header| header.choice_units += 1);
    assert_eq!(units, Some(ModelError::Plan(Part::Choice)));
    let outside = with_directory(&model, |directory| directory.choice += 4);
    assert_eq!(outside, Some(ModelError::Bounds(Part::Choice)));
}

#[test]
fn memory_that_is_too_small_or_unaligned_and_limits_that_hold_no_hop_are_refused() {
    let file = vectors();
    let model = file.model().unwrap();
    let options = Options::new();
    let [encoder, decoder] = [model.encoder_memory(options), model.decoder_memory()];
    let mut memory = HostMemory::new(encoder.max(decoder) + 8);
    let memory = memory.bytes();

    let need = encoder;
    let small = Encoder::new(model, &mut memory[..need - 1], options).err();
    assert_eq!(small, Some(EncoderError::MemoryTooSmall { need, have: need - 1 }));
    assert_eq!(Encoder::new(model, &mut memory[4..], options).err(), Some(EncoderError::Misaligned));
    assert!(Encoder::new(model, &mut memory[..need], options).is_ok());

    let need = decoder;
    let small = Decoder::new(model, &mut memory[..need - 1]).err();
    assert_eq!(small, Some(DecoderError::MemoryTooSmall { need, have: need - 1 }));
    assert_eq!(Decoder::new(model, &mut memory[4..]).err(), Some(DecoderError::Misaligned));

    let (need, have) = (model.least_packet_bytes(9), model.least_packet_bytes(9) - 1);
    let short = Encoder::new(model, memory, options.packet_bytes(have)).err();
    assert_eq!(short, Some(EncoderError::PacketTooSmall { need, have }));
    let mut encoder = Encoder::new(model, memory, options).unwrap();
    assert_eq!(encoder.set_mode(Mode::Lossless).err(), Some(EncoderError::Mode));
    assert_eq!(encoder.push(&[1]).err(), Some(EncoderError::Channels { model: 2, frame: 1 }));
}

/// Of the latent that tells the decoder the quality no symbol speaks, and there is one or none.
#[test]
fn what_tells_the_quality_is_no_symbols() {
    let (model, untold) = (told(), scalars());
    let flag = |model: &ModelBytes, flag: u16| with_directory(model, |directory| directory.told = flag);
    for wrong in [2, 0x100, u16::MAX] {
        assert_eq!(flag(&model, wrong), Some(ModelError::Range(Part::Directory)));
    }
    // Of a model whose symbols fill the row, the last one has no place beside it.
    let last = untold.model().unwrap().header().symbols_per_hop - 1;
    assert_eq!(flag(&untold, 1), Some(ModelError::Shape(Part::Symbol(last))));
    let directory = model.model().unwrap().directory();
    let moved = |first: u16| {
        let mut draft = Draft::of(&model);
        draft.put(directory.symbols as usize + 6, &first.to_le_bytes());
        draft.refusal()
    };
    assert_eq!(moved(directory.latent_channels - 1), Some(ModelError::Shape(Part::Symbol(0))));
    assert_eq!(moved(directory.latent_channels - 2), None);
    let mut draft = Draft::of(&model);
    draft.put(directory.quality as usize + 19, &[1]);
    assert_eq!(draft.refusal(), Some(ModelError::Reserved));
}
