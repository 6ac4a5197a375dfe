//! Whole recordings through `vq-core`: what `vq encode`, `vq decode` and `vq eval` share, so that they cannot disagree.

mod packets;
mod pass;
mod timeline;

use vq_core::packet::{self, CHECKSUM_BYTES, MAX_HEADER_BYTES, MAX_HOPS};
use vq_core::{
    Decoder, DecoderError, Encoder, EncoderError, Level, Mode, Model, ModelError, Options, PacketError, Surprisal,
};

use crate::data::{Channel, DataError, Gaps, Recording, SignalKind, StoredRecording};
use crate::export::container::identity;
use crate::export::file::{HostMemory, ModelBytes};
use crate::hexadecimal::hexadecimal;
use crate::stream::{self, Segment, StreamHeader};
pub use packets::packets;
pub use pass::{See, Write};
use timeline::{MOST_SAMPLES, Timeline};

/// A limit of a packet's bytes beyond this is none.
const MOST_PACKET_BYTES: usize = 0xffff;

/// Why a recording could not be encoded or decoded.
#[derive(Debug, thiserror::Error)]
pub enum CodecError {
    /// The model is not sound.
    #[error("the model cannot be used")]
    Model(#[from] ModelError),
    /// The model's bytes do not have the hash that names it.
    #[error("the model's identity does not match its contents: the file was altered; export it again")]
    Identity,
    /// The model's metadata are missing or of another version.
    #[error("the model's metadata cannot be read: name, rate and channels are not known; export it with this version")]
    Metadata,
    /// The options do not suit the model, or the recording has other channels.
    #[error("cannot encode")]
    Encoder(#[from] EncoderError),
    /// The recording could not be read while it was encoded, or the file not written.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The decoder refused a packet that was just made.
    #[error("a packet cannot be decoded: please report this")]
    Packet(#[source] PacketError),
    /// The decoder could not be made.
    #[error("cannot decode")]
    Decoder(#[from] DecoderError),
    /// The stream was made with another model.
    #[error(
        "the stream was encoded with model `{stream}` ({stream_identity}), not with `{model}` ({model_identity}): give the other --model"
    )]
    OtherModel {
        /// Name of the stream's model.
        stream: String,
        /// Its identity in hexadecimal.
        stream_identity: String,
        /// Name of the model at hand.
        model: String,
        /// Its identity in hexadecimal.
        model_identity: String,
    },
    /// The stream's header and the model have different numbers of channels.
    #[error("the stream's header describes {stream} channels where its model has {model}: the file is damaged")]
    Channels {
        /// Channels in the stream's header.
        stream: usize,
        /// Channels of the model.
        model: usize,
    },
    /// A sample is further from the original than its packet promised.
    #[error("a sample is {error} counts from the original where {bound} were promised: please report this")]
    Bound {
        /// The bound in counts.
        bound: u32,
        /// The largest error in counts.
        error: u64,
    },
    /// The stream claims more samples than can be meant.
    #[error("the stream claims {samples} samples, more than {MOST_SAMPLES}: the file is damaged")]
    TooLong {
        /// Samples claimed.
        samples: u64,
    },
}

/// A model with what the host knows of it.
#[derive(Debug, Clone)]
pub struct HostCodec<'a> {
    model: Model<'a>,
    name: String,
    kind: SignalKind,
}

/// A recording as a `.vqs` file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encoded {
    /// The file's bytes, but those that were handed on while it was made.
    pub file: Vec<u8>,
    handed_on: u64,
    /// Number of packets.
    pub packets: usize,
    /// Bytes of the packets, without the file's framing.
    pub packet_bytes: usize,
    /// Bytes of the file that carry codes; the others are headers, checksums and framing.
    pub code_bytes: usize,
    /// Hops in the longest packet.
    pub longest_packet_hops: u32,
    /// Samples beyond what the model can represent, which were clipped.
    pub clipped_samples: u64,
    /// How surprising each packet is.
    pub surprisals: Vec<Surprisal>,
    /// Times that packets fell back from best effort to a bound.
    pub fallbacks: u64,
    /// How many of them because the signal was none that the model knows.
    pub surprises: u64,
    /// Packets that state another level than the model's own, because of another sensor or an input that moved.
    pub moved_packets: usize,
    /// The quality of every packet of best effort.
    pub qualities: Vec<u8>,
}

/// A stream as a recording, and what was wrong with it.
#[derive(Debug, Clone, PartialEq)]
pub struct Decoded {
    /// The recording; lost frames are at physical zero.
    pub recording: Recording,
    /// Frames that were lost with their packets, and those that depend on them.
    pub gaps: Gaps,
    /// Frames that the header promises behind the recording's end, and of which no packet says anything.
    pub missing_at_end: u64,
    /// Frames at which the device began a new stream.
    pub new_streams: Vec<usize>,
    /// Packets that the decoder refused: their place in the file, and why.
    pub refused: Vec<(usize, PacketError)>,
}

