//! What a report is made from.

use serde::Serialize;

use super::series::Series;
use crate::summary::NetMemory;

/// One report: a run, or several side by side.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct ReportData {
    /// The page's title.
    pub title: String,
    /// Version of the program that writes the report, for the foot of the page.
    pub program_version: String,
    /// The runs, in the order in which they are shown. With several, tables and validation curves are side by side.
    pub runs: Vec<RunReport>,
}

/// One run: what came out, and what it was made from.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct RunReport {
    /// Short name, unique in the report.
    pub name: String,
    /// The few numbers of the headline. `None` before the run was evaluated.
    pub summary: Option<Summary>,
    /// A sentence in place of the one that `summary` makes, for runs that are not of recordings or have no codes.
    pub headline: Option<String>,
    /// A PNG of images over their reconstructions. `None` leaves the figure out.
    #[serde(skip)]
    pub reconstructions: Option<Vec<u8>>,
    /// A signal and its reconstruction. `None` leaves the figure out.
    pub waveform: Option<Waveform>,
    /// The results table, top to bottom. Rows of several runs meet by label and unit.
    pub results: Vec<ResultRow>,
    /// Rate and distortion at each quality.
    pub rates: Vec<RatePoint>,
    /// The codebooks' vectors in two dimensions, in the order of `usage`; `None` where a code is no vector.
    pub embeddings: Vec<Option<Embedding>>,
    /// What integers cost in each layer, the encoder's first.
    pub layers: Vec<LayerReport>,
    /// Where the nets' lines lie in memory.
    pub plans: Vec<NetMemory>,
    /// Flash and RAM on the device, entry by entry. Empty leaves the section out.
    pub memory: Vec<MemoryEntry>,
    /// What training reported.
    pub series: Series,
    /// How often each code was sent, per quantizer stage.
    pub usage: Vec<StageUsage>,
    /// The command line, as words: the program's name, then its arguments.
    pub command: Vec<String>,
    /// The settings in effect, as TOML text.
    pub settings: String,
    /// Seed, versions, device, start, recordings: where the run comes from.
    pub facts: Vec<Fact>,
}

/// The numbers behind "60 s of ECG in 2 079 bytes".
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Summary {
    /// What was compressed, to stand after "60 s of": `ECG`.
    pub signal: String,
    /// Length of what was compressed, in seconds.
    pub seconds: f64,
    /// Samples of all channels together.
    pub samples: u64,
    /// Bits per sample of the recording; `None` where it has no known integer resolution.
    pub source_bits: Option<u8>,
    /// Bytes sent: packets with their headers.
    pub sent_bytes: u64,
    /// Distortion in percent of the signal's deviation from its mean.
    pub prdn_percent: Option<f64>,
}

impl Summary {
    /// Bits sent per channel-sample; NaN without samples.
    pub fn bits_per_sample(&self) -> f64 {
        if self.samples == 0 { f64::NAN } else { 8.0 * self.sent_bytes as f64 / self.samples as f64 }
    }

    /// Bytes of the recording at its own resolution.
    pub fn original_bytes(&self) -> Option<u64> {
        self.source_bits.map(|bits| (u128::from(self.samples) * u128::from(bits)).div_ceil(8) as u64)
    }

    /// Recorded bits over sent bits.
    pub fn compression_ratio(&self) -> Option<f64> {
        let ratio = f64::from(self.source_bits?) / self.bits_per_sample();
        ratio.is_finite().then_some(ratio)
    }
}

/// A stretch of a recording with its reconstruction. It costs the page one to three bytes per sample of each.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Waveform {
    /// Frames per second, times 1000.
    pub rate_millihertz: u64,
    /// Where the stretch starts in its recording, in frames: the time axis counts from the recording's start.
    pub first_frame: u64,
    /// The channels, all over the same frames.
    pub channels: Vec<WaveformChannel>,
    /// Where packets begin, ascending.
    pub packets: Vec<PacketMark>,
    /// Where the reconstruction is not what the codec would give without loss, ascending.
    pub spans: Vec<Span>,
}

impl Waveform {
    /// Frames in the longest channel.
    pub fn frames(&self) -> usize {
        self.channels.iter().map(|channel| channel.original.len()).max().unwrap_or(0)
    }

    /// Frames per second; 1 where the rate is not known, so that the time axis counts frames.
    pub fn rate(&self) -> f64 {
        if self.rate_millihertz == 0 { 1.0 } else { self.rate_millihertz as f64 / 1000.0 }
    }
}

