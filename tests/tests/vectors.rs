//! Models and streams that every later version must still decode to the same samples.
//!
//! Each vector is a model, its input, the stream that the input was encoded to and the samples that the stream decodes to
//! (`[time, channels]`, 32-bit little-endian). They are made anew only when the format's version changes:
//! `VQ_BLESS=1 cargo test -p vq-tests --test vectors`.

use std::fs;
use std::path::PathBuf;

use vq_core::packet::Header;
use vq_core::{Mode, Options, self_test_decoder, self_test_encoder};
use vq_tests::indices::with_index_prior;
use vq_tests::rungs::with_predictor;
use vq_tests::{Recipe, decode, encode, metadata, samples, with_choice, with_level_ramp, with_recurrent_prior};
use vq_trainer::export::export;
use vq_trainer::export::file::{HostMemory, ModelBytes};
use vq_trainer::export::predictor::PredictorSizes;
use vq_trainer::export::priors::indices::IndexSizes;
use vq_trainer::export::priors::recurrent::RecurrentSizes;
use vq_trainer::export::trained::{TrainedQuantizer, half_octaves};
use vq_trainer::stream::{StreamHeader, append_header, append_packet, parse};

/// Frames that the priors are trained on.
const TRAINING_FRAMES: usize = 20_000;
/// So coarse that a table of several rows pays.
const SCALAR_STEP: f32 = 0.1;
/// Weights of the latents of a choice of codes.
const WEIGHTS: [u16; 8] = [1 << 15, 9000, 20_000, 1, 32_767, 700, 15_000, 25_000];
const OPTIONS: Options = Options::new().packet_bytes(60).packet_hops(12);

/// A vector: its name and what it was made from.
struct Vector {
    name: &'static str,
    recipe: Recipe,
    /// Frames of the input; the last hop is not full.
    frames: usize,
    /// What becomes of the recipe's signal.
    change: fn(&mut [i32]),
    options: Options,
    /// The λ of its choice of codes, if it has one.
    lambda: Option<u32>,
    /// The sizes of its recurrent prior of indices, if it has one; at quality 1 its tables hold.
    prior: Option<IndexSizes>,
    /// The sizes of its recurrent prior of integer latents, if it has one; at quality 1 its tables hold.
    latents: Option<RecurrentSizes>,
    /// The sizes of its recurrent predictor, if it has one.
    predictor: Option<PredictorSizes>,
    /// Over how many frames its levels move, as a power of two, if not as exported.
    level_ramp: Option<u16>,
}

/// One sample is far outside of what the net was made for.
fn with_an_artefact(input: &mut [i32]) {
    input[777] = -5_000_000;
}

impl Vector {
    /// Of a recipe without a choice of codes, under tables, whose input has an artefact.
    fn of(name: &'static str, recipe: Recipe) -> Self {
        Self {
            name,
            recipe,
            frames: 797,
            change: with_an_artefact,
            options: OPTIONS,
            lambda: None,
            prior: None,
            latents: None,
            predictor: None,
            level_ramp: None,
        }
    }

    fn path(&self, ending: &str) -> PathBuf {
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("vectors").join(format!("{}.{ending}", self.name))
    }

