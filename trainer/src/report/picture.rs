//! A still picture for a README: a few seconds of original over reconstruction, and the bytes they took.
//!
//! A README is read on white and on near-black pages, and an SVG shown as an image does not learn which. So the
//! background stays clear and every colour is a middle tone that keeps its contrast on both.

use super::data::{PacketMark, ReportData, RunReport, SpanStatus, Waveform, WaveformChannel};
use super::text::{count, duration, escape, number, round_number};

const WIDTH: f64 = 880.0;
const MARGIN: f64 = 12.0;
/// Caption and legend.
const HEAD: f64 = 64.0;
/// Room for a channel's trace, and for its residual.
const TRACE: f64 = 190.0;
const RESIDUAL: f64 = 46.0;
/// Scale bar and small print.
const FOOT: f64 = 40.0;
/// More channels than this would not be read at the size of a README.
const CHANNELS: usize = 3;

const STYLE: &str = "text{font-family:-apple-system,BlinkMacSystemFont,'Segoe UI',Roboto,Helvetica,Arial,sans-serif;\
    font-size:13px;fill:#768390}.caption{font-size:21px;font-weight:600}.sent{fill:#1792a8}\
    path,line{fill:none;stroke-linejoin:round;stroke-linecap:round}\
    .original{stroke:#8b97a4;stroke-width:3.2}.reconstruction{stroke:#1f9fb5;stroke-width:1.6}\
    .residual{stroke:#d0743c;stroke-width:1.1}.scale{stroke:#768390;stroke-width:1.5}";

/// An SVG of `seconds` of the first run that has a waveform, from `from_seconds` of its recording on.
///
/// The caption's bytes are those of the packets that carry these frames; of a packet that carries others too, the
/// proportional part. `None` if no run has a frame there.
pub fn picture(data: &ReportData, from_seconds: f64, seconds: f64) -> Option<String> {
    let run = data.runs.iter().find(|run| run.waveform.as_ref().is_some_and(|waveform| waveform.frames() > 0))?;
    let waveform = run.waveform.as_ref()?;
    let start = from_seconds * waveform.rate() - waveform.first_frame as f64;
    let from = start.round().max(0.0) as usize;
    let to = ((start + seconds * waveform.rate()).round().max(0.0) as usize).min(waveform.frames());
    if to < from.checked_add(2)? {
        return None;
    }
    let shown: Vec<&WaveformChannel> =
        waveform.channels.iter().filter(|c| !c.original.is_empty()).take(CHANNELS).collect();
    let height = HEAD + shown.len() as f64 * (TRACE + RESIDUAL) + FOOT;
    let caption = caption(run, waveform, from, to);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" height=\"{height}\" \
         role=\"img\">\n<title>{}</title>\n<style>{STYLE}</style>\n",
        escape(&format!("Original and reconstruction of {}", caption.plain))
    );
    svg += &format!("<text x=\"{MARGIN}\" y=\"26\" class=\"caption\">{}</text>\n", caption.markup);
    svg += LEGEND;
    for (index, channel) in shown.into_iter().enumerate() {
        let top = HEAD + index as f64 * (TRACE + RESIDUAL);
        svg += &Panel::new(channel, waveform, from, to, top).draw();
    }
    svg += &foot(run, waveform, to - from, height);
    Some(svg + "</svg>\n")
}

const LEGEND: &str = "<line x1=\"13\" y1=\"47\" x2=\"35\" y2=\"47\" class=\"original\"/><text x=\"42\" y=\"51\">original</text>\n\
    <line x1=\"107\" y1=\"47\" x2=\"129\" y2=\"47\" class=\"reconstruction\"/><text x=\"136\" y=\"51\">reconstruction</text>\n\
    <line x1=\"242\" y1=\"47\" x2=\"264\" y2=\"47\" class=\"residual\"/><text x=\"271\" y=\"51\">residual</text>\n";

struct Caption {
    markup: String,
    plain: String,
}

