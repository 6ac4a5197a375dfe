//! `run.json`: what a later command must know about a run, and what a reader wants to.

use std::io::ErrorKind;
use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::images::is_on_images;
use super::{RunError, read, write_atomically};
use crate::architecture::NetSpec;
use crate::data::{self, Channel, OpenOptions, StoredRecording};

/// How a run was made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Provenance {
    /// Version of `vq` that trained.
    pub program_version: String,
    /// The command line that started the run.
    pub command: Vec<String>,
    /// Seed of every random choice.
    pub seed: u64,
    /// Version of libtorch.
    pub torch_version: String,
    /// Where it trained: `cpu`, `cuda:0`.
    pub device: String,
    /// When the run started, RFC 3339, UTC.
    pub started: String,
    /// Seconds spent training so far, over all resumptions.
    pub training_seconds: f64,
}

/// Everything that `run.json` holds of a run on recordings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunRecord {
    /// How the run was made.
    #[serde(flatten)]
    pub made: Provenance,
    /// What was trained on.
    pub recordings: Vec<RecordingRecord>,
    /// The signal that the codec is for.
    pub signal: SignalRecord,
    /// How counts map to network units.
    pub normalization: Normalization,
    /// The encoder net.
    pub encoder: NetSpec,
    /// The decoder net.
    pub decoder: NetSpec,
    /// A larger decoder net for hosts, of the same codes.
    #[serde(default)]
    pub host_decoder: Option<NetSpec>,
    /// What turns latents into codes.
    pub quantizer: QuantizerRecord,
}

/// One recording and its split.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RecordingRecord {
    /// Where it was read from.
    pub path: PathBuf,
    /// How it was read.
    pub options: OpenOptions,
    /// The record's name.
    pub name: String,
    /// Samples per channel.
    pub frames: usize,
    /// Frames `[from, to)` that were trained on.
    pub train: [usize; 2],
    /// Frames `[from, to)` held out for validation.
    pub validation: [usize; 2],
    /// SHA-256 of the samples, interleaved, as little-endian 32-bit integers, in hexadecimal.
    pub sha256: String,
}

/// Rate and channels of the signal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SignalRecord {
    /// Frames per second, times 1000.
    pub rate_millihertz: u64,
    /// The channels.
    pub channels: Vec<ChannelRecord>,
}

/// What one channel's counts mean; see [`Channel`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ChannelRecord {
    /// The signal's name.
    pub name: String,
    /// The physical unit.
    pub unit: String,
    /// Counts per unit.
    pub counts_per_unit: f64,
    /// The count of physical zero.
    pub offset: i32,
    /// Resolution of the source in bits, where it has one.
    pub source_bits: Option<u8>,
}

impl From<&Channel> for ChannelRecord {
    fn from(channel: &Channel) -> Self {
        Self {
            name: channel.name.clone(),
            unit: channel.unit.clone(),
            counts_per_unit: channel.counts_per_unit,
            offset: channel.offset,
            source_bits: channel.source_bits,
        }
    }
}

/// Network input of channel `c` = (count − `offset[c]`) / `scale[c]`; the network's output maps back the same way.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Normalization {
    /// Count that becomes 0: the mean of the training frames, rounded. One per channel.
    pub offset: Vec<i32>,
    /// Counts per network unit: the standard deviation of the training frames. One per channel.
    pub scale: Vec<f32>,
}

/// The kind of codes and their alphabets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum QuantizerRecord {
    /// One index per codebook: stage by stage, and in each stage part by part. A stage codes what those before it left.
    Vector {
        /// Length of a code vector times parts: the latents per hop.
        dimension: usize,
        /// Codes of each stage.
        stages: Vec<usize>,
        /// Equal parts of the latents, with codebooks of their own in every stage.
        #[serde(default = "one_part")]
        parts: usize,
        /// Whether latents are compared with codes by direction alone.
        #[serde(default)]
        cosine: bool,
    },
    /// One level per latent, bounded and rounded: see [`Levels`](crate::architecture::Levels).
    Finite {
        /// Levels of each latent.
        levels: Vec<usize>,
    },
    /// No codes: a mean and a variance per latent, of a VAE.
    Gaussian {
        /// Latents per hop.
        dimension: usize,
    },
    /// One integer per latent, `|q| <= 2^(bits−1) − 1`: the latent divided by its step, rounded.
    Scalar {
        /// Latents per hop.
        dimension: usize,
        /// Bits of one integer.
        bits: u32,
    },
}

fn one_part() -> usize {
    1
}

impl QuantizerRecord {
    /// How many codes each symbol of a hop has, in the order in which they are sent.
    pub fn alphabets(&self) -> Vec<usize> {
        match self {
            Self::Vector { stages, parts, .. } => {
                stages.iter().flat_map(|&codes| std::iter::repeat_n(codes, *parts)).collect()
            }
            Self::Finite { levels } => levels.clone(),
            Self::Gaussian { .. } => Vec::new(),
            Self::Scalar { dimension, bits } => vec![(1 << bits) - 1; *dimension],
        }
    }

    /// Bits of one hop's codes, each in whole bits, before any entropy coding.
    pub fn bits_per_hop(&self) -> u32 {
        self.alphabets().iter().map(|codes| codes.next_power_of_two().ilog2()).sum()
    }
}

