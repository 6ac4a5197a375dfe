//! The `.vqs` file: a header and packets, framed so that files can be cut and joined.
//!
//! A file is a sequence of frames, each encoded with COBS and ended by a zero byte. A frame is a packet of `vq-core`, or a
//! header, which begins a new stream: a file may hold several. A header is the bytes of `VQS1`, then as postcard
//!
//! | type | what |
//! |---|---|
//! | u8 | flags: which of the optional fields follow |
//! | \[u8; 16\] | the model's identity |
//! | string | the model's name |
//! | u32 | the most bytes of a packet; 0: as many as the stream has |
//! | u64 | flag 1: frames per second in thousandths, where it is not the model's |
//! | sequence | flag 2: the channels, where they are not the model's |
//! | i64 | flag 4: start time, milliseconds since 1970-01-01 00:00 on the recorder's clock |
//! | u64 | flag 8: frames; a stream of unknown length leaves it out |
//!
//! and a CRC-16 (IBM-3740) of all that, little-endian. No packet begins with a `V`, which would be a bound of 6 in place of 1 to 5.

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use vq_core::cobs::{self, Piece, Unframer};
use vq_core::packet::Header;

use crate::data::Channel;

/// The first bytes of a header; the last of them is the format version.
const MAGIC: [u8; 4] = *b"VQS1";
/// Bytes of a header's checksum.
const CHECKSUM_BYTES: usize = 2;
const CRC_16: crc::Crc<u16> = crc::Crc::<u16>::new(&crc::CRC_16_IBM_3740);

const HAS_RATE: u8 = 1;
const HAS_CHANNELS: u8 = 2;
const HAS_START_TIME: u8 = 4;
const HAS_FRAMES: u8 = 8;

/// What a stream says about itself.
#[derive(Debug, Clone, PartialEq)]
pub struct StreamHeader {
    /// The identity of the model that encoded it.
    pub model_identity: [u8; 16],
    /// The model's name, for people.
    pub model_name: String,
    /// The most bytes of a packet; 0 where there was no limit.
    pub packet_bytes: u32,
    /// Frames per second times 1000; `None` where it is the model's.
    pub rate_millihertz: Option<u64>,
    /// The channels; `None` where they are the model's.
    pub channels: Option<Vec<Channel>>,
    /// When the first frame was taken, as in a [`Recording`](crate::data::Recording).
    pub start_time: Option<i64>,
    /// Frames that were encoded; `None` where that was not known beforehand.
    pub frames: Option<u64>,
}

/// A packet and where it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packet {
    /// Bytes of the file before its frame.
    pub offset: usize,
    /// The packet as the encoder made it.
    pub bytes: Vec<u8>,
}

/// A header and the packets up to the next one.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Segment {
    /// `None` where the file begins within a stream.
    pub header: Option<StreamHeader>,
    /// The packets, in the file's order; whether they are sound is for the decoder to say.
    pub packets: Vec<Packet>,
}

impl Segment {
    /// Whether a packet behind this segment's header, sent once more, goes on with the segment, if it tells: a header may be sent again and again for
    /// those who join late, and a file may be joined to itself, where hops count from zero again.
    fn goes_on_with(&self, packet: &[u8]) -> Option<bool> {
        let identity = &self.header.as_ref()?.model_identity;
        let first_hop = |packet: &[u8]| Some(Header::parse(packet, identity).ok()?.0.first_hop);
        let before = self.packets.iter().rev().find_map(|packet| first_hop(&packet.bytes))?;
        Some(first_hop(packet)? > before)
    }
}

/// A frame that could not be read, and was skipped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// Bytes of the file before the frame.
    pub offset: usize,
    /// What is wrong with it.
    pub what: String,
}

/// What a `.vqs` file holds.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct StreamFile {
    /// The streams, in order.
    pub segments: Vec<Segment>,
    /// The frames that could not be read.
    pub damage: Vec<Damage>,
}

/// A channel as it lies in a header.
#[derive(Serialize, Deserialize)]
struct StoredChannel {
    name: String,
    unit: String,
    counts_per_unit: f64,
    offset: i32,
    source_bits: Option<u8>,
}

