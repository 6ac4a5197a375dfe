//! A run as a report shows it: its model run over the held-out frames by `vq-core`, beside what training logged.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use vq_core::model::records::SymbolKind;
use vq_core::{Options, packet, packet_codes};

use super::data::{
    Embedding, Fact, LayerReport, MemoryEntry, PacketMark, RatePoint, ResultRow, RunReport, StageUsage, Summary,
    Waveform, WaveformChannel,
};
use super::series::Series;
use crate::architecture::NodeSpec;
use crate::codec::{CodecError, HostCodec};
use crate::data::Recording;
use crate::evaluate::{Evaluated, Evaluation, evaluate};
use crate::export::Exported;
use crate::export::comparison::{LayerError, compare};
use crate::export::from_run::TrainedRun;
use crate::export::summary::{ExportSummary, SummaryError};
use crate::export::trained::{Codebook, TrainedNet, TrainedQuantizer};
use crate::run::Provenance;
use crate::stream;
use crate::summary::NetMemory;

/// Frames that qualities and layers are compared on.
const COMPARED_FRAMES: usize = 40_000;

/// Gathers one run: `series` and `settings` are its metrics and configuration.
///
/// The waveform is the first held-out recording's.
///
/// # Errors
/// What the codec refuses, and a model that cannot be taken apart.
pub fn gather(
    name: &str,
    run: &TrainedRun,
    exported: &Exported,
    series: Series,
    settings: String,
) -> Result<RunReport, SummaryError> {
    let codec = HostCodec::new(&exported.integer)?;
    let (summary, evaluated) = ExportSummary::measure(exported, run.held_out(), run.qualities.clone())?;
    let mut report = RunReport {
        name: name.into(),
        results: results(&summary),
        memory: memory(&summary),
        plans: NetMemory::of(&codec.model()),
        layers: layers(run, exported, &codec)?,
        series,
        command: run.record.made.command.clone(),
        settings,
        facts: facts(run),
        ..RunReport::default()
    };
    let (Some(recording), Some(evaluated)) = (run.held_out().first(), evaluated.first()) else { return Ok(report) };
    let packets = packets(evaluated);
    report.usage = usage(&codec, &packets);
    report.embeddings = embeddings(run, &report.usage);
    report.rates = rates(&codec, run.held_out(), run.qualities.clone())?;
    report.summary = Some(headline(recording, evaluated));
    report.results.splice(0..0, distortion(evaluated));
    report.waveform = Some(waveform(recording, evaluated, &codec, &packets, run.held_out_from() as u64));
    Ok(report)
}

fn packets(evaluated: &Evaluated) -> Vec<Vec<u8>> {
    let file = stream::parse(&evaluated.encoded.file);
    file.segments.into_iter().flat_map(|segment| segment.packets).map(|packet| packet.bytes).collect()
}

fn headline(recording: &Recording, evaluated: &Evaluated) -> Summary {
    let names: Vec<&str> = recording.channels.iter().map(|channel| channel.name.as_str()).collect();
    Summary {
        signal: format!("{} ({})", recording.name, names.join(", ")),
        seconds: recording.seconds(),
        samples: recording.samples.len() as u64,
        source_bits: evaluated.row.source_bits.map(|bits| bits.round() as u8),
        sent_bytes: evaluated.encoded.file.len() as u64,
        prdn_percent: evaluated.row.prdn_percent,
    }
}

fn waveform(
    recording: &Recording,
    evaluated: &Evaluated,
    codec: &HostCodec<'_>,
    packets: &[Vec<u8>],
    first_frame: u64,
) -> Waveform {
    let channels = recording.channels.iter().enumerate().map(|(index, channel)| WaveformChannel {
        name: channel.name.clone(),
        unit: channel.unit.clone(),
        counts_per_unit: channel.counts_per_unit,
        offset: channel.offset,
        original: recording.channel(index),
        reconstruction: evaluated.decoded.channel(index),
    });
    let marks = packets.iter().filter_map(|bytes| {
        let (header, _) = packet::Header::parse(bytes, &codec.model().identity()).ok()?;
        let frame = u64::from(header.first_hop) * codec.model().hop() as u64;
        Some(PacketMark { frame, bytes: bytes.len() as u32 })
    });
    Waveform {
        rate_millihertz: recording.rate_millihertz,
        first_frame,
        channels: channels.collect(),
        packets: marks.filter(|mark| mark.frame < recording.frames() as u64).collect(),
        spans: Vec::new(),
    }
}

