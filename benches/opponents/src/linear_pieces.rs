//! Lightweight temporal compression: straight lines that pass every sample within a bound (Schoellhammer et al., 2004).
//!
//! A line starts where the one before it ended. It grows as long as some line from there passes all samples within the bound and ends on a
//! whole count. Lengths and rises are coded by the adaptive binary coder, which the original does not have.

use crate::adaptive::{Levels, MAGNITUDE_CLASSES, magnitude_class};
use crate::{Coding, Opponent};

/// Contexts: lengths, absolute starts, and rises by length.
const LENGTH: usize = 0;
const START: usize = 1;
const RISE: usize = 2;

/// A piecewise linear codec.
#[derive(Debug, Clone)]
pub struct LinearPieces {
    bound: u32,
    start: Levels,
}

/// A line from the end of the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Piece {
    length: usize,
    end: i64,
}

impl LinearPieces {
    /// With the largest error that is allowed, in counts.
    pub fn new(bound: u32) -> Self {
        Self { bound, start: Levels::new(RISE + MAGNITUDE_CLASSES) }
    }

    fn fit(&self, samples: &[i32], offset: i32) -> PiecesCoding {
        let bound = i64::from(self.bound);
        let mut pieces = Vec::new();
        let mut decoded: Vec<i32> = samples.first().copied().into_iter().collect();
        while decoded.len() < samples.len() {
            let start = i64::from(decoded[decoded.len() - 1]);
            let piece = longest(start, &samples[decoded.len()..], bound);
            let line = |time: usize| interpolated(start, piece, time).clamp(i64::from(i32::MIN), i64::from(i32::MAX));
            decoded.extend((1..=piece.length).map(|time| line(time) as i32));
            pieces.push(piece);
        }
        let first = samples.first().map(|&first| i64::from(first));
        let (state, offset) = (self.start.clone(), i64::from(offset));
        PiecesCoding { first, pieces, decoded, offset, start: self.start.clone(), state, fresh: true }
    }
}

/// The value of a line at a time after its start, rounded down from half.
fn interpolated(start: i64, piece: Piece, time: usize) -> i64 {
    let (time, length) = (time as i64, piece.length as i64);
    start + (2 * (piece.end - start) * time + length).div_euclid(2 * length)
}

/// The longest line from `start` that passes `samples` within the bound and ends on a whole count.
fn longest(start: i64, samples: &[i32], bound: i64) -> Piece {
    // Slopes as fractions: the steepest allowed fall and rise so far.
    let (mut low, mut high) = ((i64::MIN >> 24, 1), (i64::MAX >> 24, 1));
    let mut best = Piece { length: 1, end: i64::from(samples[0]) };
    for (index, &sample) in samples.iter().enumerate() {
        let time = index as i64 + 1;
        let (least, most) = (i64::from(sample) - bound - start, i64::from(sample) + bound - start);
        if wide(least, low.1) > wide(low.0, time) {
            low = (least, time);
        }
        if wide(most, high.1) < wide(high.0, time) {
            high = (most, time);
        }
        if wide(low.0, high.1) > wide(high.0, low.1) {
            break;
        }
        // Whole counts that both slopes allow here, nearest to their middle.
        let first = -(-wide(low.0, time)).div_euclid(i128::from(low.1));
        let last = wide(high.0, time).div_euclid(i128::from(high.1));
        if first <= last {
            best = Piece { length: index + 1, end: start + (first + last).div_euclid(2) as i64 };
        }
    }
    best
}

fn wide(a: i64, b: i64) -> i128 {
    i128::from(a) * i128::from(b)
}

impl Opponent for LinearPieces {
    fn name(&self) -> String {
        format!("LTC, ±{}", self.bound)
    }

    fn bound(&self) -> Option<u32> {
        Some(self.bound)
    }

    fn train(&mut self, samples: &[i32], offset: i32) {
        let mut coding = self.fit(samples, offset);
        coding.stream();
        self.start = coding.state;
    }

    fn begin<'a>(&'a self, samples: &'a [i32], offset: i32) -> Box<dyn Coding + 'a> {
        Box::new(self.fit(samples, offset))
    }
}

/// Lines on their way, one a unit; unit 0 is the first sample.
struct PiecesCoding {
    first: Option<i64>,
    pieces: Vec<Piece>,
    decoded: Vec<i32>,
    offset: i64,
    start: Levels,
    state: Levels,
    fresh: bool,
}

impl PiecesCoding {
    /// Where the line of a unit starts.
    fn start_of(&self, unit: usize) -> i64 {
        match unit.checked_sub(2) {
            Some(before) => self.pieces[before].end,
            None => self.first.unwrap_or(self.offset),
        }
    }
}

impl Coding for PiecesCoding {
    fn units(&self) -> usize {
        self.first.map_or(0, |_| self.pieces.len() + 1)
    }

    fn start_packet(&mut self) {
        self.state = self.start.clone();
        self.fresh = true;
    }

    fn unit(&mut self, unit: usize) -> f64 {
        let start = self.start_of(unit);
        let absolute = if std::mem::take(&mut self.fresh) { self.state.spend(start - self.offset, START) } else { 0.0 };
        let Some(piece) = unit.checked_sub(1).map(|index| self.pieces[index]) else { return absolute };
        let length = self.state.spend(piece.length as i64, LENGTH);
        let rise = self.state.spend(piece.end - start, RISE + magnitude_class(2 * piece.length as u64));
        absolute + length + rise
    }

    fn decoded(&mut self) -> Vec<i32> {
        std::mem::take(&mut self.decoded)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Limit;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn bounds_hold(samples in prop::collection::vec(-3000..3000, 1..300), bound in 0u32..60) {
            let coded = LinearPieces::new(bound).code(&samples, 0, Limit::PacketBytes(64));
            prop_assert_eq!(coded.samples.len(), samples.len());
            prop_assert!(samples.iter().zip(&coded.samples).all(|(x, y)| x.abs_diff(*y) <= bound));
        }

        #[test]
        fn bounds_hold_at_full_scale(samples in prop::collection::vec(any::<i32>(), 1..50), bound in 0u32..60) {
            let coded = LinearPieces::new(bound).code(&samples, 0, Limit::Stream);
            prop_assert!(samples.iter().zip(&coded.samples).all(|(x, y)| x.abs_diff(*y) <= bound));
        }
    }

    #[test]
    fn a_triangle_is_a_line_a_side() {
        let triangle: Vec<i32> = (0..=400).map(|time: i32| 100 - (time % 200 - 100).abs()).collect();
        let coding = LinearPieces::new(0).fit(&triangle, 0);
        assert_eq!(coding.pieces.len(), 4);
        assert_eq!(coding.decoded, triangle);
    }
}
