//! One codebook: the nearest vector, and how its codes follow the latents.

use rand::rngs::ChaCha8Rng;
use rand::seq::index;
use tch::{Kind, Tensor, nn};

use super::Restarted;
use super::gradient::unit;
use super::kmeans::kmeans;
use super::usage::{blend, counts, dead};
use crate::config::{CodebookUpdate, VectorConfig};

/// Below this many latents per batch a moving average says nothing, and its code stays where it is.
const LEAST_COUNT: f64 = 1e-4;
/// What Laplace's rule adds to every count before sums are divided by them.
const SMOOTHING: f64 = 1e-5;

/// What an even share is divided by to be the least that a code's bits are counted by.
const LEAST_SHARE: f64 = 1e-3;

/// The index of the nearest code for every point: `[points, dimension]` and `[codes, dimension]` to `[points]`.
pub(super) fn nearest(points: &Tensor, codes: &Tensor) -> Tensor {
    least(points, codes, None)
}

/// The index of the code with the least squared distance and charge.
fn least(points: &Tensor, codes: &Tensor, charge: Option<&Tensor>) -> Tensor {
    // |z − e|² without |z|², which is the same for all codes.
    let norms = codes.square().sum_dim_intlist(1, false, Kind::Float);
    let norms = charge.map_or_else(|| norms.shallow_clone(), |charge| &norms + charge);
    norms.unsqueeze(0).addmm(points, &(codes * -2.0).transpose(0, 1)).argmin(1, false)
}

/// The sum of the points of every code, `[codes, dimension]`.
pub(super) fn sums(points: &Tensor, chosen: &Tensor, codes: i64) -> Tensor {
    Tensor::zeros([codes, points.size()[1]], (Kind::Float, points.device())).index_add_(0, chosen, points)
}

/// Counts for a division: by Laplace's rule none is zero, and their sum stays what it is.
fn smoothed(count: &Tensor) -> Tensor {
    let total = count.sum(Kind::Float);
    let more = SMOOTHING * count.size()[0] as f64;
    (count + SMOOTHING) * (&total / (&total + more))
}

/// A codebook with its counters, in a variable store as `codebook`, `count` and, if it follows averages, `sum`; if bits count, `charge`.
#[derive(Debug)]
pub(super) struct Codebook {
    /// The codes, `[codes, dimension]`.
    pub(super) vectors: Tensor,
    /// Moving average of how often each was chosen in a batch, `[codes]`.
    pub(super) count: Tensor,
    /// Moving average of the sum of the latents each was chosen for, `[codes, dimension]`.
    sum: Option<Tensor>,
    /// What choosing each code costs beside its squared distance, `[codes]`, where bits count.
    charge: Option<Tensor>,
    /// Whether points and codes have length one.
    cosine: bool,
}

impl Codebook {
    pub(super) fn new(variables: &nn::Path, codes: usize, dimension: usize, config: &VectorConfig) -> Self {
        let sizes = [codes as i64, dimension as i64];
        let zeros = |sizes: &[i64]| Tensor::zeros(sizes, (Kind::Float, variables.device()));
        let averages = config.codebook_update == CodebookUpdate::MovingAverage;
        Self {
            vectors: variables.add("codebook", zeros(&sizes), !averages),
            count: variables.add("count", zeros(&sizes[..1]), false),
            sum: averages.then(|| variables.add("sum", zeros(&sizes), false)),
            charge: (config.rate_weight > 0.0).then(|| variables.add("charge", zeros(&sizes[..1]), false)),
            cosine: config.cosine,
        }
    }

    /// The code of every point, `[points, dimension]` to `[points]`: the nearest, or, where bits count, the one whose squared distance and bits cost least.
    pub(super) fn choose(&self, points: &Tensor) -> Tensor {
        least(points, &self.vectors, self.charge.as_ref())
    }

    /// The variance of the codes as they are chosen, over all dimensions.
    pub(super) fn variance(&self) -> Tensor {
        let share = (&self.count / self.count.sum(Kind::Float).clamp_min(LEAST_COUNT)).unsqueeze(1);
        let mean = (&self.vectors * &share).sum_dim_intlist(0, true, Kind::Float);
        ((&self.vectors - mean).square() * share).sum(Kind::Float)
    }

    /// Charges every code for its bits, by how often codes are chosen lately, at `lambda` a bit.
    pub(super) fn charge(&mut self, lambda: &Tensor) {
        let Some(charge) = &mut self.charge else { return };
        let total = self.count.sum(Kind::Float).clamp_min(LEAST_COUNT);
        // A code that is never chosen stays within reach: one of a thousand times an even share costs ten bits more than an even one.
        let rarest = LEAST_SHARE / self.count.size()[0] as f64;
        let bits = -(&self.count / total).clamp_min(rarest).log2();
        charge.copy_(&(bits * lambda));
    }

    pub(super) fn codes(&self) -> i64 {
        self.vectors.size()[0]
    }

    /// Latents as they are compared with codes.
    pub(super) fn points(&self, latents: &Tensor) -> Tensor {
        if self.cosine { unit(latents) } else { latents.shallow_clone() }
    }

