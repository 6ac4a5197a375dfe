//! The wavelet codec against an independent one: PyWavelets 1.9.0 (`bior4.4`, `periodization`, 6 levels) with the same
//! quantizer and contexts written in NumPy.

use std::path::{Path, PathBuf};

use vq_opponents::lapped::Lapped;
use vq_opponents::prediction::{Coder, Prediction, Predictor};
use vq_opponents::wavelet::Wavelet;
use vq_opponents::{Limit, Opponent, file};
use vq_trainer::data::{OpenOptions, Recording, open};

fn from_the_root(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

fn within(found: f64, expected: f64, tolerance: f64) -> bool {
    (found / expected - 1.0).abs() < tolerance
}

#[test]
fn the_recording_that_ships() {
    let recording = open(&from_the_root("data/mitdb-208.hea"), &OpenOptions::default()).unwrap();
    let minute = &recording.samples[86_400..];
    // Samples, step, bits, squared error: even and odd lengths, down to one that is shorter than the filters.
    let references = [
        (21_600, 18.0, 19_887.035_6, 318_300.0),
        (21_600, 35.0, 13_457.510_2, 708_397.0),
        (21_599, 18.0, 19_888.784_3, 318_063.0),
        (1_001, 25.0, 1_003.068_4, 19_809.0),
        (7, 35.0, 36.699_6, 144.0),
    ];
    for (length, step, bits, squared_error) in references {
        let coded = Wavelet::nine_seven(step).code(&minute[..length], 1024, 0, Limit::Stream);
        let found: f64 = minute.iter().zip(&coded.samples).map(|(x, y)| f64::from(x - y).powi(2)).sum();
        assert!(within(coded.ideal_bits, bits, 1e-5), "{length} samples, step {step}: {} bits", coded.ideal_bits);
        assert!(within(found, squared_error, 1e-5), "{length} samples, step {step}: squared error {found}");
    }
}

/// Two minutes of six records, if there is a copy of the database beside the project.
fn six_records() -> Option<Vec<Recording>> {
    let folder = from_the_root("../shared/data/mitdb");
    if !folder.is_dir() {
        println!("skipped: there is no copy of the MIT-BIH database beside the project");
        return None;
    }
    let chest = OpenOptions { columns: vec!["MLII".into()], ..OpenOptions::default() };
    let two_minutes = |name: &str| open(&folder.join(name), &chest).unwrap().slice(108_000..151_008);
    Some(["118", "119", "124", "209", "220", "223"].map(two_minutes).to_vec())
}

/// Ideal bits per sample and mean squared error, means over the records.
fn mean_of(recordings: &[Recording], opponent: &dyn Opponent) -> (f64, f64) {
    let of = |recording: &Recording| {
        let samples = recording.channel(0);
        let coded = opponent.code(&samples, 1024, 0, Limit::Stream);
        let squares: f64 = samples.iter().zip(&coded.samples).map(|(x, y)| f64::from(x - y).powi(2)).sum();
        (coded.ideal_bits / samples.len() as f64, squares / samples.len() as f64)
    };
    let all: Vec<(f64, f64)> = recordings.iter().map(of).collect();
    let mean = |figure: fn(&(f64, f64)) -> f64| all.iter().map(figure).sum::<f64>() / all.len() as f64;
    (mean(|pair| pair.0), mean(|pair| pair.1))
}

#[test]
fn the_wavelet_on_six_records_of_the_database() {
    let Some(recordings) = six_records() else { return };
    // Step, bits per sample, MSE in LSB².
    let references = [
        (6.0, 1.493, 2.68),
        (9.0, 1.204, 4.65),
        (13.0, 0.973, 8.02),
        (18.0, 0.799, 12.4),
        (25.0, 0.664, 18.7),
        (35.0, 0.541, 29.3),
        (50.0, 0.428, 48.8),
        (70.0, 0.342, 80.9),
        (100.0, 0.265, 141.0),
        (140.0, 0.212, 227.0),
    ];
    for (step, bits, mean_squared_error) in references {
        let found = mean_of(&recordings, &Wavelet::nine_seven(step));
        println!("step {step}: {:.3} bits/sample, MSE {:.2} LSB²", found.0, found.1);
        assert!(within(found.0, bits, 0.01), "step {step}: {} bits per sample", found.0);
        assert!(within(found.1, mean_squared_error, 0.01), "step {step}: MSE {} LSB²", found.1);
    }
}

#[test]
fn prediction_on_six_records_is_no_weaker_than_a_sketch_of_it() {
    let Some(recordings) = six_records() else { return };
    // An 8-tap NLMS filter, and the sample before, with an adaptive range coder, both written in NumPy.
    let references = [(Predictor::Nlms, 0, 3.85), (Predictor::Nlms, 1, 2.39), (Predictor::Delta, 5, 1.31)];
    for (predictor, bound, bits) in references {
        let (found, _) = mean_of(&recordings, &Prediction::new(predictor, Coder::Adaptive, bound));
        println!("{predictor:?} ±{bound}: {found:.3} bits/sample");
        assert!(found < bits && within(found, bits, 0.02), "{predictor:?} ±{bound}: {found} bits per sample");
    }
}

#[test]
fn bytes_are_ideal_lengths_and_the_stated_overhead() {
    let recording = open(&from_the_root("data/mitdb-208.hea"), &OpenOptions::default()).unwrap();
    let (known, minute) = recording.samples.split_at(86_400);
    let opponents: [Box<dyn Opponent>; 3] = [
        Box::new(Wavelet::nine_seven(35.0)),
        Box::new(Lapped::new(35.0)),
        Box::new(Prediction::new(Predictor::Nlms, Coder::Adaptive, 1)),
    ];
    for mut opponent in opponents {
        opponent.train(known, 1024);
        for limit in [Limit::Stream, Limit::PacketBytes(244)] {
            let coded = opponent.code(minute, 1024, 0, limit);
            let bytes = coded.packets.concat().len();
            // Channel, index, number of units, checksum: at most 9 bytes; the code ends within a byte.
            let ideal = coded.ideal_bits / 8.0;
            let most = ideal * 1.001 + 10.0 * coded.packets.len() as f64;
            assert!(ideal < bytes as f64 && (bytes as f64) < most, "{}: {bytes} for {ideal}", opponent.name());
            // What there is besides the packets: the header, and two bytes around each.
            let frames = file(&*opponent, limit, minute.len(), std::slice::from_ref(&coded));
            let header = 4 + 16 + 2 + 3 + 2 + 2;
            let around = coded.packets.iter().map(|packet| 2 + packet.len() / 254).sum::<usize>();
            assert!((bytes..=bytes + header + around).contains(&frames.len()));
            if limit != Limit::Stream {
                let fullest = coded.packets.iter().map(Vec::len);
                assert!(fullest.clone().max() <= Some(244) && fullest.rev().skip(1).all(|length| length > 180));
            }
        }
    }
}
