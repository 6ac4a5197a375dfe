//! Packets of a stretch, kept.

/// Bytes of all packets: of 2048 samples none is longer than two bytes a sample.
const BYTES: usize = 4096;

/// Packets, each behind its length.
#[derive(Debug)]
pub struct Packets {
    bytes: [u8; BYTES],
    length: usize,
    overflowed: bool,
}

impl Packets {
    /// None.
    #[must_use]
    pub const fn new() -> Self {
        Self { bytes: [0; BYTES], length: 0, overflowed: false }
    }

    /// Forgets them.
    pub(crate) fn clear(&mut self) {
        (self.length, self.overflowed) = (0, false);
    }

    /// Keeps one more, if there is room.
    pub(crate) fn push(&mut self, packet: &[u8]) {
        let end = self.length + 2 + packet.len();
        let place = self.bytes.get_mut(self.length..end).and_then(<[u8]>::split_first_chunk_mut);
        let Some((length, bytes)) = place else {
            self.overflowed = true;
            return;
        };
        *length = (packet.len() as u16).to_le_bytes();
        bytes.copy_from_slice(packet);
        self.length = end;
    }

    /// Whether one found no room.
    pub(crate) fn overflowed(&self) -> bool {
        self.overflowed
    }

    /// All of them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let mut rest = self.bytes.get(..self.length).unwrap_or_default();
        core::iter::from_fn(move || {
            let (length, after) = rest.split_first_chunk()?;
            let (packet, after) = after.split_at_checked(usize::from(u16::from_le_bytes(*length)))?;
            rest = after;
            Some(packet)
        })
    }
}

impl Default for Packets {
    fn default() -> Self {
        Self::new()
    }
}