/// One channel of a [`Waveform`].
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct WaveformChannel {
    /// The lead, axis or sensor.
    pub name: String,
    /// Physical unit, or `LSB`.
    pub unit: String,
    /// Counts per physical unit; a value that cannot divide shows counts.
    pub counts_per_unit: f64,
    /// Count of physical zero.
    pub offset: i32,
    /// Recorded counts, `[time]`.
    pub original: Vec<i32>,
    /// Decoded counts, `[time]`; may end before the original does. Inside a [`SpanStatus::Gap`] any value will do.
    pub reconstruction: Vec<i32>,
}

impl WaveformChannel {
    /// Divisor from counts to units, always usable.
    pub(super) fn scale(&self) -> f64 {
        if self.counts_per_unit.is_finite() && self.counts_per_unit > 0.0 { self.counts_per_unit } else { 1.0 }
    }

    /// The unit that [`Self::scale`] leads to.
    pub(super) fn shown_unit(&self) -> &str {
        if self.scale() == self.counts_per_unit && !self.unit.is_empty() { &self.unit } else { "LSB" }
    }
}

/// The start of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct PacketMark {
    /// First frame that the packet carries, counted from the start of the stretch.
    pub frame: u64,
    /// Length of the packet with its header, in bytes.
    pub bytes: u32,
}

/// Frames `from..to` of the stretch that a loss has touched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Span {
    /// First frame.
    pub from: u64,
    /// The frame after the last.
    pub to: u64,
    /// What happened to them.
    pub status: SpanStatus,
}

/// How a [`Span`] was touched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SpanStatus {
    /// Decoded next to a loss: there, but not exact.
    Degraded,
    /// Not decoded at all.
    Gap,
}

/// How often each code of one quantizer stage was sent.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct StageUsage {
    /// Times sent, `[code]`.
    pub counts: Vec<u64>,
    /// Of integer latents, whose codes have an order: the integer that the first count is of.
    pub least: Option<i64>,
    /// Entropy of the counts in bits per code; 0 where nothing was sent.
    pub entropy_bits: f64,
    /// `2^entropy`: how many codes, used equally, would carry as much.
    pub perplexity: f64,
}

impl StageUsage {
    /// Usage from the number of times each code was sent.
    pub fn from_counts(counts: Vec<u64>) -> Self {
        let total: f64 = counts.iter().map(|&count| count as f64).sum();
        let entropy_bits = counts
            .iter()
            .filter(|&&count| count > 0)
            .map(|&count| count as f64 / total)
            .map(|share| -share * share.log2())
            .sum::<f64>()
            .max(0.0);
        Self { counts, least: None, entropy_bits, perplexity: entropy_bits.exp2() }
    }

    /// Usage of integers from `−(n − 1) / 2` on, of as many on either side of zero as were sent.
    pub fn from_integers(counts: &[u64]) -> Self {
        let zero = counts.len() / 2;
        let used = counts.iter().enumerate().filter(|(_, count)| **count > 0);
        let Some(reach) = used.map(|(at, _)| at.abs_diff(zero)).max() else { return Self::from_counts(Vec::new()) };
        let counts = counts.get(zero - reach..=zero + reach).unwrap_or_default().to_vec();
        Self { least: Some(-(reach as i64)), ..Self::from_counts(counts) }
    }
}

/// What a quality costs and keeps.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct RatePoint {
    /// The quality, 1 to 9.
    pub quality: u8,
    /// Bits of everything sent, per sample of a channel.
    pub bits_per_sample: f64,
    /// Distortion in percent of the signal's deviation from its mean.
    pub prdn_percent: f64,
}

impl RatePoint {
    /// Whether it has a place in a figure.
    pub(super) fn is_finite(&self) -> bool {
        self.bits_per_sample.is_finite() && self.prdn_percent.is_finite()
    }
}

/// Vectors of a codebook in two dimensions.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Embedding {
    /// The two principal components of each vector.
    pub places: Vec<[f64; 2]>,
    /// Times each was sent.
    pub counts: Vec<u64>,
    /// The part of the vectors' spread that the two show, from 0 to 1.
    pub explained: f64,
}

/// A layer of the integer model against the same of the float model.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LayerReport {
    /// `encoder` or `decoder`.
    pub net: &'static str,
    /// The layer.
    pub layer: String,
    /// Norm of the difference of its output over the output's norm, in percent.
    pub error_percent: f64,
    /// Its largest magnitude, in percent of what an element holds.
    pub range_percent: f64,
}

