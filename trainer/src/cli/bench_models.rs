//! What the measurements of models have in common: models, recordings, and two regimes.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;

use super::arguments::{FitArguments, SignalArguments, StretchArguments};
use crate::codec::HostCodec;
use crate::data::Recording;
use crate::export::file::ModelBytes;

/// Models, and what they are measured on.
#[derive(Debug, Args)]
pub(super) struct ModelArguments {
    /// The recordings.
    #[arg(value_name = "RECORDS", required = true)]
    pub(super) records: Vec<PathBuf>,
    /// The models: files, or names of models that ship.
    #[arg(long, value_name = "M.vqm|NAME", num_args = 1.., required = true)]
    models: Vec<PathBuf>,
    /// Most bytes of an independent packet.
    #[arg(long, value_name = "N", default_value_t = 244, value_parser = clap::value_parser!(u32).range(16..=65_535))]
    packet_bytes: u32,
    /// Print JSON in place of the table.
    #[arg(long)]
    pub(super) json: bool,
    #[command(flatten)]
    stretch: StretchArguments,
    #[command(flatten)]
    pub(super) fit: FitArguments,
    #[command(flatten)]
    signal: SignalArguments,
}

impl ModelArguments {
    /// What `measure` says of every model, one after the other.
    pub(super) fn each<R>(&self, measure: impl Fn(&HostCodec<'_>) -> anyhow::Result<Vec<R>>) -> anyhow::Result<Vec<R>> {
        let mut rows = Vec::new();
        for path in &self.models {
            let bytes = ModelBytes::open(path)?;
            let context = || path.display().to_string();
            let codec = HostCodec::new(&bytes).with_context(context)?;
            rows.extend(measure(&codec).with_context(context)?);
        }
        Ok(rows)
    }

    /// One stream, and packets of so many bytes.
    pub(super) fn regimes(&self) -> [Option<u32>; 2] {
        [None, Some(self.packet_bytes)]
    }

    /// The stretches of the recordings that are measured on.
    pub(super) fn stretches(&self) -> impl Iterator<Item = anyhow::Result<Recording>> {
        self.records.iter().map(|path| self.stretch.slice(self.signal.open(path)?))
    }
}

/// A regime in words.
pub(super) fn in_words(packets: Option<u32>) -> String {
    packets.map_or_else(|| "one stream".to_owned(), |bytes| format!("{bytes} bytes"))
}
