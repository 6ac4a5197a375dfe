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
//! * `rates`, `embedding`, `plans`: rate against distortion, codebooks in the plane, memory and integers layer by layer;
//! * `embed`: the numbers that the page's script draws, packed small and escaped;
//! * `page`: the HTML around them; `page.html`, `page.css` and the scripts are its parts;
//! * `picture`: an SVG of a few seconds, for a README.

mod axis;
mod charts;
pub mod data;
mod embed;
mod embedding;
pub mod gather;
pub mod gather_measured;
mod images;
mod page;
mod picture;
mod plans;
mod rates;
pub mod series;
mod text;

pub use data::{
    Embedding, Fact, LayerReport, MemoryEntry, PacketMark, RatePoint, ReportData, ResultRow, RunReport, Span,
    SpanStatus, StageUsage, Summary, Value, Waveform, WaveformChannel,
};
pub use page::page;
pub use picture::picture;
pub use series::{MetricLine, Series, SeriesError, Validation};
