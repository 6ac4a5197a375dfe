//! How packets number their hops, and where a packet belongs that says a number.
//!
//! Index 0 is the first hop of a stream and of nothing else; hop `n ≥ 1` has index `1 + (n − 1) mod cycle`. So a packet of index 0
//! always begins a stream, however long the stream before it was.

/// The length of a packet's hop index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum IndexForm {
    /// 24 bits.
    #[default]
    Long,
    /// 16 bits, for links of 64 bytes or less: one byte less per packet, and gaps of up to 32 767 hops.
    Short,
}

impl IndexForm {
    /// Bytes of an index.
    #[must_use]
    pub const fn bytes(self) -> usize {
        match self {
            Self::Long => 3,
            Self::Short => 2,
        }
    }

    /// Hops after which indices repeat, which is also the largest index: 2^24 − 1 or 2^16 − 1.
    #[must_use]
    pub const fn cycle(self) -> u32 {
        (1 << (8 * self.bytes())) - 1
    }

    /// The index of a hop, counted from the start of its stream.
    #[must_use]
    pub const fn index(self, hop: u64) -> u32 {
        // The cycle is a power of two less one: hops that differ by it have the same sum of digits.
        let mut rest = hop;
        while rest > self.cycle() as u64 {
            rest = (rest & self.cycle() as u64) + (rest >> (8 * self.bytes()));
        }
        rest as u32
    }

    /// The index of the hop that comes so many behind the one of this index.
    #[must_use]
    pub(crate) const fn later(self, index: u32, hops: u32) -> u32 {
        let mut rest = index.saturating_add(hops);
        while rest > self.cycle() {
            rest -= self.cycle();
        }
        rest
    }

    /// The hop of index `index` that is at or shortly after `expected`, which is not 0; `None` for one that lies before it, and for the first of
    /// a stream.
    #[must_use]
    pub const fn ahead(self, expected: u64, index: u32) -> Option<u64> {
        if index == 0 {
            return None;
        }
        let next = self.index(expected);
        let distance = if index >= next { index - next } else { (index + self.cycle()).saturating_sub(next) };
        if distance > self.cycle() / 2 { None } else { Some(expected.saturating_add(distance as u64)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn an_index_is_that_of_the_definition(hop: u64, short: bool) {
            let form = if short { IndexForm::Short } else { IndexForm::Long };
            let expected = hop.checked_sub(1).map_or(0, |before| 1 + before % u64::from(form.cycle()));
            prop_assert_eq!(u64::from(form.index(hop)), expected);
            // Indices go on from indices as hops from hops.
            prop_assert_eq!(form.index(u64::from(form.index(hop / 2)) + 77), form.index(hop / 2 + 77));
        }

        #[test]
        fn what_is_ahead_is_found_and_what_is_behind_is_not(hop in 1u64..1 << 40, distance in 0u64..1 << 23, short: bool) {
            let form = if short { IndexForm::Short } else { IndexForm::Long };
            let distance = distance % u64::from(form.cycle() / 2);
            prop_assert_eq!(form.ahead(hop, form.index(hop + distance)), Some(hop + distance));
            if let Some(before) = hop.checked_sub(distance + 1) {
                prop_assert_eq!(form.ahead(hop, form.index(before)), None);
            }
        }
    }

    #[test]
    fn only_the_first_hop_has_index_0() {
        for form in [IndexForm::Long, IndexForm::Short] {
            let cycle = u64::from(form.cycle());
            assert_eq!([0, 1, cycle, cycle + 1].map(|hop| u64::from(form.index(hop))), [0, 1, cycle, 1]);
            assert_eq!(form.ahead(cycle + 1, 0), None);
        }
    }
}
