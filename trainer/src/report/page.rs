//! The HTML page: everything that is text is written here; the figures are drawn by the page's own script.

use super::charts::{Chart, charts, usage_figure};
use super::data::{Fact, ReportData, ResultRow, RunReport, Summary, Value};
use super::picture::picture;
use super::text::{NO_VALUE, count, duration, escape, number};
use super::{embed, images, plans, rates};

/// The scripts, in the order in which each needs the ones before it.
const SCRIPT: &str =
    concat!(include_str!("tools.js"), include_str!("painter.js"), include_str!("viewer.js"), include_str!("page.js"));

/// Frames of the still picture that stands in where scripts are off.
const STILL_FRAMES: f64 = 2_000.0;

/// The report as one HTML document that needs nothing beside it.
///
/// What is missing in `data` is left out of the page or shown as a dash. A zoom can be shared: the page keeps
/// `#from=10&to=14`, in seconds of the recording, in its address, and `&run=NAME` with several runs.
pub fn page(data: &ReportData) -> String {
    let title = if data.title.trim().is_empty() { "microvq" } else { &data.title };
    let charts = charts(&data.runs);
    format!(
        include_str!("page.html"),
        title = escape(title),
        style = include_str!("page.css"),
        headlines = headlines(&data.runs),
        sections = [
            waveform(data),
            images::section(&data.runs),
            results(&data.runs),
            rates::section(&data.runs),
            memory(&data.runs),
            training(&data.runs, &charts),
            usage(&data.runs),
            plans::lowering(&data.runs, |run| run_title(run, &data.runs)),
            origin(&data.runs)
        ]
        .concat(),
        version = escape(&data.program_version),
        data = embed::json(&data.runs, &charts),
        script = SCRIPT,
    )
}

fn headlines(runs: &[RunReport]) -> String {
    let line = |run: &RunReport| {
        let name = match runs {
            [_] => String::new(),
            _ => format!("<span class=\"run\">{}</span> ", escape(&run.name)),
        };
        format!("<p class=\"headline\">{name}{}</p>\n", headline(run))
    };
    runs.iter().map(line).collect()
}

/// The few numbers of a run in a sentence.
fn headline(run: &RunReport) -> String {
    if let Some(headline) = &run.headline {
        return escape(headline);
    }
    match (&run.summary, run.series.last_prdn()) {
        (Some(summary), _) => evaluated(summary),
        (None, Some((step, prdn))) => format!(
            "Not evaluated yet: in training, validation stood at <b>{}&#160;%</b> PRDN after {} steps.",
            number(prdn, 3),
            count(step)
        ),
        (None, None) => "Not evaluated yet.".into(),
    }
}

fn evaluated(summary: &Summary) -> String {
    let mut sentence = format!(
        "{} of {} in <b>{}&#160;bytes</b>: ",
        duration(summary.seconds),
        escape(&summary.signal),
        count(summary.sent_bytes)
    );
    if let (Some(ratio), Some(bytes)) = (summary.compression_ratio(), summary.original_bytes()) {
        let ratio = number(ratio, 3);
        sentence += &format!("<b>{ratio}&#160;times</b> smaller than the {}&#160;bytes recorded, ", count(bytes));
    }
    sentence += &format!("{}&#160;bits per sample", number(summary.bits_per_sample(), 3));
    if let Some(prdn) = summary.prdn_percent.filter(|prdn| prdn.is_finite()) {
        sentence += &format!(", <b>{}&#160;%</b> PRDN", number(prdn, 3));
    }
    sentence + "."
}

fn waveform(data: &ReportData) -> String {
    let Some(shown) = data.runs.iter().filter_map(|run| run.waveform.as_ref()).find(|shown| shown.frames() > 1) else {
        return String::new();
    };
    let still = picture(data, shown.first_frame as f64 / shown.rate(), STILL_FRAMES / shown.rate());
    format!(
        "<section aria-labelledby=\"signal-title\">\n<h2 id=\"signal-title\">Original and reconstruction</h2>\n\
         <div id=\"runs\" class=\"switch\" role=\"group\" aria-label=\"Run shown\" hidden></div>\n\
         <div id=\"waveform\"></div>\n<noscript>{}</noscript>\n</section>\n",
        still.unwrap_or_default()
    )
}

