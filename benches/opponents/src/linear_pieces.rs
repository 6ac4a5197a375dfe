//! Lightweight temporal compression: straight lines that pass every sample within a bound (Schoellhammer et al., 2004).
//!
//! A line starts where the one before it ended. It grows as long as some line from there passes all samples within the bound and ends on a
//! whole count. Lengths and rises are coded by the adaptive binary coder, which the original does not have.

use crate::adaptive::{Levels, MAGNITUDE_CLASSES, magnitude_class};
use crate::coder::Coder;
use crate::units::{In, Out, Units};
use crate::{Opponent, Receiving, Sending};

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

    /// The lines through samples.
    fn fit(&self, samples: &[i32], offset: i32) -> PiecesUnits<'_> {
        let mut units = self.unknown(samples.len(), offset);
        let Some((&first, mut rest)) = samples.split_first() else { return units };
        units.first = i64::from(first);
        let mut start = units.first;
        while !rest.is_empty() {
            let piece = longest(start, rest, i64::from(self.bound));
            (start, rest) = (piece.end, &rest[piece.length..]);
            units.pieces.push(piece);
        }
        units.most = units.pieces.len() + 1;
        units
    }

    /// No lines yet, for so many samples.
    fn unknown(&self, length: usize, offset: i32) -> PiecesUnits<'_> {
        let offset = i64::from(offset);
        let (state, pieces) = (self.start.clone(), Vec::new());
        PiecesUnits { codec: self, length, most: length, offset, first: offset, pieces, state, fresh: true }
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
        let mut units = self.fit(samples, offset);
        units.learn();
        self.start = units.state;
    }

    fn sending<'a>(&'a self, samples: &'a [i32], offset: i32) -> Box<dyn Sending + 'a> {
        Box::new(Out::new(self.fit(samples, offset)))
    }

    fn receiving<'a>(&'a self, length: usize, offset: i32) -> Box<dyn Receiving + 'a> {
        Box::new(In(self.unknown(length, offset)))
    }
}

/// Lines on their way, one a unit; unit 0 is the first sample.
struct PiecesUnits<'a> {
    codec: &'a LinearPieces,
    length: usize,
    /// Units that there are, or may be.
    most: usize,
    offset: i64,
    first: i64,
    pieces: Vec<Piece>,
    state: Levels,
    fresh: bool,
}

impl PiecesUnits<'_> {
    /// Where the line of a unit starts, and where the first sample is.
    fn start_of(&self, unit: usize) -> i64 {
        unit.checked_sub(2).map_or(self.first, |before| self.pieces[before].end)
    }
}

impl Units for PiecesUnits<'_> {
    fn units(&self) -> usize {
        self.most
    }

    fn start_packet(&mut self) {
        self.state.clone_from(&self.codec.start);
        self.fresh = true;
    }

    fn unit(&mut self, unit: usize, coder: &mut dyn Coder) {
        let mut start = self.start_of(unit);
        if std::mem::take(&mut self.fresh) {
            start = self.offset.saturating_add(self.state.code(start - self.offset, START, coder));
        }
        let Some(index) = unit.checked_sub(1) else {
            self.first = start;
            return;
        };
        let told = self.pieces.get(index).copied().unwrap_or(Piece { length: 1, end: start });
        let length = self.state.code(told.length as i64, LENGTH, coder).max(1) as usize;
        let rise = RISE + magnitude_class(2 * length as u64);
        let piece = Piece { length, end: start.saturating_add(self.state.code(told.end - start, rise, coder)) };
        match self.pieces.get_mut(index) {
            Some(place) => *place = piece,
            None => self.pieces.push(piece),
        }
    }

    fn samples(&self) -> Vec<i32> {
        let mut start = self.first;
        let mut decoded = vec![start];
        for &piece in &self.pieces {
            decoded.extend((1..=piece.length).map(|time| interpolated(start, piece, time)));
            start = piece.end;
        }
        decoded.truncate(self.length);
        decoded.into_iter().map(|value| value.clamp(i64::from(i32::MIN), i64::from(i32::MAX)) as i32).collect()
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
            let coded = LinearPieces::new(bound).code(&samples, 0, 0, Limit::PacketBytes(64));
            prop_assert_eq!(coded.samples.len(), samples.len());
            prop_assert!(samples.iter().zip(&coded.samples).all(|(x, y)| x.abs_diff(*y) <= bound));
        }

        #[test]
        fn bounds_hold_at_full_scale(samples in prop::collection::vec(any::<i32>(), 1..50), bound in 0u32..60) {
            let coded = LinearPieces::new(bound).code(&samples, 0, 0, Limit::Stream);
            prop_assert!(samples.iter().zip(&coded.samples).all(|(x, y)| x.abs_diff(*y) <= bound));
        }
    }

    #[test]
    fn a_triangle_is_a_line_a_side() {
        let triangle: Vec<i32> = (0..=400).map(|time: i32| 100 - (time % 200 - 100).abs()).collect();
        let codec = LinearPieces::new(0);
        let coding = codec.fit(&triangle, 0);
        assert_eq!(coding.pieces.len(), 4);
        assert_eq!(coding.samples(), triangle);
    }
}
