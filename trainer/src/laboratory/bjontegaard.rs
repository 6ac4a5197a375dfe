//! How many bits one curve needs against another at equal error.
//!
//! Bjøntegaard, *Calculation of average PSNR differences between RD-curves* (VCEG-M33, 2001), with the monotone piecewise cubic of Fritsch
//! and Carlson (1980) through the points, as later practice has it: the logarithm of the rate as a function of the logarithm of the mean
//! squared error, averaged over the range of errors that both curves cover.

use serde::Serialize;

use super::curve::{Curve, Point};

/// Rate differences of a curve against another, record by record.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RateDifference {
    /// The curve that is judged.
    pub curve: String,
    /// The curve that it is judged against.
    pub against: String,
    /// Record and difference in percent, negative where fewer bits are needed; `None` where the curves share no range of errors.
    pub records: Vec<(String, Option<f64>)>,
    /// The mean over the records.
    pub mean_percent: Option<f64>,
    /// Standard deviation over the records.
    pub spread_percent: Option<f64>,
    /// The record with the largest difference.
    pub worst_percent: Option<f64>,
    /// Bits per sample of the curve judged against, from where to where the curves were compared: the widest of all records.
    pub rates: Option<[f64; 2]>,
    /// The setting of the judged curve that needs most more bits, or least fewer, of all records.
    pub worst_setting: Option<SettingDifference>,
}

/// The rate difference of one setting on one record.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SettingDifference {
    /// The record.
    pub record: String,
    /// The setting of the curve that is judged.
    pub setting: String,
    /// Its bits against those of the other curve at the same error.
    pub percent: f64,
}

impl RateDifference {
    /// Compares curves over the same records, at rates of `from` to `to` bits per sample of the curve judged against.
    #[must_use]
    pub fn between(curve: &Curve, against: &Curve, from: f64, to: f64) -> Self {
        let pairs = curve.records.iter().zip(&against.records);
        let compared: Vec<(&str, Option<Comparison>)> = pairs
            .map(|(mine, theirs)| (mine.record.as_str(), Comparison::new(&mine.points, &theirs.points, from, to)))
            .collect();
        let found = || compared.iter().filter_map(|(record, found)| Some((*record, found.as_ref()?)));
        let known: Vec<f64> = found().map(|(_, found)| found.percent).collect();
        let mean = (!known.is_empty()).then(|| known.iter().sum::<f64>() / known.len() as f64);
        let variance = mean.map(|mean| known.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / known.len() as f64);
        let widest = |a: [f64; 2], b: [f64; 2]| [a[0].min(b[0]), a[1].max(b[1])];
        let settings = found().flat_map(|(record, found)| {
            let difference = |(setting, percent): &(String, f64)| SettingDifference {
                record: record.to_owned(),
                setting: setting.clone(),
                percent: *percent,
            };
            found.settings.iter().map(difference).collect::<Vec<_>>()
        });
        Self {
            curve: curve.name.clone(),
            against: against.name.clone(),
            mean_percent: mean,
            spread_percent: variance.map(f64::sqrt),
            worst_percent: known.iter().copied().reduce(f64::max),
            rates: found().map(|(_, found)| found.rates).reduce(widest),
            worst_setting: settings.max_by(|a, b| a.percent.total_cmp(&b.percent)),
            records: compared
                .iter()
                .map(|(name, found)| ((*name).to_owned(), found.as_ref().map(|f| f.percent)))
                .collect(),
        }
    }
}

/// A record's points against those of another curve.
#[derive(Debug)]
struct Comparison {
    percent: f64,
    /// Bits per sample of the other curve, from where to where it was compared.
    rates: [f64; 2],
    /// The settings in this range of errors, and what each differs by.
    settings: Vec<(String, f64)>,
}

impl Comparison {
    /// Where the other curve, between its points too, has `from` to `to` bits per sample, and the first one goes as well; `None` where that is nowhere,
    /// or one has fewer than two points with an error and a rate.
    fn new(curve: &[Point], against: &[Point], from: f64, to: f64) -> Option<Self> {
        let (mine, theirs) = (Interpolation::new(curve)?, Interpolation::new(against)?);
        let (finest, coarsest) = theirs.errors_of_rates(from.ln(), to.ln())?;
        let (low, high) = (mine.x[0].max(finest), mine.last().min(coarsest));
        if low >= high {
            return None;
        }
        let mean = |of: &Interpolation| of.integral(low, high) / (high - low);
        let percent = |difference: f64| (difference.exp() - 1.0) * 100.0;
        let settings = curve.iter().filter_map(|point| {
            let (error, rate) = logarithms(point)?;
            let difference = (low..=high).contains(&error).then(|| rate - theirs.at(error))?;
            Some((point.setting.clone(), percent(difference)))
        });
        Some(Self {
            percent: percent(mean(&mine) - mean(&theirs)),
            rates: [theirs.at(high).exp(), theirs.at(low).exp()],
            settings: settings.collect(),
        })
    }
}

