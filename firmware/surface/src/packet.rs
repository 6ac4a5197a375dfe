//! Packets, their frames on serial lines, and the range coder.

use core::hint::black_box;

use vq_core::Mode;
use vq_core::cobs::{self, FrameReader, Unframer};
use vq_core::coder::range::{RangeDecoder, RangeEncoder};
use vq_core::packet::{FrameWriter, Header, IndexForm, PacketQueue, stream_header};

use crate::{Opaque, keep};

pub(crate) fn call(opaque: &mut Opaque<'_>) {
    let mode = black_box(Mode::within(opaque.word()));
    let form = if opaque.flag() { IndexForm::Short } else { IndexForm::Long };
    keep((Mode::bound(mode), IndexForm::bytes(form), IndexForm::cycle(form)));
    let long = u64::from(opaque.word()) << 32 | u64::from(opaque.word());
    keep((IndexForm::index(form, long), IndexForm::ahead(form, long, opaque.word())));
    keep(Header::bytes(mode, form, opaque.word()));
    let identity = black_box([0; 16]);
    keep(Header::parse(opaque.bytes, &identity));
    let name = core::str::from_utf8(opaque.bytes).unwrap_or_default();
    keep(stream_header(&identity, name, opaque.word(), opaque.output));
    frames(opaque);
    queue(opaque);
    writer(opaque);
    coder(opaque);
}

fn frames(opaque: &mut Opaque<'_>) {
    keep(cobs::framed_bytes(opaque.number));
    cobs::frame(opaque.bytes).for_each(keep);
    let mut unframer = black_box(Unframer::new());
    opaque.bytes.iter().for_each(|byte| keep(Unframer::push(&mut unframer, *byte)));
    let mut reader = FrameReader::new(opaque.output);
    opaque.bytes.iter().for_each(|byte| keep(FrameReader::push(&mut reader, *byte)));
    keep(FrameReader::broken_frames(&reader));
}

fn queue(opaque: &Opaque<'_>) {
    let mut queue = black_box(<PacketQueue<32, 3>>::new());
    while opaque.flag() {
        keep(PacketQueue::push(&mut queue, opaque.bytes));
        keep((PacketQueue::len(&queue), PacketQueue::is_empty(&queue), PacketQueue::lost(&queue)));
        keep(PacketQueue::front(&queue));
        keep(PacketQueue::pop(&mut queue));
    }
}

fn writer(opaque: &mut Opaque<'_>) {
    let mut writer = FrameWriter::new(&mut *opaque.output);
    keep(FrameWriter::begin(&mut writer, opaque.bytes));
    keep(FrameWriter::packet(&mut writer, opaque.bytes));
    keep(FrameWriter::flush(&mut writer));
    keep(FrameWriter::into_inner(writer).len());
}

fn coder(opaque: &mut Opaque<'_>) {
    let (word, half, byte) = (opaque.word(), opaque.half(), opaque.byte());
    let mut encoder = black_box(RangeEncoder::new());
    RangeEncoder::encode(&mut encoder, opaque.output, black_box(word), black_box(word), black_box(byte));
    RangeEncoder::encode_plain(&mut encoder, opaque.output, black_box(word), black_box(byte));
    keep((RangeEncoder::bits(&encoder), RangeEncoder::finish(encoder, opaque.output)));
    let mut decoder = RangeDecoder::new(opaque.bytes);
    let start = |entry: u16| black_box(u32::from(entry));
    keep(RangeDecoder::decode(&mut decoder, black_box(byte), black_box(half), start));
    keep(RangeDecoder::decode_near(&mut decoder, black_box(byte), black_box(half), black_box(half), black_box));
    keep(RangeDecoder::decode_plain(&mut decoder, black_box(byte)));
}
