//! `vq bench bounds`: what lossless and error-bounded packets cost.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use serde_json::json;
use vq_core::{Mode, Options};

use super::arguments::{FitArguments, SignalArguments, StretchArguments};
use super::output;
use crate::codec::HostCodec;
use crate::evaluate::evaluate;
use crate::export::file::ModelBytes;

/// Bits per sample of lossless and error-bounded packets, as one stream and in independent packets.
///
/// All bytes of the packets count, headers and checksums included; what a file or a serial line puts around packets does not. Every sample is
/// checked against its bound. Figures are means over the recordings.
#[derive(Debug, Args)]
pub(super) struct Bounds {
    /// The recordings.
    #[arg(value_name = "RECORDS", required = true)]
    records: Vec<PathBuf>,
    /// The models: files, or names of models that ship.
    #[arg(long, value_name = "M.vqm|NAME", num_args = 1.., required = true)]
    models: Vec<PathBuf>,
    /// Bounds in counts; 0 is lossless.
    #[arg(long, value_name = "0,1,…", value_delimiter = ',', default_values_t = [0, 1, 5])]
    bounds: Vec<u32>,
    /// Most bytes of an independent packet.
    #[arg(long, value_name = "N", default_value_t = 244, value_parser = clap::value_parser!(u32).range(16..=65_535))]
    packet_bytes: u32,
    /// Print JSON in place of the table.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    stretch: StretchArguments,
    #[command(flatten)]
    fit: FitArguments,
    #[command(flatten)]
    signal: SignalArguments,
}

/// One model in one regime.
struct Row {
    model: String,
    predictor: String,
    packets: Option<u32>,
    /// One for each bound.
    bits: Vec<f64>,
}

impl Bounds {
    pub(super) fn run(&self) -> anyhow::Result<()> {
        let mut rows = Vec::new();
        for path in &self.models {
            let bytes = ModelBytes::open(path)?;
            let context = || path.display().to_string();
            let codec = HostCodec::new(&bytes).with_context(context)?;
            for packets in [None, Some(self.packet_bytes)] {
                rows.push(self.row(&codec, packets).with_context(context)?);
            }
        }
        match self.json {
            true => {
                let rows = rows.iter().map(|row| {
                    json!({ "model": row.model, "predictor": row.predictor, "packet_bytes": row.packets,
                            "bounds_lsb": self.bounds, "bits_per_sample": row.bits })
                });
                output::print(&serde_json::to_string(&rows.collect::<Vec<_>>())?)
            }
            false => output::print(&self.table(&rows)),
        }
    }

    fn row(&self, codec: &HostCodec<'_>, packets: Option<u32>) -> anyhow::Result<Row> {
        let mut bits = vec![0.0; self.bounds.len()];
        for path in &self.records {
            let recording = self.stretch.slice(self.signal.open(path)?)?;
            let recording = self.fit.admit(recording, codec)?;
            for (bits, bound) in bits.iter_mut().zip(&self.bounds) {
                let options = Options::new().mode(Mode::within(*bound));
                let most = match packets {
                    Some(bytes) => bytes as usize,
                    None => codec.one_stream_bytes(recording.frames(), options),
                };
                let evaluated = evaluate(codec, &recording, options.packet_bytes(most))?;
                let samples = recording.samples.len().max(1) as f64;
                *bits += evaluated.encoded.packet_bytes as f64 * 8.0 / samples / self.records.len() as f64;
            }
        }
        let predictor = codec.model().residual_predictor().map_or_else(
            || "adaptive".to_owned(),
            |predictor| {
                format!("recurrent, {} units, {} MACs per sample", predictor.hidden, predictor.multiply_accumulates())
            },
        );
        Ok(Row { model: codec.name().to_owned(), predictor, packets, bits })
    }

    fn table(&self, rows: &[Row]) -> String {
        let bounds = self.bounds.iter().map(|bound| match bound {
            0 => "lossless".to_owned(),
            bound => format!("±{bound} LSB"),
        });
        let heading = ["model", "predictor", "packets"].map(str::to_owned).into_iter().chain(bounds).collect();
        let cells = |row: &Row| {
            let packets = row.packets.map_or_else(|| "one stream".to_owned(), |bytes| format!("{bytes} bytes"));
            let bits = row.bits.iter().map(|bits| format!("{bits:.3}"));
            [row.model.clone(), row.predictor.clone(), packets].into_iter().chain(bits).collect()
        };
        output::table(&[heading].into_iter().chain(rows.iter().map(cells)).collect::<Vec<Vec<String>>>())
    }
}
