//! A `.vqs` file: its streams, what is missing from them, what could not be read.

use serde::Serialize;
use vq_core::packet::Header;
use vq_core::{Mode, PacketError};

use super::{ChannelSummary, Line};
use crate::codec::{CodecError, HostCodec};
use crate::hexadecimal::hexadecimal;
use crate::stream::{Segment, StreamFile, StreamHeader};

/// A stream file.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StreamSummary {
    /// Always `stream`.
    pub kind: &'static str,
    /// Bytes of the file.
    pub bytes: usize,
    /// The streams in it.
    pub segments: Vec<SegmentSummary>,
    /// Frames of the file that could not be read.
    pub damage: Vec<DamageSummary>,
}

/// One stream.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SegmentSummary {
    /// Name of the model that encoded it; `None` where the file begins within a stream.
    pub model_name: Option<String>,
    /// The model's identity in hexadecimal.
    pub model_identity: Option<String>,
    /// Frames per second, where not the model's.
    pub rate_hertz: Option<f64>,
    /// The channels, where not the model's.
    pub channels: Option<Vec<ChannelSummary>>,
    /// When the first frame was taken, in milliseconds since 1970-01-01 00:00 on the recorder's clock.
    pub start_time: Option<i64>,
    /// Frames that were encoded.
    pub frames: Option<u64>,
    /// Packets in the file.
    pub packets: usize,
    /// Of them, those that are sound; not known without a header or the model.
    pub sound_packets: Option<usize>,
    /// Bytes of the sound packets.
    pub packet_bytes: Option<usize>,
    /// Hops in the sound packets.
    pub hops: Option<u64>,
    /// Sound packets that keep a bound, or every sample; the others are of best effort.
    pub bounded_packets: Option<usize>,
    /// Sound packets that state a level: of another sensor than the model's, or of an input that moved.
    pub moved_packets: Option<usize>,
    /// What decoding gives, if the model is at hand.
    pub decoded: Option<DecodedSummary>,
}

/// What decoding a stream gives.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DecodedSummary {
    /// Frames, lost ones included but for those that only the header knows of.
    pub frames: usize,
    /// Frames that were lost with their packets.
    pub lost_frames: u64,
    /// Frames that depend on lost ones.
    pub degraded_frames: u64,
    /// Packets that were refused, and why.
    pub refused: Vec<DamageSummary>,
}

/// Something that could not be read.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DamageSummary {
    /// Bytes of the file before it.
    pub offset: usize,
    /// What is wrong with it.
    pub what: String,
}

impl StreamSummary {
    /// Looks at a parsed file of `bytes` bytes; decodes it if its model is at hand.
    ///
    /// # Errors
    /// A stream of another model than the one given.
    pub fn new(file: &StreamFile, bytes: usize, codec: Option<&HostCodec<'_>>) -> Result<Self, CodecError> {
        let segments =
            file.segments.iter().map(|segment| SegmentSummary::new(segment, codec)).collect::<Result<_, _>>()?;
        let damage = file.damage.iter().map(|found| DamageSummary { offset: found.offset, what: found.what.clone() });
        Ok(Self { kind: "stream", bytes, segments, damage: damage.collect() })
    }

    /// The summary as lines of text.
    #[must_use]
    pub fn lines(&self) -> Vec<Line> {
        let mut lines = vec![("stream file", format!("{} bytes", self.bytes))];
        self.segments.iter().for_each(|segment| segment.add_lines(&mut lines));
        for DamageSummary { offset, what } in &self.damage {
            lines.push(("damaged", format!("byte {offset}: {what}")));
        }
        lines
    }
}

