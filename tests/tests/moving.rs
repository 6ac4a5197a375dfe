//! Inputs that move: other amplifiers, drifts, artefacts and jumps, on the recording that ships.

use std::fs;
use std::ops::Range;
use std::path::Path;

use proptest::prelude::*;
use vq_core::packet::Header;
use vq_core::{Decoder, Encoder, FrameQueue, Level, Mode, Model, Options, Progress, Status};
use vq_tests::hostile::with_checksum;
use vq_tests::lapped::{self, HOP};
use vq_tests::{Recipe, decode, encode, recipes, samples, with_level_ramp};
use vq_trainer::codec::HostCodec;
use vq_trainer::data::{Channel, Recording};
use vq_trainer::evaluate::evaluate;
use vq_trainer::export::file::{HostMemory, ModelBytes};
use vq_trainer::export::summary::ExportSummary;

/// Frames that models are made from; what follows is encoded.
const TRAINING: usize = 60_000;

fn training_and_rest() -> (ModelBytes, Recording) {
    let whole = lapped::ecg();
    let model = lapped::model(&whole.samples[..TRAINING], 1).integer;
    (model, whole.slice(TRAINING..whole.frames()))
}

/// What an amplifier of another gain in front of the same converter would have recorded, whatever its bits.
fn amplified(recording: &Recording, gain: f64) -> Recording {
    let zero = recording.channels[0].offset;
    let channel = Channel { counts_per_unit: 200.0 * gain, source_bits: None, ..recording.channels[0].clone() };
    let samples = recording.samples.iter().map(|x| (f64::from(x - zero) * gain).round() as i32 + zero).collect();
    Recording { channels: vec![channel], samples, ..recording.clone() }
}

fn square_error(signal: &[i32], decoded: &[i32]) -> f64 {
    let squares = signal.iter().zip(decoded).map(|(x, y)| (f64::from(*x) - f64::from(*y)).powi(2));
    squares.sum::<f64>() / signal.len() as f64
}

/// Packets and what they decode to, and how many samples were clipped.
fn through(model: Model<'_>, options: Options, signal: &[i32]) -> (Vec<Vec<u8>>, Vec<i32>, u64) {
    let mut memory = HostMemory::new(model.encoder_memory(options));
    let mut encoder = Encoder::new(model, memory.bytes(), options).unwrap();
    let mut packets = Vec::new();
    for frame in signal.chunks_exact(model.channels()) {
        packets.extend(encoder.push(frame).unwrap().map(<[u8]>::to_vec));
    }
    let clipped = encoder.saturated_samples();
    while let Some(packet) = encoder.finish() {
        packets.push(packet.to_vec());
    }
    let decoded = samples(&decode(model, &packets));
    (packets, decoded, clipped)
}

fn is_moved(packet: &[u8]) -> bool {
    packet[0] & 0x80 != 0
}

/// Bits and error at a quality, the error relative to the signal's power.
fn measured(codec: &HostCodec<'_>, recording: &Recording, quality: u8) -> (f64, f64) {
    let row = evaluate(codec, recording, Options::new().quality(quality)).unwrap().row;
    (row.bits_per_sample.unwrap(), (row.prdn_percent.unwrap() / 100.0).powi(2))
}

/// "Gain × ¼ … × 8 costs ≤ 10 % more bits at equal relative MSE", also between octaves, at low and at high quality.
#[test]
fn another_amplifier_costs_less_than_a_tenth_at_equal_relative_error() {
    let (bytes, recording) = training_and_rest();
    let codec = HostCodec::new(&bytes).unwrap();
    let own: Vec<(f64, f64)> = (1..=9).map(|quality| measured(&codec, &recording, quality)).collect();
    // Bits of the model's own sensor at an error, between its qualities.
    let own_bits = |error: f64| {
        let pair = own.windows(2).find(|pair| pair[1].1 <= error || pair[1].0 == own[8].0).unwrap();
        let share = (error / pair[0].1).ln() / (pair[1].1 / pair[0].1).ln();
        pair[0].0 + share * (pair[1].0 - pair[0].0)
    };
    for gain in [0.25, 0.5, 0.6, 1.0, 1.5, 2.0, 2.9, 4.0, 5.7, 8.0] {
        let other = amplified(&recording, gain);
        for quality in [3, 5] {
            let (bits, error) = measured(&codec, &other, quality);
            let more = bits / own_bits(error) - 1.0;
            println!("gain {gain}, quality {quality}: {bits:.4} bits, {:+.2} %", 100.0 * more);
            assert!(more < 0.1, "gain {gain} at quality {quality}: {:+.1} %", 100.0 * more);
        }
    }
}

