//! One self-contained HTML page per run, and a still picture of it.
//!
//! [`page()`] and [`picture()`] are pure functions of [`ReportData`]: whoever has a run (or several) fills that structure
//! and writes the text where it belongs. The page loads nothing: style, script and data are inside it, and its content
//! security policy forbids the rest.
//!
//! * [`data`]: what a report is made from;
//! * [`gather`]: a run folder as that structure, its model run by `vq-core`;
//! * [`gather_measured`]: the same for runs whose figures training itself left: on images, or of a VAE;
//! * [`series`]: `metrics.jsonl` read back as curves;
//! * `charts`, on their `axis`: training curves and code usage as figures;
//! * `embed`: the numbers that the page's script draws, packed small and escaped;
//! * `page`: the HTML around them; `page.html`, `page.css` and the scripts are its parts;
//! * `picture`: an SVG of a few seconds, for a README.

mod axis;
mod charts;
pub mod data;
mod embed;
pub mod gather;
pub mod gather_measured;
mod images;
mod page;
mod picture;
pub mod series;
mod text;

pub use data::{
    Fact, MemoryEntry, PacketMark, ReportData, ResultRow, RunReport, Span, SpanStatus, StageUsage, Summary, Value,
    Waveform, WaveformChannel,
};
pub use page::page;
pub use picture::picture;
pub use series::{MetricLine, Series, SeriesError, Validation};
