//! Packets of any size carry the same samples; what is lost costs itself and a stated margin.

use proptest::prelude::*;
use vq_core::{Decoder, Options, PacketError, Status};
use vq_tests::hostile::with_checksum;
use vq_tests::{OwnedBlock, decode, encode, recipes, samples};
use vq_trainer::export::file::HostMemory;

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn packet_limits_do_not_change_samples(recipe in recipes(), room in 0usize..280, hops in 1u32..40, cut in 1usize..200) {
        let exported = recipe.export();
        let model = exported.integer.model().unwrap();
        let mut signal = recipe.signal(300);
        signal.truncate(signal.len() / recipe.channels.max(1) / 2 * recipe.channels + cut * recipe.channels);
        let whole = encode(model, Options::new().packet_bytes(1 << 16), &signal);
        prop_assert_eq!(whole.len(), 1);
        let bytes = model.least_packet_bytes(9) + room;
        let options = Options::new().packet_bytes(bytes).packet_hops(hops);
        let packets = encode(model, options, &signal);
        prop_assert!(packets.iter().all(|packet| packet.len() <= bytes));
        let (expected, blocks) = (decode(model, &whole), decode(model, &packets));
        prop_assert!(samples(&expected).len() >= signal.len());
        prop_assert_eq!(samples(&blocks), samples(&expected));
        // Every sample that was pushed is complete; what follows is the encoder's padding.
        let frames = (signal.len() / recipe.channels) as u64;
        let early = |block: &&OwnedBlock| block.first_frame + ((block.frames.len() / recipe.channels) as u64) <= frames;
        prop_assert!(blocks.iter().filter(early).all(|block| block.status == Status::Complete));
    }

    #[test]
    fn a_lost_packet_costs_itself_and_its_margin(recipe in recipes(), lost in 1usize..6) {
        let exported = recipe.export();
        let model = exported.integer.model().unwrap();
        let hop = model.hop();
        let signal = recipe.signal(120 * recipe.hop());
        let packets = encode(model, Options::new().packet_hops(9).packet_bytes(400), &signal);
        let all = decode(model, &packets);
        let received = [&packets[..lost], &packets[lost + 1..]].concat();
        let blocks = decode(model, &received);
        let gap = blocks.iter().find(|block| matches!(block.status, Status::Gap { .. })).expect("a gap is reported");
        prop_assert_eq!(gap.first_frame, (lost * 9 * hop) as u64);
        prop_assert_eq!(gap.status, Status::Gap { frames: 9 * hop as u64 });
        let whole = samples(&all);
        let receptive = usize::from(model.directory().decoder.receptive_hops);
        let delay = usize::from(model.directory().decoder.delay);
        let end = whole.len() / recipe.channels - delay;
        let mut position = 0;
        for block in &blocks {
            prop_assert_eq!(block.first_frame, position);
            let start = position as usize * recipe.channels;
            if block.status == Status::Complete {
                prop_assert_eq!(&block.frames[..], &whole[start..start + block.frames.len()]);
            }
            // What the closing hops would have completed is degraded too, and comes last.
            if block.status == Status::Degraded && position < end as u64 {
                let after_gap = ((lost + 1) * 9 + receptive) * hop;
                let before_gap = (lost * 9 * hop).saturating_sub(delay);
                prop_assert!((before_gap..after_gap).contains(&(position as usize)));
            }
            position += match block.status {
                Status::Gap { frames } => frames,
                _ => (block.frames.len() / recipe.channels) as u64,
            };
        }
    }

    #[test]
    fn a_decoder_that_joins_late_gives_what_one_after_a_gap_gives(recipe in recipes()) {
        let exported = recipe.export();
        let model = exported.integer.model().unwrap();
        let packets = encode(model, Options::new().packet_hops(5), &recipe.signal(100 * recipe.hop()));
        let joined = decode(model, &packets[4..]);
        let gapped = decode(model, &[&packets[..2], &packets[4..]].concat());
        let place = gapped.iter().position(|block| matches!(block.status, Status::Gap { .. })).expect("a gap");
        prop_assert_eq!(&gapped[place + 1..], &joined[..]);
    }

    #[test]
    fn damage_is_refused_and_changes_nothing(recipe in recipes(), byte in any::<prop::sample::Index>(), flip in 1u8..=255) {
        let exported = recipe.export();
        let model = exported.integer.model().unwrap();
        let packets = encode(model, Options::new().packet_hops(4), &recipe.signal(50 * recipe.hop()));
        let mut memory = HostMemory::new(model.decoder_memory());
        let mut decoder = Decoder::new(model, memory.bytes()).unwrap();
        let mut got = Vec::new();
        for packet in &packets {
            let mut damaged = packet.clone();
            let at = byte.index(damaged.len());
            damaged[at] ^= flip;
            // A CRC-16 sees every burst of up to 16 bits.
            prop_assert_eq!(decoder.packet(&damaged).err(), Some(PacketError::Checksum));
            prop_assert!(decoder.packet(&packet[..packet.len() - 1]).is_err());
            let mut blocks = decoder.packet(packet).unwrap();
            while let Some(block) = blocks.next() {
                got.extend_from_slice(block.frames);
            }
            drop(blocks);
            let repeated = decoder.packet(packet).err();
            let stale = matches!(repeated, Some(PacketError::Stale { .. }));
            prop_assert!(stale);
        }
        let expected = samples(&decode(model, &packets));
        prop_assert_eq!(&got[..], &expected[..got.len()]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_forged_packet_decodes_to_something_or_is_refused(
        recipe in recipes(),
        quality in 1u8..=9,
        hops in 1u8..100,
        codes in prop::collection::vec(any::<u8>(), 0..100),
    ) {
        let exported = recipe.export();
        let model = exported.integer.model().unwrap();
        let mut packet = vec![quality, 0, 0, 0, hops];
        packet.extend(&codes);
        let packet = with_checksum(model, &packet);
        let mut memory = HostMemory::new(model.decoder_memory());
        let mut decoder = Decoder::new(model, memory.bytes()).unwrap();
        let too_long = codes.len() > usize::from(hops) * model.worst_hop_bytes(quality) || codes.last() == Some(&0);
        if too_long {
            prop_assert_eq!(decoder.packet(&packet).err(), Some(PacketError::Length));
            return Ok(());
        }
        let mut frames = 0;
        let mut blocks = decoder.packet(&packet).expect("any codes decode");
        while let Some(block) = blocks.next() {
            frames += block.frames.len() / recipe.channels;
        }
        drop(blocks);
        let mut blocks = decoder.finish();
        while let Some(block) = blocks.next() {
            frames += block.frames.len() / recipe.channels;
        }
        prop_assert_eq!(frames, usize::from(hops) * model.hop());
    }
}

#[test]
fn a_packet_of_another_model_is_refused() {
    let recipe = |seed| vq_tests::Recipe {
        strides: vec![4, 2],
        extra: vec![2, 3],
        stages: Some(2),
        ..vq_tests::Recipe::small(seed)
    };
    let (one, other) = (recipe(1).export(), recipe(2).export());
    let packets = encode(one.integer.model().unwrap(), Options::new(), &recipe(1).signal(500));
    let model = other.integer.model().unwrap();
    let mut memory = HostMemory::new(model.decoder_memory());
    let mut decoder = Decoder::new(model, memory.bytes()).unwrap();
    assert_eq!(decoder.packet(&packets[0]).err(), Some(PacketError::Checksum));
}
