//! Training curves and code usage as figures that need no script: shapes are SVG that stretches with the page, words are
//! HTML beside them, so that they keep their size on a phone.

use serde_json::{Value, json};

use super::axis::Axis;
use super::data::{RunReport, StageUsage};
use super::series::MetricLine;
use super::text::{NO_VALUE, count, escape, number, round_number};

/// More points than this cannot be told apart in a curve that is some hundred pixels wide.
const CURVE_POINTS: usize = 300;
/// Colours that the style sheet defines for lines; more lines start again with the first.
const LINE_COLORS: usize = 6;
/// Extent of the stretched drawings, in their own units.
const SIDE: f64 = 1_000.0;

/// A figure of curves over training steps.
#[derive(Debug, PartialEq)]
pub(super) struct Chart {
    title: &'static str,
    /// Whether the values may go on a logarithmic scale, which has no place for zero.
    ratios: bool,
    lines: Vec<Line>,
}

#[derive(Debug, PartialEq)]
struct Line {
    name: String,
    /// Ascending (step, value).
    points: Vec<(u64, Option<f64>)>,
}

/// The figures that the runs have values for.
pub(super) fn charts(runs: &[RunReport]) -> Vec<Chart> {
    let thinned: Vec<(&RunReport, Vec<MetricLine>)> =
        runs.iter().map(|run| (run, run.series.thinned(CURVE_POINTS))).collect();
    let lines = |lines_of: &dyn Fn(&RunReport, &[MetricLine]) -> Vec<Line>| -> Vec<Line> {
        let of_run = |(run, thinned): &(&RunReport, Vec<MetricLine>)| {
            let name = |line: Line| match runs {
                [_] => line,
                _ => Line { name: format!("{}, {}", run.name, line.name), ..line },
            };
            lines_of(run, thinned).into_iter().map(name).collect::<Vec<_>>()
        };
        thinned.iter().flat_map(of_run).filter(Line::has_values).collect()
    };
    let all = [
        Chart {
            title: if runs.len() == 1 { "Loss and its terms" } else { "Loss" },
            ratios: true,
            lines: lines(&|_, thinned| loss_lines(thinned, runs.len() == 1)),
        },
        Chart { title: "PRDN on validation, %", ratios: true, lines: lines(&|run, _| vec![validation_line(run)]) },
        Chart { title: "PSNR on validation, dB", ratios: false, lines: lines(&|run, _| vec![psnr_line(run)]) },
        Chart {
            title: "Rate in the loss, bits per sample",
            ratios: true,
            lines: lines(&|_, thinned| vec![rate_line(thinned)]),
        },
        Chart {
            title: "Perplexity of the codes in training",
            ratios: false,
            lines: lines(&|_, thinned| stage_lines(thinned, |line| &line.perplexity)),
        },
        Chart {
            title: "Entropy of the codes in training, bits",
            ratios: false,
            lines: lines(&|_, thinned| stage_lines(thinned, |line| &line.entropy_bits)),
        },
        Chart {
            title: "Dead codes in training",
            ratios: false,
            lines: lines(&|_, thinned| stage_lines(thinned, |line| &line.dead_codes)),
        },
    ];
    all.into_iter().filter(|chart| !chart.lines.is_empty()).collect()
}

/// The loss and, if asked for, its terms: beside those of another run they would be a thicket.
fn loss_lines(lines: &[MetricLine], with_terms: bool) -> Vec<Line> {
    let line = |name: &str, get: fn(&MetricLine) -> Option<f64>| Line {
        name: name.into(),
        points: lines.iter().map(|line| (line.step, get(line))).collect(),
    };
    let terms = [
        line("loss", |line| line.loss),
        line("reconstruction", |line| line.reconstruction),
        line("codebook", |line| line.codebook),
        line("commitment", |line| line.commitment),
        line("weighted", |line| line.distortion.weighted),
        line("derivative", |line| line.distortion.derivative),
        line("spectra", |line| line.distortion.spectral),
    ];
    let count = if with_terms { terms.len() } else { 1 };
    terms.into_iter().take(count).filter(Line::has_values).collect()
}

