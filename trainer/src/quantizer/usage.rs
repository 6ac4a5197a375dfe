//! How often codes are chosen, as moving averages of counts per batch.

use tch::{Kind, Tensor};

/// How many of `codes` codes were chosen how often, `[codes]`.
pub(super) fn counts(chosen: &Tensor, codes: i64) -> Tensor {
    // Unlike `bincount`, this does not wait for the device to learn the largest code.
    let float = (Kind::Float, chosen.device());
    Tensor::zeros([codes], float).index_add_(0, chosen, &Tensor::ones(chosen.size(), float))
}

/// Moves `average` towards `now`, keeping `decay` of it.
pub(super) fn blend(average: &mut Tensor, now: &Tensor, decay: f64) {
    let _ = average.lerp_(now, 1.0 - decay);
}

/// `exp` of the entropy of use over the last dimension: how many codes would be as informative if used evenly.
pub(super) fn perplexity(count: &Tensor) -> Tensor {
    let total = count.sum_dim_intlist(-1, true, Kind::Float).clamp_min(f64::from(f32::MIN_POSITIVE));
    let share = count / total;
    // The limit of p·log p at 0 is 0.
    let entropy = -(&share * share.clamp_min(f64::from(f32::MIN_POSITIVE)).log());
    entropy.sum_dim_intlist(-1, false, Kind::Float).exp()
}

/// Which codes are chosen less often than `below` times an even share.
pub(super) fn dead(count: &Tensor, below: f64) -> Tensor {
    count.lt_tensor(&(count.mean(Kind::Float) * below))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn perplexity_by_hand() {
        let even = Tensor::from_slice(&[3.0f32, 3.0, 3.0, 3.0]);
        let one = Tensor::from_slice(&[0.0f32, 0.0, 9.0, 0.0]);
        // Shares ½, ¼, ¼: entropy 1.5 bits.
        let mixed = Tensor::from_slice(&[4.0f32, 2.0, 0.0, 2.0]);
        let all = Vec::<f32>::try_from(perplexity(&Tensor::stack(&[even, one, mixed], 0))).unwrap();
        for (got, wanted) in all.iter().zip([4.0, 1.0, 2f32.powf(1.5)]) {
            assert!((got - wanted).abs() < 1e-5, "{all:?}");
        }
    }

    #[test]
    fn perplexity_of_nothing_is_a_number() {
        let nothing = Tensor::zeros([4], (Kind::Float, tch::Device::Cpu));
        assert_eq!(perplexity(&nothing).double_value(&[]), 1.0);
    }

    #[test]
    fn dead_is_relative_to_an_even_share() {
        // The even share is 2.5, a tenth of it 0.25.
        let count = Tensor::from_slice(&[9.0f32, 0.2, 0.3, 0.5]);
        assert_eq!(Vec::<bool>::try_from(dead(&count, 0.1)).unwrap(), [false, true, false, false]);
    }
}
