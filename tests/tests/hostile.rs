//! The fuzz targets' functions on a stable compiler: their seeds, and thousands of seeds with changes; and every byte of a stream flipped.

use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use vq_core::{Mode, Options, Status};
use vq_tests::hostile::{self, RESIDUAL_MODEL, SCALAR_MODEL};
use vq_tests::{Recipe, decode, encode};
use vq_trainer::codec::HostCodec;
use vq_trainer::export::file::ModelBytes;
use vq_trainer::stream::{self, StreamHeader, append_header, append_packet};

fn folder(target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/seeds").join(target)
}

/// The packets of a short stream of one of the models.
fn short_stream(file: &[u8], short: bool, mode: Mode) -> (Vec<Vec<u8>>, StreamHeader) {
    let bytes = ModelBytes::new(file);
    let model = bytes.model().unwrap();
    let signal: Vec<i32> = (0..40 * model.hop() * model.channels()).map(|t| (t as i32 * 37) % 401 - 200).collect();
    let options = Options::new().packet_bytes(64).packet_hops(5).short_headers(short).mode(mode);
    let packets = encode(model, options, &signal);
    let header = StreamHeader {
        model_identity: model.identity(),
        model_name: "seed".into(),
        packet_bytes: 64,
        rate_millihertz: Some(250_000),
        channels: None,
        start_time: Some(0),
        frames: Some((40 * model.hop()) as u64),
    };
    (packets, header)
}

/// The seeds of a target, made anew where `VQ_BLESS` is set.
fn seeds(target: &str) -> Vec<Vec<u8>> {
    if std::env::var_os("VQ_BLESS").is_some() {
        let models = [SCALAR_MODEL, RESIDUAL_MODEL];
        let made: Vec<Vec<u8>> = models
            .iter()
            .enumerate()
            .map(|(which, file)| {
                let (packets, header) = short_stream(file, which == 1, Mode::BestEffort);
                match target {
                    "model" => file.to_vec(),
                    "packets" => {
                        let framed = packets
                            .iter()
                            .flat_map(|packet| [&[packet.len() as u8 - 2], &packet[..packet.len() - 2]].concat());
                        std::iter::once(which as u8).chain(framed).collect()
                    }
                    _ => {
                        let mut bytes = Vec::new();
                        append_header(&mut bytes, &header);
                        packets.iter().for_each(|packet| append_packet(&mut bytes, packet));
                        bytes
                    }
                }
            })
            .collect();
        fs::create_dir_all(folder(target)).unwrap();
        for (name, bytes) in ["scalar", "residual"].iter().zip(made) {
            fs::write(folder(target).join(name), bytes).unwrap();
        }
    }
    let mut files: Vec<PathBuf> = fs::read_dir(folder(target)).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(!files.is_empty(), "{target} has no seeds");
    files.into_iter().map(|file| fs::read(file).unwrap()).collect()
}

/// Changes of a seed: bytes set, a piece cut out, a piece doubled.
fn change(
    mut seed: Vec<u8>,
    sets: &[(prop::sample::Index, u8)],
    cut: (prop::sample::Index, usize),
    doubled: bool,
) -> Vec<u8> {
    for (place, value) in sets {
        let place = place.index(seed.len());
        seed[place] = *value;
    }
    let start = cut.0.index(seed.len());
    let end = (start + cut.1).min(seed.len());
    if doubled {
        let piece = seed[start..end].to_vec();
        seed.splice(end..end, piece);
    } else {
        seed.drain(start..end);
    }
    seed
}

/// Runs a target on its seeds and on changed ones.
fn smoke(target: &str, cases: u32, run: fn(&[u8])) {
    let seeds = seeds(target);
    seeds.iter().for_each(|seed| run(seed));
    let place = any::<prop::sample::Index>;
    let changes = (
        prop::collection::vec((place(), any::<u8>()), 0..6),
        (place(), prop_oneof![Just(0usize), 0usize..40]),
        any::<bool>(),
        place(),
    );
    let config = ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() };
    let mut runner = proptest::test_runner::TestRunner::new(config);
    let result = runner.run(&changes, |(sets, cut, doubled, seed)| {
        run(&change(seeds[seed.index(seeds.len())].clone(), &sets, cut, doubled));
        Ok(())
    });
    result.unwrap_or_else(|error| panic!("{target}: {error}"));
}

#[test]
fn any_model_is_refused_or_runs() {
    smoke("model", 2000, hostile::model);
}

#[test]
fn any_packets_are_refused_or_decode() {
    smoke("packets", 2000, hostile::packets);
}

#[test]
fn any_file_is_read_as_far_as_it_is_one() {
    smoke("file", 500, hostile::file);
}

#[test]
fn a_flipped_byte_of_a_stream_changes_nothing_outside_its_packet_and_margin() {
    let modes = [Mode::BestEffort, Mode::Bounded(2)];
    for (file, short, mode) in
        modes.into_iter().flat_map(|mode| [(SCALAR_MODEL, false, mode), (RESIDUAL_MODEL, true, mode)])
    {
        let bytes = ModelBytes::new(file);
        let codec = HostCodec::new(&bytes).unwrap();
        let (channels, hop) = (codec.model().channels(), codec.model().hop());
        let (packets, header) = short_stream(file, short, mode);
        let mut sound = Vec::new();
        append_header(&mut sound, &header);
        packets.iter().for_each(|packet| append_packet(&mut sound, packet));
        let whole = codec.decode(&stream::parse(&sound).segments[0], "whole").unwrap().recording.samples;
        // Five hops of each of two frames that a zero in place of another byte joins, the hops that the decoder looks ahead, and those that it remembers.
        let receptive = usize::from(codec.model().directory().decoder.receptive_hops);
        let remembered = if mode == Mode::BestEffort { receptive + codec.model().closing_hops() } else { 1 };
        let margin = (2 * 5 + remembered) * hop;
        for place in 0..sound.len() {
            let mut flipped = sound.clone();
            flipped[place] ^= 0x55;
            for segment in &stream::parse(&flipped).segments {
                let decoded = codec.decode(segment, "flipped").unwrap();
                // Without its header a stream begins at its first packet.
                if segment.header.is_none() {
                    continue;
                }
                let samples = &decoded.recording.samples;
                let common = samples.len().min(whole.len());
                let differing: Vec<usize> = (0..common).filter(|place| samples[*place] != whole[*place]).collect();
                if let (Some(first), Some(last)) = (differing.first(), differing.last()) {
                    assert!((last - first) / channels < margin, "byte {place}: samples {first} to {last} differ");
                }
            }
        }
    }
}

#[test]
fn a_flip_that_passes_for_sound_is_marked() {
    // What is not refused is another packet of the same stream: its neighbours keep their samples.
    let recipe = Recipe::small(4);
    let exported = recipe.export();
    let model = exported.integer.model().unwrap();
    let packets = encode(model, Options::new().packet_hops(5), &recipe.signal(80 * recipe.hop()));
    let whole = decode(model, &packets);
    let mut forged = packets.clone();
    let body = forged[3].len() - 2;
    forged[3][body - 1] ^= 0x15;
    forged[3] = hostile::with_checksum(model, &forged[3][..body]);
    let margin = 5 + usize::from(model.directory().decoder.receptive_hops) + model.closing_hops();
    for (before, after) in whole.iter().zip(&decode(model, &forged)) {
        assert_ne!(after.status, Status::NewStream);
        let hop = before.first_frame as usize / model.hop();
        if !(15 - model.closing_hops()..15 + margin).contains(&hop) {
            assert_eq!(before.frames, after.frames, "hop {hop}");
        }
    }
}