#[test]
fn an_own_sensor_says_nothing_and_another_keeps_its_counts() {
    let (bytes, recording) = training_and_rest();
    let codec = HostCodec::new(&bytes).unwrap();
    assert_eq!(codec.encode(&recording, Options::new()).unwrap().moved_packets, 0);
    let other = amplified(&recording, 3.0);
    let evaluated = evaluate(&codec, &other, Options::new()).unwrap();
    assert_eq!(evaluated.encoded.moved_packets, evaluated.encoded.packets);
    assert_eq!(evaluated.decoded.channels, other.channels);
    let lossless = evaluate(&codec, &other, Options::new().mode(Mode::Lossless)).unwrap();
    assert_eq!(lossless.row.max_error_lsb, 0);
    // The same on a device, which has the fraction.
    let model = codec.model();
    let zero = model.scaling(0).offset;
    let centre = 1024 + (zero - 1024) * 3;
    assert_eq!(codec.level(0, &other.channels[0]), Level::of_sensor((600, 200), centre, zero));
}

/// A baseline that leaves the range on both sides, by up to 0.4 mV a second, is followed without clipping, at about the same error.
#[test]
fn a_drift_is_followed() {
    let (bytes, recording) = training_and_rest();
    let model = bytes.model().unwrap();
    let drift = |place: usize| (6000.0 * (place as f64 / 27_000.0).sin()) as i32;
    let signal: Vec<i32> = recording.samples.iter().enumerate().map(|(place, x)| x + drift(place)).collect();
    let options = Options::new().quality(5);
    let (own, still, _) = through(model, options, &recording.samples);
    let (packets, decoded, clipped) = through(model, options, &signal);
    assert_eq!(clipped, 0);
    let moved = packets.iter().filter(|packet| is_moved(packet)).count();
    assert!(moved > packets.len() / 2 && !is_moved(&packets[0]), "{moved} of {}", packets.len());
    let (error, least) = (square_error(&signal, &decoded), square_error(&recording.samples, &still));
    assert!(error < 1.3 * least, "{error} where {least} without drift");
    let bytes = |packets: &[Vec<u8>]| packets.iter().map(Vec::len).sum::<usize>() as f64;
    println!("drift: {:+.1} % bytes", 100.0 * (bytes(&packets) / bytes(&own) - 1.0));
    assert!(bytes(&packets) < 1.35 * bytes(&own), "{} for {}", bytes(&packets), bytes(&own));
    let (_, _, clipped) = through(model, options.follow_input(false), &signal);
    assert!(clipped > 1000, "the drift leaves the range");
}

/// Nets see no jump where a level changes: of a drift, an offset that moves leaves less error in fewer bytes than one that jumps.
#[test]
fn an_offset_that_moves_in_a_line_costs_less_than_one_that_jumps() {
    let (_, recording) = training_and_rest();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/ecg-360hz-small.vqm");
    let shipped = ModelBytes::new(&fs::read(path).unwrap());
    let drift = |place: usize| (3000.0 * (place as f64 / 9000.0).sin()) as i32;
    let signal: Vec<i32> = recording.samples.iter().enumerate().map(|(place, x)| x + drift(place)).collect();
    let [moves, jumps] = [None, Some(0)].map(|ramp| {
        let model = with_level_ramp(shipped.model().unwrap(), ramp);
        let (packets, decoded, clipped) = through(model.model().unwrap(), Options::new().quality(8), &signal);
        assert_eq!(clipped, 0);
        assert!(packets.iter().filter(|packet| is_moved(packet)).count() > packets.len() / 2);
        (packets.iter().map(Vec::len).sum::<usize>() as f64, square_error(&signal, &decoded))
    });
    println!("moves: {moves:?}, jumps: {jumps:?}");
    assert!(moves.0 < 0.98 * jumps.0 && moves.1 < 0.8 * jumps.1, "{moves:?} where a jump has {jumps:?}");
}

