//! The levels of a finite scalar quantizer: one description that is trained and lowered.
//!
//! A latent `z` is bounded to `b = tanh(z + shift)·half − offset` and rounded to a whole level, which stands for
//! `level / width`, from −1 to about 1 (Mentzer et al., "Finite Scalar Quantization", 2023, appendix A.1).

/// Lets the outermost levels be reached before the bound's end.
const MARGIN: f64 = 1e-3;

/// The constants of one latent's levels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Levels {
    /// Number of levels; code `c` is level `c − width`.
    pub count: usize,
    /// Reach of the bound on either side of its middle, in levels.
    pub half: f64,
    /// By how much the middle of the bound lies below level 0: half a level where their number is even.
    pub offset: f64,
    /// Added to the latent, so that 0 becomes level 0.
    pub shift: f64,
    /// Levels below 0, and the level that stands for 1.
    pub width: f64,
}

impl Levels {
    /// The constants of `count` levels, at least 3.
    pub fn new(count: usize) -> Self {
        let half = (count as f64 - 1.0) * (1.0 + MARGIN) / 2.0;
        let offset = if count.is_multiple_of(2) { 0.5 } else { 0.0 };
        Self { count, half, offset, shift: (offset / half).atanh(), width: (count / 2) as f64 }
    }

    /// What each code stands for, ascending.
    pub fn values(&self) -> impl Iterator<Item = f64> {
        let width = self.width;
        (0..self.count).map(move |code| (code as f64 - width) / width)
    }

    /// The latents between neighbouring codes, ascending: one less than codes.
    pub fn thresholds(&self) -> impl Iterator<Item = f64> {
        let Self { half, offset, shift, width, .. } = *self;
        (1..self.count).map(move |code| ((code as f64 - 0.5 - width + offset) / half).atanh() - shift)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thresholds_lie_where_the_bound_rounds_to_the_next_level() {
        for count in 3..=32 {
            let levels = Levels::new(count);
            let code = |z: f64| {
                let bounded = (z + levels.shift).tanh() * levels.half - levels.offset;
                (bounded.round() + levels.width) as usize
            };
            for (below, threshold) in levels.thresholds().enumerate() {
                assert_eq!((code(threshold - 1e-9), code(threshold + 1e-9)), (below, below + 1), "{count} levels");
            }
            assert_eq!((levels.thresholds().count(), code(-50.0), code(50.0)), (count - 1, 0, count - 1));
            assert_eq!(code(0.0), count / 2);
        }
    }

    #[test]
    fn values_go_from_minus_one_evenly() {
        assert_eq!(Levels::new(5).values().collect::<Vec<_>>(), [-1.0, -0.5, 0.0, 0.5, 1.0]);
        assert_eq!(Levels::new(4).values().collect::<Vec<_>>(), [-1.0, -0.5, 0.0, 0.5]);
    }
}
