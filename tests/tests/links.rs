//! Links that drop, repeat, reorder, truncate and flip: every packet costs itself and its stated margin, and no other sample changes.

use proptest::prelude::*;
use vq_core::packet::{CHECKSUM_BYTES, Header};
use vq_core::{Decoder, Options, PacketError, Status};
use vq_tests::{Recipe, decode, encode, recipes, samples};
use vq_trainer::export::file::HostMemory;

/// What a link does to a packet.
#[derive(Debug, Clone)]
enum Mishap {
    None,
    Lost,
    Repeated,
    /// Comes after the next one.
    Late,
    Truncated(prop::sample::Index),
    Flipped(prop::sample::Index, u8),
}

fn mishaps() -> impl Strategy<Value = Vec<Mishap>> {
    let mishap = prop_oneof![
        6 => Just(Mishap::None),
        1 => Just(Mishap::Lost),
        1 => Just(Mishap::Repeated),
        1 => Just(Mishap::Late),
        1 => any::<prop::sample::Index>().prop_map(Mishap::Truncated),
        1 => (any::<prop::sample::Index>(), 1u8..=255).prop_map(|(place, flip)| Mishap::Flipped(place, flip)),
    ];
    prop::collection::vec(mishap, 1..30)
}

/// What arrives, in order, and how many of it a decoder must refuse.
fn deliver(packets: &[Vec<u8>], mishaps: &[Mishap], identity: &[u8; 16]) -> (Vec<Vec<u8>>, usize) {
    let (mut arrived, mut refused) = (Vec::new(), 0);
    let mut late: Option<Vec<u8>> = None;
    for (packet, mishap) in packets.iter().zip(mishaps.iter().cycle()) {
        let waiting = late.take();
        match mishap {
            Mishap::None => arrived.push(packet.clone()),
            Mishap::Lost => {}
            Mishap::Repeated => {
                arrived.extend([packet.clone(), packet.clone()]);
                refused += 1;
            }
            Mishap::Late => late = Some(packet.clone()),
            Mishap::Truncated(place) => {
                let cut = &packet[..place.index(packet.len())];
                // One of 65 536 passes its checksum by chance.
                if Header::parse(cut, identity).is_err() {
                    arrived.push(cut.to_vec());
                    refused += 1;
                }
            }
            Mishap::Flipped(place, flip) => {
                let mut flipped = packet.clone();
                let place = place.index(flipped.len());
                flipped[place] ^= flip;
                arrived.push(flipped);
                refused += 1;
            }
        }
        if let Some(waiting) = waiting {
            // Whether it is too late depends on what came before it.
            refused += usize::from(matches!(mishap, Mishap::None | Mishap::Repeated));
            arrived.push(waiting);
        }
    }
    arrived.extend(late);
    (arrived, refused)
}

