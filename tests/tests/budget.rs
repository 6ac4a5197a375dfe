//! A budget of bits: kept on average and never passed by more than it says, by a model with nine qualities and by one with three.

use proptest::prelude::*;
use vq_core::packet::Header;
use vq_core::{Encoder, EncoderError, FrameQueue, Mode, Model, Options, Progress};
use vq_tests::lapped::{self, HOP};
use vq_tests::{Recipe, decode, encode, samples};
use vq_trainer::export::file::HostMemory;

const TRAINING: usize = 60_000;

/// Packets with the frames that they cover.
fn sizes(model: Model<'_>, packets: &[Vec<u8>]) -> Vec<(usize, usize)> {
    let frames = |packet: &Vec<u8>| Header::parse(packet, &model.identity()).unwrap().0.hops as usize * model.hop();
    packets.iter().map(|packet| (packet.len() * 8, frames(packet))).collect()
}

/// The most bits by which packets are ahead of a budget, from the start to the end of any of them.
fn most_ahead(sizes: &[(usize, usize)], bits_per_frame: f64) -> f64 {
    let (mut bits, mut frames, mut most) = (0, 0, f64::NEG_INFINITY);
    for (packet, covered) in sizes {
        (bits, frames) = (bits + packet, frames + covered);
        most = most.max(bits as f64 - bits_per_frame * frames as f64);
    }
    most
}

fn mean(sizes: &[(usize, usize)]) -> f64 {
    let sum = |of: fn(&(usize, usize)) -> usize| sizes.iter().map(of).sum::<usize>() as f64;
    sum(|size| size.0) / sum(|size| size.1)
}

#[test]
fn a_budget_is_kept_on_average_and_never_passed_by_more_than_a_burst() {
    let recording = lapped::ecg();
    let exported = lapped::model(&recording.samples[..TRAINING], 1);
    let model = exported.integer.model().unwrap();
    let rate = |quality: u8| mean(&sizes(model, &encode(model, Options::new().quality(quality), &recording.samples)));
    let (least, most) = (rate(1), rate(9));
    for (packet_bytes, share) in [(244, 0.1), (244, 0.3), (244, 0.7), (60, 0.2), (120, 0.5)] {
        let budget = least * 1.15 + share * (most - least);
        let options = Options::new().packet_bytes(packet_bytes).budget((budget * f64::from(1 << 20)) as u32, 1 << 20);
        let packets = encode(model, options, &recording.samples);
        let sizes = sizes(model, &packets);
        let (mean, ahead) = (mean(&sizes), most_ahead(&sizes, budget));
        println!("{packet_bytes} bytes, budget {budget:.4}: {mean:.4} bits a frame, at most {ahead:.0} bits ahead");
        assert!((mean / budget - 1.0).abs() < 0.03, "{mean} for {budget}");
        assert!(ahead <= (3 * packet_bytes * 8) as f64, "{ahead} bits ahead");
        let qualities = packets.iter().map(|packet| packet[0] & 15);
        assert!(qualities.clone().max() > qualities.min(), "the quality moves");
        assert!(samples(&decode(model, &packets)).len() >= recording.samples.len());
    }
}

/// Signal after a silence may not take all that the silence saved.
#[test]
fn a_silence_is_not_saved_up() {
    let recording = lapped::ecg();
    let exported = lapped::model(&recording.samples[..TRAINING], 1);
    let model = exported.integer.model().unwrap();
    let silence = 60_000;
    let mut signal = vec![model.scaling(0).offset; silence];
    signal.extend(&recording.samples[TRAINING..]);
    let budget = 0.7;
    let options = Options::new().budget((budget * f64::from(1 << 20)) as u32, 1 << 20);
    let sizes = sizes(model, &encode(model, options, &signal));
    let mut frames = 0;
    let after: Vec<(usize, usize)> = sizes
        .into_iter()
        .skip_while(|(_, covered)| {
            frames += covered;
            frames < silence + 20 * HOP
        })
        .collect();
    let ahead = most_ahead(&after, budget);
    assert!(ahead < 5.0 * 244.0 * 8.0, "{ahead} bits ahead behind a silence");
    assert!((mean(&after) / budget - 1.0).abs() < 0.1, "{}", mean(&after));
}

