//! A codebook's vectors seen from where they spread most: their two principal components, each as large as it is used.

use super::data::Embedding;
use super::text::{count, number};

/// Side of the drawing.
const SIDE: f64 = 320.0;
const MARGIN: f64 = 16.0;
/// Radius of a code that is never sent, and of the one that is sent most.
const RADII: (f64, f64) = (1.6, 8.0);
/// Rounds of power iteration for each component: far more than drawing needs.
const ROUNDS: usize = 200;

impl Embedding {
    /// The principal components of `vectors` `[codes, channels]`, which were sent `counts` times. `None` for fewer than two channels or three codes.
    pub fn new(vectors: &[f32], channels: usize, counts: &[u64]) -> Option<Self> {
        let codes = vectors.len().checked_div(channels)?;
        if channels < 2 || codes < 3 || counts.len() != codes || vectors.iter().any(|value| !value.is_finite()) {
            return None;
        }
        let mean: Vec<f64> = (0..channels)
            .map(|channel| {
                vectors.chunks_exact(channels).map(|vector| f64::from(vector[channel])).sum::<f64>() / codes as f64
            })
            .collect();
        let mut centred: Vec<Vec<f64>> = vectors
            .chunks_exact(channels)
            .map(|vector| vector.iter().zip(&mean).map(|(value, mean)| f64::from(*value) - mean).collect())
            .collect();
        let total: f64 = centred.iter().flatten().map(|value| value * value).sum();
        let (mut places, mut explained) = (vec![[0.0; 2]; codes], 0.0);
        for component in 0..2 {
            let direction = principal(&centred, channels);
            for (vector, place) in centred.iter_mut().zip(&mut places) {
                let along = dot(vector, &direction);
                place[component] = along;
                explained += along * along;
                vector.iter_mut().zip(&direction).for_each(|(value, part)| *value -= along * part);
            }
        }
        Some(Self { places, counts: counts.to_vec(), explained: if total > 0.0 { explained / total } else { 1.0 } })
    }

    /// The figure of code number `number`, from 1.
    pub(super) fn figure(&self, number_of_code: usize) -> String {
        let reach = self.places.iter().flatten().fold(0.0f64, |reach, value| reach.max(value.abs()));
        let most = self.counts.iter().copied().max().unwrap_or(0).max(1) as f64;
        let scale = if reach > 0.0 { (SIDE / 2.0 - MARGIN) / reach } else { 0.0 };
        let circle = |([x, y], sent): (&[f64; 2], &u64)| {
            let radius = RADII.0 + (RADII.1 - RADII.0) * (*sent as f64 / most).sqrt();
            format!(
                "<circle class=\"{}\" cx=\"{:.1}\" cy=\"{:.1}\" r=\"{radius:.1}\"/>",
                if *sent == 0 { "unused" } else { "used" },
                SIDE / 2.0 + x * scale,
                SIDE / 2.0 - y * scale
            )
        };
        let circles: String = self.places.iter().zip(&self.counts).map(circle).collect();
        let unused = self.counts.iter().filter(|count| **count == 0).count() as u64;
        format!(
            "<figure><figcaption>Code {number_of_code} <small>two principal components, {} % of the spread{}</small></figcaption>\n\
             <svg class=\"scatter\" viewBox=\"0 0 {SIDE} {SIDE}\" role=\"img\" \
             aria-label=\"{} vectors by their two principal components, {} never sent\">{circles}</svg></figure>\n",
            number(100.0 * self.explained, 3),
            if unused > 0 { "; orange: never sent in held-out frames" } else { "" },
            count(self.counts.len() as u64),
            count(unused),
        )
    }
}

/// The direction in which `vectors` spread most.
fn principal(vectors: &[Vec<f64>], channels: usize) -> Vec<f64> {
    // No direction of a real codebook is at a right angle to this one.
    let mut direction: Vec<f64> = (0..channels).map(|channel| 1.0 + 0.37 * (channel as f64 * 1.7).sin()).collect();
    for _ in 0..ROUNDS {
        let mut next = vec![0.0; channels];
        for vector in vectors {
            let along = dot(vector, &direction);
            next.iter_mut().zip(vector).for_each(|(sum, value)| *sum += along * value);
        }
        let length = dot(&next, &next).sqrt();
        if length <= 0.0 {
            break;
        }
        direction = next.into_iter().map(|value| value / length).collect();
    }
    let length = dot(&direction, &direction).sqrt();
    direction.iter().map(|value| value / length).collect()
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_components_are_the_directions_of_most_spread() {
        // Far along (1, 1, 0)/√2, less along (0, 0, 1), nothing along (1, −1, 0).
        let vector = |i: i32| {
            let t = i as f32 - 9.5;
            [t, t, if t.abs() > 5.0 { 1.0 } else { -1.0 }]
        };
        let vectors: Vec<f32> = (0..20).flat_map(vector).collect();
        let embedding = Embedding::new(&vectors, 3, &[1; 20]).unwrap();
        assert!(embedding.explained > 0.9999, "{}", embedding.explained);
        for (i, place) in embedding.places.iter().enumerate() {
            let wanted = (i as f64 - 9.5) * 2f64.sqrt();
            assert!((place[0].abs() - wanted.abs()).abs() < 0.02 && (place[1].abs() - 1.0).abs() < 0.05, "{place:?}");
        }
    }

    #[test]
    fn what_has_no_plane_has_no_figure_and_a_point_is_drawn_without_nan() {
        assert_eq!(Embedding::new(&[1.0, 2.0, 3.0], 1, &[1; 3]), None);
        assert_eq!(Embedding::new(&[1.0; 4], 2, &[1; 2]), None);
        assert_eq!(Embedding::new(&[f32::NAN; 6], 2, &[1; 3]), None);
        let figure = Embedding::new(&[1.0; 6], 2, &[0; 3]).unwrap().figure(1);
        assert!(!figure.contains("NaN") && figure.matches("class=\"unused\"").count() == 3, "{figure}");
    }
}
