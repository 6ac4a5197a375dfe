//! `metrics.jsonl` read back as curves.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::run::DistortionTerms;

/// What training reported, by ascending step.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Series {
    /// One entry per step that was reported.
    pub lines: Vec<MetricLine>,
}

/// One line of `metrics.jsonl`. A value that was not measured, or was not finite, is `None`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct MetricLine {
    /// Optimizer steps taken.
    pub step: u64,
    /// Seconds of training so far.
    pub seconds: Option<f64>,
    /// The loss that was minimised: the sum of the terms below.
    pub loss: Option<f64>,
    /// Reconstruction term.
    pub reconstruction: Option<f64>,
    /// Codebook term.
    pub codebook: Option<f64>,
    /// Commitment term, with its weight.
    pub commitment: Option<f64>,
    /// Bits per sample, where they are in the loss: of codes, or of a VAE's divergence.
    pub rate: Option<f64>,
    /// Other terms of the distortion, where they count.
    pub distortion: DistortionTerms,
    /// Learning rate of the step.
    pub learning_rate: Option<f64>,
    /// Norm of the gradient before clipping.
    pub gradient_norm: Option<f64>,
    /// Perplexity of the codes, `[symbol]`.
    pub perplexity: Vec<Option<f64>>,
    /// Entropy of the codes in bits, `[symbol]`.
    pub entropy_bits: Vec<Option<f64>>,
    /// Codes that were not used lately, `[symbol]`.
    pub dead_codes: Vec<Option<f64>>,
    /// What was wrong with the use of codes, and what to do.
    pub warnings: Vec<String>,
    /// On the lines that follow a validation.
    pub validation: Option<Validation>,
}

/// What a validation found.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Validation {
    /// Distortion in percent of the signal's deviation from its mean.
    pub prdn_percent: Option<f64>,
    /// Mean squared error in network units.
    pub mse_normalized: Option<f64>,
    /// Bits per channel-sample.
    pub bits_per_sample: Option<f64>,
    /// What is measured of images alone.
    pub image: Option<ImageValidation>,
}

/// What a validation on images found.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ImageValidation {
    /// Peak signal to noise ratio in dB.
    pub psnr_db: Option<f64>,
    /// Mean absolute error with levels from −1 to 1.
    pub l1: Option<f64>,
}

/// Why metrics could not be read.
#[derive(Debug, thiserror::Error)]
pub enum SeriesError {
    /// The file could not be read.
    #[error("cannot read the metrics {path}: {source}; name a folder that `vq train` wrote")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A line is no metrics record.
    #[error("metrics line {number} cannot be read: {source}; remove that line to report on the others")]
    Line {
        /// Counted from 1.
        number: usize,
        /// What is wrong with it.
        source: serde_json::Error,
    },
}

impl Series {
    /// Reads a `metrics.jsonl` file, see [`Self::parse`].
    ///
    /// # Errors
    /// When the file cannot be read or a line before the last is damaged.
    pub fn read(path: &Path) -> Result<Self, SeriesError> {
        let text =
            std::fs::read_to_string(path).map_err(|source| SeriesError::Read { path: path.to_owned(), source })?;
        Self::parse(&text)
    }

    /// Reads the lines of a `metrics.jsonl`.
    ///
    /// A run that was cut off and resumed repeats some steps: the later account of a step replaces the earlier one. A
    /// last line without its line end is the one that the cut hit, and is passed over if it cannot be read.
    ///
    /// # Errors
    /// When any other line is not a metrics record.
    pub fn parse(text: &str) -> Result<Self, SeriesError> {
        let mut series = Self::default();
        for (index, line) in text.split_inclusive('\n').enumerate() {
            if line.trim().is_empty() {
                continue;
            }
            match serde_json::from_str::<MetricLine>(line) {
                Ok(line) => series.add(line),
                Err(_) if !line.ends_with('\n') => break,
                Err(source) => return Err(SeriesError::Line { number: index + 1, source }),
            }
        }
        Ok(series)
    }

    /// Adds a line; steps at or after its own, from before a resume, give way to it.
    fn add(&mut self, line: MetricLine) {
        while self.lines.last().is_some_and(|last| last.step > line.step) {
            self.lines.pop();
        }
        match self.lines.last_mut() {
            Some(last) if last.step == line.step => last.overlay(line),
            _ => self.lines.push(line),
        }
    }

    /// The last validation that gave a PRDN: its step and the percentage.
    pub fn last_prdn(&self) -> Option<(u64, f64)> {
        self.lines.iter().rev().find_map(|line| Some((line.step, line.validation.as_ref()?.prdn_percent?)))
    }

