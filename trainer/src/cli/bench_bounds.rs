//! `vq bench bounds`: what lossless and error-bounded packets cost.

use clap::Args;
use serde_json::json;
use vq_core::{Mode, Options};

use super::bench_models::{ModelArguments, in_words};
use super::output;
use crate::codec::HostCodec;
use crate::evaluate::evaluate;

/// Bits per sample of lossless and error-bounded packets, as one stream and in independent packets.
///
/// All bytes of the file count: its header, the packets, and what frames them, as `vq bench rd` counts those of other codecs. Every sample is
/// checked against its bound. Figures are means over the recordings.
#[derive(Debug, Args)]
pub(super) struct Bounds {
    /// Bounds in counts; 0 is lossless.
    #[arg(long, value_name = "0,1,…", value_delimiter = ',', default_values_t = [0, 1, 5])]
    bounds: Vec<u32>,
    #[command(flatten)]
    of: ModelArguments,
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
        let rows =
            self.of.each(|codec| self.of.regimes().into_iter().map(|packets| self.row(codec, packets)).collect())?;
        match self.of.json {
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
        for recording in self.of.stretches() {
            let recording = self.of.fit.admit(recording?, codec)?;
            for (bits, bound) in bits.iter_mut().zip(&self.bounds) {
                let options = Options::new().mode(Mode::within(*bound));
                let most = match packets {
                    Some(bytes) => bytes as usize,
                    None => codec.one_stream_bytes(recording.frames(), options),
                };
                let evaluated = evaluate(codec, &recording, options.packet_bytes(most))?;
                let samples = recording.samples.len().max(1) as f64;
                *bits += evaluated.encoded.file.len() as f64 * 8.0 / samples / self.of.records.len() as f64;
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
            let bits = row.bits.iter().map(|bits| format!("{bits:.3}"));
            [row.model.clone(), row.predictor.clone(), in_words(row.packets)].into_iter().chain(bits).collect()
        };
        output::table(&[heading].into_iter().chain(rows.iter().map(cells)).collect::<Vec<Vec<String>>>())
    }
}