/// A row of the results table.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ResultRow {
    /// What was measured.
    pub label: String,
    /// How much it was.
    pub value: Value,
    /// In what; empty for plain numbers and words.
    pub unit: String,
    /// How it was measured, in small print; may be empty.
    pub note: String,
}

impl ResultRow {
    /// A row; numbers and words both convert into a [`Value`].
    pub fn new(label: &str, value: impl Into<Value>, unit: &str, note: &str) -> Self {
        Self { label: label.into(), value: value.into(), unit: unit.into(), note: note.into() }
    }
}

/// A result: a number, or words where there is none.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Value {
    /// Shown with four significant digits, whole numbers with all of theirs, non-finite ones as a dash.
    Number(f64),
    /// Shown as it is.
    Text(String),
}

impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Self::Number(value)
    }
}

impl From<Option<f64>> for Value {
    fn from(value: Option<f64>) -> Self {
        Self::Number(value.unwrap_or(f64::NAN))
    }
}

impl From<u64> for Value {
    fn from(value: u64) -> Self {
        Self::Number(value as f64)
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Text(value.into())
    }
}

/// Something that takes room on the device.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MemoryEntry {
    /// Where: `flash` or `RAM`. Entries of a region are shown together, with their sum.
    pub region: String,
    /// What: `weights`, `line buffers`.
    pub name: String,
    /// How much.
    pub bytes: u64,
}

/// Something to know about where a run comes from.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Fact {
    /// `seed`, `torch`, `started`.
    pub label: String,
    /// Its value, as it is shown.
    pub value: String,
}

impl Fact {
    /// A fact; the value may be anything that prints.
    pub fn new(label: &str, value: impl std::fmt::Display) -> Self {
        Self { label: label.into(), value: value.to_string() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_counts_bits_bytes_and_ratio() {
        let summary = Summary { samples: 21_600, source_bits: Some(11), sent_bytes: 2_079, ..Summary::default() };
        assert_eq!(summary.bits_per_sample(), 0.77);
        assert_eq!(summary.original_bytes(), Some(29_700));
        assert!((summary.compression_ratio().unwrap() - 11.0 / 0.77).abs() < 1e-12);
    }

    #[test]
    fn a_summary_of_nothing_has_no_ratio() {
        let summary = Summary { source_bits: Some(11), ..Summary::default() };
        assert!(summary.bits_per_sample().is_nan());
        assert_eq!(summary.compression_ratio(), None);
        let unknown_resolution = Summary { samples: 8, sent_bytes: 1, ..Summary::default() };
        assert_eq!(unknown_resolution.original_bytes(), None);
        let nothing_sent = Summary { samples: 8, source_bits: Some(11), ..Summary::default() };
        assert_eq!(nothing_sent.compression_ratio(), None);
    }

    #[test]
    fn integers_are_shown_as_far_as_they_reach_on_either_side() {
        let usage = StageUsage::from_integers(&[0, 0, 1, 8, 4, 3, 0]);
        assert_eq!((usage.counts.as_slice(), usage.least), (&[0, 1, 8, 4, 3][..], Some(-2)));
        assert_eq!(usage.entropy_bits, StageUsage::from_counts(vec![8, 4, 3, 1]).entropy_bits);
        assert!(StageUsage::from_integers(&[0, 0, 0]).counts.is_empty(), "nothing was sent");
        assert!(StageUsage::from_integers(&[]).counts.is_empty());
    }

    #[test]
    fn perplexity_is_the_number_of_equally_used_codes() {
        let even = StageUsage::from_counts(vec![7, 7, 0, 7, 7]);
        assert!((even.perplexity - 4.0).abs() < 1e-12);
        assert!((even.entropy_bits - 2.0).abs() < 1e-12);
        assert_eq!(StageUsage::from_counts(vec![0, 9]).perplexity, 1.0);
        assert_eq!(StageUsage::from_counts(vec![0, 0]).entropy_bits, 0.0);
        assert_eq!(StageUsage::from_counts(Vec::new()).entropy_bits, 0.0);
    }

    #[test]
    fn a_channel_without_a_usable_scale_shows_counts() {
        let channel = |counts_per_unit| WaveformChannel { unit: "mV".into(), counts_per_unit, ..Default::default() };
        assert_eq!((channel(200.0).scale(), channel(200.0).shown_unit()), (200.0, "mV"));
        assert_eq!((channel(0.0).scale(), channel(0.0).shown_unit()), (1.0, "LSB"));
        assert_eq!((channel(f64::NAN).scale(), channel(f64::NAN).shown_unit()), (1.0, "LSB"));
    }
}
