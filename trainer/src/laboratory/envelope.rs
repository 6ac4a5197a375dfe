//! A family of models as one codec: at each rate the member and quality that loses least.

use super::curve::{Curve, Point, RecordCurve};

/// The lower envelope of a family's curves, all over the same records: the settings that no other beats in both mean rate and mean squared
/// error, and that lie above no member's curve, drawn straight from point to point in logarithms. They are chosen once, on the means over the
/// records, as whoever deploys a family chooses them; each is named after its model. `None` without a curve.
#[must_use]
pub fn envelope(family: &[&Curve]) -> Option<Curve> {
    let first = family.first()?;
    let means: Vec<Vec<Point>> = family.iter().map(|curve| rising(curve.mean())).collect();
    let all = || means.iter().enumerate().flat_map(|(member, points)| points.iter().map(move |point| (member, point)));
    let is_best = |point: &Point| {
        !all().any(|(_, other)| beats(other, point)) && !means.iter().any(|curve| passes_below(curve, point))
    };
    let mut chosen: Vec<(usize, &Point)> = all().filter(|(_, point)| is_best(point)).collect();
    chosen.sort_by(|(_, a), (_, b)| a.bits_per_sample.total_cmp(&b.bits_per_sample));
    chosen.dedup_by(|(_, a), (_, b)| a.same_figures(b));
    let records = first.records.iter().enumerate().map(|(index, record)| {
        let points = chosen.iter().filter_map(|(member, mean)| {
            let curve = family.get(*member)?;
            let of_record = &curve.records.get(index)?.points;
            let point = of_record.iter().find(|point| point.setting == mean.setting)?;
            Some(Point { setting: format!("{}, {}", curve.name, mean.setting), ..point.clone() })
        });
        RecordCurve { record: record.record.clone(), points: points.collect() }
    });
    let name = format!("family of {}", family.len());
    Some(Curve { name, learned: true, regime: first.regime, records: records.collect() })
}

/// Points by their rate.
fn rising(mut points: Vec<Point>) -> Vec<Point> {
    points.sort_by(|a, b| a.bits_per_sample.total_cmp(&b.bits_per_sample));
    points
}

/// Whether a point takes fewer bits than another at no larger an error, or as many at a smaller one.
fn beats(point: &Point, other: &Point) -> bool {
    let (bits, error) = (point.bits_per_sample, point.mean_squared_error);
    (bits < other.bits_per_sample && error <= other.mean_squared_error)
        || (bits <= other.bits_per_sample && error < other.mean_squared_error)
}

/// Whether a curve has less error at a point's rate, between two of its own points.
fn passes_below(curve: &[Point], point: &Point) -> bool {
    curve.windows(2).any(|pair| {
        let (bits, from, to) = (point.bits_per_sample.ln(), pair[0].bits_per_sample.ln(), pair[1].bits_per_sample.ln());
        let [low, high] = [&pair[0], &pair[1]].map(|end| end.mean_squared_error.ln());
        // Without an error the logarithm is no number that can be compared.
        from < bits
            && bits < to
            && low + (high - low) * (bits - from) / (to - from) < point.mean_squared_error.ln() - 1e-9
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::laboratory::{RateDifference, Regime};

    /// A model whose records have these `(bits, squared error)` at each quality.
    fn model(name: &str, records: &[&[(f64, f64)]]) -> Curve {
        let point = |(quality, &(bits_per_sample, mean_squared_error)): (usize, &(f64, f64))| Point {
            setting: format!("quality {quality}"),
            bits_per_sample,
            mean_squared_error,
            prdn_percent: None,
            prd_percent: None,
            rmse_lsb: mean_squared_error.sqrt(),
            max_error_lsb: 1.0,
            snr_db: None,
            segmental_snr_db: None,
            log_spectral_distance_db: None,
        };
        let record = |(index, points): (usize, &&[(f64, f64)])| RecordCurve {
            record: format!("r{index}"),
            points: points.iter().enumerate().map(point).collect(),
        };
        let records = records.iter().enumerate().map(record).collect();
        Curve { name: name.into(), learned: true, regime: Regime::Stream, records }
    }

    #[test]
    fn each_rate_has_the_member_that_loses_least() {
        // The first is better below one bit, the second above; what is best in the mean is taken in every record. No other setting has both fewer bits
        // and less error than the second's first, but the first's curve passes below it.
        let coarse =
            model("coarse", &[&[(0.25, 40.0), (0.5, 20.0), (2.0, 9.0)], &[(0.25, 60.0), (0.5, 30.0), (2.0, 11.0)]]);
        let fine = model("fine", &[&[(0.4, 41.0), (1.0, 6.0), (2.0, 3.0)], &[(0.4, 43.0), (1.0, 14.0), (2.0, 5.0)]]);
        let family = envelope(&[&coarse, &fine]).unwrap();
        let settings = |record: usize| -> Vec<&str> {
            family.records[record].points.iter().map(|point| point.setting.as_str()).collect()
        };
        let wanted = ["coarse, quality 0", "coarse, quality 1", "fine, quality 1", "fine, quality 2"];
        assert_eq!((settings(0), settings(1)), (wanted.to_vec(), wanted.to_vec()));
        assert_eq!(family.records[1].points[2].mean_squared_error, 14.0);
        assert_eq!((family.name.as_str(), family.learned), ("family of 2", true));
        for member in [&coarse, &fine] {
            let difference = RateDifference::between(&family, member, 0.0, 9.0);
            assert!(difference.mean_percent.unwrap() < 0.0, "{difference:?}");
        }
    }

    #[test]
    fn a_family_of_one_is_that_model_without_what_it_beats_itself() {
        let one = model("one", &[&[(0.5, 4.0), (0.6, 4.0), (0.7, 4.5), (1.0, 1.0)]]);
        let points = &envelope(&[&one]).unwrap().records[0].points;
        assert_eq!(points.iter().map(|point| point.bits_per_sample).collect::<Vec<_>>(), [0.5, 1.0]);
        assert_eq!(envelope(&[]), None);
    }
}