impl SegmentSummary {
    fn new(segment: &Segment, codec: Option<&HostCodec<'_>>) -> Result<Self, CodecError> {
        let header = segment.header.as_ref();
        let identity = header.map(|header| header.model_identity).or(codec.map(|codec| codec.model().identity()));
        let sound: Option<Vec<(usize, Header)>> = identity.map(|identity| {
            let parsed =
                segment.packets.iter().map(|packet| (packet.bytes.len(), Header::parse(&packet.bytes, &identity)));
            parsed.filter_map(|(length, parsed)| Some((length, parsed.ok()?.0))).collect()
        });
        let decoded = match codec {
            None => None,
            Some(codec) => Some(DecodedSummary::new(segment, codec)?),
        };
        let count = |counts: fn(&Header) -> bool| {
            sound.as_ref().map(|sound| sound.iter().filter(|(_, header)| counts(header)).count())
        };
        let of = |field: fn(&StreamHeader) -> Option<u64>| header.and_then(field);
        Ok(Self {
            model_name: header.map(|header| header.model_name.clone()),
            model_identity: header.map(|header| hexadecimal(&header.model_identity)),
            rate_hertz: of(|header| header.rate_millihertz).map(|rate| rate as f64 / 1000.0),
            channels: header.and_then(|header| header.channels.as_deref()).map(super::channels),
            start_time: header.and_then(|header| header.start_time),
            frames: of(|header| header.frames),
            packets: segment.packets.len(),
            sound_packets: sound.as_ref().map(Vec::len),
            packet_bytes: sound.as_ref().map(|sound| sound.iter().map(|(length, _)| length).sum()),
            bounded_packets: count(|header| header.mode != Mode::BestEffort),
            moved_packets: count(|header| header.moved),
            hops: sound.as_ref().map(|sound| sound.iter().map(|(_, header)| u64::from(header.hops)).sum()),
            decoded,
        })
    }

    fn add_lines(&self, lines: &mut Vec<Line>) {
        let model = match (&self.model_name, &self.model_identity) {
            (Some(name), Some(identity)) => format!("model {name} ({identity})"),
            _ => "begins within a stream: its header is missing".to_owned(),
        };
        lines.push(("stream", model));
        if let Some(rate) = self.rate_hertz {
            lines.push(("rate", format!("{rate} Hz")));
        }
        for channel in self.channels.iter().flatten() {
            lines.push(("channel", channel.describe()));
        }
        if let Some(frames) = self.frames {
            lines.push(("frames", frames.to_string()));
        }
        let sound = match (self.sound_packets, self.hops, self.packet_bytes) {
            (Some(sound), Some(hops), Some(bytes)) => format!("{sound} sound, with {hops} hops in {bytes} bytes"),
            _ => "give --model to check them".to_owned(),
        };
        lines.push(("packets", format!("{}; {sound}", self.packets)));
        if let Some(bounded) = self.bounded_packets.filter(|bounded| *bounded > 0) {
            lines.push(("bounded", format!("{bounded} packets keep a bound or every sample")));
        }
        if let Some(moved) = self.moved_packets.filter(|moved| *moved > 0) {
            lines.push((
                "levels",
                format!("{moved} packets say that their input is elsewhere than the model was trained for"),
            ));
        }
        if let Some(decoded) = &self.decoded {
            let DecodedSummary { frames, lost_frames, degraded_frames, refused } = decoded;
            lines.push(("decoded", format!("{frames} frames; {lost_frames} of them lost, {degraded_frames} degraded")));
            lines.extend(
                refused.iter().map(|refused| ("refused", format!("byte {}: {}", refused.offset, refused.what))),
            );
        }
    }
}

impl DecodedSummary {
    fn new(segment: &Segment, codec: &HostCodec<'_>) -> Result<Self, CodecError> {
        let decoded = codec.decode(segment, "")?;
        let refused =
            |(offset, error): &(usize, PacketError)| DamageSummary { offset: *offset, what: error.to_string() };
        Ok(Self {
            frames: decoded.recording.frames(),
            lost_frames: decoded.gaps.lost_frames() + decoded.missing_at_end,
            degraded_frames: decoded.gaps.degraded_frames(),
            refused: decoded.refused.iter().map(refused).collect(),
        })
    }
}
