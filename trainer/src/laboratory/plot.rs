//! Curves as a picture.

use std::ops::Range;

use plotters::prelude::*;

use super::curve::{Curve, Point};

/// Width and height in pixels.
const SIZE: (u32, u32) = (960, 600);

/// Colours of opponents; models are drawn in those of [`LEARNED`].
const OPPONENTS: [RGBColor; 12] = [
    RGBColor(31, 119, 180),
    RGBColor(44, 160, 44),
    RGBColor(148, 103, 189),
    RGBColor(140, 86, 75),
    RGBColor(227, 119, 194),
    RGBColor(127, 127, 127),
    RGBColor(188, 189, 34),
    RGBColor(23, 190, 207),
    RGBColor(57, 59, 121),
    RGBColor(99, 121, 57),
    RGBColor(165, 81, 148),
    RGBColor(99, 99, 99),
];

/// The colours of models.
const LEARNED: [RGBColor; 3] = [RGBColor(214, 39, 40), RGBColor(255, 127, 14), RGBColor(132, 60, 57)];

/// Why a picture cannot be drawn.
#[derive(Debug, thiserror::Error)]
pub enum PlotError {
    /// No curve has a point with both a rate and an error.
    #[error("there is nothing to draw: no codec has a point with both a rate and an error")]
    Empty,
    /// There is nothing to write words with.
    #[error("the system has no font for the plot's words: install one, or write .svg")]
    NoFont,
    /// The drawing library failed.
    #[error("the plot cannot be drawn: {0}")]
    Drawing(String),
}

/// The mean of each curve over its records, rate across on a logarithmic scale, signal-to-noise ratio upwards, as SVG.
///
/// # Errors
/// [`PlotError`].
pub fn plot(title: &str, curves: &[Curve]) -> Result<String, PlotError> {
    let has_bits = |point: &&Point| point.bits_per_sample > 0.0;
    // Of bits the logarithm: plotters' own logarithmic axis has no labels below its first power of ten.
    let place = |point: &Point| point.snr_db.map(|snr| (point.bits_per_sample.log10(), snr));
    let places = |curve: &Curve| curve.mean().iter().filter(has_bits).filter_map(place).collect::<Vec<_>>();
    let lines: Vec<(&Curve, Vec<(f64, f64)>)> =
        curves.iter().map(|curve| (curve, places(curve))).filter(|(_, points)| !points.is_empty()).collect();
    let all = || lines.iter().flat_map(|(_, points)| points);
    let across = range(all().map(|(bits, _)| *bits)).ok_or(PlotError::Empty)?;
    let upwards = range(all().map(|(_, snr)| *snr)).ok_or(PlotError::Empty)?;
    let mut picture = String::new();
    {
        let root = SVGBackend::with_string(&mut picture, SIZE).into_drawing_area();
        draw(&root, title, &lines, (across.start - 0.04..across.end + 0.04, upwards.start - 1.0..upwards.end + 1.0))
            .map_err(|error| PlotError::Drawing(error.to_string()))?;
    }
    Ok(picture)
}

type Lines<'a> = [(&'a Curve, Vec<(f64, f64)>)];

fn draw<'a>(
    root: &DrawingArea<SVGBackend<'a>, plotters::coord::Shift>,
    title: &str,
    lines: &Lines<'_>,
    (across, upwards): (Range<f64>, Range<f64>),
) -> Result<(), DrawingAreaErrorKind<<SVGBackend<'a> as DrawingBackend>::ErrorType>> {
    root.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(root)
        .caption(title, ("sans-serif", 20))
        .margin(12)
        .x_label_area_size(45)
        .y_label_area_size(55)
        .build_cartesian_2d(across, upwards)?;
    chart
        .configure_mesh()
        .x_desc("bits per sample, everything sent")
        .y_desc("signal-to-noise ratio, dB")
        .x_labels(16)
        .x_label_formatter(&|bits| format!("{:.2}", 10f64.powf(*bits)))
        .light_line_style(RGBColor(240, 240, 240))
        .draw()?;
    let (mut models, mut opponents) = (LEARNED.iter().cycle(), OPPONENTS.iter().cycle());
    for (curve, points) in lines {
        let color = if curve.learned { models.next() } else { opponents.next() }.unwrap_or(&BLACK);
        let style = color.stroke_width(if curve.learned { 3 } else { 1 });
        chart
            .draw_series(LineSeries::new(points.iter().copied(), style))?
            .label(curve.name.clone())
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], style));
        chart.draw_series(points.iter().map(|&place| Circle::new(place, 3, color.filled())))?;
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::LowerRight)
        .background_style(WHITE.mix(0.85))
        .border_style(RGBColor(200, 200, 200))
        .draw()?;
    root.present()
}

fn range(values: impl Iterator<Item = f64>) -> Option<Range<f64>> {
    let bounds = values.fold(None, |bounds: Option<(f64, f64)>, value| {
        let (low, high) = bounds.unwrap_or((value, value));
        Some((low.min(value), high.max(value)))
    });
    bounds.map(|(low, high)| low..high)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::laboratory::{RecordCurve, Regime};

    fn curve(name: &str, points: &[(f64, Option<f64>)]) -> Curve {
        let point = |&(bits_per_sample, snr_db): &(f64, Option<f64>)| Point {
            setting: format!("{bits_per_sample}"),
            bits_per_sample,
            mean_squared_error: 1.0,
            prdn_percent: None,
            prd_percent: None,
            rmse_lsb: 1.0,
            max_error_lsb: 1.0,
            snr_db,
            segmental_snr_db: None,
            log_spectral_distance_db: None,
        };
        let points = points.iter().map(point).collect();
        let records = vec![RecordCurve { record: "r".into(), points }];
        Curve { name: name.into(), learned: false, regime: Regime::Stream, records }
    }

    #[test]
    fn every_curve_is_drawn_and_named() {
        let curves = [curve("one & only", &[(0.5, Some(20.0)), (1.0, Some(26.0))]), curve("lossless", &[(4.0, None)])];
        let picture = plot("a title", &curves).unwrap();
        assert!(picture.starts_with("<svg") && picture.contains("one &amp; only") && picture.contains("a title"));
        assert_eq!(picture.matches("<circle").count(), 2);
        // Bits are told as such, not as logarithms, and a curve without a point is not in the legend.
        assert!(picture.contains("0.50") && picture.contains("1.00") && !picture.contains("lossless"), "{picture}");
    }

    #[test]
    fn nothing_to_draw_is_said() {
        assert!(matches!(plot("t", &[curve("lossless", &[(4.0, None)])]), Err(PlotError::Empty)));
    }
}
