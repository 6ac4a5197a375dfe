//! Rate against distortion, every run in one figure: a point for each quality.

use super::axis::Axis;
use super::data::{RatePoint, RunReport};
use super::text::{escape, number, round_number};

/// Colours that the style sheet defines for lines.
const LINE_COLORS: usize = 6;
/// Extent of the stretched drawing, in its own units.
const SIDE: f64 = 1_000.0;

/// The section; empty where no run has points.
pub(super) fn section(runs: &[RunReport]) -> String {
    let with_points: Vec<(usize, &RunReport)> =
        runs.iter().enumerate().filter(|(_, run)| run.rates.iter().any(RatePoint::is_finite)).collect();
    if with_points.is_empty() {
        return String::new();
    }
    let points = || with_points.iter().flat_map(|(_, run)| &run.rates).filter(|point| point.is_finite());
    let across = Axis::over(points().map(|point| point.bits_per_sample), true);
    let up = Axis::over(points().map(|point| point.prdn_percent), true);
    let drawn: String = with_points.iter().map(|(index, run)| curve(*index, &run.rates, &across, &up)).collect();
    let legend: String = with_points
        .iter()
        .map(|(index, run)| format!("<span class=\"line-{}\">{}</span>", index % LINE_COLORS, escape(&run.name)))
        .collect();
    let grid: String = up.ticks.iter().map(|&tick| format!("M0 {:.1}H{SIDE}", SIDE * (1.0 - up.place(tick)))).collect();
    let label = |side: &str, axis: &Axis, tick: f64| {
        format!("<span class=\"{side}\" style=\"--at:{:.2}%\">{}</span>", 100.0 * axis.place(tick), round_number(tick))
    };
    let values: String = up.ticks.iter().map(|&tick| label("value", &up, tick)).collect();
    let rates: String = across.ticks.iter().map(|&tick| label("step", &across, tick)).collect();
    let spoken: String = with_points.iter().map(|(_, run)| spoken(run)).collect();
    format!(
        "<section aria-labelledby=\"rates-title\">\n<h2 id=\"rates-title\">Rate and distortion</h2>\n\
         <figure class=\"wide\"><figcaption>PRDN, % <small>over bits per sample, every byte counted; a point for each quality, on the first held-out frames of every recording{scales}</small></figcaption>\n\
         <p class=\"legend\">{legend}</p>\n<div class=\"plot tall\">\
         <svg viewBox=\"0 0 {SIDE} {SIDE}\" preserveAspectRatio=\"none\" role=\"img\" aria-label=\"{spoken}\">\
         <path class=\"grid\" d=\"{grid}\"/>{drawn}</svg>{values}{rates}</div></figure>\n</section>\n",
        scales = scales([&across, &up]),
        spoken = escape(spoken.trim()),
    )
}

/// Which of the two axes are logarithmic, for a caption.
fn scales(axes: [&Axis; 2]) -> &'static str {
    match axes.map(|axis| axis.logarithmic) {
        [false, false] => "",
        [true, false] => "; the axis of bits is logarithmic",
        [false, true] => "; the axis of PRDN is logarithmic",
        [true, true] => "; both axes are logarithmic",
    }
}

/// A run's points, and the line through them.
fn curve(index: usize, points: &[RatePoint], across: &Axis, up: &Axis) -> String {
    let mut points: Vec<&RatePoint> = points.iter().filter(|point| point.is_finite()).collect();
    points.sort_by(|a, b| a.bits_per_sample.total_cmp(&b.bits_per_sample));
    let places: Vec<String> = points
        .iter()
        .map(|point| {
            let (x, y) = (across.place(point.bits_per_sample), up.place(point.prdn_percent));
            format!("{:.1} {:.1}", SIDE * x, SIDE * (1.0 - y))
        })
        .collect();
    let color = index % LINE_COLORS;
    let dots: String = places.iter().map(|place| format!("M{place}h0")).collect();
    format!("<path class=\"line-{color}\" d=\"M{}\"/><path class=\"line-{color} dot\" d=\"{dots}\"/>", places.join("L"))
}

fn spoken(run: &RunReport) -> String {
    let points = run.rates.iter().filter(|point| point.is_finite());
    let points =
        points.map(|point| format!("{} % at {} bits", number(point.prdn_percent, 3), number(point.bits_per_sample, 3)));
    format!("{}: {}. ", run.name, points.collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(name: &str, points: &[(f64, f64)]) -> RunReport {
        let rates = points.iter().enumerate().map(|(index, &(bits_per_sample, prdn_percent))| RatePoint {
            quality: index as u8 + 1,
            bits_per_sample,
            prdn_percent,
        });
        RunReport { name: name.into(), rates: rates.collect(), ..RunReport::default() }
    }

    #[test]
    fn runs_share_the_figure_and_points_go_by_rate() {
        let html = section(&[run("a", &[(0.4, 8.0), (0.1, 20.0)]), run("<b>", &[(0.2, 12.0)]), run("c", &[])]);
        assert!(html.contains("&lt;b&gt;") && html.contains("line-1 dot") && !html.contains(">c<"), "{html}");
        assert!(html.contains("class=\"line-0\" d=\"M250.0 0.0L1000.0 600.0\""), "{html}");
        assert_eq!(html.matches(" dot\" d=").count(), 2);
    }

    #[test]
    fn nothing_to_show_is_nothing() {
        assert_eq!(section(&[run("a", &[]), run("b", &[(f64::NAN, 3.0)])]), "");
        assert!(!section(&[run("a", &[(0.5, 5.0)])]).contains("NaN"));
    }
}