fn results(runs: &[RunReport]) -> String {
    let mut keys: Vec<&ResultRow> = Vec::new();
    for row in runs.iter().flat_map(|run| &run.results) {
        if !keys.iter().any(|key| same_measure(key, row)) {
            keys.push(row);
        }
    }
    if keys.is_empty() {
        return String::new();
    }
    let head = match runs {
        [_] => String::new(),
        _ => {
            let names: String =
                runs.iter().map(|run| format!("<th scope=\"col\">{}</th>", escape(&run.name))).collect();
            format!("<thead><tr><td></td>{names}</tr></thead>\n")
        }
    };
    let rows: String = keys.into_iter().map(|key| result_row(key, runs)).collect();
    format!(
        "<section aria-labelledby=\"results-title\">\n<h2 id=\"results-title\">Results</h2>\n\
         <div class=\"table\" tabindex=\"0\" role=\"region\" aria-labelledby=\"results-title\"><table>\n\
         {head}<tbody>\n{rows}</tbody>\n</table></div>\n</section>\n"
    )
}

fn same_measure(a: &ResultRow, b: &ResultRow) -> bool {
    a.label == b.label && a.unit == b.unit
}

fn result_row(key: &ResultRow, runs: &[RunReport]) -> String {
    let note = match key.note.as_str() {
        "" => String::new(),
        note => format!("<small>{}</small>", escape(note)),
    };
    let cell = |run: &RunReport| {
        let value = run.results.iter().find(|row| same_measure(row, key)).map(|row| &row.value);
        let unit = format!(" <span class=\"unit\">{}</span>", escape(&key.unit));
        match value {
            Some(Value::Number(value)) if value.is_finite() => format!("<td>{}{unit}</td>", number(*value, 4)),
            Some(Value::Text(words)) => format!("<td>{}{unit}</td>", escape(words)),
            _ => format!("<td>{NO_VALUE}</td>"),
        }
    };
    let cells: String = runs.iter().map(cell).collect();
    format!("<tr><th scope=\"row\"><b>{}</b> {note}</th>{cells}</tr>\n", escape(&key.label))
}

fn memory(runs: &[RunReport]) -> String {
    let plans: String = runs.iter().filter(|run| !run.memory.is_empty()).map(|run| memory_plan(run, runs)).collect();
    if plans.is_empty() {
        return plans;
    }
    format!(
        "<section aria-labelledby=\"memory-title\">\n<h2 id=\"memory-title\">Memory on the device</h2>\n{plans}</section>\n"
    )
}

fn memory_plan(run: &RunReport, runs: &[RunReport]) -> String {
    let mut regions: Vec<&str> = Vec::new();
    for entry in &run.memory {
        if !regions.contains(&entry.region.as_str()) {
            regions.push(&entry.region);
        }
    }
    let region = |name: &str| {
        let entries = || run.memory.iter().filter(|entry| entry.region == name);
        let total: u64 = entries().map(|entry| entry.bytes).sum();
        let rows: String = entries()
            .map(|entry| {
                format!(
                    "<tr><th scope=\"row\">{}</th><td class=\"bar\"><i class=\"share\" style=\"--at:{:.1}%\"></i></td>\
                     <td>{} <span class=\"unit\">bytes</span></td></tr>\n",
                    escape(&entry.name),
                    100.0 * entry.bytes as f64 / total.max(1) as f64,
                    count(entry.bytes)
                )
            })
            .collect();
        format!("<table><caption>{}: {}&#160;bytes</caption>\n{rows}</table>\n", escape(name), count(total))
    };
    let tables: String = regions.into_iter().map(region).collect();
    format!("{}<div class=\"columns\">{tables}</div>\n{}", run_title(run, runs), plans::memory(run))
}

fn training(runs: &[RunReport], charts: &[Chart]) -> String {
    if charts.is_empty() {
        return String::new();
    }
    let figures: String = charts.iter().enumerate().map(|(index, chart)| chart.figure(index)).collect();
    let warnings: String = runs.iter().map(|run| warnings(run, runs)).collect();
    format!(
        "<section aria-labelledby=\"training-title\">\n<h2 id=\"training-title\">Training</h2>\n{warnings}\
         <div class=\"charts\">\n{figures}</div>\n</section>\n"
    )
}

