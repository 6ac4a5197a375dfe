//! What a codec costs and what it keeps, for a recording: the row that `vq eval` prints, and the mean of such rows.

use serde::{Serialize, Serializer};
use serde_json::{Map, Value};
use vq_core::{Options, Surprisal};

use crate::codec::{CodecError, Encoded, HostCodec};
use crate::data::{Channel, Recording, StoredRecording};
use crate::metrics::{self, Comparison, Distortion, SpeechComparison, SpeechDistortion};
use crate::stream;

/// One recording's results. Everything counts the bytes that `vq encode` writes and the samples that `vq decode` returns.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Evaluation {
    /// The record's name.
    pub name: String,
    /// Samples of each channel.
    pub samples: u64,
    /// Channels.
    pub channels: u64,
    /// The source's resolution in bits (the channels' mean); `None` if it is not known.
    #[serde(serialize_with = "whole_if_whole")]
    pub source_bits: Option<f64>,
    /// Bits of the file per sample of a channel.
    pub bits_per_sample: Option<f64>,
    /// `source_bits` over `bits_per_sample`.
    pub compression_ratio: Option<f64>,
    /// See [`metrics`].
    pub prdn_percent: Option<f64>,
    /// See [`metrics`].
    pub prd_percent: Option<f64>,
    /// In counts.
    pub rmse_lsb: f64,
    /// In `unit`.
    pub rmse: Option<f64>,
    /// The channels' unit; `None` if they have different ones.
    pub unit: Option<String>,
    /// In counts.
    pub max_error_lsb: u64,
    /// In dB.
    pub snr_db: Option<f64>,
    /// Of speech, in dB; see [`SpeechDistortion`].
    pub segmental_snr_db: Option<f64>,
    /// Of speech, in dB; see [`SpeechDistortion`].
    pub log_spectral_distance_db: Option<f64>,
    /// The quality that was asked for, 1 to 9; with a budget the best that might be used.
    pub quality: u8,
    /// Mean quality of the packets of best effort, which a budget moves.
    pub mean_quality: Option<f64>,
    /// Packets of the file.
    pub packets: usize,
    /// Packets that state a level: of another sensor, or of an input that moved.
    pub moved_packets: usize,
    /// Times that best effort fell back to a bound.
    pub fallbacks: u64,
    /// Bytes of the file that are not codes: its header, the packets' headers and checksums, framing.
    pub header_bytes: usize,
    /// From a sample's arrival to its decoded value: look-aheads, hop, and the filling of the longest packet.
    pub delay_seconds: f64,
    /// In counts: the bound that every sample was checked against; `None` in best effort.
    pub bound_lsb: Option<u32>,
    /// Bits of all codes in percent of those that the model expects of ordinary signal.
    pub surprisal_percent: Option<f64>,
    /// The same of the most surprising packet.
    pub surprisal_max_percent: Option<f64>,
    /// The same of every packet, in order: anomaly scores.
    pub packet_surprisal_percent: Vec<Option<u32>>,
}

/// A recording's results with what they were computed from.
#[derive(Debug, Clone, PartialEq)]
pub struct Evaluated {
    /// The results.
    pub row: Evaluation,
    /// The file that was made.
    pub encoded: Encoded,
    /// The recording that the file decodes to.
    pub decoded: Recording,
}

/// Encodes a recording that [fits](crate::data::fit) the codec, decodes the file, and compares.
///
/// # Errors
/// What encoding or decoding refuses, and a sample that is further from the original than its packet promised.
pub fn evaluate(codec: &HostCodec<'_>, recording: &Recording, options: Options) -> Result<Evaluated, CodecError> {
    let encoded = codec.encode(recording, options)?;
    let file = stream::parse(&encoded.file);
    let segment = file.segments.first().cloned().unwrap_or_default();
    let decoded = codec.decode(&segment, &recording.name)?.recording;
    let distortion = Distortion::measure(&recording.samples, &decoded.samples, &recording.channels);
    let speech = SpeechDistortion::of_recording(recording, &decoded.samples);
    let row = row(codec, (&recording.name, &recording.channels), options, &encoded, (&distortion, speech))?;
    Ok(Evaluated { row, encoded, decoded })
}

/// The results of [`evaluate`] for a recording that may be longer than memory.
///
/// # Errors
/// As [`evaluate`], and a recording that cannot be read.
pub fn evaluate_stored(
    codec: &HostCodec<'_>,
    recording: &StoredRecording,
    options: Options,
) -> Result<Evaluation, CodecError> {
    let mut comparison = Comparison::new(&recording.channels);
    let mut speech = SpeechComparison::of(&recording.channels, recording.rate_millihertz);
    let width = recording.channels.len();
    let encoded = codec.encode_and_decode(recording, options, &mut |from, decoded| {
        let original = recording.samples(from..from + decoded.len() / width)?;
        comparison.add(&original, decoded);
        if let Some(speech) = &mut speech {
            speech.add(&original, decoded);
        }
        Ok(())
    })?;
    let speech = speech.map(|comparison| comparison.distortion());
    row(codec, (&recording.name, &recording.channels), options, &encoded, (&comparison.distortion(), speech))
}