fn validation_line(run: &RunReport) -> Line {
    let validations = run.series.validations(CURVE_POINTS);
    Line {
        name: "PRDN".into(),
        points: validations.into_iter().map(|(step, found)| (step, found.prdn_percent)).collect(),
    }
}

fn psnr_line(run: &RunReport) -> Line {
    let validations = run.series.validations(CURVE_POINTS).into_iter();
    let points = validations.map(|(step, found)| (step, found.image.as_ref().and_then(|image| image.psnr_db)));
    Line { name: "PSNR".into(), points: points.collect() }
}

fn rate_line(lines: &[MetricLine]) -> Line {
    let points = lines.iter().map(|line| (line.step, line.rate));
    Line { name: "rate".into(), points: points.collect() }
}

fn stage_lines(lines: &[MetricLine], get: fn(&MetricLine) -> &Vec<Option<f64>>) -> Vec<Line> {
    let stages = lines.iter().map(|line| get(line).len()).max().unwrap_or(0);
    (0..stages)
        .map(|stage| Line {
            name: format!("code {}", stage + 1),
            points: lines.iter().map(|line| (line.step, get(line).get(stage).copied().flatten())).collect(),
        })
        .collect()
}

impl Line {
    fn finite(&self) -> impl Iterator<Item = (u64, f64)> {
        self.points.iter().filter_map(|&(step, value)| Some((step, value.filter(|value| value.is_finite())?)))
    }

    fn has_values(&self) -> bool {
        self.finite().next().is_some()
    }
}

impl Chart {
    /// The figure; `index` tells it from the others of the page.
    pub(super) fn figure(&self, index: usize) -> String {
        let axis = Axis::over(self.lines.iter().flat_map(Line::finite).map(|(_, value)| value), self.ratios);
        let steps = Axis::steps(self.last_step());
        let legend: String = self.lines.iter().enumerate().map(|(index, line)| legend_entry(index, line)).collect();
        let paths: String =
            self.lines.iter().enumerate().map(|(index, line)| path(index, line, &steps, &axis)).collect();
        let grid: String =
            axis.ticks.iter().map(|&tick| format!("M0 {:.1}H{SIDE}", SIDE * (1.0 - axis.place(tick)))).collect();
        let label = |side: &str, axis: &Axis, tick: f64| {
            format!(
                "<span class=\"{side}\" style=\"--at:{:.2}%\">{}</span>",
                100.0 * axis.place(tick),
                round_number(tick)
            )
        };
        let values: String = axis.ticks.iter().map(|&tick| label("value", &axis, tick)).collect();
        let times: String = steps.ticks.iter().map(|&tick| label("step", &steps, tick)).collect();
        let scale = if axis.logarithmic { "logarithmic" } else { "linear" };
        format!(
            "<figure data-chart=\"{index}\"><figcaption>{title} <small>{scale}, by step</small></figcaption>\n\
             <p class=\"legend\">{legend}</p>\n<div class=\"plot\">\
             <svg viewBox=\"0 0 {SIDE} {SIDE}\" preserveAspectRatio=\"none\" role=\"img\" aria-label=\"{title}: {spoken}\">\
             <path class=\"grid\" d=\"{grid}\"/>{paths}</svg>{values}{times}<i class=\"cursor\" hidden></i></div></figure>\n",
            title = self.title,
            spoken = escape(&self.spoken()),
        )
    }

    /// What the script needs for its read-out.
    pub(super) fn json(&self) -> Value {
        let lines = self.lines.iter().map(|line| {
            let (steps, values): (Vec<_>, Vec<_>) = line.finite().map(|(step, value)| (step, rounded(value))).unzip();
            json!({ "steps": steps, "values": values })
        });
        json!({ "last": Axis::steps(self.last_step()).high, "lines": lines.collect::<Vec<_>>() })
    }

