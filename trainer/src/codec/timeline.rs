//! Decoded frames in their places, and what is missing between them.

use vq_core::{Block, Status};

use super::CodecError;
use crate::data::{Channel, Gaps, gaps};

/// Most samples of a decoded recording: packets may say any hop.
pub(super) const MOST_SAMPLES: u64 = 1 << 30;

/// Decoded frames in their places.
pub(super) struct Timeline {
    /// What stands where frames are lost, `[channels]`.
    rest: Vec<i32>,
    /// The stream's position of the recording's first frame (or of what would be, if the device began anew later); `None` until it is known.
    start: Option<i64>,
    /// Frames of the whole stream, if known.
    frames: Option<u64>,
    /// Those that were not [taken](Self::take).
    pub(super) samples: Vec<i32>,
    taken: u64,
    pub(super) gaps: Gaps,
    pub(super) new_streams: Vec<usize>,
}

impl Timeline {
    pub(super) fn new(channels: &[Channel], start: Option<u64>, frames: Option<u64>) -> Self {
        let rest = channels.iter().map(|channel| channel.offset).collect();
        let start = start.map(|start| start as i64);
        Self { rest, start, frames, samples: Vec::new(), taken: 0, gaps: Gaps::default(), new_streams: Vec::new() }
    }

    /// Puts a block where it belongs.
    ///
    /// # Errors
    /// [`CodecError::TooLong`].
    pub(super) fn place(&mut self, block: &Block<'_>) -> Result<(), CodecError> {
        if block.status == Status::NewStream {
            self.start = Some(block.first_frame as i64 - self.position() as i64);
            // The header's length is that of the stream before.
            self.frames = None;
            self.new_streams.push(self.position() as usize);
            return Ok(());
        }
        let start = *self.start.get_or_insert(block.first_frame as i64);
        let width = self.rest.len();
        self.fill_to((block.first_frame as i64).saturating_sub(start).max(0) as u64)?;
        let room = self.frames.map_or(u64::MAX, |frames| frames.saturating_sub(self.position()));
        let taken = ((block.frames.len() / width) as u64).min(room);
        let position = self.position() as usize;
        if block.status == Status::Degraded {
            gaps::push(&mut self.gaps.degraded, position..position + taken as usize);
        }
        self.samples.extend_from_slice(&block.frames[..taken as usize * width]);
        Ok(())
    }

    fn position(&self) -> u64 {
        (self.taken + self.samples.len() as u64) / self.rest.len() as u64
    }

    /// The frames that were placed since the last call, `[time, channels]`.
    pub(super) fn take(&mut self) -> Vec<i32> {
        self.taken += self.samples.len() as u64;
        std::mem::take(&mut self.samples)
    }

    /// Counts frames up to a position as lost.
    fn fill_to(&mut self, position: u64) -> Result<(), CodecError> {
        let before = self.position();
        let position = self.frames.map_or(position, |frames| position.min(frames)).max(before);
        let samples = position.saturating_mul(self.rest.len() as u64);
        if position > before && samples > MOST_SAMPLES {
            return Err(CodecError::TooLong { samples });
        }
        self.samples.extend(self.rest.iter().copied().cycle().take((position - before) as usize * self.rest.len()));
        gaps::push(&mut self.gaps.lost, before as usize..position as usize);
        Ok(())
    }

    /// Ends the recording, and gives how many frames its header promises beyond.
    ///
    /// What is missing at the end is lost. But a header's word alone fills no memory: if that is more than all packets together gave, it is only told.
    ///
    /// # Errors
    /// [`CodecError::TooLong`].
    pub(super) fn end(&mut self) -> Result<u64, CodecError> {
        let missing = self.frames.map_or(0, |frames| frames.saturating_sub(self.position()));
        let received = self.position() - self.gaps.lost_frames();
        if missing > received {
            return Ok(missing);
        }
        self.fill_to(self.position() + missing)?;
        Ok(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timeline(start: Option<u64>, frames: Option<u64>) -> Timeline {
        let channel =
            |offset| Channel { name: "a".into(), unit: "mV".into(), counts_per_unit: 1.0, offset, source_bits: None };
        Timeline::new(&[channel(7), channel(8)], start, frames)
    }

    fn block(first_frame: u64, frames: &[i32], status: Status) -> Block<'_> {
        Block { first_frame, frames, status }
    }

    #[test]
    fn lost_frames_are_at_physical_zero_and_their_places_are_told() {
        let mut timeline = timeline(Some(0), Some(6));
        timeline.place(&block(1, &[1, 2], Status::Degraded)).unwrap();
        timeline.place(&block(2, &[], Status::Gap { frames: 2 })).unwrap();
        timeline.place(&block(4, &[3, 4], Status::Complete)).unwrap();
        assert_eq!(timeline.end().unwrap(), 0);
        assert_eq!(timeline.samples, [7, 8, 1, 2, 7, 8, 7, 8, 3, 4, 7, 8]);
        assert_eq!(timeline.gaps, Gaps { lost: vec![0..1, 2..4, 5..6], degraded: std::iter::once(1..2).collect() });
    }

    #[test]
    fn what_pads_the_last_hop_is_left_out() {
        let mut timeline = timeline(Some(0), Some(1));
        timeline.place(&block(0, &[1, 2, 3, 4], Status::Degraded)).unwrap();
        timeline.end().unwrap();
        assert_eq!((timeline.samples.as_slice(), timeline.gaps.degraded_frames()), ([1, 2].as_slice(), 1));
    }

    #[test]
    fn without_a_header_a_stream_begins_with_what_arrives() {
        let mut timeline = timeline(None, None);
        timeline.place(&block(9_000_000, &[1, 2], Status::Complete)).unwrap();
        timeline.end().unwrap();
        assert_eq!((timeline.samples.as_slice(), timeline.gaps.lost_frames()), ([1, 2].as_slice(), 0));
    }

    #[test]
    fn a_device_that_begins_anew_goes_on_behind_what_it_sent() {
        let mut timeline = timeline(Some(0), Some(2));
        timeline.place(&block(0, &[1, 2, 3, 4], Status::Complete)).unwrap();
        timeline.place(&block(5, &[], Status::NewStream)).unwrap();
        timeline.place(&block(5, &[5, 6], Status::Complete)).unwrap();
        timeline.place(&block(7, &[7, 8], Status::Complete)).unwrap();
        assert_eq!(timeline.end().unwrap(), 0);
        assert_eq!(timeline.samples, [1, 2, 3, 4, 5, 6, 7, 8, 7, 8]);
        assert_eq!((timeline.new_streams, timeline.gaps.lost), (vec![2], std::iter::once(3..4).collect()));
    }

    #[test]
    fn a_header_alone_fills_no_memory() {
        for promised in [4, 5, 1 << 28, u64::MAX] {
            let mut timeline = timeline(Some(0), Some(promised));
            timeline.place(&block(0, &[1, 2, 3, 4], Status::Complete)).unwrap();
            let filled = if promised == 4 { 2 } else { 0 };
            assert_eq!(timeline.end().unwrap(), promised - 2 - filled);
            assert_eq!(timeline.samples.len() as u64, 2 * (2 + filled));
        }
    }

    #[test]
    fn impossible_positions_are_refused() {
        let far = block(1 << 40, &[1, 2], Status::Complete);
        assert!(matches!(timeline(Some(0), None).place(&far), Err(CodecError::TooLong { .. })));
    }
}
