//! Signals of several channels: what a channel's prior sees of the channels before it, and how many there may be.

use vq_core::model::priors::Hop;
use vq_core::{Mode, Options};
use vq_tests::lapped::{self, HOP};
use vq_tests::{Noise, Recipe, decode, encode, samples};

const TRAINING: usize = 40_000;
const FRAMES: usize = 20_000;

fn bytes(packets: &[Vec<u8>]) -> f64 {
    packets.iter().map(Vec::len).sum::<usize>() as f64
}

/// A lead that follows from another one costs little beside it: the prior of its codes sees those of the other in the same hop.
#[test]
fn a_channel_sees_the_codes_of_the_channels_before_it_in_the_same_hop() {
    let ecg = lapped::ecg().samples;
    // The same heart at another place: half as large, upside down, with a little noise.
    let mut noise = Noise::new(3);
    let second: Vec<i32> = ecg.iter().map(|x| 1024 - (x - 1024) / 2 + (noise.draw() * 2.0) as i32).collect();
    let pairs: Vec<i32> = ecg.iter().zip(&second).flat_map(|(a, b)| [*a, *b]).collect();
    let quality = 4;
    let options = Options::new().quality(quality).packet_bytes(1000);
    let of = |samples: &[i32], channels: usize| {
        let exported = lapped::model(&samples[..TRAINING * channels], channels);
        let model = exported.integer.model().unwrap();
        bytes(&encode(model, options, &samples[TRAINING * channels..(TRAINING + FRAMES) * channels]))
    };
    let (first, alone, both) = (of(&ecg, 1), of(&second, 1), of(&pairs, 2));
    println!("{first} and {alone} bytes alone, {both} together");
    assert!(both < first + 0.75 * alone, "{both} for {first} and {alone}");

    let exported = lapped::model(&pairs[..TRAINING * 2], 2);
    let model = exported.integer.model().unwrap();
    let looks_across = (HOP..2 * HOP).filter(|symbol| {
        let contexts = model.symbol_prior(*symbol, quality).contexts;
        contexts.iter().any(|c| c.classes > 1 && c.hop == Hop::Same && usize::from(c.source) < HOP)
    });
    assert!(looks_across.count() > 2);
}

#[test]
fn sixteen_channels_keep_their_samples_apart() {
    let recipe = Recipe { channels: 16, width: 8, latents: 12, strides: vec![2, 2], ..Recipe::small(4) };
    let exported = recipe.export();
    let model = exported.integer.model().unwrap();
    let signal = recipe.signal(60 * recipe.hop());
    let whole = samples(&decode(model, &encode(model, Options::new().packet_bytes(1 << 16), &signal)));
    let packets = encode(model, Options::new().packet_bytes(model.least_packet_bytes(9)), &signal);
    assert!(packets.len() > 10);
    assert_eq!(samples(&decode(model, &packets)), whole);
    let options = Options::new().mode(Mode::Lossless).sample_bits(16);
    let packets = encode(model, options.packet_bytes(model.least_predicted_bytes(options)), &signal);
    assert_eq!(&samples(&decode(model, &packets))[..signal.len()], &signal[..]);
}
