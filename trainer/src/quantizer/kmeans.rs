//! k-means with k-means++ seeds: where codebooks start.

use rand::RngExt;
use rand::rngs::ChaCha8Rng;
use tch::{Kind, Tensor};

use super::codebook::{nearest, sums};
use super::usage::counts;

/// The result of [`kmeans`].
#[derive(Debug)]
pub struct Clusters {
    /// Centroids, `[clusters, dimension]`.
    pub centroids: Tensor,
    /// The cluster of every point, `[points]`.
    pub assignment: Tensor,
    /// Points in each cluster, `[clusters]`.
    pub sizes: Tensor,
}

/// Splits `points`, `[points, dimension]`, into `clusters` by `rounds` of Lloyd's algorithm.
///
/// With fewer distinct points than clusters some clusters share a centroid and stay empty.
pub fn kmeans(points: &Tensor, clusters: usize, rounds: usize, random: &mut ChaCha8Rng) -> Clusters {
    lloyd(points, seeds(points, clusters, random), rounds, random)
}

/// Rounds of Lloyd's algorithm from `centroids`, `[clusters, dimension]`, on.
pub fn lloyd(points: &Tensor, mut centroids: Tensor, rounds: usize, random: &mut ChaCha8Rng) -> Clusters {
    let clusters = centroids.size()[0];
    let mut assignment = nearest(points, &centroids);
    for _ in 0..rounds {
        let sizes = counts(&assignment, clusters).unsqueeze(1);
        let means = sums(points, &assignment, clusters) / sizes.clamp_min(1.0);
        // A cluster that lost all its points starts again on one of them.
        let drawn = draw(points.size()[0], clusters as usize, random).to_device(points.device());
        centroids = means.where_self(&sizes.gt(0.0), &points.index_select(0, &drawn));
        assignment = nearest(points, &centroids);
    }
    let sizes = counts(&assignment, clusters);
    Clusters { centroids, assignment, sizes }
}

/// k-means++: each next seed is a point drawn with probability proportional to its squared distance to the seeds so far.
fn seeds(points: &Tensor, clusters: usize, random: &mut ChaCha8Rng) -> Tensor {
    let first = points.index_select(0, &draw(points.size()[0], 1, random).to_device(points.device()));
    let mut distances = squared_distances(points, &first);
    let mut seeds = vec![first];
    for _ in 1..clusters {
        // The floor lets identical points be drawn at all once every distance is zero.
        let cumulated = (&distances + f64::from(f32::MIN_POSITIVE)).to_kind(Kind::Double).cumsum(0, Kind::Double);
        let target = cumulated.narrow(0, -1, 1) * random.random::<f64>();
        let chosen = target.searchsorted(&cumulated, false, true, "right", None::<Tensor>);
        let seed = points.index_select(0, &chosen.clamp_max(points.size()[0] - 1));
        distances = distances.minimum(&squared_distances(points, &seed));
        seeds.push(seed);
    }
    Tensor::cat(&seeds, 0)
}

fn squared_distances(points: &Tensor, point: &Tensor) -> Tensor {
    (points - point).square().sum_dim_intlist(1, false, Kind::Float)
}

/// `amount` indices below `length`, each drawn alone.
fn draw(length: i64, amount: usize, random: &mut ChaCha8Rng) -> Tensor {
    let indices: Vec<i64> = (0..amount).map(|_| random.random_range(0..length)).collect();
    Tensor::from_slice(&indices)
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn separated_clusters_are_found() {
        // 40 points around each of (0, 0), (10, 0), (0, 10), and 3 around (50, 50) that random seeds would often miss.
        let mut random = ChaCha8Rng::seed_from_u64(1);
        let mut values: Vec<f32> = Vec::new();
        for (x, y, amount) in [(0.0, 0.0, 40), (10.0, 0.0, 40), (0.0, 10.0, 40), (50.0, 50.0, 3)] {
            for _ in 0..amount {
                values.extend([x + random.random_range(-1.0..1.0), y + random.random_range(-1.0..1.0f32)]);
            }
        }
        let points = Tensor::from_slice(&values).view([-1, 2]);
        let clusters = kmeans(&points, 4, 10, &mut random);
        let mut sizes = Vec::<f32>::try_from(&clusters.sizes).unwrap();
        sizes.sort_by(f32::total_cmp);
        assert_eq!(sizes, [3.0, 40.0, 40.0, 40.0]);
        let error = (&points - clusters.centroids.index_select(0, &clusters.assignment)).square().mean(Kind::Float);
        assert!(error.double_value(&[]) < 1.0);
    }

    #[test]
    fn fewer_distinct_points_than_clusters_still_end_in_numbers() {
        let points = Tensor::from_slice(&[1.0f32, 1.0, 1.0, 2.0, 2.0]).view([5, 1]);
        let clusters = kmeans(&points, 4, 5, &mut ChaCha8Rng::seed_from_u64(2));
        let centroids = Vec::<f32>::try_from(clusters.centroids.flatten(0, -1)).unwrap();
        assert!(centroids.iter().all(|&centroid| centroid == 1.0 || centroid == 2.0), "{centroids:?}");
        assert_eq!(clusters.sizes.sum(Kind::Float).double_value(&[]), 5.0);
    }
}
