//! A coding as one stream, or cut into packets that decode alone.

use crate::Coded;

/// Bytes of header and checksum that a packet of an opponent pays: as many as a packet of microvq may have.
pub const HEADER_BYTES: usize = 9;

/// How much may depend on what was sent before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// Everything: one stream without headers.
    Stream,
    /// Nothing beyond a packet of at most this many bytes.
    PacketBytes(usize),
}

/// A signal on its way: a sequence of units, each coded after those before it in its packet.
pub trait Coding {
    /// Number of units.
    fn units(&self) -> usize;

    /// Forgets what was coded: the next unit is the first of a packet.
    fn start_packet(&mut self);

    /// Codes a unit and gives its bits. Units come in order; one may come again after [`Coding::start_packet`].
    fn unit(&mut self, unit: usize) -> f64;

    /// Codes all units as one stream and gives their bits.
    fn stream(&mut self) -> f64 {
        (0..self.units()).map(|unit| self.unit(unit)).sum()
    }

    /// What the coded units decode to, `[time]`.
    fn decoded(&mut self) -> Vec<i32>;
}

/// Codes all units. A unit that alone is longer than a packet gets a packet of its own length.
pub(crate) fn code(mut coding: Box<dyn Coding + '_>, limit: Limit) -> Coded {
    let (bits, packets) = match limit {
        Limit::Stream => (coding.stream(), 1),
        Limit::PacketBytes(bytes) => in_packets(&mut *coding, bytes.saturating_sub(HEADER_BYTES)),
    };
    Coded { bits, packets, samples: coding.decoded() }
}

fn in_packets(coding: &mut dyn Coding, body_bytes: usize) -> (f64, usize) {
    let (mut bytes, mut packets, mut open) = (0, 0, 0.0);
    let whole = |bits: f64| (bits / 8.0).ceil() as usize;
    for unit in 0..coding.units() {
        let longer = if packets == 0 { f64::INFINITY } else { open + coding.unit(unit) };
        open = if whole(longer) <= body_bytes {
            longer
        } else {
            bytes += if packets == 0 { 0 } else { whole(open) };
            packets += 1;
            coding.start_packet();
            coding.unit(unit)
        };
    }
    let bytes = bytes + whole(open) + packets * HEADER_BYTES;
    (bytes as f64 * 8.0, packets)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Units of ten bits each, the first of a packet of twenty.
    struct Tens {
        units: usize,
        fresh: bool,
    }

    impl Coding for Tens {
        fn units(&self) -> usize {
            self.units
        }

        fn start_packet(&mut self) {
            self.fresh = true;
        }

        fn unit(&mut self, _unit: usize) -> f64 {
            if std::mem::take(&mut self.fresh) { 20.0 } else { 10.0 }
        }

        fn decoded(&mut self) -> Vec<i32> {
            vec![0; self.units]
        }
    }

    fn tens(units: usize, limit: Limit) -> (f64, usize) {
        let coded = code(Box::new(Tens { units, fresh: true }), limit);
        (coded.bits, coded.packets)
    }

    #[test]
    fn a_stream_has_no_headers() {
        assert_eq!(tens(5, Limit::Stream), (60.0, 1));
    }

    #[test]
    fn packets_are_filled_and_pay_headers_and_whole_bytes() {
        // 20 + 10 + 10 bits are the five bytes that fit behind a header.
        assert_eq!(tens(3, Limit::PacketBytes(14)), (14.0 * 8.0, 1));
        assert_eq!(tens(4, Limit::PacketBytes(14)), ((14.0 + 12.0) * 8.0, 2));
        assert_eq!(tens(6, Limit::PacketBytes(14)), (2.0 * 14.0 * 8.0, 2));
    }

    #[test]
    fn what_fits_no_packet_travels_alone() {
        assert_eq!(tens(2, Limit::PacketBytes(10)), (2.0 * 12.0 * 8.0, 2));
        assert_eq!(tens(0, Limit::PacketBytes(10)), (0.0, 0));
    }
}
