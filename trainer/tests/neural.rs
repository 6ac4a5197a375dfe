//! Neural codecs without a prior, as opponents: a model of codebooks whose nearest codes are sent in whole bits or by their frequency.

use std::path::Path;

use vq_core::Options;
use vq_trainer::architecture::{Activation, NetSpec, NodeSpec, Operation, Source};
use vq_trainer::codec::HostCodec;
use vq_trainer::data::{OpenOptions, Recording, open};
use vq_trainer::evaluate::evaluate;
use vq_trainer::export::container::{ChannelParts, MetadataParts};
use vq_trainer::export::export;
use vq_trainer::export::file::ModelBytes;
use vq_trainer::export::nearest::{NearestError, by_frequency, in_whole_bits};
use vq_trainer::export::trained::{
    Codebook, NodeWeights, Normalization, Search, TrainedModel, TrainedNet, TrainedQuantizer,
};
use vq_trainer::laboratory::{Neural, Regime};
use vq_trainer::shipped;

/// Frames and latents of a hop.
const HOP: usize = 4;
/// Codes of both stages.
const CODES: usize = 16;

fn recording() -> Recording {
    open(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../data/mitdb-208.hea"), &OpenOptions::default()).unwrap()
}

/// Nets that pass each sample of a hop through a latent of its own, and two stages of codes: levels all over the range, then the same a tenth as large.
fn model(samples: &[i32]) -> ModelBytes {
    let identity: Vec<f32> = (0..HOP * HOP).map(|place| if place % (HOP + 1) == 0 { 1.0 } else { 0.0 }).collect();
    let net = |operation, input_channels, input_rows, outputs| {
        let node = NodeSpec { name: "pass".into(), source: Source::Input, operation, activation: Activation::Linear };
        let spec = NetSpec { input_channels, input_rows, nodes: vec![node] };
        TrainedNet { spec, weights: vec![NodeWeights { weight: identity.clone(), bias: vec![0.0; outputs] }] }
    };
    let codebook = |stage: u8, scale: f32| Codebook {
        vectors: (0..CODES).flat_map(|code| [(code as f32 - 7.5) * scale; HOP]).collect(),
        size: CODES,
        stage,
        first: 0,
        channels: HOP,
        search: Search::Distance,
    };
    let trained = TrainedModel {
        encoder: net(Operation::Convolution { kernel: HOP, stride: HOP, padding: 0, channels: HOP }, 1, HOP, HOP),
        decoder: net(Operation::Transposed { kernel: HOP, stride: HOP, padding: 0, channels: 1 }, HOP, 1, 1),
        quantizer: TrainedQuantizer::Vectors { codebooks: vec![codebook(0, 0.3), codebook(1, 0.03)] },
        normalization: vec![Normalization { offset: 1024, scale: 250.0 }],
    };
    let metadata = MetadataParts {
        name: "levels".into(),
        rate_millihertz: 360_000,
        channels: vec![ChannelParts {
            name: "MLII".into(),
            unit: "mV".into(),
            counts_per_unit: 200.0,
            offset: 1024,
            source_bits: Some(11),
        }],
        run: r#"{"seed":7}"#.into(),
    };
    export(&trained, samples, &metadata).unwrap().integer
}

#[test]
fn nearest_codes_cost_their_whole_bits_or_what_their_frequencies_say() {
    let recording = recording();
    let (training, test) = (recording.slice(0..60_000), recording.slice(60_000..80_000));
    let bytes = model(&training.samples);
    let model = bytes.model().unwrap();
    let (whole, frequent) = (in_whole_bits(model).unwrap(), by_frequency(model, &training.samples).unwrap());
    let measure = |bytes: &ModelBytes, quality: u8| {
        let codec = HostCodec::new(bytes).unwrap();
        let evaluated = evaluate(&codec, &test, Options::new().quality(quality)).unwrap();
        (evaluated.encoded.code_bytes as f64 * 8.0, evaluated.row.rmse_lsb)
    };
    let hops = (test.samples.len() / HOP) as f64;
    for (quality, stages) in [(1, 1.0), (9, 2.0)] {
        let [(bits, error), (fewer, same)] = [&whole, &frequent].map(|bytes| measure(bytes, quality));
        // Each packet's codes are whole bytes, of which the coder may spend some more or leave the last one out.
        let plain = hops * stages * 4.0;
        assert!((bits / plain - 1.0).abs() < 0.03, "quality {quality}: {bits} bits for {plain}");
        assert!(fewer < 0.9 * bits, "quality {quality}: {fewer} bits by frequency, {bits} in whole bits");
        assert_eq!(error, same, "quality {quality}");
    }
    assert!(measure(&whole, 9).1 < measure(&whole, 1).1);
}

#[test]
fn curves_run_over_the_stages() {
    let recording = recording();
    let (training, test) = (recording.slice(0..60_000), recording.slice(60_000..70_000));
    let bytes = model(&training.samples);
    let neural = Neural::new("levels", bytes.model().unwrap(), &training.samples).unwrap();
    let curves = neural.curves(&[test], Regime::Packets(244)).unwrap();
    let names: Vec<&str> = curves.iter().map(|curve| curve.name.as_str()).collect();
    assert_eq!(names, ["levels, nearest codes in whole bits", "levels, nearest codes by frequency"]);
    assert!(curves.iter().all(|curve| !curve.learned && curve.records[0].points.len() == 2), "{curves:?}");
    assert_eq!(
        Neural::new("levels", bytes.model().unwrap(), &[]).unwrap().curves(&[], Regime::Stream).unwrap().len(),
        1
    );
}

#[test]
fn integers_are_no_codebooks() {
    let bytes = ModelBytes::new(shipped::find("ecg-small").unwrap().bytes);
    assert!(matches!(in_whole_bits(bytes.model().unwrap()), Err(NearestError::NoCodebooks)));
}
