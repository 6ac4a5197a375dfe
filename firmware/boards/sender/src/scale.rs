//! From a converter's counts to those that the model was trained on.

/// What a converter's readings mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sensor {
    /// The reading at physical zero.
    pub zero: i32,
    /// How much a reading rises with one unit of the model's (for an ECG, one millivolt), amplifiers included.
    pub counts_per_unit: u32,
}

/// A sensor's readings as a model's samples: shifted and multiplied, in integers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scale {
    zero: i32,
    offset: i32,
    /// The model's counts per count of the sensor, in 2^−16.
    gain: i64,
}

impl Scale {
    /// For a model whose channel has this offset and these counts per unit, as a fraction; `None` if they say nothing.
    pub(crate) fn new(sensor: Sensor, offset: i32, (numerator, denominator): (u64, u64)) -> Option<Self> {
        let of_sensor = denominator.checked_mul(u64::from(sensor.counts_per_unit))?;
        let gain = u128::from(numerator).checked_shl(16)?.checked_div(u128::from(of_sensor))?;
        let gain = i32::try_from(gain).ok().filter(|gain| *gain > 0)?;
        Some(Self { zero: sensor.zero, offset, gain: i64::from(gain) })
    }

    /// The model's sample for a reading.
    #[must_use]
    pub fn sample(&self, reading: i32) -> i32 {
        let distance = i64::from(reading.saturating_sub(self.zero));
        let sample = i64::from(self.offset) + ((distance * self.gain + (1 << 15)) >> 16);
        sample.clamp(i64::from(i32::MIN), i64::from(i32::MAX)) as i32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_millivolt_is_a_millivolt() {
        let sensor = Sensor { zero: 2048, counts_per_unit: 1365 };
        let scale = Scale::new(sensor, 1024, (200, 1)).unwrap();
        assert_eq!(scale.sample(2048), 1024);
        assert_eq!(scale.sample(2048 + 1365), 1224);
        assert_eq!(scale.sample(2048 - 1365), 824);
    }

    #[test]
    fn what_says_nothing_is_refused() {
        let sensor = Sensor { zero: 0, counts_per_unit: 0 };
        assert_eq!(Scale::new(sensor, 0, (200, 1)), None);
        assert_eq!(Scale::new(Sensor { counts_per_unit: 1, ..sensor }, 0, (0, 1)), None);
        assert_eq!(Scale::new(Sensor { counts_per_unit: 1, ..sensor }, 0, (u64::MAX, 1)), None);
    }
}