/// Appends a header's frame to a file.
pub fn append_header(file: &mut Vec<u8>, header: &StreamHeader) {
    let flags = [
        (header.rate_millihertz.is_some(), HAS_RATE),
        (header.channels.is_some(), HAS_CHANNELS),
        (header.start_time.is_some(), HAS_START_TIME),
        (header.frames.is_some(), HAS_FRAMES),
    ];
    let mut body = MAGIC.to_vec();
    put(&mut body, &flags.iter().filter(|(has, _)| *has).fold(0u8, |flags, (_, flag)| flags | flag));
    put(&mut body, &header.model_identity);
    put(&mut body, &header.model_name);
    put(&mut body, &header.packet_bytes);
    if let Some(rate) = &header.rate_millihertz {
        put(&mut body, rate);
    }
    if let Some(channels) = &header.channels {
        let stored = |channel: &Channel| StoredChannel {
            name: channel.name.clone(),
            unit: channel.unit.clone(),
            counts_per_unit: channel.counts_per_unit,
            offset: channel.offset,
            source_bits: channel.source_bits,
        };
        put(&mut body, &channels.iter().map(stored).collect::<Vec<StoredChannel>>());
    }
    if let Some(start) = &header.start_time {
        put(&mut body, start);
    }
    if let Some(frames) = &header.frames {
        put(&mut body, frames);
    }
    body.extend(CRC_16.checksum(&body).to_le_bytes());
    append_packet(file, &body);
}

/// Appends a packet's frame to a file.
pub fn append_packet(file: &mut Vec<u8>, packet: &[u8]) {
    file.extend(cobs::frame(packet));
}

/// Reads a file, or any piece of one. Frames that are damaged are listed and skipped.
pub fn parse(file: &[u8]) -> StreamFile {
    let mut found = StreamFile::default();
    let (mut offset, mut body, mut unframer) = (0, Vec::new(), Unframer::new());
    // Whether the last segment's header came again, and no packet since that tells whether it began another stream.
    let mut repeats = false;
    // The file's end ends a frame too: whether it is whole is for its checksum to say.
    for (position, byte) in file.iter().chain([&0]).enumerate() {
        let frame = match unframer.push(*byte) {
            Piece::Nothing => None,
            Piece::Byte(byte) => {
                body.push(byte);
                None
            }
            Piece::End => Some(read_frame(&body)),
            Piece::Broken => Some(Err("the frame is cut or damaged".to_owned())),
        };
        if let Some(frame) = frame {
            found.add(offset, frame, &mut repeats);
        }
        if *byte == 0 {
            offset = position + 1;
            body.clear();
        }
    }
    found
}

impl StreamFile {
    /// Sorts a frame in that began at a byte of the file; `repeats` is what [`parse`] remembers of the frames before.
    fn add(&mut self, offset: usize, frame: Result<Frame, String>, repeats: &mut bool) {
        match frame {
            Ok(Frame::Header(header)) => {
                *repeats = self.segments.last().is_some_and(|last| last.header.as_ref() == Some(&header));
                if !*repeats {
                    self.segments.push(Segment { header: Some(header), packets: Vec::new() });
                }
            }
            Ok(Frame::Packet(bytes)) => {
                let last = self.segments.last();
                let goes_on = last.filter(|_| *repeats).and_then(|last| last.goes_on_with(&bytes));
                *repeats &= goes_on.is_none();
                match last {
                    None => self.segments.push(Segment::default()),
                    Some(last) if goes_on == Some(false) => {
                        self.segments.push(Segment { header: last.header.clone(), packets: Vec::new() });
                    }
                    Some(_) => {}
                }
                if let Some(segment) = self.segments.last_mut() {
                    segment.packets.push(Packet { offset, bytes });
                }
            }
            Err(what) => self.damage.push(Damage { offset, what }),
        }
    }
}

enum Frame {
    Header(StreamHeader),
    Packet(Vec<u8>),
}

fn read_frame(body: &[u8]) -> Result<Frame, String> {
    match body.strip_prefix(&MAGIC[..3]) {
        None => Ok(Frame::Packet(body.to_vec())),
        Some([version, ..]) if *version != MAGIC[3] => Err(format!(
            "a header of format version {}; this program reads version {}",
            char::from(*version).escape_default(),
            char::from(MAGIC[3])
        )),
        Some(_) => read_header(body).map(Frame::Header).ok_or_else(|| "a damaged header".into()),
    }
}