/// Of the error and of the rate, where there are some.
fn logarithms(point: &Point) -> Option<(f64, f64)> {
    let usable = point.mean_squared_error > 0.0 && point.bits_per_sample > 0.0;
    usable.then(|| (point.mean_squared_error.ln(), point.bits_per_sample.ln()))
}

/// A monotone piecewise cubic through points.
#[derive(Debug)]
struct Interpolation {
    /// Logarithms of errors, rising.
    x: Vec<f64>,
    /// Logarithms of rates.
    y: Vec<f64>,
    slopes: Vec<f64>,
}

impl Interpolation {
    fn new(points: &[Point]) -> Option<Self> {
        let mut pairs: Vec<(f64, f64)> = points.iter().filter_map(logarithms).collect();
        pairs.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
        pairs.dedup_by(|later, earlier| later.0 - earlier.0 < 1e-9);
        let (x, y): (Vec<f64>, Vec<f64>) = pairs.into_iter().unzip();
        if x.len() < 2 {
            return None;
        }
        let slopes = slopes(&x, &y);
        Some(Self { x, y, slopes })
    }

    fn last(&self) -> f64 {
        self.x[self.x.len() - 1]
    }

    /// The range of errors from the first one with a rate of at most `to` up to the last one with at least `from`, all of them logarithms; `None` where
    /// there is none.
    fn errors_of_rates(&self, from: f64, to: f64) -> Option<(f64, f64)> {
        let pieces = 0..self.x.len() - 1;
        let crosses = |piece: &usize, rate: f64| (self.y[*piece] > rate) != (self.y[piece + 1] > rate);
        let first = match self.y[0] <= to {
            true => self.x[0],
            false => self.error_at(pieces.clone().find(|piece| crosses(piece, to))?, to),
        };
        let last = match self.y[self.y.len() - 1] >= from {
            true => self.last(),
            false => self.error_at(pieces.rev().find(|piece| crosses(piece, from))?, from),
        };
        (first < last).then_some((first, last))
    }

    /// Where a piece passes a rate that lies between those of its ends.
    fn error_at(&self, piece: usize, rate: f64) -> f64 {
        let falls = self.y[piece] > self.y[piece + 1];
        let (mut low, mut high) = (self.x[piece], self.x[piece + 1]);
        for _ in 0..60 {
            let middle = f64::midpoint(low, high);
            match (self.value(piece, middle) > rate) == falls {
                true => low = middle,
                false => high = middle,
            }
        }
        f64::midpoint(low, high)
    }

    /// The value at an error within the points.
    fn at(&self, x: f64) -> f64 {
        let piece = self.x.iter().skip(1).take_while(|&&end| end < x).count().min(self.x.len() - 2);
        self.value(piece, x)
    }

    /// The integral from `low` to `high`, both within the points.
    fn integral(&self, low: f64, high: f64) -> f64 {
        let pieces = 0..self.x.len() - 1;
        pieces
            .map(|piece| {
                let (from, to) = (self.x[piece].max(low), self.x[piece + 1].min(high));
                if from < to { self.piece_integral(piece, from, to) } else { 0.0 }
            })
            .sum()
    }

    /// Simpson's rule is exact for cubics.
    fn piece_integral(&self, piece: usize, from: f64, to: f64) -> f64 {
        let middle = f64::midpoint(from, to);
        let [a, b, c] = [from, middle, to].map(|x| self.value(piece, x));
        (to - from) / 6.0 * (a + 4.0 * b + c)
    }

    /// Hermite's form of the cubic of a piece.
    fn value(&self, piece: usize, x: f64) -> f64 {
        let width = self.x[piece + 1] - self.x[piece];
        let t = (x - self.x[piece]) / width;
        let (t2, t3) = (t * t, t * t * t);
        (2.0 * t3 - 3.0 * t2 + 1.0) * self.y[piece]
            + (t3 - 2.0 * t2 + t) * width * self.slopes[piece]
            + (3.0 * t2 - 2.0 * t3) * self.y[piece + 1]
            + (t3 - t2) * width * self.slopes[piece + 1]
    }
}

