//! Frames on their way from an interrupt to the main loop: one feeds, one takes, neither waits for the other.
//!
//! A ring of atomics with one producer and one consumer. It needs loads and stores only, so it also runs on cores
//! without compare-and-swap (Armv6-M, RV32IMC), and no critical section.
//!
//! When the ring is full, frames are *lost*: counted, and all further ones too, until the consumer has taken what lies in the
//! ring and acknowledged the loss. So a loss is one place in the sequence of frames, and the consumer knows which.

use core::fmt;
use core::ops::Deref;
use core::sync::atomic::{AtomicI32, AtomicU32, Ordering};

/// A queue that holds up to `SAMPLES` samples, as whole frames; a `static` of an interrupt and the main loop.
///
/// It must hold the frames that arrive while the main loop is busy: during the longest [`poll`](crate::Encoder::poll) and
/// whatever else the loop does between two of them.
///
/// ```
/// use vq_core::FrameQueue;
/// static FRAMES: FrameQueue<32> = FrameQueue::new(2);
///
/// fn interrupt(readings: [i32; 2]) {
///     if FRAMES.feed(&readings).is_err() {
///         // The main loop is too slow. The loss is counted, and the stream will tell where it was.
///     }
/// }
/// # interrupt([1, 2]);
/// ```
pub type FrameQueue<const SAMPLES: usize> = Frames<[AtomicI32; SAMPLES]>;

/// A [`FrameQueue`] of any size.
#[derive(Debug)]
pub struct Frames<S: ?Sized = [AtomicI32]> {
    channels: u32,
    /// Samples of the ring that are used: whole frames. Head and tail count samples modulo twice this, so that a full ring
    /// differs from an empty one.
    limit: u32,
    /// Written by the consumer: the next sample to take.
    head: AtomicU32,
    /// Written by the producer: the next sample to fill.
    tail: AtomicU32,
    /// Written by the producer: frames lost so far, modulo 2^32.
    lost: AtomicU32,
    /// Written by the consumer: how many of them it has acknowledged.
    acknowledged: AtomicU32,
    samples: S,
}

/// Why a frame was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum FeedError {
    /// The queue is full, or it was and the consumer has not yet worked off what came before: the frame is lost and counted.
    Overrun,
    /// A frame with another number of samples than the queue has channels.
    Channels,
}

impl fmt::Display for FeedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Overrun => "a frame was lost: the queue is full because it was not polled in time",
            Self::Channels => "a frame whose number of samples is not the queue's number of channels",
        })
    }
}

impl core::error::Error for FeedError {}

impl<const SAMPLES: usize> Frames<[AtomicI32; SAMPLES]> {
    /// An empty queue of frames of `channels` samples. One that cannot hold a frame loses all of them.
    #[must_use]
    pub const fn new(channels: usize) -> Self {
        let frames = match SAMPLES.checked_div(channels) {
            Some(frames) => frames,
            None => 0,
        };
        Self {
            channels: channels as u32,
            limit: (frames * channels) as u32,
            head: AtomicU32::new(0),
            tail: AtomicU32::new(0),
            lost: AtomicU32::new(0),
            acknowledged: AtomicU32::new(0),
            samples: [const { AtomicI32::new(0) }; SAMPLES],
        }
    }
}

/// A queue of one size is used as one of any size.
impl<const SAMPLES: usize> Deref for Frames<[AtomicI32; SAMPLES]> {
    type Target = Frames;

    fn deref(&self) -> &Frames {
        self
    }
}

impl Frames {
    /// Stores one frame, in a few dozen instructions. May be called in an interrupt, from one place at a time.
    ///
    /// # Errors
    /// [`FeedError::Overrun`]: the frame is lost, and [`Encoder::poll`](crate::Encoder::poll) will hear of it.
    pub fn feed(&self, frame: &[i32]) -> Result<(), FeedError> {
        if frame.len() != self.channels as usize {
            return Err(FeedError::Channels);
        }
        let (head, tail) = (self.head.load(Ordering::Acquire), self.tail.load(Ordering::Relaxed));
        let lost = self.lost.load(Ordering::Relaxed);
        let in_order = lost == self.acknowledged.load(Ordering::Acquire);
        if !in_order || self.waiting_samples(head, tail) >= self.limit {
            self.lost.store(lost.wrapping_add(1), Ordering::Release);
            return Err(FeedError::Overrun);
        }
        self.places(tail).iter().zip(frame).for_each(|(place, sample)| place.store(*sample, Ordering::Relaxed));
        self.tail.store(self.after(tail), Ordering::Release);
        Ok(())
    }

    /// Samples of a frame.
    #[must_use]
    pub fn channels(&self) -> usize {
        self.channels as usize
    }

    /// Frames that wait to be taken.
    #[must_use]
    pub fn waiting(&self) -> usize {
        let (head, tail) = (self.head.load(Ordering::Relaxed), self.tail.load(Ordering::Acquire));
        self.waiting_samples(head, tail).checked_div(self.channels).unwrap_or(0) as usize
    }

