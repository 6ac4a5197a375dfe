//! `metrics.jsonl`: one JSON object per line, appended while training.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{RunError, read, write_atomically};

/// One line of the log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MetricsLine {
    /// Training steps done.
    pub step: usize,
    /// Seconds of training so far.
    pub seconds: f64,
    /// Reconstruction (or the distortion that the configuration asks for) + codebook + β·commitment. Codebooks that are moving averages lower the second term without its
    /// gradient.
    pub loss: f64,
    /// Mean squared error of the batch, over the signal's variance.
    pub reconstruction: f64,
    /// Mean squared distance from code vectors to the latents they stand for; 0 for integer latents.
    pub codebook: f64,
    /// The same distance as the encoder feels it, not yet times β.
    pub commitment: f64,
    /// The step's learning rate.
    pub learning_rate: f64,
    /// How many codes are in effective use, per symbol of a hop; empty while latents are not quantized yet.
    pub perplexity: Vec<f64>,
    /// The entropy of their use in bits, per symbol: the perplexity's logarithm.
    #[serde(default)]
    pub entropy_bits: Vec<f64>,
    /// Codes that are hardly ever chosen, per symbol.
    pub dead_codes: Vec<usize>,
    /// What is wrong with the use of codes and what to do; empty while all is well.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// Norm of the gradient over all weights, before clipping.
    pub gradient_norm: f64,
    /// Bits per sample, the mean over the batch's qualities, where they are in the loss.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<f64>,
    /// The other terms of the distortion, where the configuration asks for some.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub distortion: Option<DistortionTerms>,
    /// Present on lines where the held-out frames were measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validation: Option<Validation>,
}

/// Terms of the distortion beside the mean squared error, not yet times their weights; `None` where one does not count.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct DistortionTerms {
    /// The mean squared error by the weights of channels and movement.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weighted: Option<f64>,
    /// Half of the mean squared difference of neighbouring errors.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub derivative: Option<f64>,
    /// The distance of short-time spectra.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spectral: Option<f64>,
}

/// Distortion and rate on the held-out frames, with int8 weights and, from the end of the warm-up, quantized latents.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Validation {
    /// 100·‖x − x̂‖ / ‖x − mean x‖.
    pub prdn_percent: f64,
    /// Mean squared error over the variance of the training frames.
    pub mse_normalized: f64,
    /// Bits of codes per sample of each channel: before any entropy coding, or where the rate is trained for as the prior foresees them; of
    /// a VAE, the divergence of its latents from their prior.
    pub bits_per_sample: f64,
    /// Where more than the mean squared error is trained for: what training minimises. Where that is the rate too, it is of several qualities, and the
    /// other numbers are of the best one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<f64>,
    /// What is measured of images alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<ImageValidation>,
}

/// Distortion of images; see [`ImageEvaluation`](crate::images::ImageEvaluation).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ImageValidation {
    /// Peak signal to noise ratio in dB.
    pub psnr_db: f64,
    /// Mean absolute error with levels from −1 to 1.
    pub l1: f64,
}

/// The log, open for appending.
#[derive(Debug)]
pub struct MetricsLog {
    path: PathBuf,
    file: File,
}

impl MetricsLog {
    /// Opens the log and drops the lines after `step`, which a resumed run will write again.
    ///
    /// # Errors
    /// If the system refuses, or an earlier line is not one of this log.
    pub fn open(path: &Path, step: usize) -> Result<Self, RunError> {
        if path.exists() {
            let mut kept = Vec::new();
            for line in Self::read(path)?.iter().filter(|line| line.step <= step) {
                kept.extend(encode(path, line)?);
            }
            write_atomically(path, &kept)?;
        }
        let file = OpenOptions::new().create(true).append(true).open(path).map_err(|source| RunError::Io {
            file: path.to_path_buf(),
            action: "open",
            source,
        })?;
        Ok(Self { path: path.to_path_buf(), file })
    }

    /// Appends a line.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn append(&mut self, line: &MetricsLine) -> Result<(), RunError> {
        let bytes = encode(&self.path, line)?;
        self.file.write_all(&bytes).map_err(|source| RunError::Io {
            file: self.path.clone(),
            action: "append to",
            source,
        })
    }

    /// Reads all lines. A last line without its end, as a crash leaves it, is left out.
    ///
    /// # Errors
    /// If the system refuses, or a line is not one of this log.
    pub fn read(path: &Path) -> Result<Vec<MetricsLine>, RunError> {
        let text = String::from_utf8_lossy(&read(path)?).into_owned();
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        let parse = |(number, line)| {
            serde_json::from_str(line).map_err(|error| RunError::Malformed {
                file: path.to_path_buf(),
                what: format!("line {}: {error}", number + 1),
            })
        };
        whole.lines().enumerate().map(parse).collect()
    }
}

fn encode(path: &Path, line: &MetricsLine) -> Result<Vec<u8>, RunError> {
    let mut bytes = serde_json::to_vec(line)
        .map_err(|error| RunError::Malformed { file: path.to_path_buf(), what: error.to_string() })?;
    bytes.push(b'\n');
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(step: usize) -> MetricsLine {
        MetricsLine {
            step,
            seconds: step as f64 / 3.0,
            loss: 0.5,
            reconstruction: 0.25,
            codebook: 0.1,
            commitment: 0.1,
            learning_rate: 1e-3,
            perplexity: vec![3.5],
            entropy_bits: vec![1.807],
            dead_codes: vec![2],
            warnings: Vec::new(),
            gradient_norm: 1.0,
            rate: None,
            distortion: None,
            validation: (step == 20).then_some(Validation {
                prdn_percent: 8.0,
                mse_normalized: 0.0064,
                bits_per_sample: 0.5,
                image: None,
                cost: None,
            }),
        }
    }

    #[test]
    fn a_resumed_log_continues_from_its_step_and_forgets_a_torn_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.jsonl");
        let mut log = MetricsLog::open(&path, 0).unwrap();
        for step in [10, 20, 30] {
            log.append(&line(step)).unwrap();
        }
        drop(log);
        OpenOptions::new().append(true).open(&path).unwrap().write_all(b"{\"step\":4").unwrap();
        let mut log = MetricsLog::open(&path, 20).unwrap();
        log.append(&line(25)).unwrap();
        assert_eq!(MetricsLog::read(&path).unwrap(), [line(10), line(20), line(25)]);
    }
}