fn row(
    codec: &HostCodec<'_>,
    (name, channels): (&str, &[Channel]),
    options: Options,
    encoded: &Encoded,
    (distortion, speech): (&Distortion, Option<SpeechDistortion>),
) -> Result<Evaluation, CodecError> {
    let frames = distortion.samples / channels.len() as u64;
    let bits_per_sample = metrics::bits_per_sample(encoded.file_bytes(), frames as usize, channels.len());
    let source_bits = metrics::source_bits(channels);
    let bound_lsb = options.chosen_mode().bound();
    let packet_surprisal_percent: Vec<Option<u32>> = encoded.surprisals.iter().map(Surprisal::percent).collect();
    let row = Evaluation {
        name: name.to_owned(),
        samples: frames,
        channels: channels.len() as u64,
        source_bits,
        bits_per_sample,
        compression_ratio: metrics::compression_ratio(source_bits, bits_per_sample),
        prdn_percent: distortion.prdn_percent,
        prd_percent: distortion.prd_percent,
        rmse_lsb: distortion.rmse_lsb,
        rmse: distortion.rmse,
        unit: distortion.rmse.and_then(|_| channels.first()).map(|channel| channel.unit.clone()),
        max_error_lsb: distortion.max_error_lsb,
        snr_db: distortion.snr_db,
        segmental_snr_db: speech.and_then(|speech| speech.segmental_snr_db),
        log_spectral_distance_db: speech.and_then(|speech| speech.log_spectral_distance_db),
        quality: options.chosen_quality(),
        mean_quality: mean(&encoded.qualities),
        packets: encoded.packets,
        moved_packets: encoded.moved_packets,
        fallbacks: encoded.fallbacks,
        header_bytes: encoded.file_bytes() as usize - encoded.code_bytes,
        delay_seconds: codec.delay_seconds(options.chosen_mode(), encoded.longest_packet_hops).iter().sum(),
        bound_lsb,
        surprisal_percent: overall_surprisal(&encoded.surprisals),
        surprisal_max_percent: packet_surprisal_percent.iter().flatten().max().map(|percent| f64::from(*percent)),
        packet_surprisal_percent,
    };
    if let Some(bound) = bound_lsb.filter(|bound| distortion.max_error_lsb > u64::from(*bound)) {
        return Err(CodecError::Bound { bound, error: distortion.max_error_lsb });
    }
    Ok(row)
}

fn mean(qualities: &[u8]) -> Option<f64> {
    let sum: f64 = qualities.iter().copied().map(f64::from).sum();
    (!qualities.is_empty()).then(|| sum / qualities.len() as f64)
}

/// Bits of all packets in percent of those expected.
fn overall_surprisal(packets: &[Surprisal]) -> Option<f64> {
    let sum = |bits: fn(&Surprisal) -> u32| packets.iter().map(|packet| f64::from(bits(packet))).sum::<f64>();
    let expected = sum(|packet| packet.expected_bits);
    (expected > 0.0).then(|| 100.0 * sum(|packet| packet.bits) / expected)
}

/// The rows and their mean, as `vq eval --json` prints them.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Evaluations {
    /// A row per recording.
    pub records: Vec<Evaluation>,
    /// The mean of every number of the rows, under the same keys.
    pub mean: Map<String, Value>,
}

impl Evaluations {
    /// Rows with their mean, in which each recording counts the same. A number that is not defined for some recordings is
    /// averaged over the others; the mean error has a unit if all rows have the same.
    #[must_use]
    pub fn new(records: Vec<Evaluation>) -> Self {
        let rows: Vec<Value> = records.iter().map(|row| serde_json::to_value(row).unwrap_or_default()).collect();
        let same_unit = records.windows(2).all(|pair| pair[0].unit == pair[1].unit);
        let keys = rows.first().and_then(Value::as_object).into_iter().flat_map(Map::keys);
        let keys = keys.filter(|key| !["name", "packet_surprisal_percent"].contains(&key.as_str()));
        let mean = keys.map(|key| {
            let values: Vec<f64> = rows.iter().filter_map(|row| row[key].as_f64()).collect();
            let value = match key.as_str() {
                "unit" if same_unit => rows[0][key].clone(),
                "unit" => Value::Null,
                "rmse" if !same_unit => Value::Null,
                _ if values.is_empty() => Value::Null,
                _ => number(values.iter().sum::<f64>() / values.len() as f64),
            };
            (key.clone(), value)
        });
        Self { mean: mean.collect(), records }
    }
}

