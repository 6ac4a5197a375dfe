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

/// Blends the counts of `codes`, `[points, symbols]`, into `averages`, `[symbols, most codes]`.
pub(super) fn blend_rows(averages: &mut Tensor, codes: &Tensor, decay: f64) {
    let (symbols, most) = (averages.size()[0], averages.size()[1]);
    let row = Tensor::arange(symbols, (Kind::Int64, codes.device())) * most;
    let now = counts(&(codes + row).flatten(0, -1), symbols * most);
    blend(averages, &now.view([symbols, most]), decay);
}

/// The entropy of use in bits: what a code would cost if it were coded by how often it is used alone.
pub(super) fn entropy_bits(count: &Tensor) -> f64 {
    let total = count.sum(Kind::Float).clamp_min(f64::from(f32::MIN_POSITIVE));
    let share = count / total;
    // The limit of p·log p at 0 is 0.
    let terms = &share * share.clamp_min(f64::from(f32::MIN_POSITIVE)).log2();
    -terms.sum(Kind::Float).double_value(&[])
}

/// Which codes are chosen less often than `below` times an even share.
pub(super) fn dead(count: &Tensor, below: f64) -> Tensor {
    count.lt_tensor(&(count.mean(Kind::Float) * below))
}

/// How many codes are chosen less often than `below` times an even share.
pub(super) fn dead_of(count: &Tensor, below: f64) -> usize {
    usize::try_from(dead(count, below).sum(Kind::Int64).int64_value(&[])).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entropy_by_hand() {
        let even = Tensor::from_slice(&[3.0f32, 3.0, 3.0, 3.0]);
        let one = Tensor::from_slice(&[0.0f32, 0.0, 9.0, 0.0]);
        // Shares ½, ¼, ¼.
        let mixed = Tensor::from_slice(&[4.0f32, 2.0, 0.0, 2.0]);
        for (count, wanted) in [(even, 2.0), (one, 0.0), (mixed, 1.5)] {
            assert!((entropy_bits(&count) - wanted).abs() < 1e-5, "{count:?}");
        }
    }

    #[test]
    fn entropy_of_nothing_is_a_number() {
        assert_eq!(entropy_bits(&Tensor::zeros([4], (Kind::Float, tch::Device::Cpu))), 0.0);
    }

    #[test]
    fn rows_are_counted_apart() {
        let mut averages = Tensor::zeros([2, 3], (Kind::Float, tch::Device::Cpu));
        let codes = Tensor::from_slice(&[0i64, 2, 0, 2, 1, 2]).view([3, 2]);
        blend_rows(&mut averages, &codes, 0.0);
        assert_eq!(Vec::<f32>::try_from(averages.flatten(0, -1)).unwrap(), [2.0, 1.0, 0.0, 0.0, 0.0, 3.0]);
    }

    #[test]
    fn dead_is_relative_to_an_even_share() {
        // The even share is 2.5, a tenth of it 0.25.
        let count = Tensor::from_slice(&[9.0f32, 0.2, 0.3, 0.5]);
        assert_eq!(Vec::<bool>::try_from(dead(&count, 0.1)).unwrap(), [false, true, false, false]);
    }
}
