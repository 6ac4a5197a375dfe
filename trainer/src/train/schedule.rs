//! The learning rate over a run: a straight rise, then half a cosine.

use std::f64::consts::PI;

use crate::config::TrainingConfig;

/// The learning rate of `step`, counted from 0.
pub fn learning_rate(training: &TrainingConfig, step: usize) -> f64 {
    let warmup = training.learning_rate_warmup * training.steps as f64;
    let step = step as f64;
    if step < warmup {
        // The first step already moves.
        return training.learning_rate * ((step + 1.0) / (warmup + 1.0)).min(1.0);
    }
    let progress = ((step - warmup) / (training.steps as f64 - warmup).max(1.0)).min(1.0);
    let low = training.learning_rate_final;
    training.learning_rate * (low + (1.0 - low) * 0.5 * (1.0 + (PI * progress).cos()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rises_to_the_highest_then_falls_to_the_last() {
        let training = TrainingConfig {
            steps: 1000,
            learning_rate: 0.01,
            learning_rate_warmup: 0.1,
            learning_rate_final: 0.05,
            ..TrainingConfig::default()
        };
        let at = |step| learning_rate(&training, step);
        assert!(at(0) > 0.0 && at(0) < 0.0002);
        assert!((at(50) - 0.005).abs() < 0.0001);
        assert!((at(100) - 0.01).abs() < 1e-9);
        assert!((at(550) - 0.01 * (0.05 + 0.95 / 2.0)).abs() < 1e-9);
        assert!((at(1000) - 0.0005).abs() < 1e-9);
        for step in 0..100 {
            assert!(at(step) < at(step + 1));
        }
        for step in 100..999 {
            assert!(at(step) > at(step + 1));
        }
    }

    #[test]
    fn no_warm_up_and_a_single_step_are_numbers() {
        let training = TrainingConfig { steps: 1, learning_rate_warmup: 0.0, ..TrainingConfig::default() };
        assert_eq!(learning_rate(&training, 0), training.learning_rate);
        let training = TrainingConfig { steps: 4, learning_rate_warmup: 1.0, ..TrainingConfig::default() };
        assert!(learning_rate(&training, 3) <= training.learning_rate);
    }
}
