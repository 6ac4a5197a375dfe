//! What `vq` measures, read from its JSON.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::models::{Signal, vq};
use crate::process::output;
use crate::project::Project;

/// Bytes of the independent packets.
pub(super) const PACKET_BYTES: usize = 244;

/// `vq bench rd --json`.
#[derive(Debug, Deserialize)]
pub(super) struct RateDistortion {
    curves: Vec<Curve>,
    differences: Vec<(Regime, Difference)>,
}

/// How packets were cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Regime {
    Stream,
    Packets(usize),
}

/// The two regimes in the order of tables.
pub(super) const REGIMES: [Regime; 2] = [Regime::Stream, Regime::Packets(PACKET_BYTES)];

/// A codec at its settings.
#[derive(Debug, Deserialize)]
pub(super) struct Curve {
    pub(super) name: String,
    pub(super) learned: bool,
    regime: Regime,
    records: Vec<Record>,
}

#[derive(Debug, Deserialize)]
struct Record {
    points: Vec<Point>,
}

/// A codec at a setting.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Point {
    pub(super) setting: String,
    pub(super) bits_per_sample: f64,
    pub(super) prdn_percent: Option<f64>,
    pub(super) prd_percent: Option<f64>,
    pub(super) rmse_lsb: f64,
    pub(super) max_error_lsb: f64,
    pub(super) snr_db: Option<f64>,
    pub(super) segmental_snr_db: Option<f64>,
    pub(super) log_spectral_distance_db: Option<f64>,
}

/// A Bjøntegaard difference.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Difference {
    curve: String,
    pub(super) against: String,
    records: Vec<(String, Option<f64>)>,
    pub(super) mean_percent: Option<f64>,
    pub(super) spread_percent: Option<f64>,
    pub(super) worst_percent: Option<f64>,
    /// Bits per sample of the opponent, from where to where the curves were compared.
    pub(super) rates: Option<[f64; 2]>,
    pub(super) worst_setting: Option<SettingDifference>,
}

/// The setting of a model that needs most more bits, or least fewer.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct SettingDifference {
    pub(super) record: String,
    pub(super) setting: String,
    pub(super) percent: f64,
}

impl Difference {
    /// How many records could be compared, and of how many.
    pub(super) fn compared(&self) -> (usize, usize) {
        (self.records.iter().filter(|(_, difference)| difference.is_some()).count(), self.records.len())
    }

    /// Records that need more than so many percent more bits.
    pub(super) fn records_above(&self, percent: f64) -> Vec<&str> {
        let above = self.records.iter().filter(|(_, difference)| difference.is_some_and(|found| found > percent));
        above.map(|(name, _)| name.as_str()).collect()
    }
}

impl RateDistortion {
    /// Runs the laboratory on a signal's recordings, with models by their files, and lets it draw the packets' curves.
    pub(super) fn of_signal(project: &Project, signal: &Signal, data: &Path, plot: &Path) -> Result<Self> {
        let mut command = vq(project);
        command.args(["bench", "rd", "--json", "--plot"]).arg(plot).args(signal.stretch());
        command.arg("--between").args(signal.between.map(|rate| rate.to_string())).arg("--models");
        command.args(signal.models.iter().map(|recipe| recipe.file(project)));
        let opponents = signal.opponents.iter().map(|opponent| opponent.file(project));
        let (there, absent): (Vec<PathBuf>, Vec<PathBuf>) = opponents.partition(|file| file.is_file());
        for file in absent {
            println!("  left out: {}: `cargo xtask models` makes it", project.relative(&file).display());
        }
        if !there.is_empty() {
            command.arg("--nearest").args(there);
        }
        command.args(signal.train_stretch()).arg("--train").args(signal.files(data, &signal.train)).arg("--");
        json(command.args(signal.files(data, &signal.test)))
    }

    /// A signal's models and the wavelet on a recording elsewhere than where they were trained.
    pub(super) fn elsewhere(project: &Project, signal: &Signal, data: &Path) -> Result<Option<Self>> {
        let Some(elsewhere) = &signal.elsewhere else { return Ok(None) };
        let mut command = vq(project);
        command.args(["bench", "rd", "--json", "--only", "9/7"]).args(&elsewhere.reading).arg("--models");
        command.args(signal.models.iter().map(|recipe| recipe.file(project)));
        command.args(signal.train_stretch()).arg("--train").args(signal.files(data, &signal.train)).arg("--");
        json(command.args(signal.files(data, std::slice::from_ref(&elsewhere.record)))).map(Some)
    }

