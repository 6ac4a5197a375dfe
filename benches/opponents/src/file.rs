//! The file of a recording, which costs what one of microvq does: a header, then packets, each framed by COBS and a zero byte.

use cobs::{encode, max_encoding_length};

use crate::packets::{CRC_16, leb128};
use crate::{Coded, Limit, Opponent};

/// The bytes of a file of channels that a codec coded, each of so many frames.
///
/// The header names what a receiver must have: the codec with its setting and the state that it starts from, whose digest is the identity,
/// and how many frames there are. It has no name for people, which would be longer than a model's: what that costs is an opponent's gain.
/// A channel's place among the others is in its packets; where its zero lies is known as it is of a model.
pub fn file(opponent: &dyn Opponent, limit: Limit, frames: usize, channels: &[Coded]) -> Vec<u8> {
    let mut header = b"VQO1".to_vec();
    header.extend_from_slice(&opponent.identity());
    leb128(if let Limit::PacketBytes(bytes) = limit { bytes as u64 } else { 0 }, &mut header);
    leb128(frames as u64, &mut header);
    header.extend_from_slice(&CRC_16.checksum(&header).to_le_bytes());
    let packets = channels.iter().flat_map(|channel| &channel.packets);
    std::iter::once(&header).chain(packets).flat_map(|frame| framed(frame)).collect()
}

fn framed(bytes: &[u8]) -> Vec<u8> {
    let mut frame = vec![0; max_encoding_length(bytes.len()) + 1];
    let length = encode(bytes, &mut frame);
    frame.truncate(length + 1);
    frame
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adpcm::Adpcm;

    #[test]
    fn a_file_is_its_header_and_the_packets_of_all_channels() {
        let samples: Vec<i32> = (0..900).map(|time| time % 50 * (time % 7)).collect();
        let limit = Limit::PacketBytes(244);
        let channels = [0, 1].map(|channel| Adpcm.code(&samples, 0, channel, limit));
        let file = file(&Adpcm, limit, samples.len(), &channels);
        let (last, file) = file.split_last().unwrap();
        assert_eq!(*last, 0);
        let frames: Vec<Vec<u8>> =
            file.split(|&byte| byte == 0).map(|frame| cobs::decode_vec(frame).unwrap()).collect();
        let (header, packets) = frames.split_first().unwrap();
        // Magic, identity, packet bytes, frames, checksum.
        assert_eq!(header.len(), 4 + 16 + 2 + 2 + 2);
        let sent: Vec<&Vec<u8>> = channels.iter().flat_map(|channel| &channel.packets).collect();
        assert!(packets.iter().eq(sent));
    }
}
