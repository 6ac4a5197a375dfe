//! The results of a signal's models on recordings that they were not trained on: tables, a plot, cards.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::Piece;
use super::card::{self, Card};
use super::measured::{
    self, BOUNDS, BoundsRow, Curve, Difference, PACKET_BYTES, Point, REGIMES, RateDistortion, Regime,
};
use super::speech;
use crate::models::{Facts, Recipe, Signal};
use crate::project::Project;

/// The opponent of the README's table.
pub(super) const WAVELET: &str = "CDF 9/7 wavelet";

/// The names of the places of a signal's results, in this order: the README's table, the page's curves, all opponents, instructions, bounds.
fn tables(signal: &Signal, texts: [Result<String, String>; 5]) -> Vec<Piece> {
    let [wavelet, curves, opponents, device, bounds] = texts;
    let name = |what: &str| format!("{what}-{}", signal.name);
    vec![
        Piece::table("README.md", &name("wavelet"), wavelet),
        Piece::table("docs/results.md", &name("curves"), curves),
        Piece::table("docs/results.md", &name("opponents"), opponents),
        Piece::table("docs/results.md", &name("device"), device),
        Piece::table("docs/priors.md", &name("bounds"), bounds),
    ]
}

fn plot_path(signal: &Signal) -> String {
    format!("docs/rd-{}.svg", signal.name)
}

fn card_path(recipe: &Recipe) -> String {
    format!("models/{}.md", recipe.name)
}

/// All places, with a reason why there is nothing for them.
pub(super) fn pieces_without(signal: &Signal, reason: &str) -> Vec<Piece> {
    let none = || Err(reason.to_owned());
    let mut pieces = tables(signal, [(); 5].map(|()| none()));
    pieces.push(Piece::file(&plot_path(signal), none()));
    pieces.extend(signal.models.iter().map(|recipe| Piece::file(&card_path(recipe), none())));
    pieces
}

/// Measures, where the recordings are there.
pub(super) fn pieces(project: &Project, signal: &Signal, data: &Path, counts: bool) -> Result<Vec<Piece>> {
    let data = &std::path::absolute(project.root.join(data))?;
    if !signal.is_fetched(data) {
        let reason = format!("the recordings are not in {}: `cargo xtask models` fetches them", data.display());
        return Ok(pieces_without(signal, &reason));
    }
    eprintln!("  measuring models of {}", signal.name);
    fs::create_dir_all(project.scratch())?;
    let drawing = project.scratch().join(format!("rd-{}.svg", signal.name));
    let measured = RateDistortion::of_signal(project, signal, data, &drawing)?;
    let elsewhere = RateDistortion::elsewhere(project, signal, data)?;
    let bounds = measured::bounds(project, signal, data)?;
    let mut cards = Vec::new();
    for recipe in &signal.models {
        let summary = measured::inspect(project, &recipe.file(project))?;
        let identity = summary["identity"].as_str().context("`vq inspect` tells no identity")?;
        let facts = match counts {
            true => Some(Facts::of(project, signal, recipe, identity, data)?),
            false => Facts::written(project, recipe, identity)?,
        };
        cards.push((recipe, summary, facts));
    }
    let table = |text: Result<String>| text.map(Ok);
    let devices: Vec<(&str, Option<&Facts>)> =
        cards.iter().map(|(recipe, _, facts)| (recipe.name.as_str(), facts.as_ref())).collect();
    let mut pieces = tables(
        signal,
        [
            table(against_wavelet(signal, &measured))?,
            table(curves(signal, &measured))?,
            table(against_all(signal, &measured))?,
            device_table(&devices),
            table(bounds_table(&bounds, &measured))?,
        ],
    );
    let drawn = fs::read_to_string(&drawing).with_context(|| format!("cannot read {}", drawing.display()))?;
    pieces.push(Piece::file(&plot_path(signal), Ok(drawn)));
    for (recipe, summary, facts) in &cards {
        let (facts, elsewhere) = (facts.as_ref(), elsewhere.as_ref());
        let card = Card { signal, recipe, summary, facts, measured: &measured, elsewhere, bounds: &bounds };
        pieces.push(Piece::file(&card_path(recipe), Ok(card::text(&card)?)));
    }
    Ok(pieces)
}