/// What training said at its end about codes that are not used.
fn warnings(run: &RunReport, runs: &[RunReport]) -> String {
    let warnings = run.series.lines.last().map_or(&[][..], |line| line.warnings.as_slice());
    if warnings.is_empty() {
        return String::new();
    }
    let lines: String = warnings.iter().map(|warning| format!("<p><b>{}</b></p>\n", escape(warning))).collect();
    format!("{}{lines}", run_title(run, runs))
}

fn usage(runs: &[RunReport]) -> String {
    let of_run = |run: &RunReport| {
        let sent = (1..).zip(&run.usage).filter(|(_, usage)| !usage.counts.is_empty());
        let (still, used): (Vec<_>, Vec<_>) = sent.partition(|(_, usage)| usage.least == Some(0));
        let figures: String = used.into_iter().map(|(stage, usage)| usage_figure(stage, usage)).collect();
        let embeddings = run.embeddings.iter().enumerate();
        let embeddings: String =
            embeddings.filter_map(|(stage, found)| Some(found.as_ref()?.figure(stage + 1))).collect();
        let numbers: Vec<String> = still.iter().map(|(latent, _)| latent.to_string()).collect();
        let zero = match numbers.as_slice() {
            [] => String::new(),
            numbers => format!("<p class=\"hint\">Latents that were always 0: {}.</p>\n", numbers.join(", ")),
        };
        format!("{}<div class=\"charts\">\n{figures}{embeddings}</div>\n{zero}", run_title(run, runs))
    };
    let parts: String = runs.iter().filter(|run| !run.usage.is_empty()).map(of_run).collect();
    if parts.is_empty() {
        return parts;
    }
    format!("<section aria-labelledby=\"usage-title\">\n<h2 id=\"usage-title\">Code usage</h2>\n{parts}</section>\n")
}

fn origin(runs: &[RunReport]) -> String {
    let parts: String = runs.iter().map(|run| origin_of(run, runs)).collect();
    if parts.is_empty() {
        return parts;
    }
    format!(
        "<section aria-labelledby=\"origin-title\">\n<h2 id=\"origin-title\">How it was made</h2>\n{parts}</section>\n"
    )
}

fn origin_of(run: &RunReport, runs: &[RunReport]) -> String {
    let fact = |fact: &Fact| format!("<div><dt>{}</dt><dd>{}</dd></div>\n", escape(&fact.label), escape(&fact.value));
    let facts = match run.facts.as_slice() {
        [] => String::new(),
        facts => format!("<dl>\n{}</dl>\n", facts.iter().map(fact).collect::<String>()),
    };
    let command = preformatted("Command", &shell_line(&run.command));
    let settings = preformatted("Settings in effect", run.settings.trim_end());
    match [command, facts, settings].concat() {
        nothing if nothing.is_empty() => nothing,
        origin => run_title(run, runs) + &origin,
    }
}

fn preformatted(label: &str, text: &str) -> String {
    if text.is_empty() {
        return String::new();
    }
    format!("<pre tabindex=\"0\" aria-label=\"{label}\">{}</pre>\n", escape(text))
}

pub(super) fn run_title(run: &RunReport, runs: &[RunReport]) -> String {
    match runs {
        [_] => String::new(),
        _ => format!("<h3>{}</h3>\n", escape(&run.name)),
    }
}