    /// The validation with the least error.
    pub fn best_validation(&self) -> Option<&Validation> {
        let all = self.lines.iter().filter_map(|line| line.validation.as_ref());
        let error = |validation: &&Validation| validation.mse_normalized.unwrap_or(f64::INFINITY);
        all.min_by(|a, b| error(a).total_cmp(&error(b)))
    }

    /// The training curves on at most `limit` lines: runs of neighbouring lines become one, at the step of the last, with
    /// the mean of each value. Validations are left to [`Self::validations`].
    pub(super) fn thinned(&self, limit: usize) -> Vec<MetricLine> {
        let group = self.lines.len().div_ceil(limit.max(1)).max(1);
        self.lines.chunks(group).filter_map(MetricLine::mean).collect()
    }

    /// The lines that carry a validation, at most `limit` of them, evenly chosen, the last among them.
    pub(super) fn validations(&self, limit: usize) -> Vec<(u64, &Validation)> {
        let all: Vec<_> =
            self.lines.iter().filter_map(|line| Some((line.step, line.validation.as_ref()?))).rev().collect();
        let stride = all.len().div_ceil(limit.max(1)).max(1);
        let mut chosen: Vec<_> = all.into_iter().step_by(stride).collect();
        chosen.reverse();
        chosen
    }
}

impl MetricLine {
    /// Takes over every value that `other` has.
    fn overlay(&mut self, other: Self) {
        self.seconds = other.seconds.or(self.seconds);
        self.loss = other.loss.or(self.loss);
        self.reconstruction = other.reconstruction.or(self.reconstruction);
        self.codebook = other.codebook.or(self.codebook);
        self.commitment = other.commitment.or(self.commitment);
        self.rate = other.rate.or(self.rate);
        let (mine, other_terms) = (&mut self.distortion, other.distortion);
        mine.weighted = other_terms.weighted.or(mine.weighted);
        mine.derivative = other_terms.derivative.or(mine.derivative);
        mine.spectral = other_terms.spectral.or(mine.spectral);
        self.learning_rate = other.learning_rate.or(self.learning_rate);
        self.gradient_norm = other.gradient_norm.or(self.gradient_norm);
        if !other.perplexity.is_empty() {
            self.perplexity = other.perplexity;
        }
        if !other.entropy_bits.is_empty() {
            self.entropy_bits = other.entropy_bits;
        }
        if !other.dead_codes.is_empty() {
            self.dead_codes = other.dead_codes;
        }
        if !other.warnings.is_empty() {
            self.warnings = other.warnings;
        }
        self.validation = other.validation.or(self.validation.take());
    }

    /// One line for several: step and time of the last, means of the rest.
    fn mean(lines: &[Self]) -> Option<Self> {
        let last = lines.last()?;
        let field = |get: fn(&Self) -> Option<f64>| mean(lines.iter().map(get));
        let stages = |get: fn(&Self) -> &Vec<Option<f64>>| {
            let count = lines.iter().map(|line| get(line).len()).max().unwrap_or(0);
            (0..count).map(|stage| mean(lines.iter().map(|line| get(line).get(stage).copied().flatten()))).collect()
        };
        Some(Self {
            step: last.step,
            seconds: last.seconds,
            loss: field(|line| line.loss),
            reconstruction: field(|line| line.reconstruction),
            codebook: field(|line| line.codebook),
            commitment: field(|line| line.commitment),
            rate: field(|line| line.rate),
            distortion: DistortionTerms {
                weighted: field(|line| line.distortion.weighted),
                derivative: field(|line| line.distortion.derivative),
                spectral: field(|line| line.distortion.spectral),
            },
            learning_rate: field(|line| line.learning_rate),
            gradient_norm: field(|line| line.gradient_norm),
            perplexity: stages(|line| &line.perplexity),
            entropy_bits: stages(|line| &line.entropy_bits),
            dead_codes: stages(|line| &line.dead_codes),
            warnings: last.warnings.clone(),
            validation: None,
        })
    }
}

