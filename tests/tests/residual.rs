//! Bounded and lossless packets: what they promise, whatever the signal, the losses and the changes of mode.

use proptest::prelude::*;
use vq_core::packet::Header;
use vq_core::{Decoder, Encoder, EncoderError, FrameQueue, Mode, Model, Options, Progress, Status};
use vq_tests::{Noise, OwnedBlock, Recipe, decode, encode, predictor_sizes, recipes, samples, with_predictor};
use vq_trainer::export::file::{HostMemory, ModelBytes};
use vq_trainer::export::predictor::PredictorSizes;

/// Signals that predict well, badly and not at all: `[frames, channels]`, of whole frames.
fn signals(channels: usize) -> impl Strategy<Value = Vec<i32>> {
    let full_scale = 1i32 << 23;
    let words = |range: std::ops::Range<i32>| prop::collection::vec(range, 1..400).boxed();
    let square = (1usize..50, -full_scale..full_scale, 1usize..400).prop_map(|(half, height, count)| {
        (0..count).map(|index| if index / half % 2 == 0 { height } else { -height }).collect::<Vec<i32>>()
    });
    let walk = (prop::collection::vec(-40i32..40, 1..800), -2000i32..2000).prop_map(|(steps, start)| {
        steps
            .iter()
            .scan(start, |level, step| {
                *level += step;
                Some(*level)
            })
            .collect::<Vec<i32>>()
    });
    let constant = (any::<i32>(), 1usize..900).prop_map(|(value, count)| vec![value >> 8; count]);
    prop_oneof![words(-full_scale..full_scale), words(-100..100), words(0..2048), square, walk, constant, words(-1..1)]
        .prop_map(move |mut signal| {
            let last = signal.last().copied().unwrap_or(0);
            signal.resize(signal.len().next_multiple_of(channels), last);
            signal
        })
}

fn modes() -> impl Strategy<Value = Mode> {
    prop_oneof![Just(0), 1u32..12, 1u32..100_000].prop_map(Mode::within)
}

/// A model, with a recurrent predictor or without, a signal and a mode.
#[derive(Debug, Clone)]
struct Case {
    recipe: Recipe,
    predictor: Option<PredictorSizes>,
    signal: Vec<i32>,
    mode: Mode,
}

impl Case {
    fn model(&self) -> ModelBytes {
        let exported = self.recipe.export().integer;
        match self.predictor {
            Some(sizes) => with_predictor(exported.model().unwrap(), sizes, self.recipe.seed),
            None => exported,
        }
    }
}

fn cases() -> impl Strategy<Value = Case> {
    recipes().prop_flat_map(|recipe| {
        let channels = recipe.channels;
        (Just(recipe), prop::option::of(predictor_sizes(channels)), signals(channels), modes())
            .prop_map(|(recipe, predictor, signal, mode)| Case { recipe, predictor, signal, mode })
    })
}

/// The largest error of blocks against a signal of so many channels.
fn largest_error(blocks: &[OwnedBlock], signal: &[i32], channels: usize) -> u32 {
    let errors = blocks.iter().flat_map(|block| {
        let original = signal.get(block.first_frame as usize * channels..).unwrap_or_default();
        original.iter().zip(&block.frames).map(|(x, decoded)| x.abs_diff(*decoded))
    });
    errors.max().unwrap_or(0)
}