    fn read(&self, ending: &str) -> Vec<u8> {
        let path = self.path(ending);
        fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}; make it with VQ_BLESS=1", path.display()))
    }

    fn read_samples(&self, ending: &str) -> Vec<i32> {
        self.read(ending).chunks_exact(4).map(|bytes| i32::from_le_bytes(bytes.try_into().unwrap())).collect()
    }

    fn write_samples(&self, ending: &str, samples: &[i32]) {
        let bytes: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
        fs::write(self.path(ending), bytes).unwrap();
    }

    fn bless(&self) {
        let mut trained = self.recipe.trained();
        if let TrainedQuantizer::Scalar { steps, .. } = &mut trained.quantizer {
            steps.fill(half_octaves(SCALAR_STEP));
        }
        let exported = export(&trained, &self.recipe.signal(TRAINING_FRAMES), &metadata(self.recipe.channels))
            .expect("the recipe exports");
        let exported = match self.lambda {
            None => exported.integer,
            Some(lambda) => with_choice(exported.integer.model().unwrap(), 4, lambda, &WEIGHTS),
        };
        let exported = match self.prior {
            None => exported,
            Some(sizes) => with_index_prior(exported.model().unwrap(), sizes, 0x1fe, 1.0, 17),
        };
        let exported = match self.latents {
            None => exported,
            Some(sizes) => with_recurrent_prior(exported.model().unwrap(), sizes, 23),
        };
        let exported = match self.predictor {
            None => exported,
            Some(sizes) => with_predictor(exported.model().unwrap(), sizes),
        };
        let exported = with_level_ramp(exported.model().unwrap(), self.level_ramp);
        let model = exported.model().unwrap();
        fs::create_dir_all(self.path("vqm").parent().unwrap()).unwrap();
        fs::write(self.path("vqm"), exported.bytes()).unwrap();
        let mut input = self.recipe.signal(self.frames);
        input.truncate(self.frames * self.recipe.channels);
        (self.change)(&mut input);
        self.write_samples("input", &input);
        let packets = encode(model, self.options, &input);
        let mut stream = Vec::new();
        append_header(
            &mut stream,
            &StreamHeader {
                model_identity: model.identity(),
                model_name: self.name.into(),
                packet_bytes: self.options.max_packet_bytes() as u32,
                rate_millihertz: None,
                channels: None,
                start_time: None,
                frames: Some(self.frames as u64),
            },
        );
        packets.iter().for_each(|packet| append_packet(&mut stream, packet));
        fs::write(self.path("vqs"), stream).unwrap();
        self.write_samples("output", &samples(&decode(model, &packets)));
    }

    fn check(&self) {
        if std::env::var_os("VQ_BLESS").is_some() {
            self.bless();
        }
        let bytes = ModelBytes::new(&self.read("vqm"));
        let model = bytes.model().unwrap_or_else(|error| panic!("{}: {error}", self.name));
        let file = parse(&self.read("vqs"));
        assert_eq!((file.damage.len(), file.segments.len()), (0, 1), "{}", self.name);
        let header = file.segments[0].header.as_ref().expect("the stream has a header");
        assert_eq!((header.model_identity, header.frames), (model.identity(), Some(self.frames as u64)));
        let packets: Vec<Vec<u8>> = file.segments[0].packets.iter().map(|packet| packet.bytes.clone()).collect();
        assert!(packets.len() > 5, "{} packets of {}", packets.len(), self.name);
        assert_eq!(
            samples(&decode(model, &packets)),
            self.read_samples("output"),
            "{} decodes to other samples",
            self.name
        );
        assert_eq!(
            encode(model, self.options, &self.read_samples("input")),
            packets,
            "{} encodes to other packets",
            self.name
        );
        let mut memory =
            HostMemory::new(model.encoder_memory(Options::new().packet_bytes(model.self_test_packet_bytes())));
        assert_eq!(self_test_encoder(model, memory.bytes()), Ok(()));
        let mut memory = HostMemory::new(model.decoder_memory());
        assert_eq!(self_test_decoder(model, memory.bytes()), Ok(()));
        // A vector without tables that look at earlier codes would say nothing about them.
        let rows = |(index, _)| model.symbol_prior(index, 9).rows;
        assert!(model.numbered_symbols(9).map(rows).any(|rows| rows > 1), "{} has no contexts", self.name);
    }
}

#[test]
fn residual_codebooks_decode_as_they_did() {
    let recipe = Recipe { channels: 2, extra: vec![1, 3], rows: 2, stages: Some(2), ..Recipe::small(11) };
    Vector::of("residual", recipe).check();
}

#[test]
fn chosen_codes_decode_as_they_did() {
    let recipe = Recipe { rows: 2, stages: Some(3), ..Recipe::small(13) };
    Vector { lambda: Some(3000), ..Vector::of("chosen", recipe) }.check();
}

#[test]
fn codes_that_a_recurrent_prior_foresees_decode_as_they_did() {
    let recipe = Recipe { rows: 2, stages: Some(3), ..Recipe::small(13) };
    let prior = Some(IndexSizes { hidden: 12, units: 8 });
    Vector { lambda: Some(3000), prior, ..Vector::of("foreseen", recipe) }.check();
}

#[test]
fn integer_latents_decode_as_they_did() {
    let recipe = Recipe::small(12);
    Vector::of("scalar", recipe).check();
}