    fn last_step(&self) -> f64 {
        self.lines.iter().flat_map(Line::finite).map(|(step, _)| step as f64).fold(0.0, f64::max)
    }

    /// The curves in words: where each began and ended.
    fn spoken(&self) -> String {
        let line = |line: &Line| {
            let (first, last) = (line.finite().next(), line.finite().last());
            let value = |point: Option<(u64, f64)>| point.map_or(NO_VALUE.into(), |(_, value)| number(value, 3));
            format!("{} from {} to {}", line.name, value(first), value(last)).trim().to_owned()
        };
        self.lines.iter().map(line).collect::<Vec<_>>().join("; ")
    }
}

fn legend_entry(index: usize, line: &Line) -> String {
    let last = line.finite().last().map_or(NO_VALUE.into(), |(_, value)| number(value, 3));
    format!("<span class=\"line-{}\">{} <output>{last}</output></span>", index % LINE_COLORS, escape(&line.name))
}

/// The curve, broken where a value is missing; a value alone between two breaks is a dot.
fn path(index: usize, line: &Line, steps: &Axis, axis: &Axis) -> String {
    let shown = |value: &f64| value.is_finite() && (!axis.logarithmic || *value > 0.0);
    let (mut curve, mut dots) = (String::new(), String::new());
    for piece in line.points.split(|(_, value)| !value.as_ref().is_some_and(shown)) {
        let points: Vec<String> = piece
            .iter()
            .filter_map(|&(step, value)| {
                Some(format!("{:.1} {:.1}", SIDE * steps.place(step as f64), SIDE * (1.0 - axis.place(value?))))
            })
            .collect();
        match points.as_slice() {
            [] => {}
            [point] => dots += &format!("M{point}h0"),
            points => curve += &format!("M{}", points.join("L")),
        }
    }
    let color = index % LINE_COLORS;
    [("", curve), (" dot", dots)]
        .into_iter()
        .filter(|(_, commands)| !commands.is_empty())
        .map(|(kind, commands)| format!("<path class=\"line-{color}{kind}\" d=\"{commands}\"/>"))
        .collect()
}

/// Five significant digits: more than a curve shows, and half the text.
fn rounded(value: f64) -> f64 {
    format!("{value:.4e}").parse().unwrap_or(value)
}

/// How often the codes of a stage or the integers of a latent were sent.
pub(super) fn usage_figure(stage: usize, usage: &StageUsage) -> String {
    match usage.least {
        Some(least) => integers_figure(stage, usage, least),
        None => codes_figure(stage, usage),
    }
}

/// A stage's codes, most used first, against the line of even use.
fn codes_figure(stage: usize, usage: &StageUsage) -> String {
    let mut sorted = usage.counts.clone();
    sorted.sort_unstable_by(|a, b| b.cmp(a));
    let highest = sorted.first().copied().unwrap_or(0).max(1) as f64;
    let codes = sorted.len().max(1) as f64;
    let unused = sorted.iter().filter(|&&count| count == 0).count();
    let total: f64 = sorted.iter().map(|&count| count as f64).sum();
    let even = SIDE * (1.0 - total / codes / highest);
    let number_of_codes = count(usage.counts.len() as u64);
    bars_figure(
        &sorted,
        usage,
        &format!("Code {stage} <small>{number_of_codes} codes, most used first; of held-out frames</small>"),
        &format!("<span>unused <output>{unused}</output></span>"),
        &format!("Use of {number_of_codes} codes: perplexity {}, {unused} unused", number(usage.perplexity, 3)),
        [
            &format!("<path class=\"even\" d=\"M0 {even:.1}H{SIDE}\"/>"),
            &format!("<span class=\"value even\" style=\"--at:{:.1}%\">even</span>", 100.0 - even / SIDE * 100.0),
        ],
    )
}

