//! A budget of bits, as people give it: for a second, or for a sample.

use std::str::FromStr;

/// Frames that a budget is counted for: fine enough for a bit a day.
const FRAMES: u32 = 1 << 24;

/// What packets may take on average.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Bitrate {
    /// Bits a second, `300`.
    PerSecond(f64),
    /// Bits per sample of a channel, `0.4/sample`.
    PerSample(f64),
}

/// Why a bitrate is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a bitrate must be above 0, and at most 250 bits a frame")]
pub struct BitrateError;

impl Bitrate {
    /// Bits per sample of a channel.
    #[must_use]
    pub fn bits_per_sample(self, rate_millihertz: u64, channels: usize) -> f64 {
        match self {
            Self::PerSecond(bits) => bits * 1000.0 / rate_millihertz as f64 / channels as f64,
            Self::PerSample(bits) => bits,
        }
    }

    /// Bits for so many frames, as [`Options::budget`](vq_core::Options::budget) takes them.
    ///
    /// # Errors
    /// Too small or large a rate.
    pub fn budget(self, rate_millihertz: u64, channels: usize) -> Result<(u32, u32), BitrateError> {
        let bits = (self.bits_per_sample(rate_millihertz, channels) * channels as f64 * f64::from(FRAMES)).round();
        if (1.0..=f64::from(u32::MAX)).contains(&bits) { Ok((bits as u32, FRAMES)) } else { Err(BitrateError) }
    }
}

impl FromStr for Bitrate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (number, kind): (&str, fn(f64) -> Self) = match text.strip_suffix("/sample") {
            Some(number) => (number, Self::PerSample),
            None => (text, Self::PerSecond),
        };
        match number.trim_end().parse() {
            Ok(bits) if f64::is_finite(bits) && bits > 0.0 => Ok(kind(bits)),
            _ => Err("neither bits a second such as 300 nor bits per sample such as 0.4/sample".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_and_samples_are_frames() {
        let budget = |text: &str, channels| text.parse::<Bitrate>().unwrap().budget(360_000, channels);
        assert_eq!(budget("360", 1), Ok((FRAMES, FRAMES)));
        assert_eq!(budget("0.5/sample", 2), Ok((FRAMES, FRAMES)));
        assert_eq!(budget("180", 3), Ok((FRAMES / 2, FRAMES)));
        assert_eq!(budget("1e9", 1), Err(BitrateError));
        for wrong in ["", "0", "-3", "fast", "0.4/s", "inf", "nan"] {
            assert!(wrong.parse::<Bitrate>().is_err(), "{wrong}");
        }
    }
}