/// What integers cost against floats, which follow nothing, is without following; what following costs is told beside it.
#[test]
fn what_following_costs_is_not_what_integers_cost() {
    let whole = lapped::ecg();
    let exported = lapped::model(&whole.samples[..TRAINING], 1);
    let rest = whole.slice(TRAINING..whole.frames());
    let measure = |height: f64| {
        let drift = |place: usize| (height * (place as f64 / 9000.0).sin()) as i32;
        let samples = rest.samples.iter().enumerate().map(|(place, x)| x + drift(place)).collect();
        let moves = Recording { samples, ..rest.clone() };
        let (summary, evaluated) = ExportSummary::measure(&exported, &[moves], 1..=9).unwrap();
        assert_eq!(evaluated[0].encoded.clipped_samples, 0);
        summary
    };
    let [still, moves, leaves] = [0.0, 700.0, 6000.0].map(measure);
    assert_eq!(still.following, None);
    let following = moves.following.expect("the baseline goes off by more than half of what the model knows");
    assert!(following.moved_packets > following.packets / 4 && following.moved_packets < following.packets);
    // The codec's other figures are with it.
    let ratio = moves.mse_lsb2 / moves.float_mse_lsb2;
    let expected = (1.0 + moves.lowering_cost_percent / 100.0) * (1.0 + following.mse_percent / 100.0);
    assert!((ratio / expected - 1.0).abs() < 1e-9, "{ratio} is not {expected}");
    for (summary, most) in [(&still, 3.0), (&moves, 5.0), (&leaves, 100.0)] {
        let (error, bits) = (summary.dearest_in_error().unwrap(), summary.dearest_in_bits().unwrap());
        println!("{error:?} {bits:?} {:?}", summary.following);
        assert!(error.mse_percent < most && bits.bits_percent < most, "{error:?} {bits:?}");
    }
}

/// A decoder that lost the packet before a change of level does not know from where the offset moves: no frame that it says is complete differs.
#[test]
fn a_loss_where_an_offset_moves_costs_its_margin_and_no_more() {
    let (bytes, recording) = training_and_rest();
    let model = bytes.model().unwrap();
    let signal: Vec<i32> =
        recording.samples.iter().enumerate().map(|(place, x)| x + (place as i32 / 2 % 8000 - 4000).abs()).collect();
    let (packets, whole, _) = through(model, Options::new().quality(5).packet_hops(20), &signal);
    let changes = packets.windows(2).enumerate().filter(|(_, pair)| is_moved(&pair[1]) && pair[0][0] != pair[1][0]);
    let lost: Vec<usize> = (1..packets.len()).filter(|place| is_moved(&packets[*place])).step_by(3).collect();
    assert!(changes.count() > 1 && lost.len() > 20, "{} packets", lost.len());
    for lost in lost {
        let rest = [&packets[..lost], &packets[lost + 1..]].concat();
        let mut complete = 0;
        for block in decode(model, &rest).iter().filter(|block| block.status == Status::Complete) {
            let first = block.first_frame as usize;
            assert_eq!(block.frames, whole[first..first + block.frames.len()], "frame {first}, without packet {lost}");
            complete += block.frames.len();
        }
        assert!(complete > whole.len() * 9 / 10);
    }
}

/// Encodes frames of one channel that a queue brings, which has no room for those in a range; gives the packets, and the offset at the end.
fn through_a_queue(model: Model<'_>, signal: &[i32], refused: Range<usize>) -> (Vec<Vec<u8>>, i32) {
    const ROOM: usize = 4;
    let options = Options::new().quality(5);
    let mut memory = HostMemory::new(model.encoder_memory(options));
    let mut encoder = Encoder::new(model, memory.bytes(), options).unwrap();
    let queue = FrameQueue::<ROOM>::new(1);
    let busy = refused.start.saturating_sub(ROOM)..refused.end.saturating_sub(1);
    let mut packets = Vec::new();
    for (place, sample) in signal.iter().enumerate() {
        assert_eq!(queue.feed(&[*sample]).is_err(), refused.contains(&place), "frame {place}");
        while !busy.contains(&place) {
            match encoder.poll(&queue).unwrap() {
                Progress::Packet(packet) => packets.push(packet.to_vec()),
                Progress::Working => {}
                Progress::Idle => break,
            }
        }
    }
    let offset = encoder.input_level(0).offset;
    while let Some(packet) = encoder.finish() {
        packets.push(packet.to_vec());
    }
    (packets, offset)
}

/// An artefact in the hop that a loss cuts short is in no packet, and moves no level.
#[test]
fn samples_that_a_loss_takes_along_move_no_level() {
    let (bytes, recording) = training_and_rest();
    let model = bytes.model().unwrap();
    let mut signal = recording.samples[..40 * HOP].to_vec();
    let cut = 10 * HOP..11 * HOP - 1;
    signal[cut.clone()].fill(1 << 22);
    let (packets, offset) = through_a_queue(model, &signal, cut.end..cut.end + HOP);
    assert_eq!(offset, 0);
    assert!(!packets.iter().any(|packet| is_moved(packet)));
}

