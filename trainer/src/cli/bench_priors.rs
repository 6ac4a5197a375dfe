//! `vq bench priors`: what a model's codes cost under its prior, and under its tables as they are and as they would be if they learned.

use clap::Args;
use serde_json::json;
use vq_core::{Model, Options, packet_codes};

use super::bench_models::{ModelArguments, in_words};
use super::output;
use crate::codec::HostCodec;
use crate::evaluate::evaluate;
use crate::export::priors::adapting::{AdaptingTables, RATES};
use crate::stream::parse;

/// Bits per sample of best effort under a model's prior, and what the same codes would cost in its tables, as one stream and in independent packets.
///
/// Bits sent count all bytes of the packets, and the error is what decodes from them. Codes alone are ideal code lengths: under the prior that holds,
/// under the tables, and under tables that start as those and learn in every packet, at the best of several rates.
#[derive(Debug, Args)]
pub(super) struct Priors {
    /// Qualities.
    #[arg(long, value_name = "1,2,…", value_delimiter = ',', default_values_t = [9], value_parser = clap::value_parser!(u8).range(1..=9))]
    qualities: Vec<u8>,
    #[command(flatten)]
    of: ModelArguments,
}

/// One model at one quality in one regime: means over the recordings, in bits per sample.
struct Row {
    model: String,
    quality: u8,
    packets: Option<u32>,
    sent: f64,
    mse: f64,
    codes: Codes,
}

/// Ideal code lengths.
#[derive(Debug, Default)]
struct Codes {
    prior: f64,
    tables: f64,
    /// At each of [`RATES`].
    learning: [f64; RATES.len()],
}

impl Codes {
    /// Under the tables at the best rate.
    fn best(&self) -> f64 {
        self.learning.iter().copied().fold(f64::INFINITY, f64::min)
    }
}

impl Priors {
    pub(super) fn run(&self) -> anyhow::Result<()> {
        let regimes = || self.qualities.iter().flat_map(|quality| self.of.regimes().map(|packets| (*quality, packets)));
        let rows =
            self.of.each(|codec| regimes().map(|(quality, packets)| self.row(codec, quality, packets)).collect())?;
        match self.of.json {
            true => {
                let rows = rows.iter().map(|row| {
                    json!({ "model": row.model, "quality": row.quality, "packet_bytes": row.packets, "mse_lsb2": row.mse,
                            "bits_per_sample": row.sent, "codes_bits_per_sample": row.codes.prior,
                            "tables_bits_per_sample": row.codes.tables, "learning_tables_bits_per_sample": row.codes.best() })
                });
                output::print(&serde_json::to_string(&rows.collect::<Vec<_>>())?)
            }
            false => output::print(&table(&rows)),
        }
    }

    fn row(&self, codec: &HostCodec<'_>, quality: u8, packets: Option<u32>) -> anyhow::Result<Row> {
        let mut row =
            Row { model: codec.name().to_owned(), quality, packets, sent: 0.0, mse: 0.0, codes: Codes::default() };
        for recording in self.of.stretches() {
            let recording = self.of.fit.fit(recording?, codec)?;
            let options = Options::new().quality(quality);
            let bytes = match packets {
                Some(bytes) => (bytes as usize).max(codec.model().least_packet_bytes(quality)),
                None => codec.one_stream_bytes(recording.frames(), options),
            };
            let evaluated = evaluate(codec, &recording, options.packet_bytes(bytes))?;
            let share = 1.0 / recording.samples.len().max(1) as f64 / self.of.records.len() as f64;
            row.sent += evaluated.encoded.packet_bytes as f64 * 8.0 * share;
            row.mse += evaluated.row.rmse_lsb.powi(2) / self.of.records.len() as f64;
            for segment in parse(&evaluated.encoded.file).segments {
                for packet in segment.packets {
                    row.codes.add(codec.model(), &packet.bytes, quality, share)?;
                }
            }
        }
        Ok(row)
    }
}

impl Codes {
    /// Adds the codes of a packet, each bit as so much.
    fn add(&mut self, model: Model<'_>, packet: &[u8], quality: u8, share: f64) -> anyhow::Result<()> {
        let mut memory = vec![0; model.prior_memory() / 2];
        let mut codes = packet_codes(model, packet, &mut memory)?;
        let mut learning = RATES.map(|rate| AdaptingTables::new(model, quality, rate));
        let mut still = AdaptingTables::new(model, quality, 0.0);
        let mut hop = vec![0; usize::from(model.header().symbols_per_hop)];
        while let Some(()) = codes.next_hop().map(|sent| sent.for_each(|(index, _, code)| hop[index] = code)) {
            self.prior += f64::from(codes.hop_cost()) / 256.0 * share;
            self.tables += still.hop(&hop) * share;
            for (bits, tables) in self.learning.iter_mut().zip(&mut learning) {
                *bits += tables.hop(&hop) * share;
            }
        }
        Ok(())
    }
}

fn table(rows: &[Row]) -> String {
    let heading =
        ["model", "quality", "packets", "bits per sample", "MSE, LSB²", "codes", "in tables", "in tables that learn"]
            .map(str::to_owned)
            .to_vec();
    let cells = rows.iter().map(|row| {
        let against = |bits: f64| format!("{bits:.3} ({:+.1} %)", 100.0 * (bits / row.codes.prior - 1.0));
        vec![
            row.model.clone(),
            row.quality.to_string(),
            in_words(row.packets),
            format!("{:.3}", row.sent),
            format!("{:.2}", row.mse),
            format!("{:.3}", row.codes.prior),
            against(row.codes.tables),
            against(row.codes.best()),
        ]
    });
    output::table(&[heading].into_iter().chain(cells).collect::<Vec<Vec<String>>>())
}