    /// Means of points as codes.
    fn as_codes(&self, means: Tensor) -> Tensor {
        if self.cosine { unit(&means) } else { means }
    }

    /// Starts the codes as centroids of `points`, and gives back what they leave of them.
    pub(super) fn start(
        &mut self,
        points: &Tensor,
        batch_vectors: usize,
        rounds: usize,
        random: &mut ChaCha8Rng,
    ) -> Tensor {
        let clusters = kmeans(points, self.codes() as usize, rounds, random);
        let count = clusters.sizes * (batch_vectors as f64 / points.size()[0] as f64);
        // The next average is sum / count: a sum of anything but centroid × count would undo the centroids.
        if let Some(sum) = &mut self.sum {
            sum.copy_(&(&clusters.centroids * count.unsqueeze(1)));
        }
        self.vectors.copy_(&self.as_codes(clusters.centroids));
        self.count.copy_(&count);
        points - self.vectors.index_select(0, &clusters.assignment)
    }

    /// Takes note of which code was `chosen` for which of the `points`, and moves the codes if they follow averages.
    pub(super) fn observe(&mut self, points: &Tensor, chosen: &Tensor, decay: f64) {
        let codes = self.codes();
        blend(&mut self.count, &counts(chosen, codes), decay);
        if let Some(sum) = &mut self.sum {
            blend(sum, &sums(points, chosen, codes), decay);
            let mean = &*sum / smoothed(&self.count).unsqueeze(1);
            let used = self.count.gt(LEAST_COUNT).unsqueeze(1);
            self.vectors.copy_(&self.as_codes(mean).where_self(&used, &self.vectors));
        }
    }

