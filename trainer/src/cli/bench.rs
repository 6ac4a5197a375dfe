//! `vq bench`: models against classical codecs.

use std::ops::Range;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use clap::{Args, Subcommand};
use serde_json::json;

use super::arguments::{FitArguments, Position, SignalArguments, StretchArguments};
use super::bench_bounds::Bounds;
use super::bench_priors::Priors;
use super::output;
use crate::codec::HostCodec;
use crate::data::Recording;
use crate::export::file::ModelBytes;
#[cfg(feature = "png")]
use crate::laboratory::png;
use crate::laboratory::{
    CODEC2, Curve, Neural, Point, RateDifference, Regime, codec2_curve, envelope, families, family_curve,
    known_to_model, model_curve, plot,
};
use crate::run::write_atomically;

/// Compare models with classical codecs, and with each other.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    Rd(RateDistortion),
    Bounds(Bounds),
    Priors(Priors),
}

/// Rate and distortion of models at all qualities, and of every opponent, on the same samples.
///
/// Bits are of whole files, headers, checksums and framing included, of models and opponents alike. Each codec is run as one
/// stream and as independent packets. Differences are Bjøntegaard's, on the mean squared error: how many more bits a model needs at equal error.
#[derive(Debug, Args)]
struct RateDistortion {
    /// The recordings.
    #[arg(value_name = "RECORDS", required = true)]
    records: Vec<PathBuf>,
    /// The models: .vqm files or names of models that ship; without any, the opponents alone.
    #[arg(long, value_name = "M.vqm|NAME", num_args = 1..)]
    models: Vec<PathBuf>,
    /// The models are one family, as `vq train --sweep` makes them: the lower envelope of all is one curve more.
    #[arg(long, requires = "models")]
    family: bool,
    /// Recordings of whose same stretch opponents learn the states that their packets start from, as models have learned theirs. Without any, and as one
    /// stream, they start flat.
    #[arg(long, value_name = "RECORDS", num_args = 1..)]
    train: Vec<PathBuf>,
    /// With --train-to, the stretch of the recordings of --train, if not the same.
    #[arg(long, value_name = "FRAME|SECONDS", requires_all = ["train", "train_to"])]
    train_from: Option<Position>,
    /// End of the stretch that --train-from begins.
    #[arg(long, value_name = "FRAME|SECONDS", requires_all = ["train", "train_from"])]
    train_to: Option<Position>,
    /// Models of codebooks to run as opponents: their nearest codes in whole bits, and, with --train, by the frequency of each, as other neural
    /// codecs for microcontrollers send them.
    #[arg(long, value_name = "M.vqm|NAME", num_args = 1..)]
    nearest: Vec<PathBuf>,
    /// Most bytes of an independent packet.
    #[arg(long, value_name = "N", default_value_t = 244, value_parser = clap::value_parser!(u32).range(16..=65_535))]
    packet_bytes: u32,
    /// Opponents to run, by parts of their names; all, if not given.
    #[arg(long, value_name = "NAME,…", value_delimiter = ',')]
    only: Vec<String>,
    /// Bits per sample of the opponent between which differences are taken.
    #[arg(long, value_name = "A,B", value_delimiter = ',', num_args = 2, default_values_t = [0.15, 1.2])]
    between: Vec<f64>,
    /// Write a plot of the packets' curves, as SVG or PNG.
    #[arg(long, value_name = "FILE.svg|.png")]
    plot: Option<PathBuf>,
    /// Judge models on data that they were trained on.
    #[arg(long)]
    on_training_data: bool,
    /// Print JSON in place of the tables.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    stretch: StretchArguments,
    #[command(flatten)]
    fit: FitArguments,
    #[command(flatten)]
    signal: SignalArguments,
}

/// How a plot is written.
#[derive(Debug, Clone, Copy)]
enum PlotFormat {
    Svg,
    #[cfg(feature = "png")]
    Png,
}

impl PlotFormat {
    /// The format that a file's name stands for.
    fn of(path: &Path) -> anyhow::Result<Self> {
        match path.extension().unwrap_or_default().to_string_lossy().to_ascii_lowercase().as_str() {
            "svg" => Ok(Self::Svg),
            #[cfg(feature = "png")]
            "png" => Ok(Self::Png),
            #[cfg(not(feature = "png"))]
            "png" => {
                anyhow::bail!("{}: this program was built without the feature `png`: name it .svg", path.display())
            }
            _ => anyhow::bail!("{}: plots are SVG or PNG: name it .svg or .png", path.display()),
        }
    }

    fn bytes(self, picture: String) -> anyhow::Result<Vec<u8>> {
        match self {
            Self::Svg => Ok(picture.into_bytes()),
            #[cfg(feature = "png")]
            Self::Png => Ok(png(&picture)?),
        }
    }
}

/// A recording, whole, and the stretch of it that is judged.
struct Judged {
    whole: Recording,
    stretch: Range<usize>,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    match &arguments.what {
        What::Rd(arguments) => arguments.run(),
        What::Bounds(arguments) => arguments.run(),
        What::Priors(arguments) => arguments.run(),
    }
}

