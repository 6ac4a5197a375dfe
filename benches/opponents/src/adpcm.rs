//! IMA ADPCM: four bits per sample, whatever the signal (*Recommended practices for enhancing digital audio compatibility*, Interactive
//! Multimedia Association, 1992).

use crate::coder::Coder;
use crate::units::{In, Out, Units};
use crate::{Opponent, Receiving, Sending};

/// Step sizes in counts: each 1.1 times the one before.
const STEPS: [i32; 89] = [
    7, 8, 9, 10, 11, 12, 13, 14, 16, 17, 19, 21, 23, 25, 28, 31, 34, 37, 41, 45, 50, 55, 60, 66, 73, 80, 88, 97, 107,
    118, 130, 143, 157, 173, 190, 209, 230, 253, 279, 307, 337, 371, 408, 449, 494, 544, 598, 658, 724, 796, 876, 963,
    1060, 1166, 1282, 1411, 1552, 1707, 1878, 2066, 2272, 2499, 2749, 3024, 3327, 3660, 4026, 4428, 4871, 5358, 5894,
    6484, 7132, 7845, 8630, 9493, 10_442, 11_487, 12_635, 13_899, 15_289, 16_818, 18_500, 20_350, 22_385, 24_623,
    27_086, 29_794, 32_767,
];

/// How a magnitude of 0 to 7 moves the step.
const MOVES: [isize; 8] = [-1, -1, -1, -1, 2, 4, 6, 8];

/// Bits of a packet's first sample, and of the step and the shift behind it.
const START_BITS: [u32; 3] = [16, 8, 8];

/// The codec; it has no settings.
#[derive(Debug, Clone, Copy, Default)]
pub struct Adpcm;

impl Opponent for Adpcm {
    fn name(&self) -> String {
        "IMA ADPCM".into()
    }

    fn sending<'a>(&'a self, samples: &'a [i32], offset: i32) -> Box<dyn Sending + 'a> {
        let centred: Vec<i64> = samples.iter().map(|&sample| i64::from(sample) - i64::from(offset)).collect();
        let widest = centred.iter().map(|sample| sample.unsigned_abs()).max().unwrap_or(0);
        // The code is of 16-bit samples: what is wider loses its lowest bits.
        let shift = (u64::BITS - widest.leading_zeros()).saturating_sub(15);
        let narrow = |sample: &i64| (sample >> shift).clamp(-32_768, 32_767) as i32;
        let told = centred.iter().map(narrow).collect();
        Box::new(Out::new(AdpcmUnits { told, shift, ..AdpcmUnits::unknown(samples.len(), offset) }))
    }

    fn receiving<'a>(&'a self, length: usize, offset: i32) -> Box<dyn Receiving + 'a> {
        Box::new(In(AdpcmUnits::unknown(length, offset)))
    }
}

/// Samples on their way, one a unit.
struct AdpcmUnits {
    /// Samples of 16 bits, where they are known.
    told: Vec<i32>,
    length: usize,
    offset: i32,
    shift: u32,
    decoded: Vec<i32>,
    /// The decoded sample before, of 16 bits; `None` at a packet's start.
    last: Option<i32>,
    index: usize,
}

impl AdpcmUnits {
    fn unknown(length: usize, offset: i32) -> Self {
        let (told, decoded) = (Vec::new(), Vec::with_capacity(length));
        Self { told, length, offset, shift: 0, decoded, last: None, index: 0 }
    }

    /// The first sample of a packet, and what the others need.
    fn start(&mut self, sample: i32, coder: &mut dyn Coder) -> i32 {
        let told = [u64::from(sample as u16), self.index as u64, u64::from(self.shift)];
        let [sample, index, shift] = std::array::from_fn(|field| coder.plain(told[field], START_BITS[field]));
        self.index = (index as usize).min(STEPS.len() - 1);
        self.shift = (shift as u32).min(32);
        i32::from(sample as u16 as i16)
    }

    /// A sign and three bits of magnitude.
    fn next(&mut self, sample: i32, last: i32, coder: &mut dyn Coder) -> i32 {
        let step = STEPS[self.index];
        let told = (u64::from(sample < last) << 3) | ((sample - last).abs() * 4 / step).min(7) as u64;
        let code = coder.plain(told, 4);
        let magnitude = (code & 7) as i32;
        let change = step / 8 + magnitude * step / 4;
        self.index = self.index.saturating_add_signed(MOVES[magnitude as usize]).min(STEPS.len() - 1);
        let value = if code & 8 != 0 { last - change } else { last + change };
        value.clamp(-32_768, 32_767)
    }
}

impl Units for AdpcmUnits {
    fn units(&self) -> usize {
        self.length
    }

    fn start_packet(&mut self) {
        self.last = None;
    }

    fn unit(&mut self, unit: usize, coder: &mut dyn Coder) {
        let told = self.told.get(unit).copied().unwrap_or(0);
        let value = match self.last {
            None => self.start(told, coder),
            Some(last) => self.next(told, last, coder),
        };
        self.last = Some(value);
        let count = (i64::from(value) << self.shift) + i64::from(self.offset);
        self.decoded.truncate(unit);
        self.decoded.push(count.clamp(i64::from(i32::MIN), i64::from(i32::MAX)) as i32);
    }

    fn samples(&self) -> Vec<i32> {
        self.decoded.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Limit;

    #[test]
    fn a_slow_tone_is_followed_at_four_bits() {
        let tone: Vec<i32> = (0..8000).map(|time| 1024 + (8000.0 * (f64::from(time) * 0.02).sin()) as i32).collect();
        let coded = Adpcm.code(&tone, 1024, 0, Limit::Stream);
        assert_eq!(coded.ideal_bits, 32.0 + 4.0 * 7999.0);
        let squares: f64 = tone.iter().zip(&coded.samples).map(|(x, y)| f64::from(x - y).powi(2)).sum();
        let noise_ratio = squares / tone.iter().map(|x| f64::from(x - 1024).powi(2)).sum::<f64>();
        assert!(noise_ratio < 1e-3, "{noise_ratio}");
    }

    #[test]
    fn the_extremes_survive() {
        let samples = [i32::MIN, i32::MAX, 0, i32::MAX, i32::MIN];
        assert_eq!(Adpcm.code(&samples, i32::MAX, 0, Limit::PacketBytes(20)).samples.len(), 5);
    }
}
