//! Packets that wait for a radio, in memory that the caller owns.

use core::fmt;

use heapless::{Deque, Vec};

/// One packet of at most `BYTES` bytes, as an encoder with such a limit makes them.
pub type PacketBuffer<const BYTES: usize> = Vec<u8, BYTES>;

/// Packets of at most `BYTES` bytes, `PACKETS` of them (at least one), that wait to be sent.
///
/// An encoder's packet must be sent before the next frame; a radio that sleeps, retries or shares its channel takes longer. When the queue is full the
/// oldest packet is lost, and counted: what is new is worth more, and the far end tells the gap as any other.
///
/// ```
/// use vq_core::packet::PacketQueue;
///
/// let mut queue: PacketQueue<244, 2> = PacketQueue::new();
/// for packet in [[9, 0, 0], [9, 1, 0], [9, 2, 0]] {
///     queue.push(&packet).unwrap();
/// }
/// assert_eq!((queue.front(), queue.lost()), (Some([9, 1, 0].as_slice()), 1));
/// let sent = queue.pop().unwrap();
/// assert_eq!((sent.as_slice(), queue.len()), ([9, 1, 0].as_slice(), 1));
/// ```
#[derive(Debug, Default)]
pub struct PacketQueue<const BYTES: usize, const PACKETS: usize> {
    packets: Deque<PacketBuffer<BYTES>, PACKETS>,
    lost: u32,
}

/// Why a packet is not in a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum QueueError {
    /// It is longer than the queue's packets may be: the encoder has another limit.
    TooLong {
        /// Its bytes.
        bytes: usize,
    },
}

impl fmt::Display for QueueError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong { bytes } => write!(f, "a packet of {bytes} bytes is longer than the queue was made for"),
        }
    }
}

impl core::error::Error for QueueError {}

impl<const BYTES: usize, const PACKETS: usize> PacketQueue<BYTES, PACKETS> {
    /// An empty queue.
    #[must_use]
    pub const fn new() -> Self {
        Self { packets: Deque::new(), lost: 0 }
    }

    /// Puts a packet behind the others, in place of the oldest if the queue is full.
    ///
    /// # Errors
    /// [`QueueError::TooLong`]; the queue stays as it was.
    pub fn push(&mut self, packet: &[u8]) -> Result<(), QueueError> {
        let buffer = Vec::from_slice(packet).map_err(|_| QueueError::TooLong { bytes: packet.len() })?;
        if self.packets.is_full() {
            self.packets.pop_front();
            self.lost = self.lost.saturating_add(1);
        }
        // There is room now.
        let _ = self.packets.push_back(buffer);
        Ok(())
    }

    /// The oldest packet, which stays: until a radio has acknowledged it, it may have to be sent again.
    #[must_use]
    pub fn front(&self) -> Option<&[u8]> {
        self.packets.front().map(Vec::as_slice)
    }

    /// Takes the oldest packet out.
    pub fn pop(&mut self) -> Option<PacketBuffer<BYTES>> {
        self.packets.pop_front()
    }

    /// Packets that wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.packets.len()
    }

    /// Whether no packet waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.packets.is_empty()
    }

    /// Packets so far that were lost because the queue was full.
    #[must_use]
    pub fn lost(&self) -> u32 {
        self.lost
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_that_is_too_long_is_refused_and_costs_no_other() {
        let mut queue: PacketQueue<4, 2> = PacketQueue::new();
        assert_eq!(queue.push(&[1, 2]), Ok(()));
        assert_eq!(queue.push(&[0; 5]), Err(QueueError::TooLong { bytes: 5 }));
        assert_eq!((queue.len(), queue.lost(), queue.is_empty()), (1, 0, false));
        assert_eq!(queue.pop().as_deref(), Some([1, 2].as_slice()));
        assert_eq!((queue.pop(), queue.front()), (None, None));
    }
}
