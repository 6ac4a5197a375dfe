//! What the demo printed and drew, and its model beside the wavelet, on the minute that the model has not seen.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::Piece;
use super::measured::{Point, RateDistortion, Regime};
use super::signal::WAVELET;
use crate::project::Project;

const FILE: &str = "README.md";
const TABLE: &str = "demo";
const WAVELET_TABLE: &str = "demo-wavelet";
const PICTURE: &str = "docs/ecg.svg";

/// The places, without anything for them.
pub(super) fn pieces_without(reason: &str) -> Vec<Piece> {
    let tables = [TABLE, WAVELET_TABLE].map(|name| Piece::table(FILE, name, Err(reason.to_owned())));
    tables.into_iter().chain([Piece::file(PICTURE, Err(reason.to_owned()))]).collect()
}

/// What `cargo xtask demo` printed and drew last, and its model against the wavelet.
pub(super) fn pieces(project: &Project) -> Vec<Piece> {
    let folder = project.root.join("demo");
    let model = folder.join("ecg.vqm");
    if !model.is_file() {
        return pieces_without("there is no demo/ecg.vqm: `cargo xtask demo` trains it");
    }
    let made = |name: &str| {
        fs::read_to_string(folder.join(name))
            .map_err(|error| format!("cannot read demo/{name}: {error}: `cargo xtask demo` writes it"))
    };
    let told = made("table.txt").map(|text| format!("```text\n{text}```\n"));
    let table = beside_the_wavelet(project, &model).map_err(|error| format!("{error:#}"));
    vec![
        Piece::table(FILE, TABLE, told),
        Piece::table(FILE, WAVELET_TABLE, table),
        Piece::file(PICTURE, made("ecg.svg")),
    ]
}

fn beside_the_wavelet(project: &Project, model: &Path) -> Result<String> {
    let words = ["data/mitdb-208", "--from", "240s", "--only", "9/7"];
    let measured = RateDistortion::of_recording(project, &words, &[model.to_path_buf()])?;
    let wavelet = measured.curve(WAVELET, Regime::Stream)?.mean();
    let packets = super::measured::REGIMES[1];
    let own =
        measured.curves(packets).find(|curve| curve.learned).context("`vq bench rd` gives no curve of the model")?;
    let own = own.mean().pop().context("the model's curve has no point")?;
    let prdn = |point: &Point| point.prdn_percent.unwrap_or(f64::INFINITY);
    // The settings beside the model's error: the curve runs from fine to coarse.
    let coarser = wavelet.iter().position(|point| prdn(point) > prdn(&own)).unwrap_or(wavelet.len());
    let mut text = "| | bits per sample | PRDN | largest error, LSB |\n|---|---|---|---|\n".to_owned();
    let row = |name: &str, point: &Point, sent: &str| {
        format!(
            "| {name} | {:.3} ({sent}) | {:.2} % | {:.0} |\n",
            point.bits_per_sample,
            prdn(point),
            point.max_error_lsb
        )
    };
    for point in wavelet.iter().skip(coarser.saturating_sub(1)).take(2) {
        text += &row(&point.setting, point, "one stream");
    }
    Ok(text + &row("microvq, the demo's model", &own, "packets of 244 bytes"))
}