    /// The oldest frame, which [`Frames::release`] then takes out.
    pub(super) fn oldest(&self) -> Option<&[AtomicI32]> {
        let (head, tail) = (self.head.load(Ordering::Relaxed), self.tail.load(Ordering::Acquire));
        (head != tail).then(|| self.places(head))
    }

    /// Takes the oldest frame out.
    pub(super) fn release(&self) {
        let head = self.head.load(Ordering::Relaxed);
        self.head.store(self.after(head), Ordering::Release);
    }

    /// Frames lost and not acknowledged. They follow those in the queue; ask before asking for the [`oldest`](Frames::oldest).
    pub(super) fn lost(&self) -> u32 {
        self.lost.load(Ordering::Acquire).wrapping_sub(self.acknowledged.load(Ordering::Relaxed))
    }

    /// Accepts that this many frames are lost; if they are all, the queue takes frames again.
    pub(super) fn acknowledge(&self, lost: u32) {
        let before = self.acknowledged.load(Ordering::Relaxed);
        self.acknowledged.store(before.wrapping_add(lost), Ordering::Release);
    }

    fn waiting_samples(&self, head: u32, tail: u32) -> u32 {
        if tail >= head { tail - head } else { (tail + 2 * self.limit).wrapping_sub(head) }
    }

    /// The places of the frame at a count.
    fn places(&self, count: u32) -> &[AtomicI32] {
        let start = if count >= self.limit { count - self.limit } else { count } as usize;
        self.samples.get(start..).and_then(|rest| rest.get(..self.channels as usize)).unwrap_or_default()
    }

    /// The count one frame on.
    fn after(&self, count: u32) -> u32 {
        let next = count.wrapping_add(self.channels);
        if next >= 2 * self.limit { 0 } else { next }
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::vec::Vec;

    fn take(frames: &Frames) -> Option<Vec<i32>> {
        let frame = frames.oldest()?.iter().map(|place| place.load(Ordering::Relaxed)).collect();
        frames.release();
        Some(frame)
    }

    #[test]
    fn frames_come_out_as_they_went_in() {
        let queue = FrameQueue::<7>::new(2);
        let frames: &Frames = &queue;
        for turn in 0..20 {
            for frame in 0..turn % 4 {
                assert_eq!(frames.feed(&[turn, frame]), Ok(()));
            }
            assert_eq!(frames.waiting(), turn as usize % 4);
            for frame in 0..turn % 4 {
                assert_eq!(take(frames), Some(std::vec![turn, frame]));
            }
            assert_eq!(take(frames), None);
        }
    }

    #[test]
    fn a_loss_lies_between_what_came_before_and_what_comes_after() {
        let queue = FrameQueue::<3>::new(1);
        let frames: &Frames = &queue;
        (0..3).for_each(|sample| frames.feed(&[sample]).unwrap());
        assert_eq!(frames.feed(&[3]), Err(FeedError::Overrun));
        // There is room again, but what came now would seem to follow frame 2.
        assert_eq!(take(frames), Some(std::vec![0]));
        assert_eq!(frames.feed(&[4]), Err(FeedError::Overrun));
        assert_eq!((take(frames), take(frames), take(frames)), (Some(std::vec![1]), Some(std::vec![2]), None));
        assert_eq!(frames.lost(), 2);
        frames.acknowledge(2);
        assert_eq!(frames.feed(&[5]), Ok(()));
        assert_eq!((take(frames), frames.lost()), (Some(std::vec![5]), 0));
    }

    #[test]
    fn other_frames_and_queues_without_room_are_refused() {
        let queue = FrameQueue::<4>::new(2);
        let frames: &Frames = &queue;
        assert_eq!(frames.feed(&[1]), Err(FeedError::Channels));
        let none = FrameQueue::<1>::new(2);
        let frames: &Frames = &none;
        assert_eq!(frames.feed(&[1, 2]), Err(FeedError::Overrun));
        let nothing = FrameQueue::<4>::new(0);
        let frames: &Frames = &nothing;
        assert_eq!(frames.feed(&[]), Err(FeedError::Overrun));
    }

    #[test]
    fn two_threads_lose_nothing_silently() {
        const COUNT: i32 = if cfg!(miri) { 300 } else { 100_000 };
        static QUEUE: FrameQueue<16> = FrameQueue::new(1);
        let frames: &Frames = &QUEUE;
        let (mut next, mut lost) = (0, 0);
        let losses = std::thread::scope(|scope| {
            let producer = scope.spawn(|| (0..COUNT).filter(|sample| QUEUE.feed(&[*sample]).is_err()).count());
            loop {
                let (ended, missing) = (producer.is_finished(), frames.lost());
                if let Some(frame) = take(frames) {
                    assert_eq!(frame, std::vec![next]);
                    next += 1;
                } else if missing > 0 {
                    frames.acknowledge(missing);
                    next += missing as i32;
                    lost += missing as usize;
                } else if ended {
                    return producer.join().unwrap();
                }
                std::thread::yield_now();
            }
        });
        assert_eq!((next, lost), (COUNT, losses));
    }
}
