//! Frames fed to a queue and polled in any rhythm give the bytes of frames pushed; what a full queue loses, the stream tells.

use proptest::prelude::*;
use vq_core::{Decoder, Encoder, FrameQueue, Options, Piece, Progress, Status};
use vq_tests::{Recipe, decode, encode, recipes, samples};
use vq_trainer::export::file::HostMemory;

/// Frames fed, and polls after them.
type Rhythm = Vec<(usize, usize)>;

fn rhythms() -> impl Strategy<Value = Rhythm> {
    prop::collection::vec((0usize..6, 0usize..40), 1..30)
}

/// Feeds a signal and polls in a rhythm that repeats, the last 40 hops slowly. Gives the packets, and the frames that the
/// queue refused.
fn poll_in_rhythm(encoder: &mut Encoder<'_>, signal: &[i32], rhythm: &Rhythm) -> (Vec<Vec<u8>>, usize) {
    let channels = encoder.model().channels();
    let queue = FrameQueue::<36>::new(channels);
    let (fast, slow) = signal.split_at(signal.len() - 40 * encoder.model().hop() * channels);
    let mut frames = fast.chunks_exact(channels);
    let (mut packets, mut refused) = (Vec::new(), 0);
    let mut poll = |encoder: &mut Encoder<'_>| {
        let progress = encoder.poll(&queue).expect("the queue has the model's channels");
        if let Progress::Packet(packet) = progress {
            packets.push(packet.to_vec());
        }
        progress != Progress::Idle
    };
    for (fed, polls) in rhythm.iter().chain([&(1, 1)]).cycle() {
        refused += frames.by_ref().take(*fed).filter(|frame| queue.feed(frame).is_err()).count();
        (0..*polls).for_each(|_| _ = poll(encoder));
        if frames.len() == 0 {
            break;
        }
    }
    while poll(encoder) {}
    for frame in slow.chunks_exact(channels) {
        queue.feed(frame).expect("the queue is empty");
        while poll(encoder) {}
    }
    while let Some(packet) = encoder.finish() {
        packets.push(packet.to_vec());
    }
    (packets, refused)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn polling_gives_the_bytes_of_pushing(recipe in recipes(), rhythm in rhythms(), room in 0usize..200, hops in 1u32..20) {
        let exported = recipe.export();
        let model = exported.integer.model().unwrap();
        let options = Options::new().packet_bytes(model.least_packet_bytes(9) + room).packet_hops(hops);
        // Never more than the queue holds, and after every few frames enough polls for the work of a hop.
        let rhythm: Rhythm = rhythm.into_iter().flat_map(|(fed, polls)| [(fed, polls), (0, 1000)]).collect();
        let signal = recipe.signal(60 * recipe.hop());
        let mut memory = HostMemory::new(model.encoder_memory(options));
        let mut encoder = Encoder::new(model, memory.bytes(), options).unwrap();
        for _ in 0..2 {
            let (packets, refused) = poll_in_rhythm(&mut encoder, &signal, &rhythm);
            prop_assert_eq!(refused, 0);
            prop_assert_eq!(packets, encode(model, options, &signal));
        }
    }

    #[test]
    fn pushing_goes_on_where_polling_stopped(recipe in recipes(), polls in 0usize..60, cut in 1usize..40) {
        let exported = recipe.export();
        let model = exported.integer.model().unwrap();
        let options = Options::new().packet_bytes(model.least_packet_bytes(9));
        let signal = recipe.signal(40 * recipe.hop());
        let mut memory = HostMemory::new(model.encoder_memory(options));
        let mut encoder = Encoder::new(model, memory.bytes(), options).unwrap();
        let queue = FrameQueue::<64>::new(recipe.channels);
        let mut packets = Vec::new();
        for (index, frame) in signal.chunks_exact(recipe.channels).enumerate() {
            if index / cut % 2 == 0 {
                packets.extend(encoder.push(frame).unwrap().map(<[u8]>::to_vec));
                continue;
            }
            queue.feed(frame).unwrap();
            // However few polls there are, the frame leaves the queue before the next one is pushed.
            let mut left = polls;
            while left > 0 || queue.waiting() > 0 {
                left = left.saturating_sub(1);
                if let Progress::Packet(packet) = encoder.poll(&queue).unwrap() {
                    packets.push(packet.to_vec());
                }
            }
        }
        while let Some(packet) = encoder.finish() {
            packets.push(packet.to_vec());
        }
        prop_assert_eq!(packets, encode(model, options, &signal));
    }

    #[test]
    fn what_is_lost_is_a_gap_and_the_rest_stays_in_its_place(recipe in recipes(), rhythm in rhythms()) {
        let exported = recipe.export();
        let model = exported.integer.model().unwrap();
        let options = Options::new().packet_hops(4).packet_bytes(1 << 12);
        let signal = recipe.signal(80 * recipe.hop());
        let mut memory = HostMemory::new(model.encoder_memory(options));
        let mut encoder = Encoder::new(model, memory.bytes(), options).unwrap();
        let (packets, refused) = poll_in_rhythm(&mut encoder, &signal, &rhythm);
        let lost = encoder.lost_frames();
        prop_assert!(lost >= refused as u64);
        let blocks = decode(model, &packets);
        // Positions follow each other and nothing is claimed for frames that were lost.
        let mut position = blocks[0].first_frame;
        let mut missing = position;
        for block in &blocks {
            prop_assert_eq!(block.first_frame, position);
            position += match block.status {
                Status::Gap { frames } => { missing += frames; frames },
                _ => (block.frames.len() / recipe.channels) as u64,
            };
        }
        prop_assert_eq!(missing, lost);
        // Behind the last loss that frames follow, the samples are those of a stream that begins there.
        let after = blocks.iter().rposition(|block| matches!(block.status, Status::Gap { .. }));
        let start = blocks[after.map_or(0, |gap| gap + 1)].first_frame as usize * recipe.channels;
        let alone = decode(model, &encode(model, options, &signal[start..]));
        let (alone, here) = (samples(&alone), samples(&blocks[after.map_or(0, |gap| gap + 1)..]));
        prop_assert!(signal.len() - start <= here.len());
        prop_assert_eq!(here, alone);
    }

    #[test]
    fn an_encoder_and_a_decoder_work_at_the_same_time(recipe in recipes(), turns in prop::collection::vec((0usize..5, 0usize..5), 1..20)) {
        let exported = recipe.export();
        let model = exported.integer.model().unwrap();
        let options = Options::new().packet_hops(3);
        let [sent, received] = [1, 2].map(|seed| Recipe { seed: recipe.seed ^ seed, ..recipe.clone() }.signal(60 * recipe.hop()));
        let received = encode(model, options, &received);
        let (mut memory, mut other) = (HostMemory::new(model.encoder_memory(options)), HostMemory::new(model.decoder_memory()));
        let mut encoder = Encoder::new(model, memory.bytes(), options).unwrap();
        let mut decoder = Decoder::new(model, other.bytes()).unwrap();
        let queue = FrameQueue::<64>::new(recipe.channels);
        let mut frames = sent.chunks_exact(recipe.channels);
        let (mut packets, mut decoded) = (Vec::new(), Vec::new());
        let mut turns = turns.iter().chain([&(1, 1)]).cycle();
        let mut encode_some = |polls: usize| {
            for _ in 0..polls {
                if queue.waiting() == 0 && let Some(frame) = frames.next() {
                    queue.feed(frame).unwrap();
                }
                match encoder.poll(&queue).unwrap() {
                    Progress::Packet(packet) => packets.push(packet.to_vec()),
                    Progress::Working => {}
                    Progress::Idle => return false,
                }
            }
            true
        };
        for packet in &received {
            let mut blocks = decoder.packet(packet).unwrap();
            'packet: loop {
                let (polls, pieces) = *turns.next().unwrap();
                encode_some(polls);
                for _ in 0..pieces {
                    match blocks.poll() {
                        Piece::Block(block) => decoded.extend_from_slice(block.frames),
                        Piece::Working => {}
                        Piece::End => break 'packet,
                    }
                }
            }
        }
        while encode_some(100) {}
        let mut rest = decoder.finish();
        while let Some(block) = rest.next() {
            decoded.extend_from_slice(block.frames);
        }
        drop(rest);
        while let Some(packet) = encoder.finish() {
            packets.push(packet.to_vec());
        }
        prop_assert_eq!(packets, encode(model, options, &sent));
        prop_assert_eq!(decoded, samples(&decode(model, &received)));
    }
}

#[test]
fn a_queue_of_other_channels_is_refused() {
    let exported = Recipe::small(1).export();
    let model = exported.integer.model().unwrap();
    let mut memory = HostMemory::new(model.encoder_memory(Options::new()));
    let mut encoder = Encoder::new(model, memory.bytes(), Options::new()).unwrap();
    let queue = FrameQueue::<64>::new(model.channels() + 1);
    assert!(encoder.poll(&queue).is_err());
}