/// Behind a loss in the hop in which an offset moves, encoder and decoder both begin at where it went.
#[test]
fn behind_a_loss_no_offset_moves() {
    const JUMP: i32 = 6000;
    let (bytes, recording) = training_and_rest();
    let model = bytes.model().unwrap();
    let signal: Vec<i32> = recording.samples[..60 * HOP].iter().map(|x| x + JUMP).collect();
    let offset = |frames: usize| through_a_queue(model, &signal[..frames], 0..0).1;
    let moves = (1..60).map(|hops| hops * HOP).find(|frames| offset(*frames) != 0).expect("the first block is off");
    let (packets, _) = through_a_queue(model, &signal, moves + HOP / 2..moves + HOP);
    let blocks = decode(model, &packets);
    let behind = blocks.iter().filter(|block| block.first_frame as usize >= moves + HOP);
    let errors: Vec<u32> = behind
        .flat_map(|block| block.frames.iter().zip(signal.iter().skip(block.first_frame as usize)))
        .map(|(decoded, sample)| decoded.abs_diff(*sample))
        .collect();
    assert!(errors.len() > 10 * HOP);
    let most = errors.iter().max();
    assert!(most < Some(&(JUMP as u32 / 4)), "{most:?}");
}

/// A signal eight times as large as the model's is brought into its range, and left there until it is small again.
#[test]
fn a_signal_that_grows_gets_a_larger_scale_and_returns() {
    let (bytes, recording) = training_and_rest();
    let model = bytes.model().unwrap();
    let grows = 12_000..30_000;
    let gain = |place: usize| if grows.contains(&place) { 24 } else { 1 };
    let zero = model.scaling(0).offset;
    let signal: Vec<i32> =
        recording.samples.iter().enumerate().map(|(place, x)| (x - zero) * gain(place) + zero).collect();
    let (packets, decoded, _) = through(model, Options::new(), &signal);
    let late = 20_000..30_000;
    let power = square_error(&signal[late.clone()], &vec![zero; late.len()]);
    assert!(square_error(&signal[late.clone()], &decoded[late]) < power / 1000.0);
    assert!(packets.iter().any(|packet| is_moved(packet)));
    assert!(!is_moved(&packets[0]) && !is_moved(packets.last().unwrap()));
    let end = signal.len() - 4000..signal.len();
    let still = square_error(&signal[end.clone()], &decoded[end]);
    assert!(still < 30.0, "{still} behind the return");
}

/// An artefact of less than two blocks changes nothing but itself.
#[test]
fn an_artefact_is_not_followed() {
    let (bytes, recording) = training_and_rest();
    let model = bytes.model().unwrap();
    let mut signal = recording.samples.clone();
    signal[9000..9400].fill(1 << 22);
    let (packets, _, clipped) = through(model, Options::new(), &signal);
    assert_eq!(clipped, 400);
    assert!(!packets.iter().any(|packet| is_moved(packet)));
}

/// What follows a drift and falls back where it jumps says both, and keeps the bound where it fell back.
#[test]
fn a_jump_falls_back_and_is_then_followed() {
    let (bytes, recording) = training_and_rest();
    let model = bytes.model().unwrap();
    let signal: Vec<i32> =
        recording.samples.iter().enumerate().map(|(place, x)| x + if place < 15_000 { 0 } else { 300_000 }).collect();
    let options = Options::new().quality(5).fallback(Mode::Bounded(5));
    let (packets, decoded, clipped) = through(model, options, &signal);
    let headers: Vec<Header> =
        packets.iter().map(|packet| Header::parse(packet, &model.identity()).unwrap().0).collect();
    let mut modes: Vec<Mode> = headers.iter().map(|header| header.mode).collect();
    modes.dedup();
    assert_eq!((modes.as_slice(), clipped), (&[Mode::BestEffort, Mode::Bounded(5), Mode::BestEffort][..], 0));
    assert!(!headers[0].moved && headers.last().unwrap().moved);
    for header in headers.iter().filter(|header| header.mode == Mode::Bounded(5)) {
        let start = header.first_hop as usize * HOP;
        let place = start..start + header.hops as usize * HOP;
        assert!(signal[place.clone()].iter().zip(&decoded[place]).all(|(x, decoded)| x.abs_diff(*decoded) <= 5));
    }
    let late = 30_000..signal.len();
    assert!(square_error(&signal[late.clone()], &decoded[late]) < 100.0);
}

