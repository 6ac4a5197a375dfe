//! What the field of speech coding measures, of models and of opponents.

use super::measured::{Point, REGIMES, RateDistortion};

/// Rate, segmental signal-to-noise ratio and log-spectral distance of every codec as one stream, if the signal is speech. Of opponents with many
/// settings those below the rates of speech codecs' users are left out.
pub(super) fn table(measured: &RateDistortion) -> Option<String> {
    let mut rows = String::new();
    for curve in measured.curves(REGIMES[0]) {
        for point in curve.mean().iter().filter(|point| point.bits_per_sample <= MOST_BITS) {
            let (Some(_), Some(distance)) = (point.segmental_snr_db, point.log_spectral_distance_db) else { continue };
            rows += &row(if curve.learned { Some(&curve.name) } else { None }, point, distance);
        }
    }
    let heading = "| | bits per sample | kbit/s at 8 kHz | SNR, dB | segmental SNR, dB | log-spectral distance, dB |\n|---|---|---|---|---|---|\n";
    (!rows.is_empty()).then(|| heading.to_owned() + &rows)
}

/// Opponents' settings above so many bits per sample are not in the table.
const MOST_BITS: f64 = 2.2;

fn row(model: Option<&str>, point: &Point, distance: f64) -> String {
    let name = model.map_or_else(|| point.setting.clone(), |model| format!("`{model}`, {}", point.setting));
    let decibels = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), |value| format!("{value:.1}"));
    let kilobits = point.bits_per_sample * 8.0;
    format!(
        "| {name} | {:.3} | {kilobits:.1} | {} | {} | {distance:.1} |\n",
        point.bits_per_sample,
        decibels(point.snr_db),
        decibels(point.segmental_snr_db),
    )
}