/// `−22.7 %`, or a dash.
pub(super) fn percent(value: Option<f64>) -> String {
    value.map_or_else(|| "–".to_owned(), |value| format!("{value:+.1} %").replace('-', "−"))
}

fn against_wavelet(signal: &Signal, measured: &RateDistortion) -> Result<String> {
    let mut text = format!(
        "| bits against the wavelet's, MSE equal | one stream | packets of {PACKET_BYTES} bytes | worst record (and quality) as one stream | in packets |\n\
         |---|---|---|---|---|\n"
    );
    for recipe in &signal.models {
        let found = REGIMES.map(|regime| measured.difference(&recipe.name, WAVELET, regime));
        let [stream, packets] = found.map(|found| found.context("`vq bench rd` does not compare with the wavelet"));
        let (stream, packets) = (stream?, packets?);
        text += &format!(
            "| [`{name}`](models/{name}.md), at {rates} of the wavelet's bits per sample | {} | {} | {} | {} |\n",
            percent(stream.mean_percent),
            percent(packets.mean_percent),
            worst(stream),
            worst(packets),
            name = recipe.name,
            rates = range(packets),
        );
    }
    Ok(text)
}

/// The record with the largest difference, and the quality with the largest on any record.
pub(super) fn worst(difference: &Difference) -> String {
    let quality = difference.worst_setting.as_ref().map_or_else(String::new, |worst| {
        format!(" ({} of {}: {})", worst.setting, worst.record, percent(Some(worst.percent)))
    });
    percent(difference.worst_percent) + &quality
}

/// From where to where the curves were compared.
pub(super) fn range(difference: &Difference) -> String {
    difference.rates.map_or_else(|| "–".to_owned(), |[from, to]| format!("{from:.2} to {to:.2}"))
}

/// A row for every quality of every model.
fn curves(signal: &Signal, measured: &RateDistortion) -> Result<String> {
    let mut text = String::new();
    for recipe in &signal.models {
        text += &format!("**`{}`**\n\n{}\n", recipe.name, curve_table(measured, &recipe.name)?);
    }
    if let Some(table) = speech::table(measured) {
        text += &format!("As speech is measured, one stream:\n\n{table}\n");
    }
    Ok(text)
}

/// A model's qualities: bits in both regimes, and errors, which are the same in both.
pub(super) fn curve_table(measured: &RateDistortion, model: &str) -> Result<String> {
    let [stream, packets] = REGIMES.map(|regime| measured.curve(model, regime).map(Curve::mean));
    let (stream, packets) = (stream?, packets?);
    let mut text = format!(
        "| quality | bits per sample, one stream | packets of {PACKET_BYTES} bytes | PRDN | PRD | RMSE, LSB | largest error, LSB | SNR, dB |\n\
         |---|---|---|---|---|---|---|---|\n"
    );
    for point in &stream {
        let of_packets = packets.iter().find(|other| other.setting == point.setting);
        let figure = |value: Option<f64>, decimals: usize, unit: &str| {
            value.map_or_else(|| "–".to_owned(), |value| format!("{value:.decimals$}{unit}"))
        };
        text += &format!(
            "| {} | {:.3} | {} | {} | {} | {:.2} | {:.0} | {} |\n",
            point.setting.trim_start_matches("quality "),
            point.bits_per_sample,
            figure(of_packets.map(|point| point.bits_per_sample), 3, ""),
            figure(point.prdn_percent, 2, " %"),
            figure(point.prd_percent, 2, " %"),
            point.rmse_lsb,
            point.max_error_lsb,
            figure(point.snr_db, 1, ""),
        );
    }
    Ok(text)
}