/// Packets of several qualities, each of which its decoder is told.
#[test]
fn what_the_decoder_is_told_of_the_quality_decodes_as_it_did() {
    let recipe = Recipe { told: true, rows: 2, ..Recipe::small(16) };
    let vector = Vector { frames: 3001, options: OPTIONS.budget(1, 2), ..Vector::of("told", recipe) };
    vector.check();
    let bytes = ModelBytes::new(&vector.read("vqm"));
    let model = bytes.model().unwrap();
    let told: Vec<&[u8]> = (1..=9).filter_map(|quality| model.told(quality)).collect();
    assert!(told.len() == 9 && told.windows(2).all(|pair| pair[0] != pair[1]));
    let qualities = parse(&vector.read("vqs")).segments[0]
        .packets
        .iter()
        .map(|packet| Header::parse(&packet.bytes, &model.identity()).unwrap().0.quality)
        .collect::<std::collections::BTreeSet<u8>>();
    assert!(qualities.len() > 2, "{qualities:?}");
}

/// Scales as the net says them, and scales that follow the packet.
#[test]
fn latents_that_a_recurrent_prior_foresees_decode_as_they_did() {
    let latents = |scale_rate| Some(RecurrentSizes { hidden: 12, units: 4, skip: true, reach: 3, scale_rate });
    for (name, scale_rate) in [("recurrent", 0), ("following", 4)] {
        let recipe = Recipe::small(15);
        Vector { latents: latents(scale_rate), options: OPTIONS.quality(6), ..Vector::of(name, recipe) }.check();
    }
    let (recipe, options) = (Recipe { told: true, ..Recipe::small(15) }, OPTIONS.budget(7, 1));
    Vector { latents: latents(4), frames: 3001, options, ..Vector::of("told-following", recipe) }.check();
}

/// Lossless and bounded packets by a net, with the filter beside it and without.
#[test]
fn samples_that_a_net_predicts_decode_as_they_did() {
    let recipe = Recipe { channels: 2, ..Recipe::small(14) };
    let sizes = |filter_rate| Some(PredictorSizes { hidden: 8, taps: 5, cross: 1, filter_rate });
    // Slopes with some noise, and among them words that nothing predicts: hops of those are sent as they are.
    let change = |input: &mut [i32]| {
        let word = |t: usize| (t as i32).wrapping_mul(0x9e37_79b1u32 as i32);
        for (t, x) in input.iter_mut().enumerate() {
            let slope = ((t / 2 % 120) as i32 - 60).abs() * 3;
            *x = if (900..1000).contains(&t) { word(t) >> 12 } else { slope + (word(t) >> 30) };
        }
        with_an_artefact(input);
    };
    let cases =
        [("predicted", Mode::Lossless, 0), ("filtered", Mode::Lossless, 4), ("filtered-bounded", Mode::Bounded(1), 6)];
    for (name, mode, filter_rate) in cases {
        let options = Options::new().mode(mode).packet_bytes(160).packet_hops(30);
        Vector { change, options, predictor: sizes(filter_rate), ..Vector::of(name, recipe.clone()) }.check();
    }
}

/// Packets of every kind: at the model's level and at others, of many qualities, and bounded ones where the input jumped.
#[test]
fn an_input_that_moves_decodes_as_it_did() {
    let change = |input: &mut [i32]| {
        let moved = input.iter_mut().enumerate();
        moved.for_each(|(t, x)| *x += if t < 3000 { t as i32 } else { 9000 - 2 * t as i32 });
        input[4200..].iter_mut().for_each(|x| *x += 70_000);
    };
    let options = OPTIONS.fallback(Mode::Bounded(7)).budget(4, 1);
    for (name, level_ramp) in [("moving", Some(0)), ("ramped", None)] {
        let vector = Vector { frames: 6001, change, options, level_ramp, ..Vector::of(name, Recipe::small(13)) };
        vector.check();
        shows_every_kind(&vector, level_ramp != Some(0));
    }
}

fn shows_every_kind(vector: &Vector, ramps: bool) {
    let bytes = ModelBytes::new(&vector.read("vqm"));
    let model = bytes.model().unwrap();
    assert_eq!(model.header().level_ramp > 0, ramps, "{}", vector.name);
    let headers: Vec<Header> = parse(&vector.read("vqs")).segments[0]
        .packets
        .iter()
        .map(|packet| Header::parse(&packet.bytes, &model.identity()).unwrap().0)
        .collect();
    let has = |kind: fn(&Header) -> bool| headers.iter().filter(|header| kind(header)).count() > 3;
    assert!(has(|h| h.moved) && has(|h| !h.moved) && has(|h| h.mode == Mode::Bounded(7)));
    let mut qualities: Vec<u8> = headers.iter().map(|header| header.quality).filter(|quality| *quality > 0).collect();
    qualities.sort_unstable();
    qualities.dedup();
    assert!(qualities.len() > 2, "{qualities:?}");
}