impl RateDistortion {
    fn run(&self) -> anyhow::Result<()> {
        let plot_format = self.plot.as_deref().map(PlotFormat::of).transpose()?;
        ensure!(self.between[0] < self.between[1], "--between takes the lower rate first");
        let judged = self.records.iter().map(|path| self.judged(path)).collect::<anyhow::Result<Vec<Judged>>>()?;
        let recordings: Vec<Recording> =
            judged.iter().map(|judged| judged.whole.slice(judged.stretch.clone())).collect();
        let training_stretch = match self.train_to {
            Some(_) => &StretchArguments::between(self.train_from, self.train_to),
            None => &self.stretch,
        };
        let training = self.train.iter().map(|path| training_stretch.slice(self.signal.open(path)?));
        let training = training.collect::<anyhow::Result<Vec<Recording>>>()?;
        let chosen = |name: &str| self.only.is_empty() || self.only.iter().any(|part| name.contains(part.as_str()));
        let names: Vec<String> = families(&recordings, &[]).into_iter().map(|family| family.name).collect();
        for part in &self.only {
            let is_there = names.iter().map(String::as_str).chain([CODEC2]).any(|name| name.contains(part.as_str()));
            ensure!(is_there, "--only {part}: no opponent is called so; there are {}, {CODEC2}", names.join(", "));
        }
        let families = |training: &[Recording]| {
            let mut families = families(&recordings, training);
            families.retain(|family| chosen(&family.name));
            families
        };
        let neural = self.nearest.iter().map(|path| self.neural(path, &judged, &training));
        let neural = neural.collect::<anyhow::Result<Vec<(Neural, Vec<Recording>)>>>()?;
        // Its frames are the same in either regime.
        let codec2 = if chosen(CODEC2) { codec2_curve(&recordings, Regime::Stream) } else { Ok(None) };
        let codec2 = codec2.unwrap_or_else(|error| {
            output::note(&error.to_string());
            None
        });
        let mut curves = Vec::new();
        for regime in [Regime::Stream, Regime::Packets(self.packet_bytes as usize)] {
            for path in &self.models {
                curves.push(self.model_curve(path, &judged, regime).with_context(|| path.display().to_string())?);
            }
            if self.family {
                let members: Vec<&Curve> = curves.iter().filter(|curve| curve.regime == regime).collect();
                let family = envelope(&members);
                curves.extend(family);
            }
            for (neural, admitted) in &neural {
                curves.extend(neural.curves(admitted, regime)?);
            }
            // A stream is long enough to learn from; a packet is not.
            let families = families(if regime == Regime::Stream { &[] } else { &training });
            curves.extend(families.iter().map(|family| family_curve(family, &recordings, regime)));
            curves.extend(codec2.iter().map(|curve| Curve { regime, ..curve.clone() }));
        }
        let differences = self.differences(&curves);
        self.tell(&curves, &differences);
        if let (Some(path), Some(format)) = (&self.plot, plot_format) {
            let in_packets: Vec<Curve> =
                curves.iter().filter(|curve| curve.regime != Regime::Stream && has_waveform(curve)).cloned().collect();
            let title = format!("{} recordings, packets of {} bytes", recordings.len(), self.packet_bytes);
            write_atomically(path, &format.bytes(plot(&title, &in_packets)?)?)?;
        }
        match self.json {
            true => output::print(&serde_json::to_string(&json!({ "curves": curves, "differences": differences }))?),
            false => output::print(&text(&curves, &differences)),
        }
    }

    /// Says what a reader of the differences should know of them.
    fn tell(&self, curves: &[Curve], differences: &[(Regime, RateDifference)]) {
        if !self.models.is_empty() && self.train.is_empty() {
            output::note(
                "without --train the opponents' packets start untrained, where the models' do not: give it what the models were trained on",
            );
        }
        let [from, to] = [self.between[0], self.between[1]];
        for curve in curves.iter().filter(|curve| curve.learned) {
            if !differences.iter().any(|(regime, found)| *regime == curve.regime && found.curve == curve.name) {
                output::note(&format!(
                    "{}, {}: no opponent has errors like its own at {from} to {to} bits per sample; --between takes other rates",
                    curve.name,
                    curve.regime.describe()
                ));
            }
        }
    }

    fn judged(&self, path: &Path) -> anyhow::Result<Judged> {
        let whole = self.signal.open(path)?;
        let stretch = self.stretch.within(&whole.name, whole.frames(), whole.rate())?;
        Ok(Judged { whole, stretch })
    }

    fn model_curve(&self, path: &Path, judged: &[Judged], regime: Regime) -> anyhow::Result<Curve> {
        let bytes = ModelBytes::open(path)?;
        let codec = HostCodec::new(&bytes)?;
        Ok(model_curve(&codec, &self.admitted(&codec, judged)?, regime)?)
    }

