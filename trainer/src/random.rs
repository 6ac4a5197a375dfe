//! Randomness that needs no saving: every step has a stream of its own.
//!
//! ChaCha gives 2⁶⁴ independent streams per seed. Step `n` of a run draws from stream `n`, so the pair of seed and step,
//! which a checkpoint holds anyway, is the whole state of the generator and of the position in the data. libtorch's own
//! generator, one for the whole process, is not used.

use std::f64::consts::TAU;

use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};
use tch::Tensor;

/// The stream that the first weights are drawn from: no step has this number.
const BEGINNING: u64 = u64::MAX;

/// The generator of one training step.
pub fn for_step(seed: u64, step: usize) -> ChaCha8Rng {
    stream(seed, step as u64)
}

/// The generator of what happens before the first step.
pub fn for_beginning(seed: u64) -> ChaCha8Rng {
    stream(seed, BEGINNING)
}

fn stream(seed: u64, stream: u64) -> ChaCha8Rng {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    random.set_stream(stream);
    random
}

/// A tensor of numbers evenly spread over [0, 1), on the CPU.
pub fn uniform(sizes: &[i64], random: &mut ChaCha8Rng) -> Tensor {
    let values: Vec<f32> = (0..sizes.iter().product()).map(|_| random.random()).collect();
    Tensor::from_slice(&values).view(sizes)
}

/// A tensor of normally distributed numbers of mean 0 and variance 1, on the CPU.
pub fn normal(sizes: &[i64], random: &mut ChaCha8Rng) -> Tensor {
    // Box and Muller's transform; 1 − u is never 0.
    let radius = ((uniform(sizes, random) * -1.0 + 1.0).log() * -2.0).sqrt();
    radius * (uniform(sizes, random) * TAU).cos()
}

#[cfg(test)]
mod tests {
    use tch::Kind;

    use super::*;

    #[test]
    fn moments_of_the_distributions() {
        let mut random = for_step(5, 0);
        let moment = |values: &Tensor, power: i64| values.pow_tensor_scalar(power).mean(Kind::Float).double_value(&[]);
        let even = uniform(&[100, 1000], &mut random);
        assert!((moment(&even, 1) - 0.5).abs() < 0.01 && (moment(&even, 2) - 1.0 / 3.0).abs() < 0.01);
        let bell = normal(&[100, 1000], &mut random);
        let moments = [1, 2, 3, 4].map(|power| moment(&bell, power));
        for (got, wanted) in moments.iter().zip([0.0, 1.0, 0.0, 3.0]) {
            assert!((got - wanted).abs() < 0.1, "{moments:?}");
        }
        assert!(bell.isfinite().all().int64_value(&[]) == 1);
    }

    #[test]
    fn a_step_always_draws_the_same_and_no_two_steps_do() {
        let draw = |seed, step| uniform(&[8], &mut for_step(seed, step));
        assert!(draw(1, 7).equal(&draw(1, 7)));
        assert!(!draw(1, 7).equal(&draw(1, 8)));
        assert!(!draw(1, 7).equal(&draw(2, 7)));
        assert!(!draw(1, 7).equal(&uniform(&[8], &mut for_beginning(1))));
    }
}
