//! One self-contained HTML page per run, and a still picture of it.
//!
//! `page` and [`picture()`] are pure functions of [`ReportData`]: whoever has a run (or several) fills that structure
//! and writes the text where it belongs. The page loads nothing: style, script and data are inside it, and its content
//! security policy forbids the rest.
//!
//! * [`data`]: what a report is made from;
//! * [`series`]: `metrics.jsonl` read back as curves;
//! * `picture`: an SVG of a few seconds, for a README.

pub mod data;
mod picture;
pub mod series;
mod text;

pub use data::{
    Fact, MemoryEntry, PacketMark, ReportData, ResultRow, RunReport, Span, SpanStatus, StageUsage, Summary, Value,
    Waveform, WaveformChannel,
};
pub use picture::picture;
pub use series::{MetricLine, Series, SeriesError, Validation};