/// Mean of the values that are there and finite.
fn mean(values: impl Iterator<Item = Option<f64>>) -> Option<f64> {
    let (sum, count) = values
        .flatten()
        .filter(|value| value.is_finite())
        .fold((0.0, 0_u32), |(sum, count), value| (sum + value, count + 1));
    (count > 0).then(|| sum / f64::from(count))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = r#"{"step":10,"seconds":1.5,"loss":0.5,"reconstruction":0.3,"codebook":0.1,"commitment":0.1,
        "learning_rate":0.001,"perplexity":[12.5,null],"dead_codes":[3,0],"gradient_norm":0.7,
        "validation":{"prdn_percent":9.5,"mse_normalized":0.01,"bits_per_sample":0.77},"added_later":true}"#;

    fn steps(series: &Series) -> Vec<u64> {
        series.lines.iter().map(|line| line.step).collect()
    }

    #[test]
    fn a_line_is_read_whole() {
        let series = Series::parse(&LINE.replace('\n', " ")).unwrap();
        let line = &series.lines[0];
        assert_eq!((line.step, line.seconds, line.loss), (10, Some(1.5), Some(0.5)));
        assert_eq!((line.reconstruction, line.codebook, line.commitment), (Some(0.3), Some(0.1), Some(0.1)));
        assert_eq!((line.learning_rate, line.gradient_norm), (Some(0.001), Some(0.7)));
        assert_eq!(line.perplexity, [Some(12.5), None]);
        assert_eq!(line.dead_codes, [Some(3.0), Some(0.0)]);
        assert_eq!(series.last_prdn(), Some((10, 9.5)));
    }

    #[test]
    fn the_best_validation_is_the_one_with_the_least_error() {
        let line = |step, mse| MetricLine {
            step,
            validation: Some(Validation {
                mse_normalized: mse,
                prdn_percent: Some(step as f64),
                ..Validation::default()
            }),
            ..MetricLine::default()
        };
        let series = Series { lines: vec![line(1, Some(0.3)), line(2, Some(0.1)), line(3, None), line(4, Some(0.2))] };
        assert_eq!(series.best_validation().unwrap().prdn_percent, Some(2.0));
        assert_eq!(Series::default().best_validation(), None);
    }

    #[test]
    fn nothing_is_an_empty_series() {
        assert_eq!(Series::parse("\n \n").unwrap(), Series::default());
        assert_eq!(Series::default().last_prdn(), None);
        assert!(Series::default().thinned(10).is_empty());
    }

    #[test]
    fn a_resumed_run_replaces_the_steps_it_repeats() {
        let text =
            "{\"step\":1,\"loss\":9}\n{\"step\":2,\"loss\":8}\n{\"step\":3,\"loss\":7}\n{\"step\":2,\"loss\":6}\n";
        let series = Series::parse(text).unwrap();
        assert_eq!(steps(&series), [1, 2]);
        assert_eq!(series.lines[1].loss, Some(6.0));
    }

    #[test]
    fn two_lines_of_one_step_are_one() {
        let text = "{\"step\":5,\"loss\":2,\"dead_codes\":[1]}\n{\"step\":5,\"validation\":{\"prdn_percent\":8}}\n";
        let series = Series::parse(text).unwrap();
        assert_eq!(steps(&series), [5]);
        assert_eq!(series.lines[0].loss, Some(2.0));
        assert_eq!(series.lines[0].dead_codes, [Some(1.0)]);
        assert_eq!(series.last_prdn(), Some((5, 8.0)));
    }

    #[test]
    fn only_a_cut_last_line_is_passed_over() {
        let series = Series::parse("{\"step\":1}\n{\"step\":2,\"lo").unwrap();
        assert_eq!(steps(&series), [1]);
        let error = Series::parse("{\"step\":1}\n{\"step\":2,\"lo\n{\"step\":3}\n").unwrap_err();
        assert!(error.to_string().contains("line 2"), "{error}");
    }

    #[test]
    fn a_missing_file_is_named() {
        let error = Series::read(Path::new("no/such/metrics.jsonl")).unwrap_err();
        assert!(error.to_string().contains("no/such/metrics.jsonl"), "{error}");
    }

    #[test]
    fn thinning_keeps_means_and_the_last_step() {
        let line = |step, loss| MetricLine { step, loss, perplexity: vec![loss], ..MetricLine::default() };
        let series = Series {
            lines: vec![line(1, Some(2.0)), line(2, None), line(3, Some(4.0)), line(4, Some(f64::NAN)), line(5, None)],
        };
        let thinned = series.thinned(2);
        assert_eq!(thinned.len(), 2);
        assert_eq!((thinned[0].step, thinned[0].loss), (3, Some(3.0)));
        assert_eq!((thinned[1].step, thinned[1].loss), (5, None));
        assert_eq!(thinned[0].perplexity, [Some(3.0)]);
        assert_eq!(series.thinned(5).len(), 5);
    }

    #[test]
    fn the_last_validation_is_always_chosen() {
        let validation = Some(Validation::default());
        let lines = (0..10).map(|step| MetricLine { step, validation: validation.clone(), ..MetricLine::default() });
        let series = Series { lines: lines.collect() };
        let chosen: Vec<_> = series.validations(4).into_iter().map(|(step, _)| step).collect();
        assert_eq!(chosen, [0, 3, 6, 9]);
    }
}