    /// Moves dead codes onto points of the batch, with the count of an even share, so that each has time to be found.
    pub(super) fn restart_dead(&mut self, points: &Tensor, below: f64, random: &mut ChaCha8Rng) -> Restarted {
        let rows = dead(&self.count, below);
        let (codes, available) = (self.codes() as usize, points.size()[0] as usize);
        let picked = index::sample(random, available, codes.min(available));
        let picked: Vec<i64> = (0..codes).map(|code| picked.index(code % picked.len()) as i64).collect();
        let picked = points.index_select(0, &Tensor::from_slice(&picked).to_device(points.device()));
        let even = self.count.mean(Kind::Float);
        let of_row = rows.unsqueeze(1);
        // Everything that remembers the dead code is overwritten, or its past would pull the new one away.
        if let Some(sum) = &mut self.sum {
            sum.copy_(&(&picked * &even).where_self(&of_row, sum));
        }
        self.vectors.copy_(&picked.where_self(&of_row, &self.vectors));
        self.count.copy_(&even.where_self(&rows, &self.count));
        Restarted { variable: self.vectors.shallow_clone(), rows }
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use tch::Device;

    use super::*;

    const CPU: (Kind, Device) = (Kind::Float, Device::Cpu);

    fn values(tensor: &Tensor) -> Vec<f32> {
        Vec::try_from(tensor.detach().flatten(0, -1)).unwrap()
    }

    fn codebook(store: &nn::VarStore, codes: usize, dimension: usize) -> Codebook {
        Codebook::new(&store.root(), codes, dimension, &VectorConfig::default())
    }

    #[test]
    fn nearest_by_hand() {
        let codes = Tensor::from_slice(&[0.0f32, 0.0, 3.0, 0.0, 0.0, -2.0]).view([3, 2]);
        let points = Tensor::from_slice(&[1.4f32, 0.1, 1.6, 0.0, 0.1, -1.5, -9.0, 0.0]).view([4, 2]);
        assert_eq!(Vec::<i64>::try_from(nearest(&points, &codes)).unwrap(), [0, 1, 2, 0]);
    }

    #[test]
    fn nearest_is_the_least_euclidean_distance() {
        tch::manual_seed(4);
        let (points, codes) = (Tensor::randn([200, 5], CPU), Tensor::randn([17, 5], CPU));
        let wanted = Tensor::cdist(&points, &codes, 2.0, None).argmin(1, false);
        assert!(nearest(&points, &codes).equal(&wanted));
    }

    #[test]
    fn a_batch_like_the_start_leaves_the_centroids_where_they_are() {
        let store = nn::VarStore::new(Device::Cpu);
        let mut book = codebook(&store, 2, 1);
        let points = Tensor::from_slice(&[1.0f32, 1.0, 1.0, 1.0, 1.0, 1.0, 5.0, 5.0]).view([8, 1]);
        tch::no_grad(|| {
            // A training step sees four vectors where the start saw eight.
            let left = book.start(&points, 4, 5, &mut ChaCha8Rng::seed_from_u64(0));
            assert_eq!(values(&left), [0.0; 8]);
            let started = values(&book.vectors);
            let mut counts = values(&book.count);
            counts.sort_by(f32::total_cmp);
            assert_eq!(counts, [1.0, 3.0]);
            let batch = points.slice(0, 0, 8, 2);
            let chosen = nearest(&batch, &book.vectors);
            book.observe(&batch, &chosen, 0.9);
            for (got, wanted) in values(&book.vectors).iter().zip(started) {
                assert!((got - wanted).abs() < 1e-4, "{got} instead of {wanted}");
            }
        });
    }

    #[test]
    fn a_moving_average_by_hand_and_an_unused_code_stays() {
        let store = nn::VarStore::new(Device::Cpu);
        let mut book = codebook(&store, 2, 1);
        tch::no_grad(|| {
            book.vectors.copy_(&Tensor::from_slice(&[2.0f32, 7.0]).view([2, 1]));
            book.count.copy_(&Tensor::from_slice(&[4.0f32, 0.0]));
            if let Some(sum) = &mut book.sum {
                sum.copy_(&Tensor::from_slice(&[8.0f32, 0.0]).view([2, 1]));
            }
            let points = Tensor::from_slice(&[3.0f32, 5.0]).view([2, 1]);
            book.observe(&points, &Tensor::from_slice(&[0i64, 0]), 0.75);
        });
        // Count 0.75·4 + 0.25·2 = 3.5, sum 0.75·8 + 0.25·8 = 8.
        assert_eq!(values(&book.count), [3.5, 0.0]);
        let vectors = values(&book.vectors);
        assert!((vectors[0] - 8.0 / 3.5).abs() < 1e-4 && vectors[1] == 7.0, "{vectors:?}");
    }

    #[test]
    fn codes_compared_by_direction_have_length_one_whatever_the_latents_do() {
        let store = nn::VarStore::new(Device::Cpu);
        let config = VectorConfig { cosine: true, ..VectorConfig::default() };
        let mut book = Codebook::new(&store.root(), 4, 3, &config);
        tch::manual_seed(8);
        let latents = Tensor::randn([64, 3], CPU) * 20.0;
        let points = book.points(&latents);
        let lengths = |vectors: &Tensor| values(&vectors.norm_scalaropt_dim(2.0, [1i64].as_slice(), false));
        tch::no_grad(|| {
            let _ = book.start(&points, 64, 10, &mut ChaCha8Rng::seed_from_u64(1));
            book.observe(&points, &nearest(&points, &book.vectors), 0.5);
            let _ = book.restart_dead(&points, 1.0, &mut ChaCha8Rng::seed_from_u64(2));
        });
        for length in lengths(&points).into_iter().chain(lengths(&book.vectors)) {
            assert!((length - 1.0).abs() < 1e-5, "{length}");
        }
    }

    #[test]
    fn a_codebook_that_was_never_used_has_no_number_that_is_none() {
        let store = nn::VarStore::new(Device::Cpu);
        let mut book = codebook(&store, 3, 2);
        let (points, chosen) = (Tensor::zeros([0, 2], CPU), Tensor::zeros([0], (Kind::Int64, Device::Cpu)));
        tch::no_grad(|| book.observe(&points, &chosen, 0.9));
        assert_eq!(values(&book.vectors), [0.0; 6]);
        assert!(values(&smoothed(&book.count)).iter().all(|count| count.is_finite()));
    }

    #[test]
    fn a_restart_overwrites_code_count_and_sum_of_the_dead_alone() {
        let store = nn::VarStore::new(Device::Cpu);
        let mut book = codebook(&store, 3, 2);
        let points = Tensor::from_slice(&[100.0f32, 101.0, 102.0, 103.0]).view([2, 2]);
        let restarted = tch::no_grad(|| {
            book.vectors.copy_(&Tensor::from_slice(&[1.0f32, 1.0, 2.0, 2.0, 3.0, 3.0]).view([3, 2]));
            book.count.copy_(&Tensor::from_slice(&[5.0f32, 0.01, 3.99]));
            if let Some(sum) = &mut book.sum {
                sum.copy_(&Tensor::from_slice(&[5.0f32, 5.0, 0.02, 0.02, 11.97, 11.97]).view([3, 2]));
            }
            book.restart_dead(&points, 0.1, &mut ChaCha8Rng::seed_from_u64(3))
        });
        assert_eq!(Vec::<bool>::try_from(&restarted.rows).unwrap(), [false, true, false]);
        let vectors = values(&book.vectors);
        assert_eq!((vectors[0], vectors[1], vectors[4], vectors[5]), (1.0, 1.0, 3.0, 3.0));
        assert!([[100.0, 101.0], [102.0, 103.0]].contains(&[vectors[2], vectors[3]]), "{vectors:?}");
        assert_eq!(values(&book.count), [5.0, 3.0, 3.99]);
        // One more step without the code being chosen: it must still stand on its point.
        let moved = values(&book.vectors);
        tch::no_grad(|| book.observe(&points.narrow(0, 0, 1), &Tensor::from_slice(&[0i64]), 0.9));
        let after = values(&book.vectors);
        assert!((after[2] - moved[2]).abs() < 1e-3 && (after[3] - moved[3]).abs() < 1e-3, "{after:?}");
    }
}