fn options(model: &Model<'_>, mode: Mode, room: usize) -> Options {
    let options = Options::new().mode(mode);
    options.packet_bytes(model.least_predicted_bytes(options) + room)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_sample_keeps_the_promise(case in cases(), room in 0usize..200) {
        let bytes = case.model();
        let Case { recipe, signal, mode, .. } = case;
        let model = bytes.model().unwrap();
        let options = options(&model, mode, room);
        let packets = encode(model, options, &signal);
        prop_assert!(packets.iter().all(|packet| packet.len() <= options.max_packet_bytes()));
        let blocks = decode(model, &packets);
        prop_assert!(blocks.iter().all(|block| block.status == Status::Complete));
        prop_assert!(samples(&blocks).len() >= signal.len());
        prop_assert!(largest_error(&blocks, &signal, recipe.channels) <= mode.bound().unwrap());
    }

    #[test]
    fn packets_that_arrive_keep_it_whatever_is_lost(case in cases(), first in 0usize..20, lost in 1u8..7) {
        let bytes = case.model();
        let Case { recipe, signal, mode, .. } = case;
        let model = bytes.model().unwrap();
        let packets = encode(model, options(&model, mode, 0), &signal);
        let arrived: Vec<Vec<u8>> = packets.iter().enumerate().filter(|(index, _)| {
            let place = index.wrapping_sub(first);
            place >= 3 || lost >> place & 1 == 0
        }).map(|(_, packet)| packet.clone()).collect();
        let blocks = decode(model, &arrived);
        prop_assert!(largest_error(&blocks, &signal, recipe.channels) <= mode.bound().unwrap());
        let whole = decode(model, &packets);
        let count = |blocks: &[OwnedBlock]| samples(blocks).len();
        let hops = |packets: &[Vec<u8>]| packets.iter().map(|packet| usize::from(packet[4] & 0x7f)).sum::<usize>();
        // Every hop that arrived is there, and no other.
        if packets.iter().all(|packet| packet[4] < 0x80) {
            prop_assert_eq!(count(&whole) - count(&blocks), (hops(&packets) - hops(&arrived)) * recipe.hop() * recipe.channels);
        }
    }

    #[test]
    fn polling_makes_the_same_bytes(case in cases()) {
        let bytes = case.model();
        let Case { recipe, signal, mode, .. } = case;
        let model = bytes.model().unwrap();
        let options = options(&model, mode, 30);
        let pushed = encode(model, options, &signal);
        let queue = FrameQueue::<8>::new(recipe.channels);
        let mut memory = HostMemory::new(model.encoder_memory(options));
        let mut encoder = Encoder::new(model, memory.bytes(), options).unwrap();
        let mut polled = Vec::new();
        for frame in signal.chunks(recipe.channels) {
            queue.feed(frame).unwrap();
            loop {
                match encoder.poll(&queue).unwrap() {
                    Progress::Packet(packet) => polled.push(packet.to_vec()),
                    Progress::Working => {}
                    Progress::Idle => break,
                }
            }
        }
        while let Some(packet) = encoder.finish() {
            polled.push(packet.to_vec());
        }
        prop_assert_eq!(pushed, polled);
    }

    #[test]
    fn modes_may_change_at_any_frame(
        recipe in recipes(),
        changes in prop::collection::vec((1usize..120, prop_oneof![Just(Mode::BestEffort), modes()]), 1..8),
    ) {
        let exported = recipe.export();
        let model = exported.integer.model().unwrap();
        let frames: usize = changes.iter().map(|(frames, _)| frames).sum();
        let signal = recipe.signal(frames);
        let options = Options::new().any_mode().packet_bytes(4000);
        let mut memory = HostMemory::new(model.encoder_memory(options));
        let mut encoder = Encoder::new(model, memory.bytes(), options).unwrap();
        let mut packets = Vec::new();
        let mut turns = changes.iter().flat_map(|(frames, mode)| (0..*frames).map(|frame| (frame == 0).then_some(*mode)));
        for frame in signal.chunks_exact(recipe.channels) {
            if let Some(mode) = turns.next().flatten() {
                encoder.set_mode(mode).unwrap();
            }
            packets.extend(encoder.push(frame).unwrap().map(<[u8]>::to_vec));
        }
        while let Some(packet) = encoder.finish() {
            packets.push(packet.to_vec());
        }
        // Every frame comes once and in order, and those of predicted hops keep their packet's bound.
        let mut memory = HostMemory::new(model.decoder_memory());
        let mut decoder = Decoder::new(model, memory.bytes()).unwrap();
        let mut next = 0;
        let hop = recipe.hop() as u64;
        for packet in &packets {
            let (header, _) = Header::parse(packet, &model.identity()).unwrap();
            let mut blocks = decoder.packet(packet).unwrap();
            while let Some(block) = blocks.next() {
                prop_assert_eq!(block.first_frame, next);
                next += (block.frames.len() / recipe.channels) as u64;
                if let Some(bound) = header.mode.bound().filter(|_| block.first_frame >= u64::from(header.first_hop) * hop) {
                    let block = OwnedBlock { first_frame: block.first_frame, frames: block.frames.to_vec(), status: block.status };
                    prop_assert_eq!(block.status, Status::Complete);
                    prop_assert!(largest_error(&[block], &signal, recipe.channels) <= bound);
                }
            }
        }
        let mut blocks = decoder.finish();
        while let Some(block) = blocks.next() {
            prop_assert_eq!(block.first_frame, next);
            next += (block.frames.len() / recipe.channels) as u64;
        }
        prop_assert!(next as usize * recipe.channels >= signal.len());
    }

    #[test]
    fn any_codes_of_a_predicted_packet_decode(recipe in recipes(), mode in modes(), mut packet: Vec<u8>, flip in any::<(usize, u8)>()) {
        let exported = recipe.export();
        let model = exported.integer.model().unwrap();
        let mut packets = encode(model, options(&model, mode, 0), &recipe.signal(200));
        let mut memory = HostMemory::new(model.decoder_memory());
        let mut decoder = Decoder::new(model, memory.bytes()).unwrap();
        let _ = decoder.packet(&packet);
        // A forged packet: its checksum is right, its codes are not.
        packet = packets.swap_remove(0);
        let end = packet.len() - 2;
        let place = 5 + flip.0 % (end - 5).max(1);
        packet[place.min(end - 1)] ^= flip.1;
        let crc = crc::Crc::<u16>::new(&crc::CRC_16_IBM_3740);
        let mut digest = crc.digest();
        digest.update(&model.identity());
        digest.update(&packet[..end]);
        packet.truncate(end);
        packet.extend(digest.finalize().to_le_bytes());
        if let Ok(mut blocks) = decoder.packet(&packet) {
            while blocks.next().is_some() {}
        }
    }
}