/// Layers clip before their input does: what is more than twice as large as all that the model was trained on falls back too.
#[test]
fn what_only_layers_would_clip_falls_back() {
    let (bytes, recording) = training_and_rest();
    let model = bytes.model().unwrap();
    let zero = model.scaling(0).offset;
    let peak = lapped::ecg().samples[..TRAINING].iter().map(|x| (x - zero).abs()).max().unwrap();
    let mut signal = recording.samples.clone();
    let burst = 12_000..12_040;
    signal[burst.clone()].fill(zero + peak * 5 / 2);
    let (packets, decoded, clipped) = through(model, Options::new().fallback(Mode::Bounded(5)), &signal);
    assert!(clipped == 0 && packets.iter().any(|packet| packet[0] & 0x30 == 0x10));
    let errors = signal[burst.clone()].iter().zip(&decoded[burst]).map(|(x, decoded)| x.abs_diff(*decoded));
    assert!(errors.max() <= Some(5));
}

/// Where the model does not know the signal best effort is given up, by its limit, and taken up again behind it.
#[test]
fn a_surprise_falls_back_and_returns() {
    let (bytes, recording) = training_and_rest();
    let model = bytes.model().unwrap();
    let mut signal = recording.samples.clone();
    let strange = 12_000..16_000;
    for place in strange.clone() {
        signal[place] = 1024 + if place / 3 % 2 == 0 { 900 } else { -900 };
    }
    let run = |options: Options| {
        let mut memory = HostMemory::new(model.encoder_memory(options));
        let mut encoder = Encoder::new(model, memory.bytes(), options).unwrap();
        let mut packets = Vec::new();
        for sample in &signal {
            packets.extend(encoder.push(&[*sample]).unwrap().map(<[u8]>::to_vec));
        }
        let counts = (encoder.fallbacks(), encoder.surprises(), encoder.saturated_samples());
        while let Some(packet) = encoder.finish() {
            packets.push(packet.to_vec());
        }
        (packets, counts)
    };
    let (packets, (fallbacks, surprises, clipped)) = run(Options::new().fallback(Mode::Bounded(3)));
    assert!(surprises > 0 && surprises == fallbacks && clipped == 0, "{surprises} of {fallbacks}");
    let bounded = packets.iter().filter(|packet| packet[0] & 0x30 == 0x10);
    let hops: Vec<(usize, usize)> = bounded
        .map(|packet| Header::parse(packet, &model.identity()).unwrap().0)
        .map(|header| (header.first_hop as usize, header.hops as usize))
        .collect();
    let inside = hops.iter().map(|(first, count)| (first * HOP, (first + count) * HOP));
    let behind = strange.end + 65 * HOP;
    assert!(inside.clone().all(|(from, to)| from + 4 * HOP >= strange.start && to <= behind), "{hops:?}");
    let covered: usize = inside.map(|(from, to)| to.min(strange.end).saturating_sub(from.max(strange.start))).sum();
    assert!(covered * 10 > strange.len() * 8, "{covered} samples are bounded");
    let decoded = samples(&decode(model, &packets));
    assert_eq!(decoded.len().min(signal.len()), signal.len());
    // Nothing to fall back to, nothing that falls back; and what was trained on is no surprise.
    assert_eq!(run(Options::new()).1, (0, 0, 0));
    let (own, ..) = through(model, Options::new().fallback(Mode::Bounded(3)), &recording.samples);
    assert!(own.iter().all(|packet| packet[0] & 0x30 == 0));
}

/// Sensors of many levels, behind random nets.
fn levels(channels: usize) -> impl Strategy<Value = Vec<Level>> {
    let level = prop_oneof![
        Just(Level::default()),
        (-100_000i32..100_000, -20i8..60).prop_map(|(offset, scale)| Level { offset, scale })
    ];
    prop::collection::vec(level, channels)
}

fn cases() -> impl Strategy<Value = (Recipe, Vec<Level>)> {
    recipes().prop_flat_map(|recipe| {
        let channels = recipe.channels;
        (Just(recipe), levels(channels))
    })
}