    /// The same of some opponents and models on one recording.
    pub(super) fn of_recording(project: &Project, words: &[&str], models: &[PathBuf]) -> Result<Self> {
        let mut command = vq(project);
        command.args(["bench", "rd", "--json"]).args(words);
        if !models.is_empty() {
            command.arg("--models").args(models);
        }
        json(&mut command)
    }

    /// The curves of a regime.
    pub(super) fn curves(&self, regime: Regime) -> impl Iterator<Item = &Curve> {
        self.curves.iter().filter(move |curve| curve.regime == regime)
    }

    /// The curve of a codec in a regime.
    pub(super) fn curve(&self, name: &str, regime: Regime) -> Result<&Curve> {
        self.curves(regime)
            .find(|curve| curve.name == name)
            .with_context(|| format!("`vq bench rd` gives no curve of {name}"))
    }

    /// The difference of a model against an opponent in a regime, if they can be compared.
    pub(super) fn difference(&self, model: &str, against: &str, regime: Regime) -> Option<&Difference> {
        let is_meant = |(found, difference): &&(Regime, Difference)| {
            *found == regime && difference.curve == model && difference.against == against
        };
        self.differences.iter().find(is_meant).map(|(_, difference)| difference)
    }
}

impl Curve {
    /// The mean over the records at each setting that all of them have.
    pub(super) fn mean(&self) -> Vec<Point> {
        let Some((first, others)) = self.records.split_first() else { return Vec::new() };
        let everywhere = |point: &Point| {
            let same = |record: &Record| record.points.iter().find(|other| other.setting == point.setting).cloned();
            let points: Option<Vec<Point>> = others.iter().map(same).collect();
            let points: Vec<Point> = points?.into_iter().chain([point.clone()]).collect();
            let mean = |figure: fn(&Point) -> f64| points.iter().map(figure).sum::<f64>() / points.len() as f64;
            let known = |figure: fn(&Point) -> Option<f64>| {
                let values: Option<Vec<f64>> = points.iter().map(figure).collect();
                values.map(|values| values.iter().sum::<f64>() / values.len() as f64)
            };
            Some(Point {
                setting: point.setting.clone(),
                bits_per_sample: mean(|point| point.bits_per_sample),
                prdn_percent: known(|point| point.prdn_percent),
                prd_percent: known(|point| point.prd_percent),
                rmse_lsb: mean(|point| point.rmse_lsb),
                max_error_lsb: points.iter().map(|point| point.max_error_lsb).fold(0.0, f64::max),
                snr_db: known(|point| point.snr_db),
                segmental_snr_db: known(|point| point.segmental_snr_db),
                log_spectral_distance_db: known(|point| point.log_spectral_distance_db),
            })
        };
        first.points.iter().filter_map(everywhere).collect()
    }
}

/// A row of `vq bench bounds --json`.
#[derive(Debug, Deserialize)]
pub(super) struct BoundsRow {
    pub(super) model: String,
    pub(super) packet_bytes: Option<usize>,
    pub(super) bits_per_sample: Vec<f64>,
}

/// The bounds of the tables, in counts.
pub(super) const BOUNDS: [u32; 3] = [0, 1, 5];

/// Runs `vq bench bounds` on a signal's recordings.
pub(super) fn bounds(project: &Project, signal: &Signal, data: &Path) -> Result<Vec<BoundsRow>> {
    let mut command = vq(project);
    let bounds = BOUNDS.map(|bound| bound.to_string()).join(",");
    command.args(["bench", "bounds", "--json", "--bounds", &bounds]).args(signal.stretch()).arg("--models");
    command.args(signal.models.iter().map(|recipe| recipe.file(project))).arg("--");
    json(command.args(signal.files(data, &signal.test)))
}

/// `vq inspect --json` of a model.
pub(super) fn inspect(project: &Project, model: &Path) -> Result<Value> {
    json(vq(project).args(["inspect", "--json"]).arg(model))
}

fn json<T: DeserializeOwned>(command: &mut Command) -> Result<T> {
    let text = output(command)?;
    serde_json::from_str(&text).context("`vq` printed another JSON than this program reads")
}
