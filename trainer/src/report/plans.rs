//! What the exporter did to the nets: where their lines lie in memory and when, and what integers cost layer by layer.

use super::data::{LayerReport, RunReport};
use super::text::{count, escape, number};
use crate::summary::{NetMemory, Place};

/// Colours that the style sheet defines for lines.
const LINE_COLORS: usize = 6;
/// Width of a step and height of the block, in the drawing's units.
const STEP: f64 = 40.0;
const HEIGHT: f64 = 200.0;

/// The memory plans of a run's nets.
pub(super) fn memory(run: &RunReport) -> String {
    let figures: String = run.plans.iter().map(plan).collect();
    if figures.is_empty() { figures } else { format!("<div class=\"charts\">\n{figures}</div>\n") }
}

/// Rows are bytes, columns the steps of a hop.
fn plan(memory: &NetMemory) -> String {
    let width = STEP * memory.steps as f64;
    let height = |bytes: u32| HEIGHT * f64::from(bytes) / f64::from(memory.bytes.max(1));
    let boxes = |line: usize, place: &Place, kind: &str, skipped: &[usize]| -> String {
        let steps = place.steps.iter().filter(|step| !skipped.contains(step));
        let draw = |step: &usize| {
            format!("M{:.0} {:.1}h{STEP}v{:.1}h-{STEP}z", STEP * *step as f64, height(place.start), height(place.bytes))
        };
        let path: String = steps.map(draw).collect();
        format!("<path class=\"line-{}{kind}\" d=\"{path}\"/>", line % LINE_COLORS)
    };
    let drawn: String = memory
        .lines
        .iter()
        .map(|line| {
            let rest =
                line.rest.as_ref().map_or_else(String::new, |rest| boxes(line.line, rest, " rest", &line.buffer.steps));
            boxes(line.line, &line.buffer, "", &[]) + &rest
        })
        .collect();
    let legend: String = memory
        .lines
        .iter()
        .map(|line| {
            format!(
                "<span class=\"line-{}\">{}: {} <output>{} bytes</output></span>",
                line.line % LINE_COLORS,
                line.line,
                escape(&line.writer),
                count(line.buffer.bytes.into())
            )
        })
        .collect();
    format!(
        "<figure><figcaption>Lines of the {net} <small>{bytes} bytes, {unshared} without sharing; a column for each step of a hop</small></figcaption>\n\
         <svg class=\"plan\" viewBox=\"0 0 {width} {HEIGHT}\" preserveAspectRatio=\"none\" role=\"img\" \
         aria-label=\"Memory of the {net}: {bytes} bytes\">{drawn}</svg>\n\
         <details><summary>The lines; pale is history at rest</summary><p class=\"legend\">{legend}</p></details></figure>\n",
        net = memory.net,
        bytes = count(memory.bytes.into()),
        unshared = count(memory.unshared_bytes.into()),
    )
}

/// What integers cost in every layer; empty where no run was compared.
pub(super) fn lowering(runs: &[RunReport], title: impl Fn(&RunReport) -> String) -> String {
    let parts: String =
        (runs.iter().filter(|run| !run.layers.is_empty())).map(|run| title(run) + &lowering_of(&run.layers)).collect();
    if parts.is_empty() {
        return parts;
    }
    format!(
        "<section aria-labelledby=\"lowering-title\">\n<h2 id=\"lowering-title\">Integers against floats</h2>\n{parts}</section>\n"
    )
}

fn lowering_of(layers: &[LayerReport]) -> String {
    let most = layers.iter().map(|layer| layer.error_percent).fold(0.0, f64::max);
    let table = |net: &str| {
        let rows: String = (layers.iter().filter(|layer| layer.net == net))
            .map(|layer| {
                format!(
                    "<tr><th scope=\"row\">{} <small>{} % of the range</small></th>\
                     <td class=\"bar\"><i class=\"share\" style=\"--at:{:.1}%\"></i></td><td>{} <span class=\"unit\">%</span></td></tr>\n",
                    escape(&layer.layer),
                    number(layer.range_percent, 2),
                    if most > 0.0 { 100.0 * layer.error_percent / most } else { 0.0 },
                    number(layer.error_percent, 2)
                )
            })
            .collect();
        format!(
            "<table><caption>{net}: error of each layer’s output, what came before it included</caption>\n{rows}</table>\n"
        )
    };
    format!("<div class=\"columns\">{}{}</div>\n", table("encoder"), table("decoder"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::summary::LineMemory;

    #[test]
    fn a_line_is_drawn_where_it_lies_and_when() {
        let place = |start, bytes, steps: &[usize]| Place { start, bytes, steps: steps.to_vec() };
        let memory = NetMemory {
            net: "encoder",
            bytes: 100,
            unshared_bytes: 150,
            steps: 3,
            lines: vec![LineMemory {
                line: 0,
                writer: "<input>".into(),
                rows: 4,
                channels: 1,
                history: 2,
                buffer: place(0, 50, &[0, 1]),
                rest: Some(place(75, 25, &[0, 1, 2])),
            }],
        };
        let html = self::memory(&RunReport { plans: vec![memory], ..RunReport::default() });
        assert!(html.contains("class=\"line-0\" d=\"M0 0.0h40v100.0h-40zM40 0.0h40v100.0h-40z\""), "{html}");
        assert!(html.contains("class=\"line-0 rest\" d=\"M80 150.0h40v50.0h-40z\""), "{html}");
        assert!(html.contains("&lt;input&gt;") && html.contains("150 without sharing"), "{html}");
        assert_eq!(self::memory(&RunReport::default()), "");
    }

    #[test]
    fn every_layer_has_a_row_and_the_worst_the_longest_bar() {
        let layer = |net: &'static str, layer: &str, error_percent| LayerReport {
            net,
            layer: layer.into(),
            error_percent,
            range_percent: 50.0,
        };
        let layers = vec![layer("encoder", "layer1", 0.2), layer("decoder", "<final>", 0.4)];
        let html = lowering(&[RunReport { layers, ..RunReport::default() }], |_| String::new());
        assert!(
            html.contains("--at:50.0%") && html.contains("--at:100.0%") && html.contains("&lt;final&gt;"),
            "{html}"
        );
        assert_eq!(lowering(&[RunReport::default()], |_| "title".into()), "");
    }
}