/// A number as JSON, without a fraction if it has none.
fn number(value: f64) -> Value {
    if value.fract() == 0.0 && value.abs() < 1e15 { Value::from(value as i64) } else { Value::from(value) }
}

fn whole_if_whole<S: Serializer>(value: &Option<f64>, serializer: S) -> Result<S::Ok, S::Error> {
    value.map(number).serialize(serializer)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{OpenOptions, open_stored};
    use crate::export::file::ModelBytes;

    fn row(unit: &str, prdn_percent: Option<f64>) -> Evaluation {
        Evaluation {
            name: "a".into(),
            samples: 100,
            channels: 1,
            source_bits: Some(11.0),
            bits_per_sample: Some(0.5),
            compression_ratio: Some(22.0),
            prdn_percent,
            prd_percent: None,
            rmse_lsb: 1.5,
            rmse: Some(0.25),
            unit: Some(unit.into()),
            max_error_lsb: 3,
            snr_db: Some(20.0),
            segmental_snr_db: Some(12.5),
            log_spectral_distance_db: None,
            quality: 9,
            mean_quality: Some(8.5),
            packets: 2,
            moved_packets: 1,
            fallbacks: 0,
            header_bytes: 60,
            delay_seconds: 0.5,
            bound_lsb: None,
            surprisal_percent: Some(101.5),
            surprisal_max_percent: Some(140.0),
            packet_surprisal_percent: vec![Some(99), None],
        }
    }

    #[test]
    fn a_recording_in_its_file_has_the_results_of_one_in_memory() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../data/mitdb-208.hea");
        let stored = open_stored(&path, &OpenOptions::default()).unwrap().stretch(60_000..75_003);
        let recording = stored.clone().whole().unwrap();
        let bytes = ModelBytes::open("ecg-small".as_ref()).unwrap();
        let codec = HostCodec::new(&bytes).unwrap();
        let bounded = Options::new().mode(vq_core::Mode::Bounded(3));
        for options in [Options::new().quality(4), bounded, Options::new().packet_bytes(80)] {
            let whole = evaluate(&codec, &recording, options).unwrap();
            assert_eq!(evaluate_stored(&codec, &stored, options).unwrap(), whole.row);
            let mut pieces = Vec::new();
            let encoded = codec.encode_to(&stored, options, &mut |piece| {
                pieces.push(piece.to_vec());
                Ok(())
            });
            assert_eq!(encoded.unwrap().file_bytes(), whole.encoded.file.len() as u64);
            assert_eq!(pieces.concat(), whole.encoded.file);
        }
    }

    #[test]
    fn the_keys_and_their_order_are_fixed() {
        let json = serde_json::to_string(&Evaluations::new(vec![row("mV", Some(8.0))])).unwrap();
        let keys = r#""samples":100,"channels":1,"source_bits":11,"bits_per_sample":0.5,"compression_ratio":22.0,"#;
        assert!(
            json.starts_with(&format!(r#"{{"records":[{{"name":"a",{keys}"prdn_percent":8.0,"prd_percent":null,"#)),
            "{json}"
        );
        let rest = r#""rmse_lsb":1.5,"rmse":0.25,"unit":"mV","max_error_lsb":3,"snr_db":20.0,"segmental_snr_db":12.5,"log_spectral_distance_db":null,"quality":9,"mean_quality":8.5,"packets":2,"moved_packets":1,"fallbacks":0,"header_bytes":60,"delay_seconds":0.5,"bound_lsb":null,"surprisal_percent":101.5,"surprisal_max_percent":140.0,"packet_surprisal_percent":[99,null]}],"mean":{"samples":100,"#;
        assert!(json.contains(rest), "{json}");
    }

    #[test]
    fn means_are_over_what_is_defined() {
        let mean = Evaluations::new(vec![row("mV", Some(8.0)), row("mV", None), row("mV", Some(9.0))]).mean;
        assert_eq!((&mean["prdn_percent"], &mean["prd_percent"]), (&Value::from(8.5), &Value::Null));
        assert_eq!((&mean["rmse"], &mean["unit"]), (&Value::from(0.25), &Value::from("mV")));
        let mean = Evaluations::new(vec![row("mV", Some(8.0)), row("g", Some(9.0))]).mean;
        assert_eq!((&mean["rmse"], &mean["unit"], &mean["rmse_lsb"]), (&Value::Null, &Value::Null, &Value::from(1.5)));
    }
}