fn caption(run: &RunReport, waveform: &Waveform, from: usize, to: usize) -> Caption {
    let signal = run.summary.as_ref().map_or("signal", |summary| summary.signal.as_str());
    let length = duration((to - from) as f64 / waveform.rate());
    let samples = ((to - from) * waveform.channels.len()) as f64;
    let sent = bytes_of_packets(&waveform.packets, from as f64, to as f64, waveform.frames() as f64)
        .or_else(|| Some(run.summary.as_ref()?.bits_per_sample() * samples / 8.0))
        .filter(|bytes| bytes.is_finite());
    let original =
        run.summary.as_ref().and_then(|summary| summary.source_bits).map(|bits| samples * f64::from(bits) / 8.0);
    let bytes = |value: f64| format!("{} bytes", count(value.ceil() as u64));
    let (before, after) = match (original, sent) {
        (Some(original), Some(sent)) => (format!(": {} → ", bytes(original)), bytes(sent)),
        (None, Some(sent)) => (" in ".into(), bytes(sent)),
        (_, None) => (String::new(), String::new()),
    };
    let begin = format!("{length} of {signal}{before}");
    Caption {
        markup: format!("{}<tspan class=\"sent\">{}</tspan>", escape(&begin), escape(&after)),
        plain: format!("{begin}{after}"),
    }
}

/// Bytes that frames `from..to` took. A packet's frames end where the next begins; the last packet's at `frames`.
/// `None` without packets.
fn bytes_of_packets(packets: &[PacketMark], from: f64, to: f64, frames: f64) -> Option<f64> {
    packets.first()?;
    let ends = packets.iter().skip(1).map(|packet| packet.frame as f64).chain([frames]);
    let parts = packets.iter().zip(ends).map(|(packet, end)| {
        let begin = packet.frame as f64;
        let overlap = (end.min(to) - begin.max(from)).max(0.0);
        if end > begin { f64::from(packet.bytes) * overlap / (end - begin) } else { 0.0 }
    });
    Some(parts.sum())
}

/// A channel's trace and residual, at their place in the picture.
struct Panel<'a> {
    channel: &'a WaveformChannel,
    from: usize,
    to: usize,
    top: f64,
    /// The count at the foot of the trace, and pixels per count.
    lowest: f64,
    pixels_per_count: f64,
    /// The runs of frames that were decoded.
    decoded: Vec<(usize, usize)>,
}

impl<'a> Panel<'a> {
    fn new(channel: &'a WaveformChannel, waveform: &Waveform, from: usize, to: usize, top: f64) -> Self {
        let to = to.min(channel.original.len()).max(from);
        let decoded = decoded(waveform, from, to.min(channel.reconstruction.len()));
        let original = channel.original.get(from..to).unwrap_or_default().iter();
        let drawn = decoded.iter().flat_map(|&(from, to)| &channel.reconstruction[from..to]).chain(original);
        let (lowest, highest) = drawn
            .fold((f64::MAX, f64::MIN), |(low, high), &value| (low.min(f64::from(value)), high.max(f64::from(value))));
        let pixels_per_count = (TRACE - 16.0) / (highest - lowest).max(1.0);
        Self { channel, from, to, top, lowest, pixels_per_count, decoded }
    }

    fn draw(&self) -> String {
        let trace_foot = self.top + TRACE - 8.0;
        let trace = |value: f64| trace_foot - (value - self.lowest) * self.pixels_per_count;
        let residual_middle = self.top + TRACE + RESIDUAL / 2.0;
        let residual =
            |value: f64| (residual_middle - value * self.pixels_per_count).clamp(self.top, self.top + TRACE + RESIDUAL);
        let original = |frame: usize| trace(f64::from(self.channel.original[frame]));
        let reconstruction = |frame: usize| trace(f64::from(self.channel.reconstruction[frame]));
        let difference = |frame: usize| {
            residual(f64::from(self.channel.original[frame]) - f64::from(self.channel.reconstruction[frame]))
        };
        let mut svg = self.path("original", &[(self.from, self.to)], original);
        svg += &self.path("reconstruction", &self.decoded, reconstruction);
        svg += &self.path("residual", &self.decoded, difference);
        svg + &self.label()
    }

    /// The scale at the right: the channel's name, and a bar that is some round amount of its unit high.
    fn label(&self) -> String {
        let range = (TRACE - 16.0) / self.pixels_per_count / self.channel.scale();
        let amount = round_amount(range / 4.0);
        let length = amount * self.channel.scale() * self.pixels_per_count;
        let (x, foot) = (WIDTH - MARGIN, self.top + 4.0 + length);
        format!(
            "<line x1=\"{x}\" y1=\"{:.1}\" x2=\"{x}\" y2=\"{foot:.1}\" class=\"scale\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{} {}{}</text>\n",
            self.top + 4.0,
            x - 8.0,
            self.top + 4.0 + length / 2.0 + 4.0,
            round_number(amount),
            escape(self.channel.shown_unit()),
            match self.channel.name.as_str() {
                "" => String::new(),
                name => format!(" · {}", escape(name)),
            }
        )
    }