/// How often each code was sent, for each stage and part of the latents, whatever the row of the hop.
fn usage(codec: &HostCodec<'_>, packets: &[Vec<u8>]) -> Vec<StageUsage> {
    let mut counts: BTreeMap<(u8, u16), (SymbolKind, Vec<u64>)> = BTreeMap::new();
    let mut memory = vec![0; codec.model().prior_memory() / 2];
    for bytes in packets {
        let Ok(mut codes) = packet_codes(codec.model(), bytes, &mut memory) else { continue };
        while let Some(hop) = codes.next_hop() {
            for (_, symbol, code) in hop {
                let none = || (symbol.kind, vec![0; usize::from(symbol.codes())]);
                let (_, counts) = counts.entry((symbol.stage, symbol.first)).or_insert_with(none);
                if let Some(count) = counts.get_mut(usize::from(code)) {
                    *count += 1;
                }
            }
        }
    }
    let usage = |(kind, counts): (SymbolKind, Vec<u64>)| match kind {
        SymbolKind::Integer => StageUsage::from_integers(&counts),
        SymbolKind::Index => StageUsage::from_counts(counts),
    };
    counts.into_values().map(usage).collect()
}

/// The vectors of every codebook in the plane. Codes are counted in the order of the codebooks.
fn embeddings(run: &TrainedRun, usage: &[StageUsage]) -> Vec<Option<Embedding>> {
    let TrainedQuantizer::Vectors { codebooks } = &run.trained.quantizer else { return Vec::new() };
    if codebooks.len() != usage.len() {
        return Vec::new();
    }
    let in_plane = |(codebook, usage): (&Codebook, &StageUsage)| {
        Embedding::new(&codebook.vectors, codebook.channels, &usage.counts)
    };
    codebooks.iter().zip(usage).map(in_plane).collect()
}

/// Rate and distortion at every one of `qualities` that differs from the one before, over the first held-out frames of every recording.
fn rates(
    codec: &HostCodec<'_>,
    recordings: &[Recording],
    qualities: RangeInclusive<u8>,
) -> Result<Vec<RatePoint>, CodecError> {
    let share = COMPARED_FRAMES / recordings.len().max(1);
    let stretches: Vec<Recording> =
        recordings.iter().map(|recording| recording.slice(0..recording.frames().min(share))).collect();
    let mut points: Vec<RatePoint> = Vec::new();
    for quality in qualities {
        let rows: Vec<_> = stretches
            .iter()
            .map(|stretch| {
                evaluate(codec, stretch, codec.with_room(Options::new().quality(quality)))
                    .map(|evaluated| evaluated.row)
            })
            .collect::<Result<_, _>>()?;
        let mean = |of: &dyn Fn(&Evaluation) -> Option<f64>| {
            let values: Vec<f64> = rows.iter().filter_map(of).collect();
            if values.is_empty() { f64::NAN } else { values.iter().sum::<f64>() / values.len() as f64 }
        };
        let point = RatePoint {
            quality,
            bits_per_sample: mean(&|row| row.bits_per_sample),
            prdn_percent: mean(&|row| row.prdn_percent),
        };
        let same = |before: &RatePoint| {
            (before.bits_per_sample, before.prdn_percent) == (point.bits_per_sample, point.prdn_percent)
        };
        if !points.last().is_some_and(same) {
            points.push(point);
        }
    }
    Ok(points)
}