impl<'a> HostCodec<'a> {
    /// Checks a model and reads what it says about itself.
    ///
    /// # Errors
    /// That the model is damaged, altered, or says nothing about itself.
    pub fn new(bytes: &'a ModelBytes) -> Result<Self, CodecError> {
        let model = bytes.model()?;
        if identity(&model) != model.identity() {
            return Err(CodecError::Identity);
        }
        let metadata = model.metadata().ok_or(CodecError::Metadata)?;
        let channels: Vec<Channel> = metadata
            .channels()
            .map(|channel| Channel {
                name: channel.name.to_owned(),
                unit: channel.unit.to_owned(),
                counts_per_unit: channel.counts_per_unit.0 as f64 / channel.counts_per_unit.1 as f64,
                offset: channel.offset,
                source_bits: channel.source_bits,
            })
            .collect();
        let usable = |channel: &Channel| channel.counts_per_unit > 0.0 && channel.counts_per_unit.is_finite();
        if channels.len() != model.channels() || !channels.iter().all(usable) || metadata.rate_millihertz == 0 {
            return Err(CodecError::Metadata);
        }
        let kind = SignalKind { rate_millihertz: metadata.rate_millihertz, channels };
        Ok(Self { model, name: metadata.name.to_owned(), kind })
    }

    /// The model.
    #[must_use]
    pub fn model(&self) -> Model<'a> {
        self.model
    }

    /// The model's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What the model expects of a recording; see [`admit`](crate::data::admit).
    #[must_use]
    pub fn kind(&self) -> &SignalKind {
        &self.kind
    }

    /// Seconds between a sample's arrival and its decoded value, in a mode and at so many hops a packet: the encoder's look-ahead, the
    /// hop, the filling of the packet, the decoder's look-ahead. Only the nets look ahead.
    #[must_use]
    pub fn delay_seconds(&self, mode: Mode, packet_hops: u32) -> [f64; 4] {
        let mut delay = self.model.delay();
        if mode != Mode::BestEffort {
            (delay.encoder_frames, delay.decoder_frames) = (0, 0);
        }
        let fill = packet_hops.saturating_sub(1) as usize * delay.hop_frames;
        let seconds = |frames: usize| frames as f64 * 1000.0 / self.kind.rate_millihertz as f64;
        [delay.encoder_frames, delay.hop_frames, fill, delay.decoder_frames].map(seconds)
    }

    /// Encodes a recording that [is admitted](crate::data::admit) into a `.vqs` file. Channels of another scale than the model's have their level.
    ///
    /// # Errors
    /// Limits that cannot hold one hop, or a recording with another number of channels.
    pub fn encode(&self, recording: &Recording, options: Options) -> Result<Encoded, CodecError> {
        self.encode_blocks(&recording.clone().into(), options, &mut |_| Ok(()))
    }

    /// Encodes a recording block by block; `look` sees what there is after each packet.
    fn encode_blocks(
        &self,
        recording: &StoredRecording,
        options: Options,
        look: &mut dyn FnMut(&mut Encoded) -> Result<(), CodecError>,
    ) -> Result<Encoded, CodecError> {
        let mut encoded = Encoded {
            file: Vec::new(),
            handed_on: 0,
            packets: 0,
            packet_bytes: 0,
            code_bytes: 0,
            longest_packet_hops: 0,
            clipped_samples: 0,
            surprisals: Vec::new(),
            fallbacks: 0,
            surprises: 0,
            moved_packets: 0,
            qualities: Vec::new(),
        };
        stream::append_header(&mut encoded.file, &self.header(recording, options));
        let mut memory = HostMemory::new(self.model.encoder_memory(options));
        let mut encoder = Encoder::new(self.model, memory.bytes(), options)?;
        for (channel, own) in recording.channels.iter().enumerate() {
            encoder.set_input(channel, self.level(channel, own))?;
        }
        for block in recording.blocks(0..recording.frames()) {
            for frame in block?.chunks_exact(recording.channels.len()) {
                if let Some(packet) = encoder.push(frame)? {
                    encoded.append(packet, &self.model);
                    look(&mut encoded)?;
                }
            }
        }
        encoded.clipped_samples = encoder.saturated_samples();
        (encoded.fallbacks, encoded.surprises) = (encoder.fallbacks(), encoder.surprises());
        while let Some(packet) = encoder.finish() {
            encoded.append(packet, &self.model);
        }
        Ok(encoded)
    }

    /// Where a channel of a recording lies, seen from the model's.
    #[must_use]
    pub fn level(&self, channel: usize, own: &Channel) -> Level {
        let Some(model) = self.kind.channels.get(channel) else { return Level::default() };
        let gain = own.counts_per_unit / model.counts_per_unit;
        // The model's nets have their zero at this count, and the recording at that one.
        let centre = self.model.scaling(channel).offset;
        let moved = f64::from(own.offset) + (f64::from(centre) - f64::from(model.offset)) * gain;
        Level { offset: (moved.round() - f64::from(centre)) as i32, scale: (8.0 * gain.log2()).round() as i8 }
    }

    /// The same options with packets that hold any hop of this model, where those asked for do not: many channels make long ones.
    #[must_use]
    pub fn with_room(&self, options: Options) -> Options {
        let best_effort = self.model.least_packet_bytes(options.chosen_quality());
        let predicted = if options.has_prediction() { self.model.least_predicted_bytes(options) } else { 0 };
        options.packet_bytes(options.max_packet_bytes().max(best_effort).max(predicted))
    }

    /// A limit of a packet's bytes that one packet of so many frames never reaches, so that a recording becomes one stream.
    #[must_use]
    pub fn one_stream_bytes(&self, frames: usize, options: Options) -> usize {
        let model = self.model;
        let hops = frames.div_ceil(model.hop()) + model.look_ahead_hops() + model.closing_hops();
        let best_effort = model.worst_hop_bytes(options.chosen_quality());
        let hop =
            if options.has_prediction() { best_effort.max(model.least_predicted_bytes(options)) } else { best_effort };
        let codes = hop.saturating_mul(hops.min(MAX_HOPS as usize));
        codes.saturating_add(MAX_HEADER_BYTES + CHECKSUM_BYTES).max(MOST_PACKET_BYTES + 1)
    }

    fn header(&self, recording: &StoredRecording, options: Options) -> StreamHeader {
        StreamHeader {
            model_identity: self.model.identity(),
            model_name: self.name.clone(),
            packet_bytes: match options.max_packet_bytes() {
                bytes @ 0..=MOST_PACKET_BYTES => bytes as u32,
                _ => 0,
            },
            rate_millihertz: Some(recording.rate_millihertz).filter(|rate| *rate != self.kind.rate_millihertz),
            channels: Some(recording.channels.clone()).filter(|channels| *channels != self.kind.channels),
            start_time: recording.start_time,
            frames: Some(recording.frames() as u64),
        }
    }

    /// Decodes one stream of a `.vqs` file, under `name`. Packets that are damaged or lost leave gaps, which are reported.
    ///
    /// # Errors
    /// A stream of another model, or one that claims an impossible length.
    pub fn decode(&self, segment: &Segment, name: &str) -> Result<Decoded, CodecError> {
        let header = segment.header.as_ref();
        if let Some(header) = header.filter(|header| header.model_identity != self.model.identity()) {
            return Err(CodecError::OtherModel {
                stream: header.model_name.clone(),
                stream_identity: hexadecimal(&header.model_identity),
                model: self.name.clone(),
                model_identity: hexadecimal(&self.model.identity()),
            });
        }
        let channels = header.and_then(|header| header.channels.clone()).unwrap_or_else(|| self.kind.channels.clone());
        if channels.len() != self.kind.channels.len() {
            return Err(CodecError::Channels { stream: channels.len(), model: self.kind.channels.len() });
        }
        // A stream that is joined in its middle begins with the first packet that arrived.
        let mut timeline = Timeline::new(&channels, header.map(|_| 0), header.and_then(|header| header.frames));
        let mut refused = Vec::new();
        let mut memory = HostMemory::new(self.model.decoder_memory());
        let mut decoder = Decoder::new(self.model, memory.bytes())?;
        for packet in &segment.packets {
            match decoder.packet(&packet.bytes) {
                Ok(mut blocks) => {
                    while let Some(block) = blocks.next() {
                        timeline.place(&block)?;
                    }
                }
                Err(error) => refused.push((packet.offset, error)),
            }
        }
        let mut blocks = decoder.finish();
        while let Some(block) = blocks.next() {
            timeline.place(&block)?;
        }
        drop(blocks);
        let missing_at_end = timeline.end()?;
        let Timeline { samples, gaps, new_streams, .. } = timeline;
        let recording = Recording {
            name: name.to_owned(),
            rate_millihertz: header.and_then(|header| header.rate_millihertz).unwrap_or(self.kind.rate_millihertz),
            channels,
            samples,
            start_time: header.and_then(|header| header.start_time),
            comments: vec![format!(
                "Decoded by microvq with model {} ({}).",
                self.name,
                hexadecimal(&self.model.identity())
            )],
            remarks: Vec::new(),
        };
        Ok(Decoded { recording, gaps, missing_at_end, new_streams, refused })
    }
}

impl Encoded {
    /// Bytes of the whole file.
    #[must_use]
    pub fn file_bytes(&self) -> u64 {
        self.handed_on + self.file.len() as u64
    }

    fn append(&mut self, packet: &[u8], model: &Model<'_>) {
        stream::append_packet(&mut self.file, packet);
        self.packets += 1;
        self.packet_bytes += packet.len();
        if let Ok((header, codes)) = packet::Header::parse(packet, &model.identity()) {
            self.code_bytes += codes.len();
            self.surprisals.push(Surprisal::new(model, &header, codes.len()));
            self.longest_packet_hops = self.longest_packet_hops.max(header.hops);
            self.moved_packets += usize::from(header.moved);
            self.qualities.extend((header.mode == Mode::BestEffort).then_some(header.quality));
        }
    }
}