/// Words without any pattern cost a hundredth more than themselves, apart from what every packet's frame costs.
#[test]
fn random_words_grow_by_less_than_a_hundredth() {
    let exported = Recipe { strides: vec![4, 4], extra: vec![2, 2], ..Recipe::small(3) }.export();
    let model = exported.integer.model().unwrap();
    let mut noise = Noise::new(5);
    for bits in [12u32, 16, 24] {
        let signal: Vec<i32> =
            (0..16_000).map(|_| (f64::from(noise.draw()) * f64::from(1u32 << (bits - 1))) as i32).collect();
        let packets = encode(model, Options::new().mode(Mode::Lossless), &signal);
        let blocks = decode(model, &packets);
        assert_eq!(largest_error(&blocks, &signal, 1), 0);
        let codes: usize = packets.iter().map(|packet| packet.len() - 7).sum();
        let raw = signal.len() * bits as usize / 8;
        assert!(codes as f64 <= raw as f64 * 1.01, "{bits} bits: {codes} bytes for {raw}");
    }
}

/// Signals that no predictor likes: what they take is at most a hundredth more than their words as they are.
#[test]
fn nothing_grows_by_more_than_a_hundredth() {
    const FULL: i32 = 1 << 23;
    let tables = Recipe { strides: vec![4, 4], extra: vec![2, 2], ..Recipe::small(3) }.export().integer;
    let sizes = PredictorSizes { hidden: 8, taps: 4, cross: 0, filter_rate: 5 };
    let recurrent = with_predictor(tables.model().unwrap(), sizes, 6);
    let mut noise = Noise::new(8);
    let square =
        |half: usize| (0..16_000).map(|t| if (t / half).is_multiple_of(2) { FULL - 1 } else { -FULL }).collect();
    let signals: [(&str, Vec<i32>); 8] = [
        ("alternating full scale", square(1)),
        ("a square wave of 3", square(3)),
        ("a square wave of 500", square(500)),
        ("full scale by chance", (0..16_000).map(|_| if noise.draw() > 0.0 { FULL - 1 } else { -FULL }).collect()),
        ("a constant", vec![-FULL; 16_000]),
        ("a ramp", (0..16_000).map(|t| t * 1000 - FULL).collect()),
        ("words among silence", (0..16_000).map(|t| if t % 97 == 0 { t * 500 } else { 0 }).collect()),
        ("32 bits", (0..16_000).map(|_| (noise.draw() * 2_147_483_000.0) as i32).collect()),
    ];
    for bytes in [&tables, &recurrent] {
        let model = bytes.model().unwrap();
        for (name, signal) in &signals {
            let width = if *name == "32 bits" { 32 } else { 24 };
            for mode in [Mode::Lossless, Mode::Bounded(1), Mode::Bounded(300)] {
                let options = Options::new().mode(mode).packet_bytes(1 << 17).sample_bits(width);
                let packets = encode(model, options, signal);
                let codes = |packet: &Vec<u8>| Header::parse(packet, &model.identity()).unwrap().1.len();
                let codes: usize = packets.iter().map(codes).sum();
                let bits = f64::from(width) - f64::from(2 * mode.bound().unwrap() + 1).log2().floor();
                let raw = signal.len() as f64 * bits / 8.0;
                assert!(codes as f64 <= raw * 1.01, "{name}, {mode:?}: {codes} bytes for {raw}");
                assert!(largest_error(&decode(model, &packets), signal, 1) <= mode.bound().unwrap(), "{name}");
            }
        }
    }
}