/// Every layer of the integer model against the float model, over the first held-out frames.
fn layers(run: &TrainedRun, exported: &Exported, codec: &HostCodec<'_>) -> Result<Vec<LayerReport>, CodecError> {
    let float = HostCodec::new(&exported.float)?;
    let Some(recording) = run.held_out().first() else { return Ok(Vec::new()) };
    let stretch = recording.slice(0..recording.frames().min(COMPARED_FRAMES));
    let errors = compare(&codec.model(), &float.model(), &stretch.samples);
    let nets = [("encoder", &run.trained.encoder), ("decoder", &run.trained.decoder)];
    let report = |((net, trained), errors): ((&'static str, &TrainedNet), Vec<LayerError>)| {
        let layer = move |(node, error): (&NodeSpec, LayerError)| LayerReport {
            net,
            layer: node.name.clone(),
            error_percent: error.error_percent,
            range_percent: error.range_percent,
        };
        trained.spec.nodes.iter().zip(errors).map(layer).collect::<Vec<_>>()
    };
    Ok(nets.into_iter().zip(errors).flat_map(report).collect())
}

fn distortion(evaluated: &Evaluated) -> Vec<ResultRow> {
    let row = &evaluated.row;
    let source = row.source_bits.map_or_else(String::new, |bits| format!("against {bits} bits"));
    let mut rows = vec![
        ResultRow::new("bits per sample", row.bits_per_sample, "bit", "every byte sent, headers included"),
        ResultRow::new("compression ratio", row.compression_ratio, "", &source),
        ResultRow::new("PRDN", row.prdn_percent, "%", "100·‖x − x̂‖ / ‖x − mean x‖"),
        ResultRow::new("PRD", row.prd_percent, "%", "100·‖x − x̂‖ / ‖x − zero‖"),
        ResultRow::new("SNR", row.snr_db, "dB", ""),
        ResultRow::new("RMSE", row.rmse_lsb, "LSB", ""),
        ResultRow::new("largest error", row.max_error_lsb, "LSB", ""),
        ResultRow::new("packets", row.packets as u64, "", "of at most 244 bytes"),
    ];
    if let (Some(rmse), Some(unit)) = (row.rmse, &row.unit) {
        rows.insert(6, ResultRow::new("RMSE", rmse, unit, ""));
    }
    rows
}

fn results(summary: &ExportSummary) -> Vec<ResultRow> {
    let [error, bits] = [
        summary.dearest_in_error().map(|cost| cost.mse_percent),
        summary.dearest_in_bits().map(|cost| cost.bits_percent),
    ];
    vec![
        ResultRow::new("delay", summary.delay_seconds, "s", "look-aheads, hop and packet filling"),
        ResultRow::new("encoder", summary.encoder_macs_per_frame, "MAC/sample", ""),
        ResultRow::new("decoder", summary.decoder_macs_per_frame, "MAC/sample", ""),
        ResultRow::new(
            "cost of integer lowering",
            summary.lowering_cost_percent,
            "% MSE",
            &format!("against the float model, quality {}", summary.quality),
        ),
        ResultRow::new("the same, a stretch at every quality", error.unwrap_or(f64::NAN), "% MSE", "at most"),
        ResultRow::new("the same, in bits", bits.unwrap_or(f64::NAN), "% bits", "at most"),
    ]
}

fn memory(summary: &ExportSummary) -> Vec<MemoryEntry> {
    let entry = |region: &str, name: &str, bytes: usize| MemoryEntry {
        region: region.into(),
        name: name.into(),
        bytes: bytes as u64,
    };
    vec![
        entry("flash", "model", summary.model_bytes),
        entry("RAM", "encoder, one packet included", summary.encoder_memory_bytes),
        entry("RAM", "decoder, one hop included", summary.decoder_memory_bytes),
    ]
}

/// How a run was made.
pub(super) fn provenance(made: &Provenance) -> Vec<Fact> {
    vec![
        Fact::new("started", &made.started),
        Fact::new("seed", made.seed),
        Fact::new("vq", &made.program_version),
        Fact::new("torch", &made.torch_version),
        Fact::new("device", &made.device),
        Fact::new("training", format!("{:.0} s", made.training_seconds)),
    ]
}

fn facts(run: &TrainedRun) -> Vec<Fact> {
    let record = &run.record;
    let mut facts = provenance(&record.made);
    for source in &record.recordings {
        let [train, validation] = [source.train, source.validation].map(|[from, to]| format!("{from}–{to}"));
        let text = format!("{}: trained on frames {train}, measured on {validation}", source.name);
        facts.push(Fact::new("recording", text));
    }
    facts
}
