//! The streaming codec against the naive evaluation of the same nets, in floats and in integers.

use proptest::prelude::*;
use vq_core::Options;
use vq_core::model::QUALITIES;
use vq_tests::{Recipe, decode, encode, recipes, samples};
use vq_trainer::export::reference::{Rows, forward};

const ONE_PACKET: Options = Options::new().packet_bytes(1 << 20);

/// The nets evaluated naively, with the quantizer between them.
fn naive(recipe: &Recipe, signal: &[i32]) -> Vec<f32> {
    let trained = recipe.trained();
    let normal = &trained.normalization;
    let values = signal
        .chunks_exact(recipe.channels)
        .flat_map(|frame| frame.iter().zip(normal).map(|(x, normal)| (x - normal.offset) as f32 / normal.scale))
        .collect();
    let latents = forward(&trained.encoder, &Rows { channels: recipe.channels, values });
    let latents = latents.last().expect("the encoder has layers");
    let values = latents
        .output
        .values
        .chunks_exact(recipe.latents)
        .flat_map(|z| trained.quantizer.nearest(z, QUALITIES - 1))
        .collect();
    let output = forward(&trained.decoder, &Rows { channels: recipe.latents, values });
    output.last().expect("the decoder has layers").output.values.clone()
}

/// The share of samples in this range that are more than one count and a half from the naive evaluation.
///
/// Rounding to counts is worth half a count; a latent on the edge between two codes may fall either way, and then all
/// samples within the receptive field differ, so that only a share can be bounded.
fn share_of_strays(recipe: &Recipe, decoded: &[i32], naive: &[f32], frames: std::ops::Range<usize>) -> f64 {
    let counts = |index: usize| f64::from(naive[index]) * 2000.0 + 100.0 * (index % recipe.channels) as f64;
    let samples = frames.start * recipe.channels..frames.end * recipe.channels;
    let strays = samples.clone().filter(|index| (f64::from(decoded[*index]) - counts(*index)).abs() > 1.5).count();
    strays as f64 / samples.len() as f64
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_float_path_is_the_naive_one(recipe in recipes()) {
        let exported = recipe.export();
        let model = exported.float.model().unwrap();
        let frames = 400 * recipe.hop();
        let signal = recipe.signal(frames);
        let decoded = samples(&decode(model, &encode(model, ONE_PACKET, &signal)));
        prop_assert!(decoded.len() >= signal.len());
        let margin = 30 * recipe.hop();
        let strays = share_of_strays(&recipe, &decoded, &naive(&recipe, &signal), margin..frames - margin);
        prop_assert!(strays < 0.05, "{strays}");
    }

    #[test]
    fn the_integer_path_is_close_to_the_float_one(recipe in recipes()) {
        let recipe = Recipe { stages: None, ..recipe };
        let exported = recipe.export();
        let signal = recipe.signal(80 * recipe.hop());
        let [integer, float] = [&exported.integer, &exported.float].map(|bytes| {
            let model = bytes.model().unwrap();
            samples(&decode(model, &encode(model, ONE_PACKET, &signal)))
        });
        let margin = 30 * recipe.hop() * recipe.channels;
        let inner = margin..signal.len() - margin;
        let power = |f: &dyn Fn(usize) -> f64| inner.clone().map(|index| f(index).powi(2)).sum::<f64>();
        let noise = power(&|index| f64::from(integer[index]) - f64::from(float[index]));
        let total = power(&|index| f64::from(float[index]) - 100.0 * (index % recipe.channels) as f64);
        // Rounding to counts and codes is worth a few counts; int8 weights leave the rest within a few percent.
        prop_assert!(noise < 0.002 * total + 9.0 * inner.len() as f64, "noise {noise}, total {total}");
    }

    #[test]
    fn without_biases_the_first_samples_are_right_too(recipe in recipes()) {
        let recipe = Recipe { unbiased: true, stages: None, ..recipe };
        let exported = recipe.export();
        let model = exported.float.model().unwrap();
        let frames = 400 * recipe.hop();
        let signal = recipe.signal(frames);
        let decoded = samples(&decode(model, &encode(model, ONE_PACKET, &signal)));
        let strays = share_of_strays(&recipe, &decoded, &naive(&recipe, &signal), 0..370 * recipe.hop());
        prop_assert!(strays < 0.05, "{strays}");
    }
}