    /// The opponents that a model of codebooks makes, and what they run on.
    fn neural(
        &self,
        path: &Path,
        judged: &[Judged],
        training: &[Recording],
    ) -> anyhow::Result<(Neural, Vec<Recording>)> {
        let context = || path.display().to_string();
        let bytes = ModelBytes::open(path)?;
        let codec = HostCodec::new(&bytes).with_context(context)?;
        let admitted = self.admitted(&codec, judged).with_context(context)?;
        let mut samples = Vec::new();
        for recording in training {
            samples.extend(self.fit.fit(recording.clone(), &codec).with_context(context)?.samples);
        }
        Ok((Neural::new(codec.name(), codec.model(), &samples).with_context(context)?, admitted))
    }

    /// The stretches as a model takes them.
    fn admitted(&self, codec: &HostCodec<'_>, judged: &[Judged]) -> anyhow::Result<Vec<Recording>> {
        self.refuse_known(codec, judged)?;
        let admit = |judged: &Judged| self.fit.admit(judged.whole.slice(judged.stretch.clone()), codec);
        Ok(judged.iter().map(admit).collect::<Result<Vec<Recording>, _>>()?)
    }

    /// Refuses stretches that a model was trained on: what it keeps of them says nothing of others.
    fn refuse_known(&self, codec: &HostCodec<'_>, judged: &[Judged]) -> anyhow::Result<()> {
        if self.on_training_data {
            return Ok(());
        }
        for Judged { whole, stretch } in judged {
            if let Some(known) = known_to_model(&codec.model(), &whole.name, &whole.sha256(), stretch) {
                anyhow::bail!(
                    "frames {} to {} of {} are among what this model was trained on: give other recordings or --from, or --on-training-data to see it nevertheless",
                    known.frames.start,
                    known.frames.end,
                    known.record
                );
            }
        }
        Ok(())
    }

    /// Each model against each opponent with a curve, under the same regime.
    fn differences(&self, curves: &[Curve]) -> Vec<(Regime, RateDifference)> {
        let (from, to) = (self.between[0], self.between[1]);
        let models = curves.iter().filter(|curve| curve.learned);
        let against = |model: &&Curve| {
            let regime = model.regime;
            let is_meant = |curve: &&Curve| !curve.learned && curve.regime == regime && has_waveform(curve);
            curves.iter().filter(is_meant).collect::<Vec<_>>()
        };
        models
            .flat_map(|model| against(&model).into_iter().map(move |other| (model, other)))
            .map(|(model, other)| (model.regime, RateDifference::between(model, other, from, to)))
            .filter(|(_, difference)| difference.mean_percent.is_some())
            .collect()
    }
}

/// Whether squared errors say anything of a codec.
fn has_waveform(curve: &Curve) -> bool {
    curve.name != CODEC2
}

fn text(curves: &[Curve], differences: &[(Regime, RateDifference)]) -> String {
    let mut text = String::new();
    for curve in curves {
        text.push_str(&format!(
            "{}, {}; mean of {} records\n",
            curve.name,
            curve.regime.describe(),
            curve.records.len()
        ));
        let mean = curve.mean();
        let is_speech = mean.iter().any(|point| point.log_spectral_distance_db.is_some());
        let headings = ["setting", "bits/sample", "MSE LSB²", "PRDN %", "PRD %", "RMSE LSB", "max LSB", "SNR dB"];
        let of_speech: &[&str] = if is_speech { &["segmental SNR dB", "LSD dB"] } else { &[] };
        let mut rows = vec![headings.iter().chain(of_speech).map(|heading| (*heading).to_owned()).collect()];
        rows.extend(mean.iter().map(|point| cells(point, is_speech)));
        text.push_str(&output::table(&rows));
        text.push('\n');
    }
    for (regime, difference) in differences {
        let percent = |value: Option<f64>| value.map_or("–".into(), |value| format!("{value:+.1} %"));
        text.push_str(&format!(
            "{} against {}, {}: {} bits at equal error (spread {}, worst record {}{}){}\n",
            difference.curve,
            difference.against,
            regime.describe(),
            percent(difference.mean_percent),
            difference.spread_percent.map_or("–".into(), |value| format!("{value:.1} %")),
            percent(difference.worst_percent),
            difference.worst_setting.as_ref().map_or_else(String::new, |worst| {
                format!(", at {} of {} {:+.1} %", worst.setting, worst.record, worst.percent)
            }),
            difference.rates.map_or_else(String::new, |[from, to]| format!(", at {from:.2} to {to:.2} of its bits")),
        ));
    }
    text
}

/// A row of the table; with what is measured of speech, where the signals are speech.
fn cells(point: &Point, is_speech: bool) -> Vec<String> {
    let number =
        |value: Option<f64>, decimals: usize| value.map_or("–".to_owned(), |value| format!("{value:.decimals$}"));
    let mut cells = vec![
        point.setting.clone(),
        number(Some(point.bits_per_sample), 4),
        number(Some(point.mean_squared_error), 2),
        number(point.prdn_percent, 2),
        number(point.prd_percent, 2),
        number(Some(point.rmse_lsb), 2),
        number(Some(point.max_error_lsb), 1),
        number(point.snr_db, 2),
    ];
    if is_speech {
        cells.extend([number(point.segmental_snr_db, 2), number(point.log_spectral_distance_db, 2)]);
    }
    cells
}