/// Every subset of three neighbouring packets is lost, of every three: what arrived keeps its bound, and all of it is there.
#[test]
fn every_subset_of_three_neighbouring_bounded_packets_can_be_lost() {
    let recipe = Recipe { channels: 2, ..Recipe::small(6) };
    let tables = recipe.export().integer;
    let recurrent =
        with_predictor(tables.model().unwrap(), PredictorSizes { hidden: 8, taps: 3, cross: 1, filter_rate: 4 }, 2);
    let signal = recipe.signal(160 * recipe.hop());
    for bytes in [&tables, &recurrent] {
        let model = bytes.model().unwrap();
        for mode in [Mode::Lossless, Mode::Bounded(4)] {
            let packets = encode(model, Options::new().mode(mode).packet_hops(11), &signal);
            let frames: Vec<std::ops::Range<u64>> = packets
                .iter()
                .map(|packet| Header::parse(packet, &model.identity()).unwrap().0)
                .map(|header| (header.first_hop, header.first_hop + header.hops))
                .map(|(from, to)| u64::from(from) * recipe.hop() as u64..u64::from(to) * recipe.hop() as u64)
                .collect();
            assert!(packets.len() > 8);
            for first in 0..packets.len() - 2 {
                for subset in 1..8 {
                    let arrives =
                        |place: usize| place < first || place >= first + 3 || subset >> (place - first) & 1 == 0;
                    let arrived: Vec<usize> = (0..packets.len()).filter(|place| arrives(*place)).collect();
                    let heard: Vec<Vec<u8>> = arrived.iter().map(|place| packets[*place].clone()).collect();
                    let blocks = decode(model, &heard);
                    assert!(largest_error(&blocks, &signal, 2) <= mode.bound().unwrap());
                    let given: Vec<u64> = blocks
                        .iter()
                        .inspect(|block| assert!(matches!(block.status, Status::Complete | Status::Gap { .. })))
                        .flat_map(|block| block.first_frame..block.first_frame + block.frames.len() as u64 / 2)
                        .collect();
                    let expected: Vec<u64> = arrived.iter().flat_map(|place| frames[*place].clone()).collect();
                    assert_eq!(given, expected, "packets {first} and on, subset {subset:03b}");
                }
            }
        }
    }
}

#[test]
fn one_sample_and_none() {
    let exported = Recipe::small(4).export();
    let model = exported.integer.model().unwrap();
    let options = Options::new().mode(Mode::Lossless);
    assert!(encode(model, options, &[]).is_empty());
    let packets = encode(model, options, &[-8_000_000]);
    assert_eq!(packets.len(), 1);
    assert_eq!(samples(&decode(model, &packets))[0], -8_000_000);
}

#[test]
fn an_encoder_of_lossless_packets_alone_needs_no_memory_for_nets() {
    let exported = Recipe { width: 7, ..Recipe::small(4) }.export();
    let model = exported.integer.model().unwrap();
    let need = |options: Options| model.encoder_memory(options);
    let lossless = Options::new().mode(Mode::Lossless);
    assert!(need(lossless) < need(Options::new()) && need(Options::new()) < need(Options::new().any_mode()));
    let mut memory = HostMemory::new(need(lossless));
    let mut encoder = Encoder::new(model, memory.bytes(), lossless).unwrap();
    assert_eq!(encoder.set_mode(Mode::Bounded(3)), Ok(()));
    assert_eq!(encoder.set_mode(Mode::BestEffort), Err(EncoderError::Mode));
}

/// Where the input is beyond the nets, packets are bounded and say so; behind it best effort goes on.
#[test]
fn saturation_falls_back_and_returns() {
    let recipe = Recipe::small(9);
    let exported = recipe.export();
    let model = exported.integer.model().unwrap();
    let mut signal = recipe.signal(1200);
    signal[500..520].fill(1 << 22);
    let options = Options::new().fallback(Mode::Bounded(2));
    let mut memory = HostMemory::new(model.encoder_memory(options));
    let mut encoder = Encoder::new(model, memory.bytes(), options).unwrap();
    let mut packets = Vec::new();
    for sample in &signal {
        packets.extend(encoder.push(&[*sample]).unwrap().map(<[u8]>::to_vec));
    }
    assert_eq!((encoder.fallbacks(), encoder.saturated_samples()), (1, 0));
    while let Some(packet) = encoder.finish() {
        packets.push(packet.to_vec());
    }
    let modes = packets.iter().map(|packet| Header::parse(packet, &model.identity()).unwrap().0.mode);
    let mut modes: Vec<Mode> = modes.collect();
    modes.dedup();
    assert_eq!(modes, [Mode::BestEffort, Mode::Bounded(2), Mode::BestEffort]);
    let decoded = samples(&decode(model, &packets));
    assert!(signal[500..520].iter().zip(&decoded[500..520]).all(|(x, decoded)| x.abs_diff(*decoded) <= 2));
    assert!(decoded.len() >= signal.len());
}