/// Encodes a signal from sensors at these levels.
fn encode_at(model: Model<'_>, options: Options, levels: &[Level], signal: &[i32]) -> Vec<Vec<u8>> {
    let mut memory = HostMemory::new(model.encoder_memory(options));
    let mut encoder = Encoder::new(model, memory.bytes(), options).unwrap();
    for (channel, level) in levels.iter().enumerate() {
        encoder.set_input(channel, *level).unwrap();
    }
    let mut packets = Vec::new();
    for frame in signal.chunks_exact(model.channels()) {
        packets.extend(encoder.push(frame).unwrap().map(<[u8]>::to_vec));
    }
    while let Some(packet) = encoder.finish() {
        packets.push(packet.to_vec());
    }
    packets
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    /// A level moves samples and nothing else: whole octaves give the same codes and, moved, the same samples.
    #[test]
    fn whole_octaves_and_offsets_make_the_same_codes(recipe in recipes(), octaves in 0i8..4, offset in -50_000i32..50_000, lost in 0usize..4) {
        let exported = recipe.export();
        let model = exported.integer.model().unwrap();
        prop_assume!(model.least_packet_bytes(9) <= 300);
        let level = Level { offset, scale: octaves * 8 };
        let signal = recipe.signal(90 * recipe.hop());
        let zero = |place: usize| model.scaling(place % recipe.channels).offset;
        let moved = |(place, x): (usize, &i32)| ((x - zero(place)) << octaves) + zero(place) + offset;
        let other: Vec<i32> = signal.iter().enumerate().map(moved).collect();
        // Packets are full at other hops.
        let options = Options::new().packet_hops(6).packet_bytes(4000).follow_input(false);
        let mut own = encode(model, options, &signal);
        let mut packets = encode_at(model, options, &vec![level; recipe.channels], &other);
        prop_assert_eq!(own.len(), packets.len());
        own.remove(lost);
        packets.remove(lost);
        let (expected, found) = (decode(model, &own), decode(model, &packets));
        prop_assert_eq!(expected.len(), found.len());
        for (a, b) in expected.iter().zip(&found) {
            prop_assert_eq!((a.first_frame, a.status), (b.first_frame, b.status));
            // The output is rounded to whole counts, which are finer at the larger scale.
            let within = |(place, (x, y)): (usize, (&i32, &i32))| {
                let exact = f64::from(y - offset - zero(place)) / f64::from(1 << octaves) + f64::from(zero(place));
                (exact - f64::from(*x)).abs() <= 0.51
            };
            prop_assert!(a.frames.iter().zip(&b.frames).enumerate().all(within));
        }
    }

    #[test]
    fn levels_pass_through_every_limit_of_packets((recipe, levels) in cases(), room in 0usize..60, hops in 1u32..20) {
        let exported = recipe.export();
        let model = exported.integer.model().unwrap();
        let signal = recipe.signal(150 * recipe.hop());
        let bytes = model.least_packet_bytes(9) + 6 * recipe.channels + 1;
        let whole = encode_at(model, Options::new().packet_bytes(1 << 16), &levels, &signal);
        let packets = encode_at(model, Options::new().packet_bytes(bytes + room).packet_hops(hops), &levels, &signal);
        prop_assert!(packets.iter().all(|packet| packet.len() <= bytes + room));
        prop_assert_eq!(samples(&decode(model, &packets)), samples(&decode(model, &whole)));
        // A packet too small for levels is refused where a sensor needs one.
        let small = Options::new().packet_bytes(model.least_packet_bytes(9));
        let mut memory = HostMemory::new(model.encoder_memory(small));
        let mut encoder = Encoder::new(model, memory.bytes(), small).unwrap();
        for (channel, level) in levels.iter().enumerate() {
            prop_assert_eq!(encoder.set_input(channel, *level).is_err(), *level != Level::default());
        }
    }

    #[test]
    fn forged_levels_decode(recipe in recipes(), quality in 1u8..=9, codes in prop::collection::vec(any::<u8>(), 0..60)) {
        let exported = recipe.export();
        let model = exported.integer.model().unwrap();
        let packet = with_checksum(model, &[&[0x80 | quality, 0, 0, 0, 9][..], &codes].concat());
        let mut memory = HostMemory::new(model.decoder_memory());
        let mut decoder = Decoder::new(model, memory.bytes()).unwrap();
        if let Ok(mut blocks) = decoder.packet(&packet) {
            while let Some(block) = blocks.next() {
                prop_assert!(block.status == Status::Complete);
            }
        }
        drop(decoder.finish());
    }
}
