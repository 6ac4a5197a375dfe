//! An adaptive linear filter: normalised least mean squares (Widrow and Hoff 1960, Nagumo and Noda 1967).

/// Differences that are looked back at.
const TAPS: usize = 8;

/// How far a step goes towards the weights that would have been right.
const RATE: f64 = 0.005;

/// Predicts the next difference of a signal from those before it.
#[derive(Debug, Clone)]
pub(super) struct Nlms {
    weights: [f64; TAPS],
    /// Newest first.
    past: [f64; TAPS],
}

impl Nlms {
    pub(super) fn new() -> Self {
        Self { weights: [0.0; TAPS], past: [0.0; TAPS] }
    }

    /// Forgets the signal and keeps the weights.
    pub(super) fn restart(&mut self) {
        self.past = [0.0; TAPS];
    }

    fn expected(&self) -> f64 {
        self.weights.iter().zip(&self.past).map(|(weight, past)| weight * past).sum()
    }

    /// The difference that is expected next.
    pub(super) fn predict(&self) -> i64 {
        self.expected().round_ties_even() as i64
    }

    /// Learns from the difference that came.
    pub(super) fn update(&mut self, difference: i64) {
        let difference = difference as f64;
        let energy: f64 = 1.0 + self.past.iter().map(|past| past * past).sum::<f64>();
        let step = RATE * (difference - self.expected()) / energy;
        self.weights.iter_mut().zip(&self.past).for_each(|(weight, past)| *weight += step * past);
        self.past.rotate_right(1);
        self.past[0] = difference;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alternating_signal_is_learned() {
        let mut filter = Nlms::new();
        (0..3000).for_each(|time| filter.update(if time % 2 == 0 { 100 } else { -100 }));
        assert!(filter.predict() >= 99);
        filter.restart();
        assert_eq!(filter.predict(), 0);
    }
}