    /// A path of `class` through `height(frame)` over the given runs of frames. Where several frames share a pixel, the
    /// lowest and the highest of them are drawn, each in its place.
    fn path(&self, class: &str, runs: &[(usize, usize)], height: impl Fn(usize) -> f64) -> String {
        let room = trace_width();
        let frames = (self.to - self.from).max(2);
        let x = |frame: usize| MARGIN + (frame - self.from) as f64 / (frames - 1) as f64 * room;
        let group = (frames as f64 / (2.0 * room)).ceil().max(1.0) as usize;
        let mut commands = String::new();
        for &(from, to) in runs {
            let mut command = 'M';
            for begin in (from..to).step_by(group) {
                let frames = begin..(begin + group).min(to);
                let by_height = |a: &usize, b: &usize| height(*a).total_cmp(&height(*b));
                let ends = [frames.clone().min_by(by_height), frames.max_by(by_height)].map(|end| end.unwrap_or(begin));
                let (first, second) = (ends[0].min(ends[1]), ends[0].max(ends[1]));
                for frame in (first..=second).step_by((second - first).max(1)) {
                    commands += &format!("{command}{:.1} {:.1}", x(frame), height(frame));
                    command = 'L';
                }
            }
        }
        format!("<path class=\"{class}\" d=\"{commands}\"/>\n")
    }
}

/// Pixels for the traces: the scale bar and its words stand to the right of them.
fn trace_width() -> f64 {
    WIDTH - 2.0 * MARGIN - 100.0
}

/// The runs of frames in `from..to` that lie in no gap.
fn decoded(waveform: &Waveform, from: usize, to: usize) -> Vec<(usize, usize)> {
    let mut runs = Vec::new();
    let mut begin = from;
    for gap in waveform.spans.iter().filter(|span| span.status == SpanStatus::Gap) {
        let end = usize::try_from(gap.from).unwrap_or(usize::MAX).min(to);
        if end > begin {
            runs.push((begin, end));
        }
        begin = begin.max(usize::try_from(gap.to).unwrap_or(usize::MAX));
    }
    if to > begin {
        runs.push((begin, to));
    }
    runs
}

/// The time scale at the left, the small print at the right.
fn foot(run: &RunReport, waveform: &Waveform, frames: usize, height: f64) -> String {
    let length = frames as f64 / waveform.rate();
    let amount = round_amount(length / 6.0);
    let right = MARGIN + trace_width() * amount / length;
    let y = height - 22.0;
    let mut svg = format!(
        "<line x1=\"{MARGIN}\" y1=\"{y}\" x2=\"{right:.1}\" y2=\"{y}\" class=\"scale\"/>\
         <text x=\"{:.1}\" y=\"{}\">{} s</text>\n",
        right + 8.0,
        y + 4.5,
        round_number(amount)
    );
    if let Some(summary) = &run.summary {
        let prdn = summary.prdn_percent.filter(|prdn| prdn.is_finite());
        let prdn = prdn.map_or(String::new(), |prdn| format!(", PRDN {} %", number(prdn, 3)));
        svg += &format!(
            "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">over {}: {} bits per sample{prdn}</text>\n",
            WIDTH - MARGIN,
            y + 4.5,
            duration(summary.seconds),
            number(summary.bits_per_sample(), 3)
        );
    }
    svg
}

/// The largest of 1, 2, 5 times a power of ten that is not above `value`.
fn round_amount(value: f64) -> f64 {
    let power = 10_f64.powf(value.log10().floor());
    [5.0, 2.0].into_iter().find(|&digit| digit * power <= value).unwrap_or(1.0) * power
}

#[cfg(test)]
mod tests {
    use super::super::data::{Span, Summary};
    use super::*;

    fn sample(frames: usize, channels: usize) -> ReportData {
        let original: Vec<i32> = (0..frames).map(|t| (t as i32 % 200) - 100).collect();
        let channel = |index: usize| WaveformChannel {
            name: format!("<{index}>"),
            unit: "mV".into(),
            counts_per_unit: 200.0,
            offset: 0,
            reconstruction: original.iter().map(|value| value + 1).collect(),
            original: original.clone(),
        };
        let waveform = Waveform {
            rate_millihertz: 100_000,
            first_frame: 1_000,
            channels: (0..channels).map(channel).collect(),
            packets: vec![PacketMark { frame: 0, bytes: 80 }, PacketMark { frame: 400, bytes: 60 }],
            spans: Vec::new(),
        };
        let summary = Summary {
            signal: "ECG".into(),
            seconds: 6.0,
            samples: (frames * channels) as u64,
            source_bits: Some(11),
            sent_bytes: 140,
            prdn_percent: Some(8.04),
        };
        let run = RunReport { waveform: Some(waveform), summary: Some(summary), ..RunReport::default() };
        ReportData { runs: vec![run], ..ReportData::default() }
    }