/// A latent's integers in their order, as far as they were used.
fn integers_figure(latent: usize, usage: &StageUsage, least: i64) -> String {
    let integers = usage.counts.len().max(1) as f64;
    let label = |value: i64| {
        let middle = (value - least) as f64 + 0.5;
        format!("<span class=\"step\" style=\"--at:{:.2}%\">{value}</span>", 100.0 * middle / integers)
    };
    let labels: String = if least < 0 { [least, 0, -least].map(label).concat() } else { label(0) };
    bars_figure(
        &usage.counts,
        usage,
        &format!("Latent {latent} <small>its integers; of held-out frames</small>"),
        "",
        &format!("Use of the integers from {least} to {}: perplexity {}", -least, number(usage.perplexity, 3)),
        ["", &labels],
    )
}

/// Counts as bars, under a title and a legend; `lines` and `labels` come over them.
fn bars_figure(
    counts: &[u64],
    usage: &StageUsage,
    title: &str,
    legend: &str,
    spoken: &str,
    [lines, labels]: [&str; 2],
) -> String {
    let highest = counts.iter().copied().max().unwrap_or(0).max(1) as f64;
    let total: f64 = counts.iter().map(|&count| count as f64).sum();
    let width = SIDE / counts.len().max(1) as f64;
    // Bars keep a seam between them while they are wide enough to have one.
    let bar = if counts.len() <= 128 { 0.8 * width } else { width };
    let bars: String = counts
        .iter()
        .enumerate()
        .filter(|(_, count)| **count > 0)
        .map(|(index, &count)| {
            let height = SIDE * count as f64 / highest;
            format!("M{:.1} {SIDE}v-{height:.1}h{bar:.2}v{height:.1}z", index as f64 * width)
        })
        .collect();
    format!(
        "<figure><figcaption>{title}</figcaption>\n\
         <p class=\"legend\"><span>perplexity <output>{perplexity}</output></span><span>entropy <output>{entropy} bits</output></span>\
         {legend}</p>\n<div class=\"plot bars\">\
         <svg viewBox=\"0 0 {SIDE} {SIDE}\" preserveAspectRatio=\"none\" role=\"img\" aria-label=\"{spoken}\">\
         <path class=\"bar\" d=\"{bars}\"/>{lines}</svg>\
         <span class=\"value\" style=\"--at:100%\">{top}\u{202f}%</span>{labels}</div></figure>\n",
        perplexity = number(usage.perplexity, 3),
        entropy = number(usage.entropy_bits, 3),
        top = number(100.0 * highest / total.max(1.0), 2),
    )
}

#[cfg(test)]
mod tests {
    use super::super::series::{Series, Validation};
    use super::*;

    fn run(name: &str, losses: &[Option<f64>]) -> RunReport {
        let line = |(step, &loss): (usize, &Option<f64>)| MetricLine {
            step: step as u64 + 1,
            loss,
            perplexity: vec![loss, Some(2.0)],
            entropy_bits: vec![Some(1.0)],
            validation: Some(Validation { prdn_percent: loss, ..Validation::default() }),
            ..MetricLine::default()
        };
        let lines = losses.iter().enumerate().map(line).collect();
        RunReport { name: name.into(), series: Series { lines }, ..RunReport::default() }
    }