/// Every opponent that has a curve: mean, spread and worst record.
fn against_all(signal: &Signal, measured: &RateDistortion) -> Result<String> {
    let mut text = format!(
        "| | against | one stream | spread | worst record (quality) | at its bits | packets of {PACKET_BYTES} bytes | spread | worst record (quality) | at its bits |\n|---|---|---|---|---|---|---|---|---|---|\n"
    );
    let cells = |difference: Option<&Difference>| {
        let spread = difference.and_then(|found| found.spread_percent);
        let spread = spread.map_or_else(|| "–".to_owned(), |spread| format!("{spread:.1} %"));
        let mean =
            percent(difference.and_then(|found| found.mean_percent)) + &difference.map_or_else(String::new, compared);
        let rates = difference.map_or_else(|| "–".to_owned(), range);
        format!("{mean} | {spread} | {} | {rates}", difference.map_or_else(|| "–".to_owned(), worst))
    };
    for recipe in &signal.models {
        for opponent in measured.curves(Regime::Stream).filter(|curve| !curve.learned) {
            let found = REGIMES.map(|regime| measured.difference(&recipe.name, &opponent.name, regime));
            if found.iter().all(Option::is_none) {
                continue;
            }
            let [stream, packets] = found.map(cells);
            text += &format!("| `{}` | {} | {stream} | {packets} |\n", recipe.name, opponent.name);
        }
    }
    Ok(text)
}

/// Of how many records, where some share no range of errors with the opponent.
fn compared(difference: &Difference) -> String {
    match difference.compared() {
        (some, all) if some < all => format!(" ({some} of {all} records)"),
        _ => String::new(),
    }
}

fn device_table(models: &[(&str, Option<&Facts>)]) -> Result<String, String> {
    let mut text =
        "| | Cortex-M4, encoding | decoding | Cortex-M0, encoding | decoding |\n|---|---|---|---|---|\n".to_owned();
    for (name, facts) in models {
        let Some(facts) = facts else { return Err(format!("{name} was not counted: `cargo xtask results` does it")) };
        text += &format!("| `{name}` |");
        for core in ["m4", "m0"] {
            let Some(counted) = facts.instructions.get(core) else {
                return Err(format!("{name} has no counts on {core}"));
            };
            text += &format!(" {:.0} | {:.0} |", counted.encode, counted.decode);
        }
        text.push('\n');
    }
    Ok(text)
}

/// What is sent of every sample exactly or within a bound: the models' packets and the opponents that can do so.
fn bounds_table(rows: &[BoundsRow], measured: &RateDistortion) -> Result<String> {
    let mut text = "| | packets | lossless | ±1 LSB | ±5 LSB |\n|---|---|---|---|---|\n".to_owned();
    let packets =
        |bytes: Option<usize>| bytes.map_or_else(|| "one stream".to_owned(), |bytes| format!("{bytes} bytes"));
    for row in rows {
        text += &format!("| `{}` | {} |", row.model, packets(row.packet_bytes));
        text += &row.bits_per_sample.iter().map(|bits| format!(" {bits:.3} |")).collect::<String>();
        text.push('\n');
    }
    for regime in REGIMES {
        for curve in measured.curves(regime).filter(|curve| !curve.learned) {
            let points = curve.mean();
            let at = BOUNDS.map(|bound| points.iter().find(|point| keeps(point, bound)));
            let [Some(_), Some(_), Some(_)] = at else { continue };
            let bytes = if regime == Regime::Stream { None } else { Some(PACKET_BYTES) };
            text += &format!("| {} | {} |", curve.name, packets(bytes));
            text +=
                &at.into_iter().flatten().map(|point| format!(" {:.3} |", point.bits_per_sample)).collect::<String>();
            text.push('\n');
        }
    }
    Ok(text)
}

/// Whether an opponent's setting is this bound.
fn keeps(point: &Point, bound: u32) -> bool {
    let ends: &[String] = match bound {
        0 => &[", lossless".to_owned(), ", ±0".to_owned()],
        bound => &[format!(", ±{bound}")],
    };
    ends.iter().any(|end| point.setting.ends_with(end.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_are_signs() {
        assert_eq!(percent(Some(-22.66)), "−22.7 %");
        assert_eq!(percent(Some(3.0)), "+3.0 %");
        assert_eq!(percent(None), "–");
    }

    #[test]
    fn a_place_without_recordings_says_why() {
        let signal = &crate::models::signals(&Project::new()).unwrap()[0];
        let nowhere = absent();
        let pieces = pieces(&Project::new(), signal, &nowhere, false).unwrap();
        assert_eq!(pieces.len(), 6 + signal.models.len());
        assert!(pieces.iter().all(|piece| piece.text.as_ref().is_err_and(|reason| reason.contains("xtask models"))));
    }

    /// A folder that is not there.
    fn absent() -> std::path::PathBuf {
        std::env::temp_dir().join(format!("microvq-no-data-{}", std::process::id()))
    }
}