/// Decodes what arrived; checks that positions follow each other, that complete samples are those of the whole stream, and gives how many packets
/// were refused.
fn check(model: vq_core::Model<'_>, whole: &[i32], arrived: &[Vec<u8>]) -> usize {
    let channels = model.channels();
    let mut memory = HostMemory::new(model.decoder_memory());
    let mut decoder = Decoder::new(model, memory.bytes()).unwrap();
    let (mut refused, mut position) = (0, None);
    let mut see = |block: vq_core::Block<'_>| {
        assert_eq!(*position.get_or_insert(block.first_frame), block.first_frame, "{:?}", block.status);
        let start = block.first_frame as usize * channels;
        match block.status {
            Status::Complete => {
                assert_eq!(block.frames, &whole[start..start + block.frames.len()], "frame {}", block.first_frame);
            }
            Status::NewStream => panic!("no device began anew"),
            Status::Degraded | Status::Gap { .. } => {}
        }
        let frames = match block.status {
            Status::Gap { frames } => frames,
            _ => (block.frames.len() / channels) as u64,
        };
        position = Some(block.first_frame + frames);
    };
    for packet in arrived {
        match decoder.packet(packet) {
            Ok(mut blocks) => {
                while let Some(block) = blocks.next() {
                    see(block);
                }
            }
            Err(_) => refused += 1,
        }
    }
    let mut rest = decoder.finish();
    while let Some(block) = rest.next() {
        see(block);
    }
    refused
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_bad_link_costs_what_it_touches(recipe in recipes(), mishaps in mishaps(), short: bool, hops in 1u32..12) {
        let exported = recipe.export();
        let model = exported.integer.model().unwrap();
        let options = Options::new().packet_hops(hops).packet_bytes(400).short_headers(short);
        let packets = encode(model, options, &recipe.signal(120 * recipe.hop()));
        let whole = samples(&decode(model, &packets));
        let (arrived, refused) = deliver(&packets, &mishaps, &model.identity());
        prop_assert_eq!(check(model, &whole, &arrived), refused);
    }

    #[test]
    fn a_packet_carries_at_most_nine_bytes_that_are_no_codes(recipe in recipes(), short: bool, quiet: bool) {
        let exported = recipe.export();
        let model = exported.integer.model().unwrap();
        let bytes = if short { 64 } else { 244 };
        prop_assume!(model.least_packet_bytes(9) <= bytes);
        let mut signal = recipe.signal(3000 * recipe.hop());
        if quiet {
            signal.fill(0);
        }
        let packets = encode(model, Options::new().packet_bytes(bytes).short_headers(short), &signal);
        for packet in packets {
            let (_, codes) = Header::parse(&packet, &model.identity()).unwrap();
            // One more may end the codes.
            let most = if short { 7 } else { 9 };
            prop_assert!(packet.len() - codes.len() < most);
            prop_assert!(packet.len() <= bytes && packet.len() >= codes.len() + CHECKSUM_BYTES);
        }
    }

    #[test]
    fn a_device_that_restarts_is_heard_at_once(recipe in recipes(), before in 1usize..10, lost: bool) {
        let exported = recipe.export();
        let model = exported.integer.model().unwrap();
        let options = Options::new().packet_hops(4).packet_bytes(400);
        let first = encode(model, options, &recipe.signal(80 * recipe.hop()));
        let second = encode(model, options, &Recipe { seed: recipe.seed + 1, ..recipe.clone() }.signal(80 * recipe.hop()));
        prop_assume!(first[0] != second[0]);
        // Without its first packet the new stream is known by the fourth old packet in a row, if it is still old there.
        let (skipped, unheard) = if lost { (1, 3) } else { (0, 0) };
        prop_assume!(!lost || before > 5);
        let arrived = [&first[..before], &second[skipped..]].concat();
        let mut memory = HostMemory::new(model.decoder_memory());
        let mut decoder = Decoder::new(model, memory.bytes()).unwrap();
        let (mut blocks, mut refused) = (Vec::new(), 0);
        for packet in &arrived {
            match decoder.packet(packet) {
                Ok(mut parts) => while let Some(block) = parts.next() {
                    blocks.push((block.first_frame, block.frames.to_vec(), block.status));
                },
                Err(error) => {
                    let stale = matches!(error, PacketError::Stale { .. });
                    prop_assert!(stale);
                    refused += 1;
                }
            }
        }
        prop_assert_eq!(refused, unheard);
        let place = blocks.iter().position(|(_, _, status)| *status == Status::NewStream).expect("the restart is told");
        let begun = (skipped + unheard) * 4 * model.hop();
        prop_assert_eq!(blocks[place].0, begun as u64);
        let after: Vec<i32> = blocks[place + 1..].iter().flat_map(|(_, frames, _)| frames.iter().copied()).collect();
        let alone = samples(&decode(model, &second[skipped + unheard..]));
        prop_assert_eq!(&after[..], &alone[..after.len()]);
    }
}

#[test]
fn every_subset_of_three_neighbouring_packets_can_be_lost() {
    let recipe = Recipe { stages: Some(2), ..Recipe::small(3) };
    let exported = recipe.export();
    let model = exported.integer.model().unwrap();
    let packets = encode(model, Options::new().packet_hops(6), &recipe.signal(120 * recipe.hop()));
    let whole = samples(&decode(model, &packets));
    for first in 0..packets.len() - 2 {
        for subset in 0..8 {
            let lost = |place: usize| place >= first && place < first + 3 && subset >> (place - first) & 1 == 1;
            let arrived: Vec<Vec<u8>> = packets
                .iter()
                .enumerate()
                .filter(|(place, _)| !lost(*place))
                .map(|(_, packet)| packet.clone())
                .collect();
            assert_eq!(check(model, &whole, &arrived), 0);
        }
    }
}