fn read_header(body: &[u8]) -> Option<StreamHeader> {
    let (content, checksum) = body.split_at_checked(body.len().checked_sub(CHECKSUM_BYTES)?)?;
    if CRC_16.checksum(content).to_le_bytes() != checksum {
        return None;
    }
    let mut rest = content.get(MAGIC.len()..)?;
    let flags: u8 = take(&mut rest)?;
    let has = |flag: u8| flags & flag != 0;
    let header = StreamHeader {
        model_identity: take(&mut rest)?,
        model_name: take(&mut rest)?,
        packet_bytes: take(&mut rest)?,
        rate_millihertz: if has(HAS_RATE) { Some(take(&mut rest)?) } else { None },
        channels: if has(HAS_CHANNELS) { Some(take_channels(&mut rest)?) } else { None },
        start_time: if has(HAS_START_TIME) { Some(take(&mut rest)?) } else { None },
        frames: if has(HAS_FRAMES) { Some(take(&mut rest)?) } else { None },
    };
    // Flags and fields of a later version are not guessed at.
    (rest.is_empty() && header.rate_millihertz != Some(0)).then_some(header)
}

fn take_channels(rest: &mut &[u8]) -> Option<Vec<Channel>> {
    let stored: Vec<StoredChannel> = take(rest)?;
    let usable = |channel: &StoredChannel| channel.counts_per_unit > 0.0 && channel.counts_per_unit.is_finite();
    (!stored.is_empty() && stored.iter().all(usable)).then(|| {
        let channel = |stored: StoredChannel| Channel {
            name: stored.name,
            unit: stored.unit,
            counts_per_unit: stored.counts_per_unit,
            offset: stored.offset,
            source_bits: stored.source_bits,
        };
        stored.into_iter().map(channel).collect()
    })
}

fn put<T: Serialize + ?Sized>(body: &mut Vec<u8>, value: &T) {
    // A vector takes any length, and none of the types above can refuse.
    if let Ok(bytes) = postcard::to_stdvec(value) {
        body.extend(bytes);
    }
}