    #[test]
    fn the_caption_counts_the_bytes_of_its_packets() {
        let svg = picture(&sample(600, 1), 12.0, 3.0).unwrap();
        // 200 of the first packet's 400 frames and 100 of the second's 200; 300 samples of 11 bits.
        assert!(svg.contains("3\u{a0}s of ECG: 413 bytes → "), "{svg}");
        assert!(svg.contains(">70 bytes<"), "{svg}");
        assert!(svg.contains("PRDN 8.04 %"), "{svg}");
    }

    #[test]
    fn without_packets_the_mean_rate_gives_the_bytes() {
        let mut data = sample(600, 1);
        data.runs[0].waveform.as_mut().unwrap().packets.clear();
        assert!(picture(&data, 10.0, 3.0).unwrap().contains(">70 bytes<"));
    }

    #[test]
    fn there_is_no_picture_of_nothing() {
        assert_eq!(picture(&ReportData::default(), 0.0, 5.0), None);
        let data = sample(600, 1);
        assert_eq!(picture(&data, 0.0, 5.0), None, "before the stretch");
        assert_eq!(picture(&data, 16.0, 5.0), None, "after the stretch");
        assert_eq!(picture(&data, f64::NAN, 5.0), None);
        assert!(picture(&data, 0.0, f64::INFINITY).is_some(), "everything");
    }

    #[test]
    fn paths_are_decimated_and_stay_inside() {
        let svg = picture(&sample(100_000, 1), 10.0, 1_000.0).unwrap();
        assert!(svg.len() < 150_000, "{} characters", svg.len());
        for path in svg.split("d=\"").skip(1).filter_map(|rest| rest.split('"').next()) {
            for pair in path.split(['M', 'L']).skip(1) {
                let (x, y) = pair.split_once(' ').unwrap();
                assert!((0.0..=WIDTH).contains(&x.parse().unwrap()), "{pair}");
                assert!((0.0..=HEAD + TRACE + RESIDUAL).contains(&y.parse().unwrap()), "{pair}");
            }
        }
    }

    #[test]
    fn names_are_escaped_and_channels_few() {
        let svg = picture(&sample(600, 5), 10.0, 3.0).unwrap();
        assert!(svg.contains("&lt;2&gt;") && !svg.contains("<2>") && !svg.contains("&lt;3&gt;"));
        assert_eq!(svg.matches("class=\"original\" d=").count(), CHANNELS);
    }

    #[test]
    fn gaps_are_left_open() {
        let mut data = sample(600, 1);
        let gap = |from, to| Span { from, to, status: SpanStatus::Gap };
        data.runs[0].waveform.as_mut().unwrap().spans = vec![gap(100, 150), gap(120, 200), gap(590, 700)];
        let waveform = data.runs[0].waveform.as_ref().unwrap();
        assert_eq!(decoded(waveform, 0, 600), [(0, 100), (200, 590)]);
        assert_eq!(decoded(waveform, 130, 140), []);
        let svg = picture(&data, 0.0, 100.0).unwrap();
        let path = svg.split("class=\"reconstruction\" d=\"").nth(1).unwrap().split('"').next().unwrap();
        assert_eq!(path.matches('M').count(), 2);
    }

    #[test]
    fn a_short_reconstruction_and_a_flat_signal_are_drawn() {
        let mut data = sample(600, 1);
        let channel = &mut data.runs[0].waveform.as_mut().unwrap().channels[0];
        channel.original = vec![i32::MAX; 600];
        channel.reconstruction = vec![i32::MAX; 100];
        let svg = picture(&data, 10.0, 6.0).unwrap();
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
    }

    #[test]
    fn round_amounts_are_one_two_or_five() {
        for (value, expected) in [(0.99, 0.5), (1.0, 1.0), (4.9, 2.0), (73.0, 50.0)] {
            assert!((round_amount(value) - expected).abs() < 1e-12, "{value}");
        }
    }
}
