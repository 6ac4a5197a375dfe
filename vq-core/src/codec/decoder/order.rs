//! Where a packet belongs: behind the one before it, behind a gap, or to a stream that begins anew.

use crate::packet::{Header, IndexForm, PacketError};

/// As many old packets in a row, each of which begins where the one before it ended, are a new stream.
const OLD_PACKETS_OF_A_NEW_STREAM: u8 = 4;

/// What the decoder knows of the packets so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Order {
    /// The hop that is expected next; `None` before the first packet.
    next: Option<u64>,
    /// The checksum of the stream's first packet, if it arrived.
    first_checksum: Option<u16>,
    /// Old packets that followed each other since the last one that was taken, and the index behind the newest of them.
    old: u8,
    old_end: u32,
}

/// Where a packet belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// It is the first: the stream is heard from this hop on.
    First(u64),
    /// Its first hop is the one that was expected.
    Next(u64),
    /// Its first hop lies behind others that were expected.
    AfterGap(u64),
    /// It is of another stream than those before: the device began anew.
    NewStream(u64),
}

impl Place {
    /// The packet's first hop.
    pub(super) fn hop(self) -> u64 {
        match self {
            Self::First(hop) | Self::Next(hop) | Self::AfterGap(hop) | Self::NewStream(hop) => hop,
        }
    }
}

impl Order {
    /// The hop that is expected next.
    pub(super) fn next(&self) -> Option<u64> {
        self.next
    }

    /// Notes that the hops before this one were decoded.
    pub(super) fn advance(&mut self, next: u64) {
        self.next = Some(next);
    }

    /// Finds the place of a packet with this checksum, and takes it there.
    ///
    /// # Errors
    /// [`PacketError::Stale`] for a packet that was decoded, or whose time has passed.
    pub(super) fn place(&mut self, header: &Header, checksum: u16) -> Result<Place, PacketError> {
        let Header { form, first_hop, .. } = *header;
        let hop = u64::from(first_hop);
        let place = match self.next {
            None => Place::First(hop),
            Some(next) => match form.ahead(next, first_hop) {
                Some(hop) if hop == next => Place::Next(hop),
                Some(hop) => Place::AfterGap(hop),
                None if self.is_new_stream(header, checksum) => Place::NewStream(hop),
                None => return Err(PacketError::Stale { first_hop, expected: form.index(next) }),
            },
        };
        self.old = 0;
        match place {
            Place::First(0) | Place::NewStream(0) => self.first_checksum = Some(checksum),
            Place::First(_) | Place::NewStream(_) => self.first_checksum = None,
            Place::Next(_) | Place::AfterGap(_) => {}
        }
        Ok(place)
    }

    /// Whether an old packet is of a stream that began anew.
    fn is_new_stream(&mut self, header: &Header, checksum: u16) -> bool {
        let Header { form, first_hop, hops, .. } = *header;
        // Two packets that both begin a stream, and are not the same one.
        if first_hop == 0 && self.first_checksum.is_some_and(|first| first != checksum) {
            return true;
        }
        self.old = if self.old > 0 && self.old_end == first_hop { self.old + 1 } else { 1 };
        self.old_end = end(form, first_hop, hops);
        self.old >= OLD_PACKETS_OF_A_NEW_STREAM
    }
}

/// The index behind a packet's last hop.
fn end(form: IndexForm, first_hop: u32, hops: u32) -> u32 {
    form.index(u64::from(first_hop) + u64::from(hops))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::Mode;

    fn header(first_hop: u32) -> Header {
        Header { mode: Mode::BestEffort, quality: 9, moved: false, form: IndexForm::Long, first_hop, hops: 10 }
    }

    /// Places a packet of ten hops and, if it is taken, decodes it.
    fn take(order: &mut Order, first_hop: u32, checksum: u16) -> Result<Place, PacketError> {
        let place = order.place(&header(first_hop), checksum)?;
        order.advance(place.hop() + 10);
        Ok(place)
    }

    fn is_old(found: Result<Place, PacketError>) -> bool {
        matches!(found, Err(PacketError::Stale { .. }))
    }

    #[test]
    fn packets_follow_each_other_or_a_gap_or_are_old() {
        let mut order = Order::default();
        assert_eq!(take(&mut order, 20, 1), Ok(Place::First(20)));
        assert_eq!(take(&mut order, 30, 2), Ok(Place::Next(30)));
        assert!(is_old(take(&mut order, 30, 2)));
        assert_eq!(take(&mut order, 60, 3), Ok(Place::AfterGap(60)));
        assert!(is_old(take(&mut order, 40, 4)));
        assert!(is_old(take(&mut order, 0, 5)), "the first packet, very late");
        assert_eq!(take(&mut order, 70, 6), Ok(Place::Next(70)));
    }

    #[test]
    fn another_first_packet_is_a_new_stream_and_the_same_one_is_not() {
        let mut order = Order::default();
        assert_eq!(take(&mut order, 0, 1), Ok(Place::First(0)));
        assert!(is_old(take(&mut order, 0, 1)));
        assert_eq!(take(&mut order, 10, 2), Ok(Place::Next(10)));
        assert_eq!(take(&mut order, 0, 3), Ok(Place::NewStream(0)));
        assert_eq!(take(&mut order, 10, 4), Ok(Place::Next(10)));
        assert!(is_old(take(&mut order, 0, 3)));
    }

    #[test]
    fn without_its_first_packet_a_new_stream_shows_by_old_packets_in_a_row() {
        let mut order = Order::default();
        assert_eq!(take(&mut order, 5000, 1), Ok(Place::First(5000)));
        for first_hop in [10, 20, 40, 50, 60] {
            assert!(is_old(take(&mut order, first_hop, 1)), "{first_hop}");
        }
        assert_eq!(take(&mut order, 70, 1), Ok(Place::NewStream(70)));
        assert_eq!(take(&mut order, 80, 1), Ok(Place::Next(80)));
    }

    #[test]
    fn old_packets_between_new_ones_are_none_in_a_row() {
        let mut order = Order::default();
        assert_eq!(take(&mut order, 5000, 1), Ok(Place::First(5000)));
        for round in 0..10 {
            assert!(is_old(take(&mut order, 10 + 10 * round, 1)));
            assert!(take(&mut order, 5010 + 10 * round, 1).is_ok());
        }
    }
}