/// Pushes with a quality for every frame that changes it.
fn encode_with(model: Model<'_>, options: Options, signal: &[i32], changes: &[(usize, u8)]) -> Vec<Vec<u8>> {
    let mut memory = HostMemory::new(model.encoder_memory(options));
    let mut encoder = Encoder::new(model, memory.bytes(), options).unwrap();
    let mut packets = Vec::new();
    for (place, frame) in signal.chunks_exact(model.channels()).enumerate() {
        for (_, quality) in changes.iter().filter(|(at, _)| *at == place) {
            encoder.set_quality(*quality).unwrap();
        }
        packets.extend(encoder.push(frame).unwrap().map(<[u8]>::to_vec));
    }
    while let Some(packet) = encoder.finish() {
        packets.push(packet.to_vec());
    }
    packets
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    /// What a packet has is what it would have if the whole stream were of its quality: a hop that waits is searched anew.
    #[test]
    fn quality_changes_at_packets_and_nothing_else_does(
        recipe in vq_tests::recipes(),
        room in 0usize..40,
        changes in prop::collection::vec((0usize..120, 1u8..=9), 0..6),
    ) {
        let exported = recipe.export();
        let model = exported.integer.model().unwrap();
        let signal = recipe.signal(120 * recipe.hop());
        let changes: Vec<(usize, u8)> = changes.into_iter().map(|(hop, quality)| (hop * recipe.hop() + 1, quality)).collect();
        let worst = (1..=9).map(|quality| model.least_packet_bytes(quality)).max().unwrap_or(0);
        let options = Options::new().packet_bytes(worst + room + 7 * recipe.channels);
        let packets = encode_with(model, options, &signal, &changes);
        let one_hop = options.packet_hops(1);
        let whole: Vec<Vec<Vec<u16>>> = (1..=9).map(|quality| {
            encode(model, one_hop.quality(quality), &signal).iter().flat_map(|packet| codes(model, packet)).collect()
        }).collect();
        for packet in &packets {
            let (header, _) = Header::parse(packet, &model.identity()).unwrap();
            let first = header.first_hop as usize;
            let expected = &whole[usize::from(header.quality) - 1][first..first + header.hops as usize];
            prop_assert_eq!(&codes(model, packet)[..], expected);
        }
        prop_assert!(samples(&decode(model, &packets)).len() >= signal.len());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    /// Frames may be pushed or polled in any mixture, and the poll may stop anywhere: the bytes are the same, whatever quality and level do.
    #[test]
    fn pushes_and_polls_may_mix(
        recipe in vq_tests::recipes(),
        turns in prop::collection::vec((any::<bool>(), 0usize..40), 1..80),
        slope in -40i32..40,
        bits in 1u32..40,
        falls_back: bool,
    ) {
        let exported = recipe.export();
        let model = exported.integer.model().unwrap();
        let frames = 400 + 60 * recipe.hop();
        let drift = |(place, x): (usize, &i32)| x + slope * (place / recipe.channels) as i32;
        let signal: Vec<i32> = recipe.signal(frames).iter().enumerate().map(drift).collect();
        let worst = (1..=9).map(|quality| model.least_packet_bytes(quality)).max().unwrap_or(0);
        let fallback = if falls_back { Mode::Bounded(9) } else { Mode::BestEffort };
        let options = Options::new().budget(bits * recipe.channels as u32, 8).fallback(fallback);
        let options = options.packet_bytes(worst.max(model.least_predicted_bytes(options)) + 7 * recipe.channels);
        let expected = encode(model, options, &signal);
        let queue = FrameQueue::<64>::new(recipe.channels);
        let mut memory = HostMemory::new(model.encoder_memory(options));
        let mut encoder = Encoder::new(model, memory.bytes(), options).unwrap();
        let mut packets = Vec::new();
        let mut ways = turns.iter().cycle();
        for frame in signal.chunks_exact(recipe.channels) {
            let (push, mut polls) = ways.next().copied().unwrap_or_default();
            if push {
                packets.extend(encoder.push(frame).unwrap().map(<[u8]>::to_vec));
                continue;
            }
            queue.feed(frame).unwrap();
            // The frame is taken, and perhaps not all of its work is done: only where samples are kept all of it must be.
            while queue.waiting() > 0 || falls_back || polls > 0 {
                polls = polls.saturating_sub(1);
                match encoder.poll(&queue).unwrap() {
                    Progress::Packet(packet) => packets.push(packet.to_vec()),
                    Progress::Working => {}
                    Progress::Idle => break,
                }
                if falls_back {
                    prop_assert_eq!(encoder.push(frame).err(), Some(EncoderError::Unfinished));
                }
            }
        }
        while let Some(packet) = encoder.finish() {
            packets.push(packet.to_vec());
        }
        prop_assert!(packets == expected, "other bytes");
    }
}

/// The codes of every hop of a packet.
fn codes(model: Model<'_>, packet: &[u8]) -> Vec<Vec<u16>> {
    let mut memory = vec![0; model.prior_memory() / 2];
    let mut codes = vq_core::packet_codes(model, packet, &mut memory).unwrap();
    let mut hops = Vec::new();
    while let Some(hop) = codes.next_hop() {
        hops.push(hop.map(|(_, _, code)| code).collect());
    }
    hops
}

#[test]
fn a_quality_whose_hops_do_not_fit_is_refused() {
    let exported = Recipe { stages: Some(3), latents: 5, ..Recipe::small(2) }.export();
    let model = exported.integer.model().unwrap();
    let options = Options::new().packet_bytes(model.least_packet_bytes(1)).quality(1);
    let mut memory = HostMemory::new(model.encoder_memory(options));
    let mut encoder = Encoder::new(model, memory.bytes(), options).unwrap();
    assert!(model.least_packet_bytes(9) > model.least_packet_bytes(1));
    let have = options.max_packet_bytes();
    assert_eq!(encoder.set_quality(9), Err(EncoderError::PacketTooSmall { need: model.least_packet_bytes(9), have }));
    assert_eq!((encoder.set_quality(0), encoder.quality()), (Ok(()), 1));
}
