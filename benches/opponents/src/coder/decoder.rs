//! The direction that reads.

use super::{BOTTOM, Coder, zeros};

/// Reads decisions. Any bytes decode to something: those of an encoder to what it was told.
#[derive(Debug, Clone)]
pub struct Decoder<'b> {
    rest: std::slice::Iter<'b, u8>,
    code: u32,
    range: u32,
}

impl<'b> Decoder<'b> {
    /// Starts at the first byte.
    pub fn new(bytes: &'b [u8]) -> Self {
        let mut this = Self { rest: bytes.iter(), code: 0, range: u32::MAX };
        (0..4).for_each(|_| this.take_byte());
        this
    }

    fn take_byte(&mut self) {
        self.code = self.code << 8 | u32::from(self.rest.next().copied().unwrap_or(0));
    }
}

impl Coder for Decoder<'_> {
    fn decide(&mut self, _told: bool, zero: u32) -> bool {
        let zeros = zeros(self.range, zero);
        let one = self.code >= zeros;
        if one {
            self.code -= zeros;
            self.range -= zeros;
        } else {
            self.range = zeros;
        }
        while self.range < BOTTOM {
            self.range <<= 8;
            self.take_byte();
        }
        one
    }
}
