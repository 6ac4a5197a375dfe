//! Encoder, decoder, and what is around them.

use core::hint::black_box;
use core::sync::atomic::AtomicI32;

use vq_core::packet::Header;
use vq_core::{
    Aligned, Blocks, Codes, Decoder, Encoder, FrameQueue, Frames, Level, Memory, Mode, Model, Options, Surprisal,
    packet_codes, running_mean,
};

use crate::{Opaque, keep};

static QUEUE: FrameQueue<8> = FrameQueue::new(1);

pub(crate) fn call(opaque: &mut Opaque<'_>) {
    let options = options(opaque);
    keep(<Frames<[AtomicI32; 8]>>::new(opaque.number));
    keep(running_mean(opaque.word(), u64::from(opaque.word()) << 16));
    let frame = [opaque.word() as i32; 4];
    let frame = frame.get(..opaque.number).unwrap_or_default();
    let queue: &Frames = black_box(&QUEUE);
    keep((Frames::feed(queue, frame), Frames::channels(queue), Frames::waiting(queue)));
    let model = &black_box(Aligned([0u8; 128]));
    keep((vq_core::channels(model), vq_core::decoder_memory(model), vq_core::encoder_memory(model, options)));
    keep(Memory::bytes(&mut black_box(<Memory<64>>::new())));
    // Whatever these bytes are: a model that was checked, and one that was not.
    for model in [Model::parse(opaque.bytes), Model::trusted(opaque.bytes)].into_iter().flatten() {
        encoder(opaque, model, options, frame, queue);
        decoder(opaque, model);
        keep(vq_core::self_test_encoder(model, opaque.output));
        keep(vq_core::self_test_decoder(model, opaque.output));
        keep(vq_core::decoded_crc(model, opaque.output, opaque.bytes));
        codes(opaque, model);
    }
}

fn options(opaque: &Opaque<'_>) -> Options {
    let options = Options::packet_bytes(Options::new(), opaque.number);
    let options = Options::packet_hops(options, opaque.word());
    let options = Options::short_headers(options, opaque.flag());
    let options = Options::quality(options, opaque.byte());
    let options = Options::mode(options, Mode::within(opaque.word()));
    let options = Options::fallback(options, Mode::within(opaque.word()));
    let options = if opaque.flag() { Options::any_mode(options) } else { options };
    let options = Options::budget(Options::follow_input(options, opaque.flag()), opaque.word(), opaque.word());
    let options = black_box(Options::sample_bits(options, opaque.byte()));
    keep((Options::chosen_mode(&options), Options::chosen_fallback(&options), Options::chosen_sample_bits(&options)));
    keep(Options::follows_input(&options));
    keep((Options::has_best_effort(&options), Options::has_prediction(&options), Options::index_form(&options)));
    keep((Options::max_packet_bytes(&options), Options::max_packet_hops(&options), Options::chosen_quality(&options)));
    options
}

fn encoder(opaque: &mut Opaque<'_>, model: Model<'_>, options: Options, frame: &[i32], queue: &Frames) {
    let (word, flag, quality, channel) = (opaque.word(), opaque.flag(), opaque.byte(), opaque.number);
    let Ok(mut encoder) = Encoder::new(model, opaque.output, options) else { return };
    while black_box(flag) {
        let level = Level::of_sensor(black_box((word, word)), black_box(word) as i32, black_box(word) as i32);
        keep(Encoder::set_input(&mut encoder, channel, level));
        keep(Encoder::set_quality(&mut encoder, quality));
        keep(Encoder::set_mode(&mut encoder, Mode::within(black_box(word))));
        keep(Encoder::push(&mut encoder, frame));
        keep(Encoder::poll(&mut encoder, queue));
        keep(Encoder::finish(&mut encoder));
        keep((Encoder::model(&encoder), Encoder::surprisal(&encoder), Encoder::saturated_samples(&encoder)));
        keep((Encoder::input_level(&encoder, channel), Encoder::surprises(&encoder), Encoder::quality(&encoder)));
        keep((Encoder::lost_frames(&encoder), Encoder::mode(&encoder), Encoder::fallbacks(&encoder)));
    }
}

fn decoder(opaque: &mut Opaque<'_>, model: Model<'_>) {
    let flag = opaque.flag();
    let Ok(mut decoder) = Decoder::new(model, opaque.output) else { return };
    while black_box(flag) {
        keep(Decoder::model(&decoder));
        if let Ok(mut blocks) = Decoder::packet(&mut decoder, opaque.bytes) {
            keep(Blocks::surprisal(&blocks));
            keep(Blocks::poll(&mut blocks));
            while let Some(block) = Blocks::next(&mut blocks) {
                keep(block);
            }
        }
        keep(Blocks::poll(&mut Decoder::finish(&mut decoder)));
    }
}

fn codes(opaque: &mut Opaque<'_>, model: Model<'_>) {
    let mut memory = [0; 8];
    let Ok(codes) = packet_codes(model, opaque.bytes, black_box(&mut memory)) else { return };
    let mut codes = if black_box(true) { Codes::without_costs(codes) } else { codes };
    let header: Header = *Codes::header(&codes);
    let surprisal = Surprisal::new(&model, &header, opaque.number);
    keep((surprisal, Surprisal::percent(&surprisal)));
    while let Some(hop) = Codes::next_hop(&mut codes) {
        hop.for_each(keep);
    }
    keep(Codes::hop_cost(&codes));
}
