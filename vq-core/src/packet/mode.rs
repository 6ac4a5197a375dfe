//! What a packet promises about the samples in it.

/// The largest bound of an error, in counts.
pub const MAX_BOUND: u32 = (1 << 21) - 1;

/// How closely decoded samples follow what was encoded. It may change from packet to packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Mode {
    /// The nets, as well as the quality allows; nothing is promised.
    #[default]
    BestEffort,
    /// Every sample is within so many counts of what was encoded: 1..=[`MAX_BOUND`]. Prediction, without the nets.
    Bounded(u32),
    /// Every sample is exact.
    Lossless,
}

impl Mode {
    /// The mode that keeps a bound in counts, which is clamped to [`MAX_BOUND`]: lossless for 0.
    #[must_use]
    pub const fn within(bound: u32) -> Self {
        match bound {
            0 => Self::Lossless,
            1..=MAX_BOUND => Self::Bounded(bound),
            _ => Self::Bounded(MAX_BOUND),
        }
    }

    /// The most by which a sample may differ, in counts; `None` where nothing is promised.
    #[must_use]
    pub const fn bound(self) -> Option<u32> {
        match self {
            Self::BestEffort => None,
            Self::Bounded(bound) => Some(bound),
            Self::Lossless => Some(0),
        }
    }
}
