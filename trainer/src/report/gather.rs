//! A run as a report shows it: its model run over the held-out frames by `vq-core`, beside what training logged.

use std::collections::BTreeMap;

use vq_core::{packet, packet_codes};

use super::data::{
    Fact, MemoryEntry, PacketMark, ResultRow, RunReport, StageUsage, Summary, Waveform, WaveformChannel,
};
use super::series::Series;
use crate::codec::{CodecError, HostCodec};
use crate::data::Recording;
use crate::evaluate::Evaluated;
use crate::export::Exported;
use crate::export::from_run::TrainedRun;
use crate::export::summary::ExportSummary;
use crate::run::Provenance;
use crate::stream;

/// Gathers one run: `series` and `settings` are its metrics and configuration.
///
/// The waveform is the first held-out recording's.
///
/// # Errors
/// What the codec refuses.
pub fn gather(
    name: &str,
    run: &TrainedRun,
    exported: &Exported,
    series: Series,
    settings: String,
) -> Result<RunReport, CodecError> {
    let codec = HostCodec::new(&exported.integer)?;
    let (summary, evaluated) = ExportSummary::measure(exported, run.held_out())?;
    let mut report = RunReport {
        name: name.into(),
        results: results(&summary),
        memory: memory(&summary),
        series,
        command: run.record.made.command.clone(),
        settings,
        facts: facts(run),
        ..RunReport::default()
    };
    let (Some(recording), Some(evaluated)) = (run.held_out().first(), evaluated.first()) else { return Ok(report) };
    let packets = packets(evaluated);
    report.usage = usage(&codec, &packets);
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
    let mut counts: BTreeMap<(u8, u16), Vec<u64>> = BTreeMap::new();
    let mut memory = vec![0; codec.model().prior_memory() / 2];
    for bytes in packets {
        let Ok(mut codes) = packet_codes(codec.model(), bytes, &mut memory) else { continue };
        while let Some(hop) = codes.next_hop() {
            for (_, symbol, code) in hop {
                let none = || vec![0; usize::from(symbol.codes())];
                let counts = counts.entry((symbol.stage, symbol.first)).or_insert_with(none);
                if let Some(count) = counts.get_mut(usize::from(code)) {
                    *count += 1;
                }
            }
        }
    }
    counts.into_values().map(StageUsage::from_counts).collect()
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
    vec![
        ResultRow::new("delay", summary.delay_seconds, "s", "look-aheads, hop and packet filling"),
        ResultRow::new("encoder", summary.encoder_macs_per_frame, "MAC/sample", ""),
        ResultRow::new("decoder", summary.decoder_macs_per_frame, "MAC/sample", ""),
        ResultRow::new("cost of integer lowering", summary.lowering_cost_percent(), "% MSE", "against the float model"),
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