impl RecordingRecord {
    /// The frames that were trained on, and those held out.
    #[must_use]
    pub fn ranges(&self) -> (Range<usize>, Range<usize>) {
        (self.train[0]..self.train[1], self.validation[0]..self.validation[1])
    }

    /// Opens the recording again, and checks that it is still the same.
    ///
    /// # Errors
    /// If it cannot be read where it was, or holds other samples.
    pub fn reopen(&self) -> Result<StoredRecording, RunError> {
        let failed = |source| RunError::Recording { path: self.path.clone(), source };
        let recording = data::open_stored(&self.path, &self.options).map_err(failed)?;
        if recording.sha256().map_err(failed)? != self.sha256 || recording.frames() != self.frames {
            return Err(RunError::Changed { path: self.path.clone() });
        }
        Ok(recording)
    }
}

impl RunRecord {
    /// Reads `run.json`.
    ///
    /// # Errors
    /// If it cannot be read or is not the record of a run on recordings.
    pub fn load(path: &Path) -> Result<Self, RunError> {
        if is_on_images(path)? {
            return Err(RunError::OnImages { file: path.to_path_buf() });
        }
        load(path)
    }

    /// What a shipped model says about its run, as JSON: enough to repeat it, and nothing that differs when it is. Of absolute paths only the
    /// last part is told: the folders of one machine mean nothing on another, and are nobody's business.
    #[must_use]
    pub fn identity(&self) -> String {
        let recordings = self.recordings.iter().map(|recording| {
            serde_json::json!({ "name": recording.name, "train": recording.train, "sha256": recording.sha256 })
        });
        serde_json::json!({
            "program_version": self.made.program_version,
            "torch_version": self.made.torch_version,
            "command": portable(&self.made.command),
            "seed": self.made.seed,
            "recordings": recordings.collect::<Vec<_>>(),
        })
        .to_string()
    }
}

/// A command line without the folders of the machine that it was typed on.
fn portable(command: &[String]) -> Vec<String> {
    let last = |word: &String| {
        let path = Path::new(word);
        let name = path.file_name().filter(|_| path.is_absolute());
        name.map_or_else(|| word.clone(), |name| name.to_string_lossy().into_owned())
    };
    let program = command.first().map(|_| "vq".to_owned());
    program.into_iter().chain(command.iter().skip(1).map(last)).collect()
}

/// Reads a record.
pub(super) fn load<R: DeserializeOwned>(path: &Path) -> Result<R, RunError> {
    let text = read(path).map_err(|error| match &error {
        RunError::Io { source, .. } if matches!(source.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            RunError::NoRun { folder: path.parent().unwrap_or(path).to_path_buf() }
        }
        _ => error,
    })?;
    serde_json::from_slice(&text).map_err(|error| RunError::Malformed {
        file: path.to_path_buf(),
        what: format!("not the record of a training run: {error}"),
    })
}

/// Writes a record, whole or not at all.
pub(super) fn save<R: Serialize>(record: &R, path: &Path) -> Result<(), RunError> {
    let mut text = serde_json::to_vec_pretty(record)
        .map_err(|error| RunError::Malformed { file: path.to_path_buf(), what: error.to_string() })?;
    text.push(b'\n');
    write_atomically(path, &text)
}

/// The present moment as RFC 3339 in UTC, to the second.
pub fn now_rfc3339() -> String {
    let now = time::OffsetDateTime::now_utc();
    let (date, clock) = (now.date(), now.time());
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z",
        date.year(),
        u8::from(date.month()),
        date.day(),
        clock.hour(),
        clock.minute(),
        clock.second()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_whole_per_symbol() {
        let vector =
            |parts| QuantizerRecord::Vector { dimension: 8, stages: vec![256, 200, 64, 2], parts, cosine: false };
        assert_eq!(vector(1).bits_per_hop(), 8 + 8 + 6 + 1);
        assert_eq!(vector(2).bits_per_hop(), 2 * 23);
        assert_eq!(QuantizerRecord::Finite { levels: vec![8, 5, 3] }.bits_per_hop(), 3 + 3 + 2);
        assert_eq!(QuantizerRecord::Scalar { dimension: 12, bits: 3 }.bits_per_hop(), 36);
    }

    #[test]
    fn a_command_keeps_its_words_and_loses_the_machine() {
        let typed =
            ["/usr/local/bin/vq-2", "train", "/home/her/a.csv", "data/b.csv", "--rate", "100"].map(str::to_owned);
        assert_eq!(portable(&typed), ["vq", "train", "a.csv", "data/b.csv", "--rate", "100"]);
        assert!(portable(&[]).is_empty());
    }

    #[test]
    fn the_kind_is_a_word_in_the_json_and_older_records_have_one_part() {
        let record = QuantizerRecord::Vector { dimension: 8, stages: vec![16], parts: 1, cosine: false };
        let json = serde_json::to_string(&record).unwrap();
        assert!(json.starts_with(r#"{"kind":"vector","dimension":8,"stages":[16]"#), "{json}");
        let old = r#"{"kind":"vector","dimension":8,"stages":[16]}"#;
        assert_eq!(serde_json::from_str::<QuantizerRecord>(old).unwrap(), record);
    }
}