    fn titles(runs: &[RunReport]) -> Vec<&'static str> {
        charts(runs).into_iter().map(|chart| chart.title).collect()
    }

    #[test]
    fn only_what_has_values_is_charted() {
        assert!(charts(&[]).is_empty());
        assert!(charts(&[run("a", &[])]).is_empty());
        assert_eq!(
            titles(&[run("a", &[None, Some(f64::NAN)])]),
            ["Perplexity of the codes in training", "Entropy of the codes in training, bits"]
        );
        let expected = [
            "Loss and its terms",
            "PRDN on validation, %",
            "Perplexity of the codes in training",
            "Entropy of the codes in training, bits",
        ];
        assert_eq!(titles(&[run("a", &[Some(1.0)])]), expected);
    }

    #[test]
    fn several_runs_share_a_chart() {
        let charts = charts(&[run("a", &[Some(1.0)]), run("<b>", &[Some(2.0)])]);
        let names = |chart: &Chart| chart.lines.iter().map(|line| line.name.clone()).collect::<Vec<_>>();
        assert_eq!(names(&charts[0]), ["a, loss", "<b>, loss"]);
        assert_eq!(names(&charts[1]), ["a, PRDN", "<b>, PRDN"]);
        assert_eq!(names(&charts[2]), ["a, code 1", "a, code 2", "<b>, code 1", "<b>, code 2"]);
        assert!(charts[1].figure(1).contains("&lt;b&gt;, PRDN <output>2</output>"));
    }

    #[test]
    fn one_point_is_a_dot_and_a_hole_breaks_the_curve() {
        let figure = |losses: &[Option<f64>]| charts(&[run("a", losses)])[1].figure(0);
        let dot = figure(&[Some(3.0)]);
        assert!(dot.contains("class=\"line-0 dot\" d=\"M1000.0 0.0h0\""), "{dot}");
        assert!(!dot.contains("class=\"line-0\" d="));
        let broken = figure(&[Some(1.0), Some(2.0), None, Some(f64::NAN), Some(3.0), Some(4.0)]);
        let path = broken.split("class=\"line-0\" d=\"").nth(1).unwrap().split('"').next().unwrap();
        assert_eq!(path.matches('M').count(), 2, "{path}");
        assert!(!broken.contains("NaN") && !broken.contains("inf"), "{broken}");
    }

    #[test]
    fn wide_ranges_are_logarithmic_and_skip_zero() {
        let chart = &charts(&[run("a", &[Some(0.0), Some(100.0), Some(50.0), Some(1.0)])])[0];
        let figure = chart.figure(0);
        assert!(figure.contains("logarithmic"), "{figure}");
        assert!(figure.contains("M500.0 0.0L750.0 150.5L1000.0 1000.0"), "{figure}");
        assert!(charts(&[run("a", &[Some(4.0), Some(1.0)])])[0].figure(0).contains("linear"));
    }

    #[test]
    fn the_read_out_has_finite_values_only() {
        let json = charts(&[run("a", &[Some(1.0 / 3.0), None, Some(f64::INFINITY), Some(0.5)])])[0].json();
        assert_eq!(json["lines"][0], json!({ "steps": [1, 4], "values": [0.33333, 0.5] }));
        assert_eq!(json["last"], json!(4.0));
    }

    #[test]
    fn usage_bars_are_sorted_and_counted() {
        let figure = usage_figure(1, &StageUsage::from_counts(vec![1, 4, 0, 3]));
        assert!(figure.contains("d=\"M0.0 1000v-1000.0h200.00v1000.0zM250.0 1000v-750.0"), "{figure}");
        assert!(figure.contains("unused <output>1</output>"), "{figure}");
        assert!(figure.contains("M0 500.0H1000"), "even use is half the most used code: {figure}");
        assert!(figure.contains("Code 1"), "{figure}");
        let empty = usage_figure(1, &StageUsage::from_counts(Vec::new()));
        assert!(!empty.contains("NaN") && !empty.contains("inf"), "{empty}");
    }

    #[test]
    fn integers_keep_their_order_and_are_named() {
        let figure = usage_figure(3, &StageUsage::from_integers(&[0, 1, 4, 0, 0]));
        assert!(figure.contains("d=\"M0.0 1000v-250.0h266.67v250.0zM333.3 1000v-1000.0"), "{figure}");
        assert!(figure.contains("Latent 3") && figure.contains("--at:16.67%\">-1<"), "{figure}");
        assert!(figure.contains("--at:83.33%\">1<") && !figure.contains("even"), "{figure}");
    }
}