/// Slopes at the points that keep the cubic monotone where the points are: the weighted harmonic mean of the secants beside a point,
/// zero where they change sign, the secant at the ends.
fn slopes(x: &[f64], y: &[f64]) -> Vec<f64> {
    let widths: Vec<f64> = x.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let secants: Vec<f64> = y.windows(2).zip(&widths).map(|(pair, width)| (pair[1] - pair[0]) / width).collect();
    let inner = (1..secants.len()).map(|index| {
        let (left, right) = (secants[index - 1], secants[index]);
        if left * right <= 0.0 {
            return 0.0;
        }
        let (near, far) = (2.0 * widths[index] + widths[index - 1], widths[index] + 2.0 * widths[index - 1]);
        (near + far) / (near / left + far / right)
    });
    std::iter::once(secants[0]).chain(inner).chain([secants[secants.len() - 1]]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn curve(points: &[(f64, f64)]) -> Vec<Point> {
        let point = |&(bits, error): &(f64, f64)| Point {
            setting: String::new(),
            bits_per_sample: bits,
            mean_squared_error: error,
            prdn_percent: None,
            prd_percent: None,
            rmse_lsb: error.sqrt(),
            max_error_lsb: 0.0,
            snr_db: None,
            segmental_snr_db: None,
            log_spectral_distance_db: None,
        };
        points.iter().map(point).collect()
    }

    /// At all rates.
    fn rate_difference(curve: &[Point], against: &[Point]) -> Option<f64> {
        Comparison::new(curve, against, 0.0, f64::INFINITY).map(|found| found.percent)
    }

    const WAVELET: [(f64, f64); 5] = [(1.399, 2.79), (1.07, 4.95), (0.837, 7.93), (0.685, 11.64), (0.563, 17.18)];

    #[test]
    fn a_curve_differs_by_its_factor() {
        let cheaper = WAVELET.map(|(bits, error)| (bits * 0.7, error));
        let difference = rate_difference(&curve(&cheaper), &curve(&WAVELET)).unwrap();
        assert!((difference + 30.0).abs() < 1e-9, "{difference}");
        assert!(rate_difference(&curve(&WAVELET), &curve(&WAVELET)).unwrap().abs() < 1e-9);
    }

    #[test]
    fn other_points_of_the_same_law_do_not_differ() {
        let law = |errors: &[f64]| curve(&errors.iter().map(|&e: &f64| (2.0 * e.powf(-0.5), e)).collect::<Vec<_>>());
        let difference = rate_difference(&law(&[1.0, 3.0, 9.0, 40.0]), &law(&[2.0, 5.0, 60.0])).unwrap();
        assert!(difference.abs() < 1e-9, "{difference}");
    }

    #[test]
    fn curves_that_share_no_errors_are_not_compared() {
        assert_eq!(rate_difference(&curve(&[(1.0, 1.0), (0.5, 2.0)]), &curve(&[(1.0, 3.0), (0.5, 4.0)])), None);
        assert_eq!(rate_difference(&curve(&[(1.0, 1.0)]), &curve(&WAVELET)), None);
        assert_eq!(rate_difference(&curve(&[(1.0, 0.0), (2.0, 0.0)]), &curve(&WAVELET)), None);
    }

    /// A power law cheaper by a factor that grows with the rate: a range that ends where the rate does, and not at the last point before, tells.
    #[test]
    fn ranges_end_at_their_rates_and_not_at_points() {
        let errors = [1.0, 4.0, 16.0, 64.0, 256.0];
        let theirs = curve(&errors.map(|error: f64| (2.0 * error.powf(-0.5), error)));
        let mine = curve(&errors.map(|error: f64| (2.0 * error.powf(-0.6), error)));
        let found = Comparison::new(&mine, &theirs, 0.2, 1.5).unwrap();
        assert!((found.rates[0] - 0.2).abs() < 1e-9 && (found.rates[1] - 1.5).abs() < 1e-9, "{:?}", found.rates);
        // The mean of −0.1·ln(error) between the errors of both rates, (2 / rate)².
        let mean = -0.1 * f64::midpoint((2.0f64 / 1.5).ln() * 2.0, 10.0f64.ln() * 2.0);
        assert!((found.percent - (mean.exp() - 1.0) * 100.0).abs() < 1e-9, "{}", found.percent);
        let settings: Vec<f64> = found.settings.iter().map(|(_, percent)| *percent).collect();
        let expected = [4.0, 16.0, 64.0].map(|error: f64| (error.powf(-0.1) - 1.0) * 100.0);
        assert!(
            settings.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-9) && settings.len() == 3,
            "{settings:?}"
        );
        assert!(Comparison::new(&mine, &theirs, 2.5, 4.0).is_none());
    }

    #[test]
    fn interpolation_stays_between_its_points() {
        let steep = Interpolation::new(&curve(&[(8.0, 1.0), (7.9, 2.0), (1.0, 2.1), (0.99, 50.0)])).unwrap();
        for piece in 0..3 {
            let bounds = [steep.y[piece], steep.y[piece + 1]];
            for step in 0..=10 {
                let x = steep.x[piece] + (steep.x[piece + 1] - steep.x[piece]) * f64::from(step) / 10.0;
                let y = steep.value(piece, x);
                assert!(y <= bounds[0] + 1e-9 && y >= bounds[1] - 1e-9, "piece {piece} at {x}: {y}");
            }
        }
    }
}