fn take<T: DeserializeOwned>(rest: &mut &[u8]) -> Option<T> {
    let (value, after) = postcard::take_from_bytes(rest).ok()?;
    *rest = after;
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn header() -> StreamHeader {
        StreamHeader {
            model_identity: *b"sixteen bytes id",
            model_name: "ecg-360hz".into(),
            packet_bytes: 244,
            rate_millihertz: None,
            channels: None,
            start_time: None,
            frames: Some(21_600),
        }
    }

    fn file(packets: &[&[u8]]) -> Vec<u8> {
        let mut file = Vec::new();
        append_header(&mut file, &header());
        packets.iter().for_each(|packet| append_packet(&mut file, packet));
        file
    }

    fn packets(segment: &Segment) -> Vec<&[u8]> {
        segment.packets.iter().map(|packet| packet.bytes.as_slice()).collect()
    }

    #[test]
    fn the_usual_header_is_short() {
        assert_eq!(file(&[]).len(), 40);
    }

    #[test]
    fn a_full_header_survives() {
        let channel =
            Channel { name: "x".into(), unit: "g".into(), counts_per_unit: 409.6, offset: -7, source_bits: None };
        let full = StreamHeader {
            rate_millihertz: Some(173_610),
            channels: Some(vec![channel.clone(), channel]),
            start_time: Some(-1),
            frames: None,
            ..header()
        };
        let mut bytes = Vec::new();
        append_header(&mut bytes, &full);
        let read = parse(&bytes);
        assert_eq!(read.damage, []);
        assert_eq!(read.segments, [Segment { header: Some(full), packets: Vec::new() }]);
    }

    #[test]
    fn a_device_s_header_is_one() {
        let mut buffer = [0; 300];
        let name = "a name of more than 127 bytes: ".repeat(5);
        let bytes = vq_core::packet::stream_header(b"sixteen bytes id", &name, 244, &mut buffer).unwrap();
        let mut captured = b"noise before the device was reset\0".to_vec();
        append_packet(&mut captured, bytes);
        append_packet(&mut captured, b"\x09first");
        let read = parse(&captured);
        let expected = StreamHeader { model_name: name, frames: None, ..header() };
        assert_eq!(read.segments.last().unwrap().header, Some(expected));
        assert_eq!(packets(read.segments.last().unwrap()), [b"\x09first"]);
    }

    #[test]
    fn joined_files_are_segments() {
        let [first, second] = [0, 1].map(packet);
        let joined = [file(&[&first, &second]), file(&[&first])].concat();
        let read = parse(&joined);
        assert_eq!((read.segments.len(), read.damage.len()), (2, 0));
        assert_eq!(packets(&read.segments[0]), [&first, &second]);
        assert_eq!(packets(&read.segments[1]), [&first]);
    }

    /// A packet of no codes with this first hop.
    fn packet(first_hop: u8) -> Vec<u8> {
        let body = [9, first_hop, 0, 0, 1];
        let identity = header().model_identity;
        let mut digest = CRC_16.digest();
        digest.update(&identity);
        digest.update(&body);
        [&body[..], &digest.finalize().to_le_bytes()].concat()
    }

    #[test]
    fn a_header_sent_again_begins_no_stream_and_a_file_joined_to_itself_does() {
        let [first, second, third] = [0, 1, 2].map(packet);
        let start = file(&[]);
        let again = [start.clone(), file(&[&first, &second]), file(&[&third]), start].concat();
        let read = parse(&again);
        assert_eq!(read.segments.iter().map(packets).collect::<Vec<_>>(), [[&first[..], &second, &third]]);
        let twice = file(&[&first, &second]).repeat(2);
        let read = parse(&twice);
        assert_eq!(read.segments.iter().map(packets).collect::<Vec<_>>(), [[&first[..], &second]; 2]);
        let damaged = [file(&[&first, &second]), file(&[b"\x09damaged", &first, &second])].concat();
        let counts: Vec<usize> = parse(&damaged).segments.iter().map(|segment| segment.packets.len()).collect();
        assert_eq!(counts, [3, 2], "which stream a damaged packet is of is not known");
        let repeated = [file(&[&first]), file(&[&second, &second])].concat();
        assert_eq!(parse(&repeated).segments.len(), 1, "a packet that comes twice begins nothing");
        let lost = [file(&[&first, &second]), file(&[&second])].concat();
        assert_eq!(parse(&lost).segments.len(), 2, "the first packet of the second stream was lost");
    }

    #[test]
    fn cut_files_give_what_is_whole() {
        let whole = file(&[b"\x09first\x00", b"\x09second"]);
        let read = parse(&whole[20..whole.len() - 3]);
        assert_eq!(read.segments.len(), 1);
        assert_eq!(read.segments[0].header, None);
        assert_eq!(packets(&read.segments[0])[read.segments[0].packets.len() - 1], b"\x09first\x00");
        assert_eq!(read.damage.len() + read.segments[0].packets.len(), 3, "half a header, a packet, half a packet");
    }

    #[test]
    fn a_damaged_or_newer_header_is_reported() {
        let whole = file(&[b"\x09only"]);
        let mut damaged = whole.clone();
        damaged[12] ^= 1;
        let read = parse(&damaged);
        assert_eq!(read.damage, [Damage { offset: 0, what: "a damaged header".into() }]);
        assert_eq!(packets(&read.segments[0]), [b"\x09only"]);
        let mut newer = whole;
        newer[4] = b'2';
        assert!(parse(&newer).damage[0].what.contains("format version 2"));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(bytes: Vec<u8>) {
            let _ = parse(&bytes);
        }

        #[test]
        fn packets_survive_in_order(
            sent in prop::collection::vec((0u8..64, prop::collection::vec(any::<u8>(), 0..300)), 0..8),
        ) {
            let sent: Vec<Vec<u8>> = sent.into_iter().map(|(first, rest)| [vec![first], rest].concat()).collect();
            let bytes = file(&sent.iter().map(Vec::as_slice).collect::<Vec<_>>());
            let read = parse(&bytes);
            prop_assert_eq!(read.damage.len(), 0);
            prop_assert_eq!(packets(&read.segments[0]), sent);
        }

        #[test]
        fn damage_costs_no_more_than_the_frames_it_touches(position in 0usize..10_000, value: u8) {
            let sent: Vec<Vec<u8>> = (1u8..9).map(|packet| vec![packet; 20]).collect();
            let mut bytes = file(&sent.iter().map(Vec::as_slice).collect::<Vec<_>>());
            let position = position % bytes.len();
            bytes[position] = value;
            let read = parse(&bytes);
            let kept: usize = read.segments.iter().flat_map(|segment| &segment.packets).filter(|packet| sent.contains(&packet.bytes)).count();
            prop_assert!(kept >= 6, "a byte touches one frame, or joins two: {} packets are left", kept);
        }
    }
}