/// A command's words as a line that a shell reads back as the same words.
fn shell_line(words: &[String]) -> String {
    let plain = |character: char| character.is_alphanumeric() || "-_./=:,+@%".contains(character);
    let quoted = words.iter().map(|word| {
        if !word.is_empty() && word.chars().all(plain) {
            word.clone()
        } else {
            format!("'{}'", word.replace('\'', r"'\''"))
        }
    });
    quoted.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::super::data::{MemoryEntry, StageUsage, Waveform, WaveformChannel};
    use super::super::series::{MetricLine, Series};
    use super::*;

    fn channel(frames: usize) -> WaveformChannel {
        // A slow wave with ten bits of it changing quickly: coarser than an ECG.
        let original: Vec<i32> = (0..frames as i32).map(|t| 1_000 + (t * 7_919) % 1_009 / 8 + (t % 360)).collect();
        let reconstruction = original.iter().map(|value| value - value % 16).collect();
        WaveformChannel { unit: "mV".into(), counts_per_unit: 200.0, original, reconstruction, ..Default::default() }
    }

    fn run(name: &str, frames: usize) -> RunReport {
        let waveform = Waveform { rate_millihertz: 360_000, channels: vec![channel(frames)], ..Waveform::default() };
        RunReport {
            name: name.into(),
            waveform: Some(waveform),
            results: vec![ResultRow::new("Bits", 0.77, "bit", "with headers"), ResultRow::new("Exact", "yes", "", "")],
            ..RunReport::default()
        }
    }

    fn report(runs: Vec<RunReport>) -> String {
        page(&ReportData { title: "t".into(), program_version: "0.1.0".into(), runs })
    }

    #[test]
    fn a_minute_of_ecg_is_far_below_a_megabyte() {
        let html = report(vec![run("a", 60 * 360)]);
        assert!(html.len() < 300_000, "{} bytes", html.len());
    }

    #[test]
    fn a_report_of_nothing_is_still_a_page() {
        for runs in [vec![], vec![RunReport::default()]] {
            let html = report(runs);
            assert!(html.ends_with("</html>\n"));
            assert!(!html.contains("<section"), "{html}");
        }
    }

    #[test]
    fn a_run_that_ended_with_collapsed_codes_says_so_above_its_curves() {
        let line = |step, warnings: &[&str]| MetricLine {
            step,
            loss: Some(1.0),
            warnings: warnings.iter().map(|&warning| warning.into()).collect(),
            ..MetricLine::default()
        };
        let with = |lines| report(vec![RunReport { series: Series { lines }, ..run("a", 10) }]);
        let ended = with(vec![line(1, &[]), line(2, &["collapsed: number 2", "what helps: <this>"])]);
        assert!(ended.contains("collapsed: number 2") && ended.contains("what helps: &lt;this&gt;"), "{ended}");
        let mended = with(vec![line(1, &["collapsed: number 2"]), line(2, &[])]);
        assert!(!mended.contains("collapsed"), "{mended}");
    }

    #[test]
    fn nothing_is_loaded_from_elsewhere() {
        let html = report(vec![run("a", 10)]);
        // The namespace of SVG is a name, not an address that is fetched.
        let html = html.replace("http://www.w3.org/2000/svg", "");
        for word in ["http:", "https:", "src=", "@import", "url("] {
            assert!(!html.contains(word), "{word}");
        }
        assert!(html.contains("default-src 'none'"));
    }

    #[test]
    fn pictures_are_inside_the_page_under_the_names_of_their_runs() {
        let with = |name: &str| RunReport { reconstructions: Some(vec![1, 2, 3]), ..run(name, 0) };
        let html = report(vec![with("a"), RunReport { headline: Some("as <said>".into()), ..with("b") }]);
        assert_eq!(html.matches("src=\"data:image/png;base64,AQID\"").count(), 2);
        assert!(html.contains("as &lt;said&gt;") && html.contains("<h3>b</h3>"));
        assert!(!report(vec![run("a", 10)]).contains("<img"));
    }

    #[test]
    fn every_text_is_escaped() {
        let evil = "</pre></script><script>alert(1)</script>\"'&";
        let mut hostile = run(evil, 10);
        hostile.summary = Some(Summary { signal: evil.into(), ..Summary::default() });
        hostile.results.push(ResultRow::new(evil, evil, evil, evil));
        hostile.memory.push(MemoryEntry { region: evil.into(), name: evil.into(), bytes: 1 });
        hostile.facts.push(Fact::new(evil, evil));
        hostile.command = vec![evil.into()];
        hostile.settings = evil.into();
        if let Some(waveform) = &mut hostile.waveform {
            waveform.channels[0].name = evil.into();
            waveform.channels[0].unit = evil.into();
        }
        let runs = vec![hostile.clone(), hostile];
        let html = page(&ReportData { title: evil.into(), program_version: evil.into(), runs });
        assert!(!html.contains("<script>alert"));
        assert_eq!(html.matches("</script>").count(), 2, "the data's end and the script's");
    }

    #[test]
    fn one_run_has_a_sentence_and_several_have_names() {
        let mut first = run("a", 10);
        first.summary = Some(Summary {
            signal: "ECG".into(),
            seconds: 60.0,
            samples: 21_600,
            source_bits: Some(11),
            sent_bytes: 2_079,
            prdn_percent: Some(8.04),
        });
        let html = report(vec![first.clone()]);
        assert!(
            html.contains("60\u{a0}s of ECG in <b>2\u{202f}079&#160;bytes</b>: <b>14.3&#160;times</b> smaller"),
            "{html}"
        );
        assert!(html.contains("0.770&#160;bits per sample, <b>8.04&#160;%</b> PRDN."));
        assert!(!html.contains("class=\"run\""));
        let html = report(vec![first, run("b", 10)]);
        assert!(html.contains("<span class=\"run\">b</span> Not evaluated yet."));
    }

    #[test]
    fn an_unknown_resolution_gives_no_ratio() {
        let summary = Summary { samples: 8, sent_bytes: 1, prdn_percent: Some(f64::NAN), ..Summary::default() };
        let sentence = evaluated(&summary);
        assert!(!sentence.contains("times") && !sentence.contains("PRDN"), "{sentence}");
        assert!(sentence.ends_with("1&#160;bits per sample."), "{sentence}");
    }

    #[test]
    fn results_of_several_runs_meet_by_label_and_unit() {
        let mut other = run("b", 10);
        other.results = vec![ResultRow::new("Bits", f64::NAN, "bit", ""), ResultRow::new("Ratio", 14.25, "", "")];
        let html = report(vec![run("a", 10), other]);
        let row = |label: &str| {
            let row = html.split("<tr>").find(|row| row.contains(&format!("<th scope=\"row\"><b>{label}")));
            row.unwrap_or_default().matches("<td>").count()
        };
        assert_eq!((row("Bits"), row("Exact"), row("Ratio")), (2, 2, 2));
        assert!(html.contains("<td>0.7700 <span class=\"unit\">bit</span></td><td>–</td>"));
        assert!(html.contains("<td>–</td><td>14.25 <span"));
    }

    #[test]
    fn every_section_appears_when_it_has_something() {
        let mut full = run("a", 10);
        full.memory = vec![MemoryEntry { region: "flash".into(), name: "weights".into(), bytes: 20_480 }];
        full.series = Series { lines: vec![MetricLine { step: 1, loss: Some(1.0), ..MetricLine::default() }] };
        full.usage = vec![StageUsage::from_counts(vec![1, 2])];
        full.settings = "seed = 1".into();
        let html = report(vec![full]);
        let titles: Vec<_> = html.split("<h2 id=\"").skip(1).filter_map(|rest| rest.split('-').next()).collect();
        assert_eq!(titles, ["signal", "results", "memory", "training", "usage", "origin"]);
        assert!(html.contains("flash: 20\u{202f}480&#160;bytes"));
    }

    #[test]
    fn latents_that_are_always_zero_have_a_sentence_and_no_figure() {
        let mut run = run("a", 10);
        run.usage =
            [[0u64, 3, 1], [0, 4, 0], [1, 2, 1], [0, 0, 0]].map(|counts| StageUsage::from_integers(&counts)).into();
        let html = report(vec![run]);
        assert!(html.contains("Latent 1 ") && html.contains("Latent 3 ") && !html.contains("Latent 2 "));
        assert!(!html.contains("Latent 4 ") && !html.contains("Code 4 "), "nothing was sent of it");
        assert!(html.contains("Latents that were always 0: 2."));
    }

    #[test]
    fn commands_can_be_pasted_into_a_shell() {
        let words = ["vq", "train", "my file.csv", "it's", "", "--rate=360"].map(String::from);
        assert_eq!(shell_line(&words), r"vq train 'my file.csv' 'it'\''s' '' --rate=360");
    }
}
